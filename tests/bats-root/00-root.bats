#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What has to be set up by root: cmk as uid 0, users without subordinate ids, devices that are missing.
load ../bats/helpers

# as USER COMMAND...: with that user's home and run directory, in the test's cgroup.
as() {
	local user=$1 uid
	uid=$(id -u "$user")
	shift
	mkdir -p "$T/home-$user" "/run/user/$uid"
	cp -r "$HOME/.config" "$T/home-$user/"
	chown -R "$user:" "$T/home-$user" "/run/user/$uid"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
	[ -z "$TEST_CG" ] || chown -R "$user:" "$TEST_CG"
	(cd / && exec setpriv --reuid "$user" --regid "$user" --clear-groups env HOME="$T/home-$user" USER="$user" LOGNAME="$user" \
		XDG_RUNTIME_DIR="/run/user/$uid" "$@")
}

@test "uid 0 without ranges runs the main job" {
	refute_match "$(cat /etc/subuid)" '(^|:)root:'
	run_cmk run --rm alpine sh -c 'id -u; cat /etc/os-release'
	assert_equal "${lines[0]}" 0
	assert_match "$output" 'ID=alpine'
}

@test "uid 0 with ranges runs the main job" {
	cp /etc/subuid "$T/subuid"
	cp /etc/subgid "$T/subgid"
	echo root:2000000:65536 >>"$T/subuid"
	echo root:2000000:65536 >>"$T/subgid"
	unshare --mount --propagation private sh -c "
		mount --bind '$T/subuid' /etc/subuid && mount --bind '$T/subgid' /etc/subgid &&
		exec timeout 60 cmk run --rm alpine sh -c 'id -u; cat /proc/self/uid_map'" >out
	assert_equal "$(head -n 1 out)" 0
	# Its own id and those of the range, as the parent namespace counts them.
	assert_equal "$(awk 'NR > 1 {n += $3} END {print n}' out)" 65537
}

@test "an id-mapped mount has the host's ids inside" {
	cp /etc/subuid "$T/subuid"
	cp /etc/subgid "$T/subgid"
	echo root:2000000:65536 >>"$T/subuid"
	echo root:2000000:65536 >>"$T/subgid"
	mkdir src && echo data >src/root && echo data >src/seven && chown 7:8 src/seven
	cat >inside <<-E
		mount --bind "$T/subuid" /etc/subuid && mount --bind "$T/subgid" /etc/subgid || exit
		timeout 60 cmk run --rm --net=none -v "$T/src:/plain" --mount "type=bind,src=$T/src,dst=/b,idmap" \
			-v "$T/src:/ro:ro,idmap" alpine sh -c '
			stat -c "%n %u %g" /plain/seven /b/root /b/seven
			touch /ro/new 2>/dev/null || echo read-only
			touch /b/mine && chown 9:10 /b/mine'
	E
	unshare --mount --propagation private sh inside >out
	cat out
	# Only with its map are 7 and 8 known inside.
	assert_equal "$(cat out)" $'/plain/seven 65534 65534\n/b/root 0 0\n/b/seven 7 8\nread-only'
	assert_equal "$(stat -c '%u %g' src/mine)" '9 10'
	run_cmk 125 run --rm --net=none -v "$T/src:/b:idmap,U" alpine true
	assert_error "'U' and 'idmap' exclude each other"
}

@test "a user without ranges runs with a single id and a warning" {
	as cmk-nosub timeout 60 "$CMK_BIN" run --rm alpine sh -c 'id -u; touch /tmp/x; stat -c %u /tmp/x /etc/passwd; cat /proc/self/uid_map' >out 2>err
	cat out err
	assert_equal "$(head -n 3 out | tr '\n' ' ')" "0 0 0 "
	assert_match "$(cat err)" 'subuid|subordinate'
}

@test "another id without ranges is an error that says what to do" {
	local rc=0
	as cmk-nosub timeout 60 "$CMK_BIN" run --rm -u 1000 alpine id >out 2>err || rc=$?
	cat out err
	assert [ $rc -ge 125 ]
	assert_match "$(cat err)" 'Error: .*(subuid|subordinate|usermod)'
}

@test "without /dev/net/tun the default network says what is missing" {
	local rc=0
	run_cmk pull -q alpine
	unshare --mount --propagation private sh -c '
		mount -t tmpfs tmpfs /dev/net && exec timeout 60 cmk run --rm alpine true' >out 2>err || rc=$?
	cat out err
	assert_equal $rc 125
	assert_match "$(cat err)" 'Error: .*/dev/net/tun'
}

@test "a home that cannot be written to is named" {
	local rc=0
	mkdir -p "$T/home-cmk-test"
	as cmk-test unshare --map-root-user --mount sh -c '
		mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME" && exec timeout 60 '"$CMK_BIN"' images' >out 2>err || rc=$?
	cat out err
	assert_equal $rc 125
	assert_match "$(cat err)" 'Error: .*home-cmk-test'
}

