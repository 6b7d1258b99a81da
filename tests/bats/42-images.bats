#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# images, tag, rmi, import, image inspect.
load helpers

busybox_tar() { echo "$CMK_TEST_STAGE/cache/busybox.tar"; }

import_demo() { run_cmk import -q "$@" "$(busybox_tar)" demo; }

@test "images lists names, tags, short IDs, ages and sizes" {
	run_cmk images
	assert_equal "$output" "REPOSITORY  TAG         IMAGE ID    CREATED     SIZE"
	run_cmk pull -q alpine
	local id=$output
	run_cmk images
	assert_match "${lines[0]}" '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$'
	assert_match "${lines[1]}" "^$REGISTRY/library/alpine +latest +${id:0:12} +.* ago +[0-9.]+ MB$"
	run_cmk images -n -q
	assert_equal "$output" "${id:0:12}"
	run_cmk images -q --no-trunc
	assert_equal "$output" "sha256:$id"
	run_cmk images --format json
	assert_equal "$(jq -r '.[0].Id' <<<"$output")" "$id"
	assert_equal "$(jq -r '.[0].Names[0]' <<<"$output")" "$REGISTRY/library/alpine:latest"
	assert_equal "$(jq -r '.[0] | "\(.Repository) \(.Tag)"' <<<"$output")" "$REGISTRY/library/alpine latest"
	assert_equal "$(jq -r '.[0].Labels["org.example.test"]' <<<"$output")" busybox
	run_cmk images --format '{{.CreatedAt}}'
	assert_equal "$output" "2024-01-02 03:04:05 +0000 UTC"
	run_cmk images --digests --noheading
	assert_match "$output" sha256:
	run_cmk 125 images --format '{{.Nope}}'
	assert_error "template: 1:3: can't evaluate field Nope"
	run_cmk 125 images --filter colour=red
	assert_error "colour"
}

@test "images can be filtered and sorted" {
	run_cmk pull -q alpine
	import_demo
	local names='{{.Repository}}'
	run_cmk images --format "$names" demo
	assert_equal "$output" localhost/demo
	run_cmk images --format "$names" --filter reference='library/alp*'
	assert_equal "$output" "$REGISTRY/library/alpine"
	run_cmk images --format "$names" --filter label=org.example.test=busybox
	assert_equal "$output" "$REGISTRY/library/alpine"
	run_cmk images --format "$names" --filter since=alpine
	assert_equal "$output" localhost/demo
	run_cmk images --format "$names" --filter before=demo
	assert_equal "$output" "$REGISTRY/library/alpine"
	run_cmk images --format "$names"
	assert_equal "${lines[0]}" localhost/demo
	run_cmk images --format "$names" --sort repository
	assert_equal "${lines[0]}" "$REGISTRY/library/alpine"
	run_cmk images -q --filter dangling=true
	assert_equal "$output" ""
	run_cmk import -q -m other -c 'ENV A=b' "$(busybox_tar)" demo
	run_cmk images -q --filter dangling=true
	assert_equal "${#lines[@]}" 1
}

@test "tag gives names, rmi takes them away and the image with the last" {
	import_demo
	run_cmk tag demo other:1 registry.example/x/y
	run_cmk images --format '{{.Repository}}:{{.Tag}}' --sort repository
	assert_equal "$output" $'localhost/demo:latest\nlocalhost/other:1\nregistry.example/x/y:latest'
	run_cmk image exists other:1
	run_cmk rmi other:1
	assert_equal "$output" "Untagged: localhost/other:1"
	run_cmk 1 image exists other:1
	assert_equal "$output$stderr" ""
	run_cmk image inspect --format '{{.Id}}' demo
	local id=$output
	run_cmk 125 rmi "$id"
	assert_error "by ID with more than one tag .*: please force removal"
	run_cmk rmi registry.example/x/y
	run_cmk rmi "${id:0:6}"
	assert_equal "$output" $'Untagged: localhost/demo:latest\nDeleted: '"$id"
	assert [ -z "$(ls "$CMK_ROOT/layers")" ]
	run_cmk 1 rmi demo
	assert_error "^Error: .*demo: image not known"
	run_cmk 125 rmi docker://demo
	assert_error 'is not in local storage; remove the docker:// prefix'
	run_cmk rmi -f demo
	run_cmk 125 tag nothing x
	run_cmk 125 rmi
	assert_error "image name or ID must be specified"
}

