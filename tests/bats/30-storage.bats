#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where things lie, what an unpacked layer looks like, and what removal leaves.
load helpers

small_tar() { # FILE
	mkdir -p tree/bin
	cp /bin/busybox tree/bin/busybox
	ln -sf busybox tree/bin/sh
	tar -C tree -cf "$1" --owner=0 --group=0 .
}

# As the owner of the store's user namespace sees it.
inside() { unshare --map-root-user --map-auto "$@"; }

@test "owners, modes, times, links, holes and attributes of a layer are kept" {
	mkdir -p tree/d
	echo text >tree/d/f
	ln tree/d/f tree/d/h
	ln -s /etc/passwd tree/d/l
	mkfifo tree/d/p
	truncate -s 10M tree/d/sparse
	printf x | dd of=tree/d/sparse bs=1 seek=5000000 conv=notrunc status=none
	setfattr -n user.note -v here tree/d/f
	inside sh -c '
		chown 33:44 tree/d/f && chmod 4750 tree/d/f && setcap cap_net_raw+ep tree/d/sparse &&
		chmod 2755 tree/d && touch -h -d "2001-02-03 04:05:06.789" tree/d tree/d/f tree/d/l &&
		tar -C tree -S --xattrs --xattrs-include="*" --format=pax -cf a.tar .'
	run_cmk import a.tar localhost/a
	cd "$CMK_ROOT"/layers/*/diff
	assert_equal "$(inside stat -c '%u:%g %a %h' d/f)" "33:44 4750 2"
	assert [ d/f -ef d/h ]
	assert_equal "$(readlink d/l)" /etc/passwd
	assert [ -p d/p ]
	assert_equal "$(stat -c %s d/sparse)" 10485760
	assert [ "$(stat -c %b d/sparse)" -lt 2000 ]
	assert_equal "$(inside getcap d/sparse)" "d/sparse cap_net_raw=ep"
	assert_equal "$(inside getfattr --only-values -n user.note d/f)" here
	assert_equal "$(stat -c '%a %.3Y' d)" "2755 981173106.789"
	assert_equal "$(stat -c %.3Y d/l)" 981173106.789
}

@test "a layer that two images share is kept until both are gone" {
	small_tar a.tar
	run_cmk import -c CMD=a a.tar localhost/a
	run_cmk import -c CMD=b a.tar localhost/b
	assert_equal "$(ls "$CMK_ROOT/layers" | wc -l)" 1
	run_cmk rmi localhost/a
	assert_equal "$(ls "$CMK_ROOT/layers" | wc -l)" 1
	run_cmk rmi localhost/b
	assert_equal "$(ls "$CMK_ROOT/layers" | wc -l)" 0
	assert_equal "$(ls -A "$CMK_ROOT/images" "$CMK_ROOT/names" "$CMK_ROOT/tmp" | grep -v :)" ""
}

# An import that waits for more data; $! is its pid.
waiting_import() {
	rm -f pipe
	mkfifo pipe
	# Not ignored, as the shell would have it for what runs in the background.
	env --default-signal=INT "$T/bin/cmk" import pipe localhost/never 3>&- &
	exec 7>pipe
	head -c 1000000 a.tar >&7
	assert wait_for 10 eval '[ -n "$(ls "$CMK_ROOT/tmp" 2>/dev/null)" ]'
}

@test "an import that is interrupted or killed leaves nothing" {
	small_tar a.tar
	for signal in INT TERM HUP KILL; do
		waiting_import
		kill -s "$signal" $!
		wait $! || true
		exec 7>&-
		assert wait_for 10 eval '[ -z "$(ls "$CMK_ROOT/tmp")" ]'
		assert_equal "$(ls "$CMK_ROOT/layers")" ""
	done
}

@test "what a power cut left is swept by the next import" {
	small_tar a.tar
	run_cmk images
	mkdir -p "$CMK_ROOT/tmp/new-0123456789abcdef/diff/d"
	inside sh -c "echo x >$CMK_ROOT/tmp/new-0123456789abcdef/diff/d/f; chown -R 5:5 $CMK_ROOT/tmp/new-0123456789abcdef/diff"
	run_cmk import a.tar localhost/a
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
	assert_equal "$(ls "$CMK_ROOT/layers" | wc -l)" 1
}

@test "an unpacking under way is not swept" {
	small_tar a.tar
	waiting_import
	run_cmk import a.tar localhost/a
	assert [ -n "$(ls "$CMK_ROOT/tmp")" ]
	tail -c +1000001 a.tar >&7
	exec 7>&-
	wait $!
	run_cmk images
	assert_match "$output" localhost/never
}

@test "the run directory is chosen once per boot: cron sees what the session sees" {
	printf '#!/bin/sh\nexec %s --root "%s" "$@"\n' "$CMK_BIN" "$CMK_ROOT" >"$T/bin/cmk"
	run_cmk images
	assert_match "$(cat "$CMK_ROOT/run.json")" "\"path\":\"$XDG_RUNTIME_DIR/cmk\""
	(
		unset XDG_RUNTIME_DIR
		run_cmk images
	)
	assert_match "$(cat "$CMK_ROOT/run.json")" "\"path\":\"$XDG_RUNTIME_DIR/cmk\""
	# Another boot: chosen anew.
	sed -i 's/"boot_id":"[^"]*"/"boot_id":"00000000-0000-0000-0000-000000000000"/' "$CMK_ROOT/run.json"
	mkdir -m 700 other
	XDG_RUNTIME_DIR=$T/other run_cmk images
	assert_match "$(cat "$CMK_ROOT/run.json")" "\"path\":\"$T/other/cmk\""
}

@test "a run directory that others can write to is refused" {
	mkdir -m 777 open
	chmod 777 open
	run_cmk 125 --runroot "$T/open" images
	assert_error "run directory.*open"
}

@test "a store of a newer cmk is refused" {
	run_cmk images
	echo 99 >"$CMK_ROOT/version"
	run_cmk 125 images
	assert_error "newer cmk"
}

@test "a data directory that cannot be written is one clear error" {
	mkdir -m 500 closed
	run_cmk 125 --root "$T/closed/store" images
	assert_error "$T/closed/store.*permission denied"
	run_cmk 125 --root /proc/nowhere images
	assert_error "/proc/nowhere"
}

@test "a damaged image record does not hide the others" {
	small_tar a.tar
	run_cmk import -c CMD=a a.tar localhost/a
	run_cmk import -c CMD=b a.tar localhost/b
	record=$(readlink -f "$CMK_ROOT/names/localhost%a:latest")/image.json
	echo '{' >"$record"
	run_cmk images
	assert_match "$output" localhost/b
	assert_match "$stderr" 'level=warning msg="image '
}

# bats test_tags=long
@test "a container stays with the storage driver that it was made with" {
	load_images alpine
	local made now
	for made in overlay fuse-overlayfs vfs; do
		run_cmk --storage-driver $made create --name $made --net=none alpine sh -c '
			[ "$(cat /mine 2>/dev/null)" = two ] || { ls -A /var; rm -r /var; mkdir /var; }
			ls -A /var; echo two >/mine; echo end'
		run_cmk start -a $made
		assert_equal "$output" $'log\ntmp\nend'
		for now in overlay fuse-overlayfs vfs; do
			run_cmk --storage-driver $now start -a $made
			assert_equal "$output" end
			run_cmk --storage-driver $now inspect --format '{{.GraphDriver.Name}}' $made
			assert_equal "$output" $made
			run_cmk --storage-driver $now diff $made
			assert_match "$output" 'A /mine'
		done
	done
	run_cmk rm overlay vfs
	# One that does not work here any more is named.
	rm "$CMK_ROOT"/driver*.json
	ln -s "$(command -v newuidmap)" "$(command -v newgidmap)" "$T/bin/"
	run env PATH="$T/bin" "$T/bin/cmk" --storage-driver vfs start fuse-overlayfs
	assert_equal "$status" 125
	assert_match "$output" "it was made with the storage driver 'fuse-overlayfs', with which it stays, and here that does not work: "
	run_cmk rm fuse-overlayfs
}

@test "each driver shows the same files" {
	mkdir -p l1/d l1/gone l2/d l2/gone
	echo lower >l1/d/lower && echo lower >l1/gone/file && echo one >l1/d/both
	echo two >l2/d/both && touch l2/d/.wh.lower l2/gone/.wh..wh..opq && echo new >l2/gone/new
	rootfs=$(rootfs)
	cp -r l1/. "$rootfs/"
	tar -C "$rootfs" -cf 1.tar . && tar -C l2 -cf 2.tar .
	umoci init --layout oci
	umoci new --image oci:x
	umoci raw add-layer --image oci:x 1.tar
	umoci raw add-layer --image oci:x 2.tar
	skopeo copy -q --dest-tls-verify=false oci:oci:x "docker://$REGISTRY/t/drivers:$BASHPID"
	run_cmk pull -q "$REGISTRY/t/drivers:$BASHPID"
	for driver in overlay fuse-overlayfs vfs; do
		run_cmk --storage-driver "$driver" run --rm --net=none "$REGISTRY/t/drivers:$BASHPID" \
			sh -c 'cd /; cat d/both gone/*; ls d gone; rm d/both; echo w >d/w; chown 7:8 d/w; stat -c %u:%g d/w; ls d'
		assert_equal "$(tr -s '\n' ' ' <<<"$output")" "two new d: both gone: new 7:8 w "
	done
}

@test "twenty layers, and the mount of kernels without fsopen" {
	load_images many
	n=$(ls "$CMK_ROOT/layers" | wc -l)
	assert [ "$n" -ge 10 ]
	run_cmk run --rm --net=none many ls /
	first=$output
	# A build without test hooks does not look at it.
	CMK_TEST_NO_FSOPEN=1 run_cmk run --rm --net=none many ls /
	assert_equal "$output" "$first"
}

# put_blob DIR FILE: prints its digest.
put_blob() {
	local hex
	hex=$(sha256sum <"$2" | cut -d' ' -f1)
	cp "$2" "$1/blobs/sha256/$hex"
	echo "sha256:$hex"
}

@test "an image that has one layer twice, as all drivers and maps mount it" {
	local manifest config layer
	load_images alpine
	run_cmk run --name c --net=none alpine sh -c 'echo 1 >/one; rm /etc/os-release'
	run_cmk commit -q c localhost/two
	run_cmk save -q --format oci-dir -o d localhost/two
	manifest=d/blobs/sha256/$(jq -r '.manifests[0].digest | ltrimstr("sha256:")' d/index.json)
	config=d/blobs/sha256/$(jq -r '.config.digest | ltrimstr("sha256:")' "$manifest")
	# The lower one again on top of both: what the upper one took away is back.
	jq -c '.rootfs.diff_ids += [.rootfs.diff_ids[0]] | .history += [.history[0]]' "$config" >config
	jq -c --arg d "$(put_blob d config)" --argjson n "$(stat -c %s config)" \
		'.config.digest = $d | .config.size = $n | .layers += [.layers[0]]' "$manifest" >manifest
	jq -c --arg d "$(put_blob d manifest)" --argjson n "$(stat -c %s manifest)" \
		'.manifests[0].digest = $d | .manifests[0].size = $n' d/index.json >index
	cp index d/index.json
	run_cmk pull -q oci:d
	layer=${output##*$'\n'}
	local look='cat /one; ls /etc/os-release; ls / | wc -l'
	run_cmk run --rm --net=none "$layer" sh -c "$look"
	assert_equal "${lines[0]} ${lines[1]}" "1 /etc/os-release"
	local wanted=$output
	run_cmk run --rm --net=none --uidmap 0:1:1000 "$layer" sh -c "$look"
	assert_equal "$output" "$wanted"
	run_cmk --root "$T/vfs" --storage-driver vfs pull -q oci:d
	run_cmk --root "$T/vfs" --storage-driver vfs run --rm --net=none "$layer" sh -c "$look"
	assert_equal "$output" "$wanted"
	run_cmk run --name e --net=none "$layer" touch /new
	run_cmk diff e
	assert_match "$output" 'A /new'
	run_cmk commit -q e localhost/three
	run_cmk run --rm --net=none localhost/three sh -c "$look"
	run_cmk save -q -o three.tar localhost/three
	run_cmk rm -a
	run_cmk rmi -f localhost/three "$layer"
	run_cmk load -q -i three.tar
	run_cmk run --rm --net=none localhost/three ls /new /one
	run_cmk system check
}
