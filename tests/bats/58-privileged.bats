#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --privileged of run, create and exec: all that the user namespace gives, and nothing of the host.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
	all=$(printf '%016x' $(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1)))
}

teardown() {
	timeout 20 cmk rm -f -a -t 0 >/dev/null 2>&1 || true
	common_teardown
}

privileged() { run_cmk run --rm --net=none --privileged "${opts[@]}" --rootfs "$fs" "$@"; }

@test "all capabilities, no filter, no masks" {
	opts=()
	privileged cat /proc/self/status
	assert_match "$output" "CapEff:	$all"
	assert_match "$output" "CapPrm:	$all"
	assert_match "$output" "CapBnd:	$all"
	assert_match "$output" $'CapInh:\t0000000000000000'
	assert_match "$output" $'CapAmb:\t0000000000000000'
	assert_match "$output" $'Seccomp:\t0'
	assert_match "$output" $'NoNewPrivs:\t0'
	# Nothing lies on a part of /proc or /sys but the control groups.
	privileged awk '$2 ~ "^/(proc|sys)/" {print $2}' /proc/mounts
	assert_equal "$output" /sys/fs/cgroup
	run_cmk run --rm --net=none --rootfs "$fs" awk '$2 ~ "^/proc/" {print $2}' /proc/mounts
	assert_match "$output" /proc/sys
	# Another user has none of them, as anywhere.
	opts=(-u 1000)
	privileged cat /proc/self/status
	assert_match "$output" $'CapEff:\t0000000000000000'
	assert_match "$output" "CapBnd:	$all"
}

@test "mounts, sysctls of its namespaces, a group below its own" {
	opts=()
	privileged sh -c 'mkdir /m && mount -t tmpfs none /m && echo x >/m/f && cat /m/f; umount /m; echo 1 >/proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward; awk "\$2 == \"/sys\" || \$2 == \"/sys/fs/cgroup\" {print \$4}" /proc/mounts | grep -c "^rw"'
	assert_equal "$output" $'x\n1\n2'
	run_cmk run --rm --net=none --rootfs "$fs" sh -c 'mount -t tmpfs none /mnt || echo refused'
	assert_match "$output" refused
	if [ -n "$TEST_CG" ]; then
		privileged sh -c 'mkdir /sys/fs/cgroup/mine && rmdir /sys/fs/cgroup/mine && echo made'
		assert_equal "$output" made
	fi
}

@test "the host stays out of reach: its files, its parameters, its devices" {
	opts=()
	privileged sh -c 'echo x >/proc/sys/kernel/panic || echo no; echo x >/proc/sysrq-trigger || echo no; mknod /d b 8 0 || echo no; hostname changed; hostname'
	assert_equal "$output" $'no\nno\nno\nchanged'
	assert [ "$(hostname)" != changed ]
	run_cmk run --rm --net=none --privileged -v /etc:/host-etc --rootfs "$fs" sh -c 'echo x >>/host-etc/passwd || echo no; cat /host-etc/shadow || echo no'
	assert_equal "$output" $'no\nno'
}

@test "the host's devices, but not its terminals" {
	local dev list
	opts=()
	privileged sh -c 'find /dev -type c -o -type b | sort'
	list=$output
	while read -r dev; do
		case ${dev#/dev/} in
		pts/* | shm/* | mqueue/* | console | tty[0-9]* | ptmx) refute_match "$list" "^$dev$" ;;
		*) [ ! -e "$dev" ] || grep -qx "$dev" <<<"$list" ;;
		esac
	done < <(find /dev -xdev \( -type c -o -type b \) 2>/dev/null)
	grep -qx /dev/null <<<"$list"
	# A place of the user's is the user's.
	[ ! -c /dev/fuse ] || {
		echo mine >mine
		opts=(-v "$T/mine:/dev/fuse")
		privileged cat /dev/fuse
		assert_equal "$output" mine
	}
}

@test "a device that is gone at the next start is left out" {
	run_cmk create --name c --net=none --privileged --rootfs "$fs" sh -c 'test -e /dev/gone || echo without'
	local config=$CMK_ROOT/containers/*/config.json
	jq '.mounts += [{destination: "/dev/gone", type: "bind", source: "/dev/no-such-device",
		options: ["bind", "x-cmk.optional"]}]' $config >new
	cat new >$config
	run_cmk start -a c
	assert_match "$output$stderr" 'without|File exists'
}

