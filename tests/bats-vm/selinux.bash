# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For files whose machine has SELinux: over sessions.bash. The policy is Debian's, with the rules for containers of
# tests/vm/container.cil. It is permissive but for a test that says so: enforcing, Debian's lets D-Bus hand on no pipe of
# what runs the tests, and no process of one category write to an inherited pipe of a user's, whose level has all of them.

setup_file() {
	getenforce | grep -q Permissive
	as cmk 'set -e; cmk pull -q oci:/srv/cache/oci/busybox >image'
}
teardown() {
	setenforce 0
	as cmk 'cmk rm -f -t 0 -a >/dev/null'
}

image='$(<image)'
# in_c NAME OPTION...: a container of cmk's that stays; $pid, $id, $process, $mount and $options are its own, $level of its
# process, $root its root directory as the host sees it. One session, since one takes seconds.
# shellcheck disable=SC2034
in_c() {
	local told
	told=$(as cmk "cmk run -d --name $1 --net=none ${*:2} $image sleep 1000 >/dev/null &&
		cmk inspect -f '{{.State.Pid}}|{{.Id}}|{{.ProcessLabel}}|{{.MountLabel}}|{{.HostConfig.SecurityOpt}}' $1")
	IFS='|' read -r pid id process mount options <<<"$told"
	level=${process#*_t:} root=/proc/$pid/root
}
# current PID: the label of a process
current() { tr -d '\0' <"/proc/$1/attr/current"; }
# label FILE
label() { stat -c %C "$1"; }
# quiet TEXT: what a session is asked while the policy is enforced, which has no pipe of ours.
quiet() { as cmk "$1" </dev/null >/dev/null 2>&1; }
done_with() { as cmk "cmk rm -f -t 0 $*" >/dev/null; }
