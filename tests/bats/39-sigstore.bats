#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sigstoreSigned by certificates (fulcio, pki) and logs (rekor). The authority, the log and the entries are made here, with
# real signatures.
load helpers
load signatures

setup() {
	signatures_setup
	attachments
	key root && key between && key ann && key rekor && key other
	ca_conf
	authority root root 20200101000000Z
	authority between root 20200101000000Z
	certify ann
	: >none
}
teardown() { signatures_teardown; }

ISSUER=https://issuer.example
# Within the ten minutes for which a certificate is good by default.
SIGNED_AT=1704067500
BEGIN=20240101000000Z END=20240101001000Z

key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
	openssl pkey -in "$1.key" -pubout -out "$1.pub"
}

ca_conf() {
	cat >ca.conf <<-'E'
		[ca]
		default_ca = here
		[here]
		database = index.txt
		new_certs_dir = .
		rand_serial = yes
		default_md = sha256
		policy = any
		unique_subject = no
		email_in_dn = yes
		[any]
		organizationName = optional
		commonName = optional
		emailAddress = optional
		[authority]
		basicConstraints = critical,CA:TRUE
		keyUsage = critical,keyCertSign
		subjectKeyIdentifier = hash
	E
	: >index.txt
}

# $1 by $2 from $3 on, with the extensions of the section $4 of ca.conf until $5, for the subject $6.
issue() {
	openssl req -new -key "$1.key" -subj "$6" -out "$1.csr"
	openssl ca -batch -notext -config ca.conf -in "$1.csr" -out "$1.pem" -startdate "$3" -enddate "$5" -extensions "$4" \
		-keyfile "$2.key" "${@:7}" 2>ca.log || { cat ca.log >&2 && return 1; }
}

authority() {
	if [ "$1" = "$2" ]; then
		issue "$1" "$2" "$3" authority 20400101000000Z "/O=example/CN=$1" -selfsign
	else
		issue "$1" "$2" "$3" authority 20400101000000Z "/O=example/CN=$1" -cert "$2.pem"
	fi
}

# The certificate $1.pem; NAME=VALUE...: what is different in it.
certify() {
	local email=email:ann@example.org issuer=$ISSUER issuer2=$ISSUER use=codeSigning begin=$BEGIN end=$END by=between subject=/O=sigstore
	local word
	for word in "${@:2}"; do local "$word"; done
	sed -i '/^\[leaf\]/,$d' ca.conf
	{
		printf '[leaf]\nbasicConstraints = CA:FALSE\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = %s\n' "$use"
		[ -z "$email" ] || echo "subjectAltName = critical,$email"
		[ -z "$issuer" ] || echo "1.3.6.1.4.1.57264.1.1 = DER:$(printf %s "$issuer" | od -An -vtx1 | tr -d ' \n')"
		[ -z "$issuer2" ] || echo "1.3.6.1.4.1.57264.1.8 = ASN1:UTF8String:$issuer2"
	} >>ca.conf
	issue "$1" "$by" "$begin" leaf "$end" "$subject" -cert "$by.pem"
}

# Signs what $image is by $1.key, into the files payload and payload.sig.
sign_payload() {
	digest=$(digest_of "$image")
	printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"sha256:%s"},"type":"cosign container image signature"},"optional":null}' \
		"$image" "$digest" >payload
	openssl dgst -sha256 -sign "$1.key" -out payload.sig payload
}

# The log's bundle, by log=KEY, at time=N, of the hash=…, the signature=FILE and the certificate or key by=FILE.
bundle() {
	local log=rekor time=$SIGNED_AT hash signature=payload.sig by=ann.pem said= body text
	hash=$(sha256sum <payload | cut -d' ' -f1)
	local word
	for word in "$@"; do local "$word"; done
	body=$(jq -cnj --arg hash "$hash" --arg signature "$(base64 -w0 "$signature")" --arg key "$(base64 -w0 "$by")" \
		'{apiVersion:"0.0.1",kind:"hashedrekord",spec:{data:{hash:{algorithm:"sha256",value:$hash}},signature:{content:$signature,publicKey:{content:$key}}}}' |
		base64 -w0)
	text=$(printf '{"body":"%s","integratedTime":%s,"logID":"%s","logIndex":%s}' "$body" "$time" c0d23d6ad406973f 7)
	jq -cn --arg set "$(printf %s "$text" | openssl dgst -sha256 -sign "$log.key" | base64 -w0)" --argjson payload "$text" --arg said "$said" \
		'{SignedEntryTimestamp:$set,Payload:($payload | {logIndex,integratedTime:(if $said == "" then .integratedTime else ($said | tonumber) end),logID,body})}'
}

# Attaches that, with the certificate $1 (a file, or empty), the bundle $2 (text, or empty) and the chain $3 (a file).
attach() {
	put_attachment "${image%:*}" "$digest" payload "$(jq -cn --arg signature "$(base64 -w0 payload.sig)" \
		--arg certificate "$(cat "${1:-/dev/null}")" --arg bundle "$2" --arg chain "$(cat "${3:-chain.pem}")" \
		'{"dev.cosignproject.cosign/signature":$signature,"dev.sigstore.cosign/certificate":$certificate,
		"dev.sigstore.cosign/chain":$chain,"dev.sigstore.cosign/bundle":$bundle} | with_entries(select(.value != ""))')"
}

