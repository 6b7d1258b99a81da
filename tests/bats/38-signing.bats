#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is signed while it is pushed, and that skopeo, by the same policies, and cmk itself verify it.
load helpers
load signatures

setup() {
	signatures_setup
	printf sesame >pass
}
teardown() { signatures_teardown; }

# Sets image; it is here as localhost/made:1.
made() {
	made_here made
	image=$(repo "$1")
}

signed_by() { printf '{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"%s"}],"transports":{"dir":{"":%s}}}' "$1" "$accept"; }
sigstore_signed() { printf '{"default":[{"type":"sigstoreSigned","keyPath":"%s"}],"transports":{"dir":{"":%s}}}' "$1" "$accept"; }

# cmk and skopeo take $1; a signature of sigstore is for a skopeo that knows them.
both_take() {
	run_cmk pull -q "$1"
	if skopeo_knows_sigstore || ! grep -q '"sigstoreSigned"' "$CONF/policy.json"; then
		skopeo_takes "$1"
	fi
}

# Neither does, which cmk says with $2.
neither_takes() {
	run_cmk 125 pull -q "$1"
	assert_error "$2"
	run skopeo_takes "$1"
	[ "$status" -ne 0 ]
}

# bats test_tags=long
@test "push --sign-by: gpg's signature in the lookaside" {
	local image digest
	made gpg
	gpg_key ann@example.org
	gpg_key bob@example.org
	lookaside "file://$T/lookaside"
	run_cmk push -q --sign-by ann@example.org localhost/made:1 "$image:1"
	digest=$(digest_of "$image:1")
	assert_equal "$(cd lookaside && find . -type f)" "./${image#*/}@sha256=$digest/signature-1"
	policy "$(signed_by "$T/ann@example.org.gpg")"
	both_take "$image:1"
	policy "$(signed_by "$T/bob@example.org.gpg")"
	neither_takes "$image:1" 'it is by a key that the policy does not name'
	# skopeo looks at the file alone, too.
	skopeo inspect --raw --tls-verify=false "docker://$image:1" >manifest
	skopeo standalone-verify manifest "$image:1" "$(gpg --batch --with-colons --list-keys ann@example.org | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n1)" \
		"lookaside/${image#*/}@sha256=$digest/signature-1"
	# Another push adds one, and takes nobody's away.
	run_cmk push -q --sign-by bob@example.org localhost/made:1 "$image:1"
	both_take "$image:1"
	policy "$(signed_by "$T/ann@example.org.gpg")"
	both_take "$image:1"
	# Without the option nothing is signed.
	run_cmk push -q --remove-signatures localhost/made:1 "$image:2"
	policy "$(signed_by "$T/ann@example.org.gpg")"
	neither_takes "$image:2" "Signature for identity \"$image:1\" is not accepted"
}

# bats test_tags=long
@test "push --sign-by: a passphrase from a file, the wrong one, no key" {
	local image
	made gpgpass
	lookaside "file://$T/lookaside"
	gpg --batch --quiet --pinentry-mode loopback --passphrase sesame --quick-gen-key ann@example.org ed25519 sign never 2>/dev/null
	gpg --batch --export ann@example.org >ann.gpg
	gpgconf --kill gpg-agent
	printf 'wrong\n' >wrong
	run_cmk 125 push -q --sign-by ann@example.org --sign-passphrase-file wrong localhost/made:1 "$image:1"
	assert_error "creating new signature for '$image:1': sign by 'ann@example.org': .*[Bb]ad passphrase"
	printf 'sesame\nmore\n' >pass
	run_cmk push -q --sign-by ann@example.org --sign-passphrase-file pass localhost/made:1 "$image:1"
	policy "$(signed_by "$T/ann.gpg")"
	both_take "$image:1"
	# Before anything is sent.
	run_cmk 125 push --sign-by nobody@example.org localhost/made:1 "$image:none"
	assert_error "sign by 'nobody@example.org'"
	refute_match "$stderr" Copying
	run_cmk 125 push --sign-by ann@example.org --sign-passphrase-file missing localhost/made:1 "$image:none"
	assert_error "passphrase file 'missing': no such file"
	refute_match "$stderr" Copying
	lookaside http://127.0.0.1:9/
	sed -i '/staging/d' "$CONF/registries.d/here.yaml"
	run_cmk 125 push --sign-by ann@example.org localhost/made:1 "$image:none"
	assert_error 'signatures can only be written to files'
	refute_match "$stderr" Copying
}

