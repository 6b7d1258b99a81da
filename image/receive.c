// SPDX-License-Identifier: Apache-2.0
#include "image/receive.h"

#include "base/log.h"

#define INDEX_DEPTH_MAX 3

void receive_done(struct receive *r)
{
	fetched_done(&r->text);
	fetched_done(&r->config);
	manifest_done(&r->manifest);
	r->digests = strv_free(r->digests);
	image_record_done(&r->here);
}

int receive_check_digest(const struct fetched *f, const char *want, struct digest *ret,
			 struct cmk_err *err)
{
	struct digest said;
	char buf[72];

	digest_of(f->text, f->len, ret);
	if (want && !streq(want, digest_str(ret, buf)))
		return cmk_err_set(err, -EBADMSG, "wrong digest: asked for %s, got %s", want, buf);
	if (!f->digest || !str_after(f->digest, "sha256:"))
		return 0;
	if (digest_parse(f->digest, &said, err) < 0 || !streq(said.hex, ret->hex))
		return cmk_err_set(err, -EBADMSG,
				   "wrong digest: the registry says %.80s, its bytes are %s",
				   f->digest, digest_str(ret, buf));
	return 0;
}

/* --- what is here already --- */

/* The image that the name is of now. */
static void look_here(struct receive *r)
{
	cleanup_free char *name = r->n_names == 1 ? image_ref_str(&r->names[0]) : NULL, *id = NULL;

	if (name && storage_name_lookup(r->st, name, &id) == 0)
		(void)storage_image_load(r->st, id, &r->here, NULL);
}

/* TEXT of LEN bytes has the digest WANT, "sha256:…". */
static bool is_of(const char *text, size_t len, const char *want)
{
	struct digest d;
	char buf[72];

	digest_of(text, len, &d);
	return streq(digest_str(&d, buf), want);
}

static bool manifest_here(struct receive *r, const char *digest)
{
	struct fetched f = { 0 };

	if (!digest || !streq_null(r->here.manifest_digest, digest) ||
	    storage_image_manifest(r->st, r->here.id, &f.text, &f.len, NULL) < 0)
		return false;
	if (!is_of(f.text, f.len, digest)) {
		fetched_done(&f);
		return false;
	}
	f.content_type = xstrdup_null(r->here.manifest_type);
	r->text = f;
	return true;
}

static bool config_here(struct receive *r, const char *digest)
{
	struct fetched f = { 0 };
	char buf[72];

	if (!r->here.id || !streq(storage_image_config_digest(&r->here, buf), digest) ||
	    storage_image_config(r->st, r->here.id, &f.text, &f.len, NULL) < 0)
		return false;
	if (!is_of(f.text, f.len, digest)) {
		fetched_done(&f);
		return false;
	}
	r->config = f;
	return true;
}

/* --- manifest and config --- */

static int fetch_manifest(struct receive *r, const char *digest, uint64_t size, struct cmk_err *err)
{
	struct digest d;
	char buf[72];
	int q;

	fetched_done(&r->text);
	manifest_done(&r->manifest);
	q = manifest_here(r, digest) ? 0 : r->source->manifest(r, digest, size, &r->text, err);
	if (q < 0)
		return q;
	q = receive_check_digest(&r->text, digest, &d, err);
	if (q < 0)
		return cmk_err_wrap(err, q, "manifest");
	strv_add(&r->digests, digest_str(&d, buf));
	return manifest_parse(r->text.text, r->text.len, r->text.content_type, &r->manifest, err);
}

/* Follows indexes down to the manifest of one image. */
static int find_manifest(struct receive *r, const char *digest, struct cmk_err *err)
{
	int q = fetch_manifest(r, digest, 0, err);

	for (int depth = 0; q == 0 && r->manifest.kind == MANIFEST_INDEX; depth++) {
		const struct descriptor *d = NULL;
		uint64_t size;
		char buf[72];

		if (depth >= INDEX_DEPTH_MAX)
			return cmk_err_set(err, -ELOOP, "index within index within index");
		q = manifest_choose(&r->manifest, &r->want, &d, err);
		if (q < 0)
			return q;
		if (d->size > IMAGE_MANIFEST_MAX)
			return cmk_err_set(err, -EFBIG, "manifest larger than %zu bytes",
					   IMAGE_MANIFEST_MAX);
		(void)digest_str(&d->digest, buf);
		size = d->size;
		q = fetch_manifest(r, buf, size, err);
	}
	return q;
}

static int fetch_config(struct receive *r, struct image_config *ret, struct cmk_err *err)
{
	const struct descriptor *d = &r->manifest.config;
	struct digest got;
	char want[72];
	int q;

	if (d->size > IMAGE_CONFIG_MAX)
		return cmk_err_set(err, -EFBIG, "image config larger than %zu bytes",
				   IMAGE_CONFIG_MAX);
	progress_line(r->progress, "Getting image source signatures");
	progress_line(r->progress, "Copying config %s", digest_str(&d->digest, want));
	q = config_here(r, want) ? 0 : r->source->config(r, d, &r->config, err);
	if (q < 0)
		return cmk_err_wrap(err, q, "image config");
	if (r->config.len != d->size)
		return cmk_err_set(err, -EBADMSG, "image config: it has %zu bytes, not %llu",
				   r->config.len, (unsigned long long)d->size);
	digest_of(r->config.text, r->config.len, &got);
	if (!streq(got.hex, d->digest.hex))
		return cmk_err_set(err, -EBADMSG, "image config: wrong digest: expected %s", want);
	q = image_config_parse(r->config.text, r->config.len, ret, err);
	if (q < 0)
		return q;
	if (strv_len(ret->diff_ids) != r->manifest.n_items)
		return cmk_err_set(err, -EINVAL,
				   "the manifest has %zu layers, the image config %zu diff IDs",
				   r->manifest.n_items, strv_len(ret->diff_ids));
	return 0;
}

