#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# create, start, ps, stop, kill, wait, rm, inspect: what a user and a script see.
load helpers

run_root() { run_cmk "$1" run --net=none --rootfs "${@:2}"; }

@test "run -d prints the ID and returns; ps shows it; stop, start, rm" {
	local fs id
	fs=$(rootfs)
	run_cmk run -d --net=none --name one --rootfs "$fs" sleep 100
	assert_match "$output" '^[0-9a-f]{64}$'
	id=$output
	run_cmk ps
	assert_match "${lines[0]}" '^CONTAINER ID  IMAGE  +COMMAND  +CREATED  +STATUS  +PORTS  +NAMES$'
	assert_match "${lines[1]}" "^${id:0:12} .*sleep 100 .*Up .* one\$"
	run_cmk ps --no-trunc -q
	assert_equal "$output" "$id"
	run_cmk stop -t 0 "${id:0:5}"
	assert_equal "$output" "${id:0:5}"
	run_cmk ps -q
	assert_equal "$output" ""
	run_cmk ps -a --format '{{.Status}}'
	assert_match "$output" '^Exited \(137\) .* ago$'
	run_cmk stop one
	assert_equal "$output" one
	run_cmk start one
	assert_equal "$output" one
	run_cmk start one
	run_cmk ps --format '{{.State}}'
	assert_equal "$output" running
	run_cmk kill -s TERM one
	# Its init ignores TERM as long as it has no handler for it (pid_namespaces(7)).
	run_cmk rm -f -t 0 one
	run_cmk ps -a -q
	assert_equal "$output" ""
}

@test "exit codes: the container's own, by signal, wait" {
	local fs
	fs=$(rootfs)
	run_root 7 --name seven "$fs" sh -c 'exit 7'
	run_cmk wait seven
	assert_equal "$output" 7
	run_root 137 --name nine "$fs" sh -c 'kill -9 $$; sleep 1; exit 9' || run_root 9 --name nine2 "$fs" sh -c 'exit 9'
	run_cmk create --net=none --name never --rootfs "$fs" true
	run_cmk wait never
	assert_equal "$output" 0
	run_cmk run -d --net=none --name long --rootfs "$fs" sleep 100
	cmk_background waiter wait long
	run_cmk kill long
	assert_equal "$output" long
	wait "$!"
	assert_equal "$(cat waiter.out)" 137
	run_cmk rm -a
}

@test "stop: the stop signal first, SIGKILL with a warning where that is not enough" {
	local fs
	fs=$(rootfs)
	run_cmk run -d --net=none --name polite --stop-signal USR1 --rootfs "$fs" sh -c 'trap "exit 5" USR1; while :; do sleep 0.1; done'
	run_cmk stop polite
	assert_equal "$stderr" ""
	run_cmk wait polite
	assert_equal "$output" 5
	run_cmk run -d --net=none --name stubborn --rootfs "$fs" sh -c 'trap : TERM; echo ready; while :; do sleep 0.1; done'
	wait_for 10 sh -c 'cmk logs stubborn | grep -q ready'
	run_cmk stop -t 1 stubborn
	assert_match "$stderr" '^time="[^"]*Z" level=warning msg="StopSignal SIGTERM failed to stop container stubborn in 1 seconds, resorting to SIGKILL"$'
	run_cmk wait stubborn
	assert_equal "$output" 137
	run_cmk rm polite stubborn
}

@test "start -a gives output and exit code, again and again" {
	local fs
	fs=$(rootfs)
	run_cmk create --net=none --name again --rootfs "$fs" sh -c 'echo x >>/count; wc -l </count; exit 3'
	run_cmk 3 start -a again
	assert_equal "$output" 1
	run_cmk 3 start -a again
	assert_equal "$output" 2
	run_cmk inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.State.Running}}' again
	assert_equal "$output" "exited 3 false"
	run_cmk rm again
}

@test "a command that cannot be run: run tells by its code, start -a by 125, as podman" {
	local fs
	fs=$(rootfs)
	run_cmk 127 run --rm --net=none --rootfs "$fs" nosuch
	run_cmk 126 run --rm --net=none --rootfs "$fs" /etc
	run_cmk create --net=none --name c --rootfs "$fs" nosuch
	run_cmk 125 start -a c
	assert_error 'nosuch'
	run_cmk 125 start c
	run_cmk inspect --format '{{.State.ExitCode}}' c
	assert_equal "$output" 127
	run_cmk rm c
}

@test "start -ai passes stdin on where the container keeps it open" {
	local fs
	fs=$(rootfs)
	run_cmk create -i --net=none --name cat --rootfs "$fs" cat
	assert_equal "$(echo hello | cmk start -ai cat)" hello
	run_cmk rm cat
}

