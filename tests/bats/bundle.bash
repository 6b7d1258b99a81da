# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For tests of cmk oci: each has a bundle of busybox in $T/b, where it runs.
#
#	edit FILTER		changes its config.json by jq
#	args WORD...		the process's
#	own_group NAME		a control group of its own below the test's
#	is CONTAINER STATUS	for wait_for

setup() {
	common_setup
	mkdir -p "$T/b"
	mv "$(rootfs)" "$T/b/rootfs"
	(cd "$T/b" && "$CMK_BIN" oci spec --rootless)
	edit '.process.terminal = false | .root.readonly = false'
	cd "$T/b" || return
}

teardown() {
	local id
	for id in $(cmk oci list -q 2>/dev/null); do
		cmk oci delete --force "$id"
	done
	common_teardown
}

edit() {
	jq "$1" "$T/b/config.json" >"$T/b/new.json"
	mv "$T/b/new.json" "$T/b/config.json"
}

args() {
	local list
	list=$(jq -nc '$ARGS.positional' --args -- "$@")
	edit ".process.args = $list"
}

own_group() {
	[ -n "$TEST_CG" ] || skip 'no delegated cgroup here'
	edit ".linux.cgroupsPath = \"${TEST_CG#/sys/fs/cgroup}/$1\""
}

status_of() { cmk oci state "$1" | jq -r .status; }
is() { [ "$(status_of "$1")" = "$2" ]; }
