# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Debian's containerd, which drives `cmk oci` by its shim: with its native snapshotter, since that needs no rights.
#
#	containerd_start WORD...	starts it by WORD..., with its state below $S; $IN is how others get to where it is
#	C, RUN				ctr; ctr's `run` with our runtime
#	containerd_end			ends its containers, and it
#	containerd_check		what it has to be able to do

containerd_start() {
	local program
	for program in containerd containerd-shim-runc-v2 ctr "${1:-true}"; do
		command -v $program >/dev/null || skip "no $program here"
	done
	# Sockets want a short path.
	S=$(mktemp -d /tmp/c.XXXX)
	cat >"$S/config.toml" <<-E
		version = 2
		root = "$T/root"
		state = "$S/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.overlayfs", "io.containerd.snapshotter.v1.btrfs",
			"io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper",
			"io.containerd.internal.v1.opt"]
		[grpc]
		address = "$S/sock"
	E
	"$@" containerd --config "$S/config.toml" >"$T/log" 2>&1 3>&- &
	daemon=$!
	C=(timeout 60 "${IN[@]}" ctr --address "$S/sock")
	assert wait_for 20 "${C[@]}" version
	IMAGE=$REGISTRY/library/alpine:latest
	"${C[@]}" image pull --plain-http --snapshotter native "$IMAGE" >/dev/null
	RUN=("${C[@]}" run --runtime io.containerd.runc.v2 --runc-binary /usr/local/bin/cmk-oci --snapshotter native)
	# Its default needs a controller that is not delegated everywhere.
	RUN+=(--cpu-shares 0)
	[ -z "$TEST_CG" ] || RUN+=(--cgroup "${TEST_CG#/sys/fs/cgroup}/ctr/one")
}

containerd_end() {
	local id
	if [ -n "${daemon:-}" ]; then
		for id in $("${C[@]}" task ls -q 2>/dev/null); do
			"${C[@]}" task kill -s KILL "$id" || true
			"${C[@]}" task rm -f "$id" || true
		done
		for id in $("${C[@]}" container ls -q 2>/dev/null); do "${C[@]}" container rm "$id" || true; done
		kill "$daemon"
		wait "$daemon" || true
	fi
	[ -z "${S:-}" ] || {
		umount -R "$S/state" 2>/dev/null || true
		rm -rf "$S"
	}
	[ -z "$TEST_CG" ] || [ ! -d "$TEST_CG/ctr" ] || find "$TEST_CG/ctr" -depth -type d -exec rmdir {} +
}

containerd_check() {
	local rc=0
	assert_equal "$("${RUN[@]}" --rm "$IMAGE" a sh -c 'id -u; cat /proc/1/comm; :')" $'0\nsh'
	"${RUN[@]}" --rm "$IMAGE" b sh -c 'exit 7' || rc=$?
	assert_equal $rc 7
	"${RUN[@]}" -d "$IMAGE" c sleep 1000
	assert_match "$("${C[@]}" task ls)" 'c +[0-9]+ +RUNNING'
	assert_equal "$("${C[@]}" task exec --exec-id e1 c sh -c 'echo in $(cat /proc/1/comm)')" 'in sleep'
	rc=0
	"${C[@]}" task exec --exec-id e2 c sh -c 'exit 5' || rc=$?
	assert_equal $rc 5
	if [ -n "$TEST_CG" ]; then
		"${C[@]}" task pause c
		assert_match "$("${C[@]}" task ls)" 'c +[0-9]+ +PAUSED'
		"${C[@]}" task resume c
		assert_match "$("${C[@]}" task ps c)" '[0-9]+'
	fi
	"${C[@]}" task kill -s KILL c
	stopped() { "${C[@]}" task ls | grep -q 'c .*STOPPED'; }
	assert wait_for 20 stopped
	assert_match "$("${C[@]}" task rm c 2>&1)" 'exit code 137'
	"${C[@]}" container rm c
}
