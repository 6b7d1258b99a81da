#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Layers that lie: each gives one clear line, or is made harmless, and nothing is left or made elsewhere.
load helpers

# make_tar FILE: python lines on stdin, with file(), link(), hard(), dir(), node() and raw().
make_tar() {
	python3 - "$1" 3<&0 <<-'END'
		import io, os, sys, tarfile
		out = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
		def add(name, type, data=b"", **kw):
		    t = tarfile.TarInfo(name)
		    t.type, t.size, t.mode = type, len(data), 0o755
		    for k, v in kw.items():
		        setattr(t, k, v)
		    out.addfile(t, io.BytesIO(data))
		def file(name, data=b"x", **kw): add(name, tarfile.REGTYPE, data, **kw)
		def dir(name, **kw): add(name, tarfile.DIRTYPE, **kw)
		def link(name, to, **kw): add(name, tarfile.SYMTYPE, linkname=to, **kw)
		def hard(name, to, **kw): add(name, tarfile.LNKTYPE, linkname=to, **kw)
		def node(name, **kw): add(name, tarfile.CHRTYPE, **kw)
		exec(os.fdopen(3).read())
		out.close()
	END
}

# What an import of $1 must leave behind when it fails: nothing.
refuse_layer() {
	echo untouched >"$T/canary"
	run_cmk 125 import "$1" localhost/hostile
	assert_error "$2"
	run_cmk images -q
	assert_equal "$output" ""
	assert_equal "$(ls -A "$CMK_ROOT/layers")" ""
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
	assert_equal "$(cat "$T/canary")" untouched
	assert [ ! -e "$T/evil" ]
}

@test "names with '..' that lead out are refused" {
	make_tar a.tar <<<'file("../evil")'
	refuse_layer a.tar "'../evil'.*out of the layer"
	make_tar b.tar <<<'dir("a"); file("a/../../evil")'
	refuse_layer b.tar "out of the layer"
	make_tar c.tar <<<"file('$T/../../../../../../../..$T/evil')"
	refuse_layer c.tar "out of the layer"
}

@test "absolute names land below the root" {
	make_tar a.tar <<<"file('$T/evil')"
	run_cmk import a.tar localhost/absolute
	assert [ ! -e "$T/evil" ]
	assert [ -e "$CMK_ROOT"/layers/*/diff"$T/evil" ]
}

@test "a link out of the root, then a write through it" {
	make_tar a.tar <<<"link('out', '$T'); file('out/evil')"
	refuse_layer a.tar "out/evil"
	make_tar b.tar <<<'link("up", "../../../../.."); file("up/evil")'
	run_cmk import b.tar localhost/up
	# Inside a root ".." ends at that root.
	assert [ -f "$CMK_ROOT"/layers/*/diff/evil ]
}

@test "a file in place of a link does not follow it" {
	make_tar a.tar <<<"link('l', '$T/canary'); file('l', b'overwritten')"
	echo untouched >canary
	run_cmk import a.tar localhost/replace
	assert_equal "$(cat canary)" untouched
	assert_equal "$(cat "$CMK_ROOT"/layers/*/diff/l)" overwritten
}

@test "hard links to files outside are refused" {
	echo secret >canary-2
	make_tar a.tar <<<"hard('h', '../../../../../../..$T/canary-2')"
	refuse_layer a.tar "outside of the layer"
	make_tar b.tar <<<"hard('h', '$T/canary-2')"
	refuse_layer b.tar "no such file"
	make_tar c.tar <<<"link('d', '$T'); hard('h', 'd/canary-2')"
	refuse_layer c.tar "hard link"
	assert_equal "$(stat -c %h canary-2)" 1
}

@test "the root of a layer is not replaced by a link" {
	make_tar a.tar <<<"link('.', '$T')"
	refuse_layer a.tar "root of a layer must be a directory"
	make_tar b.tar <<<"link('./', '$T'); file('evil')"
	refuse_layer b.tar "root of a layer must be a directory"
}

@test "whiteouts do not reach out" {
	make_tar a.tar <<<"link('d', '$T'); file('d/.wh.canary', b'')"
	refuse_layer a.tar "canary"
	make_tar b.tar <<<"file('.wh...', b'')"
	refuse_layer b.tar "whiteout"
	make_tar c.tar <<<"link('d', '$T'); file('d/.wh..wh..opq', b'')"
	refuse_layer c.tar "d/.wh..wh..opq"
}

@test "devices are left out, also the one that overlay takes for a whiteout" {
	make_tar a.tar <<<'node("null", devmajor=1, devminor=3); node("white"); file("after")'
	run_cmk import a.tar localhost/devices
	assert_equal "$(ls "$CMK_ROOT"/layers/*/diff)" after
}

