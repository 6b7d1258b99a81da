#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# policy.json: which images are let in, whose signatures they need, and what signs them.
load helpers
load signatures

setup() { signatures_setup; }
teardown() { signatures_teardown; }

nothing_stored() {
	run_cmk images -q
	assert_equal "$output" ""
	assert_equal "$(find "$CMK_ROOT/layers" -mindepth 1 -maxdepth 1 2>/dev/null)" ""
}

@test "the default, a transport, a registry, a repository, a tag: the narrowest scope counts" {
	local image
	image=$(repo scope)
	put_image "$image:1"
	put_image "$image:2"
	policy "{\"default\":$reject}"
	run_cmk 125 pull -q "$image:1"
	assert_error "Source image rejected: Running image docker://$image:1 is rejected by policy."
	nothing_stored
	run_cmk 125 run --rm "$image:1"
	assert_error 'Source image rejected: '
	policy "{\"default\":$reject,\"transports\":{\"docker\":{\"\":$accept}}}"
	run_cmk pull -q "$image:1"
	policy "{\"default\":$accept,\"transports\":{\"docker\":{\"\":$accept,\"127.0.0.1:5000\":$reject,\"$image\":$reject,\"$image:2\":$accept}}}"
	run_cmk 125 pull -q "$image:1"
	run_cmk pull -q "$image:2"
	policy "{\"default\":$accept,\"transports\":{\"docker\":{\"${image%/*}\":$reject}}}"
	run_cmk 125 pull -q "$image:2"
	policy "{\"default\":$accept,\"transports\":{\"docker\":{\"*.0.1\":$reject}}}"
	run_cmk 125 pull -q "$image:2"
	# By digest.
	policy "{\"default\":$reject,\"transports\":{\"docker\":{\"$image@sha256:$(digest_of "$image:1")\":$accept}}}"
	run_cmk pull -q "$image@sha256:$(digest_of "$image:1")"
	run_cmk 125 pull -q "$image:1"
	# Another file; without any, everything is let in.
	run_cmk 125 pull -q --signature-policy missing.json "$image:1"
	assert_error "missing.json"
	echo "{\"default\":$accept}" >all.json
	run_cmk pull -q --signature-policy all.json "$image:1"
	run_cmk run --rm --net=none --pull=always -q --signature-policy all.json "$image:1" true
}

@test "images in files have scopes too" {
	put_image "$(repo files):1"
	run_cmk pull -q "$(repo files):1"
	run_cmk save -q --format oci-archive -o a.tar "$(repo files):1"
	run_cmk save -q --format docker-archive -o d.tar "$(repo files):1"
	mkdir dir && run_cmk save -q --format docker-dir -o dir "$(repo files):1"
	run_cmk rmi -f "$(repo files):1"
	policy "{\"default\":$reject,\"transports\":{\"oci-archive\":{\"$T/a.tar\":$accept},\"dir\":{\"$T\":$accept}}}"
	run_cmk load -q -i a.tar
	run_cmk pull -q "dir:$T/dir"
	run_cmk 125 load -q -i d.tar
	assert_error 'Source image rejected: Running image docker-archive:.* is rejected by policy'
	run_cmk 125 pull -q docker-archive:d.tar
	assert_error 'Source image rejected: '
	tar -C dir -cf t.tar .
	run_cmk 125 import -q t.tar
	assert_error 'Source image rejected: Running image tarball: is rejected'
	cp a.tar b.tar
	run_cmk 125 load -q -i b.tar
	echo "{\"default\":$accept}" >all.json
	run_cmk load -q --signature-policy all.json -i b.tar
	# What leaves the store is looked at where a policy is named.
	run_cmk save -q --signature-policy all.json -o s.tar "$(repo files):1"
	echo "{\"default\":$accept,\"transports\":{\"containers-storage\":{\"\":$reject}}}" >none.json
	run_cmk 125 save -q --signature-policy none.json -o n.tar "$(repo files):1"
	assert_error 'Source image rejected: Running image containers-storage:'
	assert [ ! -e n.tar ]
	run_cmk 125 save -q --signature-policy missing.json -o n.tar "$(repo files):1"
	assert_error missing.json
}

