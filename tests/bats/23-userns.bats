#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whose ids a container has: --userns, --uidmap, --gidmap.
load helpers

setup() {
	common_setup
	make_image
	opts=()
	me=$(id -u) mygid=$(id -g)
}

teardown() {
	timeout 20 cmk rm -f -a -t 0 >/dev/null 2>&1 || true
	common_teardown
}

# "own": files of several users, a hard link, a link, a set-id program, a directory that only root may enter.
make_image() {
	local fs
	fs=$(rootfs)
	mkdir -p "$fs/data"
	echo root >"$fs/data/root"
	echo user >"$fs/data/user"
	echo secret >"$fs/data/secret"
	chmod 0600 "$fs/data/secret"
	ln "$fs/data/root" "$fs/data/hard"
	ln -s root "$fs/data/link"
	tar -C "$fs" --owner=0 --group=0 --exclude=./data/user -cf image.tar .
	tar -C "$fs" --owner=33 --group=44 -rf image.tar ./data/user
	run_cmk import -q image.tar own
}

run_in() { run_cmk run --rm --net=none "${opts[@]}" own "$@"; }

@test "keep-id: the user has the same ids inside" {
	opts=(--userns keep-id)
	run_in sh -c 'id -u; id -g; stat -c "%u:%g" /data/root /data/user /data/hard /'
	assert_equal "$output" "$me"$'\n'"$mygid"$'\n0:0\n33:44\n0:0\n0:0'
	run_in sh -c 'id -un; id -gn'
	assert_equal "$output" "$(id -un)"$'\n'"$(id -gn)"
	# A user without rights, as outside.
	run_in sh -c 'cat /data/secret || echo refused'
	assert_match "$output" refused
	opts=(--userns keep-id --user 0)
	run_in cat /data/secret
	assert_equal "$output" secret
	run_in sh -c 'stat -c "%h %i" /data/root /data/hard | sort -u | wc -l; touch /n; stat -c %u /n'
	assert_equal "$output" $'1\n0'
}

@test "with a map of its own the files that cmk makes belong to the container's root" {
	local files='/etc/hosts /etc/hostname /etc/resolv.conf /run/.containerenv' userns
	for userns in keep-id nomap keep-id:uid=200; do
		run_cmk run --rm --net=none --userns $userns own stat -c '%u %g' $files
		assert_equal "$(sort -u <<<"$output")" "0 0"
	done
	run_cmk create --name c --net=none --userns keep-id own stat -c '%u %g' $files
	for _ in 1 2; do
		run_cmk start -a c
		assert_equal "$(sort -u <<<"$output")" "0 0"
	done
	# Another's file stays another's.
	run_cmk run -d --name first own sleep 1000
	run_cmk run --rm --net container:first --userns keep-id own stat -c %u /etc/hosts
	run_cmk exec first stat -c %u /etc/hosts
	assert_equal "$output" 0
	run_cmk rm -f -t 0 c first
}

@test "keep-id: files made in a bind mount belong to the user" {
	mkdir dir
	opts=(--userns keep-id -v "$T/dir:/dir")
	run_in sh -c 'echo mine >/dir/f; stat -c %u:%g /dir/f'
	assert_equal "$output" "$me:$mygid"
	assert_equal "$(stat -c %u:%g dir/f)" "$me:$mygid"
	# Root inside is another.
	chmod 777 dir
	opts+=(--user 0)
	run_in touch /dir/root
	[ "$(stat -c %u dir/root)" != "$me" ]
	run_in rm /dir/root
}

@test "keep-id:uid=,gid= gives other ids, and refuses what it does not know" {
	opts=(--userns keep-id:uid=200,gid=210)
	run_in sh -c 'id -u; id -g'
	assert_equal "$output" $'200\n210'
	# As many ids as that in all, the caller's own among them.
	opts=(--userns keep-id:size=100)
	run_in sh -c 'id -u; while read -r _ _ n; do sum=$((sum + n)); done </proc/self/uid_map; echo $sum'
	assert_equal "$output" "$me"$'\n100'
	run_cmk 125 run --rm --userns keep-id:size=0 own true
	assert_match "$stderr" "'size=0': there is one id at least"
	run_cmk 125 run --rm --userns keep-id:foo=1 own true
	assert_match "$stderr" 'unknown option specified: "foo"'
	run_cmk 125 run --rm --userns keep-id:uid=x own true
}

