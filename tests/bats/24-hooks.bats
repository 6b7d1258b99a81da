#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# OCI hooks, and the kernel parameters of a container: --hooks-dir, --sysctl, --oom-score-adj, --ulimit host.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
	mkdir hooks
	# Says where it was called: argument, network namespace, what it read.
	cat >say <<-'EOF'
		#!/bin/sh
		read -r state
		printf '%s %s %s\n' "$1" "$(readlink /proc/self/ns/net)" "$state" >>"$2"
	EOF
	chmod 755 say
}

teardown() {
	timeout 20 cmk rm -f -a -t 0 >/dev/null 2>&1 || true
	common_teardown
}

# hook NAME STAGE WHEN PROGRAM ARG...: a hook file.
hook() {
	local name=$1 stage=$2 when=$3 path=$4 args=
	shift 4
	for arg in "${path##*/}" "$@"; do
		args="$args${args:+, }\"$arg\""
	done
	printf '{"version": "1.0.0", "hook": {"path": "%s", "args": [%s]%s}, "when": %s, "stages": ["%s"]}' \
		"$path" "$args" "$extra" "$when" "$stage" >"hooks/$name.json"
}
always='{"always": true}'
extra=
run_in() { run_cmk --hooks-dir "$T/hooks" run --rm --net=none "$@"; }

@test "hooks are called at their stages, in the namespaces of these, with the state" {
	local stage
	for stage in prestart createRuntime createContainer poststart poststop; do
		hook "$stage" "$stage" "$always" "$T/say" "$stage" "$T/out"
	done
	run_in --annotation k=v --name named --rootfs "$fs" readlink /proc/self/ns/net
	local inside=$output host
	host=$(readlink /proc/self/ns/net)
	assert_equal "$(cut -d' ' -f1,2 out)" "prestart $host
createRuntime $host
createContainer $inside
poststart $host
poststop $host"
	python3 - "$CMK_ROOT" <<-'EOF'
		import json, sys
		want = {"prestart": "creating", "createRuntime": "creating", "createContainer": "creating",
		    "poststart": "running", "poststop": "stopped"}
		states = {}
		for line in open("out"):
		    stage, ns, text = line.split(" ", 2)
		    states[stage] = s = json.loads(text)
		    assert s["status"] == want[stage], (stage, s)
		    assert s["annotations"]["k"] == "v"
		    assert s["ociVersion"].startswith("1.")
		    assert s["bundle"] == f"{sys.argv[1]}/containers/{s['id']}"
		assert len({s["id"] for s in states.values()}) == 1
		assert states["prestart"]["pid"] == states["poststart"]["pid"] > 1
	EOF
}

@test "hook files of version 0.1.0: one condition is enough" {
	printf '{"cmd": [".*"], "hook": "%s", "arguments": ["old", "%s"], "stage": ["prestart"]}' "$T/say" "$T/out" >hooks/old.json
	run_in --rootfs "$fs" true
	assert_match "$(cat out)" '^old '
	printf '{"version": "0.1.0", "cmds": ["^nothing$"], "annotations": ["^yes$"], "hook": "%s", "arguments": ["note", "%s"], "stages": ["prestart"]}' \
		"$T/say" "$T/out2" >hooks/old.json
	run_in --rootfs "$fs" true
	assert [ ! -e out2 ]
	run_in --annotation some=yes --rootfs "$fs" true
	assert_match "$(cat out2)" '^note '
	run_in -v "$T:/d" --rootfs "$fs" true
	assert_equal "$(wc -l <out2)" 1
}

@test "startContainer: a program of the container, before its command" {
	hook start startContainer "$always" /bin/sh -c 'cat >/tmp/state; id -u >>/tmp/state'
	run_in --rootfs "$fs" cat /tmp/state
	assert_match "$output" '"status":"created"'
	assert_match "$output" $'\n0$'
}

@test "a hook inherits its environment and nothing else" {
	extra=', "env": ["ONE=1"]'
	hook env createRuntime "$always" /bin/sh -c "env | grep -v '^_=\\\\|^PWD=\\\\|^SHLVL=' >$T/env; ls /proc/self/fd >$T/fds"
	FOO=bar run_in --rootfs "$fs" true
	assert_equal "$(cat env)" ONE=1
	assert_equal "$(tr '\n' ' ' <fds)" "0 1 2 3 "
}

