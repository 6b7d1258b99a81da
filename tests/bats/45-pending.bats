#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# commit of what is not read: layers and images whose digests are made when they are first asked for.
load helpers
load changed

setup() {
	common_setup
	load_images alpine
	# However little has been changed.
	export CMK_TEST_COMMIT_PENDING=1
}

# What a container sees of all that.
look='stat -c "%n %F %a %u:%g %s %Y %h" /new/sub/file /new/soft /new/fifo /etc/group /root | sort
	cat /new/hard; readlink /new/soft; ls /home
	[ -e /etc/passwd ] && echo passwd; stat -c %i /new/hard /new/sub/file | uniq | wc -l'

assert_looks() { # TEXT
	assert_match "$1" '/new/sub/file regular file 4750 33:44 4 981173106 2'
	assert_match "$1" '/root directory 711 0:0'
	assert_match "$1" $'one\nsub/file\nmine\n1$'
	refute_match "$1" passwd
}

pending() { jq -r '.pending // false' "$CMK_ROOT/images/$1/image.json"; }
links() { find "$CMK_ROOT/layers" -maxdepth 1 -type l | wc -l; }
layers() { find "$CMK_ROOT/layers" -maxdepth 1 -type d -name '????????????????*' | wc -l; }

# bats test_tags=long
@test "commit takes the upper directory, and image and container see what they saw" {
	make_changed c1
	run_cmk diff c1
	local diff=$output
	cmk export c1 | sha256sum >"$T/before"
	run_cmk commit c1 made
	local id=$output
	assert_equal "$(pending "$id")" true
	# The upper directory itself, by its inode's file, and a new one that is empty.
	assert_equal "$(find "$CMK_ROOT"/containers/*/upper -mindepth 1)" ""
	run_cmk run --rm made sh -c "$look"
	assert_looks "$output"
	run_cmk diff c1
	assert_equal "$output" "$diff"
	cmk export c1 | sha256sum >"$T/after"
	cmp "$T/before" "$T/after"
	run_cmk ps -a --size --format '{{.Size}}'
	refute_match "$output" '^0B'
	run_cmk start -a c1
	run_cmk images --format '{{.Repository}} {{.ID}} {{.Size}}'
	assert_match "$output" "localhost/made ${id::12}"
	run_cmk system check
}

