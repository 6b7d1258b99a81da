#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# containers-storage: images out of Podman's own store, which podman itself has filled.
load helpers

setup() {
	common_setup
	store=$HOME/.local/share/containers/storage
	driver=overlay
	export STORAGE_DRIVER=
}

teardown() {
	podman_end
	common_teardown
}

pod() { env -u STORAGE_DRIVER podman --storage-driver "$driver" --events-backend none --cgroup-manager cgroupfs "$@"; }

# The image localhost/made:1 of two layers over alpine: owners, modes, links, names and attributes; and what
# hides them.
make_image() {
	mkdir -p ctx/d
	echo secret >ctx/d/closed
	echo one >ctx/d/one && ln ctx/d/one ctx/d/two && ln -s /etc/passwd ctx/d/link
	head -c 300000 /dev/urandom >ctx/d/large && : >ctx/d/empty
	echo x >"ctx/d/$(printf 'n\377me')"
	tar --owner=1000 --group=1000 -C ctx -cf ctx/files.tar --exclude=d/closed d
	tar --owner=1000 --group=1000 --mode=0 -C ctx -rf ctx/files.tar d/closed
	rm -rf ctx/d
	printf 'FROM %s/library/alpine\nADD files.tar /\nENV A=b\n' "$REGISTRY" >ctx/Containerfile
	pod build -q --layers -t localhost/base ctx
	id=$(pod create localhost/base)
	# shellcheck disable=SC2016
	pod unshare sh -c 'm=$(podman --storage-driver '"$driver"' mount '"$id"') && rm "$m/d/two" "$m/etc/passwd" && rm -r "$m/home" && mkdir "$m/home" && echo new >"$m/home/f" && chmod 0 "$m/home"'
	pod commit -q "$id" localhost/made:1
	pod rm "$id"
}

# The image's ID, digests and layers are as podman says.
same_as_podman() {
	local keys='[.[0] | .Id, .Digest, .RepoDigests, (.RepoTags | sort), .RootFS.Layers, .Config, .History]'
	run_cmk image inspect "$1"
	assert_equal "$(jq -c "$keys" <<<"$output")" "$(pod image inspect "$1" | jq -c "$keys")"
}

fingerprint() { unshare --map-root-user --map-auto find "$store" -printf '%p %m %U %s %T@\n' | sort; }

imports() {
	driver=$1
	pod pull -q "$REGISTRY/library/alpine"
	make_image
	local before
	before=$(fingerprint)
	run_cmk pull -q "containers-storage:$REGISTRY/library/alpine"
	run_cmk pull containers-storage:localhost/made:1
	diff <(echo "$before") <(fingerprint)
	assert_equal "$output" "$(pod images -q --no-trunc localhost/made:1 | cut -d: -f2)"
	assert_match "$stderr" 'Copying blob sha256:'
	same_as_podman localhost/made:1
	same_as_podman "$REGISTRY/library/alpine"
	# It is what comes from the registry.
	run_cmk image inspect "$REGISTRY/library/alpine"
	cmk --root "$T/other" pull -q "$REGISTRY/library/alpine"
	assert_equal "$(jq -cS '.[0] | del(.GraphDriver)' <<<"$output")" \
		"$(cmk --root "$T/other" image inspect "$REGISTRY/library/alpine" | jq -cS '.[0] | del(.GraphDriver)')"
	run_cmk run --rm --net=none localhost/made:1 sh -c 'ls /d /home; stat -c "%u %a %n" /d/closed; cat /d/closed; test ! -e /etc/passwd'
	assert_match "$output" $'^closed\nempty\nlarge\nlink\nn.*me\none\n\nf|/home:\nf'
	assert_match "$output" '1000 0 /d/closed'
	run_cmk system check
}

# bats test_tags=long
@test "overlay: the same ID, digests and layers as podman says, and the image runs" { imports overlay; }

# bats test_tags=long
@test "vfs: the same ID, digests and layers as podman says, and the image runs" { imports vfs; }

