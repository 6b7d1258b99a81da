# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of signatures share. $CONF is where policy.json and registries.d are.
#
#	policy TEXT, lookaside URL, attachments	write these
#	put_image NAME		an image of one manifest, by skopeo
#	gpg_key NAME		a key without a passphrase, public in NAME.asc and NAME.gpg
#	sigstore_key NAME KIND [TYPE N]	the encrypted private key NAME.key, passphrase "sesame", and NAME.pub
#	skopeo_takes NAME	skopeo, by the same policy and registries.d
#	skopeo_knows_sigstore	Debian 12's is built without
#	attached NAME KEY.pub	prints what is signed in the newest attachment, once openssl says that it is by KEY
#	sigstore_sign, put_attachment	what cosign would attach

CONF=
signatures_setup() {
	common_setup
	CONF=$HOME/.config/containers
	mkdir -p "$CONF/registries.d" "$T/lookaside"
	export GNUPGHOME=$T/gnupg
	mkdir -m 0700 "$GNUPGHOME"
}

signatures_teardown() {
	gpgconf --homedir "$GNUPGHOME" --kill all 2>/dev/null || true
	common_teardown
}


policy() { printf '%s\n' "$1" >"$CONF/policy.json"; }
# shellcheck disable=SC2034 # for policies
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
	put_attachment "$repository" "$digest" payload "{\"dev.cosignproject.cosign/signature\":\"$sig\"}"
}

# The blobs and the manifest of the attachment to the manifest $2 of the repository $1, by plain HTTP: the payload $3
# with the annotations $4.
put_attachment() {
	local base=http://${1%%/*}/v2/${1#*/} file digest size
	printf '{}' >config
	for file in config "$3"; do
		digest=sha256:$(sha256sum <"$file" | cut -d' ' -f1)
		curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$file" \
			"$(curl -fsS -X POST -D - -o /dev/null "$base/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //Ip')&digest=$digest"
	done
	size=$(stat -c %s "$3")
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:%s"},"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","size":%s,"digest":"%s","annotations":%s}]}' \
		"$(sha256sum <config | cut -d' ' -f1)" "$size" "$digest" "$4" >attachment
	curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @attachment \
		"$base/manifests/sha256-$2.sig"
}

attachments() { printf 'docker:\n  127.0.0.1:5000:\n    use-sigstore-attachments: true\n' >"$CONF/registries.d/here.yaml"; }

sigstore_key() {
	case $2 in
	ec) openssl ecparam -name prime256v1 -genkey -noout -out "$1.pem" ;;
	rsa) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1.pem" 2>/dev/null ;;
	ed) openssl genpkey -algorithm ED25519 -out "$1.pem" ;;
	esac
	openssl pkey -in "$1.pem" -pubout -out "$1.pub"
	"$FIXTURES/sigstore-key" "${3:-COSIGN}" "${4:-32768}" sesame <"$1.pem" >"$1.key"
}

skopeo_takes() {
	rm -rf taken
	skopeo copy -q --src-tls-verify=false --policy "$CONF/policy.json" --registries.d "$CONF/registries.d" "docker://$1" dir:taken
}

skopeo_knows_sigstore() { ! grep -aq 'Debian-local change: sigstore disabled' "$(command -v skopeo)"; }

attached() {
	local repository=${1%:*} digest
	digest=$(digest_of "$1")
	skopeo inspect --raw --tls-verify=false "docker://$repository:sha256-$digest.sig" >attached.json
	curl -fsS "http://${1%%/*}/v2/${repository#*/}/blobs/$(jq -r '.layers[-1].digest' attached.json)" >attached
	jq -r '.layers[-1].annotations["dev.cosignproject.cosign/signature"]' attached.json | base64 -d >attached.sig
	if openssl pkey -pubin -in "$2" -noout -text | grep -qi ed25519; then
		openssl pkeyutl -verify -pubin -inkey "$2" -rawin -in attached -sigfile attached.sig >&2
	else
		openssl dgst -sha256 -verify "$2" -signature attached.sig attached >&2
	fi
	cat attached
}
