#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pull, from registries that do what they should.
load helpers
load proxy

teardown() {
	proxy_stop
	common_teardown
}

# The image ID that the registry's own config gives.
config_id() { skopeo inspect --raw --config --tls-verify=false "docker://$1" | sha256sum | cut -c1-64; }

@test "pull prints the image ID on stdout and what it does on stderr" {
	run_cmk pull alpine
	assert_equal "$output" "$(config_id "$REGISTRY/library/alpine")"
	assert_match "$stderr" "Trying to pull $REGISTRY/library/alpine:latest..."
	assert_match "$stderr" "Copying blob sha256:"
	assert_match "$stderr" "Writing manifest"
	refute_match "$stderr" $'\033'
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$output" "$REGISTRY/library/alpine:latest"
}

@test "pull -q prints the ID alone" {
	run_cmk pull -q alpine
	assert_match "$output" '^[0-9a-f]{64}$'
	assert_equal "$stderr" ""
}

@test "a second pull fetches no layer again" {
	run_cmk pull -q alpine
	run_cmk pull alpine
	assert_match "$stderr" "skipped: already exists"
	assert [ -z "$(ls "$CMK_ROOT/partial")" ]
}

@test "a file that a killed pull left of a layer that is there goes with the next pull" {
	run_cmk pull -q alpine
	local layer
	layer=$(skopeo inspect --tls-verify=false "docker://$REGISTRY/library/alpine" | jq -r '.Layers[0]')
	echo whole >"$CMK_ROOT/partial/sha256-${layer#sha256:}"
	run_cmk pull -q alpine
	assert [ -z "$(ls "$CMK_ROOT/partial")" ]
}

# bats test_tags=long
@test "docker schema 2, zstd and sixty layers come out as skopeo sees them" {
	local name
	for name in schema2 zstd many; do
		run_cmk pull -q "$name"
		assert_equal "$output" "$(config_id "$REGISTRY/library/$name")"
		run_cmk image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$name"
		assert_equal "$(grep -c sha256 <<<"$output")" \
			"$(skopeo inspect --tls-verify=false "docker://$REGISTRY/library/$name" | jq '.Layers | length')"
		run_cmk image inspect --format '{{.Digest}}' "$name"
		assert_equal "$output" "sha256:$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/library/$name" |
			sha256sum | cut -c1-64)"
	done
}

@test "the digest of an image from an index is the index's, as for podman, docker and skopeo" {
	local index manifest
	run_cmk pull -q multi
	index=sha256:$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/library/multi" | sha256sum | cut -c1-64)
	manifest=sha256:$(sha256sum <"$CMK_ROOT/images/$output/manifest" | cut -c1-64)
	assert [ "$index" != "$manifest" ]
	assert_equal "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/library/multi")" "$index"
	run_cmk image inspect --format '{{.Digest}}' multi
	assert_equal "$output" "$index"
	run_cmk images --digests --format '{{.Digest}}'
	assert_equal "$output" "$index"
	run_cmk images --format json
	assert_equal "$(jq -r '.[0].Digest' <<<"$output")" "$index"
	run_cmk create --name c --net=none multi true
	assert_equal "$(cmk inspect --format '{{.ImageDigest}}' c)" "$index"
	# By either it can be named; they are in order.
	assert_equal "$(cmk image inspect multi | jq -r '.[0].RepoDigests[]')" "$(printf '%s\n' "$REGISTRY/library/multi@$index" "$REGISTRY/library/multi@$manifest" | LC_ALL=C sort)"
	run_cmk pull -q "$REGISTRY/library/multi@$manifest"
	run_cmk image exists "$REGISTRY/library/multi@$index"
}

@test "the image for the host is chosen from an index, another one on request" {
	run_cmk pull -q multi
	local own=$output
	run_cmk pull -q --platform linux/arm64 multi
	assert [ "$output" != "$own" ]
	run_cmk image inspect --format '{{.Os}}/{{.Architecture}}' "$output"
	assert_equal "$output" linux/arm64
	run_cmk pull -q --arch aarch64 multi2
	run_cmk image inspect --format '{{.Architecture}}' "$output"
	assert_equal "$output" arm64
	run_cmk pull -q multi
	run_cmk 125 pull -q --policy never --arch arm64 multi
	assert_error "is for linux/$(dpkg --print-architecture), not for linux/arm64"
	run_cmk pull -q --policy missing --arch arm64 multi
	run_cmk image inspect --format '{{.Architecture}}' multi
	assert_equal "$output" arm64
	run_cmk 125 pull --platform plan9/mips multi
	assert_error 'no image found in manifest list for architecture "mips", variant "", OS "plan9" \(there is linux/'
	run_cmk 125 pull --platform linux multi
	assert_error "OS/ARCH"
}

@test "an image can be named by its digest" {
	local digest
	digest=sha256:$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/library/schema2" | sha256sum | cut -c1-64)
	run_cmk pull -q "$REGISTRY/library/schema2@$digest"
	local id=$output
	run_cmk image inspect --format '{{.Id}}' "$REGISTRY/library/schema2@$digest"
	assert_equal "$output" "$id"
	run_cmk 125 pull "$REGISTRY/library/schema2@sha256:$(printf %064d 0)"
	assert_error "not found"
	run_cmk 125 pull "$REGISTRY/library/schema2@sha256:../../x"
	assert_error "digest"
}

