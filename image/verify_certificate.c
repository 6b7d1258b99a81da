// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a certificate is one of an authority's, for signing code, and of whom. As Fulcio and
 * those who verify what it issues have it (its docs/oid-info.md): who was asked says an extension,
 * who signed the subject's alternative name; the subject itself does not count.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/parse.h"
#include "image/verify_helper.h"

#define CERTIFICATES_MAX 1000
#define DEPTH_MAX 10
/* The text itself, and later in DER. */
#define ISSUER_V1 "1.3.6.1.4.1.57264.1.1"
#define ISSUER_V2 "1.3.6.1.4.1.57264.1.8"

struct wanted {
	int64_t time; /* negative: now */
	const char *email, *host, *issuer;
};

static int refuse(const char *text)
{
	(void)helper_fail(text);
	return NOT_VERIFIED;
}

/* All of the PEM file FD; NULL where something in it is none. */
static STACK_OF(X509) * read_certificates(int fd)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	cleanup_free char *text = NULL;
	bool ok = false;
	size_t len = 0;
	BIO *bio;

	if (!list || helper_read_all(fd, &text, &len) < 0)
		goto fail;
	bio = BIO_new_mem_buf(len > 0 ? text : "\n", len > 0 ? (int)len : 1);
	for (X509 *x; bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL));)
		if (sk_X509_num(list) >= CERTIFICATES_MAX || !sk_X509_push(list, x)) {
			X509_free(x);
			break;
		}
	/* The end, not something that cannot be read. */
	ok = bio && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	(void)BIO_free(bio);
	if (ok)
		return list;
fail:
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

static X509 *read_leaf(void)
{
	cleanup_free char *der = NULL;
	const unsigned char *at;
	size_t len = 0;
	X509 *x;

	if (helper_read_all(3, &der, &len) < 0)
		return NULL;
	at = (const unsigned char *)der;
	x = d2i_X509(NULL, &at, (long)len);
	if (x && at != (const unsigned char *)der + len) {
		X509_free(x);
		return NULL;
	}
	return x;
}

/* --- the chain --- */

/* Where a certificate says what it is for, that has to be code or anything; so has each above it.
 */
static bool is_for_code(STACK_OF(X509) * chain)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *x = sk_X509_value(chain, i);

		if ((X509_get_extension_flags(x) & EXFLAG_XKUSAGE) &&
		    !(X509_get_extended_key_usage(x) & (XKU_CODE_SIGN | XKU_ANYEKU)))
			return false;
	}
	return true;
}

static int check_chain(X509 *leaf, STACK_OF(X509) * roots, STACK_OF(X509) * between, int64_t time)
{
	X509_STORE *none = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	cleanup_free char *why = NULL;
	X509_VERIFY_PARAM *param;
	int r = HELPER_FAILED;

	if (none && ctx && X509_STORE_CTX_init(ctx, none, leaf, between) == 1) {
		X509_STORE_CTX_set0_trusted_stack(ctx, roots);
		param = X509_STORE_CTX_get0_param(ctx);
		/* What the policy names is trusted, be it signed by itself or not. */
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
		X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
		X509_VERIFY_PARAM_set_auth_level(param, 2);
		if (time >= 0)
			X509_VERIFY_PARAM_set_time(param, (time_t)time);
		if (X509_verify_cert(ctx) != 1)
			why = xasprintf(
				"verifying leaf certificate failed: %s",
				X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
		else if (!is_for_code(X509_STORE_CTX_get0_chain(ctx)))
			why = xstrdup("verifying leaf certificate failed: it is not for signing "
				      "code");
		r = why ? refuse(why) : VERIFIED;
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(none);
	return r == HELPER_FAILED ? helper_fail("OpenSSL cannot verify certificates") : r;
}

/* --- of whom --- */

static bool same(const ASN1_STRING *a, const char *s)
{
	return (size_t)ASN1_STRING_length(a) == strlen(s) &&
	       memcmp(ASN1_STRING_get0_data(a), s, strlen(s)) == 0;
}

static int check_email(X509 *x, const char *want)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	cleanup_free char *why = NULL;
	bool found = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		found |= n->type == GEN_EMAIL && same(n->d.rfc822Name, want);
	}
	GENERAL_NAMES_free(names);
	if (found)
		return VERIFIED;
	why = xasprintf("Required email \"%.200s\" not found in the certificate", want);
	return refuse(why);
}

