// SPDX-License-Identifier: Apache-2.0
/*
 * What `docker save` writes: manifest.json says which files are an image's config and layers. There
 * is no manifest of a registry in it; ours is the one that containers/image makes of the same
 * archive, byte for byte, so that all tools call the image by the same digest.
 */
#include "image/bundle.h"

#define DOCKER "application/vnd.docker."
#define MANIFEST_TYPE DOCKER "distribution.manifest.v2+json"

/* --- manifest.json --- */

static int read_names(const struct json *v, const char *what, size_t max, char ***ret,
		      struct cmk_err *err)
{
	if (json_strv(v, ret) < 0)
		return cmk_err_set(err, -EINVAL, "'%s' is not an array of strings", what);
	if (strv_len(*ret) > max)
		return cmk_err_set(err, -E2BIG, "more than %zu %s", max, what);
	return 0;
}

static int read_item(struct bundle *b, const struct json *v, struct cmk_err *err)
{
	struct bundle_image *i = bundle_add(b);
	const char *config = json_str(json_get(v, "Config"));
	int r;

	if (v->type != JSON_OBJECT || !config || !*config)
		return cmk_err_set(err, -EINVAL, "no 'Config'");
	i->config = xstrdup(config);
	r = read_names(json_get(v, "RepoTags"), "RepoTags", BUNDLE_IMAGES_MAX, &i->names, err);
	if (r == 0)
		r = read_names(json_get(v, "Layers"), "Layers", IMAGE_LAYERS_MAX, &i->layers, err);
	return r;
}

int docker_manifest_parse(struct bundle *b, const char *text, size_t len, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const struct json *root;
	int r = json_parse(text, len, DOCKER_MANIFEST_MAX, &doc, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "manifest.json");
	root = json_root(doc);
	if (!root || root->type != JSON_ARRAY)
		return cmk_err_set(err, -EINVAL, "manifest.json is not an array");
	if (root->n > BUNDLE_IMAGES_MAX)
		return cmk_err_set(err, -E2BIG, "manifest.json: more than %d images",
				   BUNDLE_IMAGES_MAX);
	json_each (v, root) {
		r = read_item(b, v, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "manifest.json: image %zu", b->n_images - 1);
	}
	return 0;
}

static bool probe(const struct files *f)
{
	return f->archive && (files_has(f, "manifest.json") || files_has(f, "repositories"));
}

static int read_archive(struct bundle *b, const struct platform *want cmk_unused,
			struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	if (!b->files.archive)
		return cmk_err_set(err, -EISDIR, "'%s' is a directory", b->files.shown);
	r = files_text(&b->files, "manifest.json", DOCKER_MANIFEST_MAX, &text, &len, err);
	if (r == -ENOENT && files_has(&b->files, "repositories"))
		return cmk_err_kind(
			err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			"'%s' was written by a docker before 1.10, without "
			"manifest.json: not supported (it must be saved again by a newer "
			"tool)",
			b->files.shown);
	if (r < 0)
		return r;
	r = docker_manifest_parse(b, text, len, err);
	return r < 0 ? cmk_err_wrap(err, r, "'%s'", b->files.shown) : 0;
}

/* --- which one --- */

/* TEXT as docker reads it: without a registry it is docker.io's. */
static int docker_name(const char *text, char **ret, struct cmk_err *err)
{
	struct image_ref ref = { 0 };
	int r = image_ref_parse_docker(text, &ref, err);

	if (r == 0 && ref.digest)
		r = cmk_err_set(err, -EINVAL, "'%.300s': a name must not hold a digest", text);
	if (r == 0)
		*ret = image_ref_str(&ref);
	image_ref_done(&ref);
	return r;
}

static int choose(const struct bundle *b, const char *ref, const struct bundle_image **ret,
		  char ***ret_names, struct cmk_err *err)
{
	cleanup_free char *wanted = NULL;
	int r = docker_name(ref, &wanted, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < b->n_images; i++)
		for (char **n = b->images[i].names; n && *n; n++) {
			cleanup_free char *name = NULL;

			r = docker_name(*n, &name, err);
			if (r < 0)
				return cmk_err_wrap(err, r, "'%s': image %zu", b->files.shown, i);
			if (!streq(name, wanted))
				continue;
			*ret = &b->images[i];
			strv_add(ret_names, *n);
			return 0;
		}
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "'%s': Tag \"%s\" not found",
			    b->files.shown, wanted);
}

/* --- one image --- */

static void write_descriptor(struct json_writer *w, const char *key, const char *type,
			     uint64_t size, const struct digest *d)
{
	char buf[72];

	json_write_object(w, key);
	json_write_str(w, "mediaType", type);
	json_write_u64(w, "size", size);
	json_write_str(w, "digest", digest_str(d, buf));
	json_write_end(w, '}');
}

