// SPDX-License-Identifier: Apache-2.0
/*
 * What cosign attaches to an image: a manifest under the tag "sha256-HEX.sig", whose layers are
 * payloads; an annotation of each is the signature of its bytes.
 */
#include "base/base64.h"
#include "image/manifest.h"
#include "image/signature.h"
#include "image/tool.h"

#define ATTACHED_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define ATTACHED_SIGNATURE "dev.cosignproject.cosign/signature"
/* Of cmk-verify. */
enum { VERIFIED = 0, NOT_VERIFIED = 1 };

struct check {
	int payload, signature;
};

/* 1 where the key is the one. */
static int check_key(void *arg, const char *data, size_t len, struct cmk_err *err)
{
	const struct check *c = arg;
	cleanup_close int key = tool_file(data, len, err);
	cleanup_free char *said = NULL;
	int r = key;

	if (r < 0)
		return r;
	if (lseek(c->payload, 0, SEEK_SET) < 0 || lseek(c->signature, 0, SEEK_SET) < 0)
		return cmk_err_errno(err, "read a memory file");
	r = tool_run_verify("signature", (const int[]){ key, -1, -1, c->payload, c->signature }, 5,
			    &said, err);
	if (r == VERIFIED || r == NOT_VERIFIED)
		return r == VERIFIED;
	return r < 0 ? r : cmk_err_set(err, -EINVAL, "%s", *said ? said : "cmk-verify failed");
}

/* The bytes of the signature S, in a file. */
static int signature_file(const struct signature *s, struct cmk_err *err)
{
	size_t n = 0;
	cleanup_free char *bytes = base64_decoded(s->base64, strlen(s->base64), &n);

	return bytes ? tool_file(bytes, n, err)
		     : cmk_err_set(err, -EINVAL, "the sigstore signature is not base64");
}

int signature_verify_sigstore(const struct policy_requirement *q, const struct signature *s,
			      struct cmk_err *err)
{
	cleanup_close int payload = -1, signature = -1;
	struct check c;
	int r;

	if (!s->base64)
		return cmk_err_set(err, -EINVAL, "missing " ATTACHED_SIGNATURE " annotation");
	payload = tool_file(s->data, s->len, err);
	if (payload < 0)
		return payload;
	signature = signature_file(s, err);
	if (signature < 0)
		return signature;
	c = (struct check){ payload, signature };
	r = signature_each_key(q, &c, check_key, err);
	if (r < 0)
		return r;
	return r == 1 ? 0
		      : cmk_err_kind(err, CMK_ERR_DENIED, -EACCES,
				     "cryptographic signature verification failed: it is by no key "
				     "of the policy, or does not fit what it signs");
}

static int fetch_payload(struct client *c, const struct json *layer, struct signatures *s,
			 struct cmk_err *err)
{
	const char *digest = json_str(json_get(layer, "digest"));
	const char *sig = json_str(json_get(json_get(layer, "annotations"), ATTACHED_SIGNATURE));
	struct digest want, got;
	struct fetched f = { 0 };
	uint64_t size = 0;
	int r;

	if (!digest || digest_parse(digest, &want, NULL) < 0 ||
	    json_u64(json_get(layer, "size"), SIGNATURE_MAX, &size) < 0 || size == 0)
		return cmk_err_set(err, -EINVAL, "a layer without digest and size");
	r = client_fetch_text(c, PROTO_BLOB, digest, size, size, &f, err);
	if (r < 0)
		return r;
	digest_of(f.text, f.len, &got);
	if (streq(got.hex, want.hex)) {
		struct signature *one = signatures_add(s, f.text, f.len);

		one->sigstore = true;
		one->base64 = xstrdup_null(sig);
	} else {
		r = cmk_err_set(err, -EBADMSG, "wrong digest: expected %.80s", digest);
	}
	fetched_done(&f);
	return r;
}

static int fetch_layers(struct client *c, const struct fetched *f, struct signatures *s,
			struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = json_parse(f->text, f->len, IMAGE_MANIFEST_MAX, &doc, err);

	if (r < 0)
		return r;
	json_each (layer, json_get(json_root(doc), "layers")) {
		const char *type = json_str(json_get(layer, "mediaType"));

		/* Attestations and the like are attached elsewhere, and are no signatures. */
		if (!type || !streq(type, ATTACHED_TYPE))
			continue;
		if (s->n >= SIGNATURES_MAX)
			return cmk_err_set(err, -E2BIG, "more than %d signatures", SIGNATURES_MAX);
		r = fetch_payload(c, layer, s, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int signatures_fetch_attached(struct client *c, const struct digest *d, struct signatures *s,
			      struct cmk_err *err)
{
	cleanup_free char *tag = xasprintf("sha256-%s.sig", d->hex);
	struct fetched f = { 0 };
	int r = client_fetch_text(c, PROTO_MANIFEST, tag, 0, IMAGE_MANIFEST_MAX, &f, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = fetch_layers(c, &f, s, err);
	fetched_done(&f);
	return r < 0 ? cmk_err_wrap(err, r, "sigstore attachments '%s'", tag) : 0;
}
