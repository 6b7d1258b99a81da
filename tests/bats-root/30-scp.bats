#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# image scp through a real sshd, between users of this machine: cmk at both ends, and podman at the other.
load ../bats/helpers

setup() {
	common_setup
	[ -x /usr/sbin/sshd ] || skip "openssh-server is not installed"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	ssh-keygen -q -t ed25519 -N '' -f "$T/host"
	# Whoever asks has a configuration of ssh's own beside the key, and nothing of the machine's.
	for user in root cmk-test cmk-nosub; do
		mkdir -p "$T/home-$user"
		cp -r "$HOME/.config" "$T/home-$user/"
		printf '[storage]\ndriver = "vfs"\n' >"$T/home-$user/.config/containers/storage.conf"
		printf '[engine]\nevents_logger = "none"\ncgroup_manager = "cgroupfs"\n' >"$T/home-$user/.config/containers/containers.conf"
		ssh-keygen -q -t ed25519 -N '' -f "$T/home-$user/key"
		cat "$T/home-$user/key.pub" >>"$T/authorized"
		chown -R "$user:" "$T/home-$user"
	done
	chmod 755 "$T/authorized"
	cat >"$T/bin/ssh" <<-'END'
		#!/bin/sh
		exec /usr/bin/ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -i "$HOME/key" \
			-o UserKnownHostsFile="$T/known" -o StrictHostKeyChecking=yes "$@"
	END
	chmod 755 "$T/bin/ssh"
	[ -z "$TEST_CG" ] || chmod -R a+rwX "$TEST_CG"
	printf 'hello' >f && tar -cf made.tar f
	chmod 644 made.tar
}

teardown() {
	local pid
	for pid in "$T"/sshd-*.pid; do
		[ ! -s "$pid" ] || kill "$(cat "$pid")"
	done
	local pause
	pause=/run/user/$(id -u cmk-test)/libpod/tmp/pause.pid
	[ ! -s "$pause" ] || kill "$(cat "$pause")"
	rm -rf /run/user/*/{cmk,libpod,containers,vfs*,overlay*,netns,crun,buildah*}
	common_teardown
}

# serve PORT USER PATH: who comes in there has that PATH.
serve() {
	cat >"$T/sshd-$1.conf" <<-END
		ListenAddress 127.0.0.1:$1
		HostKey $T/host
		AuthorizedKeysFile $T/authorized
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PidFile $T/sshd-$1.pid
		AllowUsers $2
		SetEnv HOME=$T/home-$2 XDG_RUNTIME_DIR=/run/user/$(id -u "$2") PATH=$3
	END
	echo "[127.0.0.1]:$1 $(cut -d' ' -f1,2 "$T/host.pub")" >>"$T/known"
	# It wants a directory below /run, which is the machine's own.
	mkdir -p "$T/users"
	unshare --mount --propagation private sh -c '
		mount --rbind /run/user "$0/users" && mount -t tmpfs tmpfs /run && mkdir /run/sshd /run/user &&
		mount --rbind "$0/users" /run/user && exec /usr/sbin/sshd -f "$0/sshd-$1.conf" -E "$0/sshd-$1.log"' "$T" "$1" 3>&-
	wait_for 20 test -s "$T/sshd-$1.pid"
}

# as USER COMMAND...
as() {
	local user=$1
	shift
	(cd / && exec setpriv --reuid "$user" --regid "$user" --clear-groups env HOME="$T/home-$user" USER="$user" LOGNAME="$user" \
		XDG_RUNTIME_DIR="/run/user/$(id -u "$user")" timeout 60 "$@")
}

@test "from one user to another and back, cmk at both ends" {
	serve 2201 cmk-nosub /usr/local/bin:/usr/bin:/bin
	local id there=cmk-nosub@127.0.0.1:2201
	id=$(as cmk-test "$CMK_BIN" import -q "$T/made.tar" localhost/made:1)
	run as cmk-test "$CMK_BIN" image scp localhost/made:1 "$there::"
	assert_match "$output" 'Loaded image: localhost/made:1'
	assert_equal "$(as cmk-nosub "$CMK_BIN" images -q --no-trunc)" "sha256:${id#sha256:}"
	as cmk-test "$CMK_BIN" rmi localhost/made:1
	run as cmk-test "$CMK_BIN" image scp -q "$there::localhost/made:1" localhost/again:2
	assert_equal "$status" 0
	assert_equal "$(as cmk-test "$CMK_BIN" images -q --no-trunc localhost/again:2)" "sha256:${id#sha256:}"
	# What the other end says is told.
	run as cmk-test "$CMK_BIN" image scp "$there::localhost/none:1"
	assert_match "$output" 'none.*image not known'
	assert_match "$output" "ssh ended with exit code 125"
	# Another's key.
	run as cmk-test "$CMK_BIN" image scp localhost/again:2 root@127.0.0.1:2201::
	assert_match "$output" 'Permission denied'
	assert_match "$output" "ssh ended with exit code 255"
	as cmk-test "$CMK_BIN" rmi -f -a
	as cmk-nosub "$CMK_BIN" rmi -f -a
}

@test "to podman of another user, and from there" {
	serve 2202 cmk-test /usr/bin:/bin
	local there=cmk-test@127.0.0.1:2202 id
	assert [ ! -e /usr/bin/cmk ]
	run_cmk import -q made.tar localhost/made:1
	id=${output#sha256:}
	HOME=$T/home-root run_cmk image scp localhost/made:1 "$there::"
	assert_match "$output" 'Loaded image: localhost/made:1'
	assert_equal "$(as cmk-test env TMPDIR=/tmp PATH=/usr/bin:/bin podman images -q --no-trunc)" "sha256:$id"
	HOME=$T/home-root run_cmk image scp -q localhost/made:1 "$there::localhost/other:3"
	as cmk-test env TMPDIR=/tmp PATH=/usr/bin:/bin podman image exists localhost/other:3
	run_cmk rmi -f -a
	HOME=$T/home-root run_cmk image scp "$there::localhost/other:3"
	assert_match "$output" '^Loaded image: localhost/other:3$'
	run_cmk images -q --no-trunc localhost/other:3
	assert_equal "$output" "sha256:$id"
	as cmk-test env TMPDIR=/tmp PATH=/usr/bin:/bin podman rmi -f -a
}