# bats test_tags=long
@test "a later save, push or inspection gives the digests that a commit at once gives" {
	make_changed c1
	run_cmk commit c1 made
	local id=$output
	run_cmk inspect --format '{{.Id}} {{.Architecture}}' made
	assert_match "$output" "^$id"
	assert_equal "$(pending "$id")" true
	run_cmk inspect made
	assert_equal "$(pending "$id")" false
	assert_equal "$(jq -r '.[0].Id' <<<"$output")" "$id"
	local top digest
	top=$(jq -r '.[0].RootFS.Layers[-1]' <<<"$output")
	digest=$(jq -r '.[0].Digest' <<<"$output")
	assert_match "$digest" '^sha256:[0-9a-f]{64}$'
	assert_equal "$(links)" 1
	[ -d "$CMK_ROOT/layers/${top#sha256:}/diff" ]
	# What is in the layer by its digest is what was said.
	run_cmk save --format oci-dir --uncompressed -o "$T/oci" made
	assert_equal "$(sha256sum <"$T/oci/blobs/sha256/${top#sha256:}" | cut -c1-64)" "${top#sha256:}"
	run_cmk push made "docker://$REGISTRY/pending/made:1"
	run skopeo inspect --raw --config --tls-verify=false "docker://$REGISTRY/pending/made:1"
	assert_equal "$(jq -r '.rootfs.diff_ids[-1]' <<<"$output")" "$top"
	assert_equal "$(jq '[.history[] | select(.empty_layer != true)] | length' <<<"$output")" \
		"$(jq '.rootfs.diff_ids | length' <<<"$output")"
	run_cmk images --digests --format '{{.Repository}} {{.Digest}}'
	assert_match "$output" "localhost/made $digest"
	run_cmk run --rm made sh -c "$look"
	assert_looks "$output"
	run_cmk system check
	# Pulled from there, it is the image that is here already, which its config's digest means, too.
	run_cmk pull -q "$REGISTRY/pending/made:1"
	assert_equal "$output" "$id"
	run_cmk images -q --no-trunc
	assert_equal "$(sort -u <<<"$output" | wc -l)" 2
	run_cmk inspect --format '{{.Id}} {{.Digest}}' "$(jq -r .config_digest "$CMK_ROOT/images/$id/image.json" | cut -c8-30)"
	assert_match "$output" "^$id sha256:"
	run_cmk run --rm "$REGISTRY/pending/made:1" sh -c "$look"
	assert_looks "$output"
	run_cmk rmi -f "$id"
	run_cmk start -a c1
	run_cmk system check
}

# bats test_tags=long
@test "commit of the same files is the same layer whether it is read or taken" {
	make_changed c1
	unset CMK_TEST_COMMIT_PENDING
	run_cmk commit c1 read
	export CMK_TEST_COMMIT_PENDING=1
	run_cmk commit c1 taken
	local id=$output
	assert_equal "$(pending "$id")" true
	run_cmk inspect --format '{{index .RootFS.Layers 1}}' read
	local layer=$output
	run_cmk inspect --format '{{index .RootFS.Layers 1}}' taken
	assert_equal "$output" "$layer"
	# There was one of that diff ID: the container's own one stays what it is.
	run_cmk start -a c1
	run_cmk rmi read taken
	run_cmk diff c1
	assert_match "$output" 'A /new/hard'
	cmk export c1 | tar -tf - | grep -q new/hard
	run_cmk commit c1 again
	run_cmk save -q -o "$T/again.tar" again
	run_cmk inspect --format '{{index .RootFS.Layers 1}}' again
	assert_equal "$output" "$layer"
	run_cmk system check
}

# bats test_tags=long
@test "further commits of a container hold what came before and after" {
	make_changed c1
	run_cmk commit c1 one
	run_cmk commit c1 same
	run_cmk inspect one same
	assert_equal "$(jq -c '.[0].RootFS' <<<"$output")" "$(jq -c '.[1].RootFS' <<<"$output")"
	run_cmk run --rm same sh -c "$look"
	assert_looks "$output"
	# It goes on where it was: what it removes of its own layer is gone.
	run_cmk start c1
	run_cmk wait c1
	run_cmk create --name c2 one sh -c 'rm /new/hard /etc/group; echo three >/home/third; rm -r /new/sub; mkdir /new/sub'
	run_cmk start -a c2
	run_cmk commit c2 two
	run_cmk run --rm two sh -c 'ls /new /new/sub /home; ls /etc/group 2>&1; true'
	assert_match "$output" 'fifo.*soft.*sub'
	refute_match "$output" 'hard|file$'
	assert_match "$output" third
	assert_match "$output" 'etc/group: No such'
	run_cmk start -a c2
	run_cmk commit -c CMD=x c2 three
	run_cmk history --format '{{.CreatedBy}}' three
	run_cmk inspect three
	assert_equal "$(jq '[.[0].History[] | select(.empty_layer != true)] | length' <<<"$output")" \
		"$(jq '.[0].RootFS.Layers | length' <<<"$output")"
	run_cmk commit --squash c2 flat
	run_cmk run --rm flat sh -c 'ls /new /home'
	assert_match "$output" third
	refute_match "$output" hard
	run_cmk system check
}

@test "an image can be removed under its container, and the container under its image" {
	make_changed c1
	run_cmk commit c1 made
	run_cmk rmi made
	run_cmk diff c1
	assert_match "$output" 'A /new/hard'
	run_cmk commit c1 again
	run_cmk rm c1
	run_cmk run --rm again sh -c "$look"
	assert_looks "$output"
	run_cmk rmi again
	assert_equal "$(layers) $(links)" "1 0"
	# The other way round: what only the container has goes with it.
	make_changed c2
	run_cmk commit c2 made
	run_cmk save -q -o "$T/made.tar" made
	run_cmk rmi made
	assert_equal "$(layers) $(links)" "2 1"
	run_cmk start -a c2
	run_cmk rm c2
	assert_equal "$(layers) $(links)" "1 0"
	run_cmk system check
}

# bats test_tags=long
@test "names and IDs that commit gave stay valid when the digests are known" {
	run_cmk run --name c1 alpine sh -c 'echo there >/file'
	run_cmk commit -q c1
	local id=$output
	run_cmk run --rm "$id" cat /file
	assert_equal "$output" there
	run_cmk tag "$id" named
	run_cmk manifest create list "containers-storage:localhost/named"
	run_cmk run --rm "$id" cat /file
	assert_equal "$output" there
	run_cmk images -q --no-trunc named
	assert_equal "$output" "sha256:$id"
	run_cmk inspect --format '{{.Id}}' "${id::12}"
	assert_equal "$output" "$id"
	run_cmk save -q -o "$T/a.tar" "$id"
	run_cmk save -q -o "$T/b.tar" named
	tar -xOf "$T/a.tar" manifest.json | jq -r '.[0].Config' >"$T/config"
	# There it is called by the digest of its config, as all images are.
	assert_equal "$(tar -xOf "$T/a.tar" "$(cat "$T/config")" | sha256sum | cut -c1-64).json" "$(cat "$T/config")"
	cp "$T/bin/cmk" "$T/other"
	sed -i "s#--root \"$CMK_ROOT\"#--root $T/store2#" "$T/other"
	run "$T/other" load -q -i "$T/a.tar"
	run "$T/other" run --rm --net=none "$(basename "$(cat "$T/config")" .json)" cat /file
	assert_equal "$output" there
	run_cmk rmi -f "$id"
	run_cmk 1 image exists "$id"
}

# bats test_tags=long
@test "what cannot be a layer as it is, is read" {
	# A socket; a name that would be a mark; another map.
	run_cmk create --name c0 alpine true
	run_cmk unshare sh -c 'cd "$(cmk mount c0)" && python3 -c "
import socket
socket.socket(socket.AF_UNIX).bind(\"sock\")" && cd / && cmk unmount c0'
	run_cmk commit c0 socket
	assert_equal "$(pending "$output")" false
	run_cmk 1 run --rm socket ls /sock
	run_cmk run --name c1 alpine touch /.wh.odd /file
	run_cmk commit c1 marked
	assert_equal "$(pending "$output")" false
	run_cmk run --rm marked sh -c 'ls /.wh.odd /file 2>&1; true'
	assert_match "$output" 'odd: No such'
	run_cmk run --name c2 --uidmap 0:1:1000 alpine touch /file
	run_cmk commit c2 mapped
	assert_equal "$(pending "$output")" false
	STORAGE_DRIVER=vfs run_cmk run --name c3 alpine touch /file
	run_cmk commit c3 copied
	assert_equal "$(pending "$output")" false
	run_cmk run -d --name c4 alpine sh -c 'touch /file; sleep 1000'
	wait_for 5 cmk exec c4 test -e /file
	CMK_TEST_NO_CLONE=1 run_cmk commit c4 running
	assert_equal "$(pending "$output")" false
	run_cmk run --rm running ls /file
	# Where directories cannot change places, the container is as it was.
	run_cmk run --name c5 alpine touch /file
	CMK_TEST_NO_EXCHANGE=1 run_cmk commit c5 stayed
	assert_equal "$(pending "$output")" false
	local record
	record=$CMK_ROOT/containers/$(cmk ps -aq --no-trunc --filter name=c5)/container.json
	assert_equal "$(jq -c '[.own_layers, (.layers | length)]' "$record")" "[null,1]"
	run_cmk run --rm stayed ls /file
	run_cmk diff c5
	assert_match "$output" "A /file"
	run_cmk rm -f -t 0 c4
}

# bats test_tags=long
@test "a container that is mounted keeps its upper directory" {
	make_changed c1
	run_cmk unshare sh -c "CMK_TEST_NO_CLONE=1; export CMK_TEST_NO_CLONE
		m=\$(cmk mount c1) && cmk commit c1 mounted && echo more >\$m/more && cmk unmount c1"
	run_cmk run --rm mounted sh -c "$look"
	assert_looks "$output"
	run_cmk run --rm mounted ls /
	refute_match "$output" more
	run_cmk diff c1
	assert_match "$output" 'A /more'
}

# bats test_tags=long
@test "a commit and a settling that are killed leave one truth" {
	local i ids
	run_cmk run --name c1 alpine sh -c 'head -c 3000000 /dev/urandom >/big; sha256sum </big'
	local sum=$output
	for i in 01 03 05 07 09 11 13 15 20; do
		cmk_background commit commit c1 "killed$i"
		sleep "0.$i"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		run_cmk diff c1
		assert_match "$output" 'A /big'
	done
	run_cmk commit c1 whole
	ids=$output
	for i in 02 04 06 08 12; do
		cmk_background save save -q -o "$T/x.tar" whole
		sleep "0.$i"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		run_cmk run --rm --net=none whole sh -c 'sha256sum </big'
		assert_equal "$output" "$sum"
	done
	run_cmk save -q -o "$T/x.tar" whole
	run_cmk run --rm --net=none "$ids" sh -c 'sha256sum </big'
	assert_equal "$output" "$sum"
	run_cmk images -q
	run_cmk rm -a
	run_cmk system check
}

# bats test_tags=long
@test "containers with a map of their own stand on an image before and after it is settled" {
	make_changed c1
	run_cmk commit c1 made
	run_cmk run --name mapped --uidmap 0:1:1000 made sh -c "$look"
	assert_looks "$output"
	run_cmk save -q -o "$T/made.tar" made
	run_cmk start -a mapped
	assert_looks "$output"
	run_cmk run --rm --uidmap 0:1:1000 made sh -c "$look"
	assert_looks "$output"
	run_cmk run --rm --mount type=image,src=made,dst=/mnt alpine cat /mnt/new/hard
	assert_equal "$output" one
	# Its files have names more, by which such containers share their data.
	run_cmk commit mapped again
	run_cmk run --rm again sh -c "$look"
	assert_match "$output" '/new/sub/file regular file 4750 33:44 4 981173106'
	run_cmk rm c1
	run_cmk rmi again
	run_cmk start -a mapped
	assert_looks "$output"
	run_cmk system check
}

# bats test_tags=long
@test "system df counts what a container and its image share once" {
	run_cmk run --name c1 alpine sh -c 'head -c 5000000 /dev/zero | tr "\\0" x >/big'
	run_cmk ps -a --size --format '{{.Size}}'
	assert_match "$output" '^5(\.00)?MB'
	run_cmk commit c1 made
	run_cmk ps -a --size --format '{{.Size}}'
	assert_match "$output" '^5(\.00)?MB'
	for i in pending settled; do
		run_cmk system df --format '{{.Type}} {{.RawSize}}'
		local images containers
		images=$(sed -n 's/^Images //p' <<<"$output") containers=$(sed -n 's/^Containers //p' <<<"$output")
		assert [ "$images" -gt 5000000 ]
		assert [ "$containers" -lt 10000 ]
		run_cmk images --digests made
	done
	run_cmk rmi made
	run_cmk system df --format '{{.Type}} {{.RawSize}}'
	containers=$(sed -n 's/^Containers //p' <<<"$output")
	assert [ "$containers" -ge 5000000 ]
}

# bats test_tags=long
@test "two that settle one image at once, and a pull of the same layer beside it" {
	run_cmk run --name c1 alpine sh -c 'head -c 3000000 /dev/urandom >/big'
	run_cmk commit c1 one
	run_cmk commit c1 two
	local i
	for i in 1 2 3 4; do
		cmk_background "s$i" save -q -o "$T/$i.tar" "$([ $((i % 2)) = 0 ] && echo one || echo two)"
		eval "pid$i=\$!"
	done
	for i in 1 2 3 4; do
		eval "wait \$pid$i" || { cat "$T/s$i.err" && false; }
	done
	cmp "$T/1.tar" "$T/3.tar"
	cmp "$T/2.tar" "$T/4.tar"
	run_cmk inspect one two
	assert_equal "$(jq -c '.[0].RootFS' <<<"$output")" "$(jq -c '.[1].RootFS' <<<"$output")"
	assert_equal "$(layers) $(links)" "2 1"
	run_cmk load -q -i "$T/1.tar"
	run_cmk images -q
	assert_equal "$(sort -u <<<"$output" | wc -l)" 3
	assert_equal "$(layers) $(links)" "2 1"
	run_cmk system check
}

# bats test_tags=long
@test "the root directory's own mode and owner, before and after" {
	run_cmk run --name c1 alpine sh -c 'chown 3:4 / && chmod 710 / && touch /file'
	run_cmk commit c1 made
	run_cmk run --rm -u 0 made stat -c '%a %u:%g' /
	assert_equal "$output" "710 3:4"
	run_cmk create --name c2 made sh -c 'stat -c "%a %u:%g" / && touch /more'
	run_cmk start -a c2
	assert_equal "$output" "710 3:4"
	# That one has changed nothing of it.
	run_cmk commit c2 more
	run_cmk save -q --format oci-dir --uncompressed -o "$T/oci" more
	run_cmk inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' more
	run tar --numeric-owner -tvf "$T/oci/blobs/sha256/$(sed -n '2s/sha256://p' <<<"$output")" ./
	assert_match "$output" 'drwx--x--- 3/4 '
	run_cmk run --rm more stat -c '%a %u:%g' /
	assert_equal "$output" "710 3:4"
	run_cmk inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' more
	run tar -tf "$T/oci/blobs/sha256/$(sed -n '3s/sha256://p' <<<"$output")"
	assert_equal "$output" more
	run_cmk start -a c1
	run_cmk start -a c2
	assert_equal "$output" "710 3:4"
}

# bats test_tags=long
@test "a start beside a commit sees all that the container has" {
	run_cmk create --name c1 --net=none alpine sh -c 'mkdir -p /new; touch "/new/$(ls /new | wc -l)"; ls /new | wc -l'
	local i pid
	for i in 1 2 3 4 5 6; do
		cmk_background commit commit -q c1 made
		pid=$!
		run_cmk start -a c1
		assert_equal "$output" "$i"
		wait "$pid" || { cat "$T/commit.err" && false; }
	done
	run_cmk commit -q c1 made
	run_cmk run --rm --net=none made sh -c 'ls /new | wc -l'
	assert_equal "$output" 6
	run_cmk system check
}

# bats test_tags=long
@test "an image of an additional store is whole when its digests become known there" {
	make_changed c1
	run_cmk commit c1 made
	local other=$T/other conf=$HOME/.config/containers/storage.conf layer
	cp "$T/bin/cmk" "$other"
	sed -i "s#--root \"$CMK_ROOT\"#--root $T/store2#" "$other"
	printf '[storage.options]\nadditionalimagestores = ["%s"]\n' "$CMK_ROOT" >"$conf"
	run "$other" image inspect --format '{{.Id}}' made
	assert_equal "$status" 0
	run "$other" create --name c2 --net=none made sh -c "$look"
	assert_equal "$status" 0
	run "$other" start -a c2
	assert_looks "$output"
	rm "$conf"
	run_cmk save -q -o "$T/made.tar" made
	printf '[storage.options]\nadditionalimagestores = ["%s"]\n' "$CMK_ROOT" >"$conf"
	run "$other" start -a c2
	assert_looks "$output"
	run "$other" system check
	assert_equal "$status" 0
	run "$other" run --rm --net=none --uidmap 0:1:1000 made sh -c "$look"
	assert_looks "$output"
	# What another user needs of such a layer.
	layer=$(find "$CMK_ROOT/layers" -maxdepth 1 -type l)
	tr '\0' '\n' <"$layer/owners" | grep -x '33 44 new/sub/file'
	run "$other" rm c2
	assert_equal "$status" 0
	# A link is none that leads out of the store.
	ln -sfn ../images "$CMK_ROOT/layers/$(printf 'a%.0s' {1..64})"
	run "$other" run --rm --net=none made true
	assert_equal "$status" 0
	rm "$CMK_ROOT/layers/$(printf 'a%.0s' {1..64})" "$conf"
}

# bats test_tags=long
@test "ps finds a container by what its image was made of, before and after that is settled" {
	make_changed c1
	run_cmk commit c1 made
	run_cmk create --name c2 made true
	run_cmk run --name c3 made sh -c 'echo x >/x'
	run_cmk commit c3 further
	run_cmk create --name c4 further true
	for i in pending settled; do
		run_cmk ps -a --filter ancestor=made --sort names --format '{{.Names}}'
		assert_equal "$output" $'c2\nc3\nc4'
		# Not the one that the image was made of.
		run_cmk ps -a --filter ancestor=further --format '{{.Names}}'
		assert_equal "$output" c4
		run_cmk images --digests made
	done
}

# bats test_tags=long
@test "a list may be about an image whose digests nobody has asked for" {
	make_changed c1
	run_cmk commit c1 made
	local id=$output
	run_cmk manifest create list
	run_cmk manifest annotate --subject made list
	run_cmk manifest inspect list
	assert_equal "$(jq -r .subject.digest <<<"$output")" "sha256:$(sha256sum "$CMK_ROOT/images/$id/manifest" | cut -c1-64)"
}

@test "layers share files with one that was read, and one that was taken stays as it is" {
	run_cmk run --name c1 alpine sh -c 'head -c 20000 /dev/zero | tr "\\0" x >/big; touch -d "2001-02-03 04:05:06" /big /'
	run_cmk commit c1 taken
	run_cmk save -q -o "$T/taken.tar" taken
	local before after
	before=$(find "$CMK_ROOT/layers" -path '*/diff/big' -printf '%i %n\n')
	run_cmk run --name c2 alpine sh -c 'head -c 20000 /dev/zero | tr "\\0" x >/big; touch -d "2001-02-03 04:05:06" /big /; echo y >/y'
	env -u CMK_TEST_COMMIT_PENDING cmk commit -q c2 read
	run_cmk run --name c3 alpine sh -c 'head -c 20000 /dev/zero | tr "\\0" x >/big; touch -d "2001-02-03 04:05:06" /big /; echo z >/z'
	env -u CMK_TEST_COMMIT_PENDING cmk commit -q c3 read2
	after=$(find "$CMK_ROOT/layers" -path '*/diff/big' -printf '%i %n\n')
	assert_match "$after" "$before"
	# The other two are one file, and have the store's name besides.
	assert_equal "$(sort -u <<<"$after" | grep -c ' 3$')" 1
	run_cmk system df -v
	run_cmk system check
	run_cmk rm -a
	run_cmk rmi taken read read2
	assert_equal "$(find "$CMK_ROOT/files" -type f -links 1)" ""
}
