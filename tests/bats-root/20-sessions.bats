#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A container that was started in one login session, seen from another: two delegated groups whose parent
# is root's.
load ../bats/helpers

setup() {
	common_setup
	[ -n "$TEST_CG" ] || skip "no cgroup2 here"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	uid=$(id -u cmk-test)
	mkdir -p "$T/home-cmk-test" "/run/user/$uid"
	chown cmk-test: "$T/home-cmk-test" "/run/user/$uid"
	for s in one two; do
		mkdir -p "$TEST_CG/$s/shell"
		chown -R cmk-test: "$TEST_CG/$s"
	done
	fs=$(rootfs)
	chown -hR cmk-test: "$fs"
}

# in_session NAME COMMAND...
in_session() {
	local session=$1
	shift
	sh -c 'echo $$ >"$0/cgroup.procs"; cd /; exec setpriv --reuid cmk-test --regid cmk-test --clear-groups env \
		HOME="'"$T"'/home-cmk-test" USER=cmk-test LOGNAME=cmk-test XDG_RUNTIME_DIR="/run/user/'"$uid"'" timeout 60 "$@"' \
		"$TEST_CG/$session/shell" "$@"
}

teardown() {
	in_session one "$CMK_BIN" rm -f -t 0 -a >/dev/null 2>&1 || true
	rmdir "$TEST_CG"/{one,two}/shell "$TEST_CG"/{one,two} 2>/dev/null || true
	common_teardown
}

@test "exec, logs, stop and rm work from another session" {
	in_session one "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sh -c 'echo out; exec sleep 100'
	run in_session two "$CMK_BIN" exec c sh -c 'echo in; exit 7'
	assert_equal "$output" in
	assert_equal "$status" 7
	run in_session two "$CMK_BIN" logs c
	assert_equal "$output" out
	in_session two "$CMK_BIN" stop -t 0 c
	in_session two "$CMK_BIN" rm c
}

@test "exec from another session into a container with limits is refused: they would not hold" {
	grep -qw pids "$TEST_CG/one/cgroup.controllers" || skip "no pids controller here"
	in_session one "$CMK_BIN" run -d --name c --net=none --pids-limit 50 --rootfs "$fs" sleep 100
	in_session one "$CMK_BIN" exec c true
	run in_session two "$CMK_BIN" exec c true
	assert_match "$output" "Error: .*control group.*permission denied.*session"
	assert [ "$status" = 125 ]
}
