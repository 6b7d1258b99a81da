#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Sockets that systemd opens and hands over (sd_listen_fds(3)), by its own systemd-socket-activate.
load helpers

setup_file() {
	mkdir "$BATS_FILE_TMPDIR/fs"
	tar -xf "$CMK_TEST_STAGE/cache/debian.tar" --no-same-owner -C "$BATS_FILE_TMPDIR/fs" --exclude='./dev/*'
	chmod 755 "$BATS_FILE_TMPDIR/fs"
}

setup() {
	common_setup
	command -v systemd-socket-activate >/dev/null || skip "systemd-socket-activate is not installed"
	fs=$BATS_FILE_TMPDIR/fs
}

teardown() {
	[ -z "${activate:-}" ] || kill "$activate" 2>/dev/null || true
	cmk rm -f -t 0 -a >/dev/null 2>&1 || true
	common_teardown
}

# Answers "hello N" to connection N on descriptor 3, COUNT times.
SERVER='use IO::Socket; my $s = IO::Socket::INET->new_from_fd(3, "+<"); my $n = 0;
	for (1..$ARGV[0]) { my $c = $s->accept; print $c "hello ", ++$n, " $ENV{LISTEN_FDS} $ENV{LISTEN_FDNAMES} ", $ENV{LISTEN_PID} == $$ ? "mine" : "theirs", "\n"; close $c }'

# activated PORT COMMAND...: waits for a connection to PORT, and starts COMMAND for it.
activated() {
	# The one before it has listened, too.
	rm -f "$T/err"
	systemd-socket-activate -l "127.0.0.1:$1" --fdname=web -E PATH -E HOME -E XDG_RUNTIME_DIR "${@:2}" >"$T/out" 2>"$T/err" </dev/null 3>&- &
	activate=$!
	wait_for 20 grep -q "Listening on" "$T/err"
}
ask() { timeout 30 bash -c "exec 4<>/dev/tcp/127.0.0.1/$1 && cat <&4"; }

@test "run starts with the first connection, which is answered; no network is needed" {
	activated 18401 "$T/bin/cmk" run --rm --net=none --rootfs "$fs" perl -e "$SERVER" 2
	assert_equal "$(ask 18401)" "hello 1 1 web mine"
	assert_equal "$(ask 18401)" "hello 2 1 web mine"
	wait "$activate"
	activate=
}

@test "with --init the sockets are its child's; -d keeps them over a restart by policy" {
	activated 18402 "$T/bin/cmk" run -d --init --name c --net=none --restart=always --rootfs "$fs" perl -e "$SERVER" 1
	assert_equal "$(ask 18402)" "hello 1 1 web mine"
	# Each server answers one; the socket waits meanwhile.
	assert_equal "$(ask 18402)" "hello 1 1 web mine"
	assert_equal "$(ask 18402)" "hello 1 1 web mine"
	wait "$activate"
	activate=
	run_cmk inspect --format '{{.RestartCount}}' c
	assert [ "$output" -ge 2 ]
	run_cmk rm -f -t 0 c
	# Nobody else has it.
	refute_match "$(ask 18402 2>&1)" hello
}

@test "start hands them on as well, to one container; exec sessions do not get them" {
	run_cmk create --name c --net=none --rootfs "$fs" perl -e "$SERVER" 2
	run_cmk create --name d --net=none --rootfs "$fs" true
	activated 18403 "$T/bin/cmk" start c
	assert_equal "$(ask 18403)" "hello 1 1 web mine"
	assert_equal "$(cmk exec c sh -c 'echo $LISTEN_FDS; ls /proc/self/fd | grep -c "^3$"')" $'\n1'
	assert_equal "$(ask 18403)" "hello 2 1 web mine"
	wait "$activate"
	activated 18404 "$T/bin/cmk" start c d
	timeout 10 bash -c 'exec 4<>/dev/tcp/127.0.0.1/18404; cat <&4' || true
	wait "$activate" && return 1
	activate=
	assert_match "$(cat err)" "LISTEN_FDS: the sockets are for one container, not for 2"
}

@test "sockets of another process are left alone, wrong numbers are refused" {
	LISTEN_PID=1 LISTEN_FDS=5 run_cmk run --rm --net=none --rootfs "$fs" sh -c 'echo "<$LISTEN_FDS>"'
	assert_equal "$output" "<>"
	# shellcheck disable=SC2016
	run sh -c 'LISTEN_PID=$$ LISTEN_FDS=x exec cmk run --rm --net=none --rootfs "$0" true' "$fs"
	assert_equal "$status" 125
	assert_match "$output" "LISTEN_FDS: 'x' is no number of descriptors"
	# shellcheck disable=SC2016
	run sh -c 'exec 3>&- 4>&-; LISTEN_PID=$$ LISTEN_FDS=2 exec cmk run --rm --net=none --rootfs "$0" true' "$fs"
	assert_equal "$status" 125
	assert_match "$output" "file descriptor 3 is not available"
}
