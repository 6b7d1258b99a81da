#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cmk oci as root: what only root of the machine can have, and podman that calls it.
load ../bats/helpers
load ../bats/bundle

setup() {
	common_setup
	mkdir -p "$T/b"
	mv "$(rootfs)" "$T/b/rootfs"
	(cd "$T/b" && "$CMK_BIN" oci spec)
	edit '.process.terminal = false | .root.readonly = false'
	if [ -n "$TEST_CG" ]; then
		edit ".linux.cgroupsPath = \"${TEST_CG#/sys/fs/cgroup}/oci/one\""
	fi
	cd "$T/b" || return
}

teardown() {
	local id
	for id in $(cmk oci list -q 2>/dev/null); do
		cmk oci delete --force "$id"
	done
	[ -z "${S:-}" ] || rm -rf "$S"
	[ -z "$TEST_CG" ] || [ ! -d "$TEST_CG/pod" ] || find "$TEST_CG/pod" -depth -type d -exec rmdir {} +
	[ -z "$TEST_CG" ] || [ ! -d "$TEST_CG/oci" ] || rmdir "$TEST_CG/oci"
	common_teardown
}

@test "devices of its own are made, and no others can be used than the rules say" {
	[ -n "$TEST_CG" ] || skip 'no cgroup v2 here'
	[ -c /dev/fuse ] || skip 'no /dev/fuse here'
	edit '.linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 384, uid: 7, gid: 8}]
		| .linux.resources.devices = [{allow: false, access: "rwm"}]
		| .process.capabilities[] = ["CAP_MKNOD", "CAP_SETUID"]'
	args sh -c 'stat -c "%t:%T %a %u %g" /dev/mine; mknod /k c 10 229 && echo made; head -c 1 /dev/zero | wc -c; cat /k'
	run_cmk '?' oci run one
	assert_equal "$output" $'1:3 600 7 8\nmade\n1'
	assert_match "$stderr" '/k.: Operation not permitted'
	edit '.linux.resources.devices += [{allow: true, type: "c", major: 10, minor: 229, access: "r"}]'
	args sh -c 'mknod /l c 10 229; exec 3</l && echo read; exec 4>/l'
	run_cmk '?' oci run one
	assert_equal "$output" read
	assert_match "$stderr" "create /l: Operation not permitted"
}

@test "another user's ids, an id-mapped mount and extra groups" {
	mkdir -p "$T/src"
	touch "$T/src/f"
	chown 0:0 "$T/src/f"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	edit ".linux.namespaces += [{type: \"user\"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 2000}] | .linux.gidMappings = .linux.uidMappings
		| .process.user = {uid: 5, gid: 1006, additionalGids: [1007, 1008]} | del(.linux.cgroupsPath)
		| .mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$T/src\", options: [\"rbind\", \"idmap\"]}]"
	chown -R 100000:100000 rootfs
	args sh -c 'id; stat -c "%u %g" /mnt/f; cat /proc/self/uid_map | tr -s " "'
	run_cmk oci run two
	assert_equal "$output" $'uid=5 gid=1006 groups=1007,1008\n0 0\n 0 100000 2000'
}

@test "an oom score, a limit and a scheduler of its own" {
	edit '.process.oomScoreAdj = 300 | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 2000000, hard: 2000000}]
		| .process.scheduler = {policy: "SCHED_FIFO", priority: 3}'
	[ "$(cat /proc/sys/fs/nr_open)" -ge 2000000 ] || edit '.process.rlimits = []'
	args sh -c 'cat /proc/self/oom_score_adj; cut -d" " -f40,41 /proc/self/stat'
	run_cmk oci run one
	assert_equal "$output" $'300\n3 1'
}

