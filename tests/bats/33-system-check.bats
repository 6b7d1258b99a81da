#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# system check: every kind of damage is told, with its name; a repair removes what is damaged and nothing
# else.
load helpers

setup() {
	common_setup
	load_images alpine
}

image_id() { "$T/bin/cmk" images -q --no-trunc "$1" | sed 's/^sha256://' | head -n 1; }

# top_layer IMAGE
top_layer() { "$T/bin/cmk" image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1" | grep . | tail -n 1 | cut -d: -f2; }

as_parent() { unshare --map-root-user --map-auto "$@"; }

healthy() {
	run_cmk system check -m 0
	assert_equal "$output$stderr" ""
}

# One layer of its own, one file.
other_image() {
	echo hello >hello && tar -cf hello.tar hello
	run_cmk import -q hello.tar localhost/other:1
}

@test "a healthy store has nothing to tell, also while containers run" {
	healthy
	run_cmk run -d --name c --net=none alpine sleep 1000
	run_cmk create --name d -v vol:/v alpine true
	healthy
	run_cmk system check --quick
	assert_equal "$output$stderr" ""
	run_cmk system check --repair --force
	assert_equal "$output$stderr" ""
	run_cmk exec c true
	run_cmk rm -f -t 0 c d
}

@test "files that were changed, cut short or removed are told by their names, and the image goes with a repair" {
	local layer id
	other_image
	layer=$(top_layer alpine) id=$(image_id alpine)
	as_parent sh -c 'cd "$1" && printf X | dd of=bin/busybox bs=1 seek=100 conv=notrunc status=none &&
		rm etc/passwd && : >etc/group' sh "$CMK_ROOT/layers/$layer/diff"
	run_cmk system check --quick
	run_cmk 125 system check
	assert_match "$output" "Damaged layer $layer: the layer's file '[^']*bin/busybox' is damaged: its bytes have another digest \("
	assert_match "$output" "Damaged layer $layer: the layer's file '[^']*etc/passwd' cannot be read"
	assert_match "$output" "Damaged layer $layer: the layer's file '[^']*etc/group' is damaged: it is shorter"
	assert_match "$output" "Damaged image $id: its layer $layer is damaged \(remove the image with --repair and pull it again\)"
	assert_error 'damage detected in local storage'
	run_cmk system check --repair
	assert_match "$output" "Deleted damaged layer: $layer"
	assert_match "$output" "Deleted damaged image: $id"
	healthy
	run_cmk images -n
	assert_match "$output" '^localhost/other +1 '
	refute_match "$output" alpine
	run_cmk pull -q alpine
	run_cmk run --rm --net=none alpine true
}

@test "what containers use stays without --force, and goes with it" {
	local layer id
	other_image
	layer=$(top_layer alpine) id=$(image_id alpine)
	run_cmk run -d --name uses --net=none alpine sleep 1000
	run_cmk create --name other localhost/other:1 /hello
	as_parent rm "$CMK_ROOT/layers/$layer/diff/etc/passwd"
	run_cmk 125 system check -r
	assert_match "$output" 'Damaged container [0-9a-f]{64}: its layer [0-9a-f]{64} is damaged'
	assert_error 'damage in local storage still present after repair attempt'
	run_cmk ps -a --format '{{.Names}}' --sort names
	assert_equal "$output" $'other\nuses'
	run_cmk system check -f
	assert_match "$output" 'Deleted damaged container: [0-9a-f]{64}'
	assert_match "$output" "Deleted damaged image: $id"
	run_cmk ps -a --format '{{.Names}}'
	assert_equal "$output" other
	healthy
	run_cmk rm other
}

@test "manifests, configurations and records that are damaged, and layers that are missing" {
	local id dir
	id=$(image_id alpine) dir=$CMK_ROOT/images/$id
	cp -r "$dir" saved
	for part in manifest config; do
		printf ' ' >>"$dir/$part"
		run_cmk 125 system check --quick
		assert_match "$output" "Damaged image $id: its $part has the digest sha256:[0-9a-f]{64}, not sha256:"
		cp "saved/$part" "$dir/$part"
		rm "$dir/$part"
		run_cmk 125 system check --quick
		assert_match "$output" "Damaged image $id: its $part cannot be read: .*no such file"
		cp "saved/$part" "$dir/$part"
	done
	healthy
	echo '{' >"$dir/image.json"
	run_cmk 125 system check
	assert_match "$output" "Damaged image $id: image '${id:0:12}'"
	run_cmk system check --repair
	assert_match "$output" "Deleted damaged image: $id"
	healthy
	assert_equal "$(find "$CMK_ROOT"/{layers,names,images} -mindepth 1)" ""
	run_cmk pull -q alpine
	as_parent rm -r "$CMK_ROOT/layers/$(top_layer alpine)"
	run_cmk 125 system check --quick
	assert_match "$output" "Damaged image $id: its layer [0-9a-f]{64} is missing \(pull the image again\)"
	run_cmk pull -q alpine
	healthy
}

@test "layers without a user count as damage once they are old, and a repair removes them" {
	local id
	id=$(image_id alpine)
	rm -r "$CMK_ROOT/images/$id" "$CMK_ROOT"/names/*
	run_cmk system check
	assert_equal "$output" ""
	run_cmk 125 system check --max 0
	assert_match "$output" 'Damaged layer [0-9a-f]{64}: layer not referenced by any image or container \(remove it with --repair\)'
	run_cmk system check --max 0s -r
	assert_equal "$(ls -A "$CMK_ROOT/layers")" ""
	healthy
	run_cmk 125 system check --max soon
	assert_error 'invalid argument "soon" for "-m, --max" flag'
}

@test "names, containers, volumes and run directories without what they need" {
	local id
	run_cmk create --name c -v vol:/v alpine true
	id=$output
	mv "$CMK_ROOT/volumes/vol" saved
	run_cmk 125 system check -q
	assert_match "$output" "Damaged container $id: its volume 'vol' is missing \(cmk volume create vol makes an empty one\)"
	mv saved "$CMK_ROOT/volumes/vol"
	healthy
	as_parent rm -r "$CMK_ROOT/volumes/vol/_data"
	as_parent rm -r "$CMK_ROOT/containers/$id/upper"
	run_cmk 125 system check -q -r
	assert_match "$output" 'Damaged volume vol: its files'
	assert_match "$output" "Damaged container $id: its upper directory is missing"
	assert [ -d "$CMK_ROOT/volumes/vol" ]
	run_cmk rm c
	run_cmk volume rm vol
	healthy

	run_cmk create --name c alpine true
	id=$output
	echo broken >"$CMK_ROOT/containers/$id/container.json"
	run_cmk 125 system check -q
	assert_match "$output" "Damaged container $id: its record cannot be read"
	run_cmk 125 system check -q -r
	run_cmk system check -q -f
	assert_match "$output" "Deleted damaged container: $id"
	healthy

	id=$(printf 'a%.0s' {1..64})
	mkdir -p "$CMK_ROOT/containers/$id" "$CMK_RUNROOT/containers/${id//a/b}"
	touch -d '1 hour ago' "$CMK_RUNROOT/containers/${id//a/b}"
	ln -s "${id//a/c}" "$CMK_ROOT/container-names/lost"
	ln -s "../images/$id" "$CMK_ROOT/names/localhost%lost:1"
	run_cmk 125 system check -q
	assert_match "$output" "Damaged container $id: it was half made or half removed"
	assert_match "$output" "Damaged run directory ${id//a/b}: "
	assert_match "$output" 'Damaged container name lost: its container is not here'
	assert_match "$output" 'Damaged image name localhost/lost:1: its image is not here'
	run_cmk system check -q -r
	healthy
	assert [ ! -e "$CMK_RUNROOT/containers/${id//a/b}" ]
}
