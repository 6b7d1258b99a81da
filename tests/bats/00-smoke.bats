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

@test "helpers that read what others wrote are confined before the first byte" {
	[ "${CMK_TEST_SANITIZED:-}" != yes ] || skip "a sanitizer's run time would not live with the filter"
	local helper pid field
	while read -r helper; do
		mkfifo in
		# shellcheck disable=SC2086
		/usr/local/libexec/cmk/$helper <in >out 2>&1 3>&- &
		pid=$!
		exec 9>in
		wait_for 10 grep -q $'^Seccomp:\t2' "/proc/$pid/status"
		for field in $'NoNewPrivs:\t1' $'CapEff:\t0000000000000000'; do
			grep -q "^$field" "/proc/$pid/status"
		done
		exec 9>&-
		wait "$pid" || true
		rm in
	done <<-'E2'
		cmk-cdi
		cmk-seccomp - CAP_CHOWN
		cmk-verify yaml
	E2
	# It asks for the caller's ranges all the same.
	run /usr/local/libexec/cmk/cmk-subid
	assert_equal "$status" 0
	assert_match "$output" $'^u [0-9]+ 65536\ng [0-9]+ 65536\nend$'
}

@test "the AppArmor profile is installed, for the program that is installed" {
	assert grep -q 'profile cmk /usr/local/bin/cmk flags=(unconfined) {' /usr/local/share/cmk/apparmor/cmk
	assert grep -qE '^[[:space:]]*userns,$' /usr/local/share/cmk/apparmor/cmk
	if command -v apparmor_parser >/dev/null && [ -e /etc/apparmor.d/abi/4.0 ]; then
		assert apparmor_parser -Q -K /usr/local/share/cmk/apparmor/cmk
	fi
}
