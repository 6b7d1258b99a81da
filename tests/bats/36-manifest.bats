#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Manifest lists: made, changed, pushed, and what other programs find in the registry.
load helpers

teardown() {
	podman_end
	common_teardown
}

MULTI=127.0.0.1:5000/library/multi
OCI_INDEX=application/vnd.oci.image.index.v1+json
DOCKER_LIST=application/vnd.docker.distribution.manifest.list.v2+json

raw() { skopeo inspect --tls-verify=false --raw "$@"; }
host_arch() { dpkg --print-architecture; }


# jq on the list as it is shown.
list() { cmk manifest inspect "$1" | jq -c "$2"; }

@test "a list is made, filled, changed and removed" {
	run_cmk manifest create foo
	local id=$output
	assert_match "$id" '^[0-9a-f]{64}$'
	run_cmk manifest inspect foo
	assert_equal "$(jq -c . <<<"$output")" "{\"schemaVersion\":2,\"mediaType\":\"$DOCKER_LIST\",\"manifests\":[]}"
	assert_match "$output" '^\{'$'\n''    "schemaVersion": 2,'
	run_cmk 125 manifest create foo
	assert_error "image name \"localhost/foo:latest\" is already associated with image \"$id\": that name is already in use"
	made_here one --arch arm64 --variant v8
	made_here two --arch s390x
	run_cmk manifest add foo localhost/one:1 two:1
	assert_equal "$output" "$id"
	assert_equal "$(list foo '[.manifests[].platform]')" \
		'[{"architecture":"arm64","os":"linux","variant":"v8"},{"architecture":"s390x","os":"linux"}]'
	local one
	one=$(cmk image inspect --format '{{.Digest}}' localhost/one:1)
	assert_equal "$(list foo '.manifests[0].digest')" "\"$one\""
	# Once more: it is replaced, and says what the options say.
	run_cmk manifest add --arch arm --variant v7 --os bsd --os-version 14 --os-features a,b --features neon \
		--annotation x=y --annotation z= foo one:1
	assert_equal "$(list foo '[.manifests[] | .digest == "'"$one"'"]')" '[false,true]'
	assert_equal "$(list foo '.manifests[1] | [.platform, .annotations]')" \
		'[{"architecture":"arm","os":"bsd","os.version":"14","os.features":["a","b"],"variant":"v7"},{"x":"y","z":""}]'
	run_cmk manifest annotate --arch mips foo "$one"
	assert_equal "$output" "$id"
	run_cmk manifest annotate --annotation x=1 --annotation w=2 foo localhost/one:1
	assert_equal "$(list foo '.manifests[1] | [.platform.architecture, .annotations]')" '["mips",{"x":"1","z":"","w":"2"}]'
	run_cmk manifest annotate --index --annotation of=list foo
	assert_equal "$(list foo '.annotations')" '{"of":"list"}'
	run_cmk manifest remove foo "$one"
	assert_equal "$output" "$id"
	assert_equal "$(list foo '.manifests | length')" 1
	run_cmk manifest remove foo two:1
	assert_equal "$(list foo '.manifests | length')" 0
	run_cmk manifest exists foo
	run_cmk manifest rm foo
	assert_equal "$output" "Untagged: localhost/foo:latest"$'\n'"Deleted: $id"
	run_cmk 1 manifest exists foo
	run_cmk image exists one:1
}

@test "create with images, --amend, --annotation; what fails leaves no list" {
	made_here one --arch arm64
	made_here two --arch s390x
	run_cmk manifest create --annotation a=b foo:1 one:1
	local id=$output
	assert_equal "$(list foo:1 '[.annotations, .mediaType]')" "[{\"a\":\"b\"},\"$OCI_INDEX\"]"
	run_cmk manifest create --amend foo:1 two:1
	assert_equal "$output" "$id"
	assert_equal "$(list foo:1 '[.manifests[].platform.architecture]')" '["arm64","s390x"]'
	run_cmk manifest create --amend bar
	run_cmk 125 manifest create --amend one:1 two:1
	assert_error 'image is not a manifest list|already in use'
	run_cmk 125 manifest create baz one:1 no-such-image:1
	run_cmk 1 manifest exists baz
	run_cmk images -q -f manifest=true
	assert_equal "${#lines[@]}" 2
	# The features of a processor stand in docker's lists alone.
	run_cmk manifest create feat
	run_cmk manifest add --features sse4 feat one:1
	assert_equal "$(list feat '[.mediaType, .manifests[0].platform.features]')" "[\"$DOCKER_LIST\",[\"sse4\"]]"
}