# How often the command $2... opens the file $1.
opens() {
	python3 - "$@" <<-'E'
		import ctypes, os, struct, subprocess, sys
		OPEN, CLOSE = 0x20, 0x10
		libc = ctypes.CDLL(None)
		fd = libc.inotify_init1(os.O_CLOEXEC)
		assert libc.inotify_add_watch(fd, sys.argv[1].encode(), OPEN | CLOSE) >= 0
		subprocess.run(sys.argv[2:], check=True, stdout=sys.stderr)
		data, n = os.read(fd, 1 << 20), 0
		while data:
		    _, mask, _, size = struct.unpack_from("iIII", data)
		    n, data = n + bool(mask & OPEN), data[16 + size:]
		print(n)
	E
}

@test "the policy is read once, however many images an archive holds" {
	made_here one
	made_here two
	made_here three
	run_cmk save -q -m -o all.tar localhost/one:1 localhost/two:1 localhost/three:1
	policy "{\"default\":$accept}"
	assert_equal "$(opens "$CONF/policy.json" cmk load -q -i all.tar)" 1
	policy "{\"default\":$accept,\"transports\":{\"docker-archive\":{\"\":$reject}}}"
	run_cmk 125 load -q -i all.tar
	assert_error 'Source image rejected: '
}

@test "a policy that is not understood lets nothing in" {
	local bad
	for bad in '{}' '[]' '{"default":[]}' '{"default":[{"type":"rejekt"}]}' '{"default":[{"type":"reject","x":1}]}' \
		"{\"default\":$accept,\"tranports\":{}}" "{\"default\":$accept,\"default\":$accept}" \
		"{\"default\":$accept,\"transports\":{\"dir\":{\"a/b\":$accept}}}" \
		'{"default":[{"type":"signedBy","keyType":"GPGKeys"}]}' \
		'{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/a","keyData":"aa=="}]}' \
		'{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/a","signedIdentity":{"type":"any"}}]}' \
		'{"default":[{"type":"sigstoreSigned","keyPath":"/a","fulcio":{}}]}'; do
		policy "$bad"
		run_cmk 125 pull -q alpine
		assert_error 'invalid policy in "'
	done
	# Understood, but not done.
	policy '{"default":[{"type":"sigstoreSigned","pki":{"caRootsPath":"/a","subjectEmail":"b"},"rekorPublicKeyPath":"/b"}]}'
	run_cmk 125 pull -q alpine
	assert_error 'Source image rejected: .*rekorPublicKey'
	nothing_stored
}

