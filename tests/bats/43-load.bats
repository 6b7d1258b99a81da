#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images from files: load, and names with a transport where an image is read.
load helpers

OCI=$CMK_TEST_STAGE/cache/oci

# craft FILE: python lines on stdin make an archive of FILE, or a directory where FILE ends with a slash. There are
# put(name, data), link(name, to), sha(data), tar(name=data...) a layer, config(layer...), docker(layer...) which puts an
# image as docker save does and gives its row of manifest.json, oci(layer...) as a layout and gives its descriptor.
craft() {
	python3 - "$1" 3<&0 <<-'END'
		import bz2, gzip, hashlib, io, json, lzma, os, sys, tarfile
		target = sys.argv[1]
		out = None if target.endswith("/") else tarfile.open(target, "w", format=tarfile.PAX_FORMAT)
		def put(name, data, **kw):
		    data = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
		    if out:
		        t = tarfile.TarInfo(name)
		        t.size = kw.pop("size", len(data))
		        for k, v in kw.items():
		            setattr(t, k, v)
		        out.addfile(t, io.BytesIO(data)) if t.size == len(data) else out.fileobj.write(t.tobuf() + data)
		    else:
		        os.makedirs(os.path.dirname(target + name), exist_ok=True)
		        open(target + name, "wb").write(data)
		def link(name, to, hard=False):
		    if out:
		        put(name, b"", type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE, linkname=to)
		    else:
		        os.makedirs(os.path.dirname(target + name), exist_ok=True)
		        os.symlink(to, target + name)
		seen = set()
		def once(name, data):
		    if name not in seen:
		        put(name, data)
		    seen.add(name)
		def sha(data): return hashlib.sha256(data).hexdigest()
		def tar(**files):
		    b = io.BytesIO()
		    t = tarfile.open(fileobj=b, mode="w", format=tarfile.PAX_FORMAT)
		    for name, data in files.items():
		        i = tarfile.TarInfo(name)
		        i.size, i.mode = len(data), 0o755
		        t.addfile(i, io.BytesIO(data))
		    t.close()
		    return b.getvalue()
		def plain(l):
		    for magic, how in (b"\x1f\x8b", gzip), (b"\xfd7z", lzma), (b"BZh", bz2):
		        if l.startswith(magic):
		            return how.decompress(l)
		    return l
		def config(*layers, **kw):
		    return json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": kw},
		        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(plain(l)) for l in layers]}}).encode()
		def docker(*layers, tags=["t/one:1"], cfg=None):
		    cfg = cfg or config(*layers)
		    once(sha(cfg) + ".json", cfg)
		    for l in layers:
		        once(sha(l) + ".tar", l)
		    return {"Config": sha(cfg) + ".json", "RepoTags": tags, "Layers": [sha(l) + ".tar" for l in layers]}
		def blob(data):
		    once("blobs/sha256/" + sha(data), data)
		    return {"digest": "sha256:" + sha(data), "size": len(data)}
		O = "application/vnd.oci.image."
		def manifest(*layers, cfg=None):
		    return json.dumps({"schemaVersion": 2, "mediaType": O + "manifest.v1+json",
		        "config": {"mediaType": O + "config.v1+json", **blob(cfg or config(*layers))},
		        "layers": [{"mediaType": O + "layer.v1.tar", **blob(l)} for l in layers]}).encode()
		def oci(*layers, name=None, **kw):
		    d = {"mediaType": O + "manifest.v1+json", **blob(manifest(*layers, **kw))}
		    return {**d, "annotations": {"org.opencontainers.image.ref.name": name}} if name else d
		def index(*list): put("index.json", {"schemaVersion": 2, "manifests": list})
		def layout(): put("oci-layout", {"imageLayoutVersion": "1.0.0"})
		a, b = tar(one=b"1" * 1000), tar(two=b"2" * 1000)
		exec(os.fdopen(3).read())
		if out:
		    out.close()
	END
}

# The image NAME here is the one that skopeo finds at REF: the same ID, digest and layers.
same_as_skopeo() { # NAME REF
	local name=$1
	skopeo inspect --raw "$2" >"$T/raw"
	run_cmk image inspect "$name"
	assert_equal "$(jq -r '.[0].Digest' <<<"$output")" "sha256:$(sha256sum <"$T/raw" | cut -c1-64)"
	assert_equal "$(jq -r '.[0].Id' <<<"$output")" "$(jq -r '.config.digest' "$T/raw" | cut -d: -f2)"
	assert_equal "$(jq -r '.[0].RootFS.Layers | length' <<<"$output")" "$(jq -r '.layers | length' "$T/raw")"
}