@test "images, tag, untag, inspect and rmi know what it is" {
	made_here one --arch arm64
	run_cmk manifest create foo one:1
	local id=$output
	run_cmk images --format '{{.Repository}} {{.IsManifestList}}' -f manifest=true
	assert_equal "$output" "localhost/foo true"
	run_cmk images --format '{{.Repository}} {{.IsManifestList}}' -f manifest=false
	assert_equal "$output" "localhost/one false"
	run_cmk tag foo bar:2
	run_cmk inspect --type image bar:2
	assert_equal "$(jq -c '.[0] | [.Id, .RepoTags, .ManifestType]' <<<"$output")" \
		"[\"$id\",[\"localhost/bar:2\",\"localhost/foo:latest\"],\"$OCI_INDEX\"]"
	local digest
	digest=$(jq -r '.[0].Digest' <<<"$output")
	# It is the digest of the list as it is, and follows it.
	run_cmk manifest annotate --arch riscv64 foo one:1
	run_cmk image inspect --format '{{.Id}} {{.Digest}}' bar:2
	assert_match "$output" "^$id sha256:"
	refute_match "$output" "$digest"
	run_cmk untag foo localhost/foo
	run_cmk 1 manifest exists foo
	run_cmk manifest exists "${id:0:12}"
	run_cmk tag bar:2 baz
	run_cmk manifest rm bar:2
	assert_equal "$output" "Untagged: localhost/bar:2"
	run_cmk rmi baz
	assert_match "$output" "Deleted: $id"
	run_cmk image exists one:1
	# Without a name it is dangling.
	run_cmk manifest create foo
	id=$output
	run_cmk untag foo
	run_cmk image prune -f
	assert_equal "$output" "$id"
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
}

@test "a list's name runs the image for this machine, or says what is missing" {
	run_cmk manifest create foo
	run_cmk 125 run --rm --net=none foo true
	assert_error "manifest list 'foo': no image found in manifest list for architecture "
	run_cmk manifest add --all foo "docker://$MULTI"
	run_cmk 125 run --rm --net=none foo true
	assert_error "is not here .*pull $MULTI@sha256:"
	run_cmk pull -q "$MULTI"
	local id=$output
	run_cmk create --name c foo true
	run_cmk container inspect --format '{{.Image}} {{.ImageName}}' c
	assert_equal "$output" "$id localhost/foo:latest"
	run_cmk rm c
	# Of another platform where that is asked for.
	run_cmk 125 create --platform linux/s390x foo true
	assert_error 's390x.*is not here'
	run_cmk pull -q --platform linux/s390x "$MULTI"
	run_cmk create --name c --platform linux/s390x foo true
	run_cmk container inspect --format '{{.Image}}' c
	refute_match "$output" "$id"
	run_cmk rm c
	run_cmk history -q foo
	run_cmk save -q -o foo.tar foo
}

# bats test_tags=long
@test "annotate --subject: what a list is about" {
	local want
	made_here one --arch arm64
	run_cmk manifest create foo one:1
	run_cmk manifest annotate --subject one:1 foo
	want=$(cmk image inspect --format '{{.Digest}}' one:1)
	assert_equal "$(list foo '[.mediaType, .subject.digest, .subject.mediaType]')" \
		"[\"$OCI_INDEX\",\"$want\",\"application/vnd.oci.image.manifest.v1+json\"]"
	assert_equal "$(list foo .subject.size)" "$(stat -c %s "$CMK_ROOT/images/$(cmk image inspect --format '{{.Id}}' one:1)/manifest")"
	run_cmk manifest annotate --index --subject "docker://$MULTI" --annotation a=b foo
	assert_equal "$(list foo '[.subject.digest, .subject.mediaType, .annotations.a]')" \
		"[\"sha256:$(raw_digest "docker://$MULTI")\",\"$(raw "docker://$MULTI" | jq -r .mediaType)\",\"b\"]"
	# It stays, and goes along.
	run_cmk manifest annotate --arch s390x foo one:1
	run_cmk manifest push -q foo "$(repo app):1"
	assert_equal "$(raw "docker://$(repo app):1" | jq -c .subject)" "$(list foo .subject)"
	skopeo copy -q --all --src-tls-verify=false "docker://$(repo app):1" dir:copied
	run_cmk 125 manifest annotate --subject no-such-image foo
	assert_error "subject 'no-such-image'"
	run_cmk 125 manifest annotate --subject one:1 foo one:1
	run_cmk 125 manifest annotate --subject one:1 --arch x foo
}