@test "signedBy: what skopeo signed, by the right key, for this name and these bytes" {
	local image
	image=$(repo app)
	gpg_key ann@example.org
	gpg_key bob@example.org
	lookaside "file://$T/lookaside"
	put_image "$image:1"
	policy "{\"default\":$reject,\"transports\":{\"docker\":{\"$image\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/ann@example.org.asc\"}]}}}"
	run_cmk 125 pull -q "$image:1"
	assert_error 'Source image rejected: A signature was required, but no signature exists'
	skopeo_sign "$image:1" bob@example.org
	run_cmk 125 pull -q "$image:1"
	assert_error 'Source image rejected: Invalid GPG signature: it is by a key that the policy does not name'
	skopeo_sign "$image:1" ann@example.org
	run_cmk pull -q "$image:1"
	assert_equal "$stderr" ""
	run_cmk pull -q "$image@sha256:$(digest_of "$image:1")"
	# The same bytes under another tag are not what was signed.
	skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false --remove-signatures "docker://$image:1" "docker://$image:2"
	run_cmk 125 pull -q "$image:2"
	assert_error "Signature for identity \"$image:1\" is not accepted"
	policy "{\"default\":$reject,\"transports\":{\"docker\":{\"$image\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPaths\":[\"$T/bob@example.org.gpg\",\"$T/ann@example.org.gpg\"],\"signedIdentity\":{\"type\":\"matchRepository\"}}]}}}"
	run_cmk pull -q "$image:2"
	# Two requirements: both have to be met.
	policy "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/ann@example.org.gpg\"},{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyData\":\"$(base64 -w0 bob@example.org.gpg)\"}]}"
	run_cmk pull -q "$image:1"
	rm "$T"/lookaside/*/*/signature-1
	run_cmk 125 pull -q "$image:1"
	skopeo_sign "$image:1" bob@example.org
	skopeo_sign "$image:1" ann@example.org
	run_cmk pull -q "$image:1"
	local place=("$T"/lookaside/*/*)
	printf x >"${place[0]}/signature-1"
	run_cmk 125 pull -q "$image:1"
	assert_error 'unrecognized signature format'
}

@test "signedBy: signatures from a web server; the key has expired" {
	local image
	image=$(repo web)
	gpg_key ann@example.org
	put_image "$image:1"
	lookaside "file://$T/lookaside"
	skopeo_sign "$image:1" ann@example.org
	python3 -u -m http.server --bind 127.0.0.1 --directory "$T/lookaside" 0 >server.log 2>&1 3>&- &
	local server=$!
	assert wait_for 10 grep -q 'port [0-9]' server.log
	lookaside "http://127.0.0.1:$(sed -n 's/.*port \([0-9]*\).*/\1/p' server.log)"
	policy "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/ann@example.org.gpg\"}]}"
	run_cmk '?' pull -q "$image:1"
	kill "$server"
	wait "$server" || true
	assert_equal "$status" 0
	# Long gone.
	lookaside "file://$T/lookaside"
	gpg --batch --quiet --faked-system-time 20200101T000000 --passphrase '' --quick-gen-key old@example.org ed25519 sign 30d 2>/dev/null
	gpg --batch --export old@example.org >old.gpg
	printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"sha256:%s"},"type":"atomic container signature"},"optional":{}}' \
		"$image:1" "$(digest_of "$image:1")" >claim
	local place=("$T"/lookaside/*/*)
	gpg --batch --yes --quiet --faked-system-time 20200102T000000 -u old@example.org -o "${place[0]}/signature-1" --sign claim 2>/dev/null
	policy "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/old.gpg\"}]}"
	run_cmk 125 pull -q "$image:1"
	assert_error 'Invalid GPG signature: its key has expired'
}

# bats test_tags=long
@test "sigstoreSigned: ECDSA, RSA and ed25519, for this name and these bytes" {
	local image kind
	image=$(repo cosign)
	openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem 2>/dev/null
	openssl genpkey -algorithm ED25519 -out ed.pem
	for kind in ec rsa ed; do openssl pkey -in $kind.pem -pubout -out $kind.pub; done
	put_image "$image:1"
	policy "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"$T/ec.pub\",\"signedIdentity\":{\"type\":\"matchRepository\"}}]}"
	printf 'docker:\n  127.0.0.1:5000:\n    use-sigstore-attachments: true\n' >"$CONF/registries.d/here.yaml"
	run_cmk 125 pull -q "$image:1"
	assert_error 'Source image rejected: A signature was required, but no signature exists'
	for kind in ec rsa ed; do
		sigstore_sign "$image:1" $kind.pem "$image"
		policy "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"$T/$kind.pub\",\"signedIdentity\":{\"type\":\"matchRepository\"}}]}"
		run_cmk pull -q "$image:1"
		assert_equal "$stderr" ""
		run_cmk rmi "$image:1"
	done
	policy "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"$T/ec.pub\",\"signedIdentity\":{\"type\":\"matchRepository\"}}]}"
	run_cmk 125 pull -q "$image:1"
	assert_error 'cryptographic signature verification failed'
	nothing_stored
	# cosign's payload has no tag: by default that is too little.
	sigstore_sign "$image:1" ec.pem "$image"
	policy "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyDatas\":[\"$(base64 -w0 ed.pub)\",\"$(base64 -w0 ec.pub)\"]}]}"
	run_cmk 125 pull -q "$image:1"
	assert_error "Signature for identity \"$image\" is not accepted"
	sigstore_sign "$image:1" ec.pem "$image:1"
	run_cmk pull -q "$image:1"
	# Where attachments are not looked for there are none.
	rm "$CONF/registries.d/here.yaml"
	run_cmk 125 pull -q "$image:1"
	assert_error 'A signature was required, but no signature exists'
	# A key that is none.
	printf 'docker:\n  127.0.0.1:5000:\n    use-sigstore-attachments: true\n' >"$CONF/registries.d/here.yaml"
	echo nonsense >ec.pub
	policy "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"$T/ec.pub\"}]}"
	run_cmk 125 pull -q "$image:1"
	assert_error 'parsing public key'
}

@test "registries.d that is not understood lets nothing in" {
	local bad
	gpg_key ann@example.org
	policy "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/ann@example.org.gpg\"}]}"
	for bad in 'docker: [' 'docker: x' '- a' $'docker:\n  a: &x\n    lookaside: b\n  c: *x' $'docker:\n  a: {use-sigstore-attachments: maybe}' \
		$'docker:\n  a: {}\n  a: {}' 'default-docker: {lookaside: [1]}'; do
		printf '%s\n' "$bad" >"$CONF/registries.d/bad.yaml"
		run_cmk 125 pull -q alpine
		assert_error 'bad.yaml'
	done
	echo '# nothing' >"$CONF/registries.d/bad.yaml"
	run_cmk 125 pull -q alpine
	assert_error 'no signature exists'
}

# What is in registries.d: $1 for default-docker, $2... below docker.
registries_d() {
	rm -rf "$CONF/registries.d"/* "$T"/at-* "$HOME/.local"
	[ -z "$1" ] || printf 'default-docker:\n  %s\n' "$1" >"$CONF/registries.d/default.yaml"
	[ $# -lt 2 ] || { echo docker: && printf '  %s\n' "${@:2}"; } >"$CONF/registries.d/docker.yaml"
}

# cmk and skopeo both write the signature of $1 below $2.
both_write() {
	local want
	want="$2/${1#*/}"
	want="${want%:*}@sha256=$(digest_of "$1")/signature-1"
	run_cmk image sign --sign-by ann@example.org "$1"
	[ -e "$want" ] || { find "$T"/at-* "$HOME/.local" && return 1; }
	rm "$want"
	skopeo_sign "$1" ann@example.org
	[ -e "$want" ]
}

