#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# Memory: what happens at the limit.
load ../bats/helpers

setup() {
	common_setup
	fs=$(rootfs)
}

@test "a container that takes more than its memory is killed, and that is told" {
	run_cmk 137 run --name hog --net=none --memory 32m --memory-swap 32m --rootfs "$fs" sh -c 'x=$(tr "\0" x </dev/zero)'
	run_cmk inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' hog
	assert_equal "$output" "true 137"
	run_cmk rm hog
}