fulcio() {
	printf '{"default":[{"type":"sigstoreSigned","fulcio":{"caPath":"%s","oidcIssuer":"%s","subjectEmail":"%s"},"rekorPublicKeyPath":"%s"}],"transports":{"dir":{"":%s}}}' \
		"$T/root.pem" "$ISSUER" "${1:-ann@example.org}" "$T/rekor.pub" "$accept"
}

taken() {
	run_cmk pull -q "$image"
	! skopeo_knows_sigstore || skopeo_takes "$image"
}

refused() {
	run_cmk 125 pull -q "$image"
	assert_error "Source image rejected: $1"
	if skopeo_knows_sigstore; then
		run skopeo_takes "$image"
		[ "$status" -ne 0 ]
	fi
}

image_here() {
	image=$(repo "$1"):1
	put_image "$image"
	cat between.pem root.pem >chain.pem
}

# bats test_tags=long
@test "fulcio: a certificate that was good when the log took the signature" {
	local image digest
	image_here good
	sign_payload ann
	attach ann.pem "$(bundle)"
	policy "$(fulcio)"
	taken
	# One of several logs, the authority itself in the policy, an intermediate one as the authority.
	policy "{\"default\":[{\"type\":\"sigstoreSigned\",\"fulcio\":{\"caData\":\"$(base64 -w0 root.pem)\",\"oidcIssuer\":\"$ISSUER\",\"subjectEmail\":\"ann@example.org\"},\"rekorPublicKeyDatas\":[\"$(base64 -w0 other.pub)\",\"$(base64 -w0 rekor.pub)\"]}],\"transports\":{\"dir\":{\"\":$accept}}}"
	run_cmk pull -q "$image"

	attach ann.pem "$(bundle)" none
	policy "$(fulcio)"
	refused 'verifying leaf certificate failed: unable to get local issuer certificate'
	policy "$(fulcio | sed s/root.pem/between.pem/)"
	taken
	# Of the two extensions for the issuer one will do.
	certify ann issuer2=
	attach ann.pem "$(bundle)"
	policy "$(fulcio)"
	taken
	certify ann issuer=
	attach ann.pem "$(bundle)"
	run_cmk pull -q "$image"
}

# bats test_tags=long
@test "fulcio: a certificate of another time, authority, purpose, issuer or person" {
	local image digest
	image_here certificate
	sign_payload ann
	policy "$(fulcio)"
	attach ann.pem "$(bundle time=1704068000)"
	refused 'verifying leaf certificate failed: certificate has expired'
	attach ann.pem "$(bundle time=1704060000)"
	refused 'verifying leaf certificate failed: certificate is not yet valid'
	policy "$(fulcio bob@example.org)"
	attach ann.pem "$(bundle)"
	refused 'Required email "bob@example.org" not found'
	policy "$(fulcio | sed "s|$ISSUER|https://other.example|")"
	refused 'Unexpected Fulcio OIDC issuer: it is not "https://other.example"'
	policy "$(fulcio)"
	certify ann issuer2=https://other.example
	attach ann.pem "$(bundle)"
	refused 'Unexpected Fulcio OIDC issuer'
	certify ann issuer= issuer2=
	attach ann.pem "$(bundle)"
	refused 'Fulcio certificate is missing the issuer extension'
	# What stands in the subject was nobody's to say.
	certify ann email= subject=/O=sigstore/emailAddress=ann@example.org
	attach ann.pem "$(bundle)"
	refused 'Required email "ann@example.org" not found'
	certify ann email=email:ann@example.org.evil.example,DNS:ann
	attach ann.pem "$(bundle)"
	refused 'Required email "ann@example.org" not found'
	certify ann use=serverAuth
	attach ann.pem "$(bundle)"
	refused 'verifying leaf certificate failed: it is not for signing code'
	# By ann's key, which is no authority's, and by another authority of the same name.
	certify ann && cp ann.pem leaf.pem
	certify other by=ann
	cat ann.pem between.pem root.pem >chain.pem
	sign_payload other
	attach other.pem "$(bundle by=other.pem)"
	refused 'verifying leaf certificate failed: '
	mv root.pem good.pem
	key root && authority root root 20200101000000Z && authority between root 20200101000000Z
	certify ann
	mv good.pem root.pem
	cat between.pem root.pem >chain.pem
	sign_payload ann
	attach ann.pem "$(bundle)"
	refused 'verifying leaf certificate failed: '
}