int docker_manifest_write(const struct digest *config, size_t config_len,
			  const struct digest *diff_ids, const uint64_t *sizes, size_t n,
			  struct fetched *ret, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	int r;

	json_write_object(&w, NULL);
	json_write_u64(&w, "schemaVersion", 2);
	json_write_str(&w, "mediaType", MANIFEST_TYPE);
	write_descriptor(&w, "config", DOCKER "container.image.v1+json", config_len, config);
	json_write_array(&w, "layers");
	for (size_t i = 0; i < n; i++)
		write_descriptor(&w, NULL, DOCKER "image.rootfs.diff.tar.gzip", sizes[i],
				 &diff_ids[i]);
	json_write_end(&w, ']');
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &ret->text, &ret->len, err);
	if (r >= 0 && ret->len > 0 && ret->text[ret->len - 1] == '\n')
		ret->text[--ret->len] = '\0';
	return r;
}

static int member_sizes(const struct bundle_use *u, uint64_t *ret, struct cmk_err *err)
{
	size_t n = strv_len(u->image->layers);

	for (size_t i = 0; i < n; i++) {
		struct layer_part part;
		int r = files_find(&u->b->files, u->image->layers[i], &part, err);

		if (r < 0)
			return cmk_err_wrap(err, r, "layer %zu", i + 1);
		(void)close(part.fd);
		ret[i] = part.size;
	}
	return 0;
}

static int parse_diff_ids(const struct image_config *cfg, struct digest *ret, struct cmk_err *err)
{
	for (size_t i = 0; cfg->diff_ids && cfg->diff_ids[i]; i++) {
		int r = digest_parse(cfg->diff_ids[i], &ret[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_manifest(const struct bundle_use *u, const char *config, size_t config_len,
			 const struct image_config *cfg, struct fetched *ret, struct cmk_err *err)
{
	size_t n = strv_len(u->image->layers);
	cleanup_free struct digest *diff_ids = xcalloc(n + 1, sizeof(*diff_ids));
	cleanup_free uint64_t *sizes = xcalloc(n + 1, sizeof(*sizes));
	struct digest id;
	int r;

	if (strv_len(cfg->diff_ids) != n)
		return cmk_err_set(err, -EINVAL,
				   "manifest.json has %zu layers, the image config %zu diff IDs", n,
				   strv_len(cfg->diff_ids));
	r = member_sizes(u, sizes, err);
	if (r == 0)
		r = parse_diff_ids(cfg, diff_ids, err);
	if (r < 0)
		return r;
	digest_of(config, config_len, &id);
	return docker_manifest_write(&id, config_len, diff_ids, sizes, n, ret, err);
}

static int get_manifest(struct receive *r, const char *digest cmk_unused, uint64_t size cmk_unused,
			struct fetched *ret, struct cmk_err *err)
{
	const struct bundle_use *u = r->arg;
	struct image_config cfg = { 0 };
	cleanup_free char *text = NULL;
	size_t len = 0;
	int q;

	q = files_text(&u->b->files, u->image->config, IMAGE_CONFIG_MAX, &text, &len, err);
	if (q == 0)
		q = image_config_parse(text, len, &cfg, err);
	if (q == 0)
		q = make_manifest(u, text, len, &cfg, ret, err);
	image_config_done(&cfg);
	return q;
}

static int get_config(struct receive *r, const struct descriptor *d, struct fetched *ret,
		      struct cmk_err *err)
{
	const struct bundle_use *u = r->arg;

	return files_text(&u->b->files, u->image->config, d->size, &ret->text, &ret->len, err);
}

static int find_layer(void *arg, const struct layer_fetch *l, struct layer_part *ret,
		      struct cmk_err *err)
{
	const struct receive *r = arg;
	const struct bundle_use *u = r->arg;

	return files_find(&u->b->files, u->image->layers[l->blob - r->manifest.items], ret, err);
}

/* Where the archive's layers are compressed, only now is known how large they are. */
static int correct_sizes(struct receive *r, const struct layer_fetch *list, size_t n,
			 struct cmk_err *err)
{
	cleanup_free struct digest *diff_ids = xcalloc(n + 1, sizeof(*diff_ids));
	cleanup_free uint64_t *sizes = xcalloc(n + 1, sizeof(*sizes));
	struct digest d;
	char buf[72];
	int q;

	for (size_t i = 0; i < n; i++) {
		diff_ids[i] = list[i].diff_id;
		sizes[i] = r->manifest.items[i].size = list[i].size;
	}
	fetched_done(&r->text);
	q = docker_manifest_write(&r->manifest.config.digest, r->manifest.config.size, diff_ids,
				  sizes, n, &r->text, err);
	if (q < 0)
		return q;
	digest_of(r->text.text, r->text.len, &d);
	r->digests = strv_free(r->digests);
	strv_add(&r->digests, digest_str(&d, buf));
	return 0;
}

static int get_layers(struct receive *r, struct layer_fetch *list, size_t n, struct cmk_err *err)
{
	int q = layers_unpack(r->st, r->progress, list, n, false, find_layer, r, err);

	return q < 0 ? q : correct_sizes(r, list, n, err);
}

const struct bundle_kind bundle_docker_archive = {
	.name = "docker-archive",
	.probe = probe,
	.read = read_archive,
	.choose = choose,
	.source = { .manifest = get_manifest, .config = get_config, .layers = get_layers },
};
