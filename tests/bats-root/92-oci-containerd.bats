#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cmk oci under containerd: Debian's, with ctr, its native snapshotter and its shim, as root.
load ../bats/helpers
load ../bats/containerd

setup() {
	common_setup
	IN=()
	containerd_start
}

teardown() {
	containerd_end
	common_teardown
}

@test "ctr runs, executes in, pauses, kills and removes containers with it" {
	containerd_check
}