@test "a digest is one more name: without it the image and its tags stay" {
	run_cmk pull -q alpine
	local id=$output digest
	run_cmk image inspect --format '{{.Digest}}' alpine
	digest=$output
	run_cmk untag alpine "$REGISTRY/library/alpine@$digest"
	run_cmk image exists "$REGISTRY/library/alpine:latest"
	run_cmk rmi "$REGISTRY/library/alpine@$digest"
	assert_equal "$output" "Untagged: $REGISTRY/library/alpine@$digest"
	run_cmk image exists "$REGISTRY/library/alpine:latest"
	run_cmk untag alpine
	run_cmk rmi "$id"
	assert_match "$output" "Deleted: $id"
	run_cmk 1 rmi "$REGISTRY/library/alpine@$digest"
}

@test "an image with a container stays, unless forced" {
	import_demo -c 'CMD ["sleep", "1000"]'
	run_cmk create --name user1 --net=none demo
	run_cmk 2 rmi demo
	assert_error "image is in use by a container: consider listing external containers and force-removing image .*'user1'"
	run_cmk rmi -f demo
	run_cmk ps -aq
	assert_equal "$output" ""
	run_cmk images -q
	assert_equal "$output" ""
}

@test "a name moves to the image that got it last" {
	import_demo
	local first
	run_cmk image inspect --format '{{.Id}}' demo
	first=$output
	run_cmk import -q -c 'ENV A=1' "$(busybox_tar)" demo
	run_cmk image inspect --format '{{.Id}}' demo
	assert [ "$output" != "$first" ]
	run_cmk images --format '{{.Repository}} {{.ID}}' --filter dangling=true
	assert_equal "$output" "<none> ${first:0:12}"
	run_cmk rmi "$first"
}

@test "import takes plain, gzip and zstd streams and sets what --change says" {
	import_demo -c 'CMD ["echo", "from cmd"]' -c 'ENV A=b C="d e"' -c 'LABEL k=v' -c 'WORKDIR /tmp' \
		-c 'USER 1000' -c 'EXPOSE 80' -m 'a message'
	run_cmk image inspect --format '{{json .Config}}' demo
	assert_equal "$(jq -c '[.Cmd, .Env, .Labels, .WorkingDir, .User, .ExposedPorts]' <<<"$output")" \
		'[["echo","from cmd"],["A=b","C=d e"],{"k":"v"},"/tmp","1000",{"80/tcp":{}}]'
	run_cmk image inspect --format '{{.Comment}}' demo
	assert_equal "$output" "a message"
	run_cmk run --rm --net=none demo
	assert_equal "$output" "from cmd"
	gzip -c "$(busybox_tar)" | "$T/bin/cmk" import - zipped >/dev/null
	zstd -qc "$(busybox_tar)" >b.tar.zst
	run_cmk import b.tar.zst zstded
	run_cmk image inspect --format '{{index .RootFS.Layers 0}}' demo zipped zstded
	assert_equal "$(sort -u <<<"$output")" "sha256:$(sha256sum <"$(busybox_tar)" | cut -c1-64)"
}

@test "import refuses what is no tar file, no file, no change" {
	run_cmk 125 import "$T/none"
	assert_error "none"
	run_cmk 125 import "$T"
	assert_error "is a directory"
	echo hello >text
	run_cmk 125 import text
	assert_error "import"
	head -c 500000 "$(busybox_tar)" >cut.tar
	run_cmk 125 import cut.tar
	run_cmk 125 import -c 'RUN true' "$(busybox_tar)" x
	assert_error "did not understand change instruction"
	run_cmk 125 import "$(busybox_tar)" Upper
	assert_error lowercase
	assert [ -z "$(ls "$CMK_ROOT/images" "$CMK_ROOT/layers" "$CMK_ROOT/tmp" | grep -v :)" ]
}

