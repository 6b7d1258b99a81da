#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# What containers with limits leave to others.
load helpers

@test "a fork bomb and a memory hog leave a third container and the host responsive" {
	local begin took
	start bomb --pids-limit 100 --memory 64m --memory-swap 64m --cpu-shares 256 -- sleep 1000
	run_cmk exec -d bomb sh -c 'b() { b | b & b; }; b'
	start hog --pids-limit 100 --memory 64m --memory-swap 64m --cpu-shares 256 -- \
		sh -c 'while :; do dd if=/dev/zero of=/dev/null bs=96M count=1; done'
	start third -- sleep 1000
	at_work() { [ "$(value bomb pids.events max)" -gt 0 ] && [ "$(value hog memory.events oom_kill)" -gt 1 ]; }
	wait_for 90 at_work
	begin=$(clock)
	run_cmk exec third echo here
	assert_equal "$output" here
	took=$(($(clock) - begin))
	echo "the third answered in $took ms"
	assert_between "$took" 0 20000
	begin=$(clock)
	/bin/true
	assert_between "$(($(clock) - begin))" 0 5000
	run_cmk ps -q
	assert_equal "${#lines[@]}" 3
	assert_equal "$(value third memory.events oom_kill 2>/dev/null || echo 0)" 0
	begin=$(clock)
	run_cmk rm -f -t 0 bomb hog
	assert_between "$(($(clock) - begin))" 0 30000
}
