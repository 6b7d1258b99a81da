#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images sent to real registries, and what other programs find there.
load helpers

@test "an image that was made here: its digest, its layers, the image again" {
	made_here one
	run_cmk image inspect --format '{{.Id}}' localhost/one:1
	local id=$output to
	to=$(repo one):1
	run_cmk push --digestfile digest localhost/one:1 "$to"
	assert_match "$stderr" 'Copying blob'
	assert_match "$stderr" 'Writing manifest to image destination'
	assert_equal "$(cat digest)" "sha256:$(raw_digest "docker://$to")"
	assert_equal "$(skopeo inspect --tls-verify=false --raw "docker://$to" | jq -r '.layers[].mediaType')" \
		application/vnd.oci.image.layer.v1.tar+gzip
	skopeo copy -q --src-tls-verify=false "docker://$to" dir:copied
	assert_equal "$(zcat copied/"$(jq -r '.layers[0].digest' copied/manifest.json | cut -d: -f2)" | sha256sum)" "$(sha256sum <made.tar)"
	run_cmk rmi localhost/one:1
	run_cmk pull -q "$to"
	assert_equal "$output" "$id"
	run_cmk run --rm --net=none "$to"
	assert_equal "$output" one
	# Once more: the same digest, and nothing is warned of.
	run_cmk push -q --digestfile again "$to"
	assert_equal "$stderr" ""
	cmp digest again
}

@test "an image that was pulled keeps its digest: in its repository, in another, in another registry" {
	load_images alpine
	local from=127.0.0.1:5000/library/alpine:latest want to
	# An index there: what was pulled is the manifest of this machine's platform.
	run_cmk image inspect --format '{{.Architecture}}' alpine
	want=$(skopeo inspect --tls-verify=false --raw "docker://$from" |
		jq -r --arg arch "$output" '.manifests[] | select(.platform.architecture == $arch) | .digest')
	want=${want#sha256:}
	to=$(repo mirror):latest
	run_cmk push -q --digestfile d1 alpine "$to"
	assert_equal "$stderr" ""
	assert_equal "$(cat d1)" "sha256:$want"
	assert_equal "$(raw_digest "docker://$to")" "$want"
	# Another registry: the blobs are fetched once more.
	run_cmk push -q --digestfile d2 --creds tester:sesame "alpine" "127.0.0.1:5004/push-${TEST_CG##*/}/a:1"
	assert_equal "$stderr" ""
	cmp d1 d2
	assert_equal "$(raw_digest --creds tester:sesame "docker://127.0.0.1:5004/push-${TEST_CG##*/}/a:1")" "$want"
}

@test "a layer that cannot be had again is compressed anew, which is said" {
	export CMK_KEEP_BLOBS=never
	made_here two
	local from to
	from=$(repo gone):1
	run_cmk push -q localhost/two:1 "$from"
	run_cmk rmi localhost/two:1
	run_cmk pull -q "$from"
	# Its source is gone: nobody listens there.
	sed -i 's/127.0.0.1:5000/127.0.0.1:9/' "$CMK_ROOT"/images/*/image.json
	to=127.0.0.1:5004/push-${TEST_CG##*/}/two:1
	run_cmk push -q --retry 0 --compression-level 9 --creds tester:sesame "$from" "$to"
	assert_match "$stderr" 'the image gets another digest'
	run_cmk pull -q --creds tester:sesame "$to"
}

@test "an image from a docker archive is compressed, and asked for nowhere" {
	made_here loaded
	run_cmk save -q -o a.tar localhost/loaded:1 docker.io/library/loaded:1
	run_cmk rmi -f localhost/loaded:1
	run_cmk load -q -i a.tar
	local to
	to=$(repo loaded):1
	run_cmk push -q --retry 0 localhost/loaded:1 "$to"
	assert_equal "$stderr" ""
	assert_equal "$(skopeo inspect --tls-verify=false --raw "docker://$to" | jq -r '.layers[].mediaType')" \
		application/vnd.docker.image.rootfs.diff.tar.gzip
	skopeo copy -q --src-tls-verify=false "docker://$to" dir:copied
	zcat copied/"$(jq -r '.layers[0].digest' copied/manifest.json | cut -d: -f2)" | cmp - made.tar
}

