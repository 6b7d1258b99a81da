#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whose namespaces a container gets: --pid, --ipc, --uts, --cgroupns and --network with a container or a path.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
	opts=()
}

teardown() {
	timeout 20 cmk rm -f -a -t 0 >/dev/null 2>&1 || true
	common_teardown
}

run_in() { run_cmk run --rm --net=none "${opts[@]}" --rootfs "$fs" "$@"; }
start() { run_cmk run -d --net=none --name "$1" "${opts[@]}" --rootfs "$fs" sh -c "${2:-exec sleep 100}"; }
# Whether the containers share the namespace TYPE.
ns_of() {
	run_cmk inspect --format '{{.State.Pid}}' "$1" >/dev/null
	readlink "/proc/$output/ns/$2"
}
shared() { assert_equal "$(ns_of "$1" "$3")" "$(ns_of "$2" "$3")"; }
distinct() { [ "$(ns_of "$1" "$3")" != "$(ns_of "$2" "$3")" ]; }

@test "each container has namespaces of its own" {
	start a
	start b
	for type in user pid ipc uts net cgroup mnt; do
		distinct a b $type
		[ "$(ns_of a $type)" != "$(readlink /proc/self/ns/$type)" ]
	done
}

@test "--pid=container: one sees the other's processes, with rights over them" {
	start a 'exec sleep 1234'
	opts=(--pid container:a)
	run_in ps
	assert_match "$output" '1 root +sleep 1234'
	# Also those of another user.
	run_cmk exec -d -u 1000 a sleep 777
	wait_for 5 eval 'cmk exec a ps | grep -q "sleep 777"'
	# shellcheck disable=SC2016
	run_in sh -c 'kill $(ps | grep "[s]leep 777" | sed "s/^ *//; s/ .*//") && echo killed'
	assert_equal "$output" killed
}

@test "--pid=container: ends with the other" {
	start a
	opts=(--pid container:a)
	start b
	run_cmk stop -t 0 a
	run_cmk wait b
	assert_equal "$output" 137
}

@test "--pid=host: the host's processes, and no rights over others'" {
	opts=(--pid host)
	run_in sh -c "ps | grep -c ^; kill -0 1 || echo refused"
	[ "${output%%$'\n'*}" -gt 4 ]
	assert_match "$output" refused
	run_cmk run -d --net=none --pid=host --name h --rootfs "$fs" sh -c 'sleep 4321 & sleep 4321 & wait'
	wait_for 5 eval '[ "$(pgrep -c -f "sleep 4321")" -ge 2 ]'
	run_cmk rm -f -t 0 h
	wait_for 5 eval '! pgrep -f "sleep 4321"'
}

@test "--ipc=container: shared memory and semaphores are common" {
	start a 'echo from-a >/dev/shm/f; exec sleep 100'
	wait_for 5 cmk exec a test -s /dev/shm/f
	opts=(--ipc container:a)
	start b 'echo from-b >/dev/shm/g; exec sleep 100'
	shared a b ipc
	run_cmk exec b cat /dev/shm/f
	assert_equal "$output" from-a
	wait_for 5 cmk exec a cat /dev/shm/g
	# What is shared outlives the one that made it.
	run_cmk stop -t 0 a
	run_cmk exec b cat /dev/shm/f
	assert_equal "$output" from-a
}

@test "--ipc: private is not to be joined, none has no /dev/shm" {
	opts=(--ipc private)
	start a
	run_cmk 125 run --rm --net=none --ipc container:a --rootfs "$fs" true
	assert_match "$stderr" 'joining IPC of container .* is not allowed: non-shareable IPC \(hint: use IpcMode:shareable for the donor container\)'
	opts=(--ipc none)
	run_in sh -c '[ ! -e /dev/shm/. ] && echo none'
	assert_equal "$output" none
	opts=(--ipc host)
	run_in readlink /proc/self/ns/ipc
	assert_equal "$output" "$(readlink /proc/self/ns/ipc)"
}