@test "a hook that fails ends the start, and nothing is left" {
	local stage
	for stage in prestart createRuntime createContainer startContainer; do
		rm -f hooks/*
		hook bad "$stage" "$always" /bin/sh -c 'echo the reason >&2; exit 7'
		run_cmk 126 --hooks-dir "$T/hooks" run --rm --net=none --rootfs "$fs" echo ran
		assert_equal "$output" ""
		assert_match "$stderr" "error running $stage hook #0: error executing hook '/bin/sh' \(exit code: 7\): the reason"
	done
	run_cmk ps -aq
	assert_equal "$output" ""
	# Later ones give a warning.
	rm -f hooks/*
	hook bad poststart "$always" /bin/sh -c 'exit 7'
	run_in --rootfs "$fs" echo ran
	assert_equal "$output" ran
}

@test "a hook is ended when its time is over" {
	extra=', "timeout": 1'
	hook slow createRuntime "$always" /bin/sleep 100
	run_cmk 126 --hooks-dir "$T/hooks" run --rm --net=none --rootfs "$fs" true
	assert_match "$stderr" "did not end within 1 second"
}

@test "when: all conditions must hold" {
	local when
	for when in '{"annotations": {"^a$": "^b+$"}}' '{"commands": ["^/bin/tr", "^tru"]}' '{"hasBindMounts": true}' \
		'{"always": true, "annotations": {"^a": "b"}, "hasBindMounts": true}'; do
		rm -f out
		hook one createRuntime "$when" "$T/say" yes "$T/out"
		run_in --annotation a=bb -v "$T:/mnt" --rootfs "$fs" true
		[ -s out ]
	done
	rm -f out
	for when in '{}' '{"always": false}' '{"annotations": {"^a$": "^c"}}' '{"commands": ["^false"]}' \
		'{"always": false, "commands": ["true"]}' '{"commands": ["true"], "hasBindMounts": true}'; do
		hook one createRuntime "$when" "$T/say" yes "$T/out"
		run_in --annotation a=bb --rootfs "$fs" true
		[ ! -e out ]
	done
}

@test "directories: a later one hides files of the same name, a missing one is empty" {
	mkdir later
	hook same createRuntime "$always" "$T/say" first "$T/out"
	mv hooks/same.json later/
	hook same createRuntime "$always" "$T/say" second "$T/out"
	hook other createRuntime "$always" "$T/say" other "$T/out"
	run_cmk --hooks-dir "$T/later" --hooks-dir "$T/none" --hooks-dir "$T/hooks" run --rm --net=none --rootfs "$fs" true
	assert_equal "$(cut -d' ' -f1 out)" $'other\nsecond'
}

@test "bad hook files are named" {
	local text
	while read -r text; do
		printf '%s' "$text" >hooks/bad.json
		run_cmk 125 --hooks-dir "$T/hooks" run --rm --net=none --rootfs "$fs" true
		assert_match "$stderr" "parsing hook '$T/hooks/bad.json'"
	done <<-'EOF'
		{
		{}
		{"version": "0.9", "hook": {"path": "/bin/true"}, "when": {"always": true}, "stages": ["prestart"]}
		{"version": "1.0.0", "hook": {"path": "true"}, "when": {"always": true}, "stages": ["prestart"]}
		{"version": "1.0.0", "hook": {"path": "/none"}, "when": {"always": true}, "stages": ["prestart"]}
		{"version": "1.0.0", "hook": {"path": "/bin/true"}, "when": {"always": 1}, "stages": ["prestart"]}
		{"version": "1.0.0", "hook": {"path": "/bin/true"}, "when": {"commands": ["("]}, "stages": ["prestart"]}
		{"version": "1.0.0", "hook": {"path": "/bin/true"}, "when": {"always": true}, "stages": ["sometime"]}
		{"version": "1.0.0", "hook": {"path": "/bin/true"}, "when": {"always": true}}
		{"version": "1.0.0", "hook": {"path": "/bin/true", "timeout": -1}, "when": {"always": true}, "stages": ["prestart"]}
	EOF
}

@test "--sysctl: parameters of the container's own namespaces" {
	run_cmk run --rm --net=none --sysctl net.ipv4.ip_forward=1,kernel.msgmax=1234 --sysctl net/ipv4/conf/lo/forwarding=1 --rootfs "$fs" \
		sh -c 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/net/ipv4/conf/lo/forwarding'
	assert_equal "$output" $'1\n1234\n1'
	run_cmk 125 run --rm --sysctl foo --rootfs "$fs" true
	assert_match "$stderr" 'foo is invalid, sysctl values must be in the form of KEY=VALUE'
	run_cmk 125 run --rm --sysctl kernel.hostname=x --rootfs "$fs" true
	assert_match "$stderr" "sysctl 'kernel.hostname' is not allowed"
	run_cmk 125 run --rm --net=host --sysctl net.ipv4.ip_forward=1 --rootfs "$fs" true
	assert_match "$stderr" "sysctl net.ipv4.ip_forward=1 can't be set since Network Namespace set to host"
	run_cmk 125 run --rm --ipc=host --sysctl kernel.sem=1 --rootfs "$fs" true
	assert_match "$stderr" "can't be set since IPC Namespace set to host"
}

@test "--oom-score-adj and --ulimit host" {
	run_cmk run --rm --net=none --oom-score-adj 321 --rootfs "$fs" cat /proc/self/oom_score_adj
	assert_equal "$output" 321
	run_cmk run --rm --net=none --oom-score-adj -500 --rootfs "$fs" cat /proc/self/oom_score_adj
	assert_equal "$output" "$(cat /proc/self/oom_score_adj)"
	assert_match "$stderr" 'Requested oom_score_adj=-500 is lower than the current one, changing to [0-9]'
	run_cmk 125 run --rm --oom-score-adj 1001 --rootfs "$fs" true
	run_cmk 125 run --rm --oom-score-adj x --rootfs "$fs" true
	(
		ulimit -Sn 123
		run_cmk run --rm --net=none --ulimit host --rootfs "$fs" sh -c 'ulimit -Sn'
		assert_equal "$output" 123
		run_cmk run --rm --net=none --rootfs "$fs" sh -c 'ulimit -Sn'
		[ "$output" != 123 ]
	)
}
