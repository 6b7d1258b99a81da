#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Bad states and bare environments: what is damaged is named and left as it is, the rest works; cron's and su's
# environments are enough; who has nothing to do sleeps. (SIGKILL and power cuts: tests/faults.)
load helpers

setup() {
	common_setup
	fs=$(rootfs)
}

made() { # NAME: a container, its ID in $id
	run_cmk create --net=none --name "$1" --rootfs "$fs" sleep 100
	id=$output
}

# damaged FILE: what ps -a says of the container "bad" whose FILE is no longer what it was; "good" is not touched.
damaged() {
	run_cmk ps -a --format '{{.Names}}'
	assert_equal "$output" good
	assert_match "$stderr" "${bad:0:12}"
	run_cmk start good
	run_cmk stop -t 0 good
	run_cmk run --rm --net=none --rootfs "$fs" true
	run_cmk 125 start bad
	assert_error .
	# Nobody has thrown away what could be mended.
	assert [ -e "$CMK_ROOT/containers/$bad/$1" ] || assert [ -L "$CMK_ROOT/containers/$bad/$1" ]
	rm -rf "$CMK_ROOT/containers/$bad/$1"
	cp "$T/saved" "$CMK_ROOT/containers/$bad/$1"
	run_cmk ps -a --format '{{.Names}}'
	assert_equal "$(sort <<<"$output")" $'bad\ngood'
}

# bats test_tags=long
@test "a record that is cut off, altered, newer, a directory, a link, a pipe or not ours to read" {
	local bad file
	made good
	made bad
	bad=$id
	file=$CMK_ROOT/containers/$bad/container.json
	cp "$file" saved
	head -c 100 saved >"$file"
	damaged container.json
	printf 'garbage\0\xff' >"$file"
	damaged container.json
	sed 's/"schema":1,/"schema":99,/' saved >"$file"
	damaged container.json
	sed "s/$bad/${bad//[0-9]/0}/" saved >"$file"
	damaged container.json
	rm "$file" && mkdir "$file"
	damaged container.json
	rm "$file" && ln -s loop "${file%/*}/loop" && ln -s loop "$file"
	damaged container.json
	rm "$file" && mkfifo "$file"
	damaged container.json
	chmod 000 "$file"
	damaged container.json
	run_cmk start bad
	run_cmk rm -f -t 0 bad good
}

@test "a status that is altered, newer or no file" {
	local bad file
	made good
	made bad
	bad=$id
	run_cmk start bad
	run_cmk stop -t 0 bad
	file=$CMK_ROOT/containers/$bad/status.json
	cp "$file" saved
	head -c 20 saved >"$file"
	damaged status.json
	sed 's/"schema":1,/"schema":99,/' saved >"$file"
	damaged status.json
	rm "$file" && mkfifo "$file"
	damaged status.json
	run_cmk rm -f -t 0 bad good
}

@test "a damaged container can be removed" {
	local bad
	made bad
	bad=$id
	echo '{"schema": 1, "id' >"$CMK_ROOT/containers/$bad/container.json"
	run_cmk rm -f bad
	run_cmk ps -a
	assert_equal "$stderr" ""
	made bad
	run_cmk rm bad
	assert nothing_left
}

@test "as cron and su leave it: no XDG_RUNTIME_DIR, no terminal, umask 077, closed descriptors" {
	local bare=(env -i PATH=/usr/bin:/bin "HOME=$HOME" "$CMK_BIN" --root "$CMK_ROOT")
	(umask 077 && "${bare[@]}" run -d --name cron --net=none --rootfs "$fs" sleep 100 </dev/null >out 2>err) || cat err
	"${bare[@]}" ps --format '{{.Names}} {{.State}}' >out
	assert_equal "$(cat out)" "cron running"
	# From a session with an environment of its own the same is seen.
	env -u XDG_RUNTIME_DIR "$CMK_BIN" --root "$CMK_ROOT" ps --format '{{.Names}}' >out
	assert_equal "$(cat out)" cron
	(exec <&- >&- 2>&- && exec "${bare[@]}" exec cron touch /made)
	assert [ -e "$fs/made" ]
	(exec <&- >&- 2>&- && exec "${bare[@]}" run --rm --name closed --net=none --rootfs "$fs" touch /closed)
	assert [ -e "$fs/closed" ]
	"${bare[@]}" rm -f -t 0 cron >out
	assert_equal "$("${bare[@]}" ps -aq)" ""
}

switches() { awk '/ctxt_switches/ {n += $2} END {print n}' "/proc/$1/status"; }

# bats test_tags=long
@test "monitor and network helper sleep while there is nothing to do" {
	run_cmk run -d --name idle --rootfs "$fs" sleep 1000
	local monitor slirp before
	monitor=$(cmk inspect --format '{{.State.ConmonPid}}' idle)
	slirp=$(pgrep -P "$monitor" cmk-slirp)
	# Neighbour discovery of the first seconds is over.
	sleep 3
	before="$(switches "$monitor") $(switches "$slirp")"
	sleep "${CMK_TEST_IDLE_SECONDS:-10}"
	assert_equal "$(switches "$monitor") $(switches "$slirp")" "$before"
	run_cmk rm -f -t 0 idle
}