@test "overlay attributes of a layer do not act" {
	make_tar a.tar <<-'END'
		dir("d", pax_headers={"SCHILY.xattr.user.overlay.opaque": "y", "SCHILY.xattr.trusted.overlay.opaque": "y"})
		file("f", pax_headers={"SCHILY.xattr.user.overlay.metacopy": "", "SCHILY.xattr.user.overlay.redirect": "/etc/shadow"})
		dir("e", pax_headers={"SCHILY.xattr.user.fuseoverlayfs.opaque": "y"})
	END
	run_cmk import a.tar localhost/attributes
	cd "$CMK_ROOT"/layers/*/diff
	refute_match "$(getfattr -m - -d d f)" 'user\.overlay\.(opaque|metacopy|redirect)='
	refute_match "$(getfattr -m - -d e)" $'\nuser\\.fuseoverlayfs'
	assert_match "$(getfattr -m - -d e)" 'user\.overlay\.cmk\.user\.fuseoverlayfs\.opaque="y"'
	assert_match "$(getfattr -m - -d d)" 'user\.overlay\.overlay\.opaque="y"'
}

@test "attributes of one entry are bounded, however many headers bring them" {
	python3 - <<-'END'
		import tarfile
		def pax(i):
		    t = tarfile.TarInfo("f")
		    t.pax_headers = {"SCHILY.xattr.user.a%d.%d" % (i, j): "v" * 60000 for j in range(16)}
		    return t.tobuf(tarfile.PAX_FORMAT)[:-512]
		open("a.tar", "wb").write(b"".join(pax(i) for i in range(20)) + tarfile.TarInfo("f").tobuf() + bytes(1024))
	END
	refuse_layer a.tar "too many or too large extended attributes"
}

@test "a whiteout hides what lower layers have, and nothing of its own layer" {
	make_tar a.tar <<<'file(".wh.d", b""); file("d/e/f")'
	run_cmk import a.tar localhost/a
	assert [ -f "$CMK_ROOT"/layers/*/diff/d/e/f ]
	assert_match "$(getfattr -m - -d "$CMK_ROOT"/layers/*/diff/d)" 'user\.overlay\.opaque="y"'
	run_cmk save -q -o s.tar localhost/a
	tar -xOf s.tar --wildcards '*.tar' | cmp - a.tar
}

@test "a name of 4096 bytes is one clear error" {
	make_tar a.tar <<<'file("d/" * 2000 + "n" * 96)'
	refuse_layer a.tar "4096 bytes .at most 4095"
	make_tar b.tar <<<'file("n" * 300)'
	refuse_layer b.tar "file name too long"
}

@test "names with control characters do not reach the terminal" {
	make_tar a.tar <<<'file("../\x1b]0;title\x07evil")'
	refuse_layer a.tar "evil"
	refute_match "$stderr" $'\x1b'
	# Nor those of C1, which a terminal takes too: this one is CSI.
	make_tar b.tar <<<'file("../\u009b31mevil")'
	refuse_layer b.tar "evil"
	refute_match "$stderr" $'\u009b'
}

@test "a size beyond the data is refused" {
	make_tar a.tar <<<'file("f", b"x" * 5000)'
	head -c 2000 a.tar >cut.tar
	refuse_layer cut.tar "ends in the middle"
	# 8 EiB in base-256, and a checksum that is right.
	python3 - <<-'END'
		import tarfile
		t = tarfile.TarInfo("huge"); t.size = (1 << 62)
		open("huge.tar", "wb").write(t.tobuf(tarfile.GNU_FORMAT) + b"x" * 4096)
	END
	refuse_layer huge.tar "ends in the middle"
}

@test "a sparse file larger than the file system is refused" {
	make_tar a.tar <<<'file("s", b"", pax_headers={"GNU.sparse.size": "4611686018427387904", "GNU.sparse.map": ""})'
	refuse_layer a.tar "sparse file"
}

