# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For files that run as root, and begin and end login sessions of "cmk", who lingers, and "guest", who does not.
load ../bats/helpers

setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() { :; }

# as USER TEXT: a login session that ends with TEXT's end.
as() {
	timeout 250 systemd-run -q --pipe --wait --collect -p User="$1" -p PAMName=login -p IgnoreSIGPIPE=no --setenv=XDG_SESSION_TYPE=tty \
		--setenv=XDG_SESSION_CLASS=user --setenv=PATH=/usr/local/bin:/usr/bin:/bin --working-directory="/home/$1" bash -c "$2"
}
