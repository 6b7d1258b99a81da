#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where output goes: --log-driver and --log-opt.
load helpers

setup() {
	common_setup
	ROOTFS=$(rootfs)
	RUN=(--net=none --rootfs "$ROOTFS")
}

teardown() {
	timeout 20 cmk rm -f -t 0 -a >/dev/null 2>&1 || true
	common_teardown
}

config() { cmk inspect -f "{{.HostConfig.LogConfig.$2}}" "$1"; }

@test "k8s-file is the default, json-file the same under another name" {
	run_cmk run --name c1 "${RUN[@]}" echo one
	run_cmk run --name c2 --log-driver json-file "${RUN[@]}" echo two
	assert_equal "$(config c1 Type)" k8s-file
	assert_equal "$(config c2 Type)" json-file
	for c in c1 c2; do
		path=$(config $c Path)
		assert_match "$path" '/ctr\.log$'
		assert_equal "$(cmk inspect -f '{{.LogPath}}' $c)" "$path"
		assert_match "$(cat "$path")" '^20[0-9-]+T[0-9:.]+Z stdout F (one|two)$'
	done
	run_cmk logs c2
	assert_equal "$output" two
}

@test "none keeps nothing" {
	run_cmk run --name c1 --log-driver none "${RUN[@]}" echo shown
	assert_equal "$output" shown
	run_cmk 125 logs c1
	assert_error "this container is using the 'none' log driver, cannot read logs"
	assert_equal "$(config c1 Path)" ''
	assert_equal "$(find "$CMK_ROOT/containers" -name 'ctr.log*')" ''
}

@test "--log-opt path: a file anywhere, which stays" {
	mkdir elsewhere
	run_cmk run --name c1 --log-opt path=elsewhere/my.log "${RUN[@]}" echo hello
	assert_match "$(cat elsewhere/my.log)" 'stdout F hello'
	assert_equal "$(config c1 Path)" "$PWD/elsewhere/my.log"
	run_cmk logs c1
	assert_equal "$output" hello
	run_cmk rm c1
	assert test -e elsewhere/my.log
	run_cmk run --name c2 --log-opt path=/dev/null "${RUN[@]}" echo hello
	run_cmk logs c2
	assert_equal "$output" ''
	run_cmk 125 create --log-opt path=nowhere/my.log "${RUN[@]}" true
	assert_error nowhere
}

@test "--log-opt max-size takes a fraction" {
	run_cmk create --name c1 --log-opt max-size=3.123m "${RUN[@]}" true
	run_cmk inspect --format '{{.HostConfig.LogConfig.Size}}' c1
	assert_equal "$output" 3.123MB
	run_cmk 125 create --log-opt max-size=3.m "${RUN[@]}" true
	assert_error "invalid size: '3.m'"
	run_cmk 125 create --log-opt max-size=.5 "${RUN[@]}" true
}