empty_store() {
	run_cmk rmi -a -f
	assert_equal "$(ls -A "$CMK_ROOT/layers" 2>/dev/null)" ""
}

# Nothing of what was refused is there: no image, no layer, no file of ours anywhere else.
refuse() { # REGEX COMMAND...
	local why=$1
	shift
	echo untouched >"$T/canary"
	run_cmk 125 "$@"
	assert_error "$why"
	assert_equal "$(ls -A "$CMK_ROOT/images")" ""
	assert_equal "$(ls -A "$CMK_ROOT/tmp")" ""
	assert_equal "$(ls -A "$CMK_ROOT/partial" 2>/dev/null)" ""
	assert_equal "$(cat "$T/canary")" untouched
	assert [ ! -e "$T/evil" ]
}

pod() { podman --root "$T/podman" --runroot "$XDG_RUNTIME_DIR/pod" --storage-driver vfs --events-backend none "$@"; }

@test "what skopeo writes is loaded, with its digests" {
	skopeo copy -q "oci:$OCI/alpine:latest" docker-archive:d.tar:example.org/alpine:3
	run_cmk load -i d.tar
	assert_equal "$output" "Loaded image: example.org/alpine:3"
	# shellcheck disable=SC2154
	assert_match "$stderr" 'Copying blob sha256:'
	same_as_skopeo example.org/alpine:3 docker-archive:d.tar
	empty_store
	skopeo copy -q "oci:$OCI/alpine:latest" oci-archive:o.tar:alpine:3
	run_cmk load -q -i o.tar
	assert_equal "$output" "Loaded image: localhost/alpine:3"
	assert_equal "$stderr" ""
	same_as_skopeo localhost/alpine:3 oci-archive:o.tar
	empty_store
	skopeo copy -q "oci:$OCI/alpine:latest" dir:dir
	run_cmk load -q -i dir
	assert_match "$output" '^Loaded image: sha256:[0-9a-f]{64}$'
	same_as_skopeo "${output#Loaded image: }" dir:dir
	run_cmk images --format '{{.Repository}}'
	assert_equal "$output" "<none>"
	empty_store
	skopeo copy -q "oci:$OCI/alpine:latest" oci:layout:x.org/y:z
	run_cmk load -q -i layout
	assert_equal "$output" "Loaded image: x.org/y:z"
	same_as_skopeo x.org/y:z oci:layout
	run_cmk run --rm x.org/y:z echo works
	assert_equal "$output" works
}

# bats test_tags=long
@test "what podman save writes is loaded, in all its formats" {
	skopeo copy -q "oci:$OCI/busybox:latest" docker-archive:b.tar:localhost/b:1
	pod load -q -i b.tar
	pod tag localhost/b:1 example.org/b:2
	local format digest
	for format in docker-archive oci-archive oci-dir docker-dir; do
		pod save -q --format "$format" -o "p-$format" localhost/b:1
		run_cmk load -q -i "p-$format"
		digest=$(skopeo inspect --format '{{.Digest}}' "${format/docker-dir/dir}:p-$format" 2>/dev/null ||
			skopeo inspect --format '{{.Digest}}' "oci:p-$format")
		run_cmk image inspect "${output##*image: }"
		assert_equal "$(jq -r '.[0].Digest' <<<"$output")" "$digest"
		empty_store
	done
	# Two names of one image, and an image by its ID.
	pod save -q -m -o both.tar localhost/b:1 example.org/b:2
	run_cmk load -q -i both.tar
	assert_equal "$(sort <<<"$output")" $'Loaded image: example.org/b:2\nLoaded image: localhost/b:1'
	empty_store
	pod save -q -o id.tar "$(pod images -q | head -1)"
	run_cmk load -q -i id.tar
	assert_match "$output" '^Loaded image: sha256:[0-9a-f]{64}$'
	# The process by which podman holds its user namespace.
	kill "$(cat "$XDG_RUNTIME_DIR/libpod/tmp/pause.pid")"
}

