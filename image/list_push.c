// SPDX-License-Identifier: Apache-2.0
/*
 * A manifest list to a registry or to files: each instance under its digest, then the list under
 * its name.
 */
#include "image/compose.h"
#include "image/list.h"
#include "image/push.h"
#include "image/receive.h"
#include "image/save.h"

struct list_push;

/* Where it goes. */
struct target {
	/* An image of the store. */
	int (*image)(struct list_push *p, const char *id, struct pushed *ret, struct cmk_err *err);
	/* The blobs of one that is not here. */
	int (*blobs)(struct list_push *p, const struct manifest *m, char *const *sources,
		     struct cmk_err *err);
	int (*manifest)(struct list_push *p, const char *text, size_t len, const char *type,
			struct pushed *ret, struct cmk_err *err);
	/* The list itself, last. */
	int (*list)(struct list_push *p, const char *text, size_t len, const char *type,
		    struct cmk_err *err);
};

struct list_push {
	struct storage *st;
	struct image_push_options o; /* what is borrowed of it may be changed between images */
	const struct target *target;
	struct push *push;	       /* of a registry */
	struct push_files_list *files; /* of files */
	struct image_ref to;	       /* of a registry */
	struct push_source own, *source;
	struct progress *progress;
	struct list list;
	struct image_record *images; /* all that are here */
	size_t n_images;
	const char **ids; /* of the list's instances: which of them they are, or NULL */
};

static void list_push_done(struct list_push *p)
{
	push_end(p->push);
	push_source_done(&p->own);
	progress_free(p->progress);
	image_ref_done(&p->to);
	list_done(&p->list);
	storage_image_list_free(p->images, p->n_images);
	free(p->ids);
}

/* --- to a registry --- */

static int registry_image(struct list_push *p, const char *id, struct pushed *ret,
			  struct cmk_err *err)
{
	return push_image(p->push, id, ret, err);
}

static int registry_blobs(struct list_push *p, const struct manifest *m, char *const *sources,
			  struct cmk_err *err)
{
	return push_blobs(p->push, m, sources, err);
}

static int registry_manifest(struct list_push *p, const char *text, size_t len, const char *type,
			     struct pushed *ret, struct cmk_err *err)
{
	return push_manifest(p->push, text, len, type, ret, err);
}

static int registry_list(struct list_push *p, const char *text, size_t len, const char *type,
			 struct cmk_err *err)
{
	cleanup(pushed_done) struct pushed done = { 0 };

	push_call(p->push, &p->to);
	return push_manifest(p->push, text, len, type, &done, err);
}

static const struct target registry_target = {
	.image = registry_image,
	.blobs = registry_blobs,
	.manifest = registry_manifest,
	.list = registry_list,
};

static int begin_registry(struct list_push *p, const char *to, struct cmk_err *err)
{
	int r = image_ref_parse(to, &p->to, err);

	if (r == 0 && (!p->to.registry || p->to.digest))
		r = cmk_err_set(err, -EINVAL,
				"'%s' is no place for a list: REGISTRY/REPOSITORY[:TAG]", to);
	if (r == 0)
		r = push_begin(p->st, &p->to, &p->o, &p->push, err);
	if (r < 0)
		return r;
	p->target = &registry_target;
	p->source = push_sources(p->push);
	return 0;
}

/* --- to files --- */

static int files_image(struct list_push *p, const char *id, struct pushed *ret, struct cmk_err *err)
{
	return saver_image(push_files_saver(p->files), id, ret, err);
}

/* Splits "registry/repository@digest" or "registry/repository". */
static int open_source(struct list_push *p, const char *source, struct cmk_err *err)
{
	const char *slash = strchr(source, '/');
	cleanup_free char *registry = NULL, *repository = NULL;

	if (!slash)
		return cmk_err_set(err, -EINVAL, "'%.300s' is no repository", source);
	registry = xstrndup(source, (size_t)(slash - source));
	repository = xstrndup(slash + 1, strcspn(slash + 1, "@"));
	return push_source_open(p->source, &p->o, registry, repository,
				streq_null(registry, p->to.registry), err);
}

