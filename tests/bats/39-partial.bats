#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Layers of which the store has most of the files: only the rest is fetched. What the proxy before the registry
# saw says how much that was.
load helpers
load proxy

teardown() {
	proxy_stop
	common_teardown
}

repo() { echo "chunked-${TEST_CG##*/}-$BATS_TEST_NUMBER"; }

# Three large files and some small ones.
tree() {
	mkdir -p tree/bin tree/etc tree/empty
	cp /bin/busybox tree/bin/busybox
	ln -s busybox tree/bin/cat
	ln tree/bin/busybox tree/bin/sh
	for i in 1 2 3; do head -c 700000 /dev/urandom >"tree/file$i"; done
	for i in $(seq 20); do echo "$i" >"tree/etc/$i"; done
	: >tree/etc/none
	chmod 4755 tree/file2
}

# image TAG COMPRESSION: what is in tree/, pushed by skopeo. Its compressor loses what follows the end of an archive.
image() {
	rm -rf layout plain
	umoci init --layout layout
	umoci new --image layout:one
	tar -b1 --sort=name --owner=0 --group=0 -C tree -cf layer.tar .
	umoci raw add-layer --image layout:one layer.tar >/dev/null
	umoci config --image layout:one --config.cmd /bin/cat --config.cmd /etc/7
	skopeo copy -q --insecure-policy --dest-decompress oci:layout:one dir:plain
	skopeo copy -q --insecure-policy --dest-tls-verify=false --format oci --dest-compress-format "$2" \
		dir:plain "docker://$REGISTRY/$(repo):$1"
	CONFIG=$(jq -r .config.digest plain/manifest.json)
}

blob_size() { skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/$(repo):$1" | jq '.layers[0].size'; }
# Bytes of blobs in ranges that were asked for, and how many were asked for as a whole.
in_ranges() {
	sed -n 's/.*range=bytes=\([0-9]*\)-\([0-9]*\) .*status=206$/\1 \2/p' proxy/requests | awk '{ n += $2 - $1 + 1 } END { print n + 0 }'
}
whole() { grep -c "blobs/.*range=- " proxy/requests || true; }

# The files of the image TAG are those of tree/.
same_files() {
	run_cmk create --name "c$1" "$PROXY/$(repo):$1"
	mkdir out
	cmk export "c$1" | tar -xp --no-same-owner -C out
	assert diff -r --no-dereference tree out
	assert_equal "$(stat -c %a:%Y out/file2)" "$(stat -c %a:%Y tree/file2)"
	assert_equal "$(stat -c %i out/bin/sh)" "$(stat -c %i out/bin/busybox)"
	rm -rf out
	run_cmk rm "c$1"
}

# bats test_tags=long
@test "zstd:chunked of containers/storage: files that are here are not fetched" {
	proxy_start
	tree
	image one zstd:chunked
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):one"
	same_files one
	# Another file, another name for an old one, the rest as it was.
	head -c 700000 /dev/urandom >tree/file1
	mv tree/file3 tree/etc/moved
	echo new >tree/etc/7
	image two zstd:chunked
	: >proxy/requests
	run_cmk pull --tls-verify=false "$PROXY/$(repo):two"
	assert_match "$stderr" 'Copying blob sha256:[0-9a-f]+'
	assert [ "$(in_ranges)" -gt 700000 ]
	assert [ "$(in_ranges)" -lt 1000000 ]
	# The config alone.
	assert_equal "$(whole)" 1
	same_files two
	run_cmk image inspect --format '{{.Id}}' "$PROXY/$(repo):two"
	assert_equal "sha256:$output" "$CONFIG"
	run_cmk run --rm --net=none "$PROXY/$(repo):two"
	assert_equal "$output" new
	# What was put together is a layer like any other.
	run_cmk save -q -o saved.tar "$PROXY/$(repo):two"
	assert_equal "$(tar -xOf saved.tar "$(tar -xOf saved.tar manifest.json | jq -r '.[0].Layers[0]')" | sha256sum)" "$(sha256sum <layer.tar)"
}

# bats test_tags=long
@test "a layer of which little is here is fetched as a whole" {
	proxy_start
	tree
	image one zstd:chunked
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):one"
	for i in 1 2 3; do head -c 900000 /dev/urandom >"tree/file$i"; done
	echo >>tree/bin/busybox
	image two zstd:chunked
	: >proxy/requests
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):two"
	assert_equal "$(whole)" 2
	assert [ "$(in_ranges)" -lt 100000 ]
	same_files two
}

