#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pull, from registries and lines that fail: one clear error, or a whole image; never half of one.
load helpers
load proxy

teardown() {
	proxy_stop
	common_teardown
}

quick=(--tls-verify=false --retry-delay 5ms)
# The config is the first blob; what follows is about the layer.
after_config='/blobs/=norange*1'

nothing_half_made() {
	assert [ -z "$(ls "$CMK_ROOT/images")" ]
	assert [ -z "$(ls "$CMK_ROOT/names")" ]
	assert [ -z "$(ls "$CMK_ROOT/layers")" ]
	assert [ -z "$(ls "$CMK_ROOT/tmp")" ]
}

# The image is what it should be, all of it.
whole() {
	run_cmk run --rm --net=none --pull=never "$1" sh -c 'busybox sha256sum </bin/busybox'
	assert_equal "$output" "$(tar -xOf "$CMK_TEST_STAGE/cache/busybox.tar" ./bin/busybox | sha256sum)"
}

# bats test_tags=long
@test "a connection cut anywhere is taken up where it broke" {
	local at
	for at in 0 1 500 65536 400000; do
		proxy_start "/blobs/=cut:$at*3"
		run_cmk pull "${quick[@]}" "$PROXY/library/schema2"
		assert_match "$stderr" 'Failed, retrying in [0-9.]+m?s \.\.\. \([1-3]/3\)\. Error: '
		[ "$at" -lt 500 ] || assert [ "$(requests 'range=bytes=[1-9].* status=206')" -ge 1 ]
		run_cmk rmi -a
		proxy_stop
	done
}

@test "what was downloaded counts in the next pull" {
	proxy_start "$after_config" "/blobs/=cut:400000*1" "/blobs/=cut:0"
	run_cmk 125 pull "${quick[@]}" --retry 1 "$PROXY/library/schema2"
	assert_error "blob sha256:"
	nothing_half_made
	assert [ -n "$(ls "$CMK_ROOT/partial")" ]
	proxy_stop
	proxy_start
	run_cmk pull -q "${quick[@]}" "$PROXY/library/schema2"
	assert_equal "$(requests 'range=bytes=400000- .* status=206')" 1
	whole "$PROXY/library/schema2"
	assert [ -z "$(ls "$CMK_ROOT/partial")" ]
}

@test "a download that nobody came back to goes after a week" {
	mkdir -p "$CMK_ROOT/partial"
	touch -d '8 days ago' "$CMK_ROOT/partial/sha256-old"
	touch -d '2 days ago' "$CMK_ROOT/partial/sha256-new"
	run_cmk pull -q alpine
	assert_equal "$(ls "$CMK_ROOT/partial")" sha256-new
}

@test "a registry without ranges sends the blob again, and it is whole" {
	local how
	for how in norange badrange wrongrange; do
		proxy_start "$after_config" "/blobs/=cut:300000*1" "/blobs/=$how"
		run_cmk pull -q "${quick[@]}" "$PROXY/library/schema2"
		whole "$PROXY/library/schema2"
		run_cmk rmi -a
		proxy_stop
	done
}

@test "server errors and too many requests are tried again, so often and no oftener" {
	proxy_start '/=status:500*2'
	run_cmk pull -q "${quick[@]}" "$PROXY/library/schema2"
	assert_match "$stderr" "HTTP status 500"
	run_cmk rmi -a
	proxy_stop
	proxy_start 'manifests=status:503'
	run_cmk 125 pull "${quick[@]}" --retry 2 "$PROXY/library/schema2"
	assert_error "HTTP status 503: made to fail"
	assert_equal "$(requests manifests)" 3
	proxy_stop
	proxy_start 'manifests=status:429*2'
	run_cmk pull -q "${quick[@]}" "$PROXY/library/schema2"
	run_cmk rmi -a
	proxy_stop
	proxy_start 'manifests=retryafter:3600'
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "too many requests.*3600 seconds"
	assert_equal "$(requests manifests)" 1
	nothing_half_made
}

@test "401, 403 and 404 are final, and say what to do" {
	proxy_start 'manifests=status:401'
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "authentication required.*--creds"
	proxy_stop
	proxy_start 'blobs=status:403'
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "access forbidden: made to fail"
	proxy_stop
	proxy_start 'blobs=status:404'
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "blob not found"
	assert_equal "$(requests blobs)" 1
	proxy_stop
	proxy_start 'blobs=status:302'
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "redirect to nowhere"
	nothing_half_made
}

