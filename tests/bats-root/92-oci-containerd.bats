#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cmk oci under containerd: Debian's, with ctr, its native snapshotter and its shim, as root.
load ../bats/helpers
load ../bats/containerd

setup() {
	common_setup
	# Its own, which is not taken from the machine.
	run_is_new=$([ -d /run/containerd ] || echo yes)
	mkdir -p /run/containerd
	mount -t tmpfs -o mode=0711 tmpfs /run/containerd
	IN=()
	containerd_start
}

teardown() {
	containerd_end
	umount /run/containerd
	[ -z "$run_is_new" ] || rmdir /run/containerd
	common_teardown
}

@test "ctr runs, executes in, pauses, kills and removes containers with it" {
	containerd_check
}
