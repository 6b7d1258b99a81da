#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Containers in scopes of systemd, of a user manager.
load manager

scope() { echo "cmk-$(field Id "${1:-c}").scope"; }

@test "a container and its monitor are in a scope of their own, which ends with them" {
	run_user "$CMK_BIN" info --format '{{.host.cgroupManager}}'
	assert_equal "$output" systemd
	run_user "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 100
	local unit path
	unit=$(scope) path=$(property ControlGroup "$(scope)")
	assert_equal "$(property ActiveState "$unit")" active
	assert_equal "$(property Delegate "$unit")" yes
	assert_equal "$(property Description "$unit")" "container c (cmk)"
	assert_equal "$path" "${TEST_CG#/sys/fs/cgroup}/user/manager/user.slice/$unit"
	assert_equal "$(field State.CgroupPath)" "$path/container"
	assert_equal "$(field HostConfig.CgroupManager) $(field HostConfig.Cgroups)" "systemd default"
	assert_equal "$(group "$(field State.Pid)")" "$path/container"
	assert_equal "$(group "$(field State.ConmonPid)")" "$path/monitor"
	run_user "$CMK_BIN" exec c cat /proc/self/cgroup
	assert_equal "${output##*$'\n'}" 0::/
	run_user "$CMK_BIN" stop -t 0 c
	wait_for 10 no_scopes
	assert [ ! -e "/sys/fs/cgroup$path" ]
	run_user "$CMK_BIN" start c
	assert_equal "$(property ActiveState "$unit")" active
	run_user "$CMK_BIN" rm -f -t 0 c
	wait_for 10 no_scopes
}

# Here no system's manager can move it, as it does after a login (tests/bats-vm/80-logout): it goes on where it is.
@test "exec from a group out of which the user may not move asks systemd for a scope" {
	run_user "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 100
	mkdir "$TEST_CG/elsewhere"
	output=$(
		echo "$BASHPID" >"$TEST_CG/elsewhere/cgroup.procs"
		user "$CMK_BIN" exec c sh -c 'echo in; exit 7' || echo "$?"
	)
	assert_equal "$output" $'in\n7'
	user "$CMK_BIN" rm -f -t 0 c
	wait_for 5 rmdir "$TEST_CG/elsewhere"
}

@test "a container outlives the unit which it was started from" {
	run_user systemd-run --user --wait --collect -q -p Type=oneshot "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 100
	assert_equal "$(field State.Status)" running
	assert_match "$(group "$(field State.ConmonPid)")" "/user.slice/$(scope)/monitor$"
	user systemctl --user stop "$(scope)"
	assert_equal "$(field State.Status)" exited
	wait_for 10 no_scopes
}

@test "pause, stats, update, kill and a new run in the same scope" {
	run_user "$CMK_BIN" run -d --name c --net=none --cgroup-conf cgroup.max.depth=7 --rootfs "$fs" sleep 100
	local path since
	path=/sys/fs/cgroup$(field State.CgroupPath) since=$(property ActiveEnterTimestampMonotonic "$(scope)")
	assert_equal "$(cat "$path/cgroup.max.depth") $(cat "$path/../cgroup.max.depth")" "7 max"
	run_user "$CMK_BIN" pause c
	assert_equal "$(cat "$path/cgroup.freeze") $(cat "$path/../cgroup.freeze")" "1 0"
	run_user "$CMK_BIN" unpause c
	run_user "$CMK_BIN" stats --no-stream --format '{{.PIDs}}' c
	assert_equal "$output" 1
	run_user "$CMK_BIN" restart -t 0 c
	assert_equal "$(property ActiveEnterTimestampMonotonic "$(scope)")" "$since"
	assert_equal "$(cat "$path/cgroup.max.depth")" 7
	run_user "$CMK_BIN" kill c
	wait_for 10 no_scopes
	assert_equal "$(field State.ExitCode)" 137
}

@test "runs that follow each other at once wait until systemd has let the last scope go" {
	local i
	run_user "$CMK_BIN" create --name c --net=none --rootfs "$fs" true
	for i in 1 2 3 4 5 6 7 8; do
		run_user "$CMK_BIN" start -a c
		assert_equal "$stderr" ""
	done
}

@test "after kill -9 of the monitor nothing of the scope is left" {
	run_user "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 100
	local path
	path=/sys/fs/cgroup$(field State.CgroupPath)
	kill -9 "$(field State.ConmonPid)"
	wait_for 10 no_scopes
	assert [ ! -e "$path/.." ]
	run_user "$CMK_BIN" start c
	assert_equal "$(field State.Status)" running
	kill -9 "$(field State.ConmonPid)"
	run_user "$CMK_BIN" rm -f -t 0 c
	wait_for 10 no_scopes
}

