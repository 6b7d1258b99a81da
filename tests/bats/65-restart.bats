#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Restart policies: when a container is started again, and what ends that.
load helpers

inspect() { cmk inspect --format "$2" "$1"; }

@test "on-failure:2: two restarts, then its exit code; one log" {
	run_cmk run -d --net=none --name one --restart on-failure:2 --rootfs "$(rootfs)" sh -c 'echo run; exit 3'
	run_cmk wait one
	assert_equal "$output" 3
	run_cmk inspect --format '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' one
	assert_equal "$output" "2 exited 3"
	run_cmk logs one
	assert_equal "${#lines[@]}" 3
	run_cmk run -d --net=none --name good --restart on-failure --rootfs "$(rootfs)" true
	run_cmk wait good
	assert_equal "$(inspect good '{{.RestartCount}}')" 0
	run_cmk start one
	run_cmk wait one
	assert_equal "$(inspect one '{{.RestartCount}}')" 2
	run_cmk rm one good
}

@test "wait: where a policy restarts without limit, the end of one run is enough" {
	for policy in always on-failure; do
		run_cmk run -d --net=none --name one --restart $policy --rootfs "$(rootfs)" sh -c 'exit 4'
		run_cmk wait one
		assert_equal "$output" 4
		run_cmk rm -f -t 0 one
	done
}

@test "run in the foreground stays through its restarts" {
	run_cmk 3 run --net=none --name one --restart on-failure:2 --rootfs "$(rootfs)" sh -c 'echo run; exit 3'
	assert_equal "${#lines[@]}" 3
	run_cmk rm one
}

@test "always: killed from inside or outside it comes back; stop and kill end it" {
	run_cmk run -d --net=none --name one --restart always --rootfs "$(rootfs)" sleep 100
	kill -9 "$(inspect one '{{.State.Pid}}')" 2>/dev/null || run_cmk exec one sh -c 'kill -9 -1'
	wait_for 20 sh -c '[ "$(cmk inspect --format "{{.RestartCount}} {{.State.Status}}" one)" = "1 running" ]'
	run_cmk kill one
	assert_equal "$(inspect one '{{.State.Status}} {{.State.ExitCode}}')" "exited 137"
	run_cmk start one
	run_cmk stop -t 0 one
	assert_equal "$(inspect one '{{.State.Status}}')" exited
	run_cmk rm one
}

@test "between two runs it is restarting: ps says so, stop ends it at once, start and exec know it" {
	run_cmk run -d --net=none --name one --restart always --rootfs "$(rootfs)" sh -c 'exit 4'
	wait_for 20 sh -c '[ "$(cmk inspect --format "{{.RestartCount}}" one)" -ge 4 ]'
	wait_for 20 sh -c '[ "$(cmk inspect --format "{{.State.Status}}" one)" = restarting ]'
	run_cmk ps -a --format '{{.Status}}'
	assert_match "$output" '^Restarting \(4\)'
	run_cmk 255 exec one true
	run_cmk 2 rm one
	run_cmk stop one
	assert_equal "$stderr" ""
	assert_equal "$(inspect one '{{.State.Status}} {{.State.ExitCode}}')" "exited 4"
	run_cmk rm one
	assert_equal "$(ls -A "$CMK_RUNROOT/containers")" ""
}

@test "the network comes back with each run, on the same port" {
	load_images alpine
	run_cmk run -d --name web -p 18080:80 --restart always alpine sh -c 'echo hello >/index.html; exec httpd -f -h /'
	wait_for 10 sh -c 'wget -qO- http://127.0.0.1:18080/index.html | grep -q hello'
	run_cmk exec web sh -c 'kill -9 -1' || true
	kill -9 "$(inspect web '{{.State.Pid}}')" 2>/dev/null || true
	wait_for 20 sh -c '[ "$(cmk inspect --format "{{.RestartCount}}" web)" -ge 1 ]'
	wait_for 10 sh -c 'wget -qO- http://127.0.0.1:18080/index.html | grep -q hello'
	run_cmk rm -f -t 0 web
}

