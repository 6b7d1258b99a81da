#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The line of the README, with everything at its default: stores in the home, the default network, an image
# that is not there yet, from the registry that registries.conf names.
load helpers

# The program itself, without --root and --runroot.
setup() {
	common_setup
	CMK_ROOT=$HOME/.local/share/cmk CMK_RUNROOT=$XDG_RUNTIME_DIR/cmk
	rm "$T/bin/cmk"
	ln -s "$CMK_BIN" "$T/bin/cmk"
}

@test "cmk run --rm alpine cat /etc/os-release pulls, runs and cleans up" {
	run_cmk run --rm alpine cat /etc/os-release
	assert_equal "$output" "$(tar -xOf "$CMK_TEST_STAGE/cache/busybox.tar" ./etc/os-release)"
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$output" "$REGISTRY/library/alpine:latest"
	run_cmk ps -a -q
	assert_equal "$output" ""
}

@test "the second run needs no registry" {
	run_cmk run --rm alpine true
	sed -i "s/$REGISTRY/127.0.0.1:1/" "$HOME/.config/containers/registries.conf"{,.d/tests.conf}
	run_cmk run --rm --pull=never "$REGISTRY/library/alpine" echo again
	assert_equal "$output" again
	assert_equal "$stderr" ""
}

@test "a container of the main job is a container: own processes, host name, root, user" {
	run_cmk run --rm --hostname inside alpine sh -c 'echo $$; hostname; id -u; ls /; cat /proc/1/comm; wc -l </proc/self/uid_map'
	assert_equal "${lines[0]}" 1
	assert_equal "${lines[1]}" inside
	assert_equal "${lines[2]}" 0
	assert_match "$output" $'\nbin\n'
	refute_match "$output" "cmk-tests"
}

@test "the exit code is the container's" {
	run_cmk 7 run --rm alpine sh -c 'exit 7'
	run_cmk 127 run --rm alpine /no/such/command
	run_cmk 126 run --rm alpine /etc/passwd
	run_cmk 125 run --rm no/such/image/anywhere true
	assert_error "no/such/image"
}

@test "standard input, output and error stay apart and whole" {
	head -c 3000000 /dev/urandom >in
	cmk run --rm -i alpine sh -c 'cat; echo problem >&2' <in >out 2>err
	assert cmp in out
	assert_equal "$(grep -v -i pull err | tail -n 1)" problem
}
