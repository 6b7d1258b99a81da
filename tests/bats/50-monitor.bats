#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The process that looks after a container, and what it keeps of its caller: nothing.
load helpers

setup() {
	common_setup
	ROOTFS=$(rootfs)
	RUN=(--net=none --rootfs "$ROOTFS")
}

monitor_of() { jq -r .monitor_pid "$CMK_RUNROOT"/containers/*/live.json; }

@test "run -d gives back the terminal, the pipe and the lock at once" {
	id=$(timeout 20 cmk run -d --name c1 --net=none --rootfs "$ROOTFS" sleep 100)
	assert_match "$id" '^[0-9a-f]{64}$'
	timeout 20 flock lock cmk run -d --name c2 "${RUN[@]}" sleep 100
	timeout 5 flock lock true
	run_cmk rm -f -t 0 c1 c2
}

@test "the monitor keeps no directory, descriptor or session of its caller" {
	mkdir gone
	(cd gone && cmk run -d --name c1 "${RUN[@]}" sleep 100 5<"$HOME" >../out)
	pid=$(monitor_of)
	assert_equal "$(readlink "/proc/$pid/cwd")" /
	assert_equal "$(readlink "/proc/$pid/fd/1")" /dev/null
	assert_equal "$(readlink "/proc/$pid/fd/2")" /dev/null
	refute_match "$(ls -l "/proc/$pid/fd")" "$HOME\$"
	assert_equal "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
	assert_equal "$(cat "/proc/$pid/comm")" cmk-monitor
	rmdir gone
	run_cmk rm -f -t 0 c1
}

# The program's own pages are shared by all monitors, once there are two.
@test "each monitor has less than 1 MB of private memory" {
	! grep -q __asan_init "$CMK_BIN" || skip "built with sanitizers"
	local pid kb
	logged() { [ "$(stat -c %s "$CMK_ROOT"/containers/*/ctr.log | sort -n | head -n 1)" -gt 1000000 ]; }
	run_cmk run -d --name c1 "${RUN[@]}" sh -c 'yes | head -c 20000000; sleep 100'
	run_cmk run -d --name c2 "${RUN[@]}" sh -c 'yes | head -c 20000000; sleep 100'
	assert wait_for 20 logged
	for pid in $(jq -r .monitor_pid "$CMK_RUNROOT"/containers/*/live.json); do
		kb=$(awk '/^Private/ {n += $2} END {print n}' "/proc/$pid/smaps_rollup")
		echo "private: $kb kB"
		assert [ "$kb" -lt 1024 ]
	done
	run_cmk rm -f -t 0 c1 c2
}

@test "stdout and stderr stay apart, the exit code is the container's" {
	run_cmk 42 run --rm "${RUN[@]}" sh -c 'echo out; echo err >&2; exit 42'
	assert_equal "$output" out
	assert_equal "$stderr" err
	run_cmk 143 run --rm "${RUN[@]}" sh -c 'sh -c "kill -TERM \$\$"; exit $?'
}

# bats test_tags=long
@test "output written just before the end is never lost" {
	for _ in $(seq 40); do
		cmk run --rm "${RUN[@]}" sh -c 'echo 1; echo 2 >&2; exec seq 3 2000' >out 2>err
		assert_equal "$(wc -l <out)" 1999
		assert_equal "$(cat err)" 2
	done
}

@test "100 MB pass through stdin and stdout unchanged" {
	want=$(head -c 100000000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null | tee data | md5sum)
	assert_equal "$(timeout 60 cmk run --rm -i "${RUN[@]}" cat <data | md5sum)" "$want"
}

@test "the end of stdin reaches the container, an absent one is empty" {
	assert_equal "$(printf 'a\nb' | timeout 20 cmk run --rm -i "${RUN[@]}" wc -c)" 3
	assert_equal "$(timeout 20 cmk run --rm "${RUN[@]}" wc -c)" 0
	assert_equal "$(timeout 20 cmk run --rm -i "${RUN[@]}" wc -c <&-)" 0
}

@test "a closed stdout ends the writer as a pipe does" {
	first=$(timeout 20 cmk run --rm "${RUN[@]}" yes | head -n 1)
	assert_equal "$first" y
	assert wait_for 10 nothing_left
}

@test "signals to the command reach the container" {
	cmk_background c1 run --rm --name c1 "${RUN[@]}" sh -c 'trap "echo got; exit 7" TERM; echo ready; while :; do sleep 0.1; done'
	pid=$!
	assert wait_for 20 grep -q ready c1.out
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	assert_equal "$status" 7
	assert_match "$(cat c1.out)" got
}

@test "--sig-proxy=false of run, attach and start -a: the command dies of the signal, the container goes on" {
	local how pid
	run_cmk create --name c1 "${RUN[@]}" sh -c 'trap "echo got; exit 7" USR1; while :; do echo ready; sleep 0.1; done'
	for how in "start -a --sig-proxy=false" "attach --sig-proxy=false" "attach" "start -a" "run --sig-proxy=false"; do
		rm -f a.out
		case $how in
		run*) cmk_background a run --name c2 --sig-proxy=false "${RUN[@]}" sh -c 'echo ready; while :; do sleep 0.1; done' ;;
		# shellcheck disable=SC2086
		*) cmk_background a $how c1 ;;
		esac
		pid=$!
		assert wait_for 20 grep -q ready a.out
		kill -USR1 $pid
		status=0
		wait $pid || status=$?
		if [[ $how = *=false ]]; then
			assert_equal "$how $status" "$how $((128 + 10))"
			run_cmk ps --format '{{.Names}}' --filter "name=^c[12]$"
			assert_match "$output" "$([ "${how%% *}" = run ] && echo c2 || echo c1)"
		else
			assert_equal "$how $status" "$how 7"
			assert_match "$(cat a.out)" got
		fi
	done
	run_cmk rm -f -t 0 c1 c2
}

@test "killed by SIGKILL, the command leaves the container running" {
	cmk_background c1 run --name c1 "${RUN[@]}" sh -c 'echo ready; exec sleep 100'
	assert wait_for 20 grep -q ready c1.out
	kill -KILL $!
	wait $! || true
	run_cmk ps -q
	assert [ -n "$output" ]
	run_cmk rm -f -t 0 c1
}

@test "a monitor that dies takes its container along: exited 137" {
	run_cmk run -d --name c1 "${RUN[@]}" sleep 100
	init=$(jq -r .init_pid "$CMK_RUNROOT"/containers/*/live.json)
	kill -KILL "$(monitor_of)"
	gone() { ! kill -0 "$init" 2>/dev/null; }
	assert wait_for 10 gone
	run_cmk ps -a --format '{{.Status}}'
	assert_match "$output" '^Exited \(137\)'
	run_cmk rm c1
}