@test "network devices of the host become the container's, with addresses and new names" {
	cat >"$T/inside" <<-'E'
		ip link add d0 type veth peer name d1 && ip addr add 192.0.2.9/24 dev d0 && ip -6 addr add 2001:db8:9::1/64 dev d0 nodad
		ip link add v0 type veth peer name v1
		cmk oci run one || exit
		ip -o link show d0 && echo 'it is still here'
		exit 0
	E
	edit '.linux.netDevices = {d0: {name: "eth7"}, v0: {}} | del(.linux.cgroupsPath)'
	args sh -c 'ip -o addr show; ip -o link show eth7; ip -o link show v0'
	output=$(unshare --net sh "$T/inside")
	echo "$output"
	assert_match "$output" 'eth7 +inet 192\.0\.2\.9/24'
	assert_match "$output" 'eth7 +inet6 2001:db8:9::1/64'
	assert_match "$output" 'eth7@.*[<,]UP[,>]'
	assert_match "$output" 'v0@.*[<,]UP[,>]'
	refute_match "$output" 'still here'
	# What is not there.
	edit '.linux.netDevices = {nosuch: {}}'
	run_cmk 1 oci run one
	assert_error "linux.netDevices: .*'nosuch'"
	edit '.linux.netDevices = {"a/b": {}}'
	run_cmk 1 oci run one
	assert_error "line [0-9]+: linux.netDevices: 'a/b' is no device"
	edit '.linux.netDevices = {a: {name: "x"}, b: {name: "x"}}'
	run_cmk 1 oci run one
	assert_error "two devices are to be 'x'"
	edit '.linux.netDevices = {a: {}} | .linux.namespaces |= map(select(.type != "network"))'
	run_cmk 1 oci run one
	assert_error 'linux.netDevices: unable to move network devices without a NET namespace'
}

podman_args() {
	# podman wants a short path.
	S=$(mktemp -d /tmp/p.XXXX)
	P=(timeout 60 podman --root "$T/ps" --runroot "$S/r" --tmpdir "$S/t" --storage-driver vfs --events-backend file
		--cgroup-manager=cgroupfs --runtime /usr/local/bin/cmk-oci)
	# Without a limit of processes: its controller is not delegated everywhere.
	printf '[containers]\npids_limit = 0\n[engine]\nruntime_supports_json = ["cmk-oci"]\n' >"$T/containers.conf"
	OPTS=(--network none)
	[ -z "$TEST_CG" ] || OPTS+=(--cgroup-parent "${TEST_CG#/sys/fs/cgroup}/pod")
	export CONTAINERS_CONF=$T/containers.conf
}

@test "podman runs its containers with it, as root" {
	command -v podman >/dev/null || skip 'no podman here'
	podman_args
	"${P[@]}" pull -q "$REGISTRY/library/alpine"
	assert_equal "$("${P[@]}" run --rm "${OPTS[@]}" "$REGISTRY/library/alpine" sh -c 'id -u; cat /proc/1/comm; :')" $'0\nsh'
	local rc=0
	"${P[@]}" run --rm "${OPTS[@]}" "$REGISTRY/library/alpine" nosuch || rc=$?
	assert_equal $rc 127
	"${P[@]}" run -d --name c "${OPTS[@]}" "$REGISTRY/library/alpine" sleep 1000
	rc=0
	"${P[@]}" exec c sh -c 'exit 5' || rc=$?
	assert_equal $rc 5
	"${P[@]}" stop -t 0 c
	assert_equal "$("${P[@]}" inspect c --format '{{.State.Status}}')" exited
	"${P[@]}" start c
	"${P[@]}" rm -f -t 0 c
	assert_equal "$("${P[@]}" run --rm "${OPTS[@]}" -t "$REGISTRY/library/alpine" tty | tr -d '\r')" /dev/pts/0
}

@test "--no-pivot leaves no procfs of the host's in reach" {
	edit '.process.capabilities[] += ["CAP_SETFCAP", "CAP_SYS_ADMIN"]'
	args unshare -mrpf sh -c 'mount -t proc none /proc && echo bare'
	run_cmk '?' oci run --no-pivot one
	refute_match "$output" bare
	assert_match "$stderr" '[Pp]ermission denied|[Oo]peration not permitted'
	args cat /proc/1/comm
	run_cmk oci run --no-pivot one
	assert_equal "$output" cat
}

@test "a working directory is entered as root or as its user, whoever may" {
	mkdir -p rootfs/roots rootfs/users
	chmod 700 rootfs/roots rootfs/users
	chown 42:42 rootfs/users
	edit '.process.user = {uid: 42, gid: 42} | .process.cwd = "/roots"'
	args ls /
	run_cmk oci run one
	edit '.process.cwd = "/users"'
	args sleep 1000
	run_cmk oci run -d one
	run_cmk oci exec --user 0 one true
}

