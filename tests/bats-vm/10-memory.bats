#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# Memory limits by their effect.
load helpers

# take MIB: a program that touches that much at once.
take() { echo dd if=/dev/zero of=/dev/null bs="$1"M count=1; }

@test "memory: who takes more than the limit is killed, and exit code, inspect and events tell" {
	# shellcheck disable=SC2046
	run_cmk 137 run --name hog --net=none --memory 32m --memory-swap 32m --rootfs "$fs" $(take 48)
	run_cmk inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' hog
	assert_equal "$output" "true 137 exited"
	run_cmk events --stream=false --since 1h --filter container=hog --format '{{.Status}}'
	assert_match "$output" $'\noom\ndied\ncleanup$'
	# The next run begins anew.
	run_cmk update --memory 128m --memory-swap 128m hog
	run_cmk start -a hog
	run_cmk inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' hog
	assert_equal "$output" "false 0"
	run_cmk rm hog
}

@test "memory: update raises and lowers the limit of a living container" {
	start c --memory 32m --memory-swap 32m -- sleep 1000
	# shellcheck disable=SC2046
	run_cmk 137 exec c $(take 48)
	run_cmk update --memory 96m --memory-swap 96m c
	# shellcheck disable=SC2046
	run_cmk exec c $(take 48)
	run_cmk update --memory 32m --memory-swap 32m c
	# shellcheck disable=SC2046
	run_cmk 137 exec c $(take 48)
	run_cmk inspect --format '{{.State.Status}}' c
	assert_equal "$output" running
	assert_equal "$(value c memory.events oom_kill)" 2
}

@test "memory: what is used and the limit stand in stats, pages of files are given back" {
	start c --memory 48m -- sh -c 'dd if=/dev/zero of=/big bs=1M count=96 2>/dev/null; rm /big; sleep 1000'
	filled() { [ "$(value c memory.peak)" -gt 40000000 ]; }
	wait_for 60 filled
	assert_between "$(value c memory.peak)" 40000000 50331648
	assert_equal "$(value c memory.events oom_kill)" 0
	run_cmk stats --no-stream c --format json
	jq -e '.[0].mem_usage | test("^[0-9.]+[kM]?B / 50.33MB$")' <<<"$output"
}

@test "memory: a container that is held back at memory.high waits, and stats tell it" {
	start c --cgroup-conf memory.high=16777216 -- sh -c 'while :; do dd if=/dev/zero of=/dev/null bs=20M count=1; done'
	waits() { run_cmk stats --no-stream c --format '{{.Pressure.Memory.Some.Total}} {{.Pressure.Memory.Full.Total}}' && [ "${output%% *}" -gt 100000 ]; }
	wait_for 60 waits
	assert [ "$(value c memory.events high)" -gt 0 ]
	run_cmk stats --no-stream c --format json
	jq -e '.[0].pressure.memory | .some.total_usec > 100000 and .full.total_usec > 0' <<<"$output"
}
