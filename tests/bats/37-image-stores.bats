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

# An image "large" with a file of 200 kB, a small one, one of a long name, and what only root reads.
share_large() {
	local fs own=$CMK_ROOT
	fs=$(rootfs)
	mkdir -p "$fs/data/a-directory-with-a-long-name" "$fs/root"
	head -c 200000 /dev/urandom >"$fs/data/a-directory-with-a-long-name/large"
	echo small >"$fs/data/small"
	echo secret >"$fs/root/secret"
	head -c 200000 /dev/urandom >"$fs/root/large"
	chmod 0700 "$fs/root"
	chmod 0600 "$fs/root/secret" "$fs/root/large"
	(cd "$fs" && find . -type f -exec sha256sum {} + | sort) >sums
	tar -C "$fs" --owner=0 --group=0 -cf large.tar .
	"$CMK_BIN" --root "$shared" --runroot "$CMK_RUNROOT" import -q large.tar localhost/large >/dev/null
	share_images alpine
}

sums_in() { run_cmk run --rm --net=none "$@" sh -c 'cd / && find bin data root -type f -exec sha256sum {} + | sed "s,  ,  ./,"'; }

# bats test_tags=long
@test "a map of ids of one's own: the owners are in the own store, the bytes in the other" {
	run_cmk info --format '{{index .Store.GraphStatus "datadir+"}}'
	[ "$output" = true ] || skip "this kernel has no data-only layers for users (6.16)"
	share_large
	local before told
	before=$(fingerprint)
	sums_in --userns keep-id --user 0 large
	assert_equal "$(sort <<<"$output")" "$(grep -E ' \./(bin|data|root)/' sums)"
	run_cmk run --rm --net=none --userns keep-id large sh -c 'id -u; stat -c %u:%g:%a /data/small; cat /data/small'
	assert_equal "$output" "$UID"$'\n0:0:644\nsmall'
	# Another map; a read-only image mount; changes, which go to the container.
	sums_in --uidmap 0:500:1000 --gidmap 0:500:1000 large
	assert_equal "$(sort <<<"$output")" "$(grep -E ' \./(bin|data|root)/' sums)"
	run_cmk run --rm --net=none --userns keep-id --user 0 --mount type=image,src=large,dst=/l alpine sha256sum /l/root/large
	assert_match "$output" "^$(sed -n 's,  \./root/large,,p' sums)"
	run_cmk run --name c --net=none --userns keep-id --user 0 large sh -c 'echo more >>/root/large; chown 5:5 /data/small'
	run_cmk export -o out.tar c
	assert_equal "$(tar -xOf out.tar root/large | wc -c)" 200005
	assert_equal "$(fingerprint)" "$before"
	assert_equal "$(ls "$CMK_ROOT/layers")" ""
	# Not a second copy of what is large.
	told=$(du -s -B1 "$CMK_ROOT/maps" | cut -f1)
	((told < $(stat -c %s large.tar) / 2))
	run_cmk system df --format '{{.Type}} {{.Active}}'
	assert_match "$output" 'Id Maps 1'
	run_cmk system check
	run_cmk image prune -af
	run_cmk start -a c
	# The image comes into the own store, and the other one goes.
	run_cmk import -q large.tar localhost/large
	run_cmk start -a c
	sums_in --userns keep-id --user 0 localhost/large
	assert_equal "$(sort <<<"$output")" "$(grep -E ' \./(bin|data|root)/' sums)"
	run_cmk rm c
	rm "$conf"
	run_cmk rmi localhost/large
	assert_equal "$(ls "$CMK_ROOT/maps")" ""
}

@test "an own image on one of an additional store, with a map" {
	share_large
	run_cmk run --name c --net=none large sh -c 'echo new >/data/new; echo more >>/data/small; echo x >/data/a-directory-with-a-long-name/large; rm /root/large'
	run_cmk commit -q c mine
	run_cmk rm c
	run_cmk run --rm --net=none --userns keep-id --user 0 mine sh -c 'cat /data/new /data/small /data/*/large /root/secret; ls /root; sha256sum </bin/busybox'
	assert_equal "$output" $'new\nsmall\nmore\nx\nsecret\nsecret\n'"$(sed -n 's,  \./bin/busybox,  -,p' sums)"
}

