// SPDX-License-Identifier: Apache-2.0
/*
 * Signatures of sigstore: by a key that the policy names, or by one that an authority of the
 * policy's says is of the right person; and, where the policy asks for that, known to a log. All
 * cryptography is done by cmk-verify.
 */
#include "base/base64.h"
#include "image/rekor.h"
#include "image/tool.h"

/* Of cmk-verify. */
enum { VERIFIED = 0, NOT_VERIFIED = 1 };

/* A signature, and what it comes with, decoded. */
struct check {
	const struct policy_requirement *q;
	const struct signature *s;
	char *signature, *certificate /* DER */;
	size_t signature_len, certificate_len;
	struct rekor_bundle bundle; /* where the policy asks for a log */
};

static void check_done(struct check *c)
{
	free(c->signature);
	free(c->certificate);
	rekor_bundle_done(&c->bundle);
}

static int failed(int r, const char *said, struct cmk_err *err)
{
	return r < 0 ? r : cmk_err_set(err, -EINVAL, "%s", *said ? said : "cmk-verify failed");
}

/* 1 where SIGNATURE is one of TEXT by KEY (PEM). */
static int fits(const char *key, size_t key_len, const char *text, size_t len,
		const char *signature, size_t signature_len, struct cmk_err *err)
{
	static const char *const words[] = { "signature", NULL };
	cleanup_close int key_fd = tool_file(key, key_len, err), text_fd = -1, signature_fd = -1;
	cleanup_free char *said = NULL;
	int r;

	if (key_fd < 0)
		return key_fd;
	text_fd = tool_file(text, len, err);
	if (text_fd < 0)
		return text_fd;
	signature_fd = tool_file(signature, signature_len, err);
	if (signature_fd < 0)
		return signature_fd;
	r = tool_run_helper("cmk-verify", words,
			    (const int[]){ key_fd, -1, -1, text_fd, signature_fd }, 5, &said, err);
	return r == VERIFIED || r == NOT_VERIFIED ? r == VERIFIED : failed(r, said, err);
}

static int refuse(struct cmk_err *err, const char *why)
{
	return cmk_err_kind(err, CMK_ERR_DENIED, -EACCES, "%s", why);
}

/* --- the log --- */

static int log_knows(void *arg, const char *key, size_t len, struct cmk_err *err)
{
	const struct check *c = arg;

	return fits(key, len, c->bundle.text, c->bundle.len, c->bundle.set, c->bundle.set_len, err);
}

/* One of the policy's logs has signed an entry that is of this signature. By which key it is, the
 * caller compares. */
static int check_log(struct check *c, struct cmk_err *err)
{
	int r;

	if (!c->s->bundle)
		return cmk_err_set(err, -EINVAL, "missing " ATTACHED_BUNDLE " annotation");
	r = rekor_bundle_parse(c->s->bundle, strlen(c->s->bundle), &c->bundle, err);
	if (r == 0)
		r = signature_each_key(&c->q->logs, c, log_knows, err);
	if (r == 0)
		return refuse(err, "cryptographic signature verification of Rekor SET failed: it "
				   "is by no log of the policy");
	return r < 0 ? r
		     : rekor_bundle_check(&c->bundle, c->s->data, c->s->len, c->signature,
					  c->signature_len, err);
}

static bool log_has_key(const struct check *c, const char *der, size_t len)
{
	return der && len == c->bundle.key_len && memcmp(der, c->bundle.key, len) == 0;
}

/* --- keys --- */

/* 1 where the key is the one, and the log's where that is asked for. */
static int check_key(void *arg, const char *key, size_t len, struct cmk_err *err)
{
	const struct check *c = arg;

	if (c->bundle.key) {
		const char *begin = memmem(key, len, "-----BEGIN ", 11);
		size_t n = 0;
		cleanup_free char *der = begin ? rekor_pem_decoded(begin, &n, NULL) : NULL;

		if (!log_has_key(c, der, n))
			return 0;
	}
	return fits(key, len, c->s->data, c->s->len, c->signature, c->signature_len, err);
}