static int files_blob(struct list_push *p, const struct descriptor *d, char *const *sources,
		      struct cmk_err *err)
{
	struct saver *s = push_files_saver(p->files);
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_close int fd = -1;
	char digest[72];
	int r;

	progress_line(p->progress, "Copying blob %s", digest_str(&d->digest, digest));
	if (saver_has_blob(s, digest))
		return 0;
	fd = storage_blob_open(p->st, digest, d->size);
	r = fd < 0 ? cmk_err_kind(&mine, CMK_ERR_NOT_FOUND, -ENODATA,
				  "blob %s: it is neither here nor to be had where it was found",
				  digest)
		   : 0;
	for (; r < 0 && sources && *sources; sources++) {
		if (fd >= 0)
			(void)close(steal_fd(&fd));
		fd = storage_unnamed_file(p->st, err);
		if (fd < 0)
			return fd;
		r = open_source(p, *sources, &mine);
		if (r == 0)
			r = push_source_blob(p->source, digest, d->size, fd, &mine);
	}
	return r < 0 ? cmk_err_move(err, &mine) : saver_blob(s, digest, fd, d->size, err);
}

static int files_blobs(struct list_push *p, const struct manifest *m, char *const *sources,
		       struct cmk_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n_items; i++)
		r = files_blob(p, &m->items[i], sources, err);
	return r < 0 ? r : files_blob(p, &m->config, sources, err);
}

static int files_manifest(struct list_push *p, const char *text, size_t len, const char *type,
			  struct pushed *ret, struct cmk_err *err)
{
	return saver_manifest(push_files_saver(p->files), text, len, type, ret, err);
}

static int files_list(struct list_push *p, const char *text, size_t len, const char *type,
		      struct cmk_err *err)
{
	return saver_list(push_files_saver(p->files), push_files_name(p->files), text, len, type,
			  err);
}

static const struct target files_target = {
	.image = files_image,
	.blobs = files_blobs,
	.manifest = files_manifest,
	.list = files_list,
};

static int begin_files(struct list_push *p, const char *to, struct cmk_err *err)
{
	int r = push_files_begin(p->st, to, &p->o, &p->files, err);

	if (r < 0)
		return r;
	p->target = &files_target;
	p->source = &p->own;
	if (push_files_format(p->files) != PUSH_AS_IS)
		p->o.format = push_files_format(p->files);
	return 0;
}

/* --- an instance that is in a registry alone --- */

/* Its manifest, from the first of its sources that still has it. */
static int fetch_manifest(struct list_push *p, const struct list_instance *i, struct fetched *ret,
			  struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r = cmk_err_kind(&mine, CMK_ERR_NOT_FOUND, -ENOENT,
			     "it is not here, and where it was found is not known");
	struct digest got;

	for (char **s = i->sources; r < 0 && s && *s; s++) {
		r = open_source(p, *s, &mine);
		if (r == 0)
			r = client_fetch_text(p->source->client, PROTO_MANIFEST, i->digest, 0,
					      IMAGE_MANIFEST_MAX, ret, &mine);
		if (r == 0 && (r = receive_check_digest(ret, i->digest, &got, &mine)) < 0)
			fetched_done(ret);
	}
	return r < 0 ? cmk_err_move(err, &mine) : 0;
}

