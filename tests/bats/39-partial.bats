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
