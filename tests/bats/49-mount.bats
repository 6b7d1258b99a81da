#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# unshare, mount, unmount, image mount, image unmount.
load helpers

@test "unshare runs a command as root of the containers' ids" {
	run_cmk unshare id -u
	assert_equal "$output" 0
	run_cmk unshare cat /proc/self/uid_map
	assert_match "${lines[0]}" "^ +0 +$UID +1$"
	assert_equal "${#lines[@]}" 2
	run_cmk unshare sh -c 'touch f && chown 1000:1000 f && stat -c %u f'
	assert_equal "$output" 1000
	assert [ "$(stat -c %u f)" != 1000 ]
	run_cmk unshare rm f
	run_cmk unshare sh -c 'echo $CONTAINERS_GRAPHROOT $CONTAINERS_RUNROOT'
	assert_equal "$output" "$CMK_ROOT $CMK_RUNROOT"
	run_cmk 7 unshare sh -c 'exit 7'
	run_cmk 143 unshare sh -c 'kill -TERM $$'
	SHELL=/bin/echo run_cmk unshare
	SHELL='' run_cmk 125 unshare
	assert_error "no command specified and no .SHELL specified"
	run_cmk 127 unshare wibble
	assert_error "executable file not found"
	run_cmk 126 unshare /
	run_cmk 125 unshare --rootless-netns true
	assert_error "not yet"
	run_cmk 125 unshare --wibble true
}

@test "what is mounted in unshare is not mounted outside" {
	mkdir m
	run_cmk unshare sh -c 'mount -t tmpfs tmpfs m && touch m/inside && ls m'
	assert_equal "$output" inside
	assert [ -z "$(ls m)" ]
}

@test "mounting is refused outside of unshare" {
	local dir words
	dir=$(rootfs)
	run_cmk create --name c1 --net=none --rootfs "$dir" true
	for words in mount 'mount c1' unmount\ c1 'umount -a' 'image mount' 'image unmount -a'; do
		# shellcheck disable=SC2086
		run_cmk 125 $words
		assert_error 'cannot run command "cmk .*" in rootless mode, must execute `cmk unshare` first'
	done
	run_cmk unshare cmk mount c1
	assert_equal "$output" "$dir"
	run_cmk rm c1
}

@test "a container's files are seen in unshare, and changed" {
	load_images alpine
	run_cmk create --name c1 --net=none alpine cat /hello /bin/../etc/made
	local id=$output
	run_cmk unshare sh -c 'm=$(cmk mount c1) && echo "$m" && ls "$m/bin/busybox" && echo hi >"$m/hello" &&
		echo made >"$m/etc/made" && chown 5:6 "$m/hello"'
	assert_equal "${lines[0]}" "$CMK_ROOT/containers/$id/merged"
	# It ended with the session.
	assert [ -z "$(ls "${lines[0]}")" ]
	run_cmk start -a c1
	assert_equal "$output" $'hi\nmade'
	run_cmk unshare sh -c 'stat -c %u:%g "$(cmk mount c1)/hello"'
	assert_equal "$output" 5:6
	run_cmk 125 unshare cmk mount nothing
	assert_error "no such container"
	run_cmk rm c1
}

@test "mounts are listed and counted" {
	load_images alpine
	run_cmk create --name c1 --net=none alpine true
	local id=$output place
	place=$CMK_ROOT/containers/$id/merged
	run_cmk unshare sh -c 'cmk mount; cmk mount c1 c1; cmk mount; cmk mount --no-trunc; cmk mount -l'
	assert_equal "$output" "$place
$place
${id:0:12}  $place
$id  $place
$place"
	run_cmk unshare sh -c 'cmk mount c1 >/dev/null; cmk mount --format json'
	assert_equal "$(jq -r '.[0] | .id, .Names[0], .mountpoint' <<<"$output")" "$id"$'\nc1\n'"$place"
	# As often as it was mounted, or with force.
	run_cmk unshare sh -c 'cmk mount c1 c1 >/dev/null; cmk umount c1; cmk mount; cmk umount c1; cmk mount; cmk umount c1'
	assert_equal "$output" "c1
${id:0:12}  $place
c1
c1"
	run_cmk unshare sh -c 'cmk mount c1 c1 >/dev/null; cmk umount -f c1; cmk mount; cmk mount --all; cmk umount -a; cmk umount -a'
	assert_equal "$output" "c1
$place
$id"
	run_cmk 125 unshare cmk mount --format '{{.ID}}'
	assert_error "unknown --format argument"
	run_cmk 125 unshare cmk umount
	run_cmk rm c1
}

@test "one file system, whether it is mounted or runs first" {
	load_images alpine
	run_cmk create --name c1 --net=none alpine sleep 1000
	run_cmk unshare sh -c 'm=$(cmk mount c1) && cmk start c1 >/dev/null && echo one >"$m/one" &&
		cmk exec c1 sh -c "cat /one; echo two >/two" && cat "$m/two" && cmk umount c1 && cmk exec c1 cat /one'
	assert_equal "$output" $'one\ntwo\nc1\none'
	run_cmk unshare sh -c 'm=$(cmk mount c1) && echo three >"$m/three" && cmk exec c1 cat /three &&
		cmk kill c1 >/dev/null && cmk wait c1 >/dev/null && cat "$m/three" && echo four >"$m/four" &&
		cmk cp c1:/four - | tar -xO'
	assert_equal "$output" $'three\nthree\nfour'
	run_cmk rm c1
}

