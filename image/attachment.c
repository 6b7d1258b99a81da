// SPDX-License-Identifier: Apache-2.0
/*
 * What cosign attaches to an image: a manifest under the tag "sha256-HEX.sig", whose layers are
 * payloads; annotations of each are the signature of its bytes, and what vouches for that.
 */
#include "image/manifest.h"
#include "image/signature.h"
#include "image/tool.h"

#define ATTACHED_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"

static char *tag_of(const struct digest *d)
{
	return xasprintf("sha256-%s.sig", d->hex);
}

/* The manifest under TAG: 1 where there is none. */
static int fetch_manifest(struct client *c, const char *tag, struct fetched *ret,
			  struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r = client_fetch_text(c, PROTO_MANIFEST, tag, 0, IMAGE_MANIFEST_MAX, ret, &mine);

	if (r == -ENOENT)
		return 1;
	return r < 0 ? cmk_err_move(err, &mine) : 0;
}

/* --- reading --- */

/* The blob that the descriptor D is of, at most MAX bytes; its digest is verified. */
static int fetch_described(struct client *c, const struct json *d, uint64_t max,
			   struct fetched *ret, struct cmk_err *err)
{
	const char *digest = json_str(json_get(d, "digest"));
	struct digest want, got;
	uint64_t size = 0;
	int r;

	if (!digest || digest_parse(digest, &want, NULL) < 0 ||
	    json_u64(json_get(d, "size"), max, &size) < 0 || size == 0)
		return cmk_err_set(err, -EINVAL, "a layer or config without digest and size");
	r = client_fetch_text(c, PROTO_BLOB, digest, size, size, ret, err);
	if (r < 0)
		return r;
	digest_of(ret->text, ret->len, &got);
	if (streq(got.hex, want.hex))
		return 0;
	fetched_done(ret);
	return cmk_err_set(err, -EBADMSG, "wrong digest: expected %.80s", digest);
}

static int fetch_payload(struct client *c, const struct json *layer, struct signatures *s,
			 struct cmk_err *err)
{
	struct signature *one;
	struct fetched f = { 0 };
	int r = fetch_described(c, layer, SIGNATURE_MAX, &f, err);

	if (r < 0)
		return r;
	one = signatures_add(s, f.text, f.len);
	one->sigstore = true;
	signature_take_annotations(one, json_get(layer, "annotations"));
	fetched_done(&f);
	return 0;
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
	cleanup_free char *tag = tag_of(d);
	struct fetched f = { 0 };
	int r = fetch_manifest(c, tag, &f, err);

	if (r == 0)
		r = fetch_layers(c, &f, s, err);
	fetched_done(&f);
	return r < 0 ? cmk_err_wrap(err, r, "sigstore attachments '%s'", tag) : 0;
}

/* --- writing --- */

/* What is attached already; DOC and CONFIG are NULL where nothing is. */
struct attached {
	struct json_doc *doc, *config;
};

static void attached_done(struct attached *a)
{
	json_doc_free(a->doc);
	json_doc_free(a->config);
}

static int fetch_config(struct client *c, const struct json *d, struct json_doc **ret,
			struct cmk_err *err)
{
	struct fetched f = { 0 };
	int r = fetch_described(c, d, IMAGE_MANIFEST_MAX, &f, err);

	if (r < 0)
		return r;
	r = json_parse(f.text, f.len, IMAGE_MANIFEST_MAX, ret, err);
	fetched_done(&f);
	return r;
}

static int fetch_attached(struct client *c, const char *tag, struct attached *ret,
			  struct cmk_err *err)
{
	const struct json *root, *layers;
	struct fetched f = { 0 };
	int r = fetch_manifest(c, tag, &f, err);

	if (r != 0)
		return MIN(r, 0);
	r = json_parse(f.text, f.len, IMAGE_MANIFEST_MAX, &ret->doc, err);
	fetched_done(&f);
	if (r < 0)
		return r;
	root = json_root(ret->doc);
	layers = json_get(root, "layers");
	if (!layers || layers->type != JSON_ARRAY || !json_get(root, "config"))
		return cmk_err_set(err, -EINVAL, "it is not the manifest of an image");
	if (layers->n >= SIGNATURES_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d signatures", SIGNATURES_MAX);
	return fetch_config(c, json_get(root, "config"), &ret->config, err);
}

static int upload(struct client *c, const char *data, size_t len, struct digest *ret,
		  struct cmk_err *err)
{
	cleanup_close int fd = tool_file(data, len, err);
	char digest[72];
	int r = fd;