@test "a lost monitor: listings restart nothing; after a reboot start --all --filter does, but not what was stopped" {
	local fs
	fs=$(rootfs)
	run_cmk run -d --net=none --name always --restart always --rootfs "$fs" sleep 100
	run_cmk run -d --net=none --name unless --restart unless-stopped --rootfs "$(rootfs)" sleep 100
	run_cmk run -d --net=none --name stopped --restart unless-stopped --rootfs "$(rootfs)" sleep 100
	run_cmk stop -t 0 stopped
	for c in always unless; do kill -9 "$(inspect $c '{{.State.ConmonPid}}')"; done
	wait_for 10 sh -c '[ "$(cmk inspect --format "{{.State.Status}}" always unless | sort -u)" = exited ]'
	run_cmk ps -q
	assert_equal "$output" ""
	run_cmk start --all --filter should-start-on-boot=true
	assert_equal "${#lines[@]}" 2
	assert_equal "$(inspect always '{{.State.Status}}') $(inspect unless '{{.State.Status}}') $(inspect stopped '{{.State.Status}}')" "running running exited"
	run_cmk rm -fa -t 0
}

@test "--restart: bad words, and what excludes it" {
	run_cmk 125 create --restart maybe --rootfs "$(rootfs)" true
	assert_error "invalid restart policy"
	run_cmk 125 create --restart on-failure:x --rootfs "$(rootfs)" true
	run_cmk 125 create --restart always:3 --rootfs "$(rootfs)" true
	run_cmk 125 create --rm --restart always --rootfs "$(rootfs)" true
	assert_error "the --rm option conflicts with --restart"
	run_cmk run --rm --restart no --net=none --rootfs "$(rootfs)" true
	run_cmk 125 create --rm --restart unless-stopped --rootfs "$(rootfs)" true
	assert_error "the --rm option conflicts with --restart"
}

@test "--rm with --restart on-failure: run again, and removed in the end" {
	local fs
	fs=$(rootfs)
	run_cmk 3 run --rm --name again --restart on-failure:2 --net=none -v "$BATS_TEST_TMPDIR:/out" \
		--rootfs "$fs" sh -c 'echo x >>/out/runs; exit 3'
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/runs")" 3
	wait_for 10 sh -c '! cmk container exists again'
	rm "$BATS_TEST_TMPDIR/runs"
	run_cmk run -d --rm --name again --restart on-failure --net=none -v "$BATS_TEST_TMPDIR:/out" \
		--rootfs "$fs" sh -c 'echo x >>/out/runs; [ $(wc -l </out/runs) = 2 ]'
	wait_for 10 sh -c '! cmk container exists again'
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/runs")" 2
}

@test "a run that cannot start again is the end, with the reason in the record" {
	local fs
	fs=$(rootfs)
	printf '#!/bin/sh\nrm /once; exit 1\n' >"$fs/once"
	chmod 755 "$fs/once"
	run_cmk run -d --net=none --name one --restart always --rootfs "$fs" /once
	wait_for 20 sh -c '[ "$(cmk inspect --format "{{.State.Status}} {{.State.ExitCode}}" one)" = "exited 127" ]'
	assert_match "$(inspect one '{{.State.Error}}')" once
	run_cmk rm one
}

@test "the monitor keeps no descriptor of a run that is over" {
	run_cmk run -d --name one --restart always --rootfs "$(rootfs)" sleep 100
	m=$(inspect one '{{.State.ConmonPid}}')
	n=$(ls "/proc/$m/fd" | wc -l)
	run_cmk restart -t 0 one
	run_cmk restart -t 0 one
	assert_equal "$(ls "/proc/$m/fd" | wc -l)" "$n"
	run_cmk rm -f -t 0 one
}
