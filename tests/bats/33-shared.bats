#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Files that layers of different images have in common are one file on the disk.
load helpers

setup() {
	common_setup
	export CMK_KEEP_BLOBS=never
}

# An image NAME: busybox, a library of 2 MiB that two have, and a file of its own of 1 MiB.
make_image() {
	local name=$1 fs
	fs=$(rootfs)
	mkdir -p "$fs/usr/lib"
	yes library | head -c 2097152 >"$fs/usr/lib/common.so"
	yes "$name" | head -c 1048576 >"$fs/usr/lib/own.so"
	find "$fs" -exec touch -h -d @1700000000 {} +
	tar -C "$fs" --owner=0 --group=0 --sort=name -cf "$name.tar" .
	run_cmk import -q "$name.tar" "localhost/$name"
}

# Of the file in each layer.
inodes() { find "$CMK_ROOT"/layers/*/diff/"$1" -printf '%i\n' | sort -u; }
entries() { find "$CMK_ROOT/files" -type f 2>/dev/null | wc -l; }
raw_saved() { cmk system df --format '{{.Type}} {{.RawSaved}}' | sed -n 's/^Images //p'; }

@test "what two images have in common is there once, and stays until neither has it" {
	make_image one
	assert_equal "$(raw_saved)" 0
	make_image two
	assert_equal "$(inodes usr/lib/common.so | wc -l)" 1
	assert_equal "$(inodes usr/lib/own.so | wc -l)" 2
	# A container that writes to it has a copy of its own.
	run_cmk run --rm --net=none localhost/one sh -c 'echo x >>/usr/lib/common.so; chmod 0600 /usr/lib/common.so; tail -n 1 /usr/lib/common.so'
	assert_equal "$output" x
	run_cmk run --rm --net=none localhost/two sh -c 'stat -c "%a %s %Y" /usr/lib/common.so'
	assert_equal "$output" "644 2097152 1700000000"
	run_cmk system check
	run_cmk rmi one
	run_cmk run --rm --net=none localhost/two sha256sum /usr/lib/common.so
	assert_match "$output" "^$(yes library | head -c 2097152 | sha256sum | cut -d' ' -f1)"
	run_cmk rmi two
	assert_equal "$(entries)" 0
}

@test "layers are told byte for byte, and directories keep their times" {
	make_image one
	make_image two
	run_cmk save --format oci-dir -o out localhost/two
	local layer
	layer=$(jq -r '.layers[0].digest' "out/blobs/sha256/$(jq -r '.manifests[0].digest' out/index.json | cut -d: -f2)")
	cmp <(zcat <"out/blobs/sha256/${layer#sha256:}") two.tar
	run_cmk run --rm --net=none localhost/two stat -c %Y /usr/lib /bin
	assert_equal "$output" $'1700000000\n1700000000'
}

@test "files of one image are never made one" {
	local fs
	fs=$(rootfs)
	yes a | head -c 100000 >"$fs/a"
	cp "$fs/a" "$fs/b"
	find "$fs" -exec touch -h -d @1700000000 {} +
	tar -C "$fs" --owner=0 --group=0 -cf twins.tar .
	run_cmk import -q twins.tar twins
	run_cmk run --name c --net=none twins sh -c 'cp -p /a /c; cp /a /b && ls -i /a /b /c'
	assert_equal "$(awk '{print $1}' <<<"$output" | sort -u | wc -l)" 3
	run_cmk commit -q c localhost/again
	run_cmk run --rm --net=none localhost/again sh -c 'cp /a /c; cp /b /a; stat -c %i /a /b /c | sort -u | wc -l'
	assert_equal "$output" 3
	run_cmk export -o out.tar c
	refute_match "$(tar -tvf out.tar | grep -E ' (a|b|c)( |$)')" 'link to'
	run_cmk rm c
}

@test "with a map of ids, too" {
	make_image one
	make_image two
	for name in one two; do
		run_cmk run --rm --net=none --userns keep-id --user 0 localhost/$name sh -c 'sha256sum </usr/lib/common.so; stat -c %u:%s /usr/lib/common.so'
		assert_equal "$output" "$(yes library | head -c 2097152 | sha256sum)"$'\n0:2097152'
	done
	assert_equal "$(inodes usr/lib/common.so | wc -l)" 1
	run_cmk rmi one
	run_cmk run --rm --net=none --userns keep-id --user 0 localhost/two sh -c 'sha256sum </usr/lib/common.so'
	assert_equal "$output" "$(yes library | head -c 2097152 | sha256sum)"
	run_cmk rmi two
	assert_equal "$(entries)" 0
}

@test "df tells what is saved, and its sizes are those of the disk" {
	make_image one
	make_image two
	run_cmk run --name c --net=none --userns keep-id localhost/one true
	run_cmk system df -v
	# Busybox and the library, or the own file alone.
	assert_match "$output" $'\n''localhost/one +latest +[^ ]+ +[^ ]+ [a-z]+ +[^ ]+ +[0-9.]+MB +1\.[0-9]+MB +1 *'$'\n'
	assert_match "$output" $'\nShared Data space usage:\n\nTYPE +TOTAL +SIZE +SAVED *\nFiles of layers +[1-9][0-9]* +[2-9][0-9.]*MB +[2-9][0-9.]*MB *\nId maps +1 +'
	(($(raw_saved) >= 2097152))
	run_cmk system df --format '{{.Type}} {{.Total}} {{.Active}}'
	assert_match "$output" $'\nId Maps 1 1$'
	local told taken
	told=$(cmk system df --format '{{.RawSize}}' | awk '{n += $1} END {print n}')
	taken=$(du -s -B1 "$CMK_ROOT" | cut -f1)
	((told > taken * 9 / 10 && told < taken * 11 / 10)) || {
		echo "told $told, taken $taken"
		return 1
	}
	run_cmk rm c
	run_cmk system df --format '{{.Type}} {{.Total}} {{.Active}} {{.Reclaimable}}'
	assert_match "$output" $'\nId Maps 1 0 .*\(100%\)$'
}

@test "a damaged file is not given to the next image; the first is found damaged" {
	make_image one
	local f
	f=$(find "$CMK_ROOT"/layers/*/diff/usr/lib/common.so)
	printf '!' | dd of="$f" bs=1 seek=12345 conv=notrunc 2>/dev/null
	touch -d @1700000000 "$f"
	make_image two
	run_cmk run --rm --net=none localhost/two sha256sum /usr/lib/common.so
	assert_match "$output" "^$(yes library | head -c 2097152 | sha256sum | cut -d' ' -f1)"
	run_cmk 125 system check
	assert_match "$output$stderr" 'usr/lib/common.so'
	assert_equal "$(grep -c 'common.so' <<<"$output$stderr")" 1
	run_cmk 0 system check --repair
	run_cmk system check
	run_cmk rmi two
	assert_equal "$(entries)" 0
}

@test "what a killed import shared already is not left" {
	make_image one
	make_image two
	run_cmk rmi two
	local before
	before=$(entries)
	for delay in 0.02 0.05 0.1 0.15; do
		cmk import -q two.tar localhost/two >/dev/null 2>&1 &
		sleep "$delay"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
	done
	run_cmk import -q two.tar localhost/two
	run_cmk system check
	run_cmk rmi two
	# One that was done before it was killed has lost its name to the next.
	run_cmk image prune -f
	run_cmk system check --repair
	assert_equal "$(entries)" "$before"
}