static int check_keys(struct check *c, struct cmk_err *err)
{
	bool logged = policy_keys_any(&c->q->logs);
	int r = logged ? check_log(c, err) : 0;

	if (r < 0)
		return r;
	r = signature_each_key(&c->q->keys, c, check_key, err);
	if (r == 0)
		return refuse(err, logged ? "it, or the log's entry, is by no key of the policy"
					  : "cryptographic signature verification failed: it is by "
					    "no key of the policy, or does not fit what it signs");
	return MIN(r, 0);
}

/* --- certificates --- */

static int add_text(void *arg, const char *data, size_t len, struct cmk_err *err cmk_unused)
{
	strbuf_add(arg, data, len);
	strbuf_addc(arg, '\n');
	return 0;
}

/* Those of K, and then MORE (may be NULL), in a file. */
static int certificates_file(const struct policy_keys *k, const char *more, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int r = signature_each_key(k, &text, add_text, err);

	if (r < 0)
		return r;
	strbuf_adds(&text, more ? more : "");
	return tool_file(strbuf_str(&text), text.len, err);
}

/* The public key (PEM) of the certificate, at the TIME (negative: now). */
static int certified_key(const struct check *c, int64_t time, char **ret, size_t *ret_len,
			 struct cmk_err *err)
{
	const struct policy_requirement *q = c->q;
	cleanup_free char *at = time < 0 ? xstrdup("") : xasprintf("%lld", (long long)time);
	const char *const words[] = { "certificate",
				      at,
				      q->email ? q->email : "",
				      q->host ? q->host : "",
				      q->issuer ? q->issuer : "",
				      NULL };
	cleanup_close int roots = certificates_file(&q->roots, NULL, err), leaf = -1, chain = -1,
			  out = -1;
	cleanup_free char *said = NULL;
	int r;

	if (roots < 0)
		return roots;
	leaf = tool_file(c->certificate, c->certificate_len, err);
	if (leaf < 0)
		return leaf;
	chain = certificates_file(&q->intermediates, c->s->chain, err);
	if (chain < 0)
		return chain;
	out = tool_file("", 0, err);
	if (out < 0)
		return out;
	r = tool_run_helper("cmk-verify", words, (const int[]){ roots, out, -1, leaf, chain }, 5,
			    &said, err);
	if (r == NOT_VERIFIED)
		return refuse(err, said);
	return r == VERIFIED ? tool_read(out, POLICY_KEY_MAX, ret, ret_len, err)
			     : failed(r, said, err);
}

static int check_certificate(struct check *c, struct cmk_err *err)
{
	cleanup_free char *key = NULL;
	const char *rest = "";
	size_t len = 0;
	int r = 0;

	if (!c->s->certificate)
		return cmk_err_set(err, -EINVAL, "missing " ATTACHED_CERTIFICATE " annotation");
	c->certificate = rekor_pem_decoded(c->s->certificate, &c->certificate_len, &rest);
	if (!c->certificate || *rest)
		return cmk_err_set(err, -EINVAL, "its certificate is not one certificate in PEM");
	if (c->q->by == BY_FULCIO)
		r = check_log(c, err);
	if (r == 0 && c->q->by == BY_FULCIO && !log_has_key(c, c->certificate, c->certificate_len))
		r = refuse(err, "the log's entry is by another certificate");
	/* The certificate may be of minutes, and the log says that it was used in these. */
	if (r == 0)
		r = certified_key(c, c->q->by == BY_FULCIO ? c->bundle.time : -1, &key, &len, err);
	if (r == 0)
		r = fits(key, len, c->s->data, c->s->len, c->signature, c->signature_len, err);
	if (r == 0)
		return refuse(err, "cryptographic signature verification failed: it is not by the "
				   "certificate's key, or does not fit what it signs");
	return MIN(r, 0);
}

int signature_verify_sigstore(const struct policy_requirement *q, const struct signature *s,
			      struct cmk_err *err)
{
	cleanup(check_done) struct check c = { .q = q, .s = s };

	if (!s->base64)
		return cmk_err_set(err, -EINVAL, "missing " ATTACHED_SIGNATURE " annotation");
	c.signature = base64_decoded(s->base64, strlen(s->base64), &c.signature_len);
	if (!c.signature)
		return cmk_err_set(err, -EINVAL, "the sigstore signature is not base64");
	return q->by == BY_KEY ? check_keys(&c, err) : check_certificate(&c, err);
}