@test "--TYPE=container: where that one has the host's, so has this one" {
	local type option
	for type in net ipc pid uts cgroup; do
		option=$type
		[ $type != cgroup ] || option=cgroupns
		run_cmk run -d --name "h-$type" --$option host --rootfs "$fs" sleep 100
		run_cmk run --name "j-$type" --$option "container:h-$type" --rootfs "$fs" readlink "/proc/self/ns/$type"
		assert_equal "$output" "$(readlink "/proc/self/ns/$type")"
		# A third one follows the second.
		run_cmk run --rm --$option "container:j-$type" --rootfs "$fs" readlink "/proc/self/ns/$type"
		assert_equal "$output" "$(readlink "/proc/self/ns/$type")"
		run_cmk rm -f -t 0 "j-$type" "h-$type"
	done
}

@test "--network=container: one network, ports below 1024 can be bound" {
	start a
	opts=()
	run_cmk run -d --name b --net container:a --rootfs "$fs" nc -l -p 80
	shared a b net
	wait_for 5 eval 'cmk exec a netstat -ltn | grep -q :80'
	run_cmk exec a sh -c 'echo | nc 127.0.0.1 80'
	run_cmk inspect --format '{{.HostConfig.NetworkMode}} {{len .Dependencies}}' b
	run_cmk inspect --format '{{.Id}}' a
	local id=$output
	run_cmk inspect --format '{{.HostConfig.NetworkMode}}' b
	assert_equal "$output" "container:$id"
	run_cmk run --rm --net container:a -p 8080:80 --rootfs "$fs" true
	assert_match "$stderr" 'Port mappings have been discarded because "container" network namespace mode does not support them'
	run_cmk run --rm --net none -p 8080:80 --rootfs "$fs" echo ran
	assert_equal "$output" ran
	assert_match "$stderr" 'discarded because "none" network'
}

@test "--network=container: hosts and resolv.conf are the other's" {
	run_cmk run -d --name a --net=none --add-host extra:192.0.2.7 --rootfs "$fs" sleep 100
	run_cmk run --rm --net container:a --rootfs "$fs" sh -c 'grep extra /etc/hosts; hostname'
	assert_match "$output" '^192.0.2.7.extra'
	run_cmk 125 run --rm --net container:a --add-host x:192.0.2.8 --rootfs "$fs" true
	assert_match "$stderr" 'cannot set extra host entries when the container is joined to another containers network namespace'
	local option
	for option in dns=192.0.2.9 dns-search=x dns-option=y; do
		run_cmk 125 run --rm --net container:a --$option --rootfs "$fs" true
		assert_match "$stderr" "conflicting options: ${option%=*} and the network mode: container"
	done
}

@test "a container that another depends on is not removed, and is started with it" {
	run_cmk create --name a --net=none --rootfs "$fs" sleep 100
	run_cmk create --name b --net container:a --rootfs "$fs" sleep 100
	run_cmk 125 rm a
	assert_match "$stderr" 'has dependent containers which must be removed before it'
	run_cmk start b
	shared a b net
	run_cmk rm -f -t 0 b
	run_cmk rm -f -t 0 a
}

@test "--network=container: the network outlives the one that made it" {
	run_cmk run -d --name a --rootfs "$fs" sleep 100
	run_cmk run -d --name b --net container:a --rootfs "$fs" sleep 100
	run_cmk exec b ip addr show tap0
	assert_match "$output" 10.0.2.100
	run_cmk stop -t 0 a
	run_cmk exec b ip addr show lo
	assert_match "$output" 127.0.0.1
}

@test "--uts and --cgroupns: host and container" {
	opts=(--hostname named)
	start a
	opts=(--uts container:a)
	run_in hostname
	assert_equal "$output" named
	opts=(--uts host)
	run_in hostname
	assert_equal "$output" "$(uname -n)"
	opts=(--uts host --hostname x)
	run_cmk 125 run --rm --net=none "${opts[@]}" --rootfs "$fs" true
	assert_match "$stderr" 'cannot set hostname when running in the host UTS namespace'
	opts=(--cgroupns container:a)
	start c
	shared a c cgroup
	opts=(--cgroupns host)
	run_in readlink /proc/self/ns/cgroup
	assert_equal "$output" "$(readlink /proc/self/ns/cgroup)"
}