# bats test_tags=long
@test "an altered, cut short or longer blob is never taken" {
	local harm
	for harm in alter:100 alter:200000 truncate:1000 extend:7; do
		proxy_start "$after_config" "/blobs/=$harm"
		run_cmk 125 pull "${quick[@]}" --retry 1 "$PROXY/library/schema2"
		assert_error "."
		nothing_half_made
		proxy_stop
	done
	proxy_start "/blobs/=alter:5*1"
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "image config: wrong digest"
	nothing_half_made
	proxy_stop
	proxy_start
	run_cmk pull -q "${quick[@]}" "$PROXY/library/schema2"
	whole "$PROXY/library/schema2"
}

@test "a partial download that went bad does not stay in the way" {
	proxy_start "$after_config" "/blobs/=cut:200000*1" "/blobs/=cut:0"
	run_cmk 125 pull "${quick[@]}" --retry 1 "$PROXY/library/schema2"
	printf x | dd of="$(ls "$CMK_ROOT"/partial/*)" bs=1 seek=1000 conv=notrunc status=none
	proxy_stop
	proxy_start
	run_cmk '?' pull -q "${quick[@]}" "$PROXY/library/schema2"
	[ "$status" = 0 ] || run_cmk pull -q "${quick[@]}" "$PROXY/library/schema2"
	whole "$PROXY/library/schema2"
}

@test "a manifest that is not what it says is refused" {
	local zeros nested
	zeros=sha256:$(printf %064d 0)
	proxy_start "manifests=digest:$zeros"
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "wrong digest"
	proxy_stop
	proxy_start "manifests=type:application/vnd.oci.image.index.v1+json"
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "ambiguous manifest"
	proxy_stop
	proxy_start "manifests=body:$T/manifest"
	echo '{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}' >manifest
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/x"
	assert_error "ambiguous manifest"
	echo '{"schemaVersion":1,"fsLayers":[]}' >manifest
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/x"
	assert_error "schema 1"
	echo "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:../../x\",\"size\":1},\"layers\":[]}" >manifest
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/x"
	assert_error "digest"
	head -c 2000000 /dev/zero | tr '\0' '[' >manifest
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/x"
	assert_error "manifest"
	head -c 10000000 /dev/zero | tr '\0' '[' >manifest
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/x"
	assert_error "larger than"
	assert [ ! -e "$CMK_ROOT/x" ]
	nothing_half_made
}

@test "layers that cannot fit are refused before the first byte" {
	proxy_start "manifests=body:$T/manifest"
	skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/library/schema2" |
		jq -c '.layers[0].size = 1000000000000000' >manifest
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "are needed and .* are free"
	assert_equal "$(requests blobs)" 1
	nothing_half_made
}

# What compresses well passes the check of the descriptors and fills the disk all the same.
@test "a disk that gets full while unpacking leaves nothing behind" {
	umoci init --layout big
	umoci new --image big:latest
	yes 'all the same' | head -c 30000000 >text
	tar -cf big.tar text
	umoci raw add-layer --image big:latest big.tar
	skopeo copy -q --insecure-policy --dest-tls-verify=false oci:big:latest "docker://$REGISTRY/t/big"
	CMK_ROOT=$FULL_8M/store-$BATS_TEST_NUMBER
	sed -i "s#--root \"[^\"]*\"#--root \"$CMK_ROOT\"#" "$T/bin/cmk"
	run_cmk 125 pull "${quick[@]}" "$REGISTRY/t/big"
	assert_error "no space left"
	nothing_half_made
	assert [ -z "$(ls "$CMK_ROOT/partial")" ]
	run_cmk pull -q alpine
	run_cmk rmi -a
	rm -rf "$CMK_ROOT"
}

@test "a config with other layers than the manifest is refused" {
	proxy_start "manifests=body:$T/manifest"
	skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/library/schema2" |
		jq -c '.layers += [.layers[0]]' >manifest
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "2 layers, the image config 1 diff ID"
	skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/library/schema2" |
		jq -c '.layers[0].mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"' >manifest
	run_cmk 125 pull "${quick[@]}" "$PROXY/library/schema2"
	assert_error "foreign layers"
	nothing_half_made
}

more_than() { [ "$(requests blobs)" -gt "$1" ]; }

@test "a pull that is killed leaves nothing in the way of the next one" {
	local i
	proxy_start
	for i in 1 2 3 4 5; do
		cmk_background killed pull -q --tls-verify=false "$PROXY/library/many"
		wait_for 10 more_than $((i * 2))
		kill -9 $!
		wait $! || true
	done
	assert [ -z "$(ls "$CMK_ROOT/images")" ]
	run_cmk pull -q --tls-verify=false "$PROXY/library/many"
	run_cmk run --rm --net=none --pull=never "$PROXY/library/many" cat /layers/top
	assert_equal "$output" 60
	assert [ -z "$(ls "$CMK_ROOT/partial")" ]
	assert [ -z "$(ls "$CMK_ROOT/tmp")" ]
}
