#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: session
# In a login session, where nothing is delegated to the shell itself.
load helpers

@test "this is a login session" {
	assert_match "$(</proc/self/cgroup)" '^0::/user.slice/user-1000.slice/session-.*\.scope$'
	assert_match "$XDG_RUNTIME_DIR" '^/run/user/1000$'
	run_cmk run --rm --net=none --rootfs "$fs" echo hello
	assert_equal "$output" hello
}

@test "a limit has its effect, or the error tells what is missing and how to have it" {
	run_cmk "?" run --name c --net=none --memory 32m --memory-swap 32m --rootfs "$fs" dd if=/dev/zero of=/dev/null bs=48M count=1
	if [ "$status" = 125 ]; then
		assert_error "--memory: cgroup controller 'memory' is missing: cgroup '.*session-.*' is not delegated to this user"
		assert_match "$stderr" 'systemd-run --user'
	else
		assert_equal "$status" 137
		run_cmk inspect --format '{{.State.OOMKilled}}' c
		assert_equal "$output" true
	fi
	run_cmk rm c
}
