#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Commands in a running container.
load helpers

setup() {
	common_setup
	run_cmk run -d --name c1 --net=none -e GIVEN=yes --rootfs "$(rootfs)" sleep 1000
}

teardown() {
	timeout 20 cmk rm -f -t 0 c1 >/dev/null 2>&1 || true
	common_teardown
}

@test "exec runs in the container's namespaces, its code is ours" {
	run_cmk exec c1 sh -c 'echo $$; cat /proc/1/comm'
	assert_match "$output" sleep
	run_cmk 42 exec c1 sh -c 'echo out; echo err >&2; exit 42'
	assert_equal "$output" out
	assert_equal "$stderr" err
	run_cmk 143 exec c1 sh -c 'kill -TERM $$'
}

@test "exec: unknown container 125, not running 255, not found 127, not executable 126" {
	run_cmk 125 exec nobody true
	assert_error nobody
	run_cmk 127 exec c1 no-such-program
	assert_error no-such-program
	run_cmk 126 exec c1 /etc
	assert_error /etc
	# There is no command whose exit code it could be.
	run_cmk 125 exec -d c1 no-such-program
	assert_error no-such-program
	run_cmk 125 exec -d c1 /etc
	run_cmk inspect -f '{{len .ExecIDs}}' c1
	assert_equal "$output" 0
	run_cmk stop -t 0 c1
	run_cmk 255 exec c1 true
	assert_error 'exited'
}

@test "exec -e, --env-file, -w, -u" {
	printf '# comment\nFROM_FILE=a b\n' >vars
	COPIED=copy run_cmk exec -e SET=1 -e COPIED --env-file vars -w /tmp c1 sh -c 'echo $GIVEN $SET $COPIED $FROM_FILE $PWD'
	assert_equal "$output" 'yes 1 copy a b /tmp'
	run_cmk exec -u 1000:1000 c1 id
	assert_match "$output" 'uid=1000.* gid=1000'
	run_cmk 126 exec -u nobody-here c1 true
	assert_error nobody-here
	run_cmk 125 exec -w tmp c1 true
	assert_error 'not an absolute path'
	run_cmk 127 exec -w /missing c1 pwd
	assert_error 'chdir to `/missing`: No such file or directory'
}

@test "exec -i streams stdin and its end, 20 MB unchanged" {
	assert_equal "$(printf abc | timeout 20 cmk exec -i c1 wc -c)" 3
	assert_equal "$(echo lost | timeout 20 cmk exec c1 wc -c)" 0
	want=$(head -c 20000000 /dev/urandom | tee data | md5sum)
	assert_equal "$(timeout 60 cmk exec -i c1 cat <data | md5sum)" "$want"
}

