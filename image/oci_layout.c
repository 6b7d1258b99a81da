// SPDX-License-Identifier: Apache-2.0
/* OCI layouts (image-spec image-layout.md), as directories and archives. */
#include "base/parse.h"
#include "image/bundle.h"

static bool probe(const struct files *f)
{
	return files_has(f, "index.json");
}

int oci_layout_check(const char *text, size_t len, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const char *version;
	int r = json_parse(text, len, 4096, &doc, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "oci-layout");
	version = json_str(json_get(json_root(doc), "imageLayoutVersion"));
	if (!version || !str_after(version, "1."))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "oci-layout: version '%.40s' is not supported",
				    version ? version : "");
	return 0;
}

static void add_entry(struct bundle *b, const struct descriptor *d)
{
	struct bundle_image *i = bundle_add(b);
	const char *name = d->full_name && *d->full_name ? d->full_name : d->ref_name;

	i->digest = d->digest;
	i->size = d->size;
	i->ref_name = xstrdup_null(d->ref_name);
	if (name && *name)
		strv_add(&i->names, name);
}

/* An index.json of several platforms of one image: nobody has a name, and all say what they are
 * for. */
static bool is_one_image(const struct manifest *m)
{
	for (size_t i = 0; i < m->n_items; i++) {
		const struct descriptor *d = &m->items[i];

		if (d->ref_name || d->full_name || (!d->attestation && (!d->os || !d->arch)))
			return false;
	}
	return m->n_items > 1;
}

int oci_index_parse(struct bundle *b, const char *text, size_t len, const struct platform *want,
		    struct cmk_err *err)
{
	const struct descriptor *d = NULL;
	struct manifest m = { 0 };
	int r = manifest_parse(text, len, NULL, &m, err);

	if (r == 0 && m.kind != MANIFEST_INDEX)
		r = cmk_err_set(err, -EINVAL, "it is no index");
	if (r == 0 && is_one_image(&m)) {
		r = manifest_choose(&m, want, &d, err);
		if (r == 0)
			add_entry(b, d);
	} else if (r == 0) {
		for (size_t i = 0; i < m.n_items; i++)
			if (!m.items[i].attestation)
				add_entry(b, &m.items[i]);
	}
	manifest_done(&m);
	return r < 0 ? cmk_err_wrap(err, r, "index.json") : 0;
}

static int read_layout(struct bundle *b, const struct platform *want, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *layout = NULL;
	size_t len = 0;
	int r = 0;

	/* Some writers leave it out. */
	if (files_has(&b->files, "oci-layout")) {
		r = files_text(&b->files, "oci-layout", 4096, &layout, &len, err);
		if (r == 0)
			r = oci_layout_check(layout, len, err);
	}
	if (r == 0)
		r = files_text(&b->files, "index.json", IMAGE_MANIFEST_MAX, &text, &len, err);
	if (r == 0)
		r = oci_index_parse(b, text, len, want, err);
	return r < 0 ? cmk_err_wrap(err, r, "'%s'", b->files.shown) : 0;
}

static int choose(const struct bundle *b, const char *ref, const struct bundle_image **ret,
		  char ***ret_names, struct cmk_err *err)
{
	for (size_t i = 0; i < b->n_images; i++)
		if (streq_null(b->images[i].ref_name, ref) || strv_has(b->images[i].names, ref)) {
			*ret = &b->images[i];
			*ret_names = strv_dup(b->images[i].names);
			return 0;
		}
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "'%s': no descriptor found for reference '%.200s'", b->files.shown,
			    ref);
}

static void blob_name(const struct digest *d, char buf[static 96])
{
	(void)snprintf(buf, 96, "blobs/sha256/%s", d->hex);
}

static int get_manifest(struct receive *r, const char *digest, uint64_t size, struct fetched *ret,
			struct cmk_err *err)
{
	const struct bundle_use *u = r->arg;
	struct digest d = u->image->digest, got;
	char name[96];
	int q = digest ? digest_parse(digest, &d, err) : 0;

	blob_name(&d, name);
	if (q == 0)
		q = files_text(&u->b->files, name, IMAGE_MANIFEST_MAX, &ret->text, &ret->len, err);
	if (q < 0)
		return cmk_err_wrap(err, q, "manifest");
	if (ret->len != (digest ? size : u->image->size))
		return cmk_err_set(err, -EBADMSG, "manifest '%s' has %zu bytes, not %llu", name,
				   ret->len, (unsigned long long)(digest ? size : u->image->size));
	digest_of(ret->text, ret->len, &got);
	if (!streq(got.hex, d.hex))
		return cmk_err_set(err, -EBADMSG, "manifest '%s': wrong digest: it is sha256:%s",
				   name, got.hex);
	return 0;
}

static int get_config(struct receive *r, const struct descriptor *d, struct fetched *ret,
		      struct cmk_err *err)
{
	const struct bundle_use *u = r->arg;
	char name[96];

	blob_name(&d->digest, name);
	return files_text(&u->b->files, name, d->size, &ret->text, &ret->len, err);
}

static int find_layer(void *arg, const struct layer_fetch *l, struct layer_part *ret,
		      struct cmk_err *err)
{
	const struct bundle_use *u = arg;
	char name[96];

	blob_name(&l->blob->digest, name);
	return files_find(&u->b->files, name, ret, err);
}

static int get_layers(struct receive *r, struct layer_fetch *list, size_t n, struct cmk_err *err)
{
	return layers_unpack(r->st, r->progress, list, n, true, find_layer, r->arg, err);
}

const struct bundle_kind bundle_oci = {
	.name = "oci",
	.probe = probe,
	.read = read_layout,
	.choose = choose,
	.source = { .manifest = get_manifest, .config = get_config, .layers = get_layers },
};
