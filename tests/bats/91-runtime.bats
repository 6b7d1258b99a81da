#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --runtime: other OCI runtimes make our containers.
load helpers

setup() {
	common_setup
	ROOTFS=$(rootfs)
	port=$((20000 + BATS_SUITE_TEST_NUMBER * 20))
	cp "$FIXTURES/terminal" "$T/bin/terminal"
}

teardown() {
	timeout 60 cmk rm -f -t 0 -a >/dev/null 2>&1 || true
	common_teardown
}

# each COMMAND...: once with $RT as each runtime that is here.
each() {
	for RT in crun runc "$(dirname "$CMK_BIN")/cmk-oci"; do
		command -v "$RT" >/dev/null || {
			echo "# $RT is not installed" >&3
			continue
		}
		echo "=== $RT"
		"$@"
	done
}

# run_other WORD...: cmk --runtime $RT run WORD...
run_other() {
	local code=0
	case $1 in
	[0-9] | [0-9][0-9] | [0-9][0-9][0-9]) code=$1 && shift ;;
	esac
	run_cmk "$code" --runtime "$RT" run "$@"
}

output_and_codes() {
	run_other 42 --rm --net=none --rootfs "$ROOTFS" sh -c 'echo out; echo err >&2; cat /proc/1/comm; exit 42'
	assert_equal "$output" $'out\nsh'
	assert_equal "$stderr" err
	run_other 143 --rm --net=none --rootfs "$ROOTFS" sh -c 'sh -c "kill -TERM \$\$"; exit $?'
	assert_equal "$(echo in | timeout 30 cmk --runtime "$RT" run -i --rm --net=none --rootfs "$ROOTFS" cat)" in
	run_other 127 --rm --net=none --rootfs "$ROOTFS" no-such-program
	assert_error no-such-program
	run_other 126 --rm --net=none --rootfs "$ROOTFS" /etc
	assert_error 'create|start'

}
# bats test_tags=long
@test "output, exit codes, programs that are not there" { each output_and_codes; }

detached() {
	run_other -d --name c1 --net=none --rootfs "$ROOTFS" \
		sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done'
	is_up() { [ "$("$T/bin/cmk" logs c1)" = up ]; }
	assert wait_for 10 is_up
	run_cmk ps --format '{{.Names}} {{.State}}'
	assert_equal "$output" 'c1 running'
	run_cmk inspect -f '{{.OCIRuntime}} {{.State.Status}}' c1
	assert_equal "$output" "$RT running"
	run_cmk top c1 comm
	assert_match "$output" 'sh'
	run_cmk stats --no-stream --format '{{.Name}} {{.PIDs}}' c1
	assert_match "$output" '^c1 [1-9]'
	run_cmk stop -t 20 c1
	run_cmk logs c1
	assert_equal "$output" $'up\nbye'
	run_cmk inspect -f '{{.State.ExitCode}}' c1
	assert_equal "$output" 3
	# Its runtime is the one that it was created with.
	run_cmk start c1
	assert wait_for 10 sh -c 'cmk logs c1 | grep -c up | grep -q 2'
	run_cmk restart -t 20 c1
	run_cmk rm -f -t 0 c1
}
# bats test_tags=long
@test "in the background: logs, ps, top, stats, stop, start, restart, rm" { each detached; }