@test "exec -it is a terminal with the window's size" {
	"$FIXTURES/terminal" cmk exec -it c1 sh <<-'E'
		expect [#$] 
		raw
		send stty size; echo $TERM\r
		expect 24 80
		expect xterm
		send exit 7\r
		wait 7
		cooked
	E
}

@test "exec -it: the session hangs up when the command is killed" {
	"$FIXTURES/terminal" cmk exec -it c1 sh -c 'echo ready; exec sleep 777' <<-'E'
		expect ready
		raw
		signal SIGKILL
		wait -9
		cooked
	E
	ended() { ! timeout 20 cmk exec c1 pgrep -f 'sleep 777' | grep -q .; }
	assert wait_for 10 ended
}

@test "exec -d returns at once and goes on" {
	run_cmk exec -d c1 sh -c 'sleep 0.2; echo done >/tmp/done'
	assert_match "$output" "^[0-9a-f]{64}$"
	finished() { timeout 20 cmk exec c1 test -e /tmp/done; }
	assert wait_for 10 finished
}

@test "an exec session ends with its container" {
	cmk_background session exec c1 sh -c 'echo ready; exec sleep 1000'
	pid=$!
	assert wait_for 20 grep -q ready session.out
	run_cmk stop -t 0 c1
	status=0
	wait $pid || status=$?
	assert_equal "$status" 137
}

@test "what an exec session leaves in the background does not hold it" {
	run_cmk exec c1 sh -c 'sleep 50 & echo started'
	assert_equal "$output" started
}

@test "exec -d prints the session's id; inspect lists it while it runs; it survives the command" {
	run_cmk exec -d c1 sh -c 'while [ ! -e /tmp/stop ]; do sleep 0.05; done'
	session=$output
	assert_match "$session" '^[0-9a-f]{64}$'
	run_cmk inspect --format '{{json .ExecIDs}}' c1
	assert_equal "$output" "[\"$session\"]"
	run_cmk exec c1 touch /tmp/stop
	no_session() { [ "$(cmk inspect --format '{{len .ExecIDs}}' c1)" = 0 ]; }
	wait_for 5 no_session
}

@test "a session whose monitor was killed is not listed, and ends; nothing of it is left" {
	cmk exec -d c1 sleep 1234
	run_cmk inspect --format '{{len .ExecIDs}}' c1
	assert_equal "$output" 1
	pid=$(pgrep -u "$UID" -f '^sleep 1234$' | head -n 1)
	kill -9 "$(awk '{print $4}' "/proc/$pid/stat")"
	run_cmk inspect --format '{{len .ExecIDs}}' c1
	assert_equal "$output" 0
	gone() { ! pgrep -u "$UID" -f '^sleep 1234$'; }
	wait_for 5 gone
	cmk exec -d c1 sleep 1235
	run_cmk rm -f -t 0 c1
	left() { [ -z "$(ls "$CMK_RUNROOT/exec")" ]; }
	wait_for 5 left
}

@test "exec writes events with the code; --no-session leaves no trace" {
	run_cmk 3 exec c1 sh -c 'exit 3'
	run_cmk exec --no-session c1 true
	run_cmk exec --no-session -d c1 sleep 100
	run_cmk inspect --format '{{len .ExecIDs}}' c1
	assert_equal "$output" 0
	assert_equal "$(jq -r 'select(.status | startswith("exec")) | "\(.status) \(.exit_code)"' "$CMK_ROOT/events/log")" \
		$'exec null\nexec_died 3'
}

@test "exec --preserve-fds and --preserve-fd pass descriptors on under their numbers" {
	echo three >f3 && echo five >f5
	run_cmk exec --preserve-fds 1 c1 cat /proc/self/fd/3 3<f3
	assert_equal "$output" three
	run_cmk exec --preserve-fd 5 c1 sh -c 'cat <&5; ls /proc/self/fd' 3<f3 5<f5
	assert_equal "${lines[0]}" five
	refute_match "$output" $'\n4(\n|$)'
	run_cmk 125 exec --preserve-fds 20 c1 true
	assert_error 'not available'
	run_cmk 125 exec --preserve-fd 2 c1 true
	assert_error 'preserve-fd'
}

@test "exec --latest, --cidfile; a command is needed" {
	run_cmk inspect --format '{{.Id}}' c1
	printf %s "$output" >cid
	run_cmk exec --latest echo of-latest
	assert_equal "$output" of-latest
	run_cmk exec --cidfile cid echo of-file
	assert_equal "$output" of-file
	run_cmk 125 exec c1
	assert_error 'must provide a non-empty command to start an exec session: invalid argument'
	run_cmk 125 exec --cidfile cid --latest true
	assert_error '--latest and --cidfile can not be used together'
	run_cmk 125 exec --latest
	run_cmk 125 exec --cidfile nothing-here true
	assert_error nothing-here
}

@test "exec and attach say which states they want" {
	run_cmk create --name made --net=none --rootfs "$(rootfs)" true
	run_cmk 255 exec made true
	assert_error 'can only create exec sessions on running containers: container state improper'
	run_cmk 125 attach made
	assert_error 'you can only attach to running containers'
	run_cmk stop -t 0 c1
	run_cmk 255 exec c1 true
	run_cmk 125 attach c1
	assert_error 'you can only attach to running containers'
	run_cmk 125 attach nobody
	run_cmk 125 attach
	run_cmk rm made
}

@test "attach events: of a foreground run, of start -a, of attach; none of run -d" {
	count() { grep -c '"status":"attach"' "$CMK_ROOT/events/log" || true; }
	assert_equal "$(count)" 0
	run_cmk run --name fg --net=none --rootfs "$(rootfs)" true
	assert_equal "$(count)" 1
	run_cmk start -a fg
	assert_equal "$(count)" 2
	run_cmk run -d --name bg --net=none --rootfs "$(rootfs)" sleep 1000
	assert_equal "$(count)" 2
	cmk_background att attach bg
	three() { [ "$(count)" = 3 ]; }
	wait_for 5 three
	run_cmk rm -f -t 0 fg bg
	wait $! || true
}

@test "exec --wait waits for a container that is to come" {
	run_cmk 125 exec --wait 1 later echo hi
	assert_error 'timed out waiting for container: later'
	run_cmk exec --wait 5 c1 echo at-once
	assert_equal "$output" at-once
	cmk_background waits exec --wait 30 later echo hi
	local pid=$!
	run_cmk run -d --name later --net=none --rootfs "$(rootfs)" sleep 1000
	wait "$pid"
	assert_equal "$(cat waits.out)" hi
	run_cmk rm -f -t 0 later
}

@test "exec with a terminal where there is none says nothing of it" {
	run_cmk exec -ti c1 echo hi </dev/null
	assert_equal "$output" $'hi\r'
	assert_equal "$stderr" ""
}
