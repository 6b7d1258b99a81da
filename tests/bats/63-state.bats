#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# State is true after kill -9, and after what a reboot leaves: no repair command, no stale name.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
}

monitor_of() { cmk inspect --format '{{.State.ConmonPid}}' "$1"; }
init_of() { cmk inspect --format '{{.State.Pid}}' "$1"; }
gone() { ! kill -0 "$1" 2>/dev/null; }

no_groups() {
	find "$TEST_CG" -depth -name 'cmk-*' -type d -exec rmdir {} \; 2>/dev/null
	[ -z "$(find "$TEST_CG" -name 'cmk-*')" ]
}

@test "the command is killed: the container goes on" {
	cmk_background fg run --net=none --name on --rootfs "$fs" sleep 100
	local pid=$!
	assert wait_for 10 eval '[ -n "$(cmk ps -q)" ]'
	kill -9 "$pid"
	wait "$pid" || true
	run_cmk ps --format '{{.Names}} {{.State}}'
	assert_equal "$output" "on running"
	run_cmk rm -f -t 0 on
}

@test "the monitor is killed: exited 137, monitor lost; start, rm and the same name work" {
	run_cmk run -d --net=none --name lost --rootfs "$fs" sleep 100
	local monitor init
	monitor=$(monitor_of lost) init=$(init_of lost)
	kill -9 "$monitor"
	assert wait_for 10 gone "$init"
	# A listing shows the truth without writing it.
	run_cmk ps -a --format '{{.Names}} {{.State}} {{.ExitCode}}'
	assert_equal "$output" "lost exited 137"
	run_cmk ps -q
	assert_equal "$output" ""
	run_cmk wait lost
	assert_equal "$output" 137
	run_cmk inspect --format '{{.State.Error}} {{.State.ExitCode}}' lost
	assert_equal "$output" "monitor lost 137"
	run_cmk start lost
	run_cmk ps --format '{{.State}}'
	assert_equal "$output" running
	kill -9 "$(monitor_of lost)"
	run_cmk rm -f lost
	run_cmk run --rm --net=none --name lost --rootfs "$fs" true
}

@test "the monitor of a --rm container is killed: its name is free for the next" {
	run_cmk run -d --rm --net=none --name gone --rootfs "$fs" sleep 100
	local init
	init=$(init_of gone)
	kill -9 "$(monitor_of gone)"
	assert wait_for 10 gone "$init"
	run_cmk run --rm --net=none --name gone --rootfs "$fs" echo again
	assert_equal "$output" again
	run_cmk ps -aq
	assert_equal "$output" ""
	assert nothing_left
}

@test "the monitor is killed under a foreground run: 137 and a reason" {
	cmk_background fg run --rm --net=none --name fg --rootfs "$fs" sleep 100
	local pid=$!
	assert wait_for 10 eval '[ -n "$(cmk ps -q)" ]'
	kill -9 "$(monitor_of fg)"
	local code=0
	wait "$pid" || code=$?
	assert_equal "$code" 137
	assert_match "$(cat fg.err)" "^Error: .*monitor was lost"
	assert wait_for 5 nothing_left
}

# bats test_tags=long
@test "run is killed at any moment: the next ones work, and nothing piles up" {
	local i
	for i in 0 1 2 3 4 5 6 8 10 12 15 20 30; do
		timeout -s KILL "0.0$(printf %02d "$i")5" cmk run --rm --net=none --name crash --rootfs "$fs" sleep 0.05 >/dev/null 2>&1 || true
		run_cmk ps -a
		run_cmk rm -f -t 0 crash
		run_cmk run --rm --net=none --name crash --rootfs "$fs" true
	done
	for i in 1 3 5 8 12; do
		timeout -s KILL "0.0$(printf %02d "$i")5" cmk create --net=none --name crash --rootfs "$fs" true >/dev/null 2>&1 || true
		run_cmk rm -f crash
		run_cmk create --net=none --name crash --rootfs "$fs" true
		timeout -s KILL "0.0$(printf %02d "$i")5" cmk start crash >/dev/null 2>&1 || true
		timeout -s KILL "0.0$(printf %02d "$i")5" cmk rm -f crash >/dev/null 2>&1 || true
		run_cmk rm -f -t 0 crash
	done
	# The last one swept what its predecessors left.
	run_cmk run --rm --net=none --rootfs "$fs" true
	run_cmk ps -aq
	assert_equal "$output" ""
	assert wait_for 10 nothing_left
}