@test "a scheduler of deadlines does not go with chosen CPUs" {
	[ -n "$TEST_CG" ] || skip 'no cgroup v2 here'
	grep -qw cpuset "$TEST_CG/cgroup.controllers" || skip 'the controller cpuset is not here'
	[ "$(nproc)" -gt 1 ] || skip 'one CPU here'
	edit '.linux.resources.cpu.cpus = "0" | .process.scheduler = {policy: "SCHED_DEADLINE", runtime: 42000, deadline: 1000000, period: 1000000}'
	run_cmk 1 oci run one
	assert_error "process scheduler can't be used together with AllowedCPUs"
}

@test "without a place the group has the container's name, and another where that is taken" {
	[ -n "$TEST_CG" ] || skip 'no cgroup v2 here'
	local id=rt$BASHPID dir
	edit 'del(.linux.cgroupsPath)'
	args sleep 1000
	run_cmk oci run -d "$id"
	dir=$(find /sys/fs/cgroup -type d -name "$id")
	assert [ -n "$dir" ]
	assert_equal "$(cat "$dir/cgroup.procs")" "$(cmk oci state "$id" | jq .pid)"
	run_cmk oci --root "$T/other" run -d "$id"
	assert_equal "$(find /sys/fs/cgroup -type d -name "$id" | wc -l)" 1
	run_cmk oci --root "$T/other" delete -f "$id"
	assert_equal "$(cat "$dir/cgroup.procs")" "$(cmk oci state "$id" | jq .pid)"
	run_cmk oci delete -f "$id"
	[ ! -e "$dir" ]
}

@test "the domain of the host may be set by a sysctl" {
	edit '.linux.sysctl = {"kernel.domainname": "here"}'
	args cat /proc/sys/kernel/domainname
	run_cmk oci run one
	assert_equal "$output" here
}

@test "a time namespace of a user namespace with other ids has its offsets, for exec too" {
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	edit '.linux.namespaces += [{type: "user"}, {type: "time"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings | del(.linux.cgroupsPath)
		| .linux.timeOffsets = {monotonic: {secs: 7881, nanosecs: 27}, boottime: {secs: 1337, nanosecs: 31}}'
	chown -R 100000:100000 rootfs
	args sleep 1000
	run_cmk oci run -d two
	run_cmk oci exec two sh -c 'tr -s " " </proc/self/timens_offsets; id -u'
	assert_equal "$output" $'monotonic 7881 27\nboottime 1337 31\n0'
}

@test "the root file system's propagation is what was asked for" {
	local want rest
	# As systemd leaves it: what it is in is shared.
	cat >"$T/inside" <<-'E'
		mount --bind "$1" "$1" && mount --make-rshared "$1" || exit
		exec cmk oci run one
	E
	while read -r want rest; do
		edit ".linux.rootfsPropagation = \"$want\" | del(.linux.cgroupsPath)"
		args awk '$5 == "/" {for (i = 7; $i != "-"; i++) {sub(":.*", "", $i); printf " %s", $i}; print "."}' /proc/self/mountinfo
		assert_equal "$want$(unshare --mount --propagation private sh "$T/inside" "$T/b")" "$want${rest:+ $rest}."
	done <<-E
		private
		rprivate
		slave master
		rslave master
		unbindable unbindable
		runbindable unbindable
	E
	for want in shared rshared; do
		edit ".linux.rootfsPropagation = \"$want\""
		assert_match "$(unshare --mount --propagation private sh "$T/inside" "$T/b")" '^ shared( master)?\.$'
	done
	# Nothing of it reaches the host.
	refute_match "$(cat /proc/self/mountinfo)" "$T/b"
}

