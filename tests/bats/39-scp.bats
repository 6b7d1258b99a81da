#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# image scp. In place of ssh stands a program that runs the command here, as another machine would: with
# its own store, which is named for the host.
load helpers

setup() {
	common_setup
	mkdir "$T/remote"
	cat >"$T/bin/ssh" <<-'END'
		#!/bin/sh
		echo "$*" >>"$T/ssh.log"
		[ "$1" = -p ] && shift 2
		[ "$1" = -- ] && shift
		[ "$1" = nobody ] && exit 255
		mkdir -p "$T/remote/$1"
		cp "$T/bin/far" "$T/remote/$1/cmk"
		PATH="$T/remote/$1:/usr/bin:/bin" exec sh -c "$2"
	END
	cat >"$T/bin/far" <<-'END'
		#!/bin/sh
		d=${0%/*}
		exec "$CMK_BIN" --root "$d/s" --runroot "$d/r" "$@"
	END
	chmod 755 "$T/bin/far"
	chmod 755 "$T/bin/ssh"
	printf 'hello' >f && tar -cf made.tar f
	run_cmk import -q made.tar localhost/made:1
	ID=$output
}
at() { "$CMK_BIN" --root "$T/remote/$1/s" --runroot "$T/remote/$1/r" "${@:2}"; }

@test "to another machine, from there, and from one to another" {
	run_cmk image scp localhost/made:1 user@one::
	assert_match "$output" 'Loaded image: localhost/made:1'
	assert_equal "$(at user@one images -q --no-trunc)" "sha256:${ID#sha256:}"
	run_cmk image scp -q localhost/made:1 two:2222::other:3
	assert_equal "$output$stderr" ""
	assert_match "$(tail -1 ssh.log)" '^-p 2222 -- two exec sh '
	assert_match "$(at two images --noheading)" '^localhost/other +3 '
	run_cmk image scp two::localhost/other:3 three::
	assert_match "$(at three images --noheading)" '^localhost/other +3 '
	run_cmk rmi localhost/made:1
	run_cmk image scp user@one::localhost/made:1
	assert_match "$output" '^Loaded image: localhost/made:1$'
	run_cmk image scp -q user@one::localhost/made:1 again:5
	assert_equal "$output" ""
	run_cmk images -q --no-trunc localhost/again:5
	assert_equal "$output" "sha256:${ID#sha256:}"
}

@test "what cannot be copied" {
	run_cmk 125 image scp localhost/made:1
	assert_match "$stderr" 'on another machine'
	run_cmk 125 image scp localhost/made:1 other@localhost::
	assert_match "$stderr" 'sudo -iu USER'
	run_cmk 125 image scp -- -oProxyCommand=x::made
	run_cmk 125 image scp 'one::made;reboot'
	run_cmk 125 image scp one::
	run_cmk 125 image scp one:99999::made
	run_cmk 125 image scp no-such-image one::
	run_cmk 125 image scp one::localhost/made:1 two::name:1
	assert [ ! -e ssh.log ]
	run_cmk 125 image scp localhost/made:1 nobody::
	assert_match "$stderr" "'nobody': ssh ended with exit code 255"
	run_cmk 125 image scp nobody::made
	assert_match "$stderr" "'nobody': ssh ended with exit code 255"
	run_cmk 125 image scp one::no-such-image
	assert_match "$stderr" "'one': ssh ended"
}
