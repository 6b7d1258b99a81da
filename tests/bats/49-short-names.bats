#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Short names that may stand for several images, all tags, several images.
load helpers

CHOSEN=.cache/containers/short-name-aliases.conf

teardown() {
	podman_end
	common_teardown
}

# library/alpine is in both; only the first gives it without credentials.
two_registries() {
	{
		echo "unqualified-search-registries = [\"$REGISTRY_PLAIN_AUTH\", \"$REGISTRY\"]"
		[ -z "${1:-}" ] || echo "short-name-mode = \"$1\""
	} >"$HOME/.config/containers/registries.conf.d/two.conf"
}

@test "enforcing: without a terminal a name that may stand for several is an error" {
	two_registries enforcing
	run_cmk 125 pull -q library/alpine
	assert_error "short-name resolution enforced but cannot prompt without a TTY"
	assert_match "$stderr" "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk 125 pull -q -a library/alpine
	assert_error "short-name resolution enforced but cannot prompt without a TTY"
	run_cmk 125 run --rm library/alpine true
	assert_error "short-name resolution enforced but cannot prompt without a TTY"
	# What is here says which one is meant, and so do aliases and whole names.
	run_cmk pull -q "$REGISTRY/library/alpine"
	run_cmk pull -q library/alpine
	run_cmk pull -q alpine
	two_registries foo
	run_cmk 125 pull -q library/alpine
	assert_error 'two.conf: invalid short-name mode: "foo"'
}

@test "permissive and disabled: all are tried" {
	two_registries
	run_cmk pull library/alpine
	assert_match "$stderr" "$REGISTRY_PLAIN_AUTH/library/alpine.*$REGISTRY/library/alpine"
	run_cmk rmi -a
	two_registries disabled
	script -qec "cmk pull -q library/alpine" "$T/typescript" >/dev/null
	refute_match "$(cat "$T/typescript")" "select"
	assert [ ! -e "$HOME/$CHOSEN" ]
	run_cmk images --format '{{.Repository}}'
	assert_equal "$output" "$REGISTRY/library/alpine"
}

@test "on a terminal one is chosen, and the choice is kept, for podman too" {
	two_registries enforcing
	(
		wait_for 20 grep -q "$REGISTRY/library/alpine" "$T/typescript"
		printf '\033[B\033[B\033[A\033[B\r'
		wait_for 60 grep -q 'Writing manifest' "$T/typescript"
	) | script -qefc "cmk pull library/alpine && stty -a" "$T/typescript" >/dev/null
	assert grep -q 'Please select an image' "$T/typescript"
	assert grep -q ' echo ' "$T/typescript"
	run_cmk images --format '{{.Repository}}'
	assert_equal "$output" "$REGISTRY/library/alpine"
	assert_equal "$(cat "$HOME/$CHOSEN")" $'[aliases]\n  "library/alpine" = "'"$REGISTRY/library/alpine\""
	run_cmk rmi -a
	run_cmk pull library/alpine
	refute_match "$stderr" "$REGISTRY_PLAIN_AUTH"
	podman pull -q library/alpine
	# Ctrl-C chooses nothing.
	run_cmk rmi -a
	rm "$HOME/$CHOSEN"
	(
		wait_for 20 grep -q "$REGISTRY/library/alpine" "$T/typescript2"
		printf '\003'
		wait_for 20 grep -q ' echo ' "$T/typescript2"
	) | script -qefc "cmk pull library/alpine; echo code \$?; stty -a" "$T/typescript2" >/dev/null
	assert grep -q 'code 130' "$T/typescript2"
	assert [ ! -e "$HOME/$CHOSEN" ]
}

@test "what podman chose is known, and other choices stay" {
	two_registries enforcing
	mkdir -p "$HOME/.cache/containers"
	printf '[aliases]\n  "library/alpine" = "%s/library/alpine"\n' "$REGISTRY" >"$HOME/$CHOSEN"
	run_cmk pull -q library/alpine
	run_cmk rmi -a
	(
		wait_for 20 grep -q "$REGISTRY/library/zstd" "$T/typescript"
		printf 'j\r'
		wait_for 60 grep -q 'Writing manifest' "$T/typescript"
	) | script -qefc "cmk pull library/zstd" "$T/typescript" >/dev/null
	assert_equal "$(grep -c "$REGISTRY" "$HOME/$CHOSEN")" 2
	echo broken >"$HOME/$CHOSEN"
	run_cmk 125 pull -q library/alpine
	assert_error "short-name-aliases.conf: line 1"
}

