// SPDX-License-Identifier: Apache-2.0
/* The requirement sigstoreSigned: keys, or who has to have made a signature by the word of an
 * authority, and the logs that have to know it. */
#include "image/policy.h"

/* The members NAMES (NULL-terminated), of which *RET_SOURCES are there. */
static int read_set(const struct json *obj, const char *const *names, struct policy_keys *k,
		    int *ret_sources, struct cmk_err *err)
{
	int r = 0;

	*ret_sources = 0;
	for (; *names && r == 0; names++)
		r = policy_read_keys(obj, *names, k, ret_sources, err);
	return r;
}

/* A member that may be absent, a string that is not empty. */
static int read_word(const struct json *obj, const char *key, char **ret, struct cmk_err *err)
{
	const char *text = NULL;
	int r = 0;

	if (!json_get(obj, key))
		return 0;
	r = policy_want_str(obj, key, &text, err);
	if (r == 0 && !*text)
		r = cmk_err_set(err, -EINVAL, "\"%s\" is empty", key);
	if (r == 0)
		*ret = xstrdup(text);
	return r;
}

static int read_fulcio(const struct json *obj, struct policy_requirement *q, struct cmk_err *err)
{
	static const char *const members[] = { "caPath", "caData", "oidcIssuer", "subjectEmail",
					       NULL };
	static const char *const roots[] = { "caPath", "caData", NULL };
	int n = 0, r = policy_only_members(obj, members, "fulcio", err);

	if (r == 0)
		r = read_set(obj, roots, &q->roots, &n, err);
	if (r == 0 && n != 1)
		r = cmk_err_set(err, -EINVAL, "exactly one of caPath and caData must be specified");
	if (r == 0)
		r = read_word(obj, "oidcIssuer", &q->issuer, err);
	if (r == 0)
		r = read_word(obj, "subjectEmail", &q->email, err);
	if (r == 0 && (!q->issuer || !q->email))
		r = cmk_err_set(err, -EINVAL, "%s not specified",
				q->issuer ? "subjectEmail" : "oidcIssuer");
	q->by = BY_FULCIO;
	return r < 0 ? cmk_err_wrap(err, r, "fulcio") : 0;
}

static int read_pki(const struct json *obj, struct policy_requirement *q, struct cmk_err *err)
{
	static const char *const members[] = { "caRootsPath",
					       "caRootsData",
					       "caIntermediatesPath",
					       "caIntermediatesData",
					       "subjectEmail",
					       "subjectHostname",
					       NULL };
	static const char *const roots[] = { "caRootsPath", "caRootsData", NULL };
	static const char *const between[] = { "caIntermediatesPath", "caIntermediatesData", NULL };
	int n = 0, n_between = 0, r = policy_only_members(obj, members, "pki", err);

	if (r == 0)
		r = read_set(obj, roots, &q->roots, &n, err);
	if (r == 0)
		r = read_set(obj, between, &q->intermediates, &n_between, err);
	if (r == 0 && n != 1)
		r = cmk_err_set(err, -EINVAL,
				"exactly one of caRootsPath and caRootsData must be specified");
	if (r == 0 && n_between > 1)
		r = cmk_err_set(err, -EINVAL,
				"caIntermediatesPath and caIntermediatesData cannot be used "
				"simultaneously");
	if (r == 0)
		r = read_word(obj, "subjectEmail", &q->email, err);
	if (r == 0)
		r = read_word(obj, "subjectHostname", &q->host, err);
	if (r == 0 && !q->email && !q->host)
		r = cmk_err_set(err, -EINVAL,
				"At least one of subjectEmail, subjectHostname must be specified");
	q->by = BY_PKI;
	return r < 0 ? cmk_err_wrap(err, r, "pki") : 0;
}

/* The logs, N of whose four members are there. */
static int check_logs(struct policy_requirement *q, int n, struct cmk_err *err)
{
	if (n > 1)
		return cmk_err_set(err, -EINVAL,
				   "at most one of rekorPublicKeyPath, rekorPublicKeyPaths, "
				   "rekorPublicKeyData and rekorPublicKeyDatas can be used");
	if (n == 0 && q->by == BY_FULCIO)
		return cmk_err_set(err, -EINVAL,
				   "At least one of rekorPublicKeyPath, rekorPublicKeyPaths, "
				   "rekorPublicKeyData and rekorPublicKeyDatas must be specified "
				   "if fulcio is used");
	/* Its certificates are believed for what they say of the present. */
	if (n > 0 && q->by == BY_PKI)
		q->unsupported = xstrdup("a rekorPublicKey… of sigstoreSigned beside pki is not "
					 "supported");
	return 0;
}

int policy_read_sigstore(const struct json *obj, struct policy_requirement *q, struct cmk_err *err)
{
	static const char *const keys[] = { "keyPath", "keyPaths", "keyData", "keyDatas", NULL };
	static const char *const logs[] = { "rekorPublicKeyPath", "rekorPublicKeyPaths",
					    "rekorPublicKeyData", "rekorPublicKeyDatas", NULL };
	static const char *const members[] = { "type",
					       "keyPath",
					       "keyPaths",
					       "keyData",
					       "keyDatas",
					       "fulcio",
					       "pki",
					       "rekorPublicKeyPath",
					       "rekorPublicKeyPaths",
					       "rekorPublicKeyData",
					       "rekorPublicKeyDatas",
					       "signedIdentity",
					       NULL };
	const struct json *fulcio = json_get(obj, "fulcio"), *pki = json_get(obj, "pki");
	int n = 0, n_logs = 0, r = policy_only_members(obj, members, "sigstoreSigned", err);

	if (r == 0)
		r = read_set(obj, keys, &q->keys, &n, err);
	if (r == 0)
		r = read_set(obj, logs, &q->logs, &n_logs, err);
	if (r == 0 && n + !!fulcio + !!pki != 1)
		r = cmk_err_set(err, -EINVAL,
				"exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio, and "
				"pki must be specified");
	if (r == 0 && fulcio)
		r = read_fulcio(fulcio, q, err);
	if (r == 0 && pki)
		r = read_pki(pki, q, err);
	if (r == 0)
		r = check_logs(q, n_logs, err);
	return r < 0 ? r : policy_read_identity(json_get(obj, "signedIdentity"), &q->identity, err);
}
