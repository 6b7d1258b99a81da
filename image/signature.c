// SPDX-License-Identifier: Apache-2.0
#include "image/signature.h"

#include <fcntl.h>

#include "base/base64.h"
#include "base/file.h"

void signatures_done(struct signatures *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].data);
		free(s->list[i].base64);
		free(s->list[i].certificate);
		free(s->list[i].chain);
		free(s->list[i].bundle);
	}
	free(s->list);
	*s = (struct signatures){ 0 };
}

struct signature *signatures_add(struct signatures *s, const char *data, size_t len)
{
	struct signature *one;

	s->list = xrealloc(s->list, s->n + 1, sizeof(*s->list));
	one = &s->list[s->n++];
	*one = (struct signature){ .data = xcalloc(1, len + 1), .len = len };
	memcpy(one->data, data, len);
	return one;
}

void signature_take_annotations(struct signature *s, const struct json *annotations)
{
	s->base64 = xstrdup_null(json_str(json_get(annotations, ATTACHED_SIGNATURE)));
	s->certificate = xstrdup_null(json_str(json_get(annotations, ATTACHED_CERTIFICATE)));
	s->chain = xstrdup_null(json_str(json_get(annotations, ATTACHED_CHAIN)));
	s->bundle = xstrdup_null(json_str(json_get(annotations, ATTACHED_BUNDLE)));
}

/* skopeo's form of what cosign attaches, in a file of its own. */
static int add_sigstore_json(struct signatures *s, const char *text, size_t len,
			     struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const struct json *root, *v;
	cleanup_free char *payload = NULL;
	struct signature *one;
	size_t n = 0;
	int r = json_parse(text, len, 2 * SIGNATURE_MAX, &doc, err);

	if (r < 0)
		return r;
	root = json_root(doc);
	v = json_get(root, "payload");
	if (!json_str(v))
		return cmk_err_set(err, -EINVAL, "a sigstore signature without payload");
	payload = base64_decoded(v->text, v->n, &n);
	if (!payload)
		return cmk_err_set(err, -EINVAL, "a sigstore payload that is not base64");
	one = signatures_add(s, payload, n);
	one->sigstore = true;
	signature_take_annotations(one, json_get(root, "annotations"));
	return 0;
}

int signatures_add_blob(struct signatures *s, const char *blob, size_t len, struct cmk_err *err)
{
	static const char simple[] = "\0simple-signing\n", sigstore[] = "\0sigstore-json\n";

	if (len > sizeof(simple) - 1 && memcmp(blob, simple, sizeof(simple) - 1) == 0) {
		(void)signatures_add(s, blob + sizeof(simple) - 1, len - sizeof(simple) + 1);
		return 0;
	}
	if (len > sizeof(sigstore) - 1 && memcmp(blob, sigstore, sizeof(sigstore) - 1) == 0)
		return add_sigstore_json(s, blob + sizeof(sigstore) - 1, len - sizeof(sigstore) + 1,
					 err);
	/* A packet of OpenPGP. */
	if (len == 0 || !(blob[0] & 0x80))
		return cmk_err_set(err, -EINVAL, "unrecognized signature format");
	(void)signatures_add(s, blob, len);
	return 0;
}

/* --- payloads --- */

void signature_claim_done(struct signature_claim *c)
{
	free(c->digest);
	free(c->reference);
	*c = (struct signature_claim){ 0 };
}

int signature_exact_members(const struct json *obj, const char *what, const char *const *members,
			    size_t n, struct cmk_err *err)
{
	if (!obj || obj->type != JSON_OBJECT || obj->n != n)
		return cmk_err_set(err, -EINVAL, "%s is not an object of %zu members", what, n);
	for (size_t i = 0; i < n; i++)
		if (!json_get(obj, members[i]))
			return cmk_err_set(err, -EINVAL, "\"%s\" of %s is missing", members[i],
					   what);
	return 0;
}

static int check_optional(const struct json *v, bool may_be_null, struct cmk_err *err)
{
	const struct json *creator = json_get(v, "creator"), *time = json_get(v, "timestamp");
	int64_t seconds = 0;

	if (v->type == JSON_NULL && may_be_null)
		return 0;
	if (v->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "\"optional\" is not an object");
	if (creator && !json_str(creator))
		return cmk_err_set(err, -EINVAL, "\"creator\" is not a string");
	if (time && json_i64(time, &seconds) < 0)
		return cmk_err_set(err, -EINVAL, "Field optional.timestamp is not an integer");
	return 0;
}

static int read_claim(const struct json *root, const char *type, struct signature_claim *ret,
		      struct cmk_err *err)
{
	static const char *const top[] = { "critical", "optional" };
	static const char *const inner[] = { "type", "image", "identity" };
	static const char *const image_keys[] = { "docker-manifest-digest" };
	static const char *const identity_keys[] = { "docker-reference" };
	const struct json *critical = json_get(root, "critical");
	const struct json *image = json_get(critical, "image"),
			  *identity = json_get(critical, "identity");
	const char *digest, *reference, *said;
	int r = signature_exact_members(root, "the payload", top, 2, err);

	if (r == 0)
		r = check_optional(json_get(root, "optional"), streq(type, SIGNATURE_TYPE_SIGSTORE),
				   err);
	if (r == 0)
		r = signature_exact_members(critical, "\"critical\"", inner, 3, err);
	if (r == 0)
		r = signature_exact_members(image, "\"image\"", image_keys, 1, err);
	if (r == 0)
		r = signature_exact_members(identity, "\"identity\"", identity_keys, 1, err);
	if (r < 0)
		return r;
	said = json_str(json_get(critical, "type"));
	digest = json_str(json_get(image, image_keys[0]));
	reference = json_str(json_get(identity, identity_keys[0]));
	if (!said || !streq(said, type))
		return cmk_err_set(err, -EINVAL, "Unrecognized signature type %.100s",
				   said ? said : "");
	if (!digest || !reference)
		return cmk_err_set(err, -EINVAL, "digest or reference is not a string");
	*ret = (struct signature_claim){ xstrdup(digest), xstrdup(reference) };
	return 0;
}

int signature_claim_parse(const char *text, size_t len, const char *type,
			  struct signature_claim *ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = json_parse(text, len, SIGNATURE_MAX, &doc, err);

	if (r == 0)
		r = read_claim(json_root(doc), type, ret, err);
	return r < 0 ? cmk_err_wrap(err, r, "signed payload") : 0;
}

/* --- keys --- */

int signature_each_key(const struct policy_keys *k, void *arg,
		       int (*each)(void *arg, const char *data, size_t len, struct cmk_err *err),
		       struct cmk_err *err)
{
	int r = 0;

	for (char **path = k->paths; path && *path && r == 0; path++) {
		cleanup_free char *data = NULL;
		size_t len = 0;

		r = file_read_at(AT_FDCWD, *path, POLICY_KEY_MAX, &data, &len, err);
		if (r == 0)
			r = each(arg, data, len, err);
	}
	for (size_t i = 0; i < k->n_datas && r == 0; i++)
		r = each(arg, k->datas[i].data, k->datas[i].len, err);
	return r;
}