@test "--platform: the image of a list, in inspect, history, save and push" {
	local to
	to=$(repo app)
	made_here one --arch "$(host_arch)"
	made_here two --arch s390x
	run_cmk manifest create foo one:1 two:1
	run_cmk image inspect --format '{{.Architecture}}' --platform linux/s390x foo
	assert_equal "$output" s390x
	run_cmk image inspect --format '{{.Id}}' two:1
	local id=$output
	run_cmk image inspect --format '{{.Id}}' --platform linux/s390x foo two:1
	assert_equal "$output" "$id"$'\n'"$id"
	run_cmk history -q --no-trunc --platform linux/s390x foo
	assert_match "${lines[0]}" "$id"
	run_cmk save -q --platform linux/s390x -o two.tar foo
	assert_equal "$(tar -xOf two.tar manifest.json | jq -r '.[0].Config')" "$id.json"
	run_cmk push -q --platform linux/s390x foo "$to:1"
	assert_equal "$(raw "docker://$to:1" | jq -r .config.digest)" "sha256:$id"
	run_cmk 125 image inspect --platform linux/s390x one:1
	assert_error 'is for linux/.*, not for linux/s390x'
	run_cmk 125 image inspect --platform linux/riscv64 foo
	run_cmk 125 save -q --platform s390x -o none.tar foo
	assert_error 'OS/ARCH'
	run_cmk 125 push --all-tags --platform linux/s390x foo
}

@test "images of a registry are added without being pulled" {
	run_cmk manifest create foo
	run_cmk manifest add foo "docker://$MULTI"
	assert_equal "$(list foo '[.manifests[].platform.architecture]')" "[\"$(host_arch)\"]"
	run_cmk manifest create --all bar "$MULTI"
	assert_equal "$(list bar .manifests | jq -c 'map([.digest, .size, .platform])')" \
		"$(raw "docker://$MULTI" | jq -c '.manifests | map([.digest, .size, .platform])')"
	run_cmk images -q -f manifest=false
	assert_equal "$output" ""
	# Of a list that is here.
	run_cmk manifest create --all baz bar
	assert_equal "$(list baz .)" "$(list bar .)"
	# One image, by its digest: the platform is read from its config.
	local digest
	digest=$(raw "docker://$MULTI" | jq -r '.manifests[] | select(.platform.architecture == "s390x").digest')
	run_cmk manifest create one "docker://$MULTI@$digest"
	assert_equal "$(list one '.manifests | map([.digest, .platform])')" "[[\"$digest\",{\"architecture\":\"s390x\",\"os\":\"linux\"}]]"
}

@test "inspect of what is in a registry" {
	run_cmk manifest inspect "$MULTI"
	assert_equal "$(jq -c . <<<"$output")" "$(raw "docker://$MULTI" | jq -c .)"
	assert_equal "$stderr" ""
	local digest
	digest=$(jq -r '.manifests[0].digest' <<<"$output")
	run_cmk manifest inspect "docker://$MULTI@$digest"
	assert_match "$stderr" 'is not a manifest list but a single image'
	assert_equal "$(jq -r '.config.digest' <<<"$output")" "$(raw "docker://$MULTI@$digest" | jq -r .config.digest)"
	# Of an image that is here what the registry has is shown, too.
	load_images multi
	run_cmk manifest inspect multi
	assert_equal "$(jq -r .mediaType <<<"$output")" "$OCI_INDEX"
	run_cmk 125 manifest inspect "$(repo none)"
	assert_match "$stderr" 'manifest unknown'
	run_cmk 125 manifest inspect oci:dir
}