/* In the format that was asked for: the same blobs, called by its names. *RET NULL: as it is. */
static int convert(const struct list_push *p, const struct manifest *m, char **ret, size_t *ret_len,
		   const char **ret_type, struct cmk_err *err)
{
	enum compose_format format = p->o.format == PUSH_OCI ? COMPOSE_OCI : COMPOSE_DOCKER;
	const char *type = compose_manifest_type(format);
	cleanup_free struct image_layer_ref *refs = NULL;
	cleanup_free char *digests = NULL;
	int r;

	if (p->o.format == PUSH_AS_IS || streq(m->media_type, type))
		return 0;
	refs = xcalloc(m->n_items + 1, sizeof(*refs));
	digests = xcalloc(m->n_items + 1, 72);
	for (size_t i = 0; i < m->n_items; i++) {
		char *digest = digests + i * 72;

		(void)digest_str(&m->items[i].digest, digest);
		refs[i] = (struct image_layer_ref){ .diff_id = digest,
						    .blob = digest,
						    .blob_size = m->items[i].size,
						    .media_type = m->items[i].media_type };
		if (format == COMPOSE_DOCKER && str_has_suffix(m->items[i].media_type, "zstd"))
			return cmk_err_set(err, -EINVAL,
					   "docker's format has no layers by zstd: use oci");
	}
	r = compose_manifest(format, &m->config.digest, (size_t)m->config.size, refs, m->n_items,
			     ret, ret_len, err);
	if (r == 0)
		*ret_type = type;
	return r;
}

static int copy_manifest(struct list_push *p, const struct list_instance *i,
			 const struct fetched *f, struct pushed *ret, struct cmk_err *err)
{
	cleanup(manifest_done) struct manifest m = { 0 };
	cleanup_strv char **from = NULL;
	cleanup_free char *text = NULL;
	const char *type = NULL;
	size_t len = 0;
	int r = manifest_parse(f->text, f->len, i->media_type, &m, err);

	if (r == 0 && m.kind != MANIFEST_IMAGE)
		r = cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				 "a list as the instance of a list cannot be pushed");
	if (r < 0)
		return r;
	for (char **s = i->sources; s && *s; s++)
		strv_add_take(&from, xasprintf("%s@%s", *s, i->digest));
	r = p->target->blobs(p, &m, from, err);
	if (r == 0)
		r = convert(p, &m, &text, &len, &type, err);
	if (r < 0)
		return r;
	return text ? p->target->manifest(p, text, len, type, ret, err)
		    : p->target->manifest(p, f->text, f->len, m.media_type, ret, err);
}

static int copy_instance(struct list_push *p, const struct list_instance *i, struct pushed *ret,
			 struct cmk_err *err)
{
	cleanup(fetched_done) struct fetched f = { 0 };
	int r = fetch_manifest(p, i, &f, err);

	return r < 0 ? r : copy_manifest(p, i, &f, ret, err);
}

/* --- all --- */

/* What was compressed anew or is of another format is another manifest. */
static void note_pushed(struct list_instance *i, struct pushed *done)
{
	free(i->digest);
	free(i->media_type);
	i->digest = steal_ptr(&done->digest);
	i->media_type = steal_ptr(&done->type);
	i->size = done->size;
}

/* How an index says of an image that its layers are compressed by zstd; of others it says nothing
 * (containers/image). */
#define ZSTD_NOTE "io.github.containers.compression.zstd"

static bool is_zstd(enum layer_compression c)
{
	return c == LAYER_ZSTD || c == LAYER_ZSTD_CHUNKED;
}

static bool is_marked(const struct list_instance *i)
{
	return streq_null(strv_env_get(i->annotations, ZSTD_NOTE), "true");
}

static int push_one(struct list_push *p, size_t k, struct cmk_err *err)
{
	cleanup(pushed_done) struct pushed done = { 0 };
	struct list_instance *i = &p->list.items[k];
	const char *id = p->ids[k] = list_image_in(p->images, p->n_images, i);
	int r = id ? p->target->image(p, id, &done, err) : copy_instance(p, i, &done, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "instance %s", i->digest);
	note_pushed(i, &done);
	if (id && p->o.add_compression && p->o.force_compression && is_zstd(p->o.compression))
		strv_env_set(&i->annotations, ZSTD_NOTE "=true");
	return 0;
}

static bool same_platform(const struct list_platform *a, const struct list_platform *b)
{
	return streq_null(a->os, b->os) && streq_null(a->arch, b->arch) &&
	       streq_null(a->variant, b->variant) && streq_null(a->os_version, b->os_version);
}

static bool has_variant(const struct list *l, const struct list_platform *platform, bool zstd)
{
	for (size_t i = 0; i < l->n; i++)
		if (same_platform(&l->items[i].platform, platform) &&
		    is_marked(&l->items[i]) == zstd)
			return true;
	return false;
}

