#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# Limits of the CPU by their effect.
load helpers

busy='while :; do :; done'

# The bounds are wide: what the machine's own CPU is kept from counts as its container's time.
@test "cpu: a container has the share that --cpus gives it, and update changes it" {
	local first second
	start c --cpus 0.2 -- sh -c "$busy"
	first=$(share c 5)
	assert_between "$first" 8 40
	assert [ "$(value c cpu.stat nr_throttled)" -gt 0 ]
	run_cmk update --cpus 0.6 c
	second=$(share c 5)
	assert_between "$second" $((first * 3 / 2)) 90
	run_cmk update --cpu-period 50000 --cpu-quota 5000 c
	assert_between "$(share c 5)" 3 30
	# CPU % of stats is of the same time.
	run_cmk stats --no-stream c --format '{{.CPUPerc}}'
	assert_between "${output%%.*}" 1 50
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

@test "cpu and io: update of weights is systemd's, which keeps them over a daemon-reload" {
	local unit scope
	start c --cpu-shares 4096 --blkio-weight 500 -- sleep 1000
	scope=${group[c]%/container} unit=${scope##*/}
	assert_match "$unit" '^cmk-.*\.scope$'
	assert_equal "$(systemctl --user show -P CPUWeight "$unit") $(<"$scope/cpu.weight")" "157 157"
	run_cmk update --cpu-shares 512 --blkio-weight 100 c
	assert_equal "$(systemctl --user show -P CPUWeight "$unit") $(<"$scope/cpu.weight") $(value c cpu.weight)" "20 20 20"
	assert_equal "$(systemctl --user show -P IOWeight "$unit")" 910
	systemctl --user daemon-reload
	assert_equal "$(systemctl --user show -P CPUWeight "$unit") $(<"$scope/cpu.weight")" "20 20"
	# Lifted, it is the default again.
	run_cmk update --cpu-shares 0 c
	assert_equal "$(systemctl --user show -P CPUWeight "$unit") $(<"$scope/cpu.weight")" "[not set] 100"
}
