#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager cpus=2
# Which CPUs a container runs on.
load helpers

allowed() { sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$1/status"; }
# The CPU that the process was last on.
seen_on() { local stat && read -r stat <"/proc/$1/stat" && stat=(${stat##*) }) && echo "${stat[36]}"; }

@test "cpuset: a container runs on its CPUs alone, and update moves it" {
	local pid i
	assert_equal "$(nproc)" 2
	start c --cpuset-cpus 1 --cpuset-mems 0 -- sh -c 'while :; do :; done'
	run_cmk inspect --format '{{.State.Pid}}' c
	pid=$output
	assert_equal "$(value c cpuset.cpus.effective)" 1
	assert_equal "$(allowed "$pid")" 1
	for i in 1 2 3 4 5; do
		assert_equal "$(seen_on "$pid")" 1
		sleep 0.2
	done
	run_cmk update --cpuset-cpus 0 c
	assert_equal "$(allowed "$pid")" 0
	moved() { [ "$(seen_on "$pid")" = 0 ]; }
	wait_for 30 moved
	run_cmk exec c nproc
	assert_equal "$output" 1
	run_cmk 125 run --rm --net=none --cpuset-cpus 2 --rootfs "$fs" true
	assert_error "--cpuset-cpus: '2' is not available: there is 0-1 here"
}
