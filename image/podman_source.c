// SPDX-License-Identifier: Apache-2.0
/* Images of Podman's store, as any others are taken in. */
#include "base/log.h"
#include "image/podman.h"

int podman_split(const char *text, char **ret_place, const char **ret_rest, struct cmk_err *err)
{
	const char *end = *text == '[' ? strchr(text, ']') : NULL;

	if (*text == '[' && (!end || end == text + 1))
		return cmk_err_set(err, -EINVAL, "'%.300s' is not [DRIVER@ROOT]IMAGE", text);
	*ret_place = end ? xstrndup(text + 1, (size_t)(end - text) - 1) : xstrdup("");
	*ret_rest = end ? end + 1 : text;
	return 0;
}

int podman_bundle_open(struct storage *st, const char *place, struct bundle *ret,
		       struct cmk_err *err)
{
	struct bundle b = { .st = st, .kind = &bundle_podman, .files.fd = -1 };
	int r = podman_store_open(st, place, &b.podman, err);

	if (r < 0)
		return r;
	b.files.shown = xstrdup(b.podman->shown);
	for (size_t i = 0; i < b.podman->n_images; i++)
		(void)bundle_add(&b);
	*ret = b;
	return 0;
}

/* The images of the bundle stand as those of the store. */
static const struct podman_image *image_of(const struct bundle_use *u)
{
	return &u->b->podman->images[u->image - u->b->images];
}

static int choose(const struct bundle *b, const char *ref, const struct bundle_image **ret,
		  char ***ret_names, struct cmk_err *err)
{
	const struct podman_image *found = NULL;
	int r = podman_find(b->podman, ref, &found, ret_names, err);

	if (r == 0)
		*ret = &b->images[found - b->podman->images];
	return r;
}

/* --- manifest and config --- */

/* The manifest of I under the key NAME: its digest is WANT (NULL: any), and is put into
 * RET_DIGEST. */
static int read_manifest(const struct podman_image *i, const char *name, const char *want,
			 struct fetched *ret, char ret_digest[static 72], struct cmk_err *err)
{
	struct digest d;
	int r = podman_image_data(i, name, IMAGE_MANIFEST_MAX, &ret->text, &ret->len, err);

	if (r < 0)
		return r;
	digest_of(ret->text, ret->len, &d);
	(void)digest_str(&d, ret_digest);
	if (want && !streq(ret_digest, want))
		return cmk_err_set(err, -EBADMSG, "its manifest has the digest %s, not %s",
				   ret_digest, want);
	return 0;
}

/* Whether the manifest M is one of the image with the CONFIG, or an index over its manifest
 * DIGEST. */
static bool is_about(const struct manifest *m, const char *config, const char *digest)
{
	char buf[72];

	if (m->kind == MANIFEST_IMAGE)
		return streq(m->config.digest.hex, config);
	for (size_t i = 0; i < m->n_items; i++)
		if (streq(digest_str(&m->items[i].digest, buf), digest))
			return true;
	return false;
}

/* By which other digests it was pulled, as of an index: Podman keeps their bytes, too. They are
 * believed of what leads to this image alone. */
static void add_digests(struct receive *r, const struct podman_image *i, const char *digest)
{
	for (char **key = i->data; key && *key; key++) {
		const char *other = str_after(*key, "manifest-");
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		cleanup(fetched_done) struct fetched f = { 0 };
		cleanup(manifest_done) struct manifest m = { 0 };
		char got[72];

		if (!other || streq(other, digest))
			continue;
		if (read_manifest(i, *key, other, &f, got, &err) == 0 &&
		    manifest_parse(f.text, f.len, NULL, &m, &err) == 0 &&
		    is_about(&m, i->id, digest))
			strv_add(&r->digests, other);
		else
			log_debug("'%s' of image %.12s is passed over: %s", *key, i->id,
				  cmk_err_msg(&err));
	}
}

/* An instance of a list may be another image of the store. */
static int find_instance(struct bundle_use *u, const char *digest, struct cmk_err *err)
{
	const struct podman_store *s = u->b->podman;

	if (podman_image_has(image_of(u), digest))
		return 0;
	for (size_t i = 0; i < s->n_images; i++)
		if (podman_image_has(&s->images[i], digest)) {
			u->image = &u->b->images[i];
			return 0;
		}
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "the list's image %s is not in Podman's store", digest);
}

static int get_manifest(struct receive *r, const char *digest, uint64_t size cmk_unused,
			struct fetched *ret, struct cmk_err *err)
{
	struct bundle_use *u = r->arg;
	const struct podman_image *i = image_of(u);
	cleanup_free char *key = NULL;
	char got[72];
	int q = digest ? find_instance(u, digest, err) : 0;

	if (q < 0)
		return q;
	if (!digest) {
		q = read_manifest(i, "manifest", i->manifest ?: i->digest, ret, got, err);
		if (q == 0)
			add_digests(r, i, got);
		return q;
	}
	i = image_of(u);
	key = xasprintf("manifest-%s", digest);
	return read_manifest(i, strv_has(i->data, key) ? key : "manifest", digest, ret, got, err);
}

