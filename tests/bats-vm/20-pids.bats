#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# Limits of processes by their effect.
load helpers

# Always as many as there may be; each lives on.
more='while :; do (sleep 1000 & ) 2>/dev/null; sleep 0.2; done'

@test "pids: a fork bomb stops at its limit" {
	start bomb --pids-limit 30 -- sh -c 'b() { b | b & }; b; while :; do sleep 1; done'
	stopped() { [ "$(value bomb pids.events max)" -gt 0 ]; }
	wait_for 60 stopped
	assert_between "$(value bomb pids.peak)" 28 30
	# What kills it needs none of its processes.
	run_cmk kill bomb
	run_cmk wait bomb
	assert_equal "$output" 137
}

@test "pids: stats count them; update raises and lowers the limit of a living container" {
	start c --pids-limit 10 -- sh -c "$more"
	at() { [ "$(value c pids.current)" = "$1" ]; }
	wait_for 60 at 10
	run_cmk stats --no-stream c --format '{{.PIDs}}'
	assert_between "$output" 9 10
	run_cmk update --pids-limit 15 c
	wait_for 60 at 15
	# Who is there stays; nobody comes.
	run_cmk update --pids-limit 12 c
	assert_equal "$(value c pids.max)" 12
	run_cmk ? exec c true
	assert [ "$status" != 0 ]
}
