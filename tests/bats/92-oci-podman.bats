#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cmk oci under the tools that drive it, as an unprivileged user: Debian's podman and buildah.
load helpers

setup() {
	common_setup
	# podman wants a short path.
	S=$(mktemp -d /tmp/p.XXXX)
	# Without a limit of processes: its controller is not delegated everywhere.
	printf '[containers]\npids_limit = 0\n[engine]\nruntime_supports_json = ["cmk-oci"]\n' >"$T/containers.conf"
	export CONTAINERS_CONF=$T/containers.conf
	P=(timeout 60 podman --root "$T/ps" --runroot "$S/r" --tmpdir "$S/t" --storage-driver vfs --events-backend file
		--cgroup-manager=cgroupfs --runtime /usr/local/bin/cmk-oci)
	IMAGE=$REGISTRY/library/alpine
}

teardown() {
	local pause
	"${P[@]}" rm -f -a -t 0 >/dev/null 2>&1 || true
	podman_end
	for pause in "$S"/*/pause.pid; do [ ! -s "$pause" ] || kill "$(cat "$pause")"; done
	podman unshare rm -rf "$T/ps" "$S" 2>/dev/null || true
	podman_end
	rm -rf "$S"
	common_teardown
}

# code WANTED COMMAND...
code() {
	local want=$1 rc=0
	shift
	"$@" || rc=$?
	assert_equal $rc "$want"
}

# bats test_tags=long
@test "podman runs, detaches, stops and removes its containers with it" {
	command -v podman >/dev/null || skip 'no podman here'
	"${P[@]}" pull -q "$IMAGE"
	assert_equal "$("${P[@]}" run --rm --network none "$IMAGE" sh -c 'id -u; cat /proc/1/comm; :')" $'0\nsh'
	code 7 "${P[@]}" run --rm --network none "$IMAGE" sh -c 'exit 7'
	code 127 "${P[@]}" run --rm --network none "$IMAGE" nosuch
	code 126 "${P[@]}" run --rm --network none "$IMAGE" /etc
	"${P[@]}" run -d --name c --network none -e A=b -v "$T:/given:ro" "$IMAGE" \
		sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done'
	is_up() { [ "$("${P[@]}" logs c)" = up ]; }
	assert wait_for 20 is_up
	code 5 "${P[@]}" exec c sh -c 'exit 5'
	assert_equal "$("${P[@]}" exec -u 1000 -w /tmp c sh -c 'echo $A $(id -u) $PWD; ls /given/containers.conf')" \
		$'b 1000 /tmp\n/given/containers.conf'
	assert_match "$("${P[@]}" inspect c --format '{{.OCIRuntime}} {{.State.Status}}')" 'cmk-oci running'
	"${P[@]}" stop -t 20 c
	assert_equal "$("${P[@]}" logs c)" $'up\nbye'
	assert_equal "$("${P[@]}" inspect c --format '{{.State.Status}} {{.State.ExitCode}}')" 'exited 3'
	"${P[@]}" start c
	"${P[@]}" kill c
	assert_equal "$("${P[@]}" wait c)" 137
	"${P[@]}" rm c
	assert_equal "$("${P[@]}" ps -aq)" ''
}

# bats test_tags=long
@test "podman gives them terminals, other ids and limits of theirs" {
	command -v podman >/dev/null || skip 'no podman here'
	"${P[@]}" pull -q "$IMAGE"
	assert_equal "$("${P[@]}" run --rm --network none -t "$IMAGE" tty | tr -d '\r')" /dev/pts/0
	assert_equal "$("${P[@]}" run --rm --network none --userns keep-id "$IMAGE" id -u)" "$UID"
	assert_equal "$("${P[@]}" run --rm --network none --ulimit nofile=77:88 --read-only --tmpfs /x "$IMAGE" \
		sh -c 'ulimit -n; touch /x/y; touch /no 2>/dev/null || echo read-only')" $'77\nread-only'
	assert_match "$("${P[@]}" run --rm --network none --cap-drop all --security-opt no-new-privileges "$IMAGE" \
		grep -e CapEff -e NoNewPrivs /proc/self/status)" $'CapEff:\t0+\nNoNewPrivs:\t1'
	assert_equal "$(echo in | "${P[@]}" run --rm -i --network none "$IMAGE" cat)" in
}

# bats test_tags=long
@test "buildah runs and builds with it" {
	command -v buildah >/dev/null || skip 'no buildah here'
	local b=(timeout 100 buildah --root "$T/ps" --runroot "$S/r" --storage-driver vfs)
	c=$("${b[@]}" from --pull "$IMAGE")
	assert_equal "$("${b[@]}" run --runtime /usr/local/bin/cmk-oci --network none "$c" -- sh -c 'echo $((6*7)) >/made; cat /made')" 42
	code 9 "${b[@]}" run --runtime /usr/local/bin/cmk-oci --network none "$c" -- sh -c 'exit 9'
	printf 'FROM %s\nRUN echo built >/by && cat /by\nUSER 1000\nRUN id -u >/tmp/who\n' "$IMAGE" >Containerfile
	"${b[@]}" bud --runtime /usr/local/bin/cmk-oci --network none --isolation oci -t localhost/made .
	c=$("${b[@]}" from localhost/made)
	assert_equal "$("${b[@]}" run --runtime /usr/local/bin/cmk-oci --network none "$c" -- cat /by /tmp/who)" $'built\n1000'
}
