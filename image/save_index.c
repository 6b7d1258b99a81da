// SPDX-License-Identifier: Apache-2.0
/* index.json of an OCI layout (image-spec image-layout.md), to which an image is added. */
#include "image/manifest.h"
#include "image/save.h"

#define REF_NAME "org.opencontainers.image.ref.name"

static void write_entry(struct json_writer *w, const struct save_entry *e)
{
	char buf[72];

	json_write_object(w, NULL);
	json_write_str(w, "mediaType", e->type);
	json_write_str(w, "digest", digest_str(&e->digest, buf));
	json_write_u64(w, "size", e->len);
	if (e->name) {
		json_write_object(w, "annotations");
		json_write_str(w, REF_NAME, e->name);
		json_write_end(w, '}');
	}
	json_write_end(w, '}');
}

/* The new entry stands for this one. */
static bool is_replaced(const struct json *entry, const struct save_entry *e)
{
	const char *old = json_str(json_get(json_get(entry, "annotations"), REF_NAME));
	const char *digest = json_str(json_get(entry, "digest"));
	char buf[72];

	if (e->name && old)
		return streq(e->name, old);
	return !old && streq_null(digest, digest_str(&e->digest, buf));
}

static void write_index(struct json_writer *w, const struct json *old, const struct save_entry *e)
{
	json_write_object(w, NULL);
	json_write_u64(w, "schemaVersion", 2);
	json_each (member, old)
		if (!streq(member->key, "schemaVersion") && !streq(member->key, "manifests"))
			json_write_value(w, member->key, member);
	json_write_array(w, "manifests");
	json_each (entry, json_get(old, "manifests"))
		if (!is_replaced(entry, e))
			json_write_value(w, NULL, entry);
	write_entry(w, e);
	json_write_end(w, ']');
	json_write_end(w, '}');
}

int save_index(const char *old, size_t old_len, const struct save_entry *e, char **ret,
	       size_t *ret_len, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	const struct json *list;
	int r = old ? json_parse(old, old_len, IMAGE_MANIFEST_MAX, &doc, err) : 0;

	list = doc ? json_get(json_root(doc), "manifests") : NULL;
	if (r == 0 && doc && (!list || list->type != JSON_ARRAY))
		r = cmk_err_set(err, -EINVAL, "it is no index");
	if (r < 0)
		return cmk_err_wrap(err, r, "index.json");
	write_index(&w, doc ? json_root(doc) : NULL, e);
	return json_writer_finish(&w, ret, ret_len, err);
}