@test "--all-tags gets each tag, whatever the name says" {
	run_cmk pull -q --all-tags "$REGISTRY/library/alpine:nosuch"
	assert_equal "${#lines[@]}" 2
	run_cmk images --format '{{.Repository}}:{{.Tag}}' --sort tag
	assert_equal "$output" "$REGISTRY/library/alpine:3.18"$'\n'"$REGISTRY/library/alpine:latest"
	run_cmk rmi -a
	run_cmk pull -qa alpine
	assert_equal "${#lines[@]}" 2
	run_cmk 125 pull -a "$REGISTRY/library/nosuch"
	assert_error "fetching tags list"
	run_cmk 125 pull -a oci:dir
	assert_error "pulling all tags is not supported for oci transport"
	run_cmk 125 pull -a --authfile "$T/none" alpine
	assert_error "credential file is not accessible"
}

@test "of several images those that can be had are pulled" {
	run_cmk 125 pull -q alpine "$REGISTRY/library/nosuch" zstd
	assert_error "library/nosuch"
	assert_equal "${#lines[@]}" 2
	run_cmk image exists zstd
}

@test "registries.conf: a prefix with a tag is that of one image, and version 1 of the file is read" {
	local conf=$HOME/.config/containers/registries.conf from="$REGISTRY/library/alpine"
	printf '[[registry]]\nprefix = "%s:latest"\nblocked = true\n' "$from" >>"$conf"
	printf '[[registry]]\nprefix = "%s:old"\nlocation = "%s:3.18"\ninsecure = true\n' "$from" "$from" >>"$conf"
	run_cmk 125 pull -q "$from"
	assert_error "registry '$from:latest' is blocked"
	run_cmk pull -q "$from:old"
	local id=$output
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$output" "$from:old"
	run_cmk rmi "$from:old"
	printf '[registries.search]\nregistries = ["%s"]\n[registries.insecure]\nregistries = ["%s"]\n[registries.block]\nregistries = ["localhost:5001"]\n' \
		"$REGISTRY" "$REGISTRY" >"$conf"
	run_cmk pull -q library/alpine:3.18
	assert_equal "$output" "$id"
	run_cmk 125 pull -q localhost:5001/library/alpine
	assert_error "registry 'localhost:5001' is blocked"
}

@test "a short name that nothing else stands for is any name here that ends in it, and a digest any image that has it" {
	local digest elsewhere
	printf 'unqualified-search-registries = []\n' >"$HOME/.config/containers/registries.conf.d/none.conf"
	run_cmk pull -q "$REGISTRY/library/alpine"
	local id=$output
	run_cmk tag "$id" example.org/a/b/tool:v1
	for name in alpine alpine:latest library/alpine tool:v1 b/tool:v1 a/b/tool:v1; do
		assert_equal "$(cmk image inspect --format '{{.Id}}' "$name")" "$id"
	done
	for name in alpine:no lpine brary/alpine tool example.com/tool:v1 org/a/b/tool:v1; do
		run_cmk 1 image exists "$name"
	done
	run_cmk run --rm --net=none --pull never tool:v1 echo ran
	assert_equal "$output" ran
	run_cmk create --net=none --name c b/tool:v1 true
	assert_equal "$(cmk inspect --format '{{.ImageName}}' c)" example.org/a/b/tool:v1
	digest=$(cmk image inspect --format '{{.Digest}}' alpine)
	for elsewhere in alpine nosuch example.com/no/such; do
		assert_equal "$(cmk image inspect --format '{{.Id}}' "$elsewhere@$digest")" "$id"
	done
	run_cmk 1 image exists "alpine@${digest:0:-4}0000"
	# localhost/ comes before, and so does the beginning of an ID.
	run_cmk import -q "$CMK_TEST_STAGE/cache/busybox.tar" localhost/tool:v1
	local own=$output
	assert_equal "$(cmk image inspect --format '{{.Id}}' tool:v1)" "$own"
	run_cmk tag "$own" "example.org/${id:0:12}"
	assert_equal "$(cmk image inspect --format '{{.Id}}' "${id:0:12}")" "$id"
	# Its full name is what goes.
	run_cmk rmi b/tool:v1
	assert_equal "$output" 'Untagged: example.org/a/b/tool:v1'
}