# bats test_tags=long
@test "fulcio: a log's entry of another log, payload, signature or certificate" {
	local image digest
	image_here log
	sign_payload ann
	policy "$(fulcio)"
	attach ann.pem "$(bundle log=other)"
	refused 'cryptographic signature verification of Rekor SET failed: it is by no log of the policy'
	# The log took it at another time.
	attach ann.pem "$(bundle time=1704068000 said=$SIGNED_AT)"
	refused 'cryptographic signature verification of Rekor SET failed'
	attach ann.pem "$(bundle hash="$(sha256sum <root.pem | cut -d' ' -f1)")"
	refused "the log's entry is of another payload"
	openssl dgst -sha256 -sign ann.key -out again.sig payload
	attach ann.pem "$(bundle signature=again.sig)"
	refused "the log's entry is of another signature"
	attach ann.pem "$(bundle by=root.pem)"
	refused "the log's entry is by another certificate"
	attach ann.pem "$(bundle by=ann.pub)"
	refused "the log's entry is by another certificate"
	# All of it about another key's signature.
	sign_payload other
	attach ann.pem "$(bundle)"
	refused "cryptographic signature verification failed: it is not by the certificate's key"
}

# bats test_tags=long
@test "fulcio: an attachment of which something is missing, or that is more than it should be" {
	local image digest
	image_here parts
	sign_payload ann
	policy "$(fulcio)"
	attach "" "$(bundle)"
	refused 'missing dev.sigstore.cosign/certificate annotation'
	attach ann.pem ""
	refused 'missing dev.sigstore.cosign/bundle annotation'
	attach ann.pem '{"SignedEntryTimestamp":"","Payload":{}}'
	refused "the log's bundle: "
	cat ann.pem root.pem >two.pem
	attach two.pem "$(bundle by=two.pem)"
	refused 'its certificate is not one certificate in PEM|the log.s bundle: its key is not one block of PEM'
	attach ann.pem "$(bundle | jq -c '.more = 1')"
	refused "the log's bundle: it is not an object of 2 members"
	attach ann.pem "$(bundle)" payload
	refused 'verifying leaf certificate failed: |loading certificate chain'
	attach ann.pem "$(bundle)"
	taken
}

# bats test_tags=long
@test "keys with a log: the key's signature, and the log's of it" {
	local image digest
	image_here key
	sign_payload ann
	policy "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPaths\":[\"$T/other.pub\",\"$T/ann.pub\"],\"rekorPublicKeyPath\":\"$T/rekor.pub\"}],\"transports\":{\"dir\":{\"\":$accept}}}"
	attach "" "" none
	run_cmk 125 pull -q "$image"
	assert_error 'Source image rejected: missing dev.sigstore.cosign/bundle annotation'
	attach "" "$(bundle by=ann.pub)"
	run_cmk pull -q "$image"
	attach "" "$(bundle by=other.pub)"
	refused "it, or the log's entry, is by no key of the policy"
	attach "" "$(bundle by=rekor.pub)"
	refused "it, or the log's entry, is by no key of the policy"
	attach "" "$(bundle by=ann.pub log=other)"
	refused 'cryptographic signature verification of Rekor SET failed'
	# Not the log's keys, but something else.
	attach "" "$(bundle by=ann.pub)"
	cp root.pem rekor.pub
	refused 'parsing public key'
}

# bats test_tags=long
@test "pki: a certificate that is good now, for an address or a host" {
	local image digest now=20230101000000Z later=20390101000000Z
	image_here pki
	sign_payload ann
	pki() {
		policy "{\"default\":[{\"type\":\"sigstoreSigned\",\"pki\":{\"caRootsPath\":\"$T/root.pem\",$1}}],\"transports\":{\"dir\":{\"\":$accept}}}"
	}
	certify ann begin=$now end=$later issuer= issuer2= email=email:ann@example.org,DNS:build.example.org,DNS:*.sign.example.org
	attach ann.pem ""
	pki '"subjectEmail":"ann@example.org"'
	run_cmk pull -q "$image"
	pki '"subjectHostname":"build.example.org","subjectEmail":"ann@example.org"'
	run_cmk pull -q "$image"
	pki '"subjectHostname":"one.sign.example.org"'
	run_cmk pull -q "$image"
	pki '"subjectHostname":"evil.example.org"'
	run_cmk 125 pull -q "$image"
	assert_error 'Unexpected subject hostname: the certificate is not valid for "evil.example.org"'
	pki '"subjectHostname":"build.example.org","subjectEmail":"bob@example.org"'
	run_cmk 125 pull -q "$image"
	assert_error 'Required email "bob@example.org" not found'
	# The policy may name those in between, too.
	attach ann.pem "" none
	pki '"subjectEmail":"ann@example.org"'
	run_cmk 125 pull -q "$image"
	assert_error 'unable to get local issuer certificate'
	pki "\"subjectEmail\":\"ann@example.org\",\"caIntermediatesPath\":\"$T/between.pem\""
	run_cmk pull -q "$image"
	certify ann issuer= issuer2=
	attach ann.pem ""
	run_cmk 125 pull -q "$image"
	assert_error 'verifying leaf certificate failed: certificate has expired'
	echo nonsense >root.pem
	run_cmk 125 pull -q "$image"
	assert_error "the policy's authority is not a certificate in PEM"
}
