#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What containers have written.
load helpers

setup() {
	common_setup
	ROOTFS=$(rootfs)
	RUN=(--net=none --rootfs "$ROOTFS")
}

teardown() {
	timeout 20 cmk rm -f -t 0 -a >/dev/null 2>&1 || true
	common_teardown
}

@test "logs gives the same bytes on the same streams" {
	run_cmk 1 run --name c1 "${RUN[@]}" sh -c 'printf "a\n\nb"; printf "e\n" >&2; exit 1'
	timeout 20 cmk logs c1 >out 2>err
	assert_equal "$(od -c out)" "$(printf 'a\n\nb' | od -c)"
	assert_equal "$(od -c err)" "$(printf 'e\n' | od -c)"
}

@test "logs --tail, -t, -n" {
	run_cmk run --name c1 "${RUN[@]}" seq 10
	run_cmk logs --tail 2 c1
	assert_equal "$output" $'9\n10'
	run_cmk logs --tail 0 c1
	assert_equal "$output" ''
	run_cmk logs --tail all c1
	assert_equal "${#lines[@]}" 10
	run_cmk logs -t --tail 1 c1
	assert_match "$output" '^20[0-9-]+T[0-9:]+\.[0-9]{9}Z 10$'
	# Of one container there is nothing to tell apart.
	run_cmk logs -n --tail 1 c1
	assert_equal "$output" '10'
	run_cmk logs -l --tail 1
	assert_equal "$output" '10'
	run_cmk 125 logs --tail x c1
	assert_error "'x'"
}

@test "logs --since and --until" {
	run_cmk run --name c1 "${RUN[@]}" echo now
	run_cmk logs --since 10m c1
	assert_equal "$output" now
	run_cmk logs --until -10m c1
	assert_equal "$output" ''
	# A duration is from now on.
	run_cmk logs --until 10m c1
	assert_equal "$output" now
	run_cmk logs --since 2099-01-01 c1
	assert_equal "$output" ''
	run_cmk logs --since "$(date -d yesterday +%s)" --until 2099-01-01T00:00:00+02:00 c1
	assert_equal "$output" now
	run_cmk 125 logs --since soon c1
	assert_error "parsing --since \"soon\": unable to interpret time value"
}

@test "logs -f shows what comes and ends with the container" {
	mkfifo "$ROOTFS/tmp/go"
	run_cmk run -d --name c1 "${RUN[@]}" sh -c 'echo first; read x </tmp/go; echo last'
	cmk_background follow logs -f c1
	pid=$!
	assert wait_for 20 grep -q first follow.out
	refute_match "$(cat follow.out)" last
	run_cmk '?' exec c1 sh -c 'echo >/tmp/go'
	status=0
	timeout 20 tail --pid=$pid -f /dev/null
	wait $pid || status=$?
	assert_equal "$status" 0
	assert_equal "$(cat follow.out)" $'first\nlast'
}

@test "logs -f ends when a --rm container or its monitor goes away" {
	run_cmk run -d --rm --name c1 "${RUN[@]}" sh -c 'echo on; exec sleep 1000'
	cmk_background one logs -f c1
	one=$!
	assert wait_for 20 grep -q on one.out
	run_cmk stop -t 0 c1
	timeout 20 tail --pid=$one -f /dev/null
	run_cmk run -d --name c2 "${RUN[@]}" sh -c 'echo on; exec sleep 1000'
	cmk_background two logs -f c2
	two=$!
	assert wait_for 20 grep -q on two.out
	kill -KILL "$(jq -r .monitor_pid "$CMK_RUNROOT"/containers/*/live.json)"
	timeout 20 tail --pid=$two -f /dev/null
}

@test "logs of several containers, and of an unknown one" {
	run_cmk run --name c1 "${RUN[@]}" echo one
	run_cmk run --name c2 "${RUN[@]}" echo two
	id1=$(cmk inspect -f '{{.Id}}' c1) id2=$(cmk inspect -f '{{.Id}}' c2)
	run_cmk logs c2 c1
	assert_equal "$output" "${id1:0:12} one"$'\n'"${id2:0:12} two"
	run_cmk logs -f -n c2 c1
	assert_equal "$output" $'c1 one\nc2 two'
	run_cmk logs -n -t c1 c2
	assert_match "${lines[0]}" '^c1 20[0-9T:.-]+Z one$'
	run_cmk logs -n --color c1 c2
	assert_match "$output" $'\033\\[[0-9]+mc1\033\\[0m one'
	run_cmk 125 logs -n nobody c1
	assert_error nobody
	assert_match "$output" one
}

@test "logs --tail of a large log reads only its end" {
	run_cmk create --name c1 "${RUN[@]}" true
	dir=$(echo "$CMK_ROOT"/containers/*/)
	truncate -s 4G "$dir/ctr.log"
	printf '\n2026-11-21T10:00:00.000000001Z stdout F x\n2026-11-21T10:00:00.000000002Z stdout F y\n' >>"$dir/ctr.log"
	CMK_COMMAND_TIMEOUT=5 run_cmk logs --tail 1 c1
	assert_equal "$output" y
}

@test "logs -f of several containers shows lines as they come, and ends with the last" {
	mkfifo "$ROOTFS/tmp/a" "$ROOTFS/tmp/b"
	run_cmk run -d --name c1 "${RUN[@]}" sh -c 'echo a1; read x </tmp/a; echo a2'
	run_cmk run -d --name c2 "${RUN[@]}" sh -c 'echo b1; read x </tmp/b; echo b2'
	cmk_background follow logs -f -n c1 c2
	pid=$!
	assert wait_for 20 grep -q 'c2 b1' follow.out
	run_cmk '?' exec c2 sh -c 'echo >/tmp/b'
	assert wait_for 20 grep -q 'c2 b2' follow.out
	assert kill -0 $pid
	run_cmk '?' exec c1 sh -c 'echo >/tmp/a'
	timeout 20 tail --pid=$pid -f /dev/null
	assert_equal "$(tail -n 1 follow.out)" 'c1 a2'
}

@test "logs -f --until ends when the time has come" {
	run_cmk run -d --name c1 "${RUN[@]}" sh -c 'echo on; exec sleep 1000'
	CMK_COMMAND_TIMEOUT=15 run_cmk logs -f --until 1s c1
	assert_equal "$output" on
}

@test "logs -f of a container that is removed ends" {
	run_cmk run -d --name c1 "${RUN[@]}" sh -c 'echo on; exec sleep 1000'
	cmk_background follow logs -f c1
	pid=$!
	assert wait_for 20 grep -q on follow.out
	run_cmk rm -f -t 0 c1
	timeout 20 tail --pid=$pid -f /dev/null
}