@test "several images in one archive" {
	craft two.tar <<-'END'
		put("manifest.json", [docker(a, b, tags=["t/one:1", "example.org/one:2"]), docker(b, tags=[], cfg=config(b))])
	END
	run_cmk load -q -i two.tar
	assert_match "$output" $'^Loaded image: localhost/t/one:1\nLoaded image: example.org/one:2\nLoaded image: sha256:[0-9a-f]{64}$'
	local unnamed=${lines[2]#*image: }
	same_as_skopeo t/one:1 docker-archive:two.tar:@0
	same_as_skopeo "$unnamed" docker-archive:two.tar:@1
	run_cmk 125 pull docker-archive:two.tar
	assert_error 'Unexpected tar manifest.json: expected 1 item, got 2 \(add :REFERENCE'
	empty_store
	craft two.tar <<-'END'
		layout()
		index(oci(a, name="one:1"), oci(b, name="example.org/two:2"), oci(a, b))
	END
	run_cmk load -q -i two.tar
	assert_match "$output" $'^Loaded image: localhost/one:1\nLoaded image: example.org/two:2\nLoaded image: sha256:'
	# Two diff IDs for three layers.
	assert_equal "$(ls "$CMK_ROOT/layers" | wc -l)" 2
	craft none.tar <<<'put("manifest.json", [])'
	run_cmk 125 load -i none.tar
	assert_error 'holds no image'
}

@test "an archive that is both, as newer dockers write it, is an OCI layout with docker's names" {
	craft both.tar <<-'END'
		layout()
		d = oci(a, b)
		index({**d, "annotations": {"io.containerd.image.name": "docker.io/library/x:1", "org.opencontainers.image.ref.name": "1"}})
		put("manifest.json", [{"Config": "blobs/sha256/" + sha(config(a, b)), "RepoTags": ["x:1"],
		    "Layers": ["blobs/sha256/" + sha(l) for l in (a, b)]}])
	END
	run_cmk load -q -i both.tar
	assert_equal "$output" "Loaded image: docker.io/library/x:1"
	mkdir both && tar -C both -xf both.tar
	same_as_skopeo docker.io/library/x:1 oci:both
	run_cmk pull -q docker-archive:both.tar
	same_as_skopeo localhost/x:1 docker-archive:both.tar
	assert_equal "$(find "$CMK_ROOT/images" -mindepth 1 -maxdepth 1 | wc -l)" 1
}

@test "an archive comes from a file, standard input, a pipe, or a web server" {
	craft a.tar <<<'put("manifest.json", [docker(a)])'
	run_cmk load -q <a.tar
	assert_equal "$output" "Loaded image: localhost/t/one:1"
	empty_store
	cat a.tar | run_cmk load -q
	run_cmk image exists t/one:1
	empty_store
	{ head -c 100 && run_cmk load -q; } < <(head -c 100 /dev/zero && cat a.tar) >/dev/null
	run_cmk image exists t/one:1
	empty_store
	python3 -u -m http.server --bind 127.0.0.1 0 >server.out 2>&1 3>&- &
	local server=$! port
	assert wait_for 10 grep -q 'port [0-9]' server.out
	port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' server.out)
	run_cmk load -q -i "http://127.0.0.1:$port/a.tar"
	assert_equal "$output" "Loaded image: localhost/t/one:1"
	run_cmk 125 load -q -i "http://127.0.0.1:$port/nothing.tar"
	kill "$server"
	run_cmk 125 load -i nothing.tar
	assert_error 'faccessat nothing.tar: no such file or directory'
	run_cmk 125 load </dev/null
	assert_error 'payload does not match any of the supported image formats'
	script -qec "cmk load" typescript </dev/null >/dev/null || true
	assert grep -q 'cannot read from terminal, use command-line redirection or the --input flag' typescript
	run_cmk 125 load a.tar
}

# bats test_tags=long
@test "an archive may be compressed as a whole" {
	local z
	craft a.tar <<<'put("manifest.json", [docker(a, b)])'
	gzip -k a.tar
	zstd -q a.tar -o a.tar.zst </dev/null
	xz -k a.tar
	bzip2 -k a.tar
	for z in gz zst xz bz2; do
		run_cmk load -q -i "a.tar.$z"
		same_as_skopeo t/one:1 docker-archive:a.tar
		empty_store
		cat "a.tar.$z" | run_cmk load -q
		same_as_skopeo t/one:1 docker-archive:a.tar
		empty_store
		run_cmk pull -q "docker-archive:a.tar.$z:t/one:1"
		same_as_skopeo t/one:1 docker-archive:a.tar
		empty_store
		# Cut short.
		head -c "$(($(stat -c %s "a.tar.$z") / 2))" "a.tar.$z" >cut
		refuse 'cut short' load -i cut
	done
}

# podman for comparison.
teardown() {
	podman_end
	common_teardown
}

# bats test_tags=long
@test "layers by xz and bzip2: in archives, layouts and registries, whatever their media type says" {
	local repo=$REGISTRY/xz-${TEST_CG##*/} id
	craft a.tar <<<'put("manifest.json", [docker(lzma.compress(a), bz2.compress(b))])'
	run_cmk load -q -i a.tar
	same_as_skopeo t/one:1 docker-archive:a.tar
	id=$(cmk image inspect --format '{{.Id}}' t/one:1)
	empty_store
	craft l/ <<<'layout(); index(oci(lzma.compress(a), bz2.compress(b), name="x"))'
	run_cmk pull -q oci:l:x
	assert_equal "$output" "$id"
	same_as_skopeo "$id" oci:l:x
	empty_store
	skopeo copy -q --insecure-policy --preserve-digests --dest-tls-verify=false oci:l:x "docker://$repo:1"
	run_cmk pull -q "$repo:1"
	assert_equal "$output" "$id"
	same_as_skopeo "$repo:1" oci:l:x
	assert_equal "$(pod pull -q --tls-verify=false "$repo:1")" "$id"
	# What goes out is compressed as usual.
	run_cmk push -q "$repo:1" "$repo:2"
	skopeo inspect --raw --tls-verify=false "docker://$repo:2" >raw
	assert_equal "$(jq -r '.layers[].mediaType' raw | sort -u)" application/vnd.oci.image.layer.v1.tar+gzip
	run_cmk rmi -f "$id"
	run_cmk pull -q "$repo:2"
	assert_equal "$output" "$id"
}

# bats test_tags=long
@test "layers of a docker archive may be compressed, or links to each other" {
	craft a.tar <<-'END'
		z = gzip.compress(a, mtime=0)
		row = docker(z, b)
		link("x/layer.tar", "../" + row["Layers"][0])
		link("y/layer.tar", row["Layers"][1], hard=True)
		put("manifest.json", [{**row, "Layers": ["x/layer.tar", row["Layers"][1]]}])
	END
	# Old versions of skopeo take the size of the link itself: the same without links.
	craft without.tar <<<'put("manifest.json", [docker(gzip.compress(a, mtime=0), b)])'
	run_cmk load -q -i a.tar
	same_as_skopeo t/one:1 docker-archive:without.tar
	# The same again, now that nothing is unpacked.
	run_cmk load -i a.tar
	assert_match "$stderr" 'skipped: already exists'
	same_as_skopeo t/one:1 docker-archive:without.tar
	assert_equal "$(ls "$CMK_ROOT/layers" | wc -l)" 2
	# One layer that stands twice.
	craft b.tar <<<'put("manifest.json", [docker(a, a, b, tags=["t/twice:1"])])'
	run_cmk load -i b.tar
	run_cmk image inspect t/twice:1
	assert_equal "$(jq -r '.[0].RootFS.Layers | length' <<<"$output")" 3
}

# bats test_tags=long
@test "pull, run, create and image volumes take names with a transport" {
	skopeo copy -q "oci:$OCI/alpine:latest" docker-archive:d.tar:alpine:3
	skopeo copy -q --additional-tag other:4 "oci:$OCI/alpine:latest" docker-archive:e.tar:alpine:3
	local id
	run_cmk pull -q docker-archive:d.tar
	id=$output
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$output" docker.io/library/alpine:3
	empty_store
	run_cmk pull -q docker-archive:e.tar:other:4
	assert_equal "$output" "$id"
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$output" docker.io/library/other:4
	run_cmk 125 pull docker-archive:e.tar:nothing:5
	assert_error 'Tag "docker.io/library/nothing:5" not found'
	run_cmk 125 pull docker-archive:e.tar:@1
	assert_error 'Invalid source index @1, only 1 manifest items available'
	empty_store
	run_cmk run --rm "oci:$OCI/alpine:latest" echo works
	assert_equal "$output" works
	run_cmk images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$output" localhost/latest:latest
	run_cmk 125 pull "oci:$OCI/alpine:nothing"
	assert_error "no descriptor found for reference 'nothing'"
	empty_store
	skopeo copy -q "oci:$OCI/alpine:latest" dir:dir
	run_cmk create --name c dir:dir true
	run_cmk inspect --format '{{.Image}}' c
	assert_equal "$output" "$id"
	run_cmk run --rm --mount "type=image,source=docker-archive:d.tar,target=/img" "$id" ls /img/bin/busybox
	assert_equal "$output" /img/bin/busybox
	run_cmk rm c
	# They name files, whatever is here; and nothing is taken in that was not asked for.
	run_cmk 125 run --rm --pull never docker-archive:d.tar true
	assert_error 'image not known'
	run_cmk 125 run --rm docker-archive:nothing.tar true
	assert_error "'nothing.tar': no such file or directory"
	run_cmk 125 pull oci:d.tar
	assert_error "'d.tar' is not a directory"
	run_cmk 125 pull oci-archive:dir
	assert_error "'dir' is a directory"
	run_cmk 125 pull oci:
	assert_error 'no path'
	run_cmk 125 pull docker-daemon:alpine:3
	assert_error 'not supported'
}

@test "of an index the image for the platform is taken" {
	run_cmk pull -q --arch arm64 "oci:$OCI/multi:latest"
	run_cmk image inspect "$output"
	assert_equal "$(jq -r '.[0].Architecture' <<<"$output")" arm64
	empty_store
	run_cmk pull -q "oci:$OCI/multi:latest"
	run_cmk image inspect "$output"
	assert_equal "$(jq -r '.[0].Architecture' <<<"$output")" "$(dpkg --print-architecture)"
	run_cmk 125 pull -q --arch mips "oci:$OCI/multi:latest"
	assert_error 'no image found in manifest list for architecture "mips"'
	skopeo copy -q --all "oci:$OCI/multi:latest" dir:all
	empty_store
	run_cmk load -q -i all
	run_cmk image inspect "${output#Loaded image: }"
	assert_equal "$(jq -r '.[0].Architecture' <<<"$output")" "$(dpkg --print-architecture)"
}

@test "load and rmi of one platform" {
	local own other=mips
	own=$(dpkg --print-architecture)
	skopeo copy -q --all "oci:$OCI/multi:latest" dir:all
	run_cmk load -q -i all --platform linux/arm64
	run_cmk image inspect "${output#Loaded image: }"
	assert_equal "$(jq -r '.[0].Architecture' <<<"$output")" arm64
	run_cmk 125 load -q -i all --platform "linux/$other"
	assert_error "no image found in manifest list for architecture \"$other\""
	run_cmk 125 load -q -i all --platform a/b/c/d
	assert_error 'a/b/c/d'
	# An archive of one image holds nothing for others.
	run_cmk pull -q alpine
	run_cmk save -q -o own.tar alpine
	run_cmk rmi alpine
	run_cmk 125 load -q -i own.tar --platform "linux/$other"
	assert_error "the image is for linux/$own, not for linux/$other"
	run_cmk images -q alpine
	assert_equal "$output" ''
	run_cmk load -q -i own.tar --platform "linux/$own"
	run_cmk 1 rmi --platform "linux/$other" alpine
	assert_error "is for linux/$own, not for linux/$other"
	run_cmk rmi -a --platform "linux/$own"
	run_cmk images --format '{{.Arch}}'
	assert_equal "$output" arm64
	run_cmk 1 rmi --platform "linux/$own" nothing-there
	run_cmk rmi --platform linux/arm64 "$(cmk images -q)"
	run_cmk images -q
	assert_equal "$output" ''
}

# bats test_tags=long
@test "hostile docker archives" {
	craft a.tar <<<'put("manifest.json", [docker(a)]); put("./manifest.json", [docker(b)])'
	refuse "two members are called 'manifest.json'" load -i a.tar
	craft a.tar <<<'r = docker(a); put("manifest.json", [{**r, "Layers": ["../../../../etc/passwd"]}])'
	refuse "no '../../../../etc/passwd' in the archive" load -i a.tar
	craft a.tar <<<'r = docker(a); put("manifest.json", [{**r, "Config": "/etc/hostname"}])'
	refuse "no '/etc/hostname' in the archive" load -i a.tar
	craft a.tar <<<'r = docker(a); link("l", "/etc/passwd"); put("manifest.json", [{**r, "Layers": ["l"]}])'
	refuse 'link out of the archive' load -i a.tar
	craft a.tar <<<'r = docker(a); link("l", "m"); link("m", "l"); put("manifest.json", [{**r, "Layers": ["l"]}])'
	refuse 'too many links' load -i a.tar
	craft a.tar <<<'link("manifest.json", "manifest.json")'
	refuse 'too many links' load -i a.tar
	craft a.tar <<<'put("../evil", "x"); put("/evil", "x"); put("manifest.json", [{**docker(a), "Layers": []}])'
	refuse '0 layers, the image config 1 diff ID' load -i a.tar
	craft a.tar <<<'r = docker(a); put("manifest.json", [{**r, "Layers": r["Layers"] * 2}])'
	refuse '2 layers, the image config 1 diff ID' load -i a.tar
	craft a.tar <<<'r = docker(a); put("x.tar", b); put("manifest.json", [{**r, "Layers": ["x.tar"]}])'
	refuse 'the layer has the diff ID .* expected' load -i a.tar
	craft a.tar <<<'r = docker(a); put("manifest.json", [{**r, "Layers": ["missing.tar"]}])'
	refuse "no 'missing.tar' in the archive" load -i a.tar
	craft a.tar <<<'put("c", config(a).replace(b"sha256:", b"sha512:")); put("manifest.json", [{"Config": "c", "Layers": ["l"]}])'
	refuse 'sha512' load -i a.tar
	craft a.tar <<<'put("manifest.json", [docker(a, tags=["Not/A Name"])])'
	refuse "the name that it gives to an image: invalid image reference 'Not/A Name'" load -i a.tar
	craft a.tar <<<'put("manifest.json", "[" * 100000)'
	refuse 'manifest.json' load -i a.tar
	craft a.tar <<<'put("manifest.json", b" " * (5 << 20))'
	refuse 'larger than' load -i a.tar
	craft a.tar <<<'put("repositories", {})'
	refuse 'docker before 1.10' load -i a.tar
	craft a.tar <<<'put("huge", b"", size=1 << 33)'
	refuse "it ends in the middle of 'huge'" load -i a.tar
	craft a.tar <<<'put("something", b"else")'
	refuse 'payload does not match any of the supported image formats' load -i a.tar
}

# bats test_tags=long
@test "hostile OCI layouts" {
	craft a.tar <<<'layout(); d = oci(a); index({**d, "size": 5})'
	refuse 'has [0-9]* bytes, not 5' load -i a.tar
	craft a.tar <<<'layout(); d = oci(a); put("blobs/sha256/" + "0" * 64, b"{}"); index({**d, "digest": "sha256:" + "0" * 64, "size": 2})'
	refuse 'wrong digest' load -i a.tar
	craft a.tar <<<'layout(); d = oci(a); index({**d, "digest": "sha256:../../../evil"})'
	refuse 'digest' load -i a.tar
	craft a.tar <<<'layout(); d = oci(a); index({**d, "digest": "sha512:" + "0" * 128})'
	refuse 'sha512' load -i a.tar
	craft a.tar <<<'layout(); m = manifest(a); d = oci(a, cfg=config(b)); index(d)'
	refuse 'the layer has the diff ID' load -i a.tar
	craft a.tar <<-'END'
		layout()
		m = json.loads(manifest(a))
		m["layers"][0]["digest"] = "sha256:" + "1" * 64
		put("blobs/sha256/" + "1" * 64, a)
		index({"mediaType": O + "manifest.v1+json", **blob(json.dumps(m).encode())})
	END
	refuse 'the blob has the digest' load -i a.tar
	craft a.tar <<-'END'
		layout()
		m = json.loads(manifest(a))
		m["layers"][0]["size"] += 1
		index({"mediaType": O + "manifest.v1+json", **blob(json.dumps(m).encode())})
	END
	refuse 'it has [0-9]* bytes, not' load -i a.tar
	craft a.tar <<-'END'
		layout()
		m = json.loads(manifest(a))
		m["config"]["size"] += 1
		blob(config(a)), blob(a)
		index({"mediaType": O + "manifest.v1+json", **blob(json.dumps(m).encode())})
	END
	refuse 'image config: it has [0-9]* bytes, not' load -i a.tar
	# Indexes below each other; one cannot hold its own digest.
	craft a.tar <<-'END'
		layout()
		d = oci(a)
		for i in range(6):
		    d = {"mediaType": O + "index.v1+json", **blob(json.dumps({"schemaVersion": 2, "manifests": [
		        {**d, "platform": {"os": "linux", "architecture": "amd64"}}]}).encode())}
		index(d)
	END
	refuse 'index within index' load -i a.tar
	craft a.tar <<<'put("oci-layout", {"imageLayoutVersion": "7"}); index(oci(a))'
	refuse "version '7' is not supported" load -i a.tar
	craft dir/ <<<'layout(); index(oci(a)); os.rename(target + "blobs", "elsewhere"); link("blobs", "../elsewhere")'
	refuse 'leads out of the directory' load -i dir
	mkdir fifo && mkfifo fifo/index.json
	refuse 'not a regular file' load -i fifo
	craft b/ <<<'put("version", "Directory Transport Version: 9.1\n"); put("manifest.json", {})'
	refuse "'version' does not say" load -i b
	craft c/ <<<'put("manifest.json", [])'
	refuse 'not a JSON object' load -i c
}

@test "of hundreds of images on one layer, which was made of which is told soon" {
	craft a.tar <<-'END'
		def one(i):
		    c = json.loads(config(a))
		    return docker(a, tags=["t/i%d:1" % i], cfg=json.dumps({**c, "history": [{"created_by": "step %d" % (j if j < 50 else i)} for j in range(51)]}).encode())
		put("manifest.json", [one(i) for i in range(300)])
	END
	run_cmk load -q -i a.tar
	# With a look into each for each other it took minutes.
	CMK_COMMAND_TIMEOUT=10 run_cmk images --format json
	assert_equal "$(jq length <<<"$output")" 300
	assert_equal "$(jq -r '.[].ParentId' <<<"$output" | sort -u)" ""
}

@test "an archive that is cut short anywhere is refused" {
	local size at
	craft a.tar <<<'put("manifest.json", [docker(a, b)])'
	craft o.tar <<<'layout(); index(oci(a, b, name="x"))'
	run_cmk images
	for name in a o; do
		# What is behind the last member (its padding, zero blocks) may be missing.
		size=$(python3 -c 'import sys, tarfile; m = tarfile.open(sys.argv[1]).getmembers()[-1]; print(m.offset_data + m.size)' "$name.tar")
		for ((at = 1; at < size; at += 4111)); do
			head -c "$at" "$name.tar" >cut
			run_cmk 125 load -q -i cut
			head -c "$at" "$name.tar" | run_cmk 125 load -q
		done
		assert_equal "$(ls -A "$CMK_ROOT/images" "$CMK_ROOT/tmp")" "$(printf '%s:\n\n%s:' "$CMK_ROOT/images" "$CMK_ROOT/tmp")"
	done
	run_cmk load -q -i a.tar
}

@test "a load that is killed leaves a store that works" {
	local i
	craft a.tar <<<'put("manifest.json", [docker(*[tar(f=os.urandom(300000)) for i in range(6)])])'
	for i in 1 2 3 4 5 6 7 8; do
		cmk_background load load -q -i a.tar
		sleep "0.00$((i * 7))"
		kill -9 $! 2>/dev/null || true
		wait $! || true
		cat a.tar | { timeout -s KILL "0.0$((i * 2))" "$T/bin/cmk" load -q >/dev/null 2>&1 3>&- || true; }
	done
	run_cmk load -q -i a.tar
	same_as_skopeo t/one:1 docker-archive:a.tar
	empty_store
	assert wait_for 10 eval '[ -z "$(ls -A "$CMK_ROOT/tmp")" ]'
}

@test "a stream that does not fit is refused, and nothing is left of it" {
	[ -d "$FULL_8M" ] || skip "the fixture has no small file system"
	CMK_ROOT=$FULL_8M/store-$BATS_TEST_NUMBER
	printf '#!/bin/sh\nexec %s --root "%s" --runroot "%s" "$@"\n' "$CMK_BIN" "$CMK_ROOT" "$CMK_RUNROOT" >"$T/bin/cmk"
	craft a.tar <<<'put("big", b"\0" * (20 << 20)); put("manifest.json", [docker(a)])'
	local before
	run_cmk images
	before=$(df --output=avail "$FULL_8M")
	gzip -k a.tar
	refuse 'no space left on device' load -i a.tar.gz
	cat a.tar | refuse 'no space left on device' load
	assert_equal "$(df --output=avail "$FULL_8M")" "$before"
	# In place it needs none.
	run_cmk load -q -i a.tar
	rm -rf "$CMK_ROOT" 2>/dev/null || unshare --map-root-user --map-auto rm -rf "$CMK_ROOT"
}