# bats test_tags=long
@test "push --sign-by-sigstore-private-key: ECDSA, RSA and ed25519, attached as skopeo and cosign do" {
	local image kind digest
	made sigstore
	attachments
	sigstore_key other ec
	for kind in ec rsa ed; do
		sigstore_key $kind $kind
		run_cmk push -q --sign-by-sigstore-private-key $kind.key --sign-passphrase-file pass localhost/made:1 "$image:$kind"
		policy "$(sigstore_signed "$T/$kind.pub")"
		both_take "$image:$kind"
		digest=$(digest_of "$image:$kind")
		assert_equal "$(attached "$image:$kind" $kind.pub | jq -c '[.critical, (.optional.timestamp | type)]')" \
			"[{\"identity\":{\"docker-reference\":\"$image:$kind\"},\"image\":{\"docker-manifest-digest\":\"sha256:$digest\"},\"type\":\"cosign container image signature\"},\"number\"]"
	done
	# All three are there, and what others attach stays.
	assert_equal "$(jq -c '[.mediaType, (.layers | length), .layers[0].mediaType]' attached.json)" \
		'["application/vnd.oci.image.manifest.v1+json",3,"application/vnd.dev.cosign.simplesigning.v1+json"]'
	assert_equal "$(skopeo inspect --config --raw --tls-verify=false "docker://$image:sha256-$digest.sig" | jq -c '.rootfs')" \
		"$(jq -c '{type:"layers",diff_ids:[.layers[].digest]}' attached.json)"
	sigstore_sign "$image:ec" other.pem "$image:ec"
	policy "$(sigstore_signed "$T/other.pub")"
	both_take "$image:ec"
	run_cmk push -q --sign-by-sigstore-private-key ed.key --sign-passphrase-file pass localhost/made:1 "$image:again"
	both_take "$image:ec"
	neither_takes "$image:again" 'is not accepted'
}

@test "push --sign-by-sigstore-private-key: beside what skopeo attaches" {
	local image
	skopeo_knows_sigstore || skip "skopeo is built without sigstore"
	made skopeo
	attachments
	sigstore_key ec ec
	sigstore_key other ec
	run_cmk push -q --sign-by-sigstore-private-key ec.key --sign-passphrase-file pass localhost/made:1 "$image:1"
	policy "{\"default\":$accept}"
	skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --policy "$CONF/policy.json" --registries.d "$CONF/registries.d" \
		--sign-by-sigstore-private-key other.key --sign-passphrase-file pass "docker://$image:1" "docker://$image:1"
	run_cmk push -q --sign-by-sigstore-private-key ec.key --sign-passphrase-file pass localhost/made:1 "$image:1"
	policy "$(sigstore_signed "$T/other.pub")"
	both_take "$image:1"
	policy "$(sigstore_signed "$T/ec.pub")"
	both_take "$image:1"
	attached "$image:1" ec.pub
	assert_equal "$(jq -c '.layers | length' attached.json)" 3
}