# bats test_tags=long
@test "pushed: the same bytes as here, each image under its digest, for skopeo, podman and cmk" {
	local to want id arch
	to=$(repo multi)
	run_cmk manifest create --all foo "docker://$MULTI"
	id=$output
	run_cmk manifest push --digestfile digest foo "docker://$to:1"
	assert_match "$stderr" 'Writing manifest list to image destination'
	assert_equal "$output" ""
	assert_match "$stderr" 'Copying 5 images generated from 5 images in list'
	want=$(cmk image inspect --format '{{.Digest}}' foo)
	assert_equal "$(cat digest)" "$want"
	assert_equal "sha256:$(raw_digest "docker://$to:1")" "$want"
	assert_equal "$(raw "docker://$to:1" | jq -c .)" "$(list foo .)"
	for arch in $(raw "docker://$to:1" | jq -r '.manifests[].digest'); do
		assert_equal "sha256:$(raw_digest "docker://$to@$arch")" "$arch"
	done
	skopeo copy -q --all --src-tls-verify=false "docker://$to:1" dir:copied
	run_cmk pull -q "$to:1"
	run_cmk image inspect --format '{{.Architecture}}' "$to:1"
	assert_equal "$output" "$(host_arch)"
	podman pull -q --tls-verify=false "$to:1"
	# Another registry; some images are here now, the others come from where they were.
	run_cmk manifest push -q --rm --creds tester:sesame foo "127.0.0.1:5004/list-${TEST_CG##*/}/m:1"
	assert_equal "$stderr" ""
	assert_equal "sha256:$(raw_digest --creds tester:sesame "docker://127.0.0.1:5004/list-${TEST_CG##*/}/m:1")" "$want"
	run_cmk 1 manifest exists foo
}

@test "images that were made here are compressed, and the list follows" {
	local to
	to=$(repo app)
	made_here one --arch "$(host_arch)"
	made_here two --arch s390x
	run_cmk manifest create "$to:1" one:1 two:1
	run_cmk manifest push -q --digestfile digest "$to:1"
	assert_equal "$stderr" ""
	assert_equal "sha256:$(raw_digest "docker://$to:1")" "$(cat digest)"
	assert_equal "$(raw "docker://$to:1" | jq -c '[.manifests[].platform.architecture]')" "[\"$(host_arch)\",\"s390x\"]"
	skopeo copy -q --all --src-tls-verify=false "docker://$to:1" dir:copied
	assert_equal "$(raw "docker://$to@$(raw "docker://$to:1" | jq -r '.manifests[1].digest')" | jq -r '.layers[].mediaType')" \
		application/vnd.oci.image.layer.v1.tar+gzip
	run_cmk rmi -f "$to:1" one:1
	run_cmk run -q --rm --net=none "$to:1"
	assert_equal "$output" one
	# The same by `push`.
	run_cmk manifest create lists two:1
	run_cmk push -q lists "$to:2"
	assert_equal "$(raw "docker://$to:2" | jq -r .mediaType)" "$OCI_INDEX"
}

@test "formats and compression of what is pushed" {
	local to
	to=$(repo app)
	made_here one --arch arm64
	run_cmk manifest create foo one:1
	run_cmk manifest add foo "docker://$MULTI"
	run_cmk manifest push -q -f v2s2 foo "$to:docker"
	assert_equal "$(raw "docker://$to:docker" | jq -c '[.mediaType, .manifests[].mediaType] | unique')" \
		"[\"$DOCKER_LIST\",\"application/vnd.docker.distribution.manifest.v2+json\"]"
	skopeo copy -q --all --src-tls-verify=false "docker://$to:docker" dir:copied
	run_cmk manifest push -q -f oci --compression-format zstd foo "$to:zstd"
	assert_equal "$(raw "docker://$to@$(raw "docker://$to:zstd" | jq -r '.manifests[0].digest')" | jq -r '.layers[].mediaType')" \
		application/vnd.oci.image.layer.v1.tar+zstd
	run_cmk 125 manifest push -f v2s2 --compression-format zstd foo "$to:x"
	run_cmk 125 manifest push -f v2s1 foo "$to:x"
}

# Every digest that the list at REF names is there, and skopeo takes it all out again.
whole_list() { # REF
	rm -rf copied
	skopeo copy -q --all "$1" dir:copied
	assert_equal "$(jq '.manifests | length' copied/manifest.json)" "${2:-5}"
}

