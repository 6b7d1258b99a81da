#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --cgroup-manager, --cgroups and --cgroup-parent where no systemd runs for the user (with one: bats-root/21-scopes).
load helpers

setup() {
	common_setup
	fs=$(rootfs)
}

needs_group() { [ -n "$TEST_CG" ] || skip "no cgroup v2 is delegated here"; }
field() { cmk inspect --format "{{.$1}}" "${2:-c}"; }
group() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }

@test "a manager that is not there, or none at all, is refused" {
	run_cmk 125 --cgroup-manager systemd create --rootfs "$fs" true
	assert_error "cgroup manager 'systemd': no systemd runs for this user: neither '$XDG_RUNTIME_DIR/systemd/private' nor '$XDG_RUNTIME_DIR/bus' is there .*enable-linger.*cgroupfs"
	run_cmk 125 --cgroup-manager systemd run --rm --rootfs "$fs" true
	assert_error "no systemd runs for this user"
	assert nothing_left
	run_cmk 125 --cgroup-manager none version
	assert_error "'none' for option '--cgroup-manager'"
	run_cmk 125 create --cgroups some --rootfs "$fs" true
	assert_error "enabled.*disabled.*no-conmon.*split"
}

@test "a bus without a systemd behind it: said in one line" {
	command -v dbus-daemon >/dev/null || skip "dbus-daemon is not installed"
	local pid
	exec 9< <(exec dbus-daemon --session --nopidfile --nofork --print-address "--address=unix:path=$XDG_RUNTIME_DIR/other" 2>/dev/null)
	pid=$!
	read -r _ <&9
	DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/other run_cmk 125 --cgroup-manager systemd run --rm --net=none --rootfs "$fs" true
	assert_error "^Error: .*cgroup manager 'systemd': systemd makes no scope: .*org.freedesktop.systemd1"
	kill "$pid"
	exec 9<&-
	DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/none run_cmk 125 --cgroup-manager systemd run --rm --net=none --rootfs "$fs" true
	assert_error "^Error: .*cgroup manager 'systemd': connect to systemd at 'unix:path=$XDG_RUNTIME_DIR/none': No such file"
}

@test "cgroupfs is what there is, and containers.conf may say so" {
	needs_group
	local conf=$HOME/.config/containers/containers.conf
	printf '[engine]\ncgroup_manager = "cgroupfs"\n' >"$conf"
	run_cmk info --format '{{.host.cgroupManager}}'
	assert_equal "$output" cgroupfs
	# podman's default is no order.
	printf '[engine]\ncgroup_manager = "systemd"\n' >"$conf"
	run_cmk run -d --name c --net=none --rootfs "$fs" sleep 100
	assert_equal "$(field HostConfig.CgroupManager) $(field HostConfig.Cgroups) <$(field HostConfig.CgroupParent)>" "cgroupfs default <>"
	assert_equal "$(field State.CgroupPath)" "${TEST_CG#/sys/fs/cgroup}/cmk-$(field Id).scope"
	run_cmk rm -f -t 0 c
}

@test "--cgroups disabled: the monitor's group, and nothing that would need one" {
	run_cmk run -d --name c --net=none --cgroups disabled --rootfs "$fs" sleep 100
	assert_equal "$(field HostConfig.Cgroups) $(field HostConfig.CgroupMode) <$(field State.CgroupPath)>" "disabled host <>"
	assert_equal "$(group "$(field State.Pid)")" "$(group "$(field State.ConmonPid)")"
	run_cmk exec c true
	run_cmk 125 pause c
	assert_error "group"
	run_cmk restart -t 0 c
	run_cmk rm -f -t 0 c
	run_cmk 125 create --cgroups disabled --pids-limit 50 --rootfs "$fs" true
	assert_error "limits need a control group: they cannot be set with --cgroups disabled"
	run_cmk 125 create --cgroups disabled --cgroup-parent a --rootfs "$fs" true
	assert_error "--cgroup-parent cannot be set with --cgroups disabled"
	run_cmk 125 create --cgroups disabled --cgroupns private --rootfs "$fs" true
	assert_error "--cgroupns private cannot be set with --cgroups disabled"
	printf '[containers]\ncgroups = "disabled"\n' >"$HOME/.config/containers/containers.conf"
	run_cmk create --name c --net=none --rootfs "$fs" true
	assert_equal "$(field HostConfig.Cgroups)" disabled
}

@test "--cgroup-parent of cgroupfs: relative, absolute, and what is not the user's" {
	needs_group
	run_cmk run -d --name c --net=none --cgroup-parent a/b --rootfs "$fs" sleep 100
	assert_equal "$(field State.CgroupPath)" "${TEST_CG#/sys/fs/cgroup}/a/b/cmk-$(field Id).scope"
	assert_equal "$(field HostConfig.CgroupParent)" a/b
	run_cmk restart -t 0 c
	assert_equal "$(group "$(field State.Pid)")" "${TEST_CG#/sys/fs/cgroup}/a/b/cmk-$(field Id).scope"
	# Killed, it leaves its group where the record says.
	kill -9 "$(field State.ConmonPid)"
	run_cmk rm -f -t 0 c
	rmdir "$TEST_CG/a/b"
	run_cmk run --rm --net=none --cgroup-parent "${TEST_CG#/sys/fs/cgroup}/a/" --rootfs "$fs" true
	rmdir "$TEST_CG/a"
	run_cmk 125 create --cgroup-parent /elsewhere --rootfs "$fs" true
	assert_error "--cgroup-parent '/elsewhere': not below '${TEST_CG#/sys/fs/cgroup}', which"
	run_cmk 125 create --cgroup-parent "${TEST_CG#/sys/fs/cgroup}x" --rootfs "$fs" true
	assert_error "not below"
	run_cmk 125 create --cgroup-parent a/../.. --rootfs "$fs" true
	assert_error "'.' and '..' are not taken"
	run_cmk 125 create --cgroup-parent a.slice --rootfs "$fs" true
	assert_error "systemd slice received as cgroup parent when using cgroupfs"
}

@test "--cgroups split needs a group of the user's" {
	needs_group
	mkdir -p "$TEST_CG/unit"
	(
		echo "$BASHPID" >"$TEST_CG/unit/cgroup.procs"
		exec "$T/bin/cmk" run -d --name c --net=none --cgroups split --rootfs "$fs" sleep 100 >/dev/null 3>&-
	)
	assert_equal "$(group "$(field State.ConmonPid)")" "${TEST_CG#/sys/fs/cgroup}/unit/supervisor"
	assert_equal "$(group "$(field State.Pid)")" "${TEST_CG#/sys/fs/cgroup}/unit/cmk-payload-$(field Id)"
	run_cmk rm -f -t 0 c
	wait_for 10 rmdir "$TEST_CG/unit/supervisor"
	rmdir "$TEST_CG/unit"
}

@test "a limit that cannot be had is refused before a pull" {
	[ -z "$TEST_CG" ] || ! grep -qw cpuset "$TEST_CG/cgroup.controllers" || skip "the controller 'cpuset' is delegated here"
	run_cmk 125 run --rm --cpuset-cpus 0 registry.invalid/none true
	assert_error "^Error: --cpuset-cpus: cgroup controller 'cpuset' is "
}