@test "a group of its own that it may write to belongs to who runs in it" {
	[ -n "$TEST_CG" ] || skip 'no cgroup v2 here'
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	chown -R 100000:100000 rootfs
	edit '.linux.namespaces |= (. + [{type: "user"}, {type: "cgroup"}] | unique_by(.type))
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings
		| .mounts |= map(select(.destination != "/sys/fs/cgroup"))
		| .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev"]}]'
	cp config.json rw.json
	args sh -c 'cd /sys/fs/cgroup; stat -c "%n %u" . cgroup.procs cgroup.threads cgroup.subtree_control cgroup.type cgroup.kill;
		mkdir in && echo 0 >in/cgroup.procs && sed -n s/^0::.//p /proc/self/cgroup'
	run_cmk oci run one
	assert_equal "$output" $'. 0\ncgroup.procs 0\ncgroup.threads 0\ncgroup.subtree_control 0\ncgroup.type 65534\ncgroup.kill 65534\nin'
	[ ! -e "$TEST_CG/oci/one" ]
	# Who it is that runs, not always its root; and exec is let in.
	edit '.process.user = {uid: 7, gid: 8}'
	args sh -c 'stat -c %u /sys/fs/cgroup /sys/fs/cgroup/cgroup.procs; exec sleep 1000'
	run_cmk oci run -d one
	assert_equal "$(stat -c %u "$TEST_CG/oci/one" "$TEST_CG/oci/one/cgroup.procs" "$TEST_CG/oci/one/cgroup.kill")" $'100007\n100007\n0'
	run_cmk oci exec one sh -c 'mkdir /sys/fs/cgroup/in && sed -n s/^0::.//p /proc/self/cgroup'
	assert_equal "$output" ''
	run_cmk oci delete -f one
	[ ! -e "$TEST_CG/oci/one" ]
	# Read-only, or the namespace of others: it stays who made it.
	args stat -c %u /sys/fs/cgroup
	cp config.json with.json
	edit '(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) += ["ro"]'
	run_cmk oci run one
	assert_equal "$output" 65534
	cp with.json config.json
	edit '.linux.namespaces |= map(select(.type != "cgroup"))'
	args sh -c 'stat -c %u "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)"'
	run_cmk oci run one
	assert_equal "$output" 65534
}

@test "pages that are reserved are limited as well as those that are used" {
	[ -n "$TEST_CG" ] || skip 'no cgroup v2 here'
	grep -qw hugetlb "$TEST_CG/cgroup.controllers" || skip 'the controller hugetlb is not here'
	local size=2MB
	edit ".linux.resources.hugepageLimits = [{pageSize: \"$size\", limit: 4194304}]"
	args sleep 1000
	run_cmk oci run -d one
	assert_equal "$(cat "$TEST_CG/oci/one/hugetlb.$size.max" "$TEST_CG/oci/one/hugetlb.$size.rsvd.max")" $'4194304\n4194304'
	run_cmk oci update -r - one <<<"{\"hugepageLimits\": [{\"pageSize\": \"$size\", \"limit\": 2097152}]}"
	assert_equal "$(cat "$TEST_CG/oci/one/hugetlb.$size.rsvd.max")" 2097152
	run_cmk oci delete -f one
	edit ".linux.resources.unified = {\"hugetlb.$size.rsvd.max\": \"max\"}"
	run_cmk oci run -d one
	assert_equal "$(cat "$TEST_CG/oci/one/hugetlb.$size.max" "$TEST_CG/oci/one/hugetlb.$size.rsvd.max")" $'4194304\nmax'
}

@test "devices of a container with other ids are made as its bundle says, though the host has none there" {
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	chown -R 100000:100000 rootfs
	edit '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings | del(.linux.cgroupsPath)
		| .linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 111, uid: 10, gid: 11},
			{path: "/d/zero", type: "c", major: 1, minor: 5}, {path: "/dev/b", type: "b", major: 1, minor: 5, uid: 70000},
			{path: "/dev/f", type: "p", fileMode: 432, uid: 1, gid: 2}]'
	args sh -c 'stat -c "%n %t:%T %a %u %g %F" /dev/mine /d/zero /dev/b /dev/f; head -c 1 /d/zero | wc -c; echo >/dev/null && echo default;
		grep -c -e "/dev/mine " -e "/d/zero " /proc/self/mounts'
	run_cmk oci run two
	assert_equal "$output" $'/dev/mine 1:3 157 10 11 character special file\n/d/zero 1:5 666 0 0 character special file
/dev/b 1:5 666 65534 0 block special file\n/dev/f 0:0 660 1 2 fifo\n1\ndefault\n2'
	# What can be opened is for the host to say, as for all.
	[ -z "$TEST_CG" ] || {
		edit ".linux.cgroupsPath = \"${TEST_CG#/sys/fs/cgroup}/oci/one\" | .linux.resources.devices = [{allow: false, access: \"rwm\"}]
			| .linux.devices = [{path: \"/dev/there\", type: \"c\", major: 10, minor: 229}]"
		args sh -c 'exec 3</dev/there'
		run_cmk '?' oci run two
		assert_match "$stderr" 'there: Operation not permitted'
	}
	refute_match "$(cat /proc/self/mountinfo)" "$T/b"
}