# bats test_tags=long
@test "a registry without ranges, or one that breaks off: the whole layer, or the rest of the range" {
	local how
	proxy_start
	tree
	image one zstd:chunked
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):one"
	echo other >tree/etc/7
	image two zstd:chunked
	proxy_stop
	for how in norange badrange wrongrange; do
		proxy_start "/blobs/=$how"
		run_cmk pull -q --tls-verify=false "$PROXY/$(repo):two"
		same_files two
		assert_equal "$(whole)" 2
		run_cmk rmi "$PROXY/$(repo):two"
		proxy_stop
	done
	# The first is the config.
	proxy_start '/blobs/=cut:500000*1' '/blobs/=cut:1000*2'
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):two"
	same_files two
	assert_equal "$(whole)" 1
}

# bats test_tags=long
@test "a blob that was changed on the way is not believed" {
	proxy_start
	tree
	image one zstd:chunked
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):one"
	echo other >tree/etc/7
	image two zstd:chunked
	proxy_stop
	# The table of contents, and what comes after it.
	proxy_start '/blobs/=cut:5000000*1' '/blobs/=alter:40*1'
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):two"
	assert_equal "$(whole)" 2
	same_files two
	run_cmk rmi "$PROXY/$(repo):two"
	proxy_stop
	proxy_start '/blobs/=cut:5000000*2' '/blobs/=alter:40*1'
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):two"
	assert_equal "$(whole)" 2
	same_files two
}

