#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cmk oci under containerd without root: Debian's, in the user and mount namespace that rootlesskit makes for it.
load helpers
load containerd

setup() {
	common_setup
	K=$(mktemp -d /tmp/k.XXXX)
	IN=(inside)
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nexec nsenter -U -m --preserve-credentials -t "$(cat %s/state/child_pid)" "$@"\n' "$K" >"$T/bin/inside"
	chmod 755 "$T/bin/inside"
	# Its shim has sockets in /run/containerd, which may be there, and root's.
	# shellcheck disable=SC2016
	containerd_start rootlesskit --state-dir "$K/state" --net host --copy-up /run sh -c 'rm -f /run/containerd; exec "$@"' sh
}

teardown() {
	containerd_end
	# Layers have files of subordinate ids.
	cmk unshare rm -rf "$T/root" "$K"
	common_teardown
}

# bats test_tags=long
@test "ctr runs, executes in, pauses, kills and removes containers with it, without root" {
	containerd_check
}