# bats test_tags=long
@test "pushed to files: layouts, archives and dir:, with images that are here and that are not" {
	local want
	run_cmk manifest create --all foo "docker://$MULTI"
	want=$(cmk image inspect --format '{{.Digest}}' foo)
	run_cmk manifest push --digestfile digest foo oci:layout:some
	assert_match "$stderr" 'Copying 5 images generated from 5 images in list'
	assert_equal "$(cat digest)" "$want"
	assert_equal "$(jq -c '[.manifests[] | .mediaType, .digest, .annotations]' layout/index.json)" \
		"[\"$OCI_INDEX\",\"$want\",{\"org.opencontainers.image.ref.name\":\"some\"}]"
	whole_list oci:layout:some
	run_cmk manifest push -q foo dir:d
	assert_equal "$(sha256sum <d/manifest.json | cut -d' ' -f1)" "${want#sha256:}"
	whole_list dir:d
	run_cmk manifest push -q foo oci-archive:a.tar:x
	whole_list oci-archive:a.tar:x
	podman pull -q oci-archive:a.tar:x
	# The same from the store's own images: one is here, and one was made here.
	run_cmk pull -q "$MULTI"
	made_here one --arch arm64 --variant v9
	run_cmk manifest add foo one:1
	run_cmk push -q foo oci:layout:more
	whole_list oci:layout:more 6
	whole_list oci:layout:some
	run_cmk push -q --format v2s2 foo dir:d
	assert_equal "$(jq -r '.mediaType, .manifests[].mediaType' d/manifest.json | sort -u | wc -l)" 2
	assert_equal "$(jq -r .mediaType d/manifest.json)" "$DOCKER_LIST"
	whole_list dir:d 6
	assert_equal "$(find d -name '*.manifest.json' | wc -l)" 6
	run_cmk pull -q dir:d
	# The list alone.
	run_cmk manifest push -q --all=false foo dir:alone
	assert_equal "$(ls alone | xargs)" 'manifest.json version'
	# Nobody has one of them any more: nothing half is left.
	run_cmk rmi -f one:1
	run_cmk 125 manifest push -q foo oci:none:x
	assert [ ! -e none ]
	run_cmk 125 manifest push -q foo oci-archive:none.tar
	assert_equal "$(find . -name 'none*')" ""
}

# bats test_tags=long
@test "images are added in another compression, once, and marked" {
	local to
	to=$(repo app)
	made_here one --arch arm64
	made_here two --arch s390x
	run_cmk manifest create foo one:1 two:1
	run_cmk manifest push -q --add-compression zstd,zstd:chunked --add-compression gzip --digestfile digest foo "$to:1"
	assert_equal "sha256:$(raw_digest "docker://$to:1")" "$(cat digest)"
	assert_equal "$(raw "docker://$to:1" | jq -c '[.manifests[] | [.platform.architecture, .annotations["io.github.containers.compression.zstd"]]]')" \
		'[["arm64",null],["s390x",null],["arm64","true"],["s390x","true"]]'
	local i want=(gzip gzip zstd zstd)
	for i in 0 1 2 3; do
		assert_equal "$(raw "docker://$to@$(raw "docker://$to:1" | jq -r ".manifests[$i].digest")" | jq -r '.layers[].mediaType')" \
			"application/vnd.oci.image.layer.v1.tar+${want[i]}"
	done
	skopeo copy -q --all --src-tls-verify=false "docker://$to:1" dir:copied
	# The list here is what it was.
	assert_equal "$(list foo '.manifests | length')" 2
	# One that has them already gets no more.
	run_cmk manifest create --all again "docker://$to:1"
	run_cmk manifest push -q --add-compression zstd again "$to:2"
	assert_equal "$(raw_digest "docker://$to:2")" "$(raw_digest "docker://$to:1")"
	# To files, by the configuration.
	printf '[engine]\nadd_compression = ["zstd"]\n' >"$HOME/.config/containers/containers.conf"
	run_cmk manifest push -q foo oci:layout:1
	rm "$HOME/.config/containers/containers.conf"
	whole_list oci:layout:1 4
	run_cmk 125 manifest push -q --add-compression zstd --all=false foo "$to:3"
	run_cmk 125 manifest push -q --add-compression zstd -f v2s2 foo "$to:3"
	run_cmk 125 manifest push -q --add-compression xz foo "$to:3"
	run_cmk manifest add foo "docker://$MULTI"
	run_cmk 125 manifest push -q --add-compression zstd foo "$to:3"
	assert_error 'is in a registry alone'
	assert_match "$stderr" "cmk pull $MULTI@sha256:"
}

@test "one helper program speaks to each registry, however many images there are" {
	local dir=$T/libexec helper
	mkdir "$dir"
	for helper in /usr/local/libexec/cmk/*; do ln -s "$helper" "$dir"; done
	rm "$dir/cmk-registry"
	printf '#!/bin/sh\necho >>"%s/started"\nexec /usr/local/libexec/cmk/cmk-registry "$@"\n' "$T" >"$dir/cmk-registry"
	chmod 755 "$dir/cmk-registry"
	run_cmk manifest create --all foo "docker://$MULTI"
	rm -f started
	CMK_LIBEXECDIR=$dir run_cmk manifest push -q --creds tester:sesame foo "127.0.0.1:5004/one-${TEST_CG##*/}/m:1"
	assert_equal "$(wc -l <started)" 2
	rm started
	CMK_LIBEXECDIR=$dir run_cmk manifest push -q foo oci:layout:1
	assert_equal "$(wc -l <started)" 1
}

