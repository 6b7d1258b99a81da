#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# Limits of processes by their effect.
load helpers

# fill: as many processes as the container c may have; the one that could not start one more ends.
fill() { run_cmk "?" exec c sh -c 'while sleep 1000 & do :; done' && assert_match "$stderr" "can't fork"; }

@test "pids: a fork bomb stops at its limit" {
	start bomb --pids-limit 30 -- sleep 1000
	run_cmk exec -d bomb sh -c 'b() { b | b & b; }; b'
	stopped() { [ "$(value bomb pids.events max)" -gt 0 ]; }
	wait_for 60 stopped
	assert_between "$(value bomb pids.peak)" 29 30
	# What kills it needs none of its processes.
	run_cmk kill bomb
	run_cmk wait bomb
	assert_equal "$output" 137
}

@test "pids: stats count them; update raises and lowers the limit of a living container" {
	start c --pids-limit 10 -- sleep 1000
	fill
	assert_equal "$(value c pids.peak)" 10
	assert_between "$(value c pids.events max)" 1 9
	run_cmk stats --no-stream c --format '{{.PIDs}}'
	assert_equal "$output" 9
	run_cmk update --pids-limit 15 c
	fill
	assert_equal "$(value c pids.peak)" 15
	# Who is there stays; nobody comes.
	run_cmk update --pids-limit 12 c
	assert_equal "$(value c pids.max) $(value c pids.current)" "12 14"
	run_cmk "?" exec c true
	assert [ "$status" -ge 125 ]
	run_cmk update --pids-limit -1 c
	run_cmk exec c true
}
