// SPDX-License-Identifier: Apache-2.0
#include "image/manifest.h"

#include "image/chunked.h"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

static void descriptor_done(struct descriptor *d)
{
	free(d->media_type);
	free(d->os);
	free(d->arch);
	free(d->variant);
	free(d->ref_name);
	free(d->full_name);
	free(d->title);
}

void manifest_done(struct manifest *m)
{
	free(m->media_type);
	descriptor_done(&m->config);
	for (size_t i = 0; i < m->n_items; i++)
		descriptor_done(&m->items[i]);
	free(m->items);
	*m = (struct manifest){ 0 };
}

static void cleanup_manifest(struct manifest *m)
{
	manifest_done(m);
}

static const struct {
	const char *type;
	enum manifest_kind kind;
} manifest_types[] = {
	{ OCI "manifest.v1+json", MANIFEST_IMAGE },
	{ DOCKER "distribution.manifest.v2+json", MANIFEST_IMAGE },
	{ OCI "index.v1+json", MANIFEST_INDEX },
	{ DOCKER "distribution.manifest.list.v2+json", MANIFEST_INDEX },
};

static int kind_of(const char *type, enum manifest_kind *ret)
{
	for (size_t i = 0; type && i < ARRAY_LEN(manifest_types); i++)
		if (streq(manifest_types[i].type, type)) {
			*ret = manifest_types[i].kind;
			return 0;
		}
	return -ENOENT;
}

static bool is_schema1(const char *type)
{
	return type && str_after(type, DOCKER "distribution.manifest.v1+");
}

/* "type/subtype; charset=x" without its parameters; NULL where it says nothing about manifests. */
static char *clean_content_type(const char *s)
{
	enum manifest_kind kind;
	char *type;

	if (!s)
		return NULL;
	type = xstrndup(s, strcspn(s, "; \t"));
	if (kind_of(type, &kind) == 0 || is_schema1(type))
		return type;
	free(type);
	return NULL;
}

static int read_title(const struct json *v, struct descriptor *d)
{
	const struct json *notes = json_get(v, "annotations");

	d->title = xstrdup_null(json_str(json_get(notes, "org.opencontainers.image.title")));
	return 0;
}

static int check_layer_type(struct descriptor *d, struct cmk_err *err)
{
	static const char *const types[] = {
		OCI "layer.v1.tar",
		OCI "layer.v1.tar+gzip",
		OCI "layer.v1.tar+zstd",
		DOCKER "image.rootfs.diff.tar",
		DOCKER "image.rootfs.diff.tar.gzip",
		DOCKER "image.rootfs.diff.tar.zstd",
	};

	/* The bytes say how they are compressed; what is written beside them is often wrong. */
	d->compression = LAYER_DETECT;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (streq(d->media_type, types[i]))
			return 0;
	if (strstr(d->media_type, "foreign") || strstr(d->media_type, "nondistributable"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "foreign layers are not supported ('%.100s')", d->media_type);
	return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			    "layer of the unknown type '%.100s'", d->media_type);
}

static int check_config_type(const struct descriptor *d, struct cmk_err *err)
{
	if (streq(d->media_type, OCI "config.v1+json") ||
	    streq(d->media_type, DOCKER "container.image.v1+json") ||
	    streq(d->media_type, "application/octet-stream"))
		return 0;
	return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			    "not a container image but an artifact of the type '%.100s'",
			    d->media_type);
}

static int read_descriptor(const struct json *v, struct descriptor *d, struct cmk_err *err)
{
	const char *type = json_str(json_get(v, "mediaType"));
	const char *digest = json_str(json_get(v, "digest"));
	int r;

	if (!v || v->type != JSON_OBJECT || !type || !digest)
		return cmk_err_set(err, -EINVAL, "a descriptor without media type or digest");
	r = digest_parse(digest, &d->digest, err);
	if (r < 0)
		return r;
	if (json_u64(json_get(v, "size"), INT64_MAX, &d->size) < 0)
		return cmk_err_set(err, -EINVAL, "descriptor of '%s' without a valid size", digest);
	d->media_type = xstrdup(type);
	return 0;
}

