// SPDX-License-Identifier: Apache-2.0
#include "image/rekor.h"

#include "base/base64.h"
#include "image/tool.h"

#define BUNDLE_MAX ((size_t)1 << 20)
/* Beyond it RFC 8785 writes numbers in another way, and nobody's log is that long. */
#define NUMBER_MAX (INT64_C(1) << 53)

void rekor_bundle_done(struct rekor_bundle *b)
{
	free(b->text);
	free(b->set);
	free(b->signature);
	free(b->key);
	*b = (struct rekor_bundle){ 0 };
}

/* --- PEM (RFC 7468) --- */

char *rekor_pem_decoded(const char *text, size_t *ret_len, const char **ret_rest)
{
	const char *label = str_after(text, "-----BEGIN ");
	const char *body = label ? strstr(label, "-----") : NULL;
	cleanup_free char *end = NULL;
	const char *stop;
	char *data;

	/* A label is of one line, and so is what begins with it. */
	if (!body || memchr(label, '\n', (size_t)(body - label)))
		return NULL;
	end = xasprintf("-----END %.*s-----", (int)MIN(body - label, 100), label);
	body += strlen("-----");
	stop = strstr(body, end);
	if (!stop)
		return NULL;
	data = base64_decoded(body, (size_t)(stop - body), ret_len);
	if (data && ret_rest)
		*ret_rest = stop + strlen(end) + strspn(stop + strlen(end), "\r\n");
	return data;
}

/* --- the entry --- */

/* The member KEY, a string in base64. */
static int get_base64(const struct json *obj, const char *key, char **ret, size_t *ret_len,
		      struct cmk_err *err)
{
	const struct json *v = json_get(obj, key);

	*ret = json_str(v) ? base64_decoded(v->text, v->n, ret_len) : NULL;
	return *ret ? 0 : cmk_err_set(err, -EINVAL, "\"%s\" is missing, or not in base64", key);
}

static int want(const struct json *obj, const char *key, const char *value, struct cmk_err *err)
{
	const char *text = json_str(json_get(obj, key));

	return text && streq(text, value)
		       ? 0
		       : cmk_err_set(err, -EINVAL, "\"%s\" is not \"%s\"", key, value);
}

static int read_key(const struct json *obj, struct rekor_bundle *b, struct cmk_err *err)
{
	cleanup_free char *pem = NULL;
	const char *rest = "";
	size_t len = 0;
	int r = get_base64(obj, "content", &pem, &len, err);

	if (r < 0)
		return r;
	b->key = strlen(pem) == len ? rekor_pem_decoded(pem, &b->key_len, &rest) : NULL;
	return b->key && !*rest ? 0 : cmk_err_set(err, -EINVAL, "its key is not one block of PEM");
}

static int read_entry(const struct json *root, struct rekor_bundle *b, struct cmk_err *err)
{
	const struct json *spec = json_get(root, "spec"), *hash = json_path(spec, "data.hash");
	const struct json *signature = json_get(spec, "signature");
	const char *hex = json_str(json_get(hash, "value"));
	int r = want(root, "kind", "hashedrekord", err);

	if (r == 0)
		r = want(root, "apiVersion", "0.0.1", err);
	if (r == 0)
		r = want(hash, "algorithm", "sha256", err);
	if (r == 0 && (!hex || digest_parse_hex(hex, &b->payload) < 0))
		r = cmk_err_set(err, -EINVAL, "its hash is not one of SHA-256");
	if (r == 0)
		r = get_base64(signature, "content", &b->signature, &b->signature_len, err);
	return r < 0 ? r : read_key(json_get(signature, "publicKey"), b, err);
}

/* --- what the log has signed --- */

static bool is_plain(const char *s, const char *allowed)
{
	return *s && s[strspn(s, allowed)] == '\0';
}

static const char *const entry_members[] = { "body", "integratedTime", "logIndex", "logID" };

/* The entry in the one form that its signature is of. With these members, and nothing in them that
 * would be written in several ways, it can be put down. */