@test "keep-id: the copy of the image is made once, and goes with it" {
	opts=(--userns keep-id)
	run_in true
	local before after
	before=$(find "$CMK_ROOT"/layers/*/m??*-* -maxdepth 0 -printf '%i\n')
	run_in true
	after=$(find "$CMK_ROOT"/layers/*/m??*-* -maxdepth 0 -printf '%i\n')
	assert_equal "$after" "$before"
	run_cmk rmi own
	assert_equal "$(find "$CMK_ROOT/layers" -mindepth 1)" ""
}

# What the directory of layers takes, in blocks of 512 bytes.
layer_blocks() { find "$CMK_ROOT/layers" -printf '%i %b\n' | sort -u | awk '{ sum += $2 } END { print sum }'; }

# An image "big" of 400 files of 10 KB with long names, and its digests in "sums".
make_big() {
	local fs
	fs=$(rootfs) || return
	mkdir -p "$fs/data/a-directory-with-a-long-name/and-another"
	for ((i = 0; i < 400; i++)); do
		head -c 10000 /dev/urandom >"$fs/data/a-directory-with-a-long-name/and-another/file-$i"
	done
	(cd "$fs" && find data -type f -exec sha256sum {} +) | sort >sums
	tar -C "$fs" --owner=0 --group=0 -cf big.tar .
	run_cmk import -q big.tar big
}

# bats test_tags=long
@test "a map of its own: no second copy of an image's bytes, also for what others may not read" {
	run_cmk info --format '{{index .Store.GraphStatus "datadir+"}}'
	[ "$output" = true ] || skip "this kernel has no data-only layers for users (6.16)"
	make_big
	local before sums
	before=$(layer_blocks)
	run_cmk run --rm --net=none --userns keep-id --user 0 big sh -c 'cd / && find data -type f -exec sha256sum {} +'
	sums=$(sort <<<"$output")
	assert_equal "$sums" "$(cat sums)"
	# The files' inodes hold all: nothing but directories takes blocks.
	(($(layer_blocks) - before <= before / 10))
	# Another map, the same bytes.
	run_cmk run --rm --net=none --uidmap 0:500:1000 --gidmap 0:500:1000 big sh -c 'cd / && find data -type f -exec sha256sum {} +'
	assert_equal "$(sort <<<"$output")" "$(cat sums)"
	(($(layer_blocks) - before <= before / 5))
	# Root of another map reads what only its owner may; neither is the owner of the stored file.
	run_cmk run --rm --net=none --uidmap 0:500:1000 --gidmap 0:500:1000 own cat /data/secret
	assert_equal "$output" secret
	run_cmk rmi big own
	assert_equal "$(find "$CMK_ROOT/layers" -mindepth 1)" ""
}

# bats test_tags=long
@test "a map of its own: files that were changed, exported, committed, copied are whole" {
	make_big
	local file=/data/a-directory-with-a-long-name/and-another/file-7
	run_cmk run --name c --net=none --userns keep-id --user 0 big sh -c "echo more >>$file; chown 5:5 ${file%7}8; chmod 0400 ${file%7}9; rm ${file%7}5; echo two >>/etc/passwd"
	run_cmk export -o out.tar c
	mkdir out
	tar -C out -xf out.tar
	cmp <(tail -c 5 "out$file") <(echo more)
	(cd out && grep -v 'file-[57]$' "$T/sums" | sha256sum -c --quiet)
	assert_equal "$(stat -c %s "out$file")" 10005
	run_cmk cp "c:${file%7}6" one
	assert_equal "$(sha256sum <one)" "$(sha256sum <"out${file%7}6")"
	run_cmk diff c
	assert_match "$output" "C $file"
	refute_match "$output" 'file-6$'
	run_cmk commit -q c localhost/changed
	run_cmk run --rm --net=none localhost/changed sh -c "stat -c %u:%g ${file%7}8; sha256sum <${file%7}8"
	assert_equal "$output" "5:5"$'\n'"$(sha256sum <"out${file%7}8")"
	# An image of several layers, for a map.
	run_cmk run --rm --net=none --userns keep-id --user 0 localhost/changed sh -c "stat -c %u:%g ${file%7}8; sha256sum <${file%7}8; sha256sum <${file%7}1; ls ${file%7}5 || tail -n 1 /etc/passwd"
	assert_equal "$output" "5:5"$'\n'"$(sha256sum <"out${file%7}8")"$'\n'"$(sha256sum <"out${file%7}1")"$'\ntwo'
	# As an image mounted into another container of this map.
	run_cmk run --rm --net=none --userns keep-id --user 0 --mount type=image,src=big,dst=/big own sha256sum "/big${file%7}6"
	assert_match "$output" "^$(sha256sum <one | cut -d' ' -f1)"
}