static int read_platform(const struct json *v, struct descriptor *d, struct cmk_err *err)
{
	const struct json *p = json_get(v, "platform"), *notes = json_get(v, "annotations");

	if (p && p->type != JSON_OBJECT && p->type != JSON_NULL)
		return cmk_err_set(err, -EINVAL, "'platform' is not an object");
	d->os = xstrdup_null(json_str(json_get(p, "os")));
	d->arch = xstrdup_null(json_str(json_get(p, "architecture")));
	d->variant = xstrdup_null(json_str(json_get(p, "variant")));
	d->attestation = json_get(notes, "vnd.docker.reference.type") != NULL;
	d->ref_name = xstrdup_null(json_str(json_get(notes, "org.opencontainers.image.ref.name")));
	d->full_name = xstrdup_null(json_str(json_get(notes, "io.containerd.image.name")));
	return 0;
}

static int read_items(const struct json *list, const char *what, size_t max, struct manifest *m,
		      struct cmk_err *err)
{
	int r = 0;

	if (!list || list->type != JSON_ARRAY)
		return cmk_err_set(err, -EINVAL, "no '%s'", what);
	if (list->n > max)
		return cmk_err_set(err, -E2BIG, "more than %zu %s", max, what);
	m->items = xcalloc(list->n + 1, sizeof(*m->items));
	json_each (v, list) {
		struct descriptor *d = &m->items[m->n_items++];

		r = read_descriptor(v, d, err);
		if (r == 0)
			r = m->kind == MANIFEST_INDEX ? read_platform(v, d, err)
			    : m->artifact	      ? read_title(v, d)
						      : check_layer_type(d, err);
		if (r == 0 && m->kind == MANIFEST_IMAGE)
			chunked_read(json_get(v, "annotations"), d->size, &d->toc);
		if (r < 0)
			return cmk_err_wrap(err, r, "%s[%zu]", what, m->n_items - 1);
	}
	return 0;
}

static int ambiguous(struct cmk_err *err, const char *why)
{
	return cmk_err_set(err, -EINVAL, "ambiguous manifest: %s", why);
}

/* Decides what the document is, by the server's word, its own, or its members. */
static int decide_type(const struct json *root, const char *content_type, struct manifest *m,
		       struct cmk_err *err)
{
	const struct json *layers = json_get(root, "layers"), *list = json_get(root, "manifests");
	const char *own = json_str(json_get(root, "mediaType")), *type;
	uint64_t schema = 0;

	if (!root || root->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "not a JSON object");
	(void)json_u64(json_get(root, "schemaVersion"), 1000, &schema);
	if (schema == 1 || is_schema1(own) || is_schema1(content_type) ||
	    json_get(root, "fsLayers"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "docker schema 1 is not supported (the image must be pushed "
				    "again by a newer tool)");
	if (schema != 2)
		return cmk_err_set(err, -EINVAL, "schemaVersion is not 2");
	/* CVE-2021-41190: one digest must not mean two things to two readers. */
	if (list && (layers || json_get(root, "config")))
		return ambiguous(err, "both an image and an index");
	if (content_type && own && !streq(content_type, own))
		return ambiguous(err, "its mediaType is not the content type that the server gave");
	type = content_type ? content_type : own;
	if (!type)
		type = manifest_types[list ? 2 : 0].type;
	if (kind_of(type, &m->kind) < 0)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "manifest of the unknown type '%.100s'", type);
	if (m->kind == MANIFEST_IMAGE ? list != NULL : layers != NULL)
		return ambiguous(err, "its members do not fit its media type");
	m->media_type = xstrdup(type);
	return 0;
}

static int read_manifest(const struct json *root, const char *content_type, struct manifest *m,
			 struct cmk_err *err)
{
	int r;