execs() {
	run_other -d --name c1 --net=none -e GIVEN=yes --rootfs "$ROOTFS" sleep 1000
	run_cmk exec c1 sh -c 'echo $GIVEN; cat /proc/1/comm'
	assert_equal "$output" $'yes\nsleep'
	run_cmk 7 exec -u 1000:1000 -w /tmp -e SET=1 c1 sh -c 'id; pwd; echo $SET; echo err >&2; exit 7'
	assert_match "$output" 'uid=1000.* gid=1000.*/tmp.*1'
	assert_equal "$stderr" err
	assert_equal "$(echo in | timeout 30 cmk exec -i c1 cat)" in
	run_cmk 127 exec c1 no-such-program
	assert_error no-such-program
	run_cmk exec --privileged c1 grep CapEff /proc/self/status
	assert_match "$output" '00000[1-9a-f]f'
	terminal cmk exec -it c1 sh <<-'X'
		expect [#$] 
		send echo is-$((6*7)); tty; exit 4\r
		expect is-42
		expect /dev/pts/
		wait 4
		cooked
	X
	run_cmk rm -f -t 0 c1
}
# bats test_tags=long
@test "exec: user, directory, variables, codes, a terminal" { each execs; }

on_a_terminal() {
	terminal cmk --runtime "$RT" run --rm -it --net=none --rootfs "$ROOTFS" sh <<-'X'
		expect [#$] 
		raw
		send stty size; echo is-$((6*7))\r
		expect 24 80
		expect is-42
		size 40 132
		send stty size\r
		expect 40 132
		send exit 5\r
		wait 5
		cooked
	X
}
@test "-it is a usable shell, with the window's size" { each on_a_terminal; }

files_and_ids() {
	mkdir -p given
	echo data >given/file
	printf hidden | cmk secret create --replace s1 - >/dev/null
	run_other --rm --net=none -v "$PWD/given:/given:ro" -v vol1:/vol --tmpfs /scratch:size=1m --secret s1 \
		-e A=b -u 1000:1000 -h named --group-add 7 -w /given --ulimit nofile=99:99 --shm-size 2m --rootfs "$ROOTFS" \
		sh -c 'id; pwd; echo $A $HOSTNAME; cat file /run/secrets/s1; touch /given/no 2>/dev/null || echo read-only
			ulimit -n; df -k /scratch /dev/shm | awk "{print \$2}"; grep -e Seccomp: -e CapEff -e CapBnd /proc/self/status; cat /etc/hosts'
	assert_match "$output" 'uid=1000.* gid=1000.* groups=7'
	assert_match "$output" $'/given\nb named\ndata\nhiddenread-only\n99\n'
	assert_match "$output" $'\n1024\n'
	assert_match "$output" $'\n2048\n'
	assert_match "$output" $'CapEff:\t0000000000000000'
	assert_match "$output" $'Seccomp:\t2'
	assert_match "$output" named
	run_cmk volume rm vol1
	# Masked paths, and the devices.
	run_other --rm --net=none --rootfs "$ROOTFS" sh -c 'wc -c </proc/interrupts; echo x >/dev/null && head -c 1 /dev/zero | wc -c; readlink /proc/1/ns/user'
	assert_match "$output" $'^0\n1\nuser:'
	assert [ "${lines[2]}" != "$(readlink /proc/self/ns/user)" ]
	run_other --rm --net=none --init --rootfs "$ROOTFS" sh -c 'cat /proc/1/comm; echo $$'
	assert_match "$output" '^cmk-init'
	run_other --rm --net=none --init --rootfs "$ROOTFS" sh -c 'echo x >>/dev/cmk-init || echo closed; grep -c " /dev/cmk-init ro" /proc/self/mountinfo'
	assert_equal "$output" $'closed\n1'
	run_other --rm --net=none --uts host --pid host --ipc host --rootfs "$ROOTFS" hostname
	assert_equal "$output" "$(hostname)"
	run_other --rm --net=none --userns keep-id --rootfs "$ROOTFS" id -u
	assert_equal "$output" "$UID"
	run_other --rm --net=none --read-only --rootfs "$ROOTFS" sh -c 'touch /no 2>/dev/null || echo read-only; touch /tmp/yes && echo tmp'
	assert_equal "$output" $'read-only\ntmp'
}
# bats test_tags=long
@test "volumes, secrets, tmpfs, users, limits, capabilities, seccomp, masked paths" { each files_and_ids; }


network() {
	run_other -d --name web -p $port:80 -v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro \
		-v "$CMK_TEST_STAGE/tests/net/peer.py:/peer.py:ro" alpine python3 /peer.py serve 80
	is_serving() { "$T/bin/cmk" logs web 2>&1 | grep -q up; }
	assert wait_for 20 is_serving
	timeout 10 python3 "$CMK_TEST_STAGE/tests/net/peer.py" ask tcp 127.0.0.1 $port
	run_cmk exec web ip addr
	assert_match "$output" 'inet 10\.0\.2\.100/24.*inet6 fd00::100/64'
	run_cmk rm -f -t 0 web
}
@test "the network of an image's container, with a published port" {
	load_images alpine
	each network
}

pausing() {
	local limits=()
	! grep -qw pids "$TEST_CG/cgroup.controllers" || limits=(--pids-limit 20)
	run_other -d --name c1 --net=none "${limits[@]}" --rootfs "$ROOTFS" sleep 1000
	run_cmk pause c1
	run_cmk ps --format '{{.State}}'
	assert_equal "$output" paused
	run_cmk unpause c1
	run_cmk exec c1 true
	if [ ${#limits[@]} -gt 0 ]; then
		run_cmk exec c1 sh -c 'for i in $(seq 30); do sleep 5 & done' || true
		assert_match "$stderr" 'fork'
	fi
	run_cmk kill c1
	run_cmk wait c1
	assert_equal "$output" 137
	run_cmk rm c1
}
@test "pause, limits, kill" {
	[ -n "$TEST_CG" ] || skip "no control group is delegated here"
	each pausing
}

monitor_killed() {
	local init
	run_other -d --name c1 --net=none --rootfs "$ROOTFS" sleep 1000
	init=$(cmk inspect -f '{{.State.Pid}}' c1)
	kill -9 "$(jq -r .monitor_pid "$CMK_RUNROOT"/containers/*/live.json)"
	run_cmk ps -a --format '{{.State}}'
	run_cmk rm -f c1
	gone() { [ ! -e "/proc/$init/stat" ] || grep -q ' Z ' "/proc/$init/stat"; }
	assert wait_for 10 gone
	assert_equal "$(find "$CMK_RUNROOT/containers" -mindepth 1)" ""
}
@test "after kill -9 of the monitor the next command leaves nothing" { each monitor_killed; }

restarts() {
	run_other -d --name c1 --net=none --restart on-failure:2 --rootfs "$ROOTFS" sh -c 'echo run; exit 9'
	run_cmk wait c1
	assert wait_for 20 sh -c '[ "$(cmk logs c1 | grep -c run)" = 3 ]'
	run_cmk wait --condition exited c1
	run_cmk inspect -f '{{.RestartCount}}' c1
	assert_equal "$output" 2
	run_cmk rm c1
	run_other -d --name c1 --net=none --health-cmd 'echo well' --health-interval disable --rootfs "$ROOTFS" sleep 1000
	run_cmk healthcheck run c1
	run_cmk rm -f -t 0 c1
}
# bats test_tags=long
@test "a restart policy, a health check" { each restarts; }

@test "a runtime that is not there, and what cannot be had of another" {
	run_cmk 125 --runtime nosuch run --rm --net=none --rootfs "$ROOTFS" true
	assert_error "OCI runtime 'nosuch' not found"
	run_cmk 125 run --runtime /no/such --rm --net=none --rootfs "$ROOTFS" true
	assert_error "OCI runtime '/no/such'"
	run_cmk 125 --runtime /etc/passwd create --net=none --rootfs "$ROOTFS" true
	assert_error "OCI runtime '/etc/passwd'"
	run_cmk run -d --name c1 --net=none --rootfs "$ROOTFS" sleep 1000
	run_cmk 125 --runtime crun run --rm --pid container:c1 --net=none --rootfs "$ROOTFS" true
	assert_error 'cannot join the .* namespace of another container'
	run_cmk 125 --runtime crun run --rm --group-add keep-groups --net=none --rootfs "$ROOTFS" true
	assert_error 'keep-groups'
	if command -v runc >/dev/null; then
		run_cmk 125 --runtime runc run --rm --personality LINUX32 --net=none --rootfs "$ROOTFS" true
		assert_error 'sets no personality'
		run_cmk 125 --runtime runc run --rm --cgroups disabled --net=none --rootfs "$ROOTFS" true
		assert_error 'control group of its own'
	fi
	run_cmk --runtime crun run --rm --personality LINUX32 --cgroups disabled --net=none --rootfs "$ROOTFS" uname -m
	assert_match "$output" 'i[3-6]86|x86'
	run_cmk ps -a --format '{{.Names}}'
	assert_equal "$output" c1
	run_cmk --runtime cmk run --rm --net=none --rootfs "$ROOTFS" echo own
	assert_equal "$output" own
	# Fails with what the runtime says.
	printf '#!/bin/sh\nexit 3\n' >broken && chmod 755 broken
	run_cmk 125 --runtime "$PWD/broken" run --rm --net=none --rootfs "$ROOTFS" true
	assert_error 'broken create failed'
}

@test "--runtime-flag: an option of the other runtime, at each of its calls" {
	printf '#!/bin/sh\necho "$*" >>%s/calls\nexec crun "$@"\n' "$T" >mine && chmod 755 mine
	run_cmk --runtime "$T/mine" --runtime-flag debug run --name c1 --net=none --rootfs "$ROOTFS" echo hello
	assert_match "$output" hello
	assert_equal "$(grep -c -e ' --debug create ' calls)" 1
	assert_equal "$(grep -c -e ' --debug start ' calls)" 1
	assert_equal "$(grep -c -v -e ' --debug ' calls)" 0
	run_cmk start -a c1
	assert_equal "$(grep -c -e ' --debug create ' calls)" 2
	run_cmk rm c1
	run_cmk 126 --runtime crun --runtime-flag invalidflag run --rm --net=none --rootfs "$ROOTFS" true
	assert_error "crun --invalidflag create failed"
	run_cmk 126 --runtime-flag invalidflag run --rm --net=none --rootfs "$ROOTFS" true
	assert_error "cmk's own OCI runtime has no option '--invalidflag'"
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "info tells the version of another runtime, as that one says it" {
	run_cmk --runtime crun info --format '{{.Host.OCIRuntime.Version}}'
	assert_equal "$output" "$(crun --version)"
	assert_match "$output" '^crun version [0-9]'
	run_cmk info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Version}}'
	assert_match "$output" '^cmk [0-9]'
	refute_match "$output" crun
	# One that fails, says nothing, never ends its line, or is asked by nobody.
	printf '#!/bin/sh\necho "$@" >>asked; echo lies; exit 1\n' >failing
	printf '#!/bin/sh\nexec head -c 10000000 /dev/zero\n' >endless
	chmod 755 failing endless
	run_cmk --runtime "$PWD/failing" info --format '<{{.Host.OCIRuntime.Version}}>'
	assert_equal "$output" '<>'
	assert_equal "$(cat asked)" --version
	run_cmk --runtime "$PWD/endless" info --format '<{{.Host.OCIRuntime.Version}}>'
	assert_equal "$output" '<>'
	run_cmk '?' --runtime "$PWD/failing" ps
	run_cmk '?' --runtime "$PWD/failing" run --rm --net=none --rootfs "$ROOTFS" true
	assert_equal "$(grep -cx -e --version asked)" 1
}

@test "containers.conf: runtime and [engine.runtimes]" {
	printf '[engine]\nruntime = "mine"\n[engine.runtimes]\nmine = ["/no/such", "%s"]\n' "$(command -v crun)" \
		>"$HOME/.config/containers/containers.conf"
	run_cmk info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'
	assert_equal "$output" "mine $(command -v crun)"
	run_cmk create --name c1 --net=none --rootfs "$ROOTFS" true
	run_cmk inspect -f '{{.OCIRuntime}}' c1
	assert_equal "$output" mine
	run_cmk start -a c1
	run_cmk rm c1
	printf '[engine.runtimes]\nmine = "no list"\n' >"$HOME/.config/containers/containers.conf"
	run_cmk 125 run --rm --net=none --rootfs "$ROOTFS" true
	assert_error "line 2: 'mine' is not an array of strings"
}

@test "cmk's own path, which info gives, as a runtime is cmk itself" {
	local path
	path=$(cmk info --format '{{.Host.OCIRuntime.Path}}')
	run_cmk 3 --runtime "$path" run --rm --net=none --rootfs "$ROOTFS" sh -c 'exit 3'
	printf '[engine]\nruntime = "mine"\n[engine.runtimes]\nmine = ["/no/such/path", "%s"]\n' "$path" >c.conf
	CONTAINERS_CONF=$T/c.conf run_cmk 4 run --rm --net=none --rootfs "$ROOTFS" sh -c 'exit 4'
}
