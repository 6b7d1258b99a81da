#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Stores on file systems whose files can share their data: what would be a copy takes no room.
load ../bats/helpers

setup() {
	common_setup
	uid=$(id -u cmk-test)
	MNT=
}

teardown() {
	[ -z "$MNT" ] || umount -l "$MNT"
	common_teardown
}

# make_fs TYPE COMMAND...: a file system made by COMMAND, on $MNT, with a store of cmk-test's.
make_fs() {
	local type=$1
	shift
	command -v "$1" >/dev/null || skip "no $1 here"
	grep -qw "$type" /proc/filesystems || skip "no $type in this kernel"
	truncate -s 400M "$T/disk"
	"$@" "$T/disk" >/dev/null
	mkdir "$T/fs"
	mount -o loop -t "$type" "$T/disk" "$T/fs" || skip "$type cannot be mounted here"
	MNT=$T/fs
	mkdir -p "$MNT/home/.config" "/run/user/$uid"
	cp -r "$HOME/.config/containers" "$MNT/home/.config/"
	chown -R cmk-test: "$MNT" "/run/user/$uid"
	[ -z "$TEST_CG" ] || chown -R cmk-test: "$TEST_CG"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$CMK_TEST_STAGE/tmp"
}

# user_cmk ...: cmk as that user, with the store there.
user_cmk() {
	(cd / && exec setpriv --reuid cmk-test --regid cmk-test --clear-groups env HOME="$MNT/home" USER=cmk-test LOGNAME=cmk-test \
		XDG_RUNTIME_DIR="/run/user/$uid" timeout 60 "$CMK_BIN" --root "$MNT/home/store" --runroot "/run/user/$uid/reflink" "$@")
}

used_mb() {
	sync -f "$MNT"
	df --output=used -m "$MNT" | tail -n 1
}

# Containers of the plain copy driver, a commit of one that runs, and owners of another map.
shares_data() {
	local before id
	user_cmk run -q --name big alpine sh -c 'head -c 40000000 /dev/urandom >/big; mkdir -m 711 /d; rm /etc/group
		ln /big /d/hard; chown 5:6 /d; echo y >/d/f'
	user_cmk commit -q big image
	user_cmk save -q -o /dev/null image
	before=$(used_mb)
	STORAGE_DRIVER=vfs user_cmk run --name copy image sh -c 'cmp /big /d/hard && stat -c "%a %u:%g" /d; [ ! -e /etc/group ]' >"$T/out"
	assert_equal "$(cat "$T/out")" "711 5:6"
	assert [ $(($(used_mb) - before)) -lt 15 ]

	user_cmk run -d --name runs --net=none image sh -c 'head -c 40000000 /dev/urandom >/more; rm /d/f; sha256sum </more >/sum; sleep 1000'
	wait_for 20 user_cmk exec runs test -s /sum
	before=$(used_mb)
	id=$(user_cmk commit -q runs second)
	assert [ $(($(used_mb) - before)) -lt 15 ]
	assert_equal "$(jq -r .pending "$MNT/home/store/images/$id/image.json")" true
	user_cmk exec runs sh -c 'echo changed >/more'
	user_cmk rm -f -t 0 runs
	user_cmk run --rm second sh -c 'sha256sum </more | cmp - /sum && [ ! -e /d/f ] && [ ! -e /etc/group ] && ls /d/hard'
	user_cmk save -q -o /dev/null second
	user_cmk run --rm second sh -c 'sha256sum </more | cmp - /sum'

	before=$(used_mb)
	CMK_TEST_NO_DATA_LAYERS=1 user_cmk run --rm --uidmap 0:1:1000 image stat -c '%s %h' /big >"$T/out"
	assert_equal "$(cat "$T/out")" "40000000 2"
	assert [ $(($(used_mb) - before)) -lt 15 ]
	user_cmk system check
	user_cmk rm -f -a
}

@test "XFS shares the data of copies" {
	make_fs xfs mkfs.xfs -q -m reflink=1
	shares_data
}

@test "Btrfs shares the data of copies" {
	make_fs btrfs mkfs.btrfs -q
	shares_data
}
