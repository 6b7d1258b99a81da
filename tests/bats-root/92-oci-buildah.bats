#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cmk oci under Debian's buildah, as root: it mounts the containers' file systems itself, and makes their bundles.
load ../bats/helpers

setup() {
	common_setup
	command -v buildah >/dev/null || skip 'no buildah here'
	# A short path, and its own: root's store is the machine's.
	S=$(mktemp -d /tmp/b.XXXX)
	B=(timeout 200 buildah --root "$T/bs" --runroot "$S/r" --storage-driver vfs)
	RUN=("${B[@]}" run --runtime /usr/local/bin/cmk-oci --network none)
	IMAGE=$REGISTRY/library/alpine
}

teardown() {
	[ -z "${S:-}" ] || {
		"${B[@]}" rm -a >/dev/null 2>&1 || true
		rm -rf "$T/bs" "$S"
	}
	common_teardown
}

@test "buildah runs and builds with it, as root" {
	local c rc=0
	c=$("${B[@]}" from --pull "$IMAGE")
	assert_equal "$("${RUN[@]}" "$c" -- sh -c 'echo $((6*7)) >/made; cat /made; id -u; cat /proc/1/comm; :')" $'42\n0\nsh'
	"${RUN[@]}" "$c" -- sh -c 'exit 9' || rc=$?
	assert_equal $rc 9
	rc=0
	"${RUN[@]}" "$c" -- nosuch 2>"$T/err" || rc=$?
	assert [ $rc != 0 ]
	assert_match "$(cat "$T/err")" "'nosuch' not found"
	assert_match "$("${RUN[@]}" --cap-drop all --user 1000:1001 "$c" -- sh -c 'id -u; id -g; grep CapEff /proc/self/status')" \
		$'1000\n1001\nCapEff:\t0+$'
	mkdir "$T/src" && echo given >"$T/src/f"
	assert_equal "$("${RUN[@]}" -v "$T/src:/src:ro" "$c" -- sh -c 'cat /src/f; touch /src/g 2>/dev/null || echo read-only')" \
		$'given\nread-only'
	printf 'FROM %s\nRUN echo built >/by && cat /by\nUSER 1000\nRUN id -u >/tmp/who\nENV A=b\nWORKDIR /w/d\nRUN pwd; echo $A\n' \
		"$IMAGE" >Containerfile
	assert_match "$("${B[@]}" bud --runtime /usr/local/bin/cmk-oci --network none --isolation oci -t localhost/made . 2>&1)" \
		$'\nbuilt\n.*\n/w/d\nb\n'
	c=$("${B[@]}" from localhost/made)
	assert_equal "$("${RUN[@]}" "$c" -- cat /by /tmp/who)" $'built\n1000'
	printf 'FROM %s\nRUN exit 4\n' "$IMAGE" >Containerfile
	rc=0
	"${B[@]}" bud --runtime /usr/local/bin/cmk-oci --network none --isolation oci . >"$T/out" 2>&1 || rc=$?
	assert [ $rc != 0 ]
	assert_match "$(cat "$T/out")" 'exit status 4'
}