@test "an image is named as podman names it: by name, ID, digest, and with its store" {
	pod pull -q "$REGISTRY/library/alpine"
	pod tag "$REGISTRY/library/alpine" localhost/mine:2 docker.io/library/theirs
	local id digest name
	id=$(pod images -q --no-trunc localhost/mine:2 | cut -d: -f2)
	digest=$(pod image inspect --format '{{.Digest}}' localhost/mine:2)
	for name in mine:2 localhost/mine:2 theirs alpine "$id" "${id:0:12}" "@$id" "sha256:$id" "localhost/mine:2@$id" \
		"$REGISTRY/library/alpine@$digest" "[$store]mine:2" "[overlay@$store]@$id" \
		"[overlay@$store+$XDG_RUNTIME_DIR/containers:overlay.mountopt=nodev]theirs"; do
		run_cmk pull -q "containers-storage:$name"
		assert_equal "$output" "$id"
	done
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$(sort <<<"$output")" "$(printf '%s\n' "$REGISTRY/library/alpine:latest" docker.io/library/theirs:latest localhost/mine:2)"
	run_cmk rmi -fa
	# One that was asked for by its name has that name alone.
	run_cmk run --rm --net=none containers-storage:mine:2 echo works
	assert_equal "$output" works
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$output" localhost/mine:2
	run_cmk create --net=none containers-storage:theirs
	run_cmk rm "$output"
	for name in none "[overlay@$store]none:1" "$REGISTRY/library/alpine@sha256:$id" "@${id:0:5}000000"; do
		run_cmk 125 pull -q "containers-storage:$name"
		assert_error 'image not known'
	done
	run_cmk 125 pull -q containers-storage:
	assert_error 'there is no image in it'
	run_cmk 125 pull -q "containers-storage:[overlay@relative]x"
	assert_error 'absolute path'
	run_cmk 125 pull -q "containers-storage:[btrfs@$store]x"
	assert_error "'btrfs' are not supported"
	run_cmk 125 pull -q "containers-storage:[vfs@$store]x"
	assert_error "no store of Podman's"
	run_cmk 125 push mine:2 containers-storage:there
	assert_error 'only read'
}

@test "all images of the store, or of a repository, are pulled at once" {
	pod pull -q "$REGISTRY/library/alpine"
	pod tag "$REGISTRY/library/alpine" localhost/app:1 localhost/app:2
	printf 'FROM scratch\nLABEL a=b\n' >Containerfile
	pod build -q -t localhost/other .
	local all
	all=$(pod images --format '{{.Repository}}:{{.Tag}}' | sort)
	pod manifest create localhost/list "$REGISTRY/library/alpine"
	run_cmk pull -q --all-tags containers-storage:app
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$(sort <<<"$output")" $'localhost/app:1\nlocalhost/app:2'
	run_cmk pull -q --all-tags containers-storage:
	assert_match "$stderr" "the manifest list 'localhost/list:latest' is left out"
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$(sort <<<"$output")" "$all"
	# By its name a list stands for its image for this machine.
	run_cmk pull -q containers-storage:localhost/list
	assert_equal "$output" "$(pod images -q --no-trunc localhost/app:1 | cut -d: -f2)"
}

@test "storage.conf says where Podman's store is" {
	pod --root "$T/elsewhere" pull -q "$REGISTRY/library/alpine"
	run_cmk 125 pull -q containers-storage:alpine
	assert_error "'$store' is no store of Podman's"
	# shellcheck disable=SC2016
	printf '[storage]\ndriver = "overlay"\ngraphroot = "$HOME/../elsewhere"\n' >"$HOME/.config/containers/storage.conf"
	run_cmk pull -q containers-storage:alpine
	run_cmk rmi -fa
	# shellcheck disable=SC2016
	printf '[storage]\ndriver = "overlay"\nrootless_storage_path = "${HOME}/../elsewhere"\n' >"$HOME/.config/containers/storage.conf"
	run_cmk pull -q containers-storage:alpine
	run_cmk rmi -fa
	mkdir -p "$store/overlay-images"
	printf '[storage]\ndriver = "overlay"\nimagestore = "%s"\n' "$T/elsewhere" >"$HOME/.config/containers/storage.conf"
	run_cmk pull -q containers-storage:alpine
}

# broken WHAT ERROR COMMAND...: after COMMAND, in podman's user namespace and the copy $T/bad, a pull says ERROR.
broken() {
	local what=$1 error=$2
	shift 2
	unshare --map-root-user --map-auto sh -c "rm -rf '$T/bad' && cp -a '$store' '$T/bad' && cd '$T/bad' && $*"
	echo "--- $what"
	run_cmk 125 pull -q "containers-storage:[overlay@$T/bad]made:1"
	assert_error "$error"
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
	run_cmk images -q
	assert_equal "$output" ""
}

