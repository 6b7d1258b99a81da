// SPDX-License-Identifier: Apache-2.0
/* The directories of `dir:`: manifest.json, HEX.manifest.json where that is an index, and blobs
 * named by the digits of their digests. */
#include "image/bundle.h"

#define VERSION_TEXT "Directory Transport Version: "

static bool probe(const struct files *f)
{
	return !f->archive && files_has(f, "manifest.json");
}

static int check_version(const struct files *f, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	const char *version;
	int r;

	if (!files_has(f, "version"))
		return 0;
	r = files_text(f, "version", 256, &text, &len, err);
	if (r < 0)
		return r;
	version = str_after(text, VERSION_TEXT);
	if (!version || !str_after(version, "1."))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "'%s': 'version' does not say '" VERSION_TEXT "1.…'", f->shown);
	return 0;
}

static int read_dir(struct bundle *b, const struct platform *want cmk_unused, struct cmk_err *err)
{
	int r;

	if (b->files.archive)
		return cmk_err_set(err, -ENOTDIR, "'%s' is not a directory", b->files.shown);
	r = check_version(&b->files, err);
	if (r == 0)
		(void)bundle_add(b);
	return r;
}

static int get_manifest(struct receive *r, const char *digest, uint64_t size, struct fetched *ret,
			struct cmk_err *err)
{
	const struct bundle_use *u = r->arg;
	cleanup_free char *name = NULL;
	struct digest d;
	int q = digest ? digest_parse(digest, &d, err) : 0;

	if (q < 0)
		return q;
	name = digest ? xasprintf("%s.manifest.json", d.hex) : xstrdup("manifest.json");
	q = files_text(&u->b->files, name, IMAGE_MANIFEST_MAX, &ret->text, &ret->len, err);
	if (q == 0 && digest && ret->len != size)
		q = cmk_err_set(err, -EBADMSG, "'%s' has %zu bytes, not %llu", name, ret->len,
				(unsigned long long)size);
	return q;
}

static int get_config(struct receive *r, const struct descriptor *d, struct fetched *ret,
		      struct cmk_err *err)
{
	const struct bundle_use *u = r->arg;

	return files_text(&u->b->files, d->digest.hex, d->size, &ret->text, &ret->len, err);
}

static int find_layer(void *arg, const struct layer_fetch *l, struct layer_part *ret,
		      struct cmk_err *err)
{
	const struct bundle_use *u = arg;

	return files_find(&u->b->files, l->blob->digest.hex, ret, err);
}

static int get_layers(struct receive *r, struct layer_fetch *list, size_t n, struct cmk_err *err)
{
	return layers_unpack(r->st, r->progress, list, n, true, find_layer, r->arg, err);
}

/* signature-N for manifest.json, HEX.signature-N for HEX.manifest.json. */
static int get_signatures(void *arg, const struct digest *d, struct signatures *ret,
			  struct cmk_err *err)
{
	const struct bundle_use *u = arg;
	cleanup_free char *prefix = xasprintf("%s.", d->hex);
	cleanup_free char *manifest = xasprintf("%smanifest.json", prefix);
	const char *of = files_has(&u->b->files, manifest) ? prefix : "";

	for (int n = 1; n <= SIGNATURES_MAX; n++) {
		cleanup_free char *name = xasprintf("%ssignature-%d", of, n), *text = NULL;
		size_t len = 0;
		int r;

		if (!files_has(&u->b->files, name))
			return 0;
		r = files_text(&u->b->files, name, SIGNATURE_MAX, &text, &len, err);
		if (r == 0)
			r = signatures_add_blob(ret, text, len, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "%s", name);
	}
	return cmk_err_set(err, -E2BIG, "more than %d signatures", SIGNATURES_MAX);
}

const struct bundle_kind bundle_dir = {
	.name = "dir",
	.probe = probe,
	.read = read_dir,
	.source = { .manifest = get_manifest, .config = get_config, .layers = get_layers },
	.signatures = get_signatures,
};
