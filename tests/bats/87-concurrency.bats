#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many commands at once: one name has one winner, each loser is told so, nobody hangs and nothing is left.
# `make check-concurrency` mixes thousands of them.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
}

# at_once COUNT COMMAND...: cmk COMMAND as often at the same moment, % standing for its number; exit codes in
# codes[], stderr in at.N.err.
at_once() {
	local count=$1 i pids=()
	shift
	exec 7>"$T/gate"
	flock -x 7
	for ((i = 0; i < count; i++)); do
		(
			exec 7>&-
			flock -s "$T/gate" true
			exec timeout -k 5 100 "$T/bin/cmk" "${@//%/$i}"
		) >"$T/at.$i.out" 2>"$T/at.$i.err" 3>&- &
		pids+=($!)
	done
	exec 7>&-
	codes=()
	for i in "${!pids[@]}"; do
		codes[i]=0
		wait "${pids[i]}" || codes[i]=$?
	done
}

winners() { printf '%s\n' "${codes[@]}" | grep -cx 0; }

# Whoever did not win says REGEX, and nothing else is said by anybody.
losers_say() {
	local i
	for i in "${!codes[@]}"; do
		if [ "${codes[i]}" = 0 ]; then
			assert_equal "$(cat "$T/at.$i.err")" ""
		else
			assert_equal "$(wc -l <"$T/at.$i.err")" 1
			assert_match "$(cat "$T/at.$i.err")" "^Error: .*($1)"
		fi
	done
}

# bats test_tags=long
@test "64 creates of one name: one winner" {
	at_once 64 create --net=none --name one --rootfs "$fs" true
	assert_equal "$(winners)" 1
	losers_say "already in use"
	run_cmk ps -a --format '{{.Names}}'
	assert_equal "$output" one
	run_cmk rm one
	assert nothing_left
}

# bats test_tags=long
@test "64 runs of one name: one winner" {
	at_once 64 run -d --net=none --name one --rootfs "$fs" sleep 100
	assert_equal "$(winners)" 1
	losers_say "already in use"
	run_cmk ps --format '{{.Names}}'
	assert_equal "$output" one
	run_cmk rm -f -t 0 one
}

# bats test_tags=long
@test "64 stops, starts and removals of one container" {
	run_cmk run -d --net=none --name one --rootfs "$fs" sleep 100
	at_once 64 stop -t 0 one
	assert_equal "$(winners)" 64
	at_once 64 start one
	losers_say "running"
	assert [ "$(winners)" -ge 1 ]
	run_cmk exec one true
	at_once 64 rm -f -t 0 one
	losers_say "no such container|removed"
	assert [ "$(winners)" -ge 1 ]
	run_cmk ps -aq
	assert_equal "$output" ""
	assert nothing_left
}

# bats test_tags=long
@test "64 containers side by side, and listings meanwhile" {
	at_once 64 run --rm --net=none --name 'c%' --rootfs "$fs" true
	assert_equal "$(winners)" 64
	losers_say nothing
	at_once 32 run -d --net=none --name 'c%' --rootfs "$fs" sleep 100
	assert_equal "$(winners)" 32
	at_once 32 inspect 'c%'
	assert_equal "$(winners)" 32
	at_once 32 stop -t 0 'c%'
	assert_equal "$(winners)" 32
	at_once 32 ps -a
	assert_equal "$(winners)" 32
	at_once 32 rm 'c%'
	assert_equal "$(winners)" 32
	assert nothing_left
}

# bats test_tags=long
@test "64 pulls of one image" {
	at_once 64 pull -q alpine
	assert_equal "$(winners)" 64
	losers_say nothing
	assert_equal "$(cat "$T"/at.*.out | sort -u | wc -l)" 1
	run_cmk run --rm --net=none alpine echo whole
	assert_equal "$output" whole
	run_cmk images -q
	assert_equal "${#lines[@]}" 1
	assert_equal "$(ls "$CMK_ROOT/tmp")" ""
	assert_equal "$(ls "$CMK_ROOT/partial")" ""
}