# bats test_tags=long
@test "a file of the store that was damaged is noticed, and the layer fetched" {
	local file
	proxy_start
	tree
	image one zstd:chunked
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):one"
	file=$(echo "$CMK_ROOT"/layers/*/diff/file3)
	printf X | cmk unshare dd of="$file" bs=1 seek=1000 conv=notrunc status=none
	echo other >tree/etc/7
	image two zstd:chunked
	: >proxy/requests
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):two"
	assert_equal "$(whole)" 2
	same_files two
}

# bats test_tags=long
@test "push --compression-format zstd:chunked: zstd for everybody, and parts for who wants them" {
	local blob n
	tree
	tar --sort=name -C tree -cf one.tar .
	run_cmk import -q -c 'CMD ["cat", "/etc/7"]' one.tar localhost/one:1
	run_cmk push -q --tls-verify=false --compression-format zstd:chunked localhost/one:1 "$REGISTRY/$(repo):one"
	head -c 700000 /dev/urandom >tree/file1
	echo new >tree/etc/7
	tar --sort=name -C tree -cf two.tar .
	run_cmk import -q -c 'CMD ["cat", "/etc/7"]' two.tar localhost/two:1
	run_cmk push -q --tls-verify=false --compression-format zstd:chunked localhost/two:1 "$REGISTRY/$(repo):two"
	run_cmk image inspect --format '{{.Id}}' localhost/two:1
	CONFIG=$output
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/$(repo):two" dir:copied
	assert_equal "$(jq -r '.layers[0].annotations | keys | join(" ")' copied/manifest.json | sed 's/io.github.containers.zstd-chunked.//g')" \
		'manifest-checksum manifest-position tarsplit-position'
	blob=copied/$(jq -r '.layers[0].digest' copied/manifest.json | cut -d: -f2)
	assert_equal "$(zstd -dcq <"$blob" | sha256sum)" "$(sha256sum <two.tar)"
	# The footer says where the table is, and the table where the files are.
	n=$(tail -c 64 "$blob" | od -An -v -t u8 -w8 | head -2 | xargs)
	tail -c +$((${n% *} + 1)) "$blob" | head -c "${n#* }" | zstd -dcq >toc
	assert_equal "$(jq -r '.entries[] | select(.name == "./file1") | .digest' toc)" "sha256:$(sha256sum <tree/file1 | cut -d' ' -f1)"
	n=$(jq -r '.entries[] | select(.name == "./etc/7") | "\(.offset) \(.endOffset)"' toc)
	assert_equal "$(tail -c +$((${n% *} + 1)) "$blob" | head -c $((${n#* } - ${n% *})) | zstd -dcq)" new
	run_cmk rmi localhost/two:1 localhost/one:1
	proxy_start
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):one"
	: >proxy/requests
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):two"
	assert_equal "$output" "$CONFIG"
	assert_equal "$(whole)" 1
	assert [ "$(in_ranges)" -gt 700000 ]
	assert [ "$(in_ranges)" -lt 760000 ]
	# The table, the file, and the small one.
	assert [ "$(requests 'status=206')" -le 3 ]
	same_files two
}

# stargz TAG: what is in tree/ as an eStargz, written as stargz-snapshotter's docs/estargz.md says: each file's data in
# members of gzip of its own, in chunks; then the table of contents as an entry of the archive; then the footer.
stargz() {
	rm -rf layout
	python3 - <<-'END'
		import gzip, hashlib, io, json, os, struct, tarfile, zlib
		CHUNK = 256 << 10
		blob, stream, member, toc = bytearray(), hashlib.sha256(), bytearray(), []
		def add(data):
		    stream.update(data)
		    member.extend(data)
		def close():
		    if member:
		        blob.extend(gzip.compress(bytes(member), mtime=0))
		        member.clear()
		def sha(data): return "sha256:" + hashlib.sha256(data).hexdigest()
		def header(t):
		    add(t.tobuf(tarfile.PAX_FORMAT))
		def payload(name, data, entry):
		    for at in range(0, len(data), CHUNK):
		        part = data[at:at + CHUNK]
		        close()
		        e = entry if at == 0 else {"name": name, "type": "chunk"}
		        e["offset"], e["chunkDigest"] = len(blob), sha(part)
		        if at:
		            e["chunkOffset"] = at
		        if len(part) == CHUNK:
		            e["chunkSize"] = CHUNK
		        add(part)
		        toc.append(e)
		    close()
		    add(bytes(-len(data) % 512))
		def put(t, data=b""):
		    kinds = {tarfile.DIRTYPE: "dir", tarfile.REGTYPE: "reg", tarfile.SYMTYPE: "symlink", tarfile.LNKTYPE: "hardlink"}
		    e = {"name": t.name + ("/" if t.isdir() else ""), "type": kinds[t.type], "mode": t.mode, "uid": 0, "gid": 0,
		        "modtime": "2024-01-01T00:00:00Z"}
		    if t.linkname:
		        e["linkName"] = t.linkname
		    header(t)
		    if t.isreg():
		        e["size"], e["digest"] = len(data), sha(data)
		    if data:
		        payload(t.name, data, e)
		    else:
		        toc.append(e)
		def named(name, data):
		    t = tarfile.TarInfo(name)
		    t.size = len(data)
		    return t
		put(named(".no.prefetch.landmark", b"\x0f"), b"\x0f")
		seen = {}
		for dir, dirs, files in os.walk("tree"):
		    dirs.sort()
		    for name in sorted(files) + dirs:
		        path = os.path.join(dir, name)
		        st = os.lstat(path)
		        t = tarfile.TarInfo(os.path.relpath(path, "tree"))
		        t.mode, t.mtime = st.st_mode & 0o7777, int(st.st_mtime)
		        if os.path.islink(path):
		            t.type, t.linkname = tarfile.SYMTYPE, os.readlink(path)
		        elif os.path.isdir(path):
		            t.type = tarfile.DIRTYPE
		        elif st.st_ino in seen:
		            t.type, t.linkname = tarfile.LNKTYPE, seen[st.st_ino]
		        else:
		            seen[st.st_ino] = t.name
		            t.size = st.st_size
		        put(t, open(path, "rb").read() if t.type == tarfile.REGTYPE else b"")
		close()
		table = json.dumps({"version": 1, "entries": toc}, indent="\t").encode()
		place = len(blob)
		header(named("stargz.index.json", table))
		add(table + bytes(-len(table) % 512) + bytes(1024))
		close()
		extra = b"SG" + struct.pack("<H", 22) + b"%016x" % place + b"STARGZ"
		blob += b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + struct.pack("<H", len(extra)) + extra
		blob += b"\x01\0\0\xff\xff" + bytes(8)
		def keep(data):
		    os.makedirs("layout/blobs/sha256", exist_ok=True)
		    open("layout/blobs/sha256/" + sha(data)[7:], "wb").write(data)
		    return {"digest": sha(data), "size": len(data)}
		O = "application/vnd.oci.image."
		config = keep(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/cat", "/etc/7"]},
		    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + stream.hexdigest()]}}).encode())
		layer = {"mediaType": O + "layer.v1.tar+gzip", **keep(bytes(blob)),
		    "annotations": {"containerd.io/snapshot/stargz/toc.digest": sha(table)}}
		manifest = keep(json.dumps({"schemaVersion": 2, "mediaType": O + "manifest.v1+json",
		    "config": {"mediaType": O + "config.v1+json", **config}, "layers": [layer]}).encode())
		json.dump({"schemaVersion": 2, "manifests": [{"mediaType": O + "manifest.v1+json", **manifest,
		    "annotations": {"org.opencontainers.image.ref.name": "one"}}]}, open("layout/index.json", "w"))
		json.dump({"imageLayoutVersion": "1.0.0"}, open("layout/oci-layout", "w"))
		open("diff_id", "w").write(stream.hexdigest())
	END
	skopeo copy -q --insecure-policy --preserve-digests --dest-tls-verify=false oci:layout:one "docker://$REGISTRY/$(repo):$1"
	CONFIG=$(skopeo inspect --raw oci:layout:one | jq -r .config.digest)
}

# Its own files are no part of the tree.
same_stargz_files() {
	run_cmk create --name "c$1" "$PROXY/$(repo):$1"
	mkdir out
	cmk export "c$1" | tar -xp --no-same-owner -C out
	rm out/stargz.index.json out/.no.prefetch.landmark
	assert diff -r --no-dereference tree out
	assert_equal "$(stat -c %a:%Y out/file2)" "$(stat -c %a:%Y tree/file2)"
	assert_equal "$(stat -c %i out/bin/sh)" "$(stat -c %i out/bin/busybox)"
	rm -rf out
	run_cmk rm "c$1"
}

# bats test_tags=long
@test "eStargz: files that are here are not fetched, and the layer is the same" {
	local size
	proxy_start
	tree
	stargz one
	# It is what it should be for everybody else.
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/$(repo):one" dir:copied
	assert_equal "$(zcat copied/"$(jq -r '.layers[0].digest' copied/manifest.json | cut -d: -f2)" | sha256sum | cut -d' ' -f1)" "$(cat diff_id)"
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):one"
	same_stargz_files one
	head -c 700000 /dev/urandom >tree/file1
	mv tree/file3 tree/etc/moved
	echo new >tree/etc/7
	stargz two
	size=$(blob_size two)
	: >proxy/requests
	run_cmk pull --tls-verify=false "$PROXY/$(repo):two"
	assert [ "$(in_ranges)" -gt 700000 ]
	# Where the last chunk of a file ends is not told: those are fetched, too.
	assert [ "$(in_ranges)" -lt 1200000 ]
	assert [ "$(in_ranges)" -lt "$((size / 2))" ]
	# The config alone.
	assert_equal "$(whole)" 1
	same_stargz_files two
	run_cmk image inspect --format '{{.Id}} {{index .RootFS.Layers 0}}' "$PROXY/$(repo):two"
	assert_equal "sha256:$output" "$CONFIG sha256:$(cat diff_id)"
	run_cmk run --rm --net=none "$PROXY/$(repo):two"
	assert_equal "$output" new
}

# bats test_tags=long
@test "an eStargz whose footer or table lies is fetched as a whole" {
	proxy_start
	tree
	stargz one
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):one"
	echo other >tree/etc/7
	stargz two
	proxy_stop
	# The footer comes first.
	proxy_start '/blobs/=cut:5000000*1' '/blobs/=alter:20*1'
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):two"
	assert_equal "$(whole)" 2
	same_stargz_files two
}

# bats test_tags=long
@test "storage.conf: with enable_partial_images = false a layer is fetched as a whole" {
	proxy_start
	tree
	image one zstd:chunked
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):one"
	echo new >tree/etc/7
	image two zstd:chunked
	: >proxy/requests
	printf '[storage.options]\npull_options = {enable_partial_images = "false"}\n' >"$HOME/.config/containers/storage.conf"
	run_cmk pull -q --tls-verify=false "$PROXY/$(repo):two"
	assert_equal "$(in_ranges)" 0
	assert_equal "$(whole)" 2
}
