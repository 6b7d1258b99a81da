#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images sent to real registries, and what other programs find there.
load helpers

# A repository of this test alone.
repo() { echo "127.0.0.1:5000/push-${TEST_CG##*/}-$BATS_TEST_NUMBER/$1"; }
raw_digest() { skopeo inspect --tls-verify=false --raw "$@" | sha256sum | cut -d' ' -f1; }

made_here() {
	mkdir -p tree/etc tree/bin && cp /bin/busybox tree/bin/cat && echo "$1" >tree/etc/"$1" && tar -C tree -cf made.tar .
	run_cmk import -q -c 'CMD ["cat", "/etc/'"$1"'"]' made.tar "localhost/$1:1"
}

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
	run_cmk 125 push localhost/six:1 oci:dir
	assert_match "$stderr" 'not supported yet'
	run_cmk 125 push -q --retry 0 localhost/six:1 127.0.0.1:9/x:1
	assert_match "$stderr" 'cannot connect'
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
}