static int canonical(const struct json *payload, struct rekor_bundle *b, struct cmk_err *err)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789+/=";
	const char *body = json_str(json_get(payload, "body"));
	const char *id = json_str(json_get(payload, "logID"));
	int64_t index = 0;
	int r = signature_exact_members(payload, "\"Payload\"", entry_members,
					ARRAY_LEN(entry_members), err);

	if (r < 0)
		return r;
	if (!body || !is_plain(body, alphabet) || !id || !is_plain(id, alphabet) ||
	    json_i64(json_get(payload, "integratedTime"), &b->time) < 0 || b->time < 0 ||
	    b->time > NUMBER_MAX || json_i64(json_get(payload, "logIndex"), &index) < 0 ||
	    index < 0 || index > NUMBER_MAX)
		return cmk_err_set(err, -EINVAL, "\"Payload\" is not an entry of a log");
	b->text = xasprintf("{\"body\":\"%s\",\"integratedTime\":%lld,\"logID\":\"%s\","
			    "\"logIndex\":%lld}",
			    body, (long long)b->time, id, (long long)index);
	b->len = strlen(b->text);
	return 0;
}

static int read_bundle(const struct json *root, struct rekor_bundle *b, struct cmk_err *err)
{
	static const char *const members[] = { "SignedEntryTimestamp", "Payload" };
	cleanup_json_doc struct json_doc *entry = NULL;
	cleanup_free char *body = NULL;
	size_t len = 0;
	int r = signature_exact_members(root, "it", members, ARRAY_LEN(members), err);

	if (r == 0)
		r = get_base64(root, members[0], &b->set, &b->set_len, err);
	if (r == 0)
		r = canonical(json_get(root, "Payload"), b, err);
	if (r == 0)
		r = get_base64(json_get(root, "Payload"), "body", &body, &len, err);
	if (r == 0)
		r = json_parse(body, len, BUNDLE_MAX, &entry, err);
	return r < 0 ? r : read_entry(json_root(entry), b, err);
}

int rekor_bundle_parse(const char *text, size_t len, struct rekor_bundle *ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct rekor_bundle b = { 0 };
	int r = json_parse(text, len, BUNDLE_MAX, &doc, err);

	if (r == 0)
		r = read_bundle(json_root(doc), &b, err);
	if (r < 0) {
		rekor_bundle_done(&b);
		return cmk_err_wrap(err, r, "the log's bundle");
	}
	*ret = b;
	return 0;
}

int rekor_bundle_check(const struct rekor_bundle *b, const char *payload, size_t len,
		       const char *signature, size_t signature_len, struct cmk_err *err)
{
	struct digest d;

	digest_of(payload, len, &d);
	if (!streq(d.hex, b->payload.hex))
		return cmk_err_set(err, -EACCES, "the log's entry is of another payload");
	if (signature_len != b->signature_len ||
	    memcmp(signature, b->signature, signature_len) != 0)
		return cmk_err_set(err, -EACCES, "the log's entry is of another signature");
	return 0;
}

/* --- a new entry (Rekor's openapi.yaml, POST /api/v1/log/entries) --- */

static void write_base64(struct json_writer *w, const char *key, const char *data, size_t len)
{
	cleanup_free char *text = base64_encoded(data, len);

	json_write_str(w, key, text);
}

