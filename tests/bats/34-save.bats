#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images written to archives and directories: what other programs read in them, and that layers are the
# bytes that once came.
load helpers

setup() {
	common_setup
	load_images alpine
}

# diff_ids IMAGE: as the image's configuration says.
diff_ids() { "$T/bin/cmk" image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1" | grep .; }

@test "a docker archive holds the layers byte for byte, the config and the names" {
	run_cmk save -q -o a.tar alpine
	assert_equal "$stderr" ""
	mkdir x && tar -C x -xf a.tar
	run jq -r '.[0].RepoTags[]' x/manifest.json
	assert_match "$output" '^127.0.0.1:5000/library/alpine:latest$'
	run_cmk image inspect --format '{{.Id}}' alpine
	assert_equal "$(jq -r '.[0].Config' x/manifest.json)" "${output#sha256:}.json"
	assert_equal "$(sha256sum <"x/${output#sha256:}.json" | cut -d' ' -f1)" "${output#sha256:}"
	while read -r layer; do
		assert_equal "sha256:$(sha256sum <"x/$layer" | cut -d' ' -f1)" "sha256:${layer%.tar}"
	done < <(jq -r '.[0].Layers[]' x/manifest.json)
	assert_equal "$(jq -r '.[0].Layers[]' x/manifest.json | sed 's/^/sha256:/; s/.tar$//')" "$(diff_ids alpine)"
	# The same image makes the same archive.
	run_cmk save alpine
	"$T/bin/cmk" save -q alpine >b.tar
	cmp a.tar b.tar
}

@test "skopeo and podman read what was saved" {
	run_cmk image inspect --format '{{.Id}}' alpine
	local id=${output#sha256:}
	run_cmk save -q -o a.tar alpine
	assert_equal "$(skopeo inspect --raw --config docker-archive:a.tar | sha256sum | cut -d' ' -f1)" "$id"
	run_cmk save -q --format oci-archive -o o.tar alpine
	assert_equal "$(skopeo inspect --raw --config oci-archive:o.tar | sha256sum | cut -d' ' -f1)" "$id"
	skopeo copy -q oci-archive:o.tar dir:copied
	run_cmk save -q --format oci-dir -o layout alpine
	skopeo copy -q oci:layout dir:copied2
	assert_match "$(jq -r '.layers[].mediaType' copied/manifest.json)" '^application/vnd.oci.image.layer.v1.tar\+gzip$'
	# Two ways, one result.
	cmp copied/manifest.json copied2/manifest.json
	assert_equal "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' layout/index.json)" \
		127.0.0.1:5000/library/alpine:latest
	run_cmk save -q --format docker-dir -o d alpine
	assert_equal "$(skopeo inspect --raw --config dir:d | sha256sum | cut -d' ' -f1)" "$id"
	assert_match "$(jq -r '.layers[].mediaType' d/manifest.json)" 'rootfs.diff.tar$'
	run_cmk save -q --compress --format docker-dir -o dz alpine
	assert_match "$(jq -r '.layers[].mediaType' dz/manifest.json)" 'rootfs.diff.tar.gzip$'
	skopeo copy -q dir:dz oci:again
	run_cmk save -q --uncompressed --format oci-dir -o plain alpine
	skopeo copy -q oci:plain dir:copied3
	assert_match "$(jq -r '.layers[].mediaType' copied3/manifest.json)" '^application/vnd.oci.image.layer.v1.tar$'
}

@test "what was saved is loaded again as the same image, by every format" {
	run_cmk image inspect --format '{{.Id}} {{.RootFS.Layers}}' alpine
	local want=$output format path again=(--root "$T/again" --runroot "$T/again-run")
	for format in docker-archive oci-archive oci-dir docker-dir; do
		path=$T/saved-$format
		run_cmk save -q --format "$format" -o "$path" alpine
		run_cmk "${again[@]}" load -q -i "$path"
		assert_match "$output" '^Loaded image'
		run_cmk "${again[@]}" images -q --no-trunc
		assert_equal "$output" "sha256:${want%% *}"
		run_cmk "${again[@]}" image inspect --format '{{.Id}} {{.RootFS.Layers}}' "${want%% *}"
		assert_equal "$output" "$want"
		# Saved once more from there, it is the same archive.
		if [ "$format" != docker-dir ]; then
			run_cmk "${again[@]}" save -q --format "$format" -o "$path-2" alpine
			diff -r "$path" "$path-2"
		fi
		run_cmk "${again[@]}" rmi -f "${want%% *}"
		run_cmk "${again[@]}" images -q
		assert_equal "$output" ""
	done
}

@test "several images in one archive, several names of one" {
	run_cmk tag alpine localhost/mine:1
	echo hello >f && tar -cf f.tar f
	run_cmk import -q f.tar localhost/other:2
	run_cmk save -q -m -o m.tar alpine localhost/mine:1 localhost/other:2
	assert_equal "$(tar -xOf m.tar manifest.json | jq -r '.[].RepoTags | join(" ")')" \
		$'127.0.0.1:5000/library/alpine:latest localhost/mine:1\nlocalhost/other:2'
	run_cmk save -q -o n.tar alpine new:3
	assert_equal "$(tar -xOf n.tar manifest.json | jq -r '.[].RepoTags | join(" ")')" \
		'127.0.0.1:5000/library/alpine:latest localhost/new:3'
	run_cmk 125 save -q -m -o x.tar alpine no-such-image
	assert [ ! -e x.tar ]
	# By its ID it has no name there.
	run_cmk images -q --no-trunc localhost/other:2
	run_cmk save -q -o i.tar "${output#sha256:}"
	assert_equal "$(tar -xOf i.tar manifest.json | jq -c '.[0].RepoTags')" '[]'
}

@test "layers that replace their own files, with holes, links and odd headers come back whole" {
	mkdir tree && echo one >tree/f && ln tree/f tree/h && ln -s f tree/l && mkfifo tree/p
	truncate -s 3M tree/holes && printf x | dd of=tree/holes bs=1 seek=1000000 conv=notrunc status=none
	name=$(printf 'n%.0s' {1..200}) && echo long >"tree/$name"
	tar -C tree -S --format=pax -cf a.tar .
	echo two >tree/f
	tar -C tree -rf a.tar f
	rm tree/f && mkdir tree/f && echo three >tree/f/g
	tar -C tree -rf a.tar f
	head -c 5000 /dev/zero >>a.tar
	for form in a.tar a.tar.gz a.tar.zst; do
		case $form in *.gz) gzip -kf a.tar ;; *.zst) zstd -qf a.tar ;; esac
		run_cmk import -q "$form" "localhost/$form:1"
		run_cmk save -q -o s.tar "localhost/$form:1"
		tar -xOf s.tar "$(sha256sum <a.tar | cut -d' ' -f1).tar" | cmp - a.tar
		rm s.tar
	done
	# Old GNU forms.
	tar -C tree -S --format=gnu -cf g.tar .
	run_cmk import -q g.tar localhost/g:1
	"$T/bin/cmk" save -q localhost/g:1 | tar -xOf - "$(sha256sum <g.tar | cut -d' ' -f1).tar" | cmp - g.tar
}

@test "a layer that was damaged is told, and nothing is left of the archive" {
	local file
	file=$(find "$CMK_ROOT/layers" -path '*/diff/bin/busybox' -type f | head -n 1)
	[ -n "$file" ]
	chmod u+w "$file" 2>/dev/null || true
	unshare --map-root-user --map-auto sh -c 'printf X | dd of="$1" bs=1 seek=100 conv=notrunc status=none' sh "$file"
	run_cmk 125 save -q -o a.tar alpine
	assert_match "$stderr" 'the layer is damaged'
	assert [ ! -e a.tar ]
	unshare --map-root-user --map-auto truncate -s 10 "$file"
	run_cmk 125 save -q --format oci-dir -o dir alpine
	assert_match "$stderr" "bin/busybox' is damaged: it is shorter"
	assert [ ! -e dir ]
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
}

@test "what cannot be saved" {
	run_cmk 125 save -o a.tar no-such-image
	run_cmk 125 save --format zip -o a.zip alpine
	assert_match "$stderr" "invalid value 'zip' for option '--format'"
	run_cmk 125 save --format oci-dir alpine
	assert_error '--output must be set for directory formats'
	run_cmk 125 save --compress -o a.tar alpine
	assert_error "--compress can only be set when --format is 'docker-dir'"
	run_cmk 125 save -o a:b.tar alpine
	assert_match "$stderr" "invalid filename"
	echo full >a.tar
	run_cmk 125 save -o a.tar alpine
	assert_match "$stderr" "doesn't support modifying existing images"
	assert_equal "$(cat a.tar)" full
	mkdir dir && touch dir/f
	run_cmk 125 save --format docker-dir -o dir alpine
	assert_match "$stderr" "is not empty"
	assert [ -e dir/f ]
	run_cmk 125 save -o /dev/full alpine
	assert_match "$stderr" "no space left on device"
}