# bats test_tags=long
@test "a damaged or hostile store is one clear error, and nothing outside of it is read" {
	make_image
	echo canary >canary
	local top
	top=$(jq -r '.[] | select(.names // [] | index("localhost/made:1")) | .layer' "$store/overlay-images/images.json")
	broken images.json "overlay-images/images.json' is damaged" "truncate -s -20 overlay-images/images.json"
	broken layers.json "overlay-layers/layers.json' is damaged" "truncate -s -20 overlay-layers/layers.json"
	broken records "images.json' is damaged: record 1" 'echo "[{\"id\":\"../../x\"}]" >overlay-images/images.json'
	broken absent "layer ${top:0:12} is missing from layers.json" 'echo "[]" >overlay-layers/layers.json'
	broken config 'image config: .*larger than' 'for f in overlay-images/*/=*; do echo x >>"$f"; done'
	broken split "layer ${top:0:12}: .*tar-split.gz' is missing" "rm overlay-layers/$top.tar-split.gz"
	broken cut "tar-split record: the gzip data is cut short" "truncate -s -9 overlay-layers/$top.tar-split.gz"
	broken file "'home/f' cannot be read|'./home/f' cannot be read" "rm overlay/$top/diff/home/f"
	broken bytes "home/f' is damaged: its bytes have another checksum" "echo NEW >overlay/$top/diff/home/f"
	broken length "home/f' is damaged: it has another length" "echo longer >overlay/$top/diff/home/f"
	broken link "home/f' cannot be read" "rm overlay/$top/diff/home/f && ln -s $T/canary overlay/$top/diff/home/f"
	broken directory "home/f' cannot be read" "rm -r overlay/$top/diff/home && ln -s $T overlay/$top/diff/home"
	broken diff 'there is a symbolic link' "mv overlay/$top/diff overlay/$top/away && ln -s away overlay/$top/diff"
	broken data 'there is a symbolic link' 'for f in overlay-images/*/manifest; do ln -sf /etc/passwd "$f"; done'
	broken fifo 'is no file' 'rm overlay-layers/layers.json && mkfifo overlay-layers/layers.json'
	# The record names what is outside.
	broken outside 'cannot be read|is damaged' "printf '{\"type\":1,\"name\":\"../../../../../canary\",\"size\":7}\n' | gzip >overlay-layers/$top.tar-split.gz"
	broken swapped 'the layer has the diff ID' "printf '{\"type\":2,\"payload\":\"$(head -c 1024 /dev/zero | base64 -w0)\"}\n' | gzip >overlay-layers/$top.tar-split.gz"
	refute_match "$(cat "$T"/.std*)" canary$
}

@test "podman's locks are waited for, with an end" {
	pod pull -q "$REGISTRY/library/alpine"
	cat >hold.py <<-'END'
		import fcntl, sys
		f = open(sys.argv[1], "r+")
		fcntl.lockf(f, fcntl.LOCK_EX)
		print("held", flush=True)
		sys.stdin.readline()
	END
	local lock
	for lock in storage.lock overlay-layers/layers.lock overlay-images/images.lock; do
		[ -e "$store/$lock" ] || : >"$store/$lock"
		coproc HOLD { python3 hold.py "$store/$lock"; }
		read -r <&"${HOLD[0]}"
		export CMK_TEST_LOCK_MS=100
		run_cmk 125 pull -q containers-storage:alpine
		unset CMK_TEST_LOCK_MS
		assert_error "$lock': another program has kept it locked"
		cmk_background pull --log-level debug pull -q containers-storage:alpine
		wait_for 20 grep -q "waiting for .*$lock" "$T/pull.err"
		echo >&"${HOLD[1]}"
		wait $!
		wait "$HOLD_PID" || true
		run_cmk rmi -fa
	done
}

# bats test_tags=long
@test "the commands of docs/moving-from-podman.md" {
	printf '#!/bin/sh\nexec %s --storage-driver overlay --events-backend none --cgroup-manager cgroupfs "$@"\n' "$(type -P podman)" >"$T/bin/podman"
	chmod 755 "$T/bin/podman"
	podman pull -q "$REGISTRY/library/alpine"
	podman tag "$REGISTRY/library/alpine" localhost/app:1 localhost/app:2
	podman volume create data
	podman unshare sh -c "echo kept >'$(podman volume inspect --format '{{.Mountpoint}}' data)/file'"
	podman create --name web --network none localhost/app:1 cat /etc/written
	echo written >written
	podman cp written web:/etc/written
	awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0} on' "$CMK_TEST_STAGE/docs/moving-from-podman.md" >script
	assert [ "$(grep -c cmk script)" -ge 7 ]
	bash -e script
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$(sort <<<"$output")" "$(printf '%s\n' "$REGISTRY/library/alpine:latest" localhost/app:1 localhost/app:2 localhost/web:moved)"
	run_cmk run --rm --net=none -v data:/data localhost/app:1 cat /data/file
	assert_equal "$output" kept
	run_cmk rm web
	run_cmk run --rm --net=none localhost/web:moved
	assert_equal "$output" written
}