@test "policies: missing and never ask nobody, newer asks for the digest, always for the manifest" {
	proxy_start
	run_cmk 125 pull --tls-verify=false --policy never "$PROXY/library/schema2"
	assert_error "image not known"
	run_cmk pull -q --tls-verify=false "$PROXY/library/schema2"
	: >"$T/proxy/requests"
	run_cmk pull -q --tls-verify=false --policy missing "$PROXY/library/schema2"
	run_cmk pull -q --tls-verify=false --policy never "$PROXY/library/schema2"
	assert_equal "$(requests '.')" 0
	run_cmk pull -q --tls-verify=false --policy newer "$PROXY/library/schema2"
	assert_equal "$(requests '^HEAD')" 1
	assert_equal "$(requests '^GET')" 0
	run_cmk pull -q --tls-verify=false "$PROXY/library/schema2"
	assert_equal "$(requests '^GET .*manifests')" 1
	assert_equal "$(requests '^GET .*blobs')" 0
	proxy_stop
	run_cmk pull -q --tls-verify=false --policy newer "$PROXY/library/schema2"
	run_cmk 125 pull -q --policy sometimes alpine
	assert_error "sometimes"
}

@test "a certificate must verify, or the user says otherwise" {
	local dir=$HOME/.config/containers/certs.d/$REGISTRY_TLS
	run_cmk 125 pull "$REGISTRY_TLS/library/alpine"
	assert_error "certificate"
	assert_match "$stderr" "certs.d/$REGISTRY_TLS"
	mkdir -p "$T/certs"
	cp "$CERTS/ca.pem" "$T/certs/ca.crt"
	run_cmk pull -q --cert-dir "$T/certs" "$REGISTRY_TLS/library/alpine"
	mkdir -p "$dir"
	cp "$CERTS/ca.pem" "$dir/ca.crt"
	run_cmk pull -q "$REGISTRY_TLS/library/zstd"
	rm -r "$dir"
	run_cmk pull -q --tls-verify=false "$REGISTRY_TLS/library/many"
	run_cmk 125 pull "$REGISTRY_TLS/library/schema2"
	run_cmk 125 pull --cert-dir "$T/certs" "$REGISTRY_EXPIRED/library/alpine"
	assert_error "expired"
}

@test "credentials come from --creds, --authfile, the usual files and helper programs" {
	local auth
	auth=$(printf tester:sesame | base64)
	run_cmk 125 pull "$REGISTRY_PLAIN_AUTH/library/alpine"
	assert_error "authentication required"
	assert_match "$stderr" "--creds"
	run_cmk 125 pull --creds tester:wrong "$REGISTRY_PLAIN_AUTH/library/alpine"
	assert_error "refused"
	run_cmk pull -q --creds tester:sesame "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk rmi -a
	echo "{\"auths\":{\"$REGISTRY_PLAIN_AUTH\":{\"auth\":\"$auth\"}}}" >"$T/auth.json"
	run_cmk pull -q --authfile "$T/auth.json" "$REGISTRY_PLAIN_AUTH/library/alpine"
	REGISTRY_AUTH_FILE=$T/auth.json run_cmk pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk 125 pull --authfile "$T/none.json" "$REGISTRY_PLAIN_AUTH/library/alpine"
	assert_error "^Error: credential file is not accessible: faccessat $T/none.json: no such file or directory\$"
	run_cmk 125 create --authfile "$T/none.json" "$REGISTRY_PLAIN_AUTH/library/alpine"
	assert_error "credential file is not accessible"
	REGISTRY_AUTH_FILE=$T/none.json run_cmk pull -q "$REGISTRY/library/alpine"
	REGISTRY_AUTH_FILE=$T/none.json run_cmk create --net=none "$REGISTRY/library/alpine"
	run_cmk rm "$output"
	mkdir -p "$HOME/.docker"
	cp "$T/auth.json" "$HOME/.docker/config.json"
	run_cmk pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	echo "{\"credHelpers\":{\"$REGISTRY_PLAIN_AUTH\":\"testing\"}}" >"$HOME/.docker/config.json"
	run_cmk 125 pull "$REGISTRY_PLAIN_AUTH/library/alpine"
	assert_error "docker-credential-testing"
	printf '#!/bin/sh\nread -r server; [ "$1 $server" = "get %s" ] && echo '\''{"Username":"tester","Secret":"sesame"}'\' \
		"$REGISTRY_PLAIN_AUTH" >"$T/bin/docker-credential-testing"
	chmod 755 "$T/bin/docker-credential-testing"
	run_cmk pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	echo "broken" >"$HOME/.docker/config.json"
	run_cmk 125 pull "$REGISTRY_PLAIN_AUTH/library/alpine"
	assert_error "config.json"
}

