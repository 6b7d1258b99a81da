#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# storage.conf: the driver, and additional image stores, which are only read.
load helpers

setup() {
	common_setup
	conf=$HOME/.config/containers/storage.conf
	shared=$T/shared
}

teardown() {
	chmod -R u+w "$shared" 2>/dev/null
	common_teardown
}

# A store with IMAGES that nobody can write to, named by storage.conf.
share_images() {
	local own=$CMK_ROOT
	CMK_ROOT=$shared
	sed -i "s,--root \"[^\"]*\",--root \"$shared\"," "$T/bin/cmk"
	load_images "$@"
	sed -i "s,--root \"[^\"]*\",--root \"$own\"," "$T/bin/cmk"
	CMK_ROOT=$own
	chmod -R a+rX "$shared" 2>/dev/null || true
	find "$shared" -type d -user "$UID" -exec chmod a-w {} + 2>/dev/null || true
	printf '[storage]\ndriver = "overlay"\ngraphroot = "/not/ours"\n[storage.options]\nadditionalimagestores = ["%s", "/var/lib/absent"]\n' "$shared" >"$conf"
}

fingerprint() { (cd "$shared" && find . -printf '%p %m %s %T@\n' 2>/dev/null | sort | sha256sum); }

@test "images of an additional store are listed as read-only, run, and never written" {
	share_images alpine
	local before
	before=$(fingerprint)
	run_cmk images
	assert_match "$output" 'REPOSITORY .*IMAGE ID .*R/O'
	assert_match "$output" 'library/alpine .* true'
	run_cmk images -q --filter readonly=true
	assert [ -n "$output" ]
	run_cmk images -q --filter readonly=false
	assert_equal "$output" ""
	run_cmk images --format '{{.ReadOnly}}'
	assert_equal "$output" true
	run_cmk run --rm --net=none alpine sh -c 'echo x >/etc/new && cat /etc/new /etc/alpine-release | head -n 1; rm /etc/passwd'
	assert_equal "$output" x
	run_cmk run --name c --net=none alpine true
	run_cmk start -a c
	run_cmk rm c
	run_cmk image inspect alpine
	run_cmk history alpine
	run_cmk save -o saved.tar alpine
	assert [ -s saved.tar ]
	assert_equal "$(ls "$CMK_ROOT/layers")" ""
	assert_equal "$(fingerprint)" "$before"
}

@test "images of an additional store are not removed, pruned or renamed there" {
	share_images alpine
	local before id
	before=$(fingerprint)
	run_cmk images -q --no-trunc
	id=${output#sha256:}
	run_cmk 125 rmi alpine
	assert_error "it is in the additional image store '$shared', which is only read"
	run_cmk 125 rmi -f "$id"
	run_cmk rmi -a
	run_cmk image prune -af
	run_cmk 125 untag alpine
	run_cmk tag alpine mine
	run_cmk run --rm --net=none mine true
	run_cmk rmi mine
	run_cmk image exists alpine
	assert_equal "$(fingerprint)" "$before"
	# An own copy stands before it, and goes alone.
	run_cmk pull "$REGISTRY/library/alpine"
	run_cmk images --format '{{.ReadOnly}}'
	assert_equal "$output" false
	run_cmk rmi alpine
	run_cmk images --format '{{.ReadOnly}}'
	assert_equal "$output" true
}

@test "an image may stand on one of an additional store, and is whole without the other's names" {
	share_images alpine
	run_cmk run --name c --net=none alpine touch /new
	run_cmk commit -q c mine
	run_cmk rm c
	run_cmk run --rm --net=none mine ls /new
	assert_equal "$output" /new
	# The store is whole: what it stands on is somewhere else.
	run_cmk tag alpine other
	run_cmk create --name d --net=none alpine true
	run_cmk system check
	run_cmk system check --repair --force
	assert_equal "$output" ""
	run_cmk image exists other
	run_cmk container exists d
	run_cmk run --rm --net=none mine ls /new
	assert_equal "$output" /new
	run_cmk rm d
	run_cmk rmi other
	run_cmk rmi mine
	run_cmk run --rm --net=none alpine true
}

@test "a layer's own marks survive that a store is given to others to read" {
	share_images many
	run_cmk run --rm --net=none many cat /layers/top
	assert_equal "$output" 60
}

@test "a map of ids of one's own needs files beside the image, which is said" {
	share_images alpine
	run_cmk 125 run --rm --net=none --userns=keep-id alpine true
	assert_error 'additional image store, .*a map of ids needs files beside it \(pull the image into your own store\)'
}

@test "links and names of a hostile store lead nowhere" {
	share_images alpine
	local layer
	chmod -R u+w "$shared"
	mkdir secret && echo secret >secret/file
	layer=$(find "$shared/layers" -mindepth 1 -maxdepth 1 | head -n 1)
	mv "$layer/diff" "$layer/away" && ln -s "$T/secret" "$layer/diff"
	ln -s ../images/"$(ls "$shared/images")" "$shared/names/$(printf 'evil\033[31m:latest')"
	run_cmk images
	refute_match "$output" evil
	run_cmk 125 run --rm --net=none alpine cat /file
	assert_error "is missing from"
	rm "$layer/diff" && mv "$layer/away" "$layer/diff"
}

@test "storage.conf names the driver, and a wrong one is an error that names the file" {
	printf '[storage]\ndriver = "vfs"\n' >"$conf"
	run_cmk info --format '{{.store.graphDriverName}}'
	assert_equal "$output" vfs
	run_cmk --storage-driver=overlay info --format '{{.store.graphDriverName}}'
	assert_equal "$output" overlay
	printf '[storage]\ndriver = "btrfs"\n' >"$conf"
	run_cmk info --format '{{.store.graphDriverName}}'
	refute_match "$output" btrfs
	printf '[storage]\ndriver = "vfs"\n' >other
	CONTAINERS_STORAGE_CONF=$T/other run_cmk info --format '{{.store.graphDriverName}}'
	assert_equal "$output" vfs
	printf '[storage\n' >"$conf"
	load_images alpine || true
	run_cmk 125 run --rm --net=none alpine true
	assert_error "$conf: line 1"
	printf '[storage.options]\nadditionalimagestores = ["relative"]\n' >"$conf"
	run_cmk images
	assert_match "$stderr" "'relative' is not an absolute path.*no additional image store is used"
}
