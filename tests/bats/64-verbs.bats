#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# restart, pause, unpause, init, rename, wait, update, prune, cleanup, and how containers are chosen.
load helpers

# A container whose program answers SIGTERM with exit code 5.
polite() {
	run_cmk run -d --net=none --name "$1" "${@:2}" --rootfs "$(rootfs)" sh -c 'trap "exit 5" TERM; echo up; while :; do sleep 0.1; done'
	wait_for 10 sh -c "cmk logs $1 | grep -q up"
}
state() { cmk inspect --format '{{.State.Status}}' "$1"; }

# The command PID waits for another process by its pidfd.
holds_pidfd() { [ -n "$(find "/proc/$1/fd" -lname '*pidfd*' 2>/dev/null)" ]; }

@test "restart: ends it politely and runs it again, with the same ID; a stopped one is started" {
	polite one
	id=$output pid=$(cmk inspect --format '{{.State.Pid}}' one)
	run_cmk restart one
	assert_equal "$output" one
	assert [ "$(cmk inspect --format '{{.State.Pid}}' one)" != "$pid" ]
	wait_for 10 sh -c 'test "$(cmk logs one | grep -c up)" = 2'
	run_cmk inspect --format '{{.RestartCount}} {{.State.Status}}' one
	assert_equal "$output" "0 running"
	run_cmk stop one
	run_cmk restart one
	assert_equal "$(state one)" running
	run_cmk stop one
	run_cmk restart --running
	assert_equal "$output" ""
	assert_equal "$(state one)" exited
	run_cmk 125 restart nosuch
	assert_error "no such container"
	run_cmk rm one
}