@test "a map of ids of one's own: where the kernel cannot share bytes they are copied" {
	export CMK_TEST_NO_DATA_LAYERS=1
	share_large
	sums_in --userns keep-id --user 0 large
	assert_equal "$(sort <<<"$output")" "$(grep -E ' \./(bin|data|root)/' sums)"
	find "$CMK_ROOT"/maps/*/map-* -maxdepth 0 | grep -q .
	assert_equal "$(ls "$CMK_ROOT/layers")" ""
}

@test "a data directory on a network's file system cannot have the driver overlay, which is said" {
	export CMK_TEST_FS_TYPE=26985 # 0x6969
	run_cmk 125 --storage-driver overlay run --rm --net=none alpine true
	assert_error "'$CMK_ROOT' is on NFS, where no upper directory can be"
	run_cmk '?' doctor
	assert_match "$output" $'\n'"warn +storage driver .*overlay: '$CMK_ROOT' is on NFS"
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

@test "storage.conf: how root file systems are mounted" {
	load_images alpine
	run_cmk run --rm --net=none alpine grep ' / / ' /proc/self/mountinfo
	refute_match "$output" nosuid
	if grep -q volatile <<<"$output"; then
		printf '[storage.options]\ndisable-volatile = true\n' >"$conf"
		run_cmk run --rm --net=none alpine grep ' / / ' /proc/self/mountinfo
		refute_match "$output" volatile
		printf '[storage.options.overlay]\nmountopt = "volatile"\n' >"$conf"
		run_cmk run --name c --net=none alpine grep ' / / ' /proc/self/mountinfo
		assert_match "$output" volatile
		run_cmk start -a c
		assert_match "$output" volatile
		run_cmk rm c
	fi
	printf '[storage]\n[storage.options.overlay]\nmountopt = "nodev,nosuid,noatime,metacopy=on"\n' >"$conf"
	run_cmk run --name c --net=none alpine grep ' / / ' /proc/self/mountinfo
	assert_match "$output" ' / / .*nosuid,nodev,noatime'
	assert_equal "$stderr" ""
	run_cmk start -a c
	assert_match "$output" ' / / .*nosuid,nodev,noatime'
	run_cmk rm c
	# With it a program could not be started, as it says.
	printf '[storage.options]\nmountopt = "noexec"\n' >"$conf"
	run_cmk 126 run --rm --net=none alpine true
}

@test "storage.conf: what has no effect is said where a container is made, and a wrong value is an error" {
	load_images alpine
	printf '[storage.options.overlay]\nsize = "10G"\nmountopt = "xino=on"\nskip_mount_home = "true"\n' >"$conf"
	run_cmk run --rm --net=none alpine true
	assert_match "$stderr" "'storage.options.overlay.size' = '10G' is not supported and has no effect"
	assert_match "$stderr" "mountopt 'xino=on' is not supported and has no effect"
	assert_equal "$(wc -l <<<"$stderr")" 2
	run_cmk images
	assert_equal "$stderr" ""
	printf '[storage]\nunheard = "of"\n' >"$conf"
	run_cmk --log-level=debug create --net=none alpine true
	assert_match "$stderr" "storage.conf: 'storage.unheard' is not known"
	run_cmk rm -a
	printf '[storage.options.overlay]\nignore_chown_errors = "maybe"\n' >"$conf"
	run_cmk 125 run --rm --net=none alpine true
	assert_error "$conf: line 2: 'ignore_chown_errors' is neither true nor false"
}

@test "storage.conf: ignore_chown_errors gives root what belongs to ids that are not the user's" {
	mkdir -p tree/bin && cp /bin/busybox tree/bin/stat
	tar --owner=0 --group=0 -C tree -cf l.tar bin
	echo x >tree/far && echo x >tree/near
	tar --owner=4000000 --group=3 -C tree -rf l.tar far
	tar --owner=5 --group=6 -C tree -rf l.tar near
	run_cmk 125 import l.tar localhost/far:1
	assert_error '4000000:3 is beyond your subordinate ids'
	printf '[storage.options.overlay]\nignore_chown_errors = "true"\n' >"$conf"
	run_cmk import -q l.tar localhost/far:1
	run_cmk run --rm --net=none localhost/far:1 stat -c '%u:%g' /far /near
	assert_equal "$output" $'0:0\n5:6'
}

@test "--storage-opt stands in the place of the options of storage.conf, and before STORAGE_OPTS" {
	load_images alpine
	printf '[storage]\ndriver = "overlay"\n[storage.options.overlay]\nmountopt = "noatime"\nignore_chown_errors = "true"\n' >"$conf"
	options() { run_cmk "$@" info --format '{{.Store.GraphOptions}}'; }
	options
	assert_equal "$output" 'map[overlay.ignore_chown_errors:true overlay.mountopt:noatime]'
	options --storage-opt overlay.mountopt=nodev,nosuid
	assert_equal "$output" 'map[overlay.mountopt:nodev,nosuid]'
	options --storage-opt=
	assert_equal "$output" 'map[]'
	STORAGE_OPTS=overlay.ignore_chown_errors=true options
	assert_equal "$output" 'map[overlay.ignore_chown_errors:true]'
	STORAGE_OPTS=overlay.ignore_chown_errors=true options --storage-opt .mountopt=nodev
	assert_equal "$output" 'map[overlay.mountopt:nodev]'
	mkdir one two
	run_cmk info --storage-opt "overlay.imagestore=$T/one" --storage-opt "overlay.imagestore=$T/two" \
		--format '{{index .Store.GraphOptions "overlay.additionalImageStores"}} {{index .Store.GraphOptions "overlay.imagestore"}}'
	assert_equal "$output" "[$T/one $T/two] $T/two"
	run_cmk --storage-opt overlay.mountopt=nosuid run --rm --net=none alpine grep ' / / ' /proc/self/mountinfo
	assert_match "$output" ' / / .*nosuid'
	run_cmk --storage-opt overlay.size=10G run --rm --net=none alpine true
	assert_match "$stderr" "'size' = '10G' is not supported and has no effect"
	for bad in overlay.nonesuch=1 zfs.fsname=x overlay.mountopt overlay.imagestore=relative vfs.ignore_chown_errors=maybe; do
		run_cmk 125 --storage-opt "$bad" run --rm --net=none alpine true
		assert_error "storage option '$bad"
	done
}

@test "an image store by --storage-opt: its images run, and are not written" {
	"$CMK_BIN" --root "$T/cache" --runroot "$T/cacherun" pull -q "$REGISTRY/library/alpine"
	run_cmk images -q
	assert_equal "$output" ""
	run_cmk --storage-opt "vfs.imagestore=$T/cache" --storage-opt "overlay.imagestore=$T/absent" images --format '{{.Repository}} {{.ReadOnly}}'
	assert_equal "$output" "$REGISTRY/library/alpine true"
	run_cmk --storage-opt "overlay.imagestore=$T/cache" run --rm --net=none "$REGISTRY/library/alpine" echo ran
	assert_equal "$output" ran
}