@test "rm: running 2, unknown 1, unknown with -f 0; each argument as typed" {
	local fs
	fs=$(rootfs)
	run_cmk run -d --net=none --name up --rootfs "$fs" sleep 100
	run_cmk 2 rm up
	assert_error "cannot remove container $(cmk inspect -f '{{.Id}}' up) as it is running"
	run_cmk 1 rm nosuch
	assert_error "no such container"
	run_cmk rm -f nosuch
	assert_equal "$output" ""
	run_cmk 125 rm -t 0 nosuch
	run_cmk rm -f -t 0 up nosuch
	assert_equal "$output" up
	run_cmk 125 rm
}

@test "unknown names: 125 and one line" {
	local c
	for c in start stop kill wait inspect "container inspect"; do
		# shellcheck disable=SC2086
		run_cmk 125 $c nosuch
		assert_error '"nosuch"'
	done
	run_cmk 125 inspect nosuch
	assert_equal "$output" "[]"
	run_cmk 125 kill -s WIBBLE nosuch
	assert_error "invalid signal: WIBBLE"
}

@test "names: taken, random, prefix of an ID, more than one result" {
	local fs a b
	fs=$(rootfs)
	run_cmk create --net=none --name a.B_c-9 --rootfs "$fs" true
	run_cmk 125 create --net=none --name a.B_c-9 --rootfs "$fs" true
	assert_error 'the container name "a.B_c-9" is already in use by [0-9a-f]{64}.*--replace'
	run_cmk ps -aq
	assert_equal "${#lines[@]}" 1
	run_cmk create --net=none --rootfs "$fs" true
	a=$output
	run_cmk inspect --format '{{.Name}}' "$a"
	assert_match "$output" '^[a-z]+_[a-z]+[0-9]*$'
	# Seventeen more: two of them begin with the same digit.
	for _ in {1..17}; do
		run_cmk create --net=none --rootfs "$fs" true
		[ "${output:0:1}" = "${a:0:1}" ] || continue
		b=$output
		break
	done
	if [ -n "${b-}" ]; then
		run_cmk 125 inspect "${a:0:1}"
		assert_error "more than one result"
	fi
	run_cmk rm -a
}

@test "ps: filters, -n, -l, formats" {
	local fs
	fs=$(rootfs)
	run_cmk create --net=none --name one --label a=1 --label b --rootfs "$fs" true
	run_cmk create --net=none --name two --label a=2 --rootfs "$fs" true
	run_cmk run --net=none --name three --rootfs "$fs" true
	names() { run_cmk ps -a --format '{{.Names}}' "$@" && output=$(tr '\n' ' ' <<<"$output"); }
	names
	assert_equal "$output" "one two three "
	names -f label=a
	assert_equal "$output" "one two "
	names -f label=a=2
	assert_equal "$output" "two "
	names -f label=a -f label=b
	assert_equal "$output" "one "
	names -f status=created
	assert_equal "$output" "one two "
	names -f status=created -f status=exited
	assert_equal "$output" "one two three "
	names -f exited=0
	assert_equal "$output" "three "
	names -f name='^t'
	assert_equal "$output" "two three "
	names -f before=two
	assert_equal "$output" "one "
	names -f since=two
	assert_equal "$output" "three "
	names -n 2
	assert_equal "$output" "two three "
	run_cmk ps -l --format '{{.Names}}'
	assert_equal "$output" three
	run_cmk 125 ps -f wibble=1
	assert_error "wibble"
	run_cmk 125 ps -f status=wibble
	run_cmk ps -a --format json
	assert_equal "$(jq -r '.[2].Names[0] + " " + .[2].State + " " + (.[2].Command | join(","))' <<<"$output")" "three exited true"
	run_cmk ps -a --format 'table {{.ID}}\t{{.Names}}'
	assert_match "${lines[0]}" '^CONTAINER ID +NAMES$'
	run_cmk container ls -a -q
	assert_equal "${#lines[@]}" 3
	run_cmk 125 ps -a --format '{{.Wibble}}'
	run_cmk rm one two three
	assert_equal "$output" $'one\ntwo\nthree'
}