/* --- into the storage --- */

static void fill_layers(struct image_record *rec, const struct layer_fetch *list, size_t n)
{
	char buf[72];

	rec->layers = xcalloc(n + 1, sizeof(*rec->layers));
	rec->n_layers = n;
	for (size_t i = 0; i < n; i++) {
		struct image_layer_ref *l = &rec->layers[i];

		l->diff_id = xstrdup(digest_str(&list[i].diff_id, buf));
		l->blob = xstrdup(digest_str(&list[i].blob->digest, buf));
		l->media_type = xstrdup(list[i].blob->media_type);
		l->blob_size = list[i].blob->size;
		l->size = list[i].size;
		rec->size += list[i].size;
	}
}

static void fill_digests(struct image_record *rec, const struct receive *r)
{
	size_t n = strv_len(r->digests);

	rec->manifest_digest = xstrdup(r->digests[n - 1]);
	rec->digests = strv_dup(r->digests);
	for (size_t i = 0; i < r->n_names; i++)
		for (size_t j = 0; j < n; j++) {
			cleanup_free char *s = xasprintf("%s/%s@%s", r->names[i].registry,
							 r->names[i].repository, r->digests[j]);

			if (!strv_has(rec->repo_digests, s))
				strv_add_take(&rec->repo_digests, steal_ptr(&s));
		}
}

/* Its ID here: the digest of its config, but where it was made here and got one before. */
static char *own_id(const struct receive *r)
{
	const char *hex = r->manifest.config.digest.hex;
	char *id = NULL;

	return storage_image_by_config(r->st, hex, &id) == 0 ? id : xstrdup(hex);
}

static int set_names(struct receive *r, const char *id, struct cmk_err *err)
{
	for (size_t i = 0; i < r->n_names; i++) {
		cleanup_free char *name = image_ref_str(&r->names[i]);
		int q = 0;

		if (r->names[i].tag && !r->names[i].digest)
			q = storage_name_set(r->st, name, id, err);
		if (q < 0)
			return q;
	}
	return 0;
}

static int put_image(struct receive *r, const struct image_config *cfg,
		     const struct layer_fetch *list, size_t n, char **ret_id, struct cmk_err *err)
{
	struct image_record rec = { 0 };
	char buf[72];
	int q;

	rec.id = own_id(r);
	if (!streq(rec.id, r->manifest.config.digest.hex))
		rec.config_digest = xstrdup(digest_str(&r->manifest.config.digest, buf));
	rec.manifest_type = xstrdup(r->manifest.media_type);
	rec.created = xstrdup_null(cfg->created);
	rec.architecture = xstrdup_null(cfg->architecture);
	rec.os = xstrdup_null(cfg->os);
	rec.variant = xstrdup_null(cfg->variant);
	fill_digests(&rec, r);
	fill_layers(&rec, list, n);
	progress_line(r->progress, "Writing manifest to image destination");
	q = storage_image_put(r->st, &rec, r->text.text, r->text.len, r->config.text, r->config.len,
			      err);
	if (q == 0)
		q = set_names(r, rec.id, err);
	if (q == 0)
		*ret_id = xstrdup(rec.id);
	image_record_done(&rec);
	return q;
}

static int check_platform(const struct receive *r, const struct image_config *cfg,
			  struct cmk_err *err)
{
	const struct platform *want = &r->want;
	const char *os = cfg->os ? cfg->os : "unknown",
		   *arch = cfg->architecture ? cfg->architecture : "unknown";

	if (want->only && (!streq(os, want->os) || !streq(arch, want->arch) ||
			   (want->variant && !streq_null(cfg->variant, want->variant))))
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				    "the image is for %.40s/%.40s, not for %s/%s", os, arch,
				    want->os, want->arch);
	if ((cfg->architecture && !streq(arch, want->arch)) || (cfg->os && !streq(os, want->os)))
		log_warn("the image is for %.40s/%.40s, not for %s/%s", os, arch, want->os,
			 want->arch);
	return 0;
}

static int take_layers(struct receive *r, const struct image_config *cfg, char **ret_id,
		       struct cmk_err *err)
{
	size_t n = r->manifest.n_items;
	cleanup_free struct layer_fetch *list = xcalloc(n + 1, sizeof(*list));
	int q;

	for (size_t i = 0; i < n; i++) {
		list[i].blob = &r->manifest.items[i];
		q = digest_parse(cfg->diff_ids[i], &list[i].diff_id, err);
		if (q < 0)
			return q;
	}
	q = r->source->layers(r, list, n, err);
	if (q < 0)
		return q;
	return put_image(r, cfg, list, n, ret_id, err);
}

/* The manifest of one image, not an index over it, is what signatures are for. */
static int check_policy(const struct receive *r, struct cmk_err *err)
{
	struct digest d;

	digest_of(r->text.text, r->text.len, &d);
	return verify_manifest(r->verify, &d, err);
}

int receive_image(struct receive *r, const char *digest, char **ret_id, struct cmk_err *err)
{
	struct image_config cfg = { 0 };
	int q;

	look_here(r);
	q = find_manifest(r, digest, err);
	if (q == 0)
		q = check_policy(r, err);
	if (q == 0)
		q = fetch_config(r, &cfg, err);
	if (q == 0)
		q = check_platform(r, &cfg, err);
	if (q == 0)
		q = take_layers(r, &cfg, ret_id, err);
	image_config_done(&cfg);
	return q;
}