# bats test_tags=long
@test "push --sign-by-sigstore-private-key: what does not fit is said before anything is sent" {
	local image
	made refused
	sigstore_key ec ec SIGSTORE 65536
	run_cmk 125 push --sign-by-sigstore-private-key ec.key --sign-passphrase-file pass localhost/made:1 "$image:1"
	assert_error 'writing sigstore attachments is disabled by configuration'
	refute_match "$stderr" Copying
	attachments
	echo wrong >wrong
	run_cmk 125 push --sign-by-sigstore-private-key ec.key --sign-passphrase-file wrong localhost/made:1 "$image:1"
	assert_error "private key 'ec.key': decrypt: the passphrase does not fit"
	run_cmk 125 push --sign-by-sigstore-private-key ec.pem --sign-passphrase-file pass localhost/made:1 "$image:1"
	assert_error "private key 'ec.pem': unsupported pem type"
	run_cmk 125 push --sign-by-sigstore-private-key ec.pub --sign-passphrase-file pass localhost/made:1 "$image:1"
	assert_error "private key 'ec.pub': unsupported pem type"
	run_cmk 125 push --sign-by-sigstore-private-key pass --sign-passphrase-file pass localhost/made:1 "$image:1"
	assert_error "private key 'pass': the private key is not in PEM"
	run_cmk 125 push --sign-by-sigstore-private-key missing --sign-passphrase-file pass localhost/made:1 "$image:1"
	assert_error "private key 'missing'"
	run_cmk 125 push --sign-by-sigstore-private-key ec.key localhost/made:1 "$image:1"
	assert_error 'there is no terminal to ask for its passphrase'
	run_cmk 125 push --sign-by a --sign-by-sigstore-private-key ec.key --sign-passphrase-file pass localhost/made:1 "$image:1"
	assert_error 'only one of --sign-by and --sign-by-sigstore-private-key can be used with --sign-passphrase-file'
	run_cmk 125 push --sign-passphrase-file pass localhost/made:1 "$image:1"
	assert_error 'sign-passphrase-file: neither'
	run_cmk 125 push --sign-by-sigstore-private-key ec.key --sign-passphrase-file pass localhost/made:1 "dir:$T/dir"
	assert_error 'annot determine canonical Docker reference for destination dir:'
	refute_match "$stderr" Copying
	[ ! -e dir ]
	# More memory than anybody's key takes.
	openssl base64 -A -d <<<"$(grep -v -- ----- ec.key | tr -d '\n')" | sed 's/"N": 65536/"N": 1073741824/' >key.json
	{ echo '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----' && openssl base64 <key.json && echo '-----END ENCRYPTED SIGSTORE PRIVATE KEY-----'; } >huge.key
	run_cmk 125 push --sign-by-sigstore-private-key huge.key --sign-passphrase-file pass localhost/made:1 "$image:1"
	assert_error 'parameters of scrypt are out of range'
	# And what fits; the passphrase may come through a pipe, or from who sits there.
	run_cmk push -q --sign-by-sigstore-private-key ec.key --sign-passphrase-file <(printf 'sesame\n') localhost/made:1 "$image:1"
	policy "$(sigstore_signed "$T/ec.pub")"
	both_take "$image:1"
	"$FIXTURES/terminal" cmk push -q --sign-by-sigstore-private-key ec.key localhost/made:1 "$image:2" <<-'E'
		expect Passphrase for key ec.key:
		send sesame\n
		wait 0
	E
	both_take "$image:2"
}

# bats test_tags=long
@test "push --sign-by-sigstore: a file of parameters" {
	local image
	made params
	attachments
	sigstore_key ec ec
	printf 'privateKeyFile: "%s"\nprivateKeyPassphraseFile: %s\n' "$T/ec.key" "$T/pass" >params.yaml
	run_cmk push -q --sign-by-sigstore params.yaml localhost/made:1 "$image:1"
	policy "$(sigstore_signed "$T/ec.pub")"
	both_take "$image:1"
	gpg_key ann@example.org
	# With gpg's beside it.
	printf 'docker:\n  127.0.0.1:5000:\n    use-sigstore-attachments: true\n    lookaside: file://%s\n' "$T/lookaside" >"$CONF/registries.d/here.yaml"
	run_cmk push -q --sign-by ann@example.org --sign-by-sigstore params.yaml localhost/made:1 "$image:2"
	both_take "$image:2"
	policy "$(signed_by "$T/ann@example.org.gpg")"
	both_take "$image:2"
	echo 'privateKeyPassphraseFile: pass' >params.yaml
	run_cmk 125 push --sign-by-sigstore params.yaml localhost/made:1 "$image:1"
	assert_error "signing parameters 'params.yaml': 'privateKeyFile' is missing"
	printf 'privateKeyFile: ec.key\nprivateKey: x\n' >params.yaml
	run_cmk 125 push --sign-by-sigstore params.yaml localhost/made:1 "$image:1"
	assert_error "unknown key 'privateKey'"
	printf 'fulcio: {fulcioURL: "https://fulcio.example"}\n' >params.yaml
	run_cmk 125 push --sign-by-sigstore params.yaml localhost/made:1 "$image:1"
	assert_error "'fulcio': certificates cannot be asked for"
	echo '- a' >params.yaml
	run_cmk 125 push --sign-by-sigstore params.yaml localhost/made:1 "$image:1"
	assert_error 'it is not a mapping'
	run_cmk 125 push --sign-by-sigstore missing.yaml localhost/made:1 "$image:1"
	assert_error "signing parameters 'missing.yaml'"
}