@test "truncated and damaged gzip, zstd, xz and bzip2" {
	make_tar a.tar <<<'import os; file("f", os.urandom(200000))'
	gzip -k a.tar
	zstd -q a.tar
	head -c 100000 a.tar.gz >cut.gz
	refuse_layer cut.gz "gzip data is cut short|ends in the middle"
	head -c 100000 a.tar.zst >cut.zst
	refuse_layer cut.zst "zstd data is cut short|ends in the middle"
	cp a.tar.gz bad.gz
	printf '\xff\xff\xff\xff' | dd of=bad.gz bs=1 seek=100000 conv=notrunc status=none
	# The check sum of the data is wrong.
	printf '\0\0\0\0' | dd of=bad.gz bs=1 seek=$(($(stat -c %s bad.gz) - 8)) conv=notrunc status=none
	refuse_layer bad.gz "damaged gzip"
	(cat a.tar.gz && echo junk) >junk.gz
	refuse_layer junk.gz "damaged gzip|gzip data is cut short"
	local z name
	xz -k a.tar
	bzip2 -k a.tar
	for z in xz:xz bz2:bzip2; do
		name=${z#*:} z=a.tar.${z%:*}
		head -c 100000 "$z" >cut
		refuse_layer cut "$name data is cut short|ends in the middle"
		cp "$z" bad
		printf '\xff\xff\xff\xff' | dd of=bad bs=1 seek=100000 conv=notrunc status=none
		refuse_layer bad "damaged $name|not a tar header"
		(cat "$z" && echo junk) >junk
		refuse_layer junk "damaged $name|$name data is cut short"
	done
	# Less than whole words of padding.
	(cat a.tar.xz && printf '\0\0\0') >padded
	refuse_layer padded "damaged xz|xz data is cut short"
}

@test "a dictionary of xz that would take all memory is refused before it is made" {
	make_tar a.tar <<<'file("f", b"data" * 1000)'
	python3 - <<-'END'
		import lzma, struct, zlib
		x = bytearray(lzma.compress(open("a.tar", "rb").read()))
		size = (x[12] + 1) * 4
		x[16] = 40
		x[12 + size - 4:12 + size] = struct.pack("<I", zlib.crc32(bytes(x[12:12 + size - 4])))
		open("huge.xz", "wb").write(x)
	END
	refuse_layer huge.xz "xz data wants 409[0-9] MiB of memory"
	# The largest that xz makes by its levels.
	xz -9e -k a.tar
	run_cmk import a.tar.xz localhost/nine
}

@test "bombs by xz and bzip2 end at the disk's limit" {
	[ -d "$FULL_8M" ] || skip "the fixture has no small file system"
	make_tar a.tar <<<'[file("f%d" % i, b"x" * (4 << 20)) for i in range(16)]'
	xz -k a.tar
	bzip2 -k a.tar
	assert [ "$(stat -c %s a.tar.bz2)" -lt 10000 ]
	CMK_ROOT=$FULL_8M/store-$BATS_TEST_NUMBER
	printf '#!/bin/sh\nexec %s --root "%s" --runroot "%s" "$@"\n' "$CMK_BIN" "$CMK_ROOT" "$CMK_RUNROOT" >"$T/bin/cmk"
	local z
	for z in xz bz2; do
		run_cmk 125 import "a.tar.$z" localhost/full
		assert_error "file system of '$CMK_ROOT' is full"
		run_cmk 125 load -i "a.tar.$z"
		assert_error "full|space"
		assert_equal "$(ls -A "$CMK_ROOT/layers")$(ls -A "$CMK_ROOT/tmp")" ""
	done
	rm -rf "$CMK_ROOT"
}

@test "what is no archive at all" {
	echo "this is not a tar file" >text
	refuse_layer text "ends in the middle|not a tar"
	head -c 10000 /dev/urandom >random
	refuse_layer random "not a tar header"
	xz -c text >text.xz
	refuse_layer text.xz "ends in the middle|not a tar"
	# A name that begins as bzip2 does.
	make_tar a.tar <<<'file("BZh9")'
	run_cmk import a.tar localhost/name
}

@test "several gzip members, zstd frames, xz and bzip2 streams are one archive" {
	make_tar a.tar <<<'file("f", b"data" * 10000)'
	(head -c 1000 a.tar | gzip && tail -c +1001 a.tar | gzip) >a.gz
	(head -c 1000 a.tar | zstd -q && tail -c +1001 a.tar | zstd -q) >a.zst
	run_cmk import a.gz localhost/members
	run_cmk import a.zst localhost/frames
	(head -c 1000 a.tar | xz && head -c 8 /dev/zero && tail -c +1001 a.tar | xz) >a.xz
	(head -c 1000 a.tar | bzip2 && tail -c +1001 a.tar | bzip2) >a.bz2
	run_cmk import a.xz localhost/streams
	run_cmk import a.bz2 localhost/streams
	# The same bytes: one layer.
	assert_equal "$(ls "$CMK_ROOT/layers" | wc -l)" 1
	assert_equal "$(stat -c %s "$CMK_ROOT"/layers/*/diff/f)" 40000
}

@test "an owner beyond the subordinate ids is named" {
	make_tar a.tar <<<'file("f", uid=70000, gid=3)'
	refuse_layer a.tar "70000:3 is beyond your subordinate ids.*subuid"
}

@test "a full disk: one error that names the place, and nothing is left" {
	[ -d "$FULL_8M" ] || skip "the fixture has no small file system"
	make_tar a.tar <<<'import os; [file("f%d" % i, os.urandom(1 << 20)) for i in range(12)]'
	CMK_ROOT=$FULL_8M/store-$BATS_TEST_NUMBER
	printf '#!/bin/sh\nexec %s --root "%s" --runroot "%s" "$@"\n' "$CMK_BIN" "$CMK_ROOT" "$CMK_RUNROOT" >"$T/bin/cmk"
	run_cmk 125 import a.tar localhost/full
	assert_error "file system of '$CMK_ROOT' is full"
	assert_equal "$(ls -A "$CMK_ROOT/layers")$(ls -A "$CMK_ROOT/tmp")" ""
	rm -rf "$CMK_ROOT"
}
