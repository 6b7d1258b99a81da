#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The log driver journald with systemd's own journal, started by hand in a mount namespace of its own.
load manager

setup() {
	common_setup
	[ -x /usr/lib/systemd/systemd-journald ] || skip "systemd-journald is not installed"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	uid=$(id -u cmk-test) home=$T/home-cmk-test
	mkdir -p "$home"
	chown cmk-test: "$home"
	fs=$(rootfs)
	chown -hR cmk-test: "$fs"
	"$FIXTURES/journal" cmk-test >"$T/journald.log" 2>&1 </dev/null 3>&- &
	journald=$!
	wait_for 30 test -S "/proc/$journald/root/run/systemd/journal/socket"
	mkdir -p "/proc/$journald/root/run/user/$uid"
	chown cmk-test: "/proc/$journald/root/run/user/$uid"
}

teardown() {
	if [ -n "${journald:-}" ]; then
		user "$CMK_BIN" rm -f -t 0 -a >/dev/null 2>&1 || true
		kill -9 "$journald"
		wait "$journald" 2>/dev/null || true
	fi
	common_teardown
}

# user COMMAND...
user() { as_user "$uid" "$@"; }

as_user() {
	local id=$1
	shift
	nsenter -t "$journald" -m setpriv --reuid "$id" --regid "$id" --clear-groups env -i PATH="$PATH" HOME="$home" USER=cmk-test \
		XDG_RUNTIME_DIR="/run/user/$uid" timeout 60 "$@" 3>&-
}

run_in() { run_user "$CMK_BIN" run --log-driver journald --net=none --name "$1" "${@:2}"; }
logs() { user "$CMK_BIN" logs "$@" 2>&1; }
has_lines() { [ "$(logs "$1" | wc -l)" = "$2" ]; }

@test "logs reads the journal: streams, --tail, --since, --until, times, several containers" {
	run_in c --rootfs "$fs" sh -c 'echo one; echo two >&2; sleep 1; printf "three and no end"'
	wait_for 10 has_lines c 2
	run_user "$CMK_BIN" logs c
	assert_equal "$output" $'one\nthree and no end'
	assert_equal "$stderr" two
	assert_equal "$(logs --tail 1 c)" "three and no end"
	assert_equal "$(logs --tail 2 c | wc -l)" 1
	assert_equal "$(logs --tail 0 c)" ""
	assert_match "$(logs -t c | head -n 1)" '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z one$'
	assert_equal "$(logs --since 1h --tail 1 c)" "three and no end"
	assert_equal "$(logs --since "$(date -u +%Y-%m-%dT%H:%M:%SZ -d '+1 hour')" c)" ""
	assert_equal "$(logs --until 2020-01-01 c)" ""
	run_in d --rootfs "$fs" echo of d
	wait_for 10 has_lines d 1
	assert_equal "$(logs -n c d | grep -o 'd of d$')" "d of d"
	assert_equal "$(logs -n c d | grep ' one')" "c one"
}

@test "logs -f follows the journal and ends with the container" {
	run_in c -d --rootfs "$fs" sh -c 'echo one; sleep 2; echo two; printf last'
	assert_equal "$(logs -f c)" $'one\ntwo\nlast'
	# One that has ended.
	assert_equal "$(logs -f c)" $'one\ntwo\nlast'
	run_in d -d --rootfs "$fs" sh -c 'while :; do echo on; sleep 0.2; done'
	local start=$SECONDS
	assert_match "$(logs -f --until 2s d)" '^on'
	assert [ $((SECONDS - start)) -lt 20 ]
	assert_equal "$(logs -f d | head -n 3)" $'on\non\non'
}

@test "logs shows only what this user's monitor has written for this container" {
	run_in c --rootfs "$fs" echo true
	wait_for 10 has_lines c 1
	local id
	id=$(user "$CMK_BIN" inspect --format '{{.Id}}' c)
	# Anyone may send such an entry; its _UID is the kernel's word.
	nsenter -t "$journald" -m python3 - "$id" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.sendto(f"MESSAGE=forged\nPRIORITY=6\nCONTAINER_ID_FULL={sys.argv[1]}\n".encode(), "/run/systemd/journal/socket")
	END
	run_in d --rootfs "$fs" echo after
	wait_for 10 has_lines d 1
	assert_equal "$(logs c)" true
	# Its fields, for who reads with systemd's own program.
	assert_equal "$(user journalctl -q -o cat CONTAINER_NAME=d)" after
}

@test "a journal that the user may not read is an error that tells how to be allowed" {
	run_in c --rootfs "$fs" echo hidden
	chmod 700 "/proc/$journald/root/run/log/journal"
	chgrp root "/proc/$journald/root/run/log/journal"
	run_user 125 "$CMK_BIN" logs c
	assert_match "$stderr" 'read the journal: the journal has no file that this user may read'
	assert_match "$stderr" systemd-journal
}
