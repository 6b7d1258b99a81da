#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# Limits of `cmk oci`: what the kernel and systemd say of them.
load helpers

# make FILTER: a bundle with a long sleep, changed by jq.
make() {
	mkdir "$T/b"
	(cd "$T/b" && "$CMK_BIN" oci spec --rootless)
	jq ".process.terminal = false | .process.args = [\"sleep\", \"1000\"] | .root.path = \"$fs\" | $1" "$T/b/config.json" >"$T/new"
	mv "$T/new" "$T/b/config.json"
}
property() { systemctl --user show -P "$1" "$unit"; }
is() { [ "$(cmk oci state "$1" | jq -r .status)" = "$2" ]; }

@test "oci: a scope has the limits, its group too, and update changes both" {
	local unit=oci-one.scope path
	make '.linux.cgroupsPath = ":oci:one" | .linux.resources = {memory: {limit: 33554432, reservation: 25165824},
		cpu: {shares: 100, quota: 500000, period: 1000000, cpus: "0"}, pids: {limit: 20}}'
	run_cmk oci --systemd-cgroup run -d -b "$T/b" one
	path=/sys/fs/cgroup$(property ControlGroup)
	assert_equal "$(property MemoryMax) $(property MemoryLow) $(property TasksMax) $(property CPUWeight)" '33554432 25165824 20 4'
	assert_equal "$(property CPUQuotaPerSecUSec) $(property CPUQuotaPeriodUSec) $(property AllowedCPUs)" '500ms 1s 0'
	assert_equal "$(cat "$path/memory.max") $(cat "$path/cpu.max") $(cat "$path/pids.max")" '33554432 500000 1000000 20'
	assert_equal "$(cat "$path/container/memory.max") $(cat "$path/container/pids.max")" '33554432 20'
	assert_equal "$(cat "$path/memory.swap.max") $(cat "$path/container/memory.swap.max")" 'max max'
	run_cmk oci update --cpu-period 900000 --memory 67108864 --pids-limit 30 one
	assert_equal "$(property CPUQuotaPerSecUSec) $(property MemoryMax) $(property TasksMax)" '560ms 67108864 30'
	# systemd alone would write 504000, since it counts in steps of 10 ms for each second.
	assert_equal "$(cat "$path/cpu.max") $(cat "$path/container/cpu.max")" '500000 900000 500000 900000'
	run_cmk oci update -r - one <<<'{"unified": {"cpu.max": "max 100000", "pids.max": "10", "memory.high": "50000000"}}'
	assert_equal "$(property CPUQuotaPerSecUSec) $(property TasksMax) $(property MemoryHigh)" 'infinity 10 50000000'
	run_cmk oci update --memory -1 one
	assert_equal "$(property MemoryMax) $(cat "$path/container/memory.max")" 'infinity max'
	systemctl --user daemon-reload
	assert_equal "$(property TasksMax)" 10
	run_cmk oci delete -f one
	wait_for 10 eval '[ "$(property ActiveState)" = inactive ]'
}