@test "what is mounted is not removed without force" {
	load_images alpine
	run_cmk create --name c1 --net=none alpine true
	mkfifo go
	cmk_background session unshare sh -c 'cmk mount c1 && cmk image mount alpine && echo ready && cat go && ls "$(cmk mount)"'
	local session=$!
	wait_for 30 grep -q ready session.out
	run_cmk 2 rm c1
	assert_error "is mounted and cannot be removed without using force"
	run_cmk container prune -f
	assert_equal "$output" ""
	run_cmk rm -f c1
	run_cmk 2 rmi alpine
	assert_error "it is mounted"
	run_cmk image prune -af
	assert_equal "$output" ""
	run_cmk rmi -f alpine
	assert_match "$output" "Deleted: "
	echo >go
	wait "$session" || true
	run_cmk images -q
	assert_equal "$output" ""
}

@test "a session that was killed leaves nothing mounted" {
	load_images alpine
	run_cmk create --name c1 --net=none alpine true
	mkfifo go
	cmk_background session unshare sh -c 'cmk mount c1 && echo ready && read x <go'
	local session=$!
	wait_for 30 grep -q ready session.out
	run_cmk 2 rm c1
	kill -9 "$session"
	wait "$session" || true
	run_cmk unshare cmk mount
	assert_equal "$output" ""
	run_cmk rm c1
}

@test "an image is mounted read-only" {
	load_images alpine many
	run_cmk unshare sh -c 'for i in alpine many; do m=$(cmk image mount $i) && echo "$m" && ls "$m/bin/busybox" && ! touch "$m/x" 2>/dev/null &&
		echo closed || exit 1; done; ls "$(cmk image mount many)"; cmk image mount | wc -l; cmk image mount --format json >json
		cmk image umount many; cmk image umount many; cmk image unmount -a; cmk image mount; cmk image mount -a | wc -l; cmk image umount -af'
	assert_equal "$(grep -c '^closed$' <<<"$output")" 2
	assert_match "$output" $'\n2\n'
	assert_equal "$(jq -r 'map(.Repositories[0]) | sort | .[0]' json)" "$REGISTRY/library/alpine:latest"
	assert_match "$(jq -r '.[0].mountpoint' json)" "^$CMK_RUNROOT/mounts/"
	run_cmk unshare sh -c 'ls '"$CMK_RUNROOT/mounts"
	assert_equal "$output" ""
	run_cmk 125 unshare cmk image mount nothing
	assert_error "nothing: image not known"
	run_cmk 125 unshare cmk image umount
	run_cmk 125 unshare cmk image mount --all alpine
}

@test "containers are made and removed from within unshare" {
	load_images alpine
	run_cmk unshare cmk run --rm --net=none alpine echo from within
	assert_equal "$output" "from within"
	run_cmk unshare sh -c 'cmk run -d --name c1 --net=none alpine sleep 1000 >/dev/null && cmk exec c1 id -u'
	assert_equal "$output" 0
	# Made within, used from without, in the same parent namespace.
	run_cmk exec c1 sh -c 'touch /file; chown 77 /file; stat -c %u /file'
	assert_equal "$output" 77
	run_cmk unshare cmk exec c1 stat -c %u /file
	assert_equal "$output" 77
	run_cmk unshare cmk unshare cat /proc/self/uid_map
	assert_match "${lines[0]}" "^ +0 +$UID +1$"
	run_cmk unshare cmk rm -f -t 0 c1
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "a container with a map of its own, mounted before and while it runs" {
	load_images alpine
	run_cmk create --name c1 --net=none --userns keep-id alpine sleep 1000
	run_cmk unshare sh -c 'm=$(cmk mount c1) && echo one >"$m/tmp/one" && cmk start c1 >/dev/null && cmk exec c1 cat /tmp/one &&
		cmk exec c1 touch /tmp/two && stat -c %u "$m/tmp/two"'
	assert_equal "$output" $'one\n0'
	run_cmk unshare sh -c 'm=$(cmk mount c1) && stat -c %u "$m/tmp/two" && echo three >"$m/tmp/three" && cmk exec c1 cat /tmp/three'
	assert_equal "$output" $'0\nthree'
	run_cmk rm -f -t 0 c1
}

# bats test_tags=long
@test "on the other drivers" {
	local driver
	load_images alpine many
	for driver in vfs fuse-overlayfs; do
		export STORAGE_DRIVER=$driver
		run_cmk create --name "$driver" --net=none alpine cat /hello
		run_cmk unshare sh -c 'm=$(cmk mount '"$driver"') && echo hi >"$m/hello" && cmk start -a '"$driver"' && cat "$(cmk image mount alpine)/etc/passwd" | head -n 1'
		assert_equal "${lines[0]}" hi
		assert_match "${lines[1]}" '^root:'
		run_cmk rm "$driver"
	done
	run_cmk unshare sh -c 'm=$(cmk image mount many) && ls "$m/bin/busybox" && ! touch "$m/x"'
	STORAGE_DRIVER=vfs run_cmk 125 unshare cmk image mount many
	assert_error "only with the driver overlay"
}