static int write_entry(const char *key, const char *payload, size_t len, const char *signature,
		       size_t signature_len, char **ret, size_t *ret_len, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	struct digest d;

	digest_of(payload, len, &d);
	json_write_object(&w, NULL);
	json_write_str(&w, "apiVersion", "0.0.1");
	json_write_str(&w, "kind", "hashedrekord");
	json_write_object(&w, "spec");
	json_write_object(&w, "data");
	json_write_object(&w, "hash");
	json_write_str(&w, "algorithm", "sha256");
	json_write_str(&w, "value", d.hex);
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	json_write_object(&w, "signature");
	write_base64(&w, "content", signature, signature_len);
	json_write_object(&w, "publicKey");
	write_base64(&w, "content", key, strlen(key));
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

static int post(const char *url, const char *text, size_t len, char **ret, size_t *ret_len,
		struct cmk_err *err)
{
	cleanup_free char *host = image_is_url(url) ? image_url_host(url) : NULL, *dirs = NULL;
	cleanup_close int body = -1, answer = -1;
	cleanup_client struct client *c = NULL;
	struct client_target target = {
		.host = host, .files = true, .retries = 3, .retry_delay_ms = 1000
	};
	int r;

	if (!host)
		return cmk_err_set(err, -EINVAL, "it is neither http://HOST nor https://HOST");
	target.cert_dirs = dirs = client_cert_dirs(NULL, host);
	body = tool_file(text, len, err);
	if (body < 0)
		return body;
	answer = tool_file("", 0, err);
	if (answer < 0)
		return answer;
	r = client_start(&c, err);
	if (r == 0)
		r = client_open(c, &target, err);
	if (r == 0)
		r = client_post(c, url, "application/json", body, len, answer, err);
	return r < 0 ? r : tool_read(answer, BUNDLE_MAX, ret, ret_len, err);
}

/* The one entry of the answer, as a bundle. */
static int bundle_of(const struct json *root, char **ret, size_t *ret_len, struct cmk_err *err)
{
	const struct json *entry = root->type == JSON_OBJECT && root->n == 1 ? root->first : NULL;
	const struct json *set = json_path(entry, "verification.signedEntryTimestamp");
	struct json_writer w = JSON_WRITER_INIT;

	if (!set)
		return cmk_err_set(err, -EPROTO, "its answer is not one entry that it has signed");
	json_write_object(&w, NULL);
	json_write_value(&w, "SignedEntryTimestamp", set);
	json_write_object(&w, "Payload");
	for (size_t i = 0; i < ARRAY_LEN(entry_members); i++)
		if (json_get(entry, entry_members[i]))
			json_write_value(&w, entry_members[i], json_get(entry, entry_members[i]));
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

/* It is what others will verify. */
static int check_answer(const char *bundle, size_t bundle_len, const char *key, const char *payload,
			size_t len, const char *signature, size_t signature_len,
			struct cmk_err *err)
{
	size_t n = 0;
	cleanup_free char *der = rekor_pem_decoded(key, &n, NULL);
	struct rekor_bundle b = { 0 };
	int r = rekor_bundle_parse(bundle, bundle_len, &b, err);

	if (r == 0)
		r = rekor_bundle_check(&b, payload, len, signature, signature_len, err);
	if (r == 0 && (!der || n != b.key_len || memcmp(der, b.key, n) != 0))
		r = cmk_err_set(err, -EPROTO, "the log's entry is of another key");
	rekor_bundle_done(&b);
	return r;
}

int rekor_submit(const char *url, const char *key, const char *payload, size_t len,
		 const char *signature, size_t signature_len, char **ret, struct cmk_err *err)
{
	size_t base = strlen(url), text_len = 0, answer_len = 0, bundle_len = 0;
	cleanup_free char *text = NULL, *answer = NULL, *bundle = NULL, *place = NULL;
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = write_entry(key, payload, len, signature, signature_len, &text, &text_len, err);

	while (base > 0 && url[base - 1] == '/')
		base--;
	place = xasprintf("%.*s/api/v1/log/entries", (int)base, url);
	if (r == 0)
		r = post(place, text, text_len, &answer, &answer_len, err);
	if (r == 0)
		r = json_parse(answer, answer_len, BUNDLE_MAX, &doc, err);
	if (r == 0)
		r = bundle_of(json_root(doc), &bundle, &bundle_len, err);
	if (r == 0)
		r = check_answer(bundle, bundle_len, key, payload, len, signature, signature_len,
				 err);
	if (r < 0)
		return cmk_err_wrap(err, r, "log '%.200s'", url);
	*ret = steal_ptr(&bundle);
	return 0;
}
