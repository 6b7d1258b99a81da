# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A directory and a file of the host, outside of every container, that must stay as they are and unread.

canary_state() { find "$T/canary" -printf '%P %y %m %s %U %T@\n' | sort && cat "$T/canary/file"; }
canary_unchanged() { assert_equal "$(canary_state)" "$canary_before"; }

canary_make() {
	mkdir canary
	echo SECRET-OF-THE-HOST >canary/file
	chmod 0777 canary
	chmod 0666 canary/file
	canary_before=$(canary_state)
}
