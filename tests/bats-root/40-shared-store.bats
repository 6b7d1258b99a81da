#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One user's store read by another, each with subordinate ids of their own (additionalimagestores).
load ../bats/helpers

setup() {
	common_setup
	cp /etc/subuid "$T/subuid" && cp /etc/subgid "$T/subgid"
	echo cmk-nosub:3000000:65536 >>/etc/subuid
	echo cmk-nosub:3000000:65536 >>/etc/subgid
	shared=$T/shared
	mkdir "$shared" && chown cmk-test: "$shared"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	for user in cmk-test cmk-nosub; do
		mkdir -p "$T/home-$user"
		cp -r "$HOME/.config" "$T/home-$user/"
		printf '[storage]\ndriver = "overlay"\n[storage.options]\nadditionalimagestores = ["%s"]\n' "$shared" >"$T/home-$user/.config/containers/storage.conf"
		chown -R "$user:" "$T/home-$user"
	done
	rm "$T/home-cmk-test/.config/containers/storage.conf"
	[ -z "$TEST_CG" ] || chmod -R a+rwX "$TEST_CG"
}

teardown() {
	as cmk-nosub "$CMK_BIN" rm -f -a -t 0
	owner rm -f -a -t 0
	rm -rf /run/user/*/cmk
	cat "$T/subuid" >/etc/subuid && cat "$T/subgid" >/etc/subgid
	common_teardown
}

# as USER COMMAND...
as() {
	local user=$1
	shift
	(cd / && exec setpriv --reuid "$user" --regid "$user" --clear-groups env HOME="$T/home-$user" USER="$user" LOGNAME="$user" \
		XDG_RUNTIME_DIR="/run/user/$(id -u "$user")" timeout 60 "$@")
}

# The owner of the store, and who only reads it.
owner() { as cmk-test "$CMK_BIN" --root "$shared" "$@"; }
reader() { as cmk-nosub "$CMK_BIN" "$@"; }
share() { owner unshare chmod -R a+rX "$shared"; }

# localhost/made has files of three owners, in a store whose files all users may read.
make_image() {
	owner pull -q alpine >/dev/null
	owner run --name maker --net=none alpine sh -c '
		echo one >/own && echo two >/closed && echo three >/other && chmod 600 /closed &&
		chown 33:33 /closed && chown 1000:1000 /other && chmod 4711 /other'
	owner commit -q maker localhost/made >/dev/null
	owner rm maker >/dev/null
	share
}

@test "what another user with subordinate ids of their own sees is what the owner sees, owners and modes included" {
	local look='stat -c "%n %u:%g %a" /own /closed /other /etc/passwd; cat /own /closed; cat /other'
	make_image
	owner run --rm --net=none localhost/made sh -c "$look" >wanted
	assert_match "$(cat wanted)" '/other 1000:1000 4755'
	reader run --rm --net=none localhost/made sh -c "$look" >got
	diff wanted got
	# What is written there is the reader's.
	reader run --name c --net=none localhost/made sh -c 'echo more >>/closed; chown 5:5 /own; rm /other'
	reader start c
	assert_equal "$(reader diff c | sort | tr '\n' ' ')" "C /closed C /own D /other "
	reader commit -q c localhost/mine
	reader run --rm --net=none localhost/mine sh -c 'cat /closed | tail -n 1; stat -c %u /own; ls /other 2>&1' >out || true
	assert_equal "$(head -n 2 out | tr '\n' ' ')" "more 5 "
	owner run --rm --net=none localhost/made sh -c "$look" >again
	diff wanted again
	reader save -q -o "$T/home-cmk-nosub/mine.tar" localhost/mine
	reader rm c
	assert_match "$(reader system check 2>&1)" '^$'
}

@test "both use the store at once, and see what comes and goes" {
	local i pids=() out
	make_image
	for i in 1 2 3 4 5; do
		owner run --rm --net=none localhost/made cat /own >"$T/owner-$i" 2>&1 &
		pids+=($!)
		reader run --rm --net=none localhost/made cat /closed >"$T/reader-$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	assert_equal "$(cat "$T"/owner-* | sort -u)" one
	assert_equal "$(cat "$T"/reader-* | sort -u)" two
	# A new image is there at once; one that is tagged anew, too.
	owner pull -q zstd >/dev/null
	share
	owner tag localhost/made localhost/other
	reader run --rm --net=none zstd true
	reader image exists localhost/other
	# What the owner removes under a container: it goes on, and what needs the image is told.
	reader run -d --name c --net=none localhost/made sleep 1000
	owner rmi -f localhost/made localhost/other
	reader exec c true
	reader rm -f -t 0 c
	out=$(reader run --rm --net=none --pull=never localhost/made true 2>&1) && false
	assert_match "$out" 'Error: .*localhost/made.*image not known'
	reader images >/dev/null
	reader system check
}

@test "a store that is not given to others is named" {
	local out
	make_image
	chmod 700 "$shared"
	out=$(reader images 2>&1) || true
	assert_match "$out" "level=warning msg=.additional image store '$shared' is not used: permission denied"
	chmod 755 "$shared"
	reader image exists localhost/made
}