# bats test_tags=long
@test "tokens: anonymous, with a password, and renewed when they run out" {
	proxy_start '/v2/=bearer:'
	run_cmk pull -q --tls-verify=false "$PROXY/library/schema2"
	assert_equal "$(requests '/token.*scope=repository%3Alibrary%2Fschema2%3Apull')" 1
	proxy_stop
	proxy_start '/v2/=bearer:tester:sesame'
	run_cmk 125 pull --tls-verify=false "$PROXY/library/zstd"
	assert_error "authentication required"
	run_cmk 125 pull --tls-verify=false --creds tester:no "$PROXY/library/zstd"
	assert_error "refused"
	run_cmk pull -q --tls-verify=false --creds tester:sesame "$PROXY/library/zstd"
	proxy_stop
	proxy_start '/v2/=denied'
	run_cmk 125 pull --tls-verify=false "$PROXY/library/zstd"
	assert_error "'library/zstd' denied: it does not exist, or needs other credentials"
	assert_equal "$(requests /token)" 1
	proxy_stop
	proxy_start '/v2/=oncetoken:'
	run_cmk pull -q --tls-verify=false "$PROXY/library/many"
	assert [ "$(requests /token)" -gt 10 ]
}

@test "a redirect is followed, without the credentials" {
	PROXY_DIR=$T/storage proxy_start
	local storage=$PROXY
	# By a token, and by name and password.
	for rule in /manifests/=bearer:tester:sesame '/manifests/=status:401*1'; do
		proxy_start "/blobs/=redirect:http://$storage" "$rule"
		: >"$T/storage/requests"
		run_cmk pull -q --tls-verify=false --creds tester:sesame "$PROXY/library/schema2"
		assert [ "$(requests 'GET.* auth=[^-]')" -ge 1 ]
		assert_equal "$(grep -c ' auth=-' "$T/storage/requests")" "$(wc -l <"$T/storage/requests")"
		assert [ "$(wc -l <"$T/storage/requests")" -ge 2 ]
		run_cmk rmi -a
		kill "$(cat "$T/proxy/pid")"
	done
	proxy_stop
	proxy_start '/blobs/=redirect:'
	run_cmk 125 pull -q --tls-verify=false --retry 0 "$PROXY/library/schema2"
	assert_error "redirect"
}

@test "a registry that is not there is one clear line" {
	# The fixture's name server knows every name.
	run_cmk 125 pull "nosuch.invalid/x"
	assert_error "host name not found|cannot connect"
	run_cmk 125 pull "127.0.0.1:1/x"
	assert_error "cannot connect.*connect: connection refused"
	assert_equal "$(grep -c retrying <<<"$stderr")" 0
	run_cmk 125 pull "$REGISTRY/no/such"
	assert_error "manifest not found"
	run_cmk 125 pull ostree:dir
	assert_error "not supported yet"
	run_cmk 125 pull UPPER
	assert_error lowercase
	assert [ -z "$(ls "$CMK_ROOT/images")" ]
}

@test "on a terminal the blobs have bars" {
	proxy_start
	script -qec "cmk pull --tls-verify=false $PROXY/library/alpine" "$T/typescript" >/dev/null
	assert grep -q 'Copying blob sha256:.* done' "$T/typescript"
	assert grep -q ' \[=* *\] .* / ' "$T/typescript"
}

@test "two pulls at the same time download each blob once" {
	proxy_start
	cmk_background one pull -q --tls-verify=false "$PROXY/library/many"
	local one=$!
	cmk_background two pull -q --tls-verify=false "$PROXY/library/many"
	wait "$one"
	wait "$!"
	assert_equal "$(cat "$T/one.out")" "$(cat "$T/two.out")"
	assert_equal "$(grep -c '^GET .*/blobs/' "$T/proxy/requests")" 62
	assert [ -z "$(ls "$CMK_ROOT/partial")" ]
}

@test "a pull of what is here asks for the manifest of its name alone, and writes nothing" {
	local name before after
	proxy_start
	for name in alpine multi; do
		run_cmk pull -q --tls-verify=false "$PROXY/library/$name"
		local id=$output
		: >"$T/proxy/requests"
		before=$(cd "$CMK_ROOT/images" && find . ../names -printf '%p %i %T@ %C@\n' | sort)
		run_cmk pull --tls-verify=false "$PROXY/library/$name"
		assert_equal "$output" "$id"
		cat "$T/proxy/requests"
		assert_equal "$(requests 'manifests/')" 1
		assert_equal "$(requests 'blobs/')" 0
		after=$(cd "$CMK_ROOT/images" && find . ../names -printf '%p %i %T@ %C@\n' | sort)
		assert_equal "$after" "$before"
	done
	# What is here is damaged: it is fetched, and whole again.
	printf x >>"$CMK_ROOT/images/$id/config"
	printf x >>"$CMK_ROOT/images/$id/manifest"
	run_cmk pull -q --tls-verify=false "$PROXY/library/$name"
	assert_equal "$output" "$id"
	run_cmk system check
	# A name that has gone comes back.
	run_cmk tag "$id" localhost/other
	run_cmk untag "$PROXY/library/$name"
	run_cmk pull -q --tls-verify=false "$PROXY/library/$name"
	run_cmk image exists "$PROXY/library/$name"
}