@test "image inspect prints podman's keys, and says what is missing" {
	run_cmk pull -q alpine
	local id=$output
	run_cmk image inspect alpine
	assert_equal "$(jq -r '.[0].Id' <<<"$output")" "$id"
	assert_equal "$(jq -r '.[0] | [.Architecture, .Os, .Config.Cmd[0], .RootFS.Type] | join(" ")' <<<"$output")" \
		"$(dpkg --print-architecture) linux /bin/sh layers"
	assert_equal "$(jq -r '.[0].RepoTags[0]' <<<"$output")" "$REGISTRY/library/alpine:latest"
	assert_equal "$(jq -r '.[0].Created' <<<"$output")" 2024-01-02T03:04:05Z
	assert_equal "$(jq '.[0].Config | has("Healthcheck")' <<<"$output")" false
	run_cmk 125 image inspect alpine nothing
	assert_equal "$(jq length <<<"$output")" 1
	assert_error "nothing: image not known"
	run_cmk 125 image inspect nothing
	assert_equal "$output" "[]"
}

@test "import takes what a URL leads to, and what was cut off from its beginning" {
	load proxy
	local url tar
	tar=$(busybox_tar)
	proxy_start "GET /whole=body:$tar" "GET /cut=cutbody:300000:$tar*1" "GET /cut=body:$tar" "GET /busy=status:503*1" "GET /busy=body:$tar" \
		"GET /denied=status:403" "GET /who=status:401"
	url=http://$PROXY
	run_cmk import "$url/whole" fetched
	assert_match "$output" "^sha256:[0-9a-f]{64}$"
	assert_equal "$stderr" "Downloading from $PROXY"
	run_cmk image inspect --format '{{index .RootFS.Layers 0}}' fetched
	assert_equal "$output" "sha256:$(sha256sum <"$tar" | cut -c1-64)"
	run_cmk import -q "$url/whole?again=1" again
	assert_equal "$stderr" ""
	run_cmk import "http://tester:sesame@$PROXY/whole" named
	refute_match "$stderr" sesame
	assert_equal "$(requests 'GET /whole .*auth=Basic')" 1
	run_cmk import -q "$url/cut" after-cuts
	run_cmk image inspect --format '{{index .RootFS.Layers 0}}' after-cuts
	assert_equal "$output" "sha256:$(sha256sum <"$tar" | cut -c1-64)"
	assert_equal "$(requests 'GET /cut range=- ')" 2
	run_cmk import -q "$url/busy" after-busy
	run_cmk 125 import -q "$url/nothing" never
	assert_error "server '$PROXY': file not found"
	run_cmk 125 import -q "$url/denied" never
	assert_error "access forbidden"
	run_cmk 125 import -q "$url/who" never
	assert_error "HTTP status 401"
	run_cmk 125 import -q http://127.0.0.1:1/x never
	assert_error "server '127.0.0.1:1': cannot connect"
	run_cmk 125 import -q http:///x never
	assert_error "not the name of a host"
	run_cmk 1 image exists never
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
	proxy_stop
}

@test "import follows a redirect to another server, and tells it nothing of who asks" {
	load proxy
	local other
	PROXY_DIR=$T/other proxy_start "GET /there/moved=body:$(busybox_tar)"
	other=$PROXY
	proxy_start "GET /moved=redirect:http://$other/there" "GET /round=redirect:http://$other/round" "GET /file=redirect:file://$T"
	run_cmk import -q "http://tester:sesame@$PROXY/moved" moved
	assert_match "$(cat "$T/other/requests")" '^GET /there/moved range=- auth=- status=200'
	run_cmk 125 import -q "http://$PROXY/file" never
	assert_error "redirects to 'file:"
	run_cmk 125 import -q "http://$PROXY/round" never
	assert_error "server '$PROXY': file not found"
	proxy_stop
}

@test "import from https wants a certificate that is known" {
	local dir=$HOME/.config/containers/certs.d/$REGISTRY_TLS
	run_cmk 125 import -q "https://$REGISTRY_TLS/v2/" never
	assert_error "certificate"
	assert_error "certs.d/$REGISTRY_TLS/"
	refute_match "$stderr" tls-verify
	mkdir -p "$dir"
	cp "$CERTS/ca.pem" "$dir/ca.crt"
	# What it answers is JSON.
	run_cmk 125 import -q "https://$REGISTRY_TLS/v2/" never
	assert_error "unpack a layer"
}