	digest_of(data, len, ret);
	if (r >= 0)
		r = client_has_blob(c, digest_str(ret, digest), err);
	return r != 0 ? MIN(r, 0) : client_upload(c, digest, fd, len, err);
}

/* The members of OBJ (may be NULL) but EXCEPT. */
static void write_others(struct json_writer *w, const struct json *obj, const char *except)
{
	json_each (m, obj) {
		if (!streq(m->key, except))
			json_write_value(w, m->key, m);
	}
}

static void write_descriptor(struct json_writer *w, const char *key, const char *type,
			     const struct digest *d, size_t size)
{
	char digest[72];

	json_write_object(w, key);
	json_write_str(w, "mediaType", type);
	json_write_u64(w, "size", size);
	json_write_str(w, "digest", digest_str(d, digest));
}

/* The config lists the payloads, as if they were layers. */
static int push_config(struct client *c, const struct attached *a, const struct digest *payload,
		       struct digest *ret, size_t *ret_len, struct cmk_err *err)
{
	const struct json *old = a->config ? json_root(a->config) : NULL;
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	char digest[72];
	int r;

	json_write_object(&w, NULL);
	if (!old) {
		json_write_str(&w, "architecture", "");
		json_write_str(&w, "os", "");
		json_write_object(&w, "config");
		json_write_end(&w, '}');
	}
	write_others(&w, old, "rootfs");
	json_write_object(&w, "rootfs");
	json_write_str(&w, "type", "layers");
	json_write_array(&w, "diff_ids");
	json_each (id, json_path(old, "rootfs.diff_ids")) {
		json_write_value(&w, NULL, id);
	}
	json_write_str(&w, NULL, digest_str(payload, digest));
	json_write_end(&w, ']');
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &text, ret_len, err);
	return r < 0 ? r : upload(c, text, *ret_len, ret, err);
}

static void write_layer(struct json_writer *w, const struct signature *s,
			const struct digest *payload)
{
	write_descriptor(w, NULL, ATTACHED_TYPE, payload, s->len);
	json_write_object(w, "annotations");
	json_write_str(w, ATTACHED_SIGNATURE, s->base64);
	if (s->certificate)
		json_write_str(w, ATTACHED_CERTIFICATE, s->certificate);
	if (s->chain)
		json_write_str(w, ATTACHED_CHAIN, s->chain);
	if (s->bundle)
		json_write_str(w, ATTACHED_BUNDLE, s->bundle);
	json_write_end(w, '}');
	json_write_end(w, '}');
}

static int push_manifest(struct client *c, const char *tag, const struct attached *a,
			 const struct signature *s, const struct digest *payload,
			 struct cmk_err *err)
{
	const struct json *old = a->doc ? json_root(a->doc) : NULL;
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	cleanup_close int fd = -1;
	size_t config_len = 0, len = 0;
	struct digest config;
	int r = push_config(c, a, payload, &config, &config_len, err);

	if (r < 0)
		return r;
	json_write_object(&w, NULL);
	json_write_u64(&w, "schemaVersion", 2);
	json_write_str(&w, "mediaType", MANIFEST_TYPE);
	write_descriptor(&w, "config", CONFIG_TYPE, &config, config_len);
	json_write_end(&w, '}');
	json_write_array(&w, "layers");
	json_each (l, json_get(old, "layers")) {
		json_write_value(&w, NULL, l);
	}
	write_layer(&w, s, payload);
	json_write_end(&w, ']');
	if (json_get(old, "annotations"))
		json_write_value(&w, "annotations", json_get(old, "annotations"));
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &text, &len, err);
	if (r < 0)
		return r;
	fd = tool_file(text, len, err);
	return fd < 0 ? fd
		      : client_send(c, PROTO_MANIFEST_PUT, tag, MANIFEST_TYPE, fd, len, NULL, NULL,
				    err);
}

int signature_attach(struct client *c, const struct digest *d, const struct signature *s,
		     struct cmk_err *err)
{
	cleanup(attached_done) struct attached a = { 0 };
	cleanup_free char *tag = tag_of(d);
	struct digest payload;
	int r = fetch_attached(c, tag, &a, err);

	if (r == 0)
		r = upload(c, s->data, s->len, &payload, err);
	if (r == 0)
		r = push_manifest(c, tag, &a, s, &payload, err);
	return r < 0 ? cmk_err_wrap(err, r, "sigstore attachments '%s'", tag) : 0;
}