# bats test_tags=long
@test "registries.d: cmk and skopeo write to the same place, by every key and scope" {
	local image at="file://$T/at"
	image=$(repo place)
	gpg_key ann@example.org
	put_image "$image:1"
	registries_d ""
	both_write "$image:1" "$HOME/.local/share/containers/sigstore"
	registries_d "lookaside: $at-default/"
	both_write "$image:1" "$T/at-default"
	registries_d "sigstore: $at-old"
	both_write "$image:1" "$T/at-old"
	registries_d "{sigstore-staging: $at-staging, lookaside: $at-read}"
	both_write "$image:1" "$T/at-staging"
	registries_d "{lookaside-staging: $at-new, sigstore-staging: $at-old}"
	both_write "$image:1" "$T/at-new"
	registries_d "lookaside: $at-default" "127.0.0.1:5000: {lookaside: $at-registry}" "127.0.0.1: {lookaside: $at-other}"
	both_write "$image:1" "$T/at-registry"
	registries_d "lookaside: $at-default" "127.0.0.1:5000: {lookaside: $at-registry}" "$image: {lookaside: $at-repository}" \
		"$image:2: {lookaside: $at-other}"
	both_write "$image:1" "$T/at-repository"
	registries_d "" "$image: {lookaside: $at-repository}" "$image:1: {lookaside: $at-tag}"
	both_write "$image:1" "$T/at-tag"
}

# bats test_tags=long
@test "registries.d: a scope that says less, and what is read elsewhere than it is written" {
	local image at="file://$T/at"
	image=$(repo less)
	gpg_key ann@example.org
	put_image "$image:1"
	registries_d "" "127.0.0.1:5000: {lookaside: $at-registry}" "$image: {use-sigstore-attachments: false}"
	both_write "$image:1" "$T/at-registry"
	registries_d "lookaside: $at-default" "'*.0.0.1': {lookaside: $at-wild}" "'*.0.0.1:5000': {lookaside: $at-other}"
	both_write "$image:1" "$T/at-wild"
	policy "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/ann@example.org.gpg\"}],\"transports\":{\"dir\":{\"\":$accept}}}"
	registries_d "{lookaside: $at-read, lookaside-staging: $at-staging}"
	both_write "$image:1" "$T/at-staging"
	run_cmk 125 pull -q "$image:1"
	assert_error 'A signature was required, but no signature exists'
	run skopeo_takes "$image:1"
	[ "$status" -ne 0 ]
	cp -r at-staging at-read
	run_cmk pull -q "$image:1"
	skopeo_takes "$image:1"
	registries_d "sigstore: $at-read"
	run_cmk image sign --sign-by ann@example.org "$image:1"
	run_cmk pull -q "$image:1"
	skopeo_takes "$image:1"
}