# bats test_tags=long
@test "push --sign-by-sigstore: a log takes the signature in" {
	local image log url
	made log
	attachments
	sigstore_key ec ec
	openssl ecparam -name prime256v1 -genkey -noout -out rekor.key
	openssl pkey -in rekor.key -pubout -out rekor.pub
	"$FIXTURES/rekor" "$T" 3>&- &
	log=$!
	assert wait_for 20 test -s port
	url=http://127.0.0.1:$(cat port)/log
	printf 'privateKeyFile: ec.key\nprivateKeyPassphraseFile: pass\nrekorURL: %s/\n' "$url" >params.yaml
	run_cmk '?' push -q --sign-by-sigstore params.yaml localhost/made:1 "$image:1"
	assert_equal "$status" 0
	assert_equal "$(jq -c '[.kind, (.spec.signature.publicKey.content | @base64d)]' entries)" "$(jq -cRs '["hashedrekord", .]' ec.pub)"
	policy "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"$T/ec.pub\",\"rekorPublicKeyPath\":\"$T/rekor.pub\"}],\"transports\":{\"dir\":{\"\":$accept}}}"
	both_take "$image:1"
	# One that says that it took something else; one that knows no such thing; none.
	head -n1 entries | jq -c '.spec.data.hash.value = ("0" * 64)' >answer
	run_cmk '?' push -q --sign-by-sigstore params.yaml localhost/made:1 "$image:2"
	assert_error "log '$url/': the log's entry is of another payload"
	sed -i 's|/log/|/other/|' params.yaml
	run_cmk '?' push -q --sign-by-sigstore params.yaml localhost/made:1 "$image:2"
	assert_error 'service not found'
	kill "$log"
	wait "$log" || true
	run_cmk 125 push -q --sign-by-sigstore params.yaml localhost/made:1 "$image:2"
	assert_error 'cannot connect'
	sed -i 's|http:|ftp:|' params.yaml
	run_cmk 125 push --sign-by-sigstore params.yaml localhost/made:1 "$image:2"
	assert_error "'rekorURL' 'ftp://"
	refute_match "$stderr" Copying
	neither_takes "$image:2" 'is not accepted|no signature'
}

# bats test_tags=long
@test "artifact push: what is no image is signed too" {
	local artifact
	artifact=$(repo files):1
	sigstore_key ec ec
	gpg_key ann@example.org
	printf 'docker:\n  127.0.0.1:5000:\n    use-sigstore-attachments: true\n    lookaside: file://%s\n' "$T/lookaside" >"$CONF/registries.d/here.yaml"
	echo hello >hello.txt
	run_cmk artifact add "$artifact" hello.txt
	run_cmk 125 artifact push --sign-by nobody@example.org "$artifact"
	refute_match "$stderr" Copying
	run_cmk artifact push -q --sign-by ann@example.org "$artifact"
	[ -e "lookaside/$(sed 's|^[^/]*/||; s|:1$||' <<<"$artifact")@sha256=$(digest_of "$artifact")/signature-1" ]
	run_cmk artifact push -q --sign-by-sigstore-private-key ec.key --sign-passphrase-file pass "$artifact"
	assert_equal "$(attached "$artifact" ec.pub | jq -r '.critical.identity["docker-reference"]')" "$artifact"
}

# bats test_tags=long
@test "manifest push: the list and all its images are signed" {
	local image digest
	image=$(repo list)
	attachments
	sigstore_key ec ec
	made_here one --arch arm64
	made_here two --arch "$(dpkg --print-architecture)"
	run_cmk manifest create list
	run_cmk manifest add list localhost/one:1
	run_cmk manifest add list localhost/two:1
	run_cmk manifest push -q --sign-by-sigstore-private-key ec.key --sign-passphrase-file pass list "$image:1"
	policy "$(sigstore_signed "$T/ec.pub")"
	both_take "$image:1"
	skopeo inspect --raw --tls-verify=false "docker://$image:1" >raw
	for digest in "sha256:$(digest_of "$image:1")" $(jq -r '.manifests[].digest' raw); do
		skopeo inspect --raw --tls-verify=false "docker://$image:${digest/:/-}.sig"
	done
}