static int check_host(X509 *x, const char *want)
{
	const unsigned int flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
				   X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	cleanup_free char *why = NULL;

	if (X509_check_host(x, want, 0, flags, NULL) == 1 || X509_check_ip_asc(x, want, 0) == 1)
		return VERIFIED;
	why = xasprintf("Unexpected subject hostname: the certificate is not valid for \"%.200s\"",
			want);
	return refuse(why);
}

/* The value of the one extension OID; NULL: there is none. *RET_TWICE: there are more. */
static const ASN1_OCTET_STRING *extension(X509 *x, const char *oid, bool *ret_twice)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	int at = obj ? X509_get_ext_by_OBJ(x, obj, -1) : -1;

	*ret_twice = at >= 0 && X509_get_ext_by_OBJ(x, obj, at) >= 0;
	ASN1_OBJECT_free(obj);
	return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(x, at));
}

/* Whether DER is the UTF8String WANT, and nothing more. */
static bool is_utf8_string(const ASN1_OCTET_STRING *der, const char *want)
{
	const unsigned char *at = ASN1_STRING_get0_data(der);
	const unsigned char *end = at + ASN1_STRING_length(der);
	ASN1_UTF8STRING *s = d2i_ASN1_UTF8STRING(NULL, &at, ASN1_STRING_length(der));
	bool r = s && at == end && same(s, want);

	ASN1_UTF8STRING_free(s);
	return r;
}

static int check_issuer(X509 *x, const char *want)
{
	bool twice_1, twice_2;
	const ASN1_OCTET_STRING *v1 = extension(x, ISSUER_V1, &twice_1);
	const ASN1_OCTET_STRING *v2 = extension(x, ISSUER_V2, &twice_2);

	if (twice_1 || twice_2)
		return refuse("Fulcio certificate has a duplicate OIDC issuer extension");
	if (!v1 && !v2)
		return refuse("Fulcio certificate is missing the issuer extension");
	if ((v1 && !same(v1, want)) || (v2 && !is_utf8_string(v2, want))) {
		cleanup_free char *why = xasprintf("Unexpected Fulcio OIDC issuer: it is not "
						   "\"%.200s\"",
						   want);

		return refuse(why);
	}
	return VERIFIED;
}

/* --- all --- */

static int write_key(X509 *x)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	BIO *bio = BIO_new_fd(STDOUT_FILENO, BIO_NOCLOSE);
	bool ok = key && bio && PEM_write_bio_PUBKEY(bio, key) == 1;

	(void)BIO_free(bio);
	return ok ? VERIFIED : helper_fail("the certificate's key cannot be read");
}

static int check(X509 *leaf, STACK_OF(X509) * roots, STACK_OF(X509) * between,
		 const struct wanted *w)
{
	int r = check_chain(leaf, roots, between, w->time);

	if (r == VERIFIED && *w->issuer)
		r = check_issuer(leaf, w->issuer);
	if (r == VERIFIED && *w->email)
		r = check_email(leaf, w->email);
	if (r == VERIFIED && *w->host)
		r = check_host(leaf, w->host);
	return r == VERIFIED ? write_key(leaf) : r;
}

int verify_certificate(char **args)
{
	struct wanted w = { .time = -1, .email = args[1], .host = args[2], .issuer = args[3] };
	STACK_OF(X509) * roots, *between;
	X509 *leaf;
	int r;

	if (*args[0] && parse_i64(args[0], 0, INT64_MAX, &w.time) < 0)
		return helper_fail("the time is not one");
	roots = read_certificates(STDIN_FILENO);
	leaf = read_leaf();
	between = read_certificates(4);
	if (!roots || sk_X509_num(roots) == 0)
		r = helper_fail("the policy's authority is not a certificate in PEM");
	else if (!leaf)
		r = helper_fail("parsing leaf certificate: it is not a certificate");
	else if (!between)
		r = helper_fail("loading certificate chain: it is not of certificates in PEM");
	else
		r = check(leaf, roots, between, &w);
	sk_X509_pop_free(roots, X509_free);
	sk_X509_pop_free(between, X509_free);
	X509_free(leaf);
	return r;
}