	r = decide_type(root, content_type, m, err);
	if (r < 0)
		return r;
	if (m->kind == MANIFEST_INDEX && m->artifact)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "an index of several manifests is no artifact");
	if (m->kind == MANIFEST_INDEX)
		return read_items(json_get(root, "manifests"), "manifests", IMAGE_INDEX_MAX, m,
				  err);
	r = read_descriptor(json_get(root, "config"), &m->config, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "config");
	if (!m->artifact)
		r = check_config_type(&m->config, err);
	if (r < 0)
		return r;
	return read_items(json_get(root, "layers"), "layers", IMAGE_LAYERS_MAX, m, err);
}

static int parse(const char *text, size_t len, const char *content_type, bool artifact,
		 struct manifest *ret, struct cmk_err *err)
{
	cleanup(cleanup_manifest) struct manifest m = { .artifact = artifact };
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *type = clean_content_type(content_type);
	int r;

	r = json_parse(text, len, IMAGE_MANIFEST_MAX, &doc, err);
	if (r == 0)
		r = read_manifest(json_root(doc), type, &m, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "manifest");
	*ret = m;
	m = (struct manifest){ 0 };
	return 0;
}

int manifest_parse(const char *text, size_t len, const char *content_type, struct manifest *ret,
		   struct cmk_err *err)
{
	return parse(text, len, content_type, false, ret, err);
}

int manifest_parse_artifact(const char *text, size_t len, const char *content_type,
			    struct manifest *ret, struct cmk_err *err)
{
	return parse(text, len, content_type, true, ret, err);
}

/* How well the entry fits: 0 best, -1 not at all. */
static int rank(const struct descriptor *d, const struct platform *want)
{
	static const char *const arm[] = { "v8", "v7", "v6", "v5" };
	const char *has = d->variant ? d->variant : "", *wish = want->variant;
	size_t from = 0;

	if (d->attestation || !streq_null(d->os, want->os) || !streq_null(d->arch, want->arch))
		return -1;
	if (streq(want->arch, "arm64")) {
		/* v8 is what an arm64 without a variant is. */
		if ((!*has || streq(has, "v8")) && (!wish || streq(wish, "v8")))
			return *has ? 0 : 1;
		return wish && streq(has, wish) ? 0 : -1;
	}
	if (!streq(want->arch, "arm")) {
		if (wish)
			return streq(has, wish) ? 0 : -1;
		return !*has ? 0 : streq(has, "v1") ? 1 : -1;
	}
	/* A newer arm runs what was made for an older one. */
	while (wish && from < ARRAY_LEN(arm) && !streq(arm[from], wish))
		from++;
	if (!*has)
		return ARRAY_LEN(arm);
	for (size_t i = from; i < ARRAY_LEN(arm); i++)
		if (streq(has, arm[i]))
			return (int)i;
	return -1;
}

static void add_platform(struct strbuf *sb, const char *os, const char *arch, const char *variant)
{
	strbuf_addf(sb, "%.40s/%.40s%s%.40s", os, arch, variant && *variant ? "/" : "",
		    variant ? variant : "");
}

int manifest_choose(const struct manifest *index, const struct platform *want,
		    const struct descriptor **ret, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf have = STRBUF_INIT;
	const struct descriptor *best = NULL;
	int best_rank = -1;

	for (size_t i = 0; i < index->n_items; i++) {
		const struct descriptor *d = &index->items[i];
		int n = rank(d, want);

		if (n >= 0 && (!best || n < best_rank)) {
			best = d;
			best_rank = n;
		}
		if (d->os && d->arch && !d->attestation && i < 20) {
			strbuf_adds(&have, have.len ? ", " : "");
			add_platform(&have, d->os, d->arch, d->variant);
		}
	}
	if (best) {
		*ret = best;
		return 0;
	}
	/* In podman's words. */
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "no image found in manifest list for architecture \"%.40s\", variant "
			    "\"%.40s\", OS \"%.40s\" (there is %s)",
			    want->arch, want->variant ?: "", want->os,
			    have.len ? strbuf_str(&have) : "none at all");
}
