#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The fixture itself, and that the program starts.
load helpers

@test "cmk --version prints name and version" {
	run_cmk --version
	assert_match "$output" '^cmk (version )?[0-9]+\.[0-9]+'
}

@test "the tests run as a user without rights, with subordinate ids" {
	assert [ "$(id -u)" != 0 ]
	assert_equal "$(sed -n 's/^CapEff:\t//p' /proc/self/status)" 0000000000000000
	assert grep -qE "^($(id -un)|$UID):[0-9]+:65536" /etc/subuid
	assert unshare --map-root-user --map-auto true
}

@test "cgroup2 alone is mounted, and our subtree is delegated" {
	assert_equal "$(stat -f -c %T /sys/fs/cgroup)" cgroup2fs
	assert_equal "$(sed -n 's/^0:://p' /proc/self/cgroup)" "${TEST_CG#/sys/fs/cgroup}/test"
	assert mkdir "$TEST_CG/another"
	assert rmdir "$TEST_CG/another"
}

@test "the registries answer" {
	assert_equal "$(curl -s "http://$REGISTRY/v2/library/alpine/tags/list" | jq -c '.tags | sort')" '["3.18","latest"]'
	assert curl -s --cacert "$CERTS/ca.pem" "https://$REGISTRY_TLS/v2/"
	assert_equal "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$CERTS/ca.pem" "https://$REGISTRY_AUTH/v2/")" 401
	assert curl -sf --cacert "$CERTS/ca.pem" -u tester:sesame "https://$REGISTRY_AUTH/v2/"
	run curl -s --cacert "$CERTS/ca.pem" "https://$REGISTRY_EXPIRED/v2/"
	assert_equal "$status" 60
}

@test "a process and a cgroup left behind are found" {
	mkdir "$TEST_CG/left"
	# Without a parent, as a monitor is.
	setsid --fork sh -c 'echo $$ >pid; exec sleep 97 3>&-'
	assert wait_for 5 test -s pid
	cat pid >"$TEST_CG/left/cgroup.procs"
	assert_match "$(left_processes)" 'sleep 97'
	assert_equal "$(left_groups)" "$TEST_CG/left"
	kill "$(cat pid)"
	assert wait_for 5 rmdir "$TEST_CG/left"
	assert nothing_left
}