@test "command and monitor are killed at any moment of a start: nothing runs on, nothing piles up" {
	local i
	for i in 0 2 4 6 8 10 13 16 20 25 30 40; do
		# All of the process group, which the monitor has left, and then the monitor.
		timeout -s KILL "0.0$(printf %02d "$i")5" cmk run "$([ $((i % 4)) = 0 ] && echo --rm || echo --init)" \
			--net=none --name crash --rootfs "$fs" sleep 100 >/dev/null 2>&1 || true
		ps -e -o pid=,comm=,args= | awk -v t="$T/" '$2 == "cmk-monitor" && index($0, t) {print $1}' | xargs -r kill -9 || true
		run_cmk ps -a
		run_cmk rm -f -t 0 crash
		run_cmk run --rm --net=none --name crash --rootfs "$fs" true
	done
	assert wait_for 10 nothing_left
}

@test "a reboot: what ran has exited, --rm containers are gone, the rest is as it was" {
	run_cmk create --net=none --name made --rootfs "$fs" true
	run_cmk 3 run --net=none --name done --rootfs "$fs" sh -c 'exit 3'
	run_cmk run -d --net=none --name ran --rootfs "$fs" sleep 100
	run_cmk run -d --rm --net=none --name temp --rootfs "$fs" sleep 100
	# The power goes: all processes at once, and with them the run directory.
	local pids
	pids="$(monitor_of ran) $(monitor_of temp) $(init_of ran) $(init_of temp)"
	# shellcheck disable=SC2086
	kill -9 $pids
	rm -rf "$CMK_RUNROOT"
	[ -z "$TEST_CG" ] || assert wait_for 10 no_groups
	export CMK_TEST_BOOT_ID=11111111-2222-3333-4444-555555555555
	run_cmk ps -a --format '{{.Names}} {{.State}} {{.ExitCode}}' -f name=made -f name=done -f name=ran
	assert_equal "$(sort <<<"$output")" $'done exited 3\nmade created 0\nran exited 137'
	run_cmk run --rm --net=none --name temp --rootfs "$fs" echo new
	assert_equal "$output" new
	run_cmk ps -a --format '{{.Names}}'
	assert_equal "$(sort <<<"$output")" $'done\nmade\nran'
	run_cmk start ran
	run_cmk ps --format '{{.Names}}'
	assert_equal "$output" ran
	run_cmk rm -f -t 0 ran done made
}

@test "a record that is torn or newer hides only itself, and says so" {
	run_cmk create --net=none --name good --rootfs "$fs" true
	local good=$output
	run_cmk create --net=none --name bad --rootfs "$fs" true
	local bad=$output
	echo '{"schema": 1, "id' >"$CMK_ROOT/containers/$bad/container.json"
	run_cmk ps -a --format '{{.Names}}'
	assert_equal "$output" good
	assert_match "$stderr" "${bad:0:12}"
	run_cmk 125 inspect bad
	sed 's/"schema":1,/"schema":99,/' "$CMK_ROOT/containers/$good/container.json" >newer
	cp newer "$CMK_ROOT/containers/$good/container.json"
	run_cmk 125 start good
	assert_error "schema 99"
	rm -rf "$CMK_ROOT/containers/$good" "$CMK_ROOT/containers/$bad" "$CMK_ROOT/container-names/"*
}

@test "a power cut empties what was not synced: a kept container is not lost, a --rm container goes" {
	run_cmk run --net=none --name kept --rootfs "$fs" true
	run_cmk create --rm --net=none --name temp --rootfs "$fs" true
	local kept temp
	kept=$(basename "$(grep -l '"name":"kept"' "$CMK_ROOT"/containers/*/container.json | xargs dirname)")
	temp=$(basename "$(grep -l '"name":"temp"' "$CMK_ROOT"/containers/*/container.json | xargs dirname)")
	: >"$CMK_ROOT/containers/$kept/status.json"
	: >"$CMK_ROOT/containers/$temp/container.json"
	rm -rf "$CMK_RUNROOT"
	export CMK_TEST_BOOT_ID=11111111-2222-3333-4444-555555555555
	run_cmk ps -a --format '{{.Names}} {{.State}} {{.ExitCode}}'
	assert_equal "$output" "kept exited 137"
	run_cmk run --rm --net=none --name temp --rootfs "$fs" echo free
	assert_equal "$output" free
	assert [ ! -e "$CMK_ROOT/containers/$temp" ]
	run_cmk start kept
	run_cmk rm -f -t 0 kept
}