@test "compression and format" {
	made_here three
	local to
	to=$(repo three)
	run_cmk push -q --compression-format zstd localhost/three:1 "$to:z"
	assert_equal "$(skopeo inspect --tls-verify=false --raw "docker://$to:z" | jq -r '.layers[].mediaType')" \
		application/vnd.oci.image.layer.v1.tar+zstd
	run_cmk push -q -f v2s2 localhost/three:1 "$to:d"
	assert_equal "$(skopeo inspect --tls-verify=false --raw "docker://$to:d" | jq -r '.mediaType')" \
		application/vnd.docker.distribution.manifest.v2+json
	run_cmk rmi localhost/three:1
	run_cmk pull -q "$to:z"
	run_cmk run --rm --net=none "$to:z"
	assert_equal "$output" three
	run_cmk push -q --compression-format gzip "$to:z" "$to:same"
	assert_equal "$(raw_digest "docker://$to:same")" "$(raw_digest "docker://$to:z")"
	run_cmk push -q --compression-format gzip --force-compression "$to:z" "$to:other"
	assert_equal "$(skopeo inspect --tls-verify=false --raw "docker://$to:other" | jq -r '.layers[].mediaType')" \
		application/vnd.oci.image.layer.v1.tar+gzip
}

@test "all tags; a name of its own as the destination" {
	made_here four
	local to
	to=$(repo four)
	run_cmk tag localhost/four:1 "$to:a"
	run_cmk tag localhost/four:1 "$to:b"
	run_cmk push -q --all-tags "$to"
	assert_equal "$(skopeo list-tags --tls-verify=false "docker://$to" | jq -c ".Tags | sort")" '["a","b"]'
	run_cmk tag localhost/four:1 "$to:c"
	run_cmk push -q "$to:c"
	assert_equal "$(raw_digest "docker://$to:c")" "$(raw_digest "docker://$to:a")"
	run_cmk 125 push --all-tags "$to:a"
	run_cmk 125 push --all-tags "$to" "$to"
}