@test "inspect: podman's keys" {
	local fs
	fs=$(rootfs)
	run_cmk create --name full --net=none -e A=1 -w /tmp -u 0:0 --hostname host -l k=v --stop-signal INT --cap-add SYS_PTRACE \
		--read-only -v "$T:/data:ro" --ulimit nofile=10:20 --rootfs "$fs" echo a b
	run_cmk inspect full
	local json=$output
	get() { jq -c "$1" <<<"$json"; }
	assert_equal "$(get '.[0].Name')" '"full"'
	assert_equal "$(get '.[0] | [.Path, .Args]')" '["echo",["a","b"]]'
	assert_equal "$(get '.[0].State | [.Status, .Running, .Pid, .ExitCode]')" '["created",false,0,0]'
	assert_equal "$(get '.[0].Config | [.Hostname, .User, .WorkingDir, .Labels, .StopSignal]')" \
		'["host","0:0","/tmp",{"k":"v"},"SIGINT"]'
	assert_equal "$(get '.[0].Config.Env | index("A=1") != null')" true
	assert_equal "$(get '.[0].HostConfig | [.NetworkMode, .ReadonlyRootfs, .CapAdd, .AutoRemove]')" '["none",true,["CAP_SYS_PTRACE"],false]'
	assert_equal "$(get '.[0].Mounts[0] | [.Type, .Destination, .RW]')" '["bind","/data",false]'
	assert_equal "$(get '.[0].HostConfig.Ulimits[] | select(.Name == "RLIMIT_NOFILE") | [.Soft, .Hard]')" '[10,20]'
	run_cmk inspect --format '{{.Id}}' full
	assert_match "$output" '^[0-9a-f]{64}$'
	run_cmk inspect --format '{{range .Config.Env}}{{println .}}{{end}}' full
	assert_match "$output" 'container=podman'
	run_cmk 125 inspect --format '{{.Wibble}}' full
	run_cmk rm full
}

@test "what exists is inspected even where another does not" {
	local fs
	fs=$(rootfs)
	run_cmk create --name here --net=none --rootfs "$fs" true
	run_cmk 125 inspect nosuch here
	assert_equal "$(jq -r '.[].Name' <<<"$output")" here
	assert_error "nosuch"
	run_cmk rm here
}

@test "inspect: of a container and an image of one name the container; --type chooses" {
	local fs
	fs=$(rootfs)
	tar -C "$fs" -cf fs.tar .
	run_cmk import fs.tar localhost/both
	run_cmk create --name both --net=none --rootfs "$fs" true
	run_cmk inspect both
	assert_equal "$(jq -r '.[0].Name' <<<"$output")" both
	run_cmk inspect --type image both
	assert_equal "$(jq -r '.[0].RepoTags[0]' <<<"$output")" localhost/both:latest
	run_cmk rm both
	run_cmk inspect both
	assert_equal "$(jq -r '.[0].RepoTags[0]' <<<"$output")" localhost/both:latest
	run_cmk 125 inspect --type container both
	assert_error "no such container"
	run_cmk 125 inspect --type wibble both
}

@test "--cidfile: 64 digits, no newline; stop, kill and rm read it" {
	local fs
	fs=$(rootfs)
	echo an older and longer text than any ID that cmk would write into it, to be replaced >cid
	run_cmk run -d --net=none --cidfile cid --rootfs "$fs" sleep 100
	assert_equal "$(cat cid)" "$output"
	assert_equal "$(stat -c %s cid)" 64
	run_cmk stop -t 0 --cidfile cid
	run_cmk rm --cidfile cid
	assert [ ! -e cid ]
	run_cmk run --rm --net=none --cidfile cid --rootfs "$fs" true
	assert [ ! -e cid ]
	# Of another container by now.
	run_cmk create --net=none --name one --cidfile cid --rootfs "$fs" true
	echo other >cid
	run_cmk rm one
	assert_equal "$(cat cid)" other
	run_cmk 125 stop --cidfile nosuch
	run_cmk 125 run --cidfile /nosuch/cid --net=none --rootfs "$fs" true
	assert_error "/nosuch/cid"
}

@test "run --rm leaves nothing, and its name is free at once" {
	local fs
	fs=$(rootfs)
	for _ in 1 2 3 4 5; do
		run_cmk run --rm --net=none --name same --rootfs "$fs" true
	done
	run_cmk 127 run --rm --net=none --name same --rootfs "$fs" nosuch
	run_cmk ps -aq
	assert_equal "$output" ""
	assert_equal "$(ls "$CMK_ROOT/containers" "$CMK_ROOT/container-names" | grep -c '^[a-z0-9]')" 0
}

@test "run -d lets go of descriptors, locks and the terminal of its caller" {
	local fs id start=$SECONDS
	fs=$(rootfs)
	id=$(cmk run -d --net=none --name bg --rootfs "$fs" sleep 100)
	assert_match "$id" '^[0-9a-f]{64}$'
	timeout 10 flock "$T/lock" cmk run -d --net=none --name bg2 --rootfs "$fs" sleep 100
	assert timeout 5 flock -n "$T/lock" true
	assert [ $((SECONDS - start)) -lt 20 ]
	run_cmk rm -f -t 0 bg bg2
}

@test "sixteen at a time get sixteen names and IDs, and one of them a name that all want" {
	local fs i won=0 pids=()
	fs=$(rootfs)
	for i in {1..16}; do
		cmk_background "c$i" create --net=none --name wanted --rootfs "$fs" true
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" && won=$((won + 1)); done
	assert_equal "$won" 1
	run_cmk ps -aq
	assert_equal "${#lines[@]}" 1
	run_cmk rm wanted
}