@test "an id-mapped mount with a map of its own" {
	cp /etc/subuid "$T/subuid"
	cp /etc/subgid "$T/subgid"
	echo root:2000000:65536 >>"$T/subuid"
	echo root:2000000:65536 >>"$T/subgid"
	mkdir src && echo data >src/a && echo data >src/b && echo data >src/c
	chown 7:8 src/a
	chown 100:200 src/b
	chown 5000:5000 src/c
	# Of the host 2000000 is 1 inside.
	cat >inside <<-E
		mount --bind "$T/subuid" /etc/subuid && mount --bind "$T/subgid" /etc/subgid || exit
		timeout 60 cmk run --rm --net=none -v "$T/src:/m:idmap=uids=0-0-1#7-2000041-1#100-2000050-1;gids=0-0-1#8-2000042-1" \
			--mount "type=bind,src=$T/src,dst=/rel,idmap=uids=@0-0-1#@7-30-1#@100-50-10;gids=@8-31-1" \
			-v "$T/src:/half:idmap=uids=7-2000041-1" alpine sh -c '
			stat -c "%n %u %g" /m/a /m/b /m/c /rel/a /rel/b /half/a /half/b; touch /m/new && chown 42:43 /m/new'
	E
	unshare --mount --propagation private sh inside >out
	cat out
	assert_equal "$(cat out)" $'/m/a 42 43\n/m/b 51 65534\n/m/c 65534 65534\n/rel/a 30 31\n/rel/b 50 65534\n/half/a 42 8\n/half/b 65534 200'
	assert_equal "$(stat -c '%u %g' src/new)" '7 8'
	sed -i "s/timeout 60.*/timeout 60 cmk run --rm --net=none -v '${T//\//\\/}\/src:\/m:idmap=uids=@0-70000-1' alpine true; exit/" inside
	unshare --mount --propagation private sh inside >out 2>&1 || true
	assert_match "$(cat out)" "idmap: not all ids from '@0-70000-1' on are mapped in the container"
	run_cmk 125 run --rm --net=none -v "$T/src:/b:idmap=uids=0-0-1,U" alpine true
	assert_error "'U' and 'idmap' exclude each other"
}

@test "ranges that newuidmap may not use are an error, not a smaller map" {
	local rc=0
	cp /usr/bin/newuidmap "$T/newuidmap"
	chmod 755 "$T/newuidmap"
	as cmk-test true
	CMK_NEW=$T/newuidmap unshare --mount --propagation private sh -c '
		mount --bind "$CMK_NEW" /usr/bin/newuidmap && exec setpriv --reuid cmk-test --regid cmk-test --clear-groups env \
			HOME="'"$T"'/home-cmk-test" XDG_RUNTIME_DIR=/run/user/'"$(id -u cmk-test)"' timeout 60 '"$CMK_BIN"' run --rm alpine true' >out 2>err || rc=$?
	cat out err
	assert_equal $rc 125
	assert_match "$(cat err)" 'Error: .*newuidmap'
}

@test "run --rm --net=none true takes at most 6 million instructions, counted by single steps" {
	local uid
	uid=$(id -u cmk-test)
	[ "${CMK_TEST_SANITIZED:-}" != yes ] || skip "a sanitizer's own work would be counted"
	[ -x "$CMK_TEST_STAGE/tests/bench/steps" ] || skip "tests/bench/steps was not built (make check)"
	! perf stat -x , -e instructions:u -o probe true || grep -q 'not supported\|not counted' probe ||
		skip "counted by perf in tests/bats/85-budget.bats"
	as cmk-test "$CMK_BIN" pull -q alpine
	as cmk-test "$CMK_BIN" run --rm --net=none alpine true
	cd /
	HOME=$T/home-cmk-test USER=cmk-test XDG_RUNTIME_DIR=/run/user/$uid timeout 400 "$CMK_TEST_STAGE/tests/bench/steps" "$uid" 6000000 \
		"$CMK_BIN" run --rm --net=none alpine true >"$T/count"
	echo "$(tail -n 1 "$T/count") instructions"
	assert [ "$(tail -n 1 "$T/count")" -gt 100000 ]
}

@test "the helpers of a container with a published port keep at most 2 MB to themselves" {
	local pid kb sum=0 seen=0
	[ "${CMK_TEST_SANITIZED:-}" != yes ] || skip "a sanitizer's own memory would be counted"
	as cmk-test "$CMK_BIN" pull -q alpine
	as cmk-test "$CMK_BIN" run -d --name helped -p 127.0.0.1:18090:80 alpine sleep 1000
	# Root may look into helpers that nobody else may (they are not dumpable).
	for pid in $(find "$TEST_CG" -name cgroup.procs -exec cat {} +); do
		case $(readlink "/proc/$pid/exe") in
		"$CMK_BIN" | /usr/local/libexec/cmk/*) ;;
		*) continue ;;
		esac
		kb=$(awk '/^Private_/ {n += $2} END {print n + 0}' "/proc/$pid/smaps_rollup")
		echo "$kb kB: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		sum=$((sum + kb)) seen=$((seen + 1))
	done
	as cmk-test "$CMK_BIN" rm -f -t 0 helped
	assert [ $seen -ge 2 ]
	assert [ $sum -gt 0 ]
	assert [ $sum -le 2048 ]
}