@test "a registry by TLS that asks who we are" {
	made_here five
	local to=localhost:5002/push-${TEST_CG##*/}/five:1
	run_cmk 125 push -q --retry 0 localhost/five:1 "$to"
	assert_match "$stderr" 'certificate'
	mkdir certs && cp "$CERTS/ca.pem" certs/ca.crt
	run_cmk 125 push -q --cert-dir certs localhost/five:1 "$to"
	assert_match "$stderr" 'cmk login localhost:5002'
	run_cmk 125 push -q --cert-dir certs --creds tester:wrong localhost/five:1 "$to"
	run_cmk push -q --cert-dir certs --creds tester:sesame localhost/five:1 "$to"
	run_cmk login -u tester -p sesame --cert-dir certs localhost:5002
	run_cmk push -q --cert-dir certs localhost/five:1 "${to%:1}:2"
}

@test "what cannot be pushed" {
	made_here six
	run_cmk 125 push no-such-image
	assert_match "$stderr" 'image not known'
	run_cmk images -q localhost/six:1
	run_cmk 125 push "$output"
	assert_match "$stderr" 'is an ID, not a name'
	run_cmk 125 push -f v2s1 localhost/six:1 "$(repo six)"
	run_cmk 125 push -f v2s2 --compression-format zstd localhost/six:1 "$(repo six)"
	run_cmk 125 push --compression-level 12 localhost/six:1 "$(repo six)"
	assert_error 'invalid compression level 12: gzip has 1 to 9'
	run_cmk 125 push --compression-format zstd --compression-level 50 localhost/six:1 "$(repo six)"
	assert_error 'invalid compression level 50: zstd has 1 to 22'
	run_cmk 125 push localhost/six:1 containers-storage:x
	assert_match "$stderr" 'podman load'
	run_cmk 125 push localhost/six:1 docker-daemon:x:1
	assert_match "$stderr" 'docker load'
	run_cmk 125 push --compress localhost/six:1 "$(repo six)"
	run_cmk 125 push -q --retry 0 localhost/six:1 127.0.0.1:9/x:1
	assert_match "$stderr" 'cannot connect'
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
}

# --- files ---

digest_in() { skopeo inspect --raw "$1" | sha256sum | cut -d' ' -f1; }

@test "an OCI layout: made, added to, and an image of the same name replaced" {
	made_here one
	made_here two
	run_cmk push --digestfile d1 localhost/one:1 oci:sub/layout:first
	assert_match "$stderr" 'Writing manifest to image destination'
	assert_equal "$(cat d1)" "sha256:$(digest_in oci:sub/layout:first)"
	run_cmk push -q localhost/two:1 oci:sub/layout:second
	run_cmk push -q localhost/two:1 oci:sub/layout
	run_cmk push -q localhost/two:1 oci:sub/layout
	assert_equal "$(cat d1)" "sha256:$(digest_in oci:sub/layout:first)"
	assert_equal "$(jq '.manifests | length' sub/layout/index.json)" 3
	run_cmk push -q localhost/two:1 oci:sub/layout:first
	assert_equal "$(digest_in oci:sub/layout:first)" "$(digest_in oci:sub/layout:second)"
	# The one without a name has one now.
	assert_equal "$(jq '.manifests | length' sub/layout/index.json)" 2
	skopeo copy -q oci:sub/layout:first dir:copied
	assert_equal "$(zcat copied/"$(jq -r '.layers[0].digest' copied/manifest.json | cut -d: -f2)" | sha256sum)" "$(sha256sum <made.tar)"
	run_cmk images -q --no-trunc localhost/two:1
	local id=${output#sha256:}
	run_cmk rmi -f localhost/two:1
	run_cmk pull -q oci:sub/layout:second
	assert_equal "$output" "$id"
	# What somebody else wrote there stays.
	jq '.annotations = {"a": "b"} | .manifests[0].annotations.more = "x"' sub/layout/index.json >new && mv new sub/layout/index.json
	run_cmk push -q localhost/one:1 oci:sub/layout:third
	assert_equal "$(jq -r '.annotations.a, .manifests[0].annotations.more' sub/layout/index.json | xargs)" 'b x'
	assert_equal "$(find sub/layout -name '*.cmk-new')" ""
	# One that nobody can read is left as it is.
	echo '{' >sub/layout/index.json
	run_cmk 125 push -q localhost/one:1 oci:sub/layout:fourth
	assert_match "$stderr" 'index.json'
	assert_equal "$(cat sub/layout/index.json)" '{'
}

@test "a push that is killed leaves no half file behind, and the next one clears what others left" {
	local id
	run_cmk pull -q --keep-blobs always alpine
	# No file of more than 256 KiB: the write of the layer's blob kills it.
	(ulimit -c 0 -f 256 && "$T/bin/cmk" push -q alpine dir:d) 2>/dev/null && false
	assert_equal "$(ls -A d)" version
	(ulimit -c 0 -f 256 && "$T/bin/cmk" push -q alpine oci-archive:a.tar) 2>/dev/null && false
	assert_equal "$(find . -name '*a.tar*')" ""
	run_cmk push -q alpine oci:layout:1
	id=$(printf 0%.0s $(seq 64))
	touch "layout/blobs/sha256/$id.0123456789abcdef.cmk-new" "layout/$id.cmk-new" "d/$id.cmk-new"
	run_cmk push -q alpine oci:layout:2
	run_cmk push -q alpine dir:d
	assert_equal "$(find layout d -name '*.cmk-new')" ""
	skopeo copy -q oci:layout:2 dir:copied
}

@test "archives: OCI's is replaced, docker's is not" {
	made_here one
	run_cmk push -q --digestfile d1 localhost/one:1 oci-archive:a.tar:some
	assert_equal "$(cat d1)" "sha256:$(digest_in oci-archive:a.tar:some)"
	run_cmk push -q --compression-format zstd localhost/one:1 oci-archive:a.tar:other
	skopeo copy -q oci-archive:a.tar:other dir:copied
	assert_match "$(jq -r '.layers[].mediaType' copied/manifest.json)" 'tar\+zstd$'
	chmod 600 a.tar
	run_cmk push -q localhost/one:1 oci-archive:a.tar
	assert_equal "$(stat -c %a a.tar)" 600
	run_cmk push -q --digestfile d2 localhost/one:1 docker-archive:d.tar:some/name
	assert_equal "$(tar -xOf d.tar manifest.json | jq -c '.[0].RepoTags')" '["docker.io/some/name:latest"]'
	skopeo copy -q docker-archive:d.tar dir:copied2
	run_cmk 125 push -q localhost/one:1 docker-archive:d.tar:some/name
	assert_match "$stderr" "doesn't support modifying existing images"
	# The digest is the one that it has where it is loaded.
	run_cmk rmi -f localhost/one:1
	run_cmk load -q -i d.tar
	run_cmk image inspect --format '{{.Digest}}' docker.io/some/name
	assert_equal "$output" "$(cat d2)"
	# Not only into files; nothing half is left behind.
	run_cmk push -q docker.io/some/name docker-archive:/dev/stdout
	run_cmk ? push -q docker.io/some/name oci-archive:"$T/no/such/dir/a.tar"
	assert_equal "$status" 125
	assert_equal "$(find . -name '*.tar.*')" ""
}

@test "dir: as it is, compressed, in place of another, and in no directory of somebody else" {
	made_here one
	made_here two
	run_cmk push -q --digestfile d1 --remove-signatures localhost/one:1 dir:d
	assert_equal "$(cat d1)" "sha256:$(digest_in dir:d)"
	assert_equal "$(sha256sum <d/"$(jq -r '.layers[0].digest' d/manifest.json | cut -d: -f2)" | cut -d' ' -f1)" \
		"$(jq -r '.layers[0].digest' d/manifest.json | cut -d: -f2)"
	echo mine >d/notes
	run_cmk push -q --compress -f v2s2 localhost/two:1 dir:d
	assert_equal "$(jq -r '.mediaType, .layers[].mediaType' d/manifest.json | xargs)" \
		"application/vnd.docker.distribution.manifest.v2+json application/vnd.docker.image.rootfs.diff.tar.gzip"
	assert_equal "$(find d -type f | wc -l)" 5
	assert_equal "$(cat d/notes)" mine
	skopeo copy -q dir:d oci:again
	mkdir other && echo precious >other/manifest.json
	run_cmk 125 push -q localhost/one:1 dir:other
	assert_match "$stderr" 'not empty'
	assert_equal "$(cat other/manifest.json)" precious
}

@test "options that do not fit the destination" {
	made_here one
	run_cmk 125 push -f v2s2 localhost/one:1 oci:l
	run_cmk 125 push -f oci localhost/one:1 docker-archive:a.tar
	run_cmk 125 push --compression-format zstd localhost/one:1 docker-archive:a.tar
	run_cmk 125 push --compress localhost/one:1 oci:l
	run_cmk 125 push localhost/one:1 oci:
	run_cmk 125 push localhost/one:1 oci-archive:a.tar:@0
	run_cmk 125 push localhost/one:1 oci-archive:"$T"
	run_cmk 125 push localhost/one:1 "docker-archive:a.tar:UPPER"
	assert_equal "$(find . -name l -o -name 'a.tar*')" ""
}
