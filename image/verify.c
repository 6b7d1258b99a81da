// SPDX-License-Identifier: Apache-2.0
#include "image/verify.h"

/* The signatures of one image, asked for when the first requirement needs them. */
struct found {
	struct signatures all;
	bool asked;
};

/* What S claims, once it is verified. */
static int read_claim(const struct policy_requirement *q, const struct signature *s,
		      struct signature_claim *ret, struct cmk_err *err)
{
	cleanup_free char *payload = NULL;
	size_t len = 0;
	int r;

	if (q->type == POLICY_SIGSTORE) {
		r = signature_verify_sigstore(q, s, err);
		return r < 0 ? r
			     : signature_claim_parse(s->data, s->len, SIGNATURE_TYPE_SIGSTORE, ret,
						     err);
	}
	r = signature_verify_simple(q, s, &payload, &len, err);
	return r < 0 ? r : signature_claim_parse(payload, len, SIGNATURE_TYPE_SIMPLE, ret, err);
}

static int check_signature(const struct policy_requirement *q, const struct signature *s,
			   const struct policy_image *image, const struct digest *d,
			   struct cmk_err *err)
{
	struct signature_claim c = { 0 };
	char digest[72];
	int r = read_claim(q, s, &c, err);

	if (r < 0)
		return r;
	if (!streq(c.digest, digest_str(d, digest)))
		r = cmk_err_set(err, -EACCES, "Signature for digest %.80s does not match",
				c.digest);
	else if (!policy_identity_matches(&q->identity, image, c.reference))
		r = cmk_err_set(err, -EACCES, "Signature for identity \"%.300s\" is not accepted",
				c.reference);
	signature_claim_done(&c);
	return r;
}

static int check_signatures(const struct policy_requirement *q, const struct verify *v,
			    const struct digest *d, struct found *f, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf reasons = STRBUF_INIT;
	bool sigstore = q->type == POLICY_SIGSTORE;
	size_t n = 0, others = 0;
	int r = 0;

	if (!f->asked && v->signatures)
		r = v->signatures(v->arg, d, &f->all, err);
	if (r < 0)
		return r;
	f->asked = true;
	for (size_t i = 0; i < f->all.n; i++) {
		cleanup_err struct cmk_err mine = CMK_ERR_INIT;

		if (f->all.list[i].sigstore != sigstore) {
			others++;
			continue;
		}
		if (check_signature(q, &f->all.list[i], &v->image, d, &mine) == 0)
			return 0;
		strbuf_addf(&reasons, "%s%s", n++ ? "; " : "", cmk_err_msg(&mine));
	}
	if (n > 0)
		return cmk_err_set(err, -EACCES, "%s%s",
				   n > 1 ? "None of the signatures were accepted, reasons: " : "",
				   strbuf_str(&reasons));
	if (others > 0)
		return cmk_err_set(err, -EACCES,
				   "A signature was required, but no signature exists (%zu of "
				   "another kind)",
				   others);
	return cmk_err_set(err, -EACCES, "A signature was required, but no signature exists");
}

static int check_requirement(const struct policy_requirement *q, const struct verify *v,
			     const struct digest *d, struct found *f, struct cmk_err *err)
{
	if (q->unsupported)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP, "%s", q->unsupported);
	switch (q->type) {
	case POLICY_ACCEPT:
		return 0;
	case POLICY_SIGNED_BY:
	case POLICY_SIGSTORE:
		return check_signatures(q, v, d, f, err);
	case POLICY_REJECT:
		break;
	}
	return cmk_err_set(err, -EACCES, "Running image %s is rejected by policy.", v->image.shown);
}

int verify_manifest(const struct verify *v, const struct digest *d, struct cmk_err *err)
{
	const struct policy_scope *s = policy_find(v->policy, &v->image);
	struct found f = { 0 };
	int r = 0;

	for (size_t i = 0; s && i < s->n && r == 0; i++)
		r = check_requirement(&s->list[i], v, d, &f, err);
	signatures_done(&f.all);
	return r < 0 ? cmk_err_wrap(err, r, "Source image rejected") : 0;
}

int verify_unsigned(const char *policy_path, const char *transport, struct cmk_err *err)
{
	struct policy p = { 0 };
	struct verify v = { .policy = &p };
	struct digest none = { 0 };
	int r = policy_load(policy_path, &p, err);

	if (r < 0)
		return r;
	policy_image_file(transport, NULL, NULL, &v.image);
	r = verify_manifest(&v, &none, err);
	policy_image_done(&v.image);
	policy_done(&p);
	return r;
}