@test "with other options: seccomp=, no-new-privileges, cap-drop, cap-add, read-only, keep-id, host's network" {
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_ERRNO"}]}' >p.json
	opts=(--security-opt seccomp=p.json --security-opt no-new-privileges)
	privileged sh -c 'hostname x || echo no; grep -E "^(Seccomp|NoNewPrivs)" /proc/self/status'
	assert_match "$output" $'no\nNoNewPrivs:\t1\nSeccomp:\t2'
	opts=(--cap-drop CHOWN)
	privileged sed -n 's/^CapEff:\t//p' /proc/self/status
	assert_equal "$output" "$all"
	run_cmk 125 run --rm --net=none --privileged --cap-add CHOWN --rootfs "$fs" true
	assert_error "CapAdd and privileged are mutually exclusive"
	opts=(--read-only)
	privileged sh -c 'touch /x || echo no'
	assert_equal "$output" no
	opts=(--network host)
	privileged sh -c 'grep Seccomp: /proc/self/status; awk "\$2 == \"/sys\" {print \$4}" /proc/mounts'
	assert_match "$output" $'^Seccomp:\t0'
}

@test "keep-id: the caller, with everything in the bounding set" {
	tar -C "$fs" -cf fs.tar .
	run_cmk import -q fs.tar img
	run_cmk run --rm --net=none --privileged --userns keep-id img sh -c 'id -u; sed -n "s/^CapBnd:\t//p" /proc/self/status; test -c /dev/full && echo full'
	assert_equal "$output" "$(id -u)"$'\n'"$all"$'\nfull'
}

@test "inspect and the record" {
	run_cmk create --name c --net=none --privileged --rootfs "$fs" true
	run_cmk inspect -f '{{.HostConfig.Privileged}} {{.HostConfig.CapAdd}} {{.HostConfig.CapDrop}} {{.HostConfig.Devices}} {{len .EffectiveCaps}} {{.HostConfig.MaskedPaths}}' c
	assert_equal "$output" "true [] [] [] $(($(cat /proc/sys/kernel/cap_last_cap) + 1)) []"
	run_cmk create --name d --net=none --rootfs "$fs" true
	run_cmk inspect -f '{{.HostConfig.Privileged}}' d
	assert_equal "$output" false
	opts=(--name told)
	privileged sh -c '. /run/.containerenv; echo $engine $name ${#id} $rootless'
	assert_match "$output" '^cmk-[0-9.]+.* told 64 [01]$'
	# Whoever sees the data directory is told so.
	run_cmk run --rm --net=none -v "$T:/host" --rootfs "$fs" cat /run/.containerenv
	assert_equal "$output" graphRootMounted=1
	opts=(-v "$CMK_ROOT:/store")
	privileged sh -c '. /run/.containerenv; echo $graphRootMounted'
	assert_equal "$output" 1
	run_cmk run --rm --net=none -v /usr:/host --rootfs "$fs" stat -c %s /run/.containerenv
	assert_equal "$output" 0
	run_cmk run --rm --net=none --rootfs "$fs" stat -c %s /run/.containerenv
	assert_equal "$output" 0
}

@test "exec --privileged, in a container that is not" {
	run_cmk run -d --name c --net=none --rootfs "$fs" sleep 100
	run_cmk exec --privileged c sh -c 'cat /proc/self/status; mount -t tmpfs none /mnt && umount /mnt && echo mounted'
	assert_match "$output" "CapEff:	$all"
	assert_match "$output" $'Seccomp:\t0'
	assert_match "$output" mounted
	run_cmk exec c sed -n 's/^CapEff:\t//p' /proc/self/status
	assert_equal "$output" 00000000800405fb
	run_cmk exec --privileged -u 1000 c cat /proc/self/status
	assert_match "$output" $'CapEff:\t0000000000000000'
	assert_match "$output" "CapBnd:	$all"
	# In one that is, it needs no word.
	run_cmk run -d --name p --privileged --net=none --rootfs "$fs" sleep 100
	run_cmk exec p cat /proc/self/status
	assert_match "$output" "CapEff:	$all"
	assert_match "$output" $'Seccomp:\t0'
	run_cmk rm -f -t 0 c p
}
