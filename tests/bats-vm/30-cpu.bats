#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# Limits of the CPU by their effect.
load helpers

busy='while :; do :; done'

@test "cpu: a container has the share that --cpus gives it, and update changes it" {
	local got
	start c --cpus 0.2 -- sh -c "$busy"
	got=$(share c 4)
	assert_between "$got" 8 28
	assert [ "$(value c cpu.stat nr_throttled)" -gt 0 ]
	run_cmk update --cpus 0.7 c
	got=$(share c 4)
	assert_between "$got" 40 80
	run_cmk update --cpu-period 50000 --cpu-quota 5000 c
	got=$(share c 4)
	assert_between "$got" 3 16
	# CPU % of stats is of the same time.
	run_cmk stats --no-stream c --format '{{.CPUPerc}}'
	assert_between "${output%%.*}" 1 40
}

@test "cpu: shares divide the CPU between containers that both want it" {
	local used at many few
	start many --cpu-shares 4096 -- sh -c "$busy"
	start few --cpu-shares 512 -- sh -c "$busy"
	sleep 1
	used=$(value many cpu.stat usage_usec) at=$(value few cpu.stat usage_usec)
	sleep 5
	many=$(($(value many cpu.stat usage_usec) - used)) few=$(($(value few cpu.stat usage_usec) - at))
	echo "many $many, few $few"
	# 8 to 1 by their weights.
	assert [ "$many" -gt $((few * 3)) ]
	# The other way round, while they live.
	run_cmk update --cpu-shares 512 many
	run_cmk update --cpu-shares 4096 few
	used=$(value many cpu.stat usage_usec) at=$(value few cpu.stat usage_usec)
	sleep 5
	many=$(($(value many cpu.stat usage_usec) - used)) few=$(($(value few cpu.stat usage_usec) - at))
	echo "many $many, few $few"
	assert [ "$few" -gt $((many * 3)) ]
}
