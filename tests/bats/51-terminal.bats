#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# -t: a terminal inside, the caller's in raw mode, and as it was at any end.
load helpers

setup() {
	common_setup
	ROOTFS=$(rootfs)
	RUN=(--net=none --rootfs "$ROOTFS")
	cp "$FIXTURES/terminal" "$T/bin/terminal"
}

@test "-it is a usable shell: prompt, echo, exit code" {
	terminal cmk run --rm -it "${RUN[@]}" sh <<-'E'
		expect [#$] 
		raw
		send echo is-$((6*7))\r
		expect is-42
		send tty\r
		expect /dev/(pts/[0-9]+|console)
		send exit 5\r
		wait 5
		cooked
	E
}

@test "the window's size is set before the program starts, and followed" {
	terminal cmk run --rm -it "${RUN[@]}" sh -c 'trap "stty size" WINCH; stty size; while :; do sleep 0.1; done' <<-'E'
		expect 24 80
		size 40 132
		expect 40 132
		signal SIGKILL
		wait -9
		cooked
	E
	run_cmk rm -f -t 0 -a
}

@test "ctrl-c is a key for the container" {
	terminal cmk run --rm -it "${RUN[@]}" sh -c 'trap "echo interrupted; exit 9" INT; echo ready; while :; do sleep 0.1; done' <<-'E'
		expect ready
		raw
		send \x03
		expect interrupted
		wait 9
		cooked
	E
}

@test "ctrl-p ctrl-q detaches, attach comes back" {
	terminal cmk run -it --name c1 "${RUN[@]}" sh <<-'E'
		expect [#$] 
		send x=kept\r
		send \x10\x11
		wait 0
		cooked
	E
	run_cmk ps --format '{{.Names}}'
	assert_equal "$output" c1
	terminal cmk attach c1 <<-'E'
		raw
		send echo $x-$x\r
		expect kept-kept
		send exit 3\r
		wait 3
		cooked
	E
	run_cmk rm c1
}

@test "--detach-keys: other keys, and none" {
	terminal cmk run -it --name c1 --detach-keys a,ctrl-b "${RUN[@]}" sh <<-'E'
		expect [#$] 
		send echo a-\x10\x11-b\r
		expect a-
		send a\x02
		wait 0
		cooked
	E
	run_cmk rm -f -t 0 c1
	terminal cmk run -it --name c1 --detach-keys '' "${RUN[@]}" sh -c 'echo ready; read x; exit 4' <<-'E'
		expect ready
		raw
		send \x10\x11\r
		wait 4
	E
	run_cmk rm c1
	run_cmk 125 run --rm --detach-keys ctrl-P "${RUN[@]}" true
	assert_error "invalid key 'ctrl-P'"
}

@test "the terminal is restored after SIGKILL of the command" {
	terminal cmk run -it --name c1 "${RUN[@]}" sh <<-'E'
		expect [#$] 
		raw
		signal SIGKILL
		wait -9
		cooked
	E
	run_cmk ps --format '{{.Names}}'
	assert_equal "$output" c1
	run_cmk rm -f -t 0 c1
}

@test "the terminal is restored when the monitor dies" {
	terminal cmk run -it --name c1 "${RUN[@]}" sh -c 'echo ready; exec sleep 100' <<-E
		expect ready
		raw
		send x
	E
	run_cmk rm -f -t 0 c1
}

@test "SIGTSTP stops the command with a sane terminal, SIGCONT goes on" {
	terminal cmk run --rm -it "${RUN[@]}" sh <<-'E'
		expect [#$] 
		raw
		signal SIGTSTP
		stopped
		cooked
		signal SIGCONT
		raw
		send echo on-$((1+1))\r
		expect on-2
		send exit\r
		wait 0
		cooked
	E
}

@test "a hang-up of the terminal ends the command, not the container" {
	terminal cmk run -it --name c1 "${RUN[@]}" sh -c 'trap "" HUP; echo ready; while :; do sleep 0.1; done' <<-'E'
		expect ready
		hangup
		wait 129
	E
	run_cmk ps --format '{{.Names}}'
	assert_equal "$output" c1
	run_cmk rm -f -t 0 c1
}

@test "SIGTERM to the command is passed on" {
	terminal cmk run --rm -it "${RUN[@]}" sh -c 'trap "echo bye; exit 6" TERM; echo ready; while :; do sleep 0.1; done' <<-'E'
		expect ready
		signal SIGTERM
		expect bye
		wait 6
		cooked
	E
}

@test "-t without -i and with a pipe for stdin" {
	terminal cmk run --rm -t "${RUN[@]}" tty <<-'E'
		expect /dev/
		wait 0
		cooked
	E
	run_cmk run --rm -t "${RUN[@]}" echo hello
	assert_equal "$output" $'hello\r'
	assert_match "$(echo hello | timeout 20 cmk run --rm -it "${RUN[@]}" cat 2>err)" hello
	assert_match "$(cat err)" 'The input device is not a TTY'
	run_cmk run --rm -t -i=false "${RUN[@]}" true </dev/null
	assert_equal "$stderr" ""
}

@test "output to a terminal just before the end is never lost" {
	for _ in $(seq 20); do
		assert_equal "$(timeout 20 cmk run --rm -t "${RUN[@]}" seq 1000 | tr -d '\r' | tail -n 1)" 1000
	done
}
