# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests in the virtual machine share, over those of tests/bats. Starting a program takes 20 ms there and more:
# few processes, and waits and bounds that are wide.
#
#	$fs			the file's root directory: busybox
#	start NAME OPTION... -- COMMAND...	a container in the background, without a network
#	value NAME FILE [KEY]	what FILE of the container's control group says, or its line KEY
#	clock			milliseconds of a clock that only goes forward
#	share NAME SECONDS	how much of one CPU the container had in that time, in percent
load ../bats/helpers

setup_file() {
	mkdir "$BATS_FILE_TMPDIR/fs"
	tar -xf "$CMK_TEST_STAGE/cache/busybox.tar" --no-same-owner -C "$BATS_FILE_TMPDIR/fs"
	chmod 755 "$BATS_FILE_TMPDIR/fs"
}

# XDG_RUNTIME_DIR stays the session's, as users have it: the user manager is found there.
setup() {
	local session=$XDG_RUNTIME_DIR
	common_setup
	own_run=$XDG_RUNTIME_DIR
	XDG_RUNTIME_DIR=$session
	fs=$BATS_FILE_TMPDIR/fs
	declare -gA group=()
}

teardown() {
	[ ${#group[@]} = 0 ] || timeout 60 cmk rm -f -t 0 "${!group[@]}" >/dev/null 2>&1 || true
	XDG_RUNTIME_DIR=$own_run common_teardown
}

start() {
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	run_cmk run -d --name "$name" --net=none "${options[@]}" --rootfs "$fs" "$@"
	run_cmk inspect --format '{{.State.CgroupPath}}' "$name"
	# shellcheck disable=SC2154
	group[$name]=/sys/fs/cgroup$output
}

value() {
	local key word
	if [ -z "${3:-}" ]; then
		echo "$(<"${group[$1]}/$2")"
		return
	fi
	while read -r key word; do
		[ "$key" != "$3" ] || echo "$word"
	done <"${group[$1]}/$2"
}

clock() {
	local up
	read -r up _ </proc/uptime
	echo $((10#${up/./} * 10))
}

share() {
	local used at
	used=$(value "$1" cpu.stat usage_usec) at=$(clock)
	sleep "$2"
	echo $((($(value "$1" cpu.stat usage_usec) - used) / 10 / ($(clock) - at)))
}

# assert_between GOT LEAST MOST
assert_between() {
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || {
		echo "got $1, wanted $2 to $3"
		return 1
	}
}