@test "the list alone goes where its images are" {
	local to
	to=$(repo multi)
	run_cmk manifest create --all foo "docker://$MULTI"
	run_cmk 125 manifest push -q --all=false foo "$to:1"
	assert_match "$stderr" 'blob unknown|manifest'
	run_cmk manifest push -q foo "$to:1"
	run_cmk manifest annotate --index --annotation a=b foo
	run_cmk manifest push -q --all=false foo "$to:2"
	assert_equal "$(raw "docker://$to:2" | jq -r .annotations.a)" b
}

@test "an image from an archive" {
	made_here one --arch s390x
	run_cmk save -q --format oci-archive -o one.tar one:1
	run_cmk rmi one:1
	run_cmk manifest create foo
	run_cmk manifest add foo oci-archive:one.tar
	assert_equal "$(list foo '[.manifests[].platform.architecture]')" '["s390x"]'
	run_cmk 125 manifest add --all foo oci-archive:one.tar
	assert_error 'all is for lists in registries'
	run_cmk 125 manifest add foo oci-archive:none.tar
}

@test "many at once change one list, and nothing is lost" {
	local i pids=()
	made_here one --arch s390x
	run_cmk manifest create foo one:1
	for i in $(seq 12); do
		cmk_background "w$i" manifest annotate --annotation "k$i=v" foo one:1
		pids+=($!)
	done
	wait "${pids[@]}"
	assert_equal "$(list foo '.manifests[0].annotations | length')" 12
}

@test "--insecure: docker's word for --tls-verify=false" {
	: >none.conf
	export CONTAINERS_REGISTRIES_CONF=$PWD/none.conf
	run_cmk 125 manifest create foo "docker://$MULTI"
	run_cmk manifest create --insecure foo "docker://$MULTI"
	run_cmk 125 manifest inspect "docker://$MULTI"
	run_cmk manifest inspect --insecure "docker://$MULTI"
	run_cmk manifest push -q --insecure foo "docker://$(repo ins):1"
	run_cmk 125 manifest create --insecure --tls-verify=false bar "docker://$MULTI"
	assert_error "cannot be used together"
}

@test "what cannot be done" {
	made_here one
	run_cmk manifest create foo one:1
	run_cmk 125 manifest add no-such-list one:1
	assert_error 'no-such-list: image not known'
	run_cmk 125 manifest add one:1 one:1
	assert_error 'image is not a manifest list'
	run_cmk 125 manifest rm one:1
	assert_error 'image is not a manifest list'
	run_cmk 1 manifest rm no-such-list
	run_cmk manifest rm --ignore no-such-list
	run_cmk 1 manifest exists one:1
	run_cmk 125 manifest push one:1 "$(repo x)"
	run_cmk 125 manifest push no-such-list "$(repo x)"
	assert_error 'retrieving local image from image name no-such-list: no-such-list: image not known'
	run_cmk 1 manifest rm no-such-list nor-this
	assert_match "$stderr" 'Error: 2 errors occurred:'
	assert_match "$stderr" '\* no-such-list: image not known'
	assert_match "$stderr" '\* nor-this: image not known'
	run_cmk 125 manifest add --annotation novalue foo one:1
	assert_error 'no value given for annotation "novalue"'
	run_cmk 125 manifest annotate foo sha256:12
	assert_error 'invalid image digest'
	run_cmk 125 manifest remove foo sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
	assert_error 'removing from manifest list foo: no instance matching digest "sha256:0123[0-9a-f]+" found in manifest list: file does not exist'
	run_cmk 125 manifest annotate --arch x foo sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
	assert_error 'no image instance matching the specified digest was found in the list or index'
	run_cmk 125 manifest annotate foo
	run_cmk 125 manifest annotate --index --arch x foo
	run_cmk 125 manifest create 'Foo'
	run_cmk 125 manifest create foo@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
	run_cmk 125 manifest push -q --all foo 127.0.0.1:5000/x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
	run_cmk 125 manifest push foo docker-archive:x
	assert_error "docker's archives hold no manifest lists"
	run_cmk 125 push --compress foo "$(repo x)"
	assert_error '--compress can be set only'
	# The image is gone, and nobody else has it.
	run_cmk rmi one:1
	run_cmk 125 manifest push -q foo "$(repo x)"
	assert_error 'it is not here, and where it was found is not known'
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
}