/* The image of the instance K once more, with its layers as P->o says now. */
static int push_variant(struct list_push *p, size_t k, struct cmk_err *err)
{
	cleanup(pushed_done) struct pushed done = { 0 };
	struct list_instance v = p->list.items[k];
	int r;

	progress_line(p->progress, "Copying image %s with layers by %s", v.digest,
		      layer_compression_name(p->o.compression));
	if (!p->ids[k]) {
		(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				   "--add-compression: instance %s is in a registry alone",
				   v.digest);
		if (v.sources)
			(void)cmk_err_hint(err, "cmk pull %s@%s first", v.sources[0], v.digest);
		return -EOPNOTSUPP;
	}
	r = p->target->image(p, p->ids[k], &done, err);
	if (r < 0 || list_instance_by_digest(&p->list, done.digest))
		return r;
	v.digest = done.digest;
	v.media_type = done.type;
	v.size = done.size;
	v.annotations = strv_dup(v.annotations);
	if (is_zstd(p->o.compression))
		strv_env_set(&v.annotations, ZSTD_NOTE "=true");
	r = list_append(&p->list, &v, err);
	(void)strv_free(v.annotations);
	return r;
}

/* Of the first N instances. */
static int push_variants(struct list_push *p, size_t n, struct cmk_err *err)
{
	int r = 0;

	for (unsigned int kind = 0; kind < LAYER_DETECT; kind++) {
		if (!(p->o.add_compression & 1U << kind))
			continue;
		if (p->o.compression != kind)
			p->o.level = -1;
		p->o.compression = (enum layer_compression)kind;
		p->o.compression_given = p->o.force_compression = true;
		if (p->files)
			push_files_compress(p->files, &p->o);
		for (size_t i = 0; r == 0 && i < n; i++)
			if (!has_variant(&p->list, &p->list.items[i].platform,
					 is_zstd(p->o.compression)))
				r = push_variant(p, i, err);
	}
	return r;
}

static int push_instances(struct list_push *p, struct cmk_err *err)
{
	size_t n = p->list.n;
	int r = storage_image_list(p->st, &p->images, &p->n_images, err);

	if (r < 0)
		return r;
	p->ids = xcalloc(n + 1, sizeof(*p->ids));
	progress_line(p->progress, "Copying %zu images generated from %zu images in list", n, n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		progress_line(p->progress, "Copying image %s (%zu/%zu)", p->list.items[i].digest,
			      i + 1, n);
		r = push_one(p, i, err);
	}
	return r < 0 ? r : push_variants(p, n, err);
}

static int push_list(struct list_push *p, char **ret_digest, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	struct digest digest;
	const char *type;
	size_t len = 0;
	char buf[72];
	int r = list_write(&p->list, p->o.format, &text, &len, &type, err);

	progress_line(p->progress, "Writing manifest list to image destination");
	if (r == 0)
		r = p->target->list(p, text, len, type, err);
	if (r < 0)
		return r;
	progress_line(p->progress, "Storing list signatures");
	digest_of(text, len, &digest);
	*ret_digest = xstrdup(digest_str(&digest, buf));
	return 0;
}

int image_list_push(struct storage *st, const char *id, const char *to, bool all,
		    const struct image_push_options *o, char **ret_digest, struct cmk_err *err)
{
	cleanup(list_push_done) struct list_push p = { .st = st, .o = *o };
	int r = list_load(st, id, &p.list, err);

	p.progress = progress_new(o->quiet);
	if (r == 0 && image_has_transport(to) && image_signing_any(&o->sign))
		r = push_signing_refused(to, err);
	if (r == 0)
		r = (image_has_transport(to) ? begin_files : begin_registry)(&p, to, err);
	if (r == 0 && all)
		r = push_instances(&p, err);
	if (r == 0)
		r = push_list(&p, ret_digest, err);
	if (p.files)
		r = push_files_end(p.files, r, err);
	return r < 0 ? cmk_err_wrap(err, r, "push '%s'", to) : 0;
}
