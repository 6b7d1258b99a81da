# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests with a user manager share: it is started by hand, in a mount namespace of its own, where the system seems
# to have been booted by systemd. $manager is its pid, $home the user's home there, $fs a root file system of the user's.
#
#	user COMMAND...			as the user, in a shell's group beside the manager's
#	run_user [CODE] COMMAND...	the same as run_cmk does: checks the exit code, sets status, output, stderr
#	field NAME [CONTAINER]		what `inspect` says of the container (c)
#	property NAME UNIT		what systemd says of the unit
load ../bats/helpers

setup() {
	common_setup
	[ -n "$TEST_CG" ] || skip "no cgroup2 here"
	[ -x /usr/lib/systemd/systemd ] || skip "systemd is not installed"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	uid=$(id -u cmk-test) home=$T/home-cmk-test
	mkdir -p "$home" "$TEST_CG/user/shell" "$TEST_CG/user/manager"
	chown cmk-test: "$home"
	chown -R cmk-test: "$TEST_CG/user"
	fs=$(rootfs)
	chown -hR cmk-test: "$fs"
	start_manager
}

teardown() {
	local left=0
	if [ -n "${manager:-}" ]; then
		user "$CMK_BIN" rm -f -t 0 -a >/dev/null 2>&1 || true
		[ -n "${gone:-}" ] || wait_for 10 no_scopes || left=1
		kill -9 "$manager"
		wait "$manager" 2>/dev/null || true
		echo 1 >"$TEST_CG/user/manager/cgroup.kill"
		wait_for 10 grep -q "populated 0" "$TEST_CG/user/manager/cgroup.events"
		find "$TEST_CG/user" -depth -type d -exec rmdir {} \; 2>/dev/null || true
	fi
	common_teardown
	return $left
}

start_manager() {
	"$FIXTURES/user-manager" "$uid" "$home" "$TEST_CG/user/manager" >"$T/manager.log" 2>&1 </dev/null 3>&- &
	manager=$!
	wait_for 30 test -S "/proc/$manager/root/run/user/$uid/bus"
}

user() {
	# shellcheck disable=SC2016
	nsenter -t "$manager" -m sh -c 'echo $$ >"$0/user/shell/cgroup.procs"; cd /; home=$1 uid=$2; shift 2
		exec setpriv --reuid "$uid" --regid "$uid" --clear-groups env -i PATH="$PATH" HOME="$home" USER=cmk-test \
		XDG_RUNTIME_DIR="/run/user/$uid" timeout 60 "$@"' "$TEST_CG" "$home" "$uid" "$@" 3>&-
}

run_user() {
	local code=0
	[[ $1 != [0-9]* ]] || { code=$1 && shift; }
	status=0
	user "$@" >"$T/out" 2>"$T/err" || status=$?
	read_all output "$T/out"
	read_all stderr "$T/err"
	output=${output%$'\n'} stderr=${stderr%$'\n'}
	[ "$status" = "$code" ] || { echo "exit code $status: $output $stderr" && return 1; }
}

field() { user "$CMK_BIN" inspect --format "{{.$1}}" "${2:-c}"; }
group() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }
property() { user systemctl --user show -P "$1" "$2"; }
no_scopes() { [ -z "$(user systemctl --user list-units --no-legend --plain --all 'cmk-*.scope')" ]; }
