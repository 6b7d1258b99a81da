#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Artifacts: made of files, sent to a registry and got back, what other clients make and read.
load helpers

NAME=$REGISTRY/files/one:1

setup() {
	common_setup
	echo hello >hello.txt
	head -c 300000 /dev/urandom >blob.bin
}

sum() { sha256sum <"$1" | cut -d' ' -f1; }

# put_blob REPOSITORY FILE, put_manifest REPOSITORY TAG FILE: as another client would.
put_blob() {
	local to
	to=$(curl -sS -X POST -D - -o /dev/null "http://$REGISTRY/v2/$1/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
	case $to in /*) to=http://$REGISTRY$to ;; esac
	case $to in *\?*) to="$to&" ;; *) to="$to?" ;; esac
	curl -sSf -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$2" "${to}digest=sha256:$(sum "$2")"
}
put_manifest() {
	curl -sSf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$3" \
		"http://$REGISTRY/v2/$1/manifests/$2"
}

# manifest_of TITLE...: of hello.txt under these titles, with a config of its own.
manifest_of() {
	local title layers=
	for title in "$@"; do
		layers+=${layers:+,}$(jq -nc --arg t "$title" --arg d "sha256:$(sum hello.txt)" \
			'{mediaType: "text/x-other", digest: $d, size: 6, annotations: {"org.opencontainers.image.title": $t}}')
	done
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/x-other","config":{"mediaType":"application/x-config","digest":"sha256:%s","size":%d},"layers":[%s]}' \
		"$(sum config)" "$(stat -c %s config)" "$layers"
}

@test "an artifact of files is listed, shown, extracted and removed" {
	run_cmk artifact add --type application/x-test --annotation color=blue "$NAME" hello.txt blob.bin
	local digest=$output
	assert_match "$digest" '^[0-9a-f]{64}$'
	run_cmk artifact ls
	assert_match "${lines[0]}" '^REPOSITORY +TAG +DIGEST +CREATED +SIZE *$'
	assert_match "${lines[1]}" "^$REGISTRY/files/one +1 +${digest:0:12} +[^ ].* ago +300kB *$"
	run_cmk artifact list -n --no-trunc --format 'table {{.Digest}} {{.Tag}}'
	assert_match "$output" "^$digest +1"
	run_cmk artifact ls -q
	assert_equal "$output" "${digest:0:12}"
	run_cmk artifact ls --quiet --no-trunc
	assert_equal "$output" "$digest"
	run_cmk artifact ls --format '{{.CreatedAt}}'
	assert_match "$output" '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(\.[0-9]+)? \+0000 UTC$'
	run_cmk 125 artifact ls -q --format '{{.Tag}}'
	assert_error 'quiet and format flags cannot be used together'
	run_cmk artifact inspect "$NAME"
	assert_equal "$(jq -r '.Name, .Digest, .Manifest.artifactType, .Manifest.config.mediaType, .Manifest.config.digest' <<<"$output")" \
		"$NAME
sha256:$digest
application/x-test
application/vnd.oci.empty.v1+json
sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	assert_equal "$(jq -c '.Manifest.layers[0]' <<<"$output")" \
		"{\"mediaType\":\"text/plain; charset=utf-8\",\"digest\":\"sha256:$(sum hello.txt)\",\"size\":6,\"annotations\":{\"color\":\"blue\",\"org.opencontainers.image.title\":\"hello.txt\"}}"
	assert_equal "$(jq -r '.Manifest.layers[1].mediaType' <<<"$output")" application/octet-stream
	run_cmk artifact inspect --format '{{.Name}} {{.TotalSizeBytes}}' "${digest:0:12}"
	assert_equal "$output" "$NAME 300006"
	mkdir out
	run_cmk artifact extract "$NAME" out
	assert_equal "$(ls -A out)" $'blob.bin\nhello.txt'
	cmp hello.txt out/hello.txt
	cmp blob.bin out/blob.bin
	run_cmk artifact extract --title hello.txt "$NAME" copy
	cmp hello.txt copy
	run_cmk artifact extract --digest "sha256:$(sum blob.bin)" "$NAME" out
	cmp blob.bin "out/sha256-$(sum blob.bin)"
	run_cmk artifact rm "$NAME"
	assert_equal "$output" "Deleted: $digest"
	run_cmk artifact ls -n
	assert_equal "$output" ""
	assert_equal "$(ls -A "$CMK_ROOT/artifacts")" names
}

@test "adding: append, replace, names and titles that are taken" {
	run_cmk artifact add x hello.txt
	local first=$output
	run_cmk 125 artifact add x blob.bin
	assert_error 'x:latest: artifact already exists'
	run_cmk artifact add --append x blob.bin
	assert [ "$output" != "$first" ]
	run_cmk artifact inspect x
	assert_equal "$(jq -r '.Manifest.layers[].annotations["org.opencontainers.image.title"]' <<<"$output")" $'hello.txt\nblob.bin'
	assert_equal "$(find "$CMK_ROOT/artifacts" -mindepth 1 -maxdepth 1 ! -name names | wc -l)" 1
	run_cmk 125 artifact add --append x hello.txt
	assert_error 'hello.txt: file already exists in artifact'
	run_cmk 125 artifact add --append --type a/b x copy
	assert_error 'append option is not compatible with type option'
	run_cmk 125 artifact add --append nothing hello.txt
	assert_error 'nothing: artifact does not exist'
	run_cmk artifact add --replace --file-type text/yaml x hello.txt
	run_cmk artifact inspect --format '{{len .Manifest.layers}} {{(index .Manifest.layers 0).mediaType}}' x
	assert_equal "$output" '1 text/yaml'
	run_cmk 125 artifact add y hello.txt hello.txt
	assert_error 'hello.txt: file already exists in artifact'
	run_cmk 125 artifact add y no-such-file
	assert_error 'open no-such-file: no such file or directory'
	run_cmk 125 artifact add y "$T"
	assert_error 'is a directory'
	run_cmk 125 artifact add --annotation org.opencontainers.image.title=z y hello.txt blob.bin
	assert_error 'duplicate layers org.opencontainers.image.title labels within an artifact not allowed'
	run_cmk artifact add --annotation org.opencontainers.image.title=z titled hello.txt
	run_cmk 125 artifact add --append --annotation org.opencontainers.image.title=z titled blob.bin
	assert_error 'duplicate layers org.opencontainers.image.title labels within an artifact not allowed'
	run_cmk artifact inspect --format '{{json (index .Manifest.layers 0).annotations}}' titled
	assert_equal "$output" '{"org.opencontainers.image.title":"z"}'
	run_cmk artifact rm titled
	run_cmk 125 artifact add Y:1 hello.txt
	run_cmk 125 artifact inspect y
	assert_error 'y: artifact does not exist'
	: >empty
	run_cmk artifact add y empty
	run_cmk artifact extract y copy
	assert [ -f copy ] && assert [ ! -s copy ]
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
	run_cmk artifact rm --all
	assert_match "$output" '^Deleted: [0-9a-f]{64}
Deleted: [0-9a-f]{64}$'
	run_cmk artifact rm -i x
	run_cmk 125 artifact rm x
	assert_error 'x: artifact does not exist'
	run_cmk 125 artifact rm -a x
	assert_error 'when using the --all switch, you may not pass any artifact names or digests'
	run_cmk 125 artifact rm
	assert_error 'at least one artifact name or digest must be specified'
}

@test "what is pushed is what others read, and comes back the same" {
	: >empty
	run_cmk artifact add "$NAME" hello.txt blob.bin empty
	local digest=$output
	run_cmk artifact push --digestfile d "$NAME"
	assert_match "$stderr" 'Writing manifest'
	assert_equal "$(cat d)" "sha256:$digest"
	skopeo inspect --raw --tls-verify=false "docker://$NAME" >raw
	assert_equal "$(sum raw)" "$digest"
	assert_equal "$(jq -r '.layers | length' raw)" 3
	curl -sSf "http://$REGISTRY/v2/files/one/blobs/sha256:$(sum blob.bin)" | cmp - blob.bin
	run_cmk artifact push -q "$NAME"
	assert_equal "$output$stderr" ""
	run_cmk artifact rm "${digest:0:12}"
	run_cmk artifact pull -q "$NAME"
	assert_equal "$output" "$digest"
	mkdir out
	run_cmk artifact extract "$NAME" out
	cmp hello.txt out/hello.txt
	cmp blob.bin out/blob.bin
	run_cmk artifact rm -a
	run_cmk artifact pull -q "$REGISTRY/files/one@sha256:$digest"
	assert_equal "$output" "$digest"
	run_cmk 125 artifact pull --retry 0 "$REGISTRY/files/nothing:1"
	run_cmk 125 artifact push nothing
	assert_error 'nothing: artifact does not exist'
}

# bats test_tags=long
@test "artifacts of other clients, and hostile titles" {
	echo '{"a":1}' >config
	put_blob files/other config
	put_blob files/other hello.txt
	manifest_of a.txt >m && put_manifest files/other 1 m
	run_cmk artifact pull -q "$REGISTRY/files/other:1"
	assert_equal "$output" "$(sum m)"
	run_cmk artifact inspect "$REGISTRY/files/other:1"
	assert_equal "$(jq -r '.Manifest.config.mediaType' <<<"$output")" application/x-config
	run_cmk artifact extract "$REGISTRY/files/other:1" .
	cmp a.txt hello.txt
	mkdir out
	for title in ../evil /tmp/evil a/b .. .; do
		manifest_of good "$title" >m && put_manifest files/other evil m
		run_cmk artifact pull -q "$REGISTRY/files/other:evil"
		run_cmk 125 artifact extract "$REGISTRY/files/other:evil" out
		assert_match "$stderr" 'invalid name: "'
		assert_equal "$(ls -A out)" ""
	done
	assert [ ! -e evil ]
	manifest_of same same >m && put_manifest files/other twice m
	run_cmk artifact pull -q "$REGISTRY/files/other:twice"
	run_cmk 125 artifact extract "$REGISTRY/files/other:twice" out
	assert_error 'two blobs have the name "same"'
	run_cmk 125 artifact extract "$REGISTRY/files/other:twice" new
	assert_match "$stderr" 'the artifact consists of several blobs'
	run_cmk 125 artifact extract --title same "$REGISTRY/files/other:twice" new
	assert_error 'more than one match for the title "same"'
	# A link is replaced, not followed.
	echo mine >mine && ln -s ../mine out/a.txt
	run_cmk artifact extract "$REGISTRY/files/other:1" out
	assert_equal "$(cat mine)" mine
	cmp out/a.txt hello.txt
	run_cmk 125 artifact extract --digest blah "$REGISTRY/files/other:1" out
	assert_error 'no blob with the digest "blah"'
	run_cmk 125 artifact extract --title blah "$REGISTRY/files/other:1" out
	assert_error 'no blob with the title "blah"'
}

@test "an image is an artifact, too, an index is none; a damaged blob is not given out" {
	run_cmk artifact pull -q "$REGISTRY/library/many"
	run_cmk 125 artifact pull -q "$REGISTRY/library/multi"
	assert_match "$stderr" 'an index of several manifests is no artifact'
	run_cmk artifact add x hello.txt
	echo hellO >"$(find "$CMK_ROOT/artifacts" -name "$(sum hello.txt)")"
	run_cmk 125 artifact extract x out
	assert_match "$stderr" 'the blob is damaged'
	run_cmk system check --quick
	run_cmk 125 system check
	assert_match "$output" "Damaged artifact x:latest: its blob $(sum hello.txt) has another digest, .* \(cmk artifact rm, then"
	run_cmk artifact add --replace x hello.txt
	run_cmk artifact add z hello.txt
	run_cmk system check
	assert_equal "$output" ""
	run_cmk artifact rm "$REGISTRY/library/many"
	run_cmk system df --format '{{.Type}} {{.Total}} {{.Size}} {{.Reclaimable}}'
	assert_equal "${lines[3]}" 'Artifacts 2 12B 12B (100%)'
	run_cmk system reset -f
	assert [ ! -e "$CMK_ROOT" ]
}

@test "an artifact that a power cut left without its name goes with the next removal of an image" {
	load_images alpine
	echo a >a && echo b >b
	run_cmk artifact add localhost/kept:1 a
	run_cmk artifact add localhost/left:1 b
	rm "$CMK_ROOT"/artifacts/names/*left*
	assert_equal "$(ls "$CMK_ROOT/artifacts" | grep -vc names)" 2
	run_cmk rmi alpine
	assert_equal "$(ls "$CMK_ROOT/artifacts" | grep -vc names)" 1
	run_cmk artifact extract localhost/kept:1 .
	assert_equal "$(cat a)" a
}

@test "--mount type=artifact: the files of an artifact, read-only" {
	local dir
	dir=$(rootfs)
	run_cmk artifact add x hello.txt blob.bin
	run_cmk artifact add one hello.txt
	inside() { run_cmk run --rm --net=none "${@:2}" --rootfs "$dir" sh -c "$1"; }
	inside 'ls /data; cat /data/hello.txt; sha256sum </data/blob.bin' --mount type=artifact,src=x,dst=/data
	assert_equal "$output" $'blob.bin\nhello.txt\nhello\n'"$(sum blob.bin)  -"
	inside 'ls /title' --mount type=artifact,src=x,dst=/title,title=hello.txt
	assert_equal "$output" hello.txt
	inside 'ls /digest' --mount "type=artifact,src=x,dst=/digest,digest=sha256:$(sum hello.txt)"
	assert_equal "$output" "sha256-$(sum hello.txt)"
	inside 'ls /names' --mount type=artifact,src=x,dst=/names,name=n
	assert_equal "$output" $'n-0\nn-1'
	inside 'ls /name; cat /name/n' --mount type=artifact,src=one,dst=/name,name=n
	assert_equal "$output" $'n\nhello'
	# Where a file is, it takes its place; and any user reads it.
	echo old >"$dir/etc/motd"
	inside 'cat /etc/motd' --user 1234 --mount type=artifact,src=one,dst=/etc/motd
	assert_equal "$output" hello
	inside 'echo x >/data/hello.txt || rm /data/hello.txt || echo refused' --mount type=artifact,src=one,dst=/data
	assert_equal "$output" refused
	assert_equal "$(cat "$dir/etc/motd")" old
	cmk artifact extract one out.txt
	assert_equal "$(cat out.txt)" hello
}

# bats test_tags=long
@test "--mount type=artifact: inspect, cp, start again, what is not there" {
	local dir
	dir=$(rootfs)
	run_cmk artifact add one hello.txt
	run_cmk create --net=none --name c --mount type=artifact,src=one,dst=/data --rootfs "$dir" cat /data/hello.txt
	run_cmk inspect --format '{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.RW}}{{end}}' c
	assert_equal "$output" "artifact one /data false"
	run_cmk cp c:/data/hello.txt copy
	assert_equal "$(cat copy)" hello
	run_cmk start -a c
	assert_equal "$output" hello
	run_cmk start -a c
	assert_equal "$output" hello
	run_cmk artifact rm one
	run_cmk 125 start -a c
	assert_error "mount '/data'"
	run_cmk 125 create --net=none --mount type=artifact,src=nosuch,dst=/data --rootfs "$dir" true
	assert_error "artifact 'nosuch' not found: nosuch: artifact does not exist"
	run_cmk artifact add one hello.txt
	run_cmk 125 create --net=none --mount type=artifact,src=one,dst=/data,title=zork --rootfs "$dir" true
	assert_error "artifact 'one': no blob with the title \"zork\""
	run_cmk 125 create --net=none --mount type=artifact,src=one,dst=/data --mount type=artifact,src=one,dst=/data,name=n --rootfs "$dir" true
	assert_error "duplicate mount destination"
	run_cmk ps -aq
	assert_equal "${#lines[@]}" 1
}