@test "image trust show: a table, json, the file; podman reads the same" {
	gpg_key ann@example.org
	mkdir regd
	printf 'default-docker:\n  sigstore: file:///dflt\ndocker:\n  r.example:\n    lookaside: https://l.example\n    lookaside-staging: file:///w\n' >regd/a.yaml
	echo "{\"default\":$reject,\"transports\":{\"docker\":{\"r.example/a\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/ann@example.org.asc\"}],\"q.example\":$accept},\"docker-daemon\":{\"\":$accept},\"atomic\":{\"z.example\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"/k\"}]}}}" >p.json
	run_cmk image trust show --policypath p.json --registrypath regd
	assert_match "${lines[0]}" '^TRANSPORT +NAME +TYPE +ID +STORE$'
	assert_match "${lines[1]}" '^all +default +reject +file:///dflt$'
	assert_match "${lines[2]}" '^atomic +z.example +sigstoreSigned +N/A +file:///dflt$'
	assert_match "${lines[3]}" '^repository +q.example +accept +file:///dflt$'
	assert_match "${lines[4]}" '^repository +r.example/a +signed +ann@example.org +https://l.example$'
	assert_match "${lines[5]}" '^docker-daemon +accept +file:///dflt$'
	assert_equal "${#lines[@]}" 6
	run_cmk image trust show -n --policypath p.json --registrypath regd
	assert_equal "${#lines[@]}" 5
	run_cmk image trust show --json --policypath p.json --registrypath regd
	# podman asks a gpg2 that Debian does not have.
	printf '#!/bin/sh\nexec gpg "$@"\n' >"$T/bin/gpg2" && chmod 755 "$T/bin/gpg2"
	assert_equal "$(jq -cS . <<<"$output")" "$(podman image trust show --json --policypath p.json --registrypath regd | jq -cS .)"
	podman_end
	run_cmk image trust show --raw --policypath p.json
	assert_equal "$output" "$(cat p.json)"$'\n'
	run_cmk 125 image trust show --policypath missing.json
	assert_error 'could not read trust policies: .*missing.json'
	run_cmk 125 image trust
	assert_error "missing command 'cmk image trust COMMAND'"
	run_cmk 125 image trust sho
	assert_error "unrecognized command 'cmk image trust sho'"
	run_cmk image trust --help
	assert_match "$output" 'Usage: cmk image trust COMMAND'
	run_cmk __complete image trust ''
	assert_match "$output" 'set.*show'
}

# bats test_tags=long
@test "image trust set: as podman does, and what is set is what counts" {
	local word
	gpg_key ann@example.org
	for word in cmk podman; do
		$word image trust set --policypath $word.json -t accept default
		$word image trust set --policypath $word.json -t reject docker.io
		$word image trust set --policypath $word.json -f "$T/ann@example.org.asc" -f /etc/b.gpg r.example/a
		$word image trust set --policypath $word.json -t sigstoreSigned -f /etc/k.pub quay.io
		$word image trust set --policypath $word.json -t accept docker.io
		$word image trust set --policypath $word.json -t reject default
	done
	podman_end
	assert_equal "$(jq -cS . cmk.json)" "$(jq -cS . podman.json)"
	run_cmk 125 image trust set --policypath cmk.json r.example
	assert_error "at least one public key must be defined for type 'signedBy'"
	run_cmk 125 image trust set --policypath cmk.json -t accept -f /k r.example
	assert_error '1 public keys unexpectedly provided for trust type accept'
	run_cmk 125 image trust set --policypath cmk.json -t maybe r.example
	assert_error "invalid choice: maybe \(choose from 'accept', 'reject', 'signedBy', 'sigstoreSigned'\)"
	run_cmk 125 image trust set --policypath cmk.json -t accept 'a b'
	assert_error 'invalid image uri'
	run_cmk 125 image trust set --policypath new.json -t accept r.example
	assert_error 'default trust policy must be set'
	[ ! -e new.json ]
	echo '{' >bad.json
	run_cmk 125 image trust set --policypath bad.json -t accept default
	assert_equal "$(cat bad.json)" '{'
	# The usual file.
	policy "{\"default\":$accept}"
	run_cmk image trust set -t reject 127.0.0.1:5000
	run_cmk 125 pull -q alpine
	assert_error 'Source image rejected: '
	run_cmk image trust set -t accept 127.0.0.1:5000/library/alpine
	run_cmk pull -q alpine
}