@test "--log-opt max-size bounds the log, and logs reads all that is kept" {
	run_cmk run -d --name c1 --log-opt max-size=10k --log-opt max-file=3 "${RUN[@]}" \
		sh -c 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done'
	run_cmk logs -f c1
	assert_equal "${lines[-1]}" 'line 1999'
	run_cmk wait c1
	dir=$(dirname "$(config c1 Path)")
	assert_equal "$(cd "$dir" && echo ctr.log*)" 'ctr.log ctr.log.1 ctr.log.2'
	for file in "$dir"/ctr.log*; do
		assert [ "$(stat -c %s "$file")" -le 10000 ]
		assert_equal "$(grep -cvE '^[0-9T:.-]+Z stdout F line [0-9]+$' "$file")" 0
	done
	run_cmk logs c1
	n=${#lines[@]}
	assert [ "$n" -gt 400 ]
	assert_equal "$output" "$(seq -f 'line %g' $((2000 - n)) 1999)"
	run_cmk logs --tail 300 c1
	assert_equal "$output" "$(seq -f 'line %g' 1700 1999)"
	assert_equal "$(config c1 Size)" 10kB
}

@test "a full disk does not stop the container" {
	[ -d "$FULL_8M" ] || skip 'no small file system'
	run_cmk run --name c1 --log-opt path="$FULL_8M/$$.log" "${RUN[@]}" sh -c 'yes | head -c 3000000; echo end >&2'
	assert_match "$stderr" end
	rm -f "$FULL_8M/$$.log"
}

@test "journald: entries as podman's, refused without a journal" {
	run_cmk 125 create --log-driver journald "${RUN[@]}" true
	assert_error 'journal does not run here'
	assert_error k8s-file
	python3 - "$PWD/journal" >entries <<-'END' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		s.settimeout(30)
		for _ in range(3):
		    print(s.recv(65536).decode(), flush=True)
	END
	pid=$!
	assert wait_for 20 test -S journal
	export CMK_TEST_JOURNAL=$PWD/journal
	run_cmk run --name c1 --log-driver journald --log-opt tag='{{.Name}}/x' --label L=1 --log-opt labels=L \
		"${RUN[@]}" sh -c 'echo out; echo err >&2'
	load_images alpine
	run_cmk run --rm --net=none --log-driver journald alpine echo of an image
	wait $pid
	id=$(cmk inspect -f '{{.Id}}' c1)
	for field in MESSAGE=out MESSAGE=err PRIORITY=6 PRIORITY=3 CONTAINER_NAME=c1 "CONTAINER_ID=${id:0:12}" \
		"CONTAINER_ID_FULL=$id" CONTAINER_TAG=c1/x SYSLOG_IDENTIFIER=c1/x L=1 \
		"MESSAGE=of an image" "IMAGE_NAME=$REGISTRY/library/alpine:latest"; do
		assert grep -qx "$field" entries
	done
	# Whatever journal this host has, if any: there is nothing of c1 in it.
	run_cmk "?" logs c1
	[ "$status" = 0 ] && assert_equal "$output" "" || assert_error "read the journal: the journal has no file that this user may read"
}

@test "passthrough: the caller's own streams, no logs, no attach" {
	echo typed >in
	cmk run --name c1 --log-driver passthrough "${RUN[@]}" sh -c 'cat; echo err >&2; exit 3' <in >out 2>err || code=$?
	assert_equal "$code" 3
	assert_equal "$(cat out)" typed
	assert_equal "$(cat err)" err
	run_cmk 125 logs c1
	assert_error "'passthrough' log driver"
	run_cmk 125 create -t --log-driver passthrough "${RUN[@]}" true
	assert_error passthrough
	cmk run -d --name c2 --log-driver passthrough "${RUN[@]}" sh -c 'echo on; exec sleep 1000' >out2
	assert wait_for 20 grep -qx on out2
	run_cmk 125 attach c2
	assert_error "using the 'passthrough' log driver, cannot attach"
	script -qec "timeout 20 cmk run --log-driver passthrough --net=none --rootfs $ROOTFS true" /dev/null >tty || code=$?
	assert_match "$(cat tty)" 'cannot be used on a TTY'
}

@test "logs --details: the labels and variables that --log-opt names" {
	run_cmk run --name c1 --label zone=eu --label 'what=a b,c' --label other=1 -e COLOUR=red -e SECRET=x \
		--log-opt labels=zone,what,none --log-opt env=COLOUR "${RUN[@]}" sh -c 'echo out; echo err >&2; printf end'
	run_cmk logs --details c1
	assert_equal "$output" $'COLOUR=red,what=a+b%2Cc,zone=eu out\nCOLOUR=red,what=a+b%2Cc,zone=eu end'
	assert_equal "$stderr" 'COLOUR=red,what=a+b%2Cc,zone=eu err'
	run_cmk logs --details -t --tail 1 c1
	assert_match "$output" '^20[0-9-]{8}T[0-9:.]+Z COLOUR=red,what=a\+b%2Cc,zone=eu end$'
	run_cmk logs c1
	assert_equal "$output" $'out\nend'
	run_cmk run --name c2 --log-driver json-file "${RUN[@]}" echo plain
	run_cmk logs --details c2
	assert_equal "$output" ' plain'
	run_cmk logs --details -n c2 c1 2>&1
	assert_match "$output" "^c1 COLOUR=red,.* out"
	assert_match "$output" "c2  plain"
	run_cmk 125 create --log-driver none --log-opt labels=a "${RUN[@]}" true
	assert_error "'labels' is supported only by the k8s-file log driver"
}

@test "local: docker's name for files that are bounded without a word" {
	run_cmk run --name c1 --log-driver local "${RUN[@]}" echo kept
	run_cmk logs c1
	assert_equal "$output" kept
	assert_equal "$(config c1 Type)" local
	assert_equal "$(config c1 Size)" 20MB
	run_cmk run -d --name c2 --log-driver local --log-opt max-size=4k "${RUN[@]}" sh -c 'seq 1 2000'
	run_cmk wait c2
	assert [ "$(cat "$(config c2 Path)"* | wc -c)" -le 8000 ]
	assert_equal "$(cmk logs --tail 1 c2)" 2000
}

@test "labels-regex, env-regex: all whose names match" {
	run_cmk run --name c1 --label com.a=1 --label com.b=2 --label org=3 -e LANG=C -e LANGUAGE=en -e SLANG=no \
		--log-opt labels-regex='^com\.' --log-opt env-regex='^LANG' "${RUN[@]}" echo out
	run_cmk logs --details c1
	assert_equal "$output" 'LANG=C,LANGUAGE=en,com.a=1,com.b=2 out'
	run_cmk 125 create --log-opt 'labels-regex=(' "${RUN[@]}" true
	assert_error '\('
	run_cmk 125 create --log-driver none --log-opt env-regex=a "${RUN[@]}" true
	assert_error "'env-regex' is supported only by the k8s-file log driver"
}

@test "compress and mode: what docker's users write for the way that there is" {
	run_cmk run --name c1 --log-driver json-file --log-opt compress=false --log-opt mode=blocking "${RUN[@]}" echo out
	run_cmk logs c1
	assert_equal "$output" out
	run_cmk 125 create --log-opt compress=true "${RUN[@]}" true
	assert_error "log option 'compress=true': rotated files are not compressed"
	run_cmk 125 create --log-opt compress=maybe "${RUN[@]}" true
	assert_error 'give true or false'
	run_cmk 125 create --log-opt mode=non-blocking "${RUN[@]}" true
	assert_error "log option 'mode=non-blocking'"
	run_cmk 125 create --log-opt mode=fast "${RUN[@]}" true
}

@test "bad drivers and options are refused" {
	run_cmk 125 create --log-driver bogus "${RUN[@]}" true
	assert_error bogus
	run_cmk 125 create --log-opt foo=bar "${RUN[@]}" true
	assert_error 'invalid log option "foo"'
	run_cmk 125 create --log-opt foo "${RUN[@]}" true
	assert_error 'invalid log option "foo"'
	run_cmk 125 create --log-opt max-size=x "${RUN[@]}" true
	assert_error "invalid size: 'x'"
	run_cmk 125 create --log-opt tag=x "${RUN[@]}" true
	assert_error "'tag' is supported only by the journald log driver"
	run_cmk 125 create --log-opt max-file=0 --log-opt max-size=1k "${RUN[@]}" true
	run_cmk 125 create --log-opt max-file=2 "${RUN[@]}" true
	assert_error max-size
}