static int get_config(struct receive *r, const struct descriptor *d, struct fetched *ret,
		      struct cmk_err *err)
{
	const struct bundle_use *u = r->arg;
	char name[72];

	return podman_image_data(image_of(u), digest_str(&d->digest, name), d->size, &ret->text,
				 &ret->len, err);
}

/* --- layers --- */

struct chain {
	struct storage *st;
	const struct podman_layer **layers;
	const struct layer_fetch *list;
};

static int open_layer(void *arg, const struct layer_fetch *l, struct layer_part *ret,
		      struct cmk_err *err)
{
	const struct chain *c = arg;
	const struct podman_layer *layer = c->layers[l - c->list];
	cleanup_close int dir = -1, split = -1;
	int r = podman_layer_open(layer, &dir, &split, err);

	if (r == 0)
		r = storage_assembly_start(c->st, dir, split, &ret->fd, &ret->assembly, err);
	return r < 0 ? cmk_err_wrap(err, r, "layer %.12s", layer->id) : 0;
}

static int get_layers(struct receive *r, struct layer_fetch *list, size_t n, struct cmk_err *err)
{
	const struct bundle_use *u = r->arg;
	cleanup_free const struct podman_layer **layers = xcalloc(n + 1, sizeof(*layers));
	struct chain c = { .st = r->st, .layers = layers, .list = list };
	int q = podman_image_layers(u->b->podman, image_of(u), n, layers, err);

	return q < 0 ? q : layers_unpack(r->st, r->progress, list, n, false, open_layer, &c, err);
}

/* --- policy --- */

static void identify(const struct bundle_use *u, const struct image_ref *name,
		     struct policy_image *ret)
{
	const struct podman_image *image = image_of(u);
	const struct podman_root *root = &u->b->podman->roots[0];
	cleanup_free char *place = xasprintf("[%s@%s]", root->driver, root->path);
	struct policy_image i = { .transport = bundle_podman.name };

	if (name) {
		cleanup_free char *path = xasprintf("%s%s/%s", place, name->registry,
						    name->repository);
		cleanup_free char *full = image_ref_str(name);

		i.named.registry = xstrdup(name->registry);
		i.named.repository = xstrdup(name->repository);
		i.named.tag = xstrdup_null(name->digest ? NULL : name->tag);
		i.named.digest = xstrdup_null(name->digest);
		i.identity = xasprintf("%s%s@%s", place, full, image->id);
		strv_add_take(&i.namespaces, xasprintf("%s%s", place, full));
		strv_add(&i.namespaces, path);
		for (char *slash; (slash = strrchr(path + strlen(place), '/'));) {
			*slash = '\0';
			strv_add(&i.namespaces, path);
		}
	} else {
		i.identity = xasprintf("%s@%s", place, image->id);
	}
	strv_add(&i.namespaces, place);
	strv_add_take(&i.namespaces, xasprintf("[%s]", root->path));
	i.shown = xasprintf("%s:%s", bundle_podman.name, i.identity);
	*ret = i;
}

/* Of which sizes the signatures of D are that stand one behind the other in *RET_NAME. */
static const struct json *signature_sizes(const struct json *meta, const struct podman_image *i,
					  const char *d, char **ret_name)
{
	const struct json *sizes = json_get(json_get(meta, "signatures-sizes"), d);

	if (sizes) {
		*ret_name = xasprintf("signature-%s", str_after(d, "sha256:"));
		return sizes;
	}
	if (!streq_null(i->manifest, d) && !streq_null(i->digest, d))
		return NULL;
	*ret_name = xstrdup("signatures");
	return json_get(meta, "signature-sizes");
}

static int get_signatures(void *arg, const struct digest *d, struct signatures *ret,
			  struct cmk_err *err)
{
	const struct podman_image *i = image_of(arg);
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *name = NULL, *all = NULL;
	const struct json *sizes;
	size_t len = 0, at = 0;
	char buf[72];
	int r = 0;

	if (!i->metadata)
		return 0;
	r = json_parse(i->metadata, strlen(i->metadata), SIGNATURE_MAX, &doc, err);
	sizes = r < 0 ? NULL : signature_sizes(json_root(doc), i, digest_str(d, buf), &name);
	if (!sizes || !sizes->first)
		return r;
	r = podman_image_data(i, name, SIGNATURE_MAX, &all, &len, err);
	json_each (v, sizes) {
		uint64_t n = 0;

		if (r == 0 && (json_u64(v, len - at, &n) < 0 || ret->n == SIGNATURES_MAX))
			r = cmk_err_set(err, -EBADMSG, "the signatures of image %.12s are damaged",
					i->id);
		if (r == 0)
			r = signatures_add_blob(ret, all + at, n, err);
		at += n;
	}
	return r;
}

const struct bundle_kind bundle_podman = {
	.name = "containers-storage",
	.choose = choose,
	.source = { .manifest = get_manifest, .config = get_config, .layers = get_layers },
	.signatures = get_signatures,
	.identify = identify,
};