@test "namespaces of two different containers are joined at once, also by exec" {
	start a 'exec sleep 1111'
	start b 'echo from-b >/dev/shm/f; exec sleep 2222'
	wait_for 5 cmk exec b test -s /dev/shm/f
	opts=(--pid container:a --ipc container:b)
	start c
	shared a c pid
	shared b c ipc
	distinct a c ipc
	run_cmk exec c sh -c 'ps; cat /dev/shm/f; ls -d /dev/mqueue'
	assert_match "$output" 'sleep 1111'
	refute_match "$output" 'sleep 2222'
	assert_match "$output" 'from-b'
}

@test "a joined container must run when its namespace is needed" {
	start a
	opts=(--pid container:a)
	start b
	run_cmk inspect --format '{{.HostConfig.PidMode}} {{.HostConfig.IpcMode}} {{.HostConfig.UTSMode}} {{.HostConfig.CgroupMode}}' b
	assert_match "$output" '^container:[0-9a-f]{64} shareable private private$'
	run_cmk stop -t 0 a
	run_cmk wait b
	run_cmk start a
	run_cmk start b
	shared a b pid
}

@test "ns:PATH joins a namespace by path" {
	start a
	run_cmk inspect --format '{{.State.Pid}}' a
	local pid=$output
	opts=(--ipc "ns:/proc/$pid/ns/ipc" --uts "ns:/proc/$pid/ns/uts")
	start b
	shared a b ipc
	shared a b uts
	opts=()
	run_cmk run --rm --network "ns:/proc/$pid/ns/net" --rootfs "$fs" sh -c 'ls /sys/class/net; readlink /proc/self/ns/net'
	assert_equal "$output" "lo"$'\n'"$(readlink "/proc/$pid/ns/net")"
	run_cmk 125 run --rm --net=none --pid ns:/none --rootfs "$fs" true
	assert_match "$stderr" "cannot find specified PID namespace path: faccessat /none: no such file or directory"
	run_cmk 125 run --rm --net=none --pid ns:/etc/passwd --rootfs "$fs" true
	assert_match "$stderr" 'not a namespace'
	run_cmk 125 run --rm --net=none --ipc ns:/proc/1/ns/ipc --rootfs "$fs" true
	assert_match "$stderr" 'IPC namespace'
}

@test "bad modes are refused before anything is made" {
	local option
	for option in --pid --ipc --uts --cgroupns --userns; do
		run_cmk 125 run --rm --net=none $option foo --rootfs "$fs" true
		assert_match "$stderr" "unrecognized namespace mode foo passed"
		run_cmk 125 run --rm --net=none $option container:nope --rootfs "$fs" true
		assert_match "$stderr" 'looking up container to share .* namespace with: no container with name or ID "nope" found'
	done
	for option in --pid --uts --cgroupns; do
		run_cmk 125 run --rm --net=none $option shareable --rootfs "$fs" true
		assert_match "$stderr" "unrecognized namespace mode shareable passed"
	done
	run_cmk ps -aq
	assert_equal "$output" ""
}

left_running() { pgrep -fx 'sleep 432[1-5]' || true; }

@test "--pid=host without a control group: what a container leaves ends with it" {
	export CMK_TEST_NO_DELEGATION=yes
	local fs monitor
	fs=$(rootfs)
	run_cmk run -d --name c --net=none --pid=host --rootfs "$fs" sh -c '
		(sleep 4321 & (sleep 4322 & sleep 4323 & exec setsid sleep 4324) & )
		(true &)
		trap "exit 3" USR1
		while :; do sleep 0.1; done'
	all_are_there() { [ "$(left_running | wc -l)" = 4 ]; }
	assert wait_for 10 all_are_there
	# Of what ends meanwhile nothing stays.
	monitor=$(cmk inspect --format '{{.State.ConmonPid}}' c)
	no_zombie() { ! ps -o stat= --ppid "$monitor" | grep -q Z; }
	assert wait_for 10 no_zombie
	run_cmk kill -s USR1 c
	run_cmk wait c
	assert_equal "$output" 3
	assert_equal "$(left_running)" ""
	run_cmk start c
	assert wait_for 10 all_are_there
	run_cmk rm -f -t 0 c
	assert_equal "$(left_running)" ""
}
