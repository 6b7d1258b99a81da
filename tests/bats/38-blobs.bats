#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Kept blobs: what a pull keeps, what a push makes of it, and how they go.
load helpers

creds=(--creds tester:sesame)
blobs() { find "$CMK_ROOT/blobs" -type f 2>/dev/null | sort; }
# Nobody listens there any more.
forget_source() { sed -i 's/127.0.0.1:5000/127.0.0.1:9/' "$CMK_ROOT"/images/*/image.json; }
digest_of() { echo "sha256:$(sha256sum <"$CMK_ROOT/images/$("$T/bin/cmk" image inspect --format '{{.Id}}' "$1")/manifest" | cut -c1-64)"; }

@test "kept blobs are the bytes that were shipped, and a push needs no other source" {
	run_cmk pull -q --keep-blobs always alpine
	local f want
	for f in $(blobs); do
		assert_equal "$(sha256sum <"$f" | cut -d' ' -f1)" "${f##*/}"
	done
	assert_equal "$(blobs | wc -l)" "$(jq '.layers | length' "$CMK_ROOT"/images/*/manifest)"
	want=$(digest_of alpine)
	forget_source
	run_cmk push -q --retry 0 "${creds[@]}" --digestfile d alpine "$(repo a 5004):1"
	assert_equal "$stderr" ""
	assert_equal "$(cat d)" "$want"
	assert_equal "sha256:$(raw_digest "${creds[@]}" "docker://$(repo a 5004):1")" "$want"
	# To files, too, where the kind of manifest is theirs.
	run_cmk push -q --digestfile d alpine dir:dd
	assert_equal "$(cat d)" "$want"
	skopeo copy -q dir:dd oci:again
	run_cmk push -q alpine oci:layout:1
	assert_equal "$(skopeo inspect --raw oci:layout:1 | jq -c '[.layers[].digest]')" \
		"$(jq -c '[.layers[].digest]' "$CMK_ROOT"/images/*/manifest)"
	run_cmk push -q --force-compression --compression-format zstd alpine oci:layout:2
	assert_match "$(skopeo inspect --raw oci:layout:2 | jq -r '.layers[].mediaType')" 'zstd$'
}

@test "policies: never, by option and by environment; a word that is none" {
	run_cmk pull -q --keep-blobs never alpine
	assert_equal "$(blobs)" ""
	run_cmk rmi -f alpine
	CMK_KEEP_BLOBS=never run_cmk pull -q alpine
	assert_equal "$(blobs)" ""
	run_cmk rmi -f alpine
	CMK_KEEP_BLOBS=never run_cmk run --rm --net=none alpine true
	assert_equal "$(blobs)" ""
	run_cmk rmi -f alpine
	run_cmk 125 pull -q --keep-blobs some alpine
	CMK_KEEP_BLOBS=some run_cmk 125 run --rm --net=none alpine true
	assert_match "$stderr" 'always, never or room'
}

@test "the policy of containers.conf: for whatever pulls, behind the environment and the option" {
	printf '[cmk]\nkeep_blobs = "never"\n' >"$HOME/.config/containers/containers.conf"
	run_cmk pull -q alpine
	assert_equal "$(blobs)" ""
	run_cmk rmi -f alpine
	run_cmk run --rm --net=none alpine true
	assert_equal "$(blobs)" ""
	run_cmk rmi -f alpine
	CMK_KEEP_BLOBS=always run_cmk pull -q alpine
	assert_match "$(blobs)" .
	run_cmk rmi -f alpine
	run_cmk image prune -f -a
	run_cmk pull -q --keep-blobs always alpine
	assert_match "$(blobs)" .
	printf '[cmk]\nkeep_blobs = "some"\n' >"$HOME/.config/containers/containers.conf"
	run_cmk 125 images
	assert_error "\[cmk\] keep_blobs: 'some' is not always, never or room"
	# Others read the same file.
	podman --root "$T/podman" --runroot "$XDG_RUNTIME_DIR/pod" --storage-driver vfs --events-backend none images -q
	podman_end
}

@test "a kept blob that was damaged is not used, and goes" {
	run_cmk pull -q --keep-blobs always alpine
	local f want
	f=$(blobs | head -1)
	want=$(digest_of alpine)
	printf x | dd of="$f" bs=1 seek=100 conv=notrunc status=none
	# Fetched once more from where it came.
	run_cmk push -q "${creds[@]}" --digestfile d alpine "$(repo b 5004):1"
	assert_equal "$(cat d)" "$want"
	assert [ ! -e "$f" ]
	run_cmk pull -q --keep-blobs always many
	truncate -s 1 "$(blobs | head -1)"
	run_cmk push -q many oci:layout
	skopeo copy -q oci:layout dir:copied
}

# bats test_tags=long
@test "images share them; the last one takes its own along, and prune all" {
	run_cmk pull -q --keep-blobs always alpine many
	local all
	all=$(blobs | wc -l)
	run_cmk system df --format '{{.Type}}|{{.Total}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}'
	assert_match "$output" $'\n''Kept Blobs\|'"$all"'\|0\|[^|]+\|.*\(100%\)$'
	run_cmk system df -v
	assert_match "$output" $'\nKept Blobs space usage:\n'
	assert_match "$output" $'\nDIGEST +SIZE +IMAGES *\n'
	run_cmk tag alpine localhost/other
	run_cmk rmi localhost/other
	assert_equal "$(blobs | wc -l)" "$all"
	run_cmk rmi many
	assert [ "$(blobs | wc -l)" -lt "$all" ]
	# What a killed pull left belongs to no image.
	head -c 100 /dev/urandom >"$CMK_ROOT/blobs/$(printf x | sha256sum | cut -d' ' -f1)"
	run_cmk pull -q --keep-blobs always many
	run_cmk rmi many
	assert [ ! -e "$CMK_ROOT/blobs/$(printf x | sha256sum | cut -d' ' -f1)" ]
	# A filter is about images.
	run_cmk image prune -f --filter until=1h
	refute_match "$(blobs)" '^$'
	run_cmk image prune -f
	assert_equal "$output" ""
	assert_equal "$(blobs)" ""
	run_cmk run --rm --net=none alpine echo still
	assert_equal "$output" still
	run_cmk rmi alpine
	run_cmk pull -q --keep-blobs always alpine
	run_cmk system prune -f
	assert_match "$output" '^Total reclaimed space: [1-9]'
	assert_equal "$(blobs)" ""
	run_cmk system df
	refute_match "$output" 'Kept Blobs'
}

@test "a pull that was killed leaves nothing that lasts" {
	for _ in 1 2 3; do
		cmk pull -q --keep-blobs always many >/dev/null 2>&1 &
		# Wherever it is by then.
		wait_for 20 sh -c "ls '$CMK_ROOT/blobs' '$CMK_ROOT/partial' 2>/dev/null | grep -q ." || true
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
	done
	run_cmk pull -q --keep-blobs always many alpine
	run_cmk push -q many oci:layout
	run_cmk rmi -f many alpine
	assert_equal "$(blobs)" ""
	assert_equal "$(find "$CMK_ROOT/partial" -type f)" ""
}