@test "oci: limits are taken away, and looked at where it is asked for" {
	local group=${TEST_CG#/sys/fs/cgroup}/one
	make ".linux.cgroupsPath = \"$group\" | .linux.resources = {memory: {limit: 33554432}, cpu: {quota: 500000, period: 1000000}}"
	run_cmk oci run -d -b "$T/b" one
	value() { cat "$TEST_CG/one/$1"; }
	run_cmk oci update one --cpu-quota -1
	assert_equal "$(value cpu.max)" 'max 1000000'
	run_cmk oci update one --memory 50M
	assert_equal "$(value memory.max)" 52428800
	run_cmk oci update one --memory -1
	assert_equal "$(value memory.max)" max
	run_cmk oci update -r - one <<<'{"cpu": {"idle": 1}}'
	assert_equal "$(value cpu.idle)" 1
	run_cmk oci update --cpu-idle 0 one
	assert_equal "$(value cpu.idle)" 0
	run_cmk 1 oci update --cpu-idle 2 one
	run_cmk 1 oci update -r - one <<<'{"memory": {"limit": 1024, "checkBeforeUpdate": true}}'
	assert_error 'rejecting memory limit 1024'
	run_cmk 1 oci update -r - one <<<'{"memory": {"limit": 1024, "swap": 2048, "checkBeforeUpdate": true}}'
	assert_error 'rejecting memory\+swap limit 2048'
	assert is one running
	run_cmk oci events --stats one
	assert_equal "$(jq -r '.data.memory.usage.usage, .data.cpu.psi.some.avg10, .data.cpu.throttling.periods | type' <<<"$output" | sort -u)" number
	# Without the look it is the end of it.
	run_cmk '?' oci update --memory 1024 one
	assert wait_for 10 is one stopped
	run_cmk oci delete -f one
}

@test "oci: swap is none where it is 0, and what is left of both else" {
	local group=${TEST_CG#/sys/fs/cgroup}/one
	value() { cat "$TEST_CG/one/$1"; }
	make ".linux.cgroupsPath = \"$group\" | .linux.resources.memory = {swap: 0}"
	run_cmk oci run -d -b "$T/b" one
	assert_equal "$(value memory.max) $(value memory.swap.max)" 'max 0'
	run_cmk 1 oci update -r - one <<<'{"memory": {"swap": 33554432}}'
	assert_error 'cannot set swap limit without the memory limit'
	run_cmk oci update -r - one <<<'{"memory": {"limit": 33554432, "swap": 50331648}}'
	assert_equal "$(value memory.max) $(value memory.swap.max)" '33554432 16777216'
	run_cmk oci update -r - one <<<'{"memory": {"swap": 0}}'
	assert_equal "$(value memory.swap.max)" 0
	run_cmk oci update --memory 32M --memory-swap 64M one
	assert_equal "$(value memory.swap.max)" 33554432
	run_cmk oci update -r - one <<<'{"memory": {"limit": -1, "swap": 33554432}}'
	assert_equal "$(value memory.max) $(value memory.swap.max)" 'max 33554432'
	run_cmk oci delete -f one
}

@test "oci: events tell what is killed for want of memory" {
	local group=${TEST_CG#/sys/fs/cgroup}/one
	make ".linux.cgroupsPath = \"$group\" | .linux.resources.memory = {limit: 20000000, swap: 20000000}"
	run_cmk oci run -d -b "$T/b" one
	cmk oci events --interval 1h one >"$T/out" &
	local pid=$!
	wait_for 10 grep -q stats "$T/out"
	run_cmk '?' oci exec one sh -c 'x=$(dd if=/dev/zero bs=1M count=60 | tr "\0" x)'
	wait_for 10 grep -qx '{"type":"oom","id":"one"}' "$T/out"
	run_cmk oci delete -f one
	wait $pid
}

@test "oci: exec follows to the group below that has controllers" {
	local group=${TEST_CG#/sys/fs/cgroup}/one
	make ".linux.cgroupsPath = \"$group\" | .linux.namespaces |= (. + [{type: \"cgroup\"}] | unique_by(.type))"
	run_cmk oci run -d -b "$T/b" one
	mkdir "$TEST_CG/one/in"
	cmk oci state one | jq .pid >"$TEST_CG/one/in/cgroup.procs"
	echo +memory >"$TEST_CG/one/cgroup.subtree_control"
	run_cmk oci exec one cat /proc/self/cgroup
	assert_equal "$output" 0::/in
	run_cmk 255 oci exec --cgroup / one true
	assert_error 'adding pid [0-9]+ to cgroups: device or resource busy'
	run_cmk oci exec --cgroup /in one cat /proc/self/cgroup
	assert_equal "$output" 0::/in
	run_cmk oci delete -f one
	[ ! -e "$TEST_CG/one" ]
}