@test "a map of its own: where the kernel cannot share bytes they are copied" {
	export CMK_TEST_NO_DATA_LAYERS=1
	opts=(--userns keep-id --user 0)
	run_in cat /data/secret
	assert_equal "$output" secret
	find "$CMK_ROOT"/layers/*/map-* -maxdepth 0 | grep -q .
	# The same store, later on a kernel that can.
	unset CMK_TEST_NO_DATA_LAYERS
	run_in cat /data/secret
	assert_equal "$output" secret
}

@test "nomap: the user's own id is not inside" {
	mkdir -m 0755 dir
	echo mine >dir/f
	opts=(--userns nomap -v "$T/dir:/dir")
	run_in sh -c 'id -u; stat -c %u /dir/f; cat /dir/f; cat /data/secret; touch /dir/new || echo refused'
	assert_equal "$output" $'0\n65534\nmine\nsecret\nrefused'
}

@test "--uidmap and --gidmap: exactly these ids" {
	opts=(--uidmap 0:1:2000 --uidmap 5000:0:1 --gidmap 0:0:3000)
	run_in sh -c 'cat /proc/self/uid_map; cat /proc/self/gid_map; stat -c %u:%g /data/user'
	assert_match "$output" '^ +0 +1 +2000
 +5000 +0 +1
 +0 +0 +1
 +1 +1 +2999
33:44$'
	opts=(--uidmap "+$me:@$me")
	run_in cat /proc/self/uid_map
	assert_match "$output" "^ +0 +1 +$me"$'\n'" +$me +0 +1"
}

@test "--uidmap: bad maps are refused" {
	local map
	for map in x:0:1 0:0:0 0:0:x 0 0:0:1:2 -1:0:1 0:4294967295:2; do
		run_cmk 125 run --rm --uidmap=$map own true
		assert_match "$stderr" 'UID setting is malformed'
	done
	run_cmk 125 run --rm --uidmap 0:0:99999999 own true
	assert_match "$stderr" 'more ids than'
	run_cmk 125 run --rm --uidmap 0:0:10 --uidmap 5:20:1 own true
	assert_match "$stderr" overlap
	run_cmk 125 run --rm --uidmap 0:@1:1 own true
	assert_match "$stderr" 'not one of yours'
	run_cmk 125 run --rm --userns keep-id --uidmap 0:0:1 own true
	assert_match "$stderr" 'mutually exclusive'
	# Files whose owners do not exist inside.
	run_cmk 125 run --rm --uidmap 0:0:10 own true
	assert_match "$stderr" 'potentially insufficient UIDs or GIDs available in user namespace \(requested 33:44'
	run_cmk ps -aq
	assert_equal "$output" ""
	assert_equal "$(find "$CMK_ROOT/tmp" -mindepth 1)" ""
}

@test "PODMAN_USERNS is the default, the option beats it" {
	export PODMAN_USERNS=keep-id
	run_in id -u
	assert_equal "$output" "$me"
	opts=(--userns host)
	run_in id -u
	assert_equal "$output" 0
	opts=(--userns=)
	run_in id -u
	assert_equal "$output" 0
}

@test "--userns=container: the user namespace of another, with its ids" {
	run_cmk run -d --name a --net=none --userns keep-id own sleep 100
	opts=(--userns container:a)
	run_in sh -c 'cat /proc/self/uid_map; stat -c %u:%g /data/user /data/root'
	local inside=$output
	run_cmk exec a sh -c 'cat /proc/self/uid_map; stat -c %u:%g /data/user /data/root'
	assert_equal "$inside" "$output"
	run_cmk run -d --name b --net=none --userns container:a own sleep 100
	run_cmk inspect --format '{{.State.Pid}}' a
	local a=$output
	run_cmk inspect --format '{{.State.Pid}}' b
	assert_equal "$(readlink "/proc/$output/ns/user")" "$(readlink "/proc/$a/ns/user")"
	# The network of a container with other ids.
	run_cmk run --rm --net container:a own sh -c 'ls /sys/class/net; id -u; stat -c %u /data/user'
	assert_equal "$output" $'lo\n0\n33'
	run_cmk run --rm --net none --pid container:a own ps
	assert_match "$output" 'sleep 100'
}

@test "keep-id: exec, start again, inspect, --init and a terminal" {
	run_cmk run -d --name a --init --net=none --userns keep-id own sleep 100
	run_cmk exec a sh -c 'id -u; touch /tmp/x || echo refused'
	assert_match "$output" "^$me"
	run_cmk exec -u 0 a sh -c 'id -u; touch /x; stat -c %u /x'
	assert_equal "$output" $'0\n0'
	run_cmk inspect --format '{{.HostConfig.UsernsMode}} {{.Config.User}} {{index .HostConfig.IDMappings.UidMap 1}}' a
	assert_equal "$output" "private $me:$mygid $me:0:1"
	run_cmk stop -t 0 a
	run_cmk start a
	run_cmk exec a stat -c %u /x
	assert_equal "$output" 0
}

# bats test_tags=long
@test "keep-id on the other drivers" {
	local driver
	for driver in vfs fuse-overlayfs; do
		opts=(--userns keep-id)
		STORAGE_DRIVER=$driver run_in sh -c 'id -u; stat -c "%u:%g" /data/root /data/user'
		assert_equal "$output" "$me"$'\n0:0\n33:44'
		opts=(--userns nomap)
		STORAGE_DRIVER=$driver run_in sh -c 'touch /n; stat -c %u /n /data/user'
		assert_equal "$output" $'0\n33'
	done
}

# bats test_tags=long
@test "volumes, overlays and image mounts have the owners of the map" {
	mkdir -m 0755 dir
	echo mine >dir/f
	opts=(--userns keep-id -v vol:/data)
	run_in stat -c %u:%g /data /data/root /data/user
	assert_equal "$output" $'0:0\n0:0\n33:44'
	opts=(--userns nomap -v vol2:/data)
	run_in stat -c %u:%g /data /data/root /data/user
	assert_equal "$output" $'0:0\n0:0\n33:44'
	run_in sh -c 'echo again >/data/new; stat -c %u /data/new'
	assert_equal "$output" 0
	opts=(--userns keep-id -v vol3:/data:U)
	run_in stat -c %u:%g /data/root
	assert_equal "$output" "$me:$mygid"
	local mode
	for mode in keep-id nomap; do
		opts=(--userns $mode -v "$T/dir:/o:O" --mount type=image,source=own,target=/i)
		run_in sh -c 'stat -c %u:%g /i/data/user; cat /o/f'
		assert_equal "$output" $'33:44\nmine'
	done
	run_cmk volume rm vol vol2 vol3
}

@test "private without a map, and others' ids, are refused" {
	run_cmk 125 run --rm --userns private own true
	assert_match "$stderr" 'must provide at least one UID or GID mapping'
	run_cmk 125 run --rm --subuidname root own true
	assert_match "$stderr" 'not yours'
	run_cmk run --rm --net=none --subuidname "$(id -un)" own cat /proc/self/uid_map
	assert_match "$output" '^ +0 +1 +[0-9]+$'
}

# The parent's ids of container NAME: "FROM COUNT" a line.
ids_of() { awk '/^u/ {print $2, $3}' "$CMK_ROOT"/containers/"$(cmk inspect -f '{{.Id}}' "$1")"/auto-ids; }

# bats test_tags=long
@test "auto: ids of its own for each container, free again when it is removed" {
	local a b name
	for name in a b; do
		run_cmk run -d --name $name --net=none --userns auto own sleep 100
		run_cmk exec $name sh -c 'id -u; stat -c %u:%g /data/user /data/root; cat /data/secret; touch /new; stat -c %u /new; awk "{print \$1, \$3}" /proc/self/uid_map; awk "{print \$1, \$3}" /proc/self/gid_map'
		assert_equal "$output" $'0\n33:44\n0:0\nsecret\n0\n0 1024\n0 1024'
	done
	a=$(ids_of a) b=$(ids_of b)
	# Not the user's own, and no two the same.
	assert_equal "$a" "1 1024"
	assert_equal "$b" "1025 1024"
	run_cmk inspect -f '{{.HostConfig.UsernsMode}} {{index .HostConfig.IDMappings.UidMap 0}}' b
	assert_equal "$output" "private 0:1025:1024"
	# A file of one is nobody's in the other.
	mkdir -m 0777 dir
	run_cmk rm -f -t 0 a
	run_cmk run -d --name c --net=none --userns auto:size=2000 own sleep 100
	assert_equal "$(ids_of c)" "2049 2000"
	run_cmk run -d --name d --net=none --userns auto own sleep 100
	assert_equal "$(ids_of d)" "1 1024"
	run_cmk restart -t 0 d
	run_cmk exec d stat -c %u /data/user
	assert_equal "$output" 33
	assert_equal "$(ids_of d)" "1 1024"
	run_cmk rm -f -t 0 b c d
	run_cmk run --rm --net=none --userns auto own awk '{print $2, $3}' /proc/self/uid_map
	assert_equal "$(find "$CMK_ROOT/containers" -name auto-ids)" ""
}

# bats test_tags=long
@test "auto: as many ids as the image and the user need, or as were asked for" {
	local count='{ n += $3 } END { print n }'
	printf 'root:x:0:0::/:/bin/sh\nbig:x:3000:2500::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >passwd
	run_cmk create --name m own true
	run_cmk cp passwd m:/etc/passwd
	run_cmk commit -q m localhost/big
	run_cmk rm m
	opts=(--userns auto)
	run_cmk run --rm --net=none --userns auto localhost/big awk "$count" /proc/self/uid_map
	assert_equal "$output" 3001
	run_cmk run --rm --net=none --userns auto --user 5000 own awk "$count" /proc/self/gid_map
	assert_equal "$output" 5001
	opts=(--userns auto:size=45)
	run_in awk "$count" /proc/self/uid_map
	assert_equal "$output" 45
	# Owners that do not exist inside.
	run_cmk 125 run --rm --net=none --userns auto:size=20 own true
	assert_match "$stderr" 'insufficient UIDs or GIDs'
	run_cmk 125 run --rm --net=none --userns auto:size=99999999 own true
	assert_match "$stderr" 'not enough unused IDs in user namespace: [0-9]+ of UID are free, 99999999 are needed'
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "auto: mappings that have to be there" {
	mkdir dir
	echo mine >dir/f
	opts=(--userns auto:uidmapping=0:0:1,gidmapping=0:0:1 -v "$T/dir:/dir")
	run_in sh -c 'cat /proc/self/uid_map; echo new >/dir/new; stat -c %u /dir/f'
	assert_match "$output" '^ +0 +0 +1
 +1 +1 +1023
0$'
	assert_equal "$(stat -c %u dir/new)" "$me"
	local bad
	for bad in size=0 size=x what=1 size uidmapping=1 uidmapping=0:@1:1 gidmapping=0:1:0; do
		run_cmk 125 run --rm --userns auto:$bad own true
		assert_match "$stderr" "user namespace mode 'auto'"
	done
	run_cmk 125 run --rm --userns auto:uidmapping=0:99999999:1 own true
	assert_match "$stderr" 'more ids than'
	run_cmk 125 run --rm --userns auto --uidmap 0:0:1 own true
	assert_match "$stderr" 'mutually exclusive'
}

@test "auto: many at once have ids of their own" {
	local i pids=()
	for ((i = 0; i < 6; i++)); do
		cmk create --name c$i --net=none --userns auto own true >/dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	for ((i = 0; i < 6; i++)); do ids_of c$i; done | sort -n >ids
	assert_equal "$(wc -l <ids)" 6
	assert_equal "$(sort -u ids | wc -l)" 6
	assert_equal "$(awk '{print ($1 - 1) % 1024}' ids | sort -u)" 0
	run_cmk system reset -f
	[ ! -e "$CMK_ROOT/auto-ids" ]
}