@test "stop: the stop signal first, SIGKILL after the time" {
	run_cmk run -d --name c1 "${RUN[@]}" sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
	run_cmk stop c1
	run_cmk wait c1
	assert_equal "$output" 3
	run_cmk run -d --name c2 "${RUN[@]}" sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	run_cmk stop -t 0 c2
	run_cmk wait c2
	assert_equal "$output" 137
	run_cmk rm c1 c2
}

@test "run --rm frees the name before it returns" {
	for _ in 1 2 3; do
		run_cmk run --rm --name again "${RUN[@]}" true
	done
	assert nothing_left
}

@test "a kept container starts again at once, and its log goes on" {
	run_cmk run --name c1 "${RUN[@]}" echo once
	run_cmk start -a c1
	assert_equal "$output" once
	run_cmk logs c1
	assert_equal "$output" $'once\nonce'
	run_cmk rm c1
}

@test "the run directory deleted under a container: its socket comes back" {
	run_cmk run -d --name c1 "${RUN[@]}" sleep 100
	# It may be made again while we delete.
	rm -rf "${CMK_RUNROOT:?}/containers" || true
	back() { compgen -G "$CMK_RUNROOT/containers/*/sock" && compgen -G "$CMK_RUNROOT/containers/*/live.json"; }
	assert wait_for 10 back
	run_cmk ps -q
	assert [ -n "$output" ]
	run_cmk stop -t 0 c1
	run_cmk rm c1
}