@test "image trust set: of many at once none is lost" {
	local i pids=()
	run_cmk image trust set --policypath many.json -t accept default
	for i in {1..20}; do
		cmk image trust set --policypath many.json -t reject "r$i.example" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	assert_equal "$(jq '.transports.docker | length' many.json)" 20
}

@test "image sign: what podman and skopeo verify, and cmk itself" {
	local image digest
	image=$(repo signed)
	gpg_key ann@example.org
	put_image "$image:1"
	digest=$(digest_of "$image:1")
	lookaside "file://$T/lookaside"
	run_cmk image sign --sign-by ann@example.org "docker://$image:1"
	assert_equal "$output$stderr" ""
	assert_equal "$(cd lookaside && find . -type f)" "./${image#*/}@sha256=$digest/signature-1"
	policy "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/ann@example.org.gpg\"}],\"transports\":{\"containers-storage\":{\"\":$accept}}}"
	run_cmk pull -q "$image:1"
	skopeo copy -q --src-tls-verify=false --policy "$CONF/policy.json" --registries.d "$CONF/registries.d" "docker://$image:1" dir:copied
	# Its signatures come with it, for those who ask for this very name.
	policy "{\"default\":$reject,\"transports\":{\"dir\":{\"$T/copied\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/ann@example.org.gpg\",\"signedIdentity\":{\"type\":\"exactReference\",\"dockerReference\":\"$image:1\"}}]}}}"
	run_cmk pull -q dir:copied
	printf 'x' >>copied/manifest.json
	run_cmk 125 pull -q dir:copied
	# Once more: beside the first.
	run_cmk image sign --sign-by ann@example.org "$image:1"
	[ -e "lookaside/${image#*/}@sha256=$digest/signature-2" ]
	mkdir other
	run_cmk image sign --sign-by ann@example.org -d other "$image:1"
	[ -e "other/${image#*/}@sha256=$digest/signature-1" ]
	# Bad input.
	run_cmk 125 image sign "$image:1"
	assert_error 'please provide an identity'
	run_cmk 125 image sign --sign-by nobody@example.org "$image:1"
	assert_error "sign by 'nobody@example.org'"
	run_cmk 125 image sign --sign-by ann@example.org -d missing "$image:1"
	assert_error 'invalid directory missing: no such file or directory'
	run_cmk 125 image sign --sign-by ann@example.org "$image:missing"
	assert_error 'not found'
	lookaside http://127.0.0.1:9/
	sed -i '/staging/d' "$CONF/registries.d/here.yaml"
	run_cmk 125 image sign --sign-by ann@example.org "$image:1"
	assert_error 'signatures can only be written to files'
}

@test "image sign --all: an index and every manifest in it" {
	local image
	image=$(repo index)
	gpg_key ann@example.org
	skopeo copy -q --all --insecure-policy --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/library/multi" "docker://$image:1"
	lookaside "file://$T/lookaside"
	run_cmk image sign --sign-by ann@example.org "$image:1"
	assert_match "$stderr" 'without --all'
	assert_equal "$(find lookaside -type f | wc -l)" 1
	rm -r lookaside
	run_cmk image sign --all --sign-by ann@example.org "$image:1"
	assert_equal "$(find lookaside -type f | wc -l)" $((1 + $(skopeo inspect --tls-verify=false --raw "docker://$image:1" | jq '.manifests | length')))
	policy "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/ann@example.org.asc\"}]}"
	run_cmk pull -q "$image:1"
}