@test "kill -9 of a command and its monitor at any moment of a start leaves no scope" {
	local delay
	for delay in 0.005 0.01 0.02 0.03 0.04 0.06 0.08 0.1 0.15 0.2; do
		user timeout -s KILL "$delay" "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 100 >/dev/null 2>&1 || true
		pkill -9 -u cmk-test -x cmk-monitor || true
		user "$CMK_BIN" rm -f -t 0 -i c >/dev/null
		wait_for 10 no_scopes
	done
}

@test "limits need what the manager was delegated, and are refused before a pull" {
	local c controller option
	for c in memory:-m64m pids:--pids-limit=50 cpuset:--cpuset-cpus=0; do
		controller=${c%%:*} option=${c#*:}
		grep -qw "$controller" "$TEST_CG/user/cgroup.controllers" && continue
		run_user 125 "$CMK_BIN" run --rm "$option" registry.invalid/none true
		assert_match "$stderr" "cgroup controller '$controller' is not delegated in '?/.*/user/manager"
		assert_match "$stderr" "Delegate=cpu cpuset io memory pids"
		refute_match "$stderr" registry
	done
	run_user 125 "$CMK_BIN" run --rm --net=none --cgroup-conf cgroup.max.depth=wibble --rootfs "$fs" true
	assert_match "$stderr" "--cgroup-conf 'cgroup.max.depth=wibble': .*invalid argument"
	wait_for 10 no_scopes
}

@test "limits are written in the container's group, below the scope" {
	grep -qw pids "$TEST_CG/user/cgroup.controllers" || skip "the controller 'pids' is not delegated to the tests here"
	echo +pids >"$TEST_CG/cgroup.subtree_control"
	run_user "$CMK_BIN" run -d --name c --net=none --pids-limit 1 --rootfs "$fs" sleep 100
	local path
	path=/sys/fs/cgroup$(field State.CgroupPath)
	assert_equal "$(cat "$path/pids.max") $(cat "$path/../pids.max")" "1 max"
	run_user "$CMK_BIN" update --pids-limit 50 c
	assert_equal "$(cat "$path/pids.max")" 50
}

@test "weights that update changes are the scope's, over a daemon-reload" {
	grep -qw cpu "$TEST_CG/user/cgroup.controllers" || skip "the controller 'cpu' is not delegated to the tests here: tests/bats-vm/30-cpu.bats"
	echo +cpu >"$TEST_CG/cgroup.subtree_control"
	run_user "$CMK_BIN" run -d --name c --net=none --cpu-shares 4096 --rootfs "$fs" sleep 100
	assert_equal "$(property CPUWeight "$(scope)")" 157
	run_user "$CMK_BIN" update --cpu-shares 512 c
	assert_equal "$(property CPUWeight "$(scope)")" 20
	user systemctl --user daemon-reload
	assert_equal "$(property CPUWeight "$(scope)") $(cat "/sys/fs/cgroup$(property ControlGroup "$(scope)")/cpu.weight")" "20 20"
}

# set_weights ADDRESS ADDRESS UNIT CPU IO DEVICES: what cmk-scope answers; 0 is the default, "" leaves one as it is.
set_weights() {
	local properties=() unset=18446744073709551615
	[ -z "$4" ] || properties+=("CPUWeight=t:$([ "$4" = 0 ] && echo $unset || echo "$4")")
	[ -z "$5" ] || properties+=("IOWeight=t:$([ "$5" = 0 ] && echo $unset || echo "$5")")
	[ -z "$6" ] || properties+=("IODeviceWeight=a(st):" "IODeviceWeight=a(st):$6")
	user python3 -c '
import socket, subprocess, sys
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
p = subprocess.Popen(sys.argv[1:], stdin=theirs)
theirs.close()
print(ours.recv(1024).decode())
sys.exit(p.wait())' "$(dirname "$CMK_BIN")/../libexec/cmk/cmk-scope" "$1" "$2" "$3" "${properties[@]}"
}

@test "the helper changes a scope's weights by bus and by the manager's own socket" {
	run_user "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 100
	local unit bus=unix:path=/run/user/$uid/bus own=unix:path=/run/user/$uid/systemd/private
	unit=$(scope)
	assert_equal "$(property CPUWeight "$unit") $(property IOWeight "$unit")" "[not set] [not set]"
	assert_equal "$(set_weights "$bus" "$own" "$unit" 200 "" "")" ok
	assert_equal "$(property CPUWeight "$unit") $(property IOWeight "$unit")" "200 [not set]"
	assert_equal "$(set_weights "" "$own" "$unit" "" 300 "8:0=20 8:16=30")" ok
	assert_equal "$(property CPUWeight "$unit") $(property IOWeight "$unit")" "200 300"
	assert_match "$(property IODeviceWeight "$unit")" '8:0 20.*8:16 30'
	user systemctl --user daemon-reload
	assert_equal "$(property CPUWeight "$unit") $(property IOWeight "$unit")" "200 300"
	assert_match "$(property IODeviceWeight "$unit")" '8:0 20.*8:16 30'
	assert_equal "$(set_weights "$bus" "$own" "$unit" "" "" 8:16=40)" ok
	assert_match "$(property IODeviceWeight "$unit")" '8:16 40'
	refute_match "$(property IODeviceWeight "$unit")" '8:0'
	assert_equal "$(set_weights "$bus" "$own" "$unit" 0 0 "")" ok
	assert_equal "$(property CPUWeight "$unit") $(property IOWeight "$unit")" "[not set] [not set]"
	assert_match "$(set_weights "$bus" "$own" cmk-nosuch.scope 200 "" "" || true)" "^change 'cmk-nosuch.scope': "
	assert_match "$(set_weights "$bus" "$own" "$unit" 10001 "" "" || true)" "^change '$unit': "
	assert_match "$(set_weights "$bus" "$own" "$unit" "" "" 8:0 || true)" "^change '$unit': "
	assert_equal "$(property ActiveState "$unit")" active
}

@test "--cgroups no-conmon: the monitor stays in its unit, and ends with it" {
	run_user systemd-run --user -q --unit=starter -p RemainAfterExit=yes -p KillMode=control-group "$CMK_BIN" run -d --name c \
		--cgroups no-conmon --net=none --rootfs "$fs" sleep 100
	wait_for 10 eval '[ "$(field State.Status 2>/dev/null)" = running ]'
	assert_match "$(group "$(field State.ConmonPid)")" "/starter.service$"
	assert_match "$(group "$(field State.Pid)")" "/user.slice/$(scope)/container$"
	assert_equal "$(field HostConfig.Cgroups)" no-conmon
	# The helper that kept the scope until the container was in it has gone.
	assert_equal "$(cat "/sys/fs/cgroup$(property ControlGroup "$(scope)")/monitor/cgroup.procs")" ""
	user systemctl --user stop starter
	assert_equal "$(field State.Status)" exited
	wait_for 10 no_scopes
}

@test "a service of Type=notify keeps the monitor, which is its main process" {
	run_user systemd-run --user -q --unit=notifies -p Type=notify -p NotifyAccess=all "$CMK_BIN" run -d --name c --sdnotify=conmon \
		--net=none --rootfs "$fs" sleep 100
	assert_equal "$(property MainPID notifies.service)" "$(field State.ConmonPid)"
	assert_match "$(group "$(field State.Pid)")" "/user.slice/$(scope)/container$"
	user systemctl --user stop notifies
	assert_equal "$(field State.Status)" exited
}

@test "--cgroups split: both in groups below the unit's" {
	run_user systemd-run --user -q --unit=splits -p Delegate=yes -p RemainAfterExit=yes "$CMK_BIN" run -d --name c \
		--cgroups split --net=none --rootfs "$fs" sleep 100
	wait_for 10 eval '[ "$(field State.Status 2>/dev/null)" = running ]'
	assert_match "$(group "$(field State.ConmonPid)")" "/splits.service/supervisor$"
	assert_match "$(group "$(field State.Pid)")" "/splits.service/cmk-payload-$(field Id)$"
	assert_equal "$(field HostConfig.Cgroups)" split
	assert no_scopes
	run_user "$CMK_BIN" restart -t 0 c
	assert_match "$(group "$(field State.Pid)")" "/splits.service/cmk-payload-$(field Id)$"
	user systemctl --user stop splits
	assert_equal "$(field State.Status)" exited
	run_user 125 "$CMK_BIN" run --cgroups split --cgroup-parent a.slice --rootfs "$fs" true
	assert_match "$stderr" "--cgroup-parent cannot be set with --cgroups split"
}

@test "--cgroup-parent: a slice, and for cgroupfs a path" {
	run_user "$CMK_BIN" run -d --name c --cgroup-parent cmk-test.slice --net=none --rootfs "$fs" sleep 100
	assert_match "$(field State.CgroupPath)" "/manager/cmk.slice/cmk-test.slice/$(scope)/container$"
	assert_equal "$(field HostConfig.CgroupParent)" cmk-test.slice
	run_user "$CMK_BIN" rm -f -t 0 c
	run_user 125 "$CMK_BIN" create --cgroup-parent some/path --rootfs "$fs" true
	assert_match "$stderr" "did not receive systemd slice as cgroup parent when using systemd"
	run_user 125 "$CMK_BIN" --cgroup-manager cgroupfs create --cgroup-parent a.slice --rootfs "$fs" true
	assert_match "$stderr" "systemd slice received as cgroup parent when using cgroupfs"
	run_user "$CMK_BIN" --cgroup-manager cgroupfs run -d --name c --cgroup-parent a/b --net=none --rootfs "$fs" sleep 100
	assert_equal "$(field State.CgroupPath)" "${TEST_CG#/sys/fs/cgroup}/user/a/b/$(scope)"
	assert_equal "$(field HostConfig.CgroupManager)" cgroupfs
	assert no_scopes
	run_user "$CMK_BIN" rm -f -t 0 c
	rmdir "$TEST_CG/user/a/b" "$TEST_CG/user/a"
}

@test "without the bus the manager's own socket will do" {
	user systemctl --user stop dbus.socket dbus.service
	rm -f "/proc/$manager/root/run/user/$uid/bus"
	run_user "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 100
	refute_match "$stderr" "cgroup manager"
	assert_match "$(field State.CgroupPath)" "/user.slice/$(scope)/container$"
	local i
	for i in 1 2 3 4; do
		run_user "$CMK_BIN" stop -t 0 c
		run_user "$CMK_BIN" start c
	done
}

@test "a manager that gives no answer: said where it was asked for, else cgroupfs is used" {
	kill -9 "$manager"
	wait "$manager" 2>/dev/null || true
	gone=yes
	# Its mount namespace, without it.
	unshare -m --propagation private sh -c 'mount -t tmpfs -o mode=0755 tmpfs /run; mkdir -p "/run/user/$0/systemd"; chown -R "$0" "/run/user/$0"
		exec sleep 1000' "$uid" 3>&- &
	manager=$!
	wait_for 10 test -d "/proc/$manager/root/run/user/$uid/systemd"
	user socat UNIX-LISTEN:"/run/user/$uid/systemd/private,unlink-close=0" /dev/null 3>&- &
	wait_for 10 test -S "/proc/$manager/root/run/user/$uid/systemd/private"
	pkill -u cmk-test -x socat
	wait $! || true
	run_user 125 "$CMK_BIN" --cgroup-manager systemd run --rm --net=none --rootfs "$fs" true
	assert_match "$stderr" "^Error: .*cgroup manager 'systemd': .*"
	assert_equal "$(wc -l <<<"$stderr")" 1
	run_user "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 100
	assert_match "$stderr" "cgroup manager 'systemd'"
	assert_equal "$(field State.CgroupPath)" "${TEST_CG#/sys/fs/cgroup}/user/$(scope)"
	run_user "$CMK_BIN" rm -f -t 0 c
}

@test "cmk oci --systemd-cgroup: the scope that linux.cgroupsPath names, with the container in it" {
	mkdir "$T/b"
	mv "$fs" "$T/b/rootfs"
	chown cmk-test: "$T/b"
	run_user sh -c "cd '$T/b' && '$CMK_BIN' oci spec --rootless && jq '.process.terminal = false | .process.args = [\"sleep\", \"1000\"] |
		.linux.cgroupsPath = \"user.slice:libpod:one\"' config.json >new && mv new config.json"
	run_user "$CMK_BIN" oci --systemd-cgroup run -d -b "$T/b" one
	local pid
	pid=$(user "$CMK_BIN" oci state one | jq .pid)
	assert_equal "$(property ControlGroup libpod-one.scope)/container" "$(group "$pid")"
	assert_equal "$(property Delegate libpod-one.scope)" yes
	assert_equal "$(property Slice libpod-one.scope)" user.slice
	run_user "$CMK_BIN" oci pause one
	run_user "$CMK_BIN" oci state one
	assert_match "$output" '"status": "paused"'
	run_user "$CMK_BIN" oci resume one
	run_user "$CMK_BIN" oci exec one true
	run_user "$CMK_BIN" oci kill one KILL
	wait_for 10 eval '[ "$(user "$CMK_BIN" oci state one | jq -r .status)" = stopped ]'
	run_user "$CMK_BIN" oci delete one
	wait_for 10 eval '[ "$(property ActiveState libpod-one.scope)" = inactive ]'
	# What is no scope is said, and nothing is left.
	run_user sh -c "cd '$T/b' && jq '.linux.cgroupsPath = \"/some/where\"' config.json >new && mv new config.json"
	run_user 1 "$CMK_BIN" oci --systemd-cgroup create -b "$T/b" two
	assert_match "$stderr" 'linux.cgroupsPath: .*SLICE:PREFIX:NAME'
	assert_equal "$(user "$CMK_BIN" oci list -q)" ""
}

@test "cmk oci --systemd-cgroup: systemd knows the limits, and what annotations say of the unit" {
	local unit=lim-one.scope path limits='{}'
	! grep -qw pids "$TEST_CG/user/manager/cgroup.controllers" || limits='{pids: {limit: 20}}'
	mkdir "$T/b"
	mv "$fs" "$T/b/rootfs"
	chown cmk-test: "$T/b"
	(cd "$T/b" && "$CMK_BIN" oci spec --rootless)
	config() { jq "$1" "$T/b/config.json" >"$T/new" && cp "$T/new" "$T/b/config.json"; }
	config ".linux.uidMappings[0].hostID = $uid | .linux.gidMappings[0].hostID = $(id -g cmk-test) | .process.terminal = false |
		.process.args = [\"sleep\", \"1000\"] | .linux.cgroupsPath = \":lim:one\" | .linux.resources = $limits |
		.annotations = {\"org.systemd.property.TimeoutStopSec\": \"7\", \"org.systemd.property.Description\": \"'of mine'\"}"
	run_user "$CMK_BIN" oci --systemd-cgroup run -d -b "$T/b" one
	assert_equal "$(user "$CMK_BIN" oci state one | jq -r '."systemd-scope"')" "$unit"
	assert_equal "$(property Slice "$unit") $(property TimeoutStopUSec "$unit")" 'user.slice 7s'
	assert_equal "$(property Description "$unit")" 'of mine'
	path=/sys/fs/cgroup$(property ControlGroup "$unit")
	if [ "$limits" != '{}' ]; then
		assert_equal "$(property TasksMax "$unit") $(cat "$path/pids.max") $(cat "$path/container/pids.max")" '20 20 20'
		run_user "$CMK_BIN" oci --systemd-cgroup update --pids-limit 30 one
		assert_equal "$(property TasksMax "$unit") $(cat "$path/pids.max") $(cat "$path/container/pids.max")" '30 30 30'
		run_user sh -c "echo '{\"unified\": {\"pids.max\": \"25\"}}' | '$CMK_BIN' oci update -r - one"
		assert_equal "$(property TasksMax "$unit") $(cat "$path/container/pids.max")" '25 25'
	fi
	run_user "$CMK_BIN" oci delete -f one
	wait_for 10 eval '[ "$(property ActiveState "$unit")" = inactive ]'
	# What systemd does not know is an error, and nothing is left.
	config '.annotations = {"org.systemd.property.NoSuchThing": "true"}'
	run_user 1 "$CMK_BIN" oci --systemd-cgroup create -b "$T/b" two
	assert_match "$stderr" 'NoSuchThing'
	config '.annotations = {"org.systemd.property.TimeoutStopSec": "soon"}'
	run_user 1 "$CMK_BIN" oci --systemd-cgroup create -b "$T/b" two
	assert_match "$stderr" 'annotations: org.systemd.property.TimeoutStopSec: '
	assert_equal "$(user "$CMK_BIN" oci list -q)" ""
}

@test "run -d tells once that a logout would end the container, and how to keep it" {
	run_user "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 100
	assert_match "$stderr" 'ends this user.s containers at the last logout: `loginctl enable-linger` keeps them'
	run_user "$CMK_BIN" run -d --name d --net=none --rootfs "$fs" sleep 100
	assert_equal "$stderr" ""
	rm "/proc/$manager/root/run/user/$uid/cmk"/warned-linger-*
	mkdir -p "/proc/$manager/root/run/linger"
	touch "/proc/$manager/root/run/linger/cmk-test"
	nsenter -t "$manager" -m sh -c 'mkdir -p /var/lib/systemd && mount -t tmpfs tmpfs /var/lib/systemd && ln -s /run/linger /var/lib/systemd/linger'
	run_user "$CMK_BIN" run -d --name e --net=none --rootfs "$fs" sleep 100
	assert_equal "$stderr" ""
}