@test "a command that does not exist: 127, not executable: 126, and nothing stays" {
	run_cmk 127 run --rm "${RUN[@]}" no-such-program
	assert_error 'no-such-program'
	run_cmk 126 run --rm "${RUN[@]}" /etc
	assert_error '/etc'
	assert nothing_left
}

@test "a container of an image starts again while its old mounts are taken down" {
	load_images alpine
	run_cmk run --name c1 --net=none alpine sh -c 'echo line >>/kept; head -c 3000000 /dev/zero >/data; cat /kept'
	assert_equal "$output" line
	for n in 2 3 4 5; do
		run_cmk start -a c1
		assert_equal "${#lines[@]}" "$n"
	done
	run_cmk rm c1
}

@test "a monitor that is told to end stops its container first" {
	run_cmk run -d --name c1 "${RUN[@]}" sh -c 'trap "echo asked; exit 5" TERM; echo ready; while :; do sleep 0.1; done'
	ready() { timeout 20 cmk logs c1 | grep -q ready; }
	assert wait_for 20 ready
	kill -TERM "$(monitor_of)"
	run_cmk wait c1
	assert_equal "$output" 5
	run_cmk logs c1
	assert_match "$output" asked
	run_cmk rm c1
}

@test "a client that floods or babbles does not hurt the container" {
	run_cmk run -d -i --name c1 "${RUN[@]}" cat
	sock=$(echo "$CMK_RUNROOT"/containers/*/sock)
	ln -s "$sock" s
	python3 - <<-'E'
		import os, socket, struct
		def connect():
		    s = socket.socket(socket.AF_UNIX)
		    s.connect("s")
		    return s
		for _ in range(20):
		    s = connect()
		    try:
		        s.sendall(os.urandom(100000))
		    except OSError:
		        pass
		held = [connect() for _ in range(100)]
		for s in held:
		    s.close()
		s = connect()
		s.sendall(struct.pack("<B3xI", 11, 1) + b"\x03" + struct.pack("<B3xI", 1, 6) + b"hello\n")
		s.settimeout(20)
		got = b""
		while b"hello\n" not in got:
		    got += s.recv(4096)
	E
	run_cmk logs c1
	assert_equal "$output" hello
	run_cmk rm -f -t 0 c1
}

@test "a hundred may wait for a container" {
	run_cmk run -d --name c1 "${RUN[@]}" sleep 1000
	for i in $(seq 100); do
		cmk_background "wait$i" wait c1
	done
	waiting() { test "$(pgrep -c -f "$CMK_RUNROOT wait c1")" -ge 100; }
	assert wait_for 20 waiting
	run_cmk stop -t 0 c1
	ended() { ! pgrep -f "$CMK_RUNROOT wait c1" >/dev/null; }
	assert wait_for 20 ended
	assert_equal "$(cat wait*.out | sort | uniq -c | tr -s ' ')" ' 100 137'
	run_cmk rm c1
}

@test "the monitor holds no lock while its container runs" {
	run_cmk run -d --name c1 "${RUN[@]}" sleep 1000
	timeout 5 flock "$CMK_ROOT"/containers/*/ true
	refute_match "$(ls -l "/proc/$(monitor_of)/fd" | wc -l)" '^[3-9][0-9]$'
	run_cmk rm -f -t 0 c1
}

# Three looks, between which a process that goes round and round would be seen running.
sleeps() {
	local i
	for i in 1 2 3; do
		[ "$(ps -o stat= -p "$1" | cut -c1)" = S ] || return 1
		sleep 0.02
	done
}

@test "the monitor sleeps once the command that made it has left" {
	run_cmk create --name c1 "${RUN[@]}" sleep 1000
	run_cmk init c1
	assert wait_for 5 sleeps "$(monitor_of)"
	run_cmk start c1
	assert wait_for 5 sleeps "$(monitor_of)"
	run_cmk rm -f -t 0 c1
}
