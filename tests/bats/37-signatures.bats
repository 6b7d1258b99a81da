#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# policy.json: which images are let in, whose signatures they need, and what signs them.
load helpers

CONF=
setup() {
	common_setup
	CONF=$HOME/.config/containers
	mkdir -p "$CONF/registries.d" "$T/lookaside"
	export GNUPGHOME=$T/gnupg
	mkdir -m 0700 "$GNUPGHOME"
}

teardown() {
	gpgconf --homedir "$GNUPGHOME" --kill all 2>/dev/null || true
	common_teardown
}


policy() { printf '%s\n' "$1" >"$CONF/policy.json"; }
accept='[{"type":"insecureAcceptAnything"}]' reject='[{"type":"reject"}]'

# An image of one manifest at $1.
put_image() {
	skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false \
		"docker://$REGISTRY/library/alpine" "docker://$1"
}

digest_of() { raw_digest "docker://$1"; }

# A key for $1, without a passphrase; public in $1.asc and $1.gpg.
gpg_key() {
	gpg --batch --quiet --passphrase '' --quick-gen-key "$1" ed25519 sign never 2>/dev/null
	gpg --batch --armor --export "$1" >"$1.asc"
	gpg --batch --export "$1" >"$1.gpg"
}

# Signs $1 as skopeo does, by the key $2.
skopeo_sign() {
	skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false --sign-by "$2" \
		--registries.d "$CONF/registries.d" "docker://$1" "docker://$1"
}

lookaside() { printf 'docker:\n  127.0.0.1:5000:\n    lookaside: %s\n    lookaside-staging: file://%s\n' "$1" "$T/lookaside" >"$CONF/registries.d/here.yaml"; }

# Attaches to $1 what cosign would: signed by the private key $2, under the name $3.
sigstore_sign() {
	local digest payload sig repository=${1%:*} size
	digest=$(digest_of "$1")
	mkdir -p "sig/$digest"
	payload=$(printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"sha256:%s"},"type":"cosign container image signature"},"optional":null}' "$3" "$digest")
	printf %s "$payload" >payload
	if openssl pkey -in "$2" -noout -text | grep -qi ed25519; then
		openssl pkeyutl -sign -inkey "$2" -rawin -in payload -out payload.sig
	else
		openssl dgst -sha256 -sign "$2" -out payload.sig payload
	fi
	sig=$(base64 -w0 payload.sig)
	put_attachment "$repository" "$digest" payload "$sig"
}

# The blobs and the manifest of the attachment, by plain HTTP.
put_attachment() {
	local base=http://${1%%/*}/v2/${1#*/} file digest size
	printf '{}' >config
	for file in config "$3"; do
		digest=sha256:$(sha256sum <"$file" | cut -d' ' -f1)
		curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$file" \
			"$(curl -fsS -X POST -D - -o /dev/null "$base/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //Ip')&digest=$digest"
	done
	size=$(stat -c %s "$3")
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:%s"},"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","size":%s,"digest":"%s","annotations":{"dev.cosignproject.cosign/signature":"%s"}}]}' \
		"$(sha256sum <config | cut -d' ' -f1)" "$size" "$digest" "$4" >attachment
	curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @attachment \
		"$base/manifests/sha256-$2.sig"
}

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
	policy "{\"default\":$accept,\"transports\":{\"docker\":{\"*.0.1:5000\":$reject}}}"
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
	policy '{"default":[{"type":"sigstoreSigned","keyPath":"/a","rekorPublicKeyPath":"/b"}]}'
	run_cmk 125 pull -q alpine
	assert_error 'Source image rejected: .*rekorPublicKeyPath'
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