@test "restart: who is attached stays attached, and a --rm container stays" {
	cmk_background fg run --rm --net=none --name fg --rootfs "$(rootfs)" sh -c 'trap "exit 5" TERM; echo up; while :; do sleep 0.1; done'
	fg=$!
	wait_for 10 grep -q up fg.out
	run_cmk restart fg
	wait_for 10 sh -c 'test "$(grep -c up fg.out)" = 2'
	run_cmk stop fg
	wait "$fg" || code=$?
	assert_equal "$code" 5
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "pause: everything in it stands still until unpause; what it refuses meanwhile" {
	[ -n "$TEST_CG" ] || skip "no delegated cgroup"
	polite one
	run_cmk 125 unpause one
	assert_error "is not paused, can't unpause"
	run_cmk pause one
	assert_equal "$output" one
	assert_equal "$(state one)" paused
	run_cmk ps --filter status=paused --format '{{.Names}}'
	assert_equal "$output" one
	run_cmk 125 pause one
	assert_error "is already paused"
	run_cmk 255 exec one true
	run_cmk 125 stop one
	assert_error "container state improper"
	run_cmk 125 restart one
	assert_error "container state improper"
	run_cmk 125 start one
	run_cmk 2 rm one
	run_cmk unpause --all
	assert_match "$output" '^[0-9a-f]{64}$'
	assert_equal "$(state one)" running
	run_cmk pause one
	run_cmk kill one
	run_cmk wait one
	assert_equal "$output" 137
	run_cmk 125 pause one
	assert_error "is not running, can't pause"
	run_cmk start one
	run_cmk pause -l
	run_cmk rm -f one
	assert_equal "$output" one
}

@test "pause: the kernel's word counts, not a record: frozen and thawed by others" {
	[ -n "$TEST_CG" ] || skip "no delegated cgroup"
	polite one
	g=/sys/fs/cgroup$(cmk inspect --format '{{.State.CgroupPath}}' one)
	echo 1 >"$g/cgroup.freeze"
	wait_for 10 sh -c '[ "$(cmk inspect --format "{{.State.Status}}" one)" = paused ]'
	echo 0 >"$g/cgroup.freeze"
	wait_for 10 sh -c '[ "$(cmk inspect --format "{{.State.Status}}" one)" = running ]'
	run_cmk stop one
	run_cmk rm one
}

@test "init: all is made but the program; start goes on, stop and rm end it" {
	run_cmk create --net=none --name one --rootfs "$(rootfs)" sh -c 'echo ran; exit 7'
	run_cmk init one
	assert_equal "$output" one
	assert_equal "$(state one)" initialized
	run_cmk ps -a --filter status=initialized --format '{{.Names}}'
	assert_equal "$output" one
	run_cmk logs one
	assert_equal "$output" ""
	run_cmk 125 init one
	assert_error "has already been created in runtime"
	run_cmk 7 start -a one
	assert_equal "$output" ran
	run_cmk init one
	run_cmk stop one
	assert_equal "$stderr" ""
	assert_equal "$(state one)" exited
	run_cmk init --latest
	run_cmk rm one
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "init --all tells of those that run as well" {
	run_cmk create --net=none --name one --rootfs "$(rootfs)" true
	run_cmk run -d --net=none --name two --rootfs "$(rootfs)" sleep 1000
	run_cmk init --all
	assert_equal "$(sort <<<"$output" | wc -l)" 2
	assert_equal "$(state one) $(state two)" 'initialized running'
	run_cmk rm -f -t 0 -a
}

@test "rm: where one is not there, none is removed" {
	run_cmk create --net=none --name one --rootfs "$(rootfs)" true
	run_cmk 1 rm nope one
	assert_error 'no container with ID or name "nope" found: no such container'
	run_cmk 1 rm one nope
	assert_equal "$output" ''
	run_cmk container exists one
	run_cmk start one
	run_cmk wait one
	run_cmk rm --ignore nope one
	assert_equal "$output" one
	run_cmk create --net=none --name one --rootfs "$(rootfs)" true
	run_cmk rm -f nope one
	assert_equal "$output" one
}

@test "init: what waits holds nothing of its caller" {
	local out
	run_cmk create --name one alpine sleep 1000
	out=$(timeout 10 cmk init one 2>&1)
	assert_equal "$out" one
	run_cmk start one
	run_cmk rm -f -t 0 one
}

@test "init, start: a program that is not there is told at the start" {
	run_cmk create --net=none --name one --rootfs "$(rootfs)" /no/such/program
	run_cmk 125 init one
	assert_error "no such file or directory"
	run_cmk 125 start -a one
	run_cmk rm one
}

@test "rename: the old name is free, the new one works, running or not" {
	polite one
	run_cmk rename one two
	assert_equal "$output" ""
	run_cmk 125 inspect one
	run_cmk ps --format '{{.Names}}'
	assert_equal "$output" two
	run_cmk rename two two
	run_cmk create --net=none --name one --rootfs "$(rootfs)" true
	run_cmk 125 rename one two
	assert_error "already in use"
	run_cmk 125 rename one "no/name"
	run_cmk 125 rename nosuch x
	run_cmk stop two
	run_cmk rm one two
	assert_equal "$(ls -A "$CMK_ROOT/container-names")" ""
}

@test "rename: a --rm container takes its new name with it" {
	cmk_background fg run --rm --net=none --name one --rootfs "$(rootfs)" sh -c 'trap "exit 5" TERM; echo up; while :; do sleep 0.1; done'
	wait_for 10 grep -q up fg.out
	run_cmk rename one two
	run_cmk stop two
	wait "$!" || true
	assert_equal "$(ls -A "$CMK_ROOT/container-names")" ""
}

@test "wait: for states, several containers, and what is not there" {
	run_cmk create --net=none --name one --rootfs "$(rootfs)" sleep 100
	run_cmk wait --condition created one
	assert_equal "$output" -1
	cmk_background w1 wait --condition running one
	w1=$!
	run_cmk start one
	wait "$w1"
	assert_equal "$(cat w1.out)" -1
	cmk_background w2 wait --condition=removing one
	w2=$!
	cmk_background w3 wait one
	w3=$!
	wait_for 20 holds_pidfd "$w2"
	wait_for 20 holds_pidfd "$w3"
	run_cmk rm -f -t 0 one
	wait "$w2" "$w3"
	assert_equal "$(cat w2.out) $(cat w3.out)" "-1 137"
	dir=$(rootfs)
	run_cmk run -d --rm --net=none --name gone --rootfs "$dir" sh -c 'until [ -e /go ]; do sleep 0.05; done; exit 4'
	cmk_background w4 wait gone
	w4=$!
	wait_for 20 holds_pidfd "$w4"
	touch "$dir/go"
	wait "$w4"
	assert_equal "$(cat w4.out)" 4
	run_cmk wait --ignore nosuch
	assert_equal "$output" -1
	run_cmk --root "$T/empty" wait --ignore --latest
	assert_equal "$output" -1
	run_cmk 125 wait nosuch
	assert_error "no such container"
	run_cmk 125 wait --condition sleeping one
	assert_error "unknown container state"
	run_cmk 125 wait --interval x one
	assert_error "invalid duration"
	run_cmk 125 wait
	assert_error "at least one name"
}

@test "wait --exit-first-match: the first of several" {
	polite one
	run_cmk run -d --net=none --name two --rootfs "$(rootfs)" sh -c 'sleep 0.3; exit 9'
	run_cmk wait --exit-first-match one two
	assert_equal "$output" 9
	run_cmk stop one
	run_cmk rm one two
}

@test "update: the restart policy and variables; what it refuses" {
	polite one
	id=$(cmk inspect --format '{{.Id}}' one)
	run_cmk update --restart on-failure:3 one
	assert_equal "$output" "$id"
	run_cmk inspect --format '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' one
	assert_equal "$output" "on-failure 3"
	run_cmk update -e COLOUR=red one
	run_cmk exec one sh -c 'echo $COLOUR'
	assert_equal "$output" red
	run_cmk update --unsetenv COLOUR one
	run_cmk exec one sh -c 'echo "<$COLOUR>"'
	assert_equal "$output" "<>"
	run_cmk update --ulimit nofile=512:600,nproc=500 one
	run_cmk update --ulimit nofile=300 one
	run_cmk exec one sh -c 'ulimit -n; ulimit -Hn'
	assert_equal "$output" $'300\n300'
	run_cmk restart -t 0 one
	run_cmk exec one sh -c 'ulimit -n; grep processes /proc/1/limits'
	assert_match "$output" '^300.Max processes +500 +500 '
	run_cmk 125 update --ulimit nofile:1024:1024 one
	assert_error "error in --ulimit: ulimit 'nofile:1024:1024': not of the form"
	run_cmk 125 update --ulimit nofile=200:100 one
	assert_error "error in --ulimit: .*soft limit must be less than or equal to hard limit"
	run_cmk 125 update --restart sometimes one
	assert_error "invalid restart policy"
	run_cmk 125 update --memory 1k one
	run_cmk 125 update one
	# The new policy counts for the run that is under way.
	# It may be killed with what it ends.
	run_cmk '?' exec one sh -c 'kill -TERM 1'
	wait_for 10 sh -c '[ "$(cmk inspect --format "{{.RestartCount}} {{.State.Status}}" one)" = "1 running" ]'
	run_cmk rm -f one
}

@test "container prune: what does not run, with filters and a question" {
	polite one
	run_cmk create --net=none --name two --label keep=1 --rootfs "$(rootfs)" true
	run_cmk create --net=none --name three --rootfs "$(rootfs)" true
	three=$output
	run_cmk container prune </dev/null
	assert_match "$stderr" 'Are you sure you want to continue\? \[y/N\]'
	assert_equal "$output" ""
	run_cmk container prune -f --filter 'label!=keep'
	assert_equal "$output" "$three"
	run_cmk 125 container prune -f --filter name=one
	assert_error "invalid filter"
	run_cmk container prune <<<y
	run_cmk create --net=none --name four --rootfs "$(rootfs)" true
	four=$output
	run_cmk init four
	run_cmk container prune -f
	assert_equal "$output" "$four"
	run_cmk ps -a --format '{{.Names}}'
	assert_equal "$output" one
	run_cmk stop one
	run_cmk container cleanup one
	assert_equal "$output" one
	run_cmk container cleanup --rm one
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "start: --filter beside names chooses among them; policies that there are not are refused" {
	for name in one two; do run_cmk create --net=none --name $name --rootfs "$(rootfs)" sleep 100; done
	run_cmk create --net=none --name three --restart on-failure --rootfs "$(rootfs)" sleep 100
	run_cmk start --filter restart-policy=on-failure one three
	assert_equal "$output" three
	assert_equal "$(state one)" created
	run_cmk start one -f status=running
	assert_equal "$output" ""
	run_cmk 125 start --filter restart-policy=fakepolicy one
	assert_error "fakepolicy invalid restart policy"
	run_cmk 125 start --filter status=created one nosuch
	assert_error 'no container with name or ID "nosuch" found'
	run_cmk 125 stop --filter status=running three
	assert_error "takes no arguments"
	run_cmk rm -f -t 0 one two three
}

@test "a name may be written with a slash before it, as docker's API does" {
	run_cmk create --net=none --name /one --rootfs "$(rootfs)" true
	run_cmk ps -a --filter 'name=^/one$' --format '{{.Names}}'
	assert_equal "$output" one
	run_cmk rename /one /two
	run_cmk inspect --format '{{.Name}}' /two
	assert_equal "$output" two
	run_cmk 125 create --net=none --name two/ --rootfs "$(rootfs)" true
	run_cmk 1 rm /one
	assert_error 'no container with ID or name "/one" found: no such container'
	run_cmk rm /two
	assert_equal "$output" /two
}

@test "kill: signals with a dash before them, and those that do not exist" {
	run_cmk run -d --net=none --name one --rootfs "$(rootfs)" sh -c 'trap "exit 9" USR1; echo up; while :; do sleep 0.1; done'
	wait_for 10 sh -c 'cmk logs one | grep -q up'
	run_cmk kill -s -SIGUSR1 one
	run_cmk wait one
	assert_equal "$output" 9
	for bad in 0 SIG BADSIG %%; do
		run_cmk 125 kill -s $bad one
		assert_error "^Error: invalid signal: $bad\$"
	done
	run_cmk 125 kill -s -BADSIG one
	assert_error '^Error: invalid signal: BADSIG$'
	for bad in 65 -65 999; do
		run_cmk 125 kill -s $bad one
		assert_error '^Error: valid signals are 1 through 64$'
	done
	run_cmk rm one
}

@test "choosing: --latest, --filter, several --cidfile, and what excludes what" {
	run_cmk create --net=none --cidfile a --label x --rootfs "$(rootfs)" sleep 100
	a=$output
	run_cmk create --net=none --cidfile b --rootfs "$(rootfs)" sleep 100
	b=$output
	run_cmk start --latest
	assert_equal "$output" "$b"
	run_cmk start --filter label=x
	assert_equal "$output" "$a"
	run_cmk kill --cidfile a --cidfile b
	assert_equal "${lines[0]} ${lines[1]}" "$a $b"
	run_cmk start --all
	assert_equal "${#lines[@]}" 2
	run_cmk 125 stop --all --latest
	assert_error "--all and --latest cannot be used together"
	run_cmk 125 stop --all "$a"
	assert_error "no arguments are needed with --all"
	run_cmk 125 stop --latest "$a"
	assert_error "--latest and containers cannot be used together"
	run_cmk 125 stop --all --cidfile a
	assert_error "cannot be used together"
	run_cmk 125 stop --cidfile nosuch
	assert_error "^Error: reading CIDFile: open nosuch: no such file or directory\$"
	run_cmk stop --ignore --cidfile nosuch
	for c in start stop restart pause unpause rm; do
		run_cmk 125 "$c" --latest --filter label=x
		assert_error "--filter and --latest cannot be used together"
	done
	run_cmk 125 stop --filter nokey=1
	assert_error "invalid filter"
	run_cmk 125 start --attach "$a" "$b"
	assert_error "you cannot start and attach multiple containers at once"
	# A filter chooses among what the files name.
	run_cmk stop -t 0 --cidfile b --filter label=x
	assert_equal "$output" ""
	run_cmk stop -t 0 --cidfile a --cidfile b --filter label=x
	assert_equal "$output" "$a"
	run_cmk rm -f -t 0 --filter label=x
	assert_equal "$output" "$a"
	run_cmk rm -f -t 0 --latest
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "container X: every command has its two-word form" {
	for c in attach cleanup create exec init inspect kill logs pause prune remove rename restart rm run start stop unpause update wait; do
		run_cmk container "$c" --help
		assert_match "$output" "cmk (container )?${c/#remove/rm}"
	done
	run_cmk create --net=none --name gone --rootfs "$(rootfs)" true
	run_cmk container remove gone
	run_cmk 1 container exists gone
}

@test "--requires: started first, and kept while it is needed; --depend" {
	run_cmk create --net=none --name db --rootfs "$(rootfs)" sleep 100
	run_cmk create --net=none --name web --requires db --rootfs "$(rootfs)" sleep 100
	run_cmk start web
	assert_equal "$(state db)" running
	run_cmk 125 rm -f -t 0 db
	assert_error "has dependent containers which must be removed before it"
	assert_equal "$(state db)" running
	run_cmk rm -f -t 0 --depend db
	assert_equal "${#lines[@]}" 2
	run_cmk 125 create --requires nosuch --rootfs "$(rootfs)" true
	assert_error "no such container"
}

@test "--replace: takes the name from whoever has it" {
	polite one
	run_cmk run -d --replace --net=none --name one --rootfs "$(rootfs)" sleep 100
	new=$output
	run_cmk ps -a --no-trunc --format '{{.ID}} {{.Names}}'
	assert_equal "$output" "$new one"
	run_cmk run -d --replace --net=none --name other --rootfs "$(rootfs)" sleep 100
	run_cmk 125 create --replace --rootfs "$(rootfs)" true
	assert_error "cannot replace container without --name being set"
	run_cmk rm -f -t 0 one other
}

@test "start --all and start --filter leave alone what runs" {
	run_cmk run -d --net=none --name up --rootfs "$(rootfs)" sleep 100
	run_cmk create --net=none --name idle --rootfs "$(rootfs)" sleep 100
	run_cmk create --net=none --name other --restart=always --rootfs "$(rootfs)" sleep 100
	run_cmk start --filter restart-policy=none
	assert_match "$output" '^[0-9a-f]{64}$'
	assert_equal "$output" "$(cmk inspect --format '{{.Id}}' idle)"
	run_cmk start --all
	assert_equal "$output" "$(cmk inspect --format '{{.Id}}' other)"
	run_cmk start --all
	assert_equal "$output" ""
	run_cmk start up
	assert_equal "$output" up
	run_cmk 125 start --filter restart-policy=fake up
	assert_equal "$stderr" "Error: fake invalid restart policy"
	run_cmk rm -f -t 0 up idle other
}

@test "a container is told of the interrupt that a shell ignores for its background jobs" {
	local pid
	sh -c "exec '$T/bin/cmk' run --net=none --name c --rootfs '$(rootfs)' sh -c 'trap \"echo bye; exit 3\" INT; echo up; while :; do sleep 0.1; done'" </dev/null >out 2>&1 3>&- &
	pid=$!
	wait_for 10 grep -q up out
	kill -INT $pid
	wait_for 10 grep -q bye out
	run_cmk wait c
	assert_equal "$output" 3
	run_cmk rm c
}

@test "--timeout, --pidfile, --conmon-pidfile" {
	run_cmk 255 run --net=none --name late --timeout 1 --rootfs "$(rootfs)" sleep 100
	run_cmk inspect --format '{{.State.Status}} {{.State.ExitCode}}' late
	assert_equal "$output" "exited -1"
	run_cmk rm late
	run_cmk 255 run --rm --net=none --timeout 1 --rootfs "$(rootfs)" sleep 100
	run_cmk run -d --net=none --name one --pidfile p --conmon-pidfile m --rootfs "$(rootfs)" sleep 100
	run_cmk inspect --format '{{.State.Pid}} {{.State.ConmonPid}}' one
	assert_equal "$output" "$(cat p) $(cat m)"
	run_cmk rm -f -t 0 one
	run_cmk 125 run --rm --net=none --pidfile /nosuch/p --rootfs "$(rootfs)" true
	assert_error "pid file"
}

@test "stop: at once where process 1 cannot receive the signal, and with -t -1 it waits" {
	run_cmk run -d --net=none --name deaf --rootfs "$(rootfs)" sleep 100
	run_cmk stop deaf
	assert_match "$stderr" "StopSignal SIGTERM failed to stop container deaf in 10 seconds, resorting to SIGKILL: its first process"
	run_cmk run -d --net=none --name slow --rootfs "$(rootfs)" sh -c 'trap "sleep 1; exit 6" TERM; echo up; while :; do sleep 0.1; done'
	wait_for 10 sh -c 'cmk logs slow | grep -q up'
	run_cmk stop -t -1 slow
	assert_equal "$stderr" ""
	run_cmk wait slow
	assert_equal "$output" 6
	run_cmk rm deaf slow
}

@test "stop: a first process that waits for its signals gets them, however it does" {
	local fs
	fs=$(rootfs)
	# Our own init waits in sigwaitinfo(2), where the kernel shows nothing as blocked.
	run_cmk run -d --net=none --name waits --init --rootfs "$fs" sh -c 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done'
	wait_for 10 sh -c 'cmk logs waits | grep -q up'
	run_cmk stop waits
	assert_equal "$stderr" ""
	run_cmk wait waits
	assert_equal "$output" 9
	run_cmk rm waits
}

@test "stop, restart: another signal than the container's own" {
	run_cmk run -d --net=none --name one --rootfs "$(rootfs)" sh -c 'trap "exit 5" TERM; trap "exit 7" USR1; echo up; while :; do sleep 0.1; done'
	wait_for 10 sh -c 'cmk logs one | grep -q up'
	run_cmk restart -s USR1 one
	wait_for 10 sh -c 'test "$(cmk logs one | grep -c up)" = 2'
	run_cmk stop --signal sigusr1 one
	run_cmk wait one
	assert_equal "$output" 7
	run_cmk 125 stop -s NOSUCH one
	assert_error "invalid signal"
	run_cmk rm one
}

@test "events: one for each thing that happened" {
	polite one
	run_cmk restart one
	if [ -n "$TEST_CG" ]; then cmk pause one; cmk unpause one; fi
	run_cmk rename one two
	run_cmk update --restart no two
	run_cmk stop two
	run_cmk rm two
	got=" $(cmk events --stream=false --since 1h --format '{{.Status}}' | tr '\n' ' ')"
	for e in create init start died restart rename update stop cleanup remove; do
		assert_match "$got" " $e "
	done
	[ -z "$TEST_CG" ] || assert_match "$got" " pause unpause "
}

@test "--preserve-fds, --preserve-fd: the caller's descriptors, under their own numbers" {
	exec 7<<<hello
	run_cmk run --rm --net=none --preserve-fd 7 --rootfs "$(rootfs)" sh -c 'cat <&7'
	assert_equal "$output" hello
	exec 7<&-
	run_cmk 125 run --rm --net=none --preserve-fd 7 --rootfs "$(rootfs)" true
	assert_error "file descriptor 7 is not available - the preserve-fds option requires"
}

@test "--sdnotify: without systemd's socket nothing is passed on" {
	run_cmk run --rm --net=none --sdnotify container --rootfs "$(rootfs)" sh -c 'echo "<$NOTIFY_SOCKET>"'
	assert_equal "$output" "<>"
	NOTIFY_SOCKET=$T/notify run_cmk run --rm --net=none --rootfs "$(rootfs)" sh -c 'echo "<$NOTIFY_SOCKET>"; test -S "$NOTIFY_SOCKET"'
	assert_equal "$output" "</run/notify/notify.sock>"
	NOTIFY_SOCKET=$T/notify run_cmk run --rm --net=none --sdnotify ignore --rootfs "$(rootfs)" sh -c 'echo "<$NOTIFY_SOCKET>"'
	assert_equal "$output" "<>"
	run_cmk 125 create --sdnotify maybe --rootfs "$(rootfs)" true
	run_cmk 125 create --sdnotify healthy --rootfs "$(rootfs)" true
	assert_error 'sdnotify policy "healthy" requires a healthcheck to be set'
	NOTIFY_SOCKET=$T/notify run_cmk create --net=none --name told --rootfs "$(rootfs)" true
	NOTIFY_SOCKET=$T/notify run_cmk create --net=none --name quiet --sdnotify ignore --rootfs "$(rootfs)" true
	run_cmk inspect --format '{{.Config.SdNotifyMode}} {{.Config.SdNotifySocket}}' told quiet
	assert_equal "$output" "container $T/notify
ignore "
	run_cmk rm told quiet
}

# A socket as systemd has it, and what came to it.
notify_socket() {
	python3 - "$T/notify" "$T/notified" <<-'E' 3>&- &
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	s.settimeout(60)
	with open(sys.argv[2], "w", buffering=1) as out:
	    while True:
	        try:
	            text = s.recv(4096).decode()
	        except TimeoutError:
	            break
	        if text == "END":
	            break
	        out.write(text.rstrip("\n") + "\n")
	E
	NOTIFY_PID=$!
	wait_for 10 test -S "$T/notify"
}
notify_end() {
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"END", sys.argv[1])' "$T/notify"
	wait "$NOTIFY_PID"
	rm -f "$T/notify"
}
notified() { grep -qx "$1" "$T/notified"; }

# bats test_tags=long
@test "--sdnotify=container: what the program says of itself goes on, and nothing else" {
	load_images debian
	notify_socket
	NOTIFY_SOCKET=$T/notify run_cmk run -d --net=none --name one debian perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $ENV{NOTIFY_SOCKET}) or die;
		$s->send("MAINPID=1\nSTATUS=warm\nREADY=1\nFDSTORE=1"); sleep 1000'
	assert wait_for 10 notified READY=1
	assert notified STATUS=warm
	assert notified "MAINPID=$(cmk inspect --format '{{.State.ConmonPid}}' one)"
	! notified MAINPID=1 || return 1
	! notified FDSTORE=1 || return 1
	# Nor what another process says at the same socket.
	(cd "$CMK_RUNROOT/containers/$(cmk inspect --format '{{.Id}}' one)/notify" && python3 -c '
import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("notify.sock")
s.send(b"STATUS=forged")
time.sleep(1)')
	run_cmk exec one perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => "/run/notify/notify.sock")->send("STATUS=after"); sleep 1'
	assert wait_for 10 notified STATUS=after
	! notified STATUS=forged || return 1
	run_cmk rm -f -t 0 one
	notify_end
}

@test "a notify socket that is a link: the host's is followed, one that the container makes is not" {
	local fs
	fs=$(rootfs)
	notify_socket
	ln -s notify "$T/link"
	NOTIFY_SOCKET=$T/link run_cmk run -d --net=none --name one --sdnotify conmon --rootfs "$fs" sleep 1000
	assert wait_for 10 notified READY=1
	assert_equal "$stderr" ""
	run_cmk rm -f -t 0 one
	# Nobody is behind it: said, and the container runs.
	ln -sfn loop "$T/loop"
	NOTIFY_SOCKET=$T/loop run_cmk run -d --net=none --name one --sdnotify conmon --rootfs "$fs" sleep 1000
	assert_match "$stderr" "NOTIFY_SOCKET '$T/loop': too many levels of symbolic links"
	run_cmk rm -f -t 0 one
	NOTIFY_SOCKET=$T/none run_cmk run -d --net=none --name one --sdnotify conmon --rootfs "$fs" sleep 1000
	assert_match "$stderr" "NOTIFY_SOCKET '$T/none': no such file or directory"
	run_cmk rm -f -t 0 one
	# The container cannot put something in the place of its own; with the right to mount it does no harm by it.
	NOTIFY_SOCKET=$T/notify run_cmk 1 run --rm --net=none --rootfs "$fs" rm /run/notify/notify.sock
	assert_match "$stderr" "Read-only file system"
	echo mine >"$T/precious" && chmod 600 "$T/precious"
	NOTIFY_SOCKET=$T/notify run_cmk run -d --net=none --name two --cap-add SYS_ADMIN --rootfs "$fs" sh -c \
		"mount -o remount,bind,rw /run/notify && rm /run/notify/notify.sock || exit 1
		if [ -e /again ]; then mkdir -p /run/notify/notify.sock/x; else ln -s '$T/precious' /run/notify/notify.sock; fi; touch /again /run/notify/done; sleep 1000"
	for _ in 1 2 3; do
		wait_for 10 cmk exec two test -e /run/notify/done
		run_cmk stop -t 0 two
		assert_equal "$(stat -c '%a %s' "$T/precious") $(<"$T/precious")" "600 5 mine"
		NOTIFY_SOCKET=$T/notify run_cmk start two
	done
	run_cmk rm -f -t 0 two
	notify_end
}

@test "--sdnotify=conmon is ready at the start, --sdnotify=healthy at the first healthy check" {
	local fs
	fs=$(rootfs)
	notify_socket
	NOTIFY_SOCKET=$T/notify run_cmk run -d --net=none --name one --sdnotify conmon --rootfs "$fs" sleep 1000
	assert wait_for 10 notified READY=1
	run_cmk rm -f -t 0 one
	notify_end
	notify_socket
	NOTIFY_SOCKET=$T/notify run_cmk run -d --net=none --name two --sdnotify healthy --health-cmd 'test -e /fine' --health-interval 200ms --rootfs "$fs" sleep 1000
	assert wait_for 10 notified "MAINPID=.*"
	! notified READY=1 || return 1
	run_cmk exec two touch /fine
	assert wait_for 10 notified READY=1
	run_cmk wait --condition healthy two
	run_cmk rm -f -t 0 two
	notify_end
}
