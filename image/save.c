// SPDX-License-Identifier: Apache-2.0
/*
 * Images as archives and directories: docker-archive (docker's manifest.json, layers as they are),
 * OCI layouts (image-spec image-layout.md; layers by gzip), and containers-transports(5)' dir.
 */
#include "image/save.h"

#include "base/file.h"
#include "image/bundle.h"
#include "image/compose.h"
#include "image/manifest.h"
#include "image/sink.h"
#include "image/verify.h"

#define DIR_VERSION "Directory Transport Version: 1.1\n"
#define OCI_LAYOUT "{\"imageLayoutVersion\": \"1.0.0\"}"

struct saver {
	struct storage *st;
	const struct save_plan *plan;
	struct sink *sink;
	struct progress *progress;
	char *digest; /* of the last manifest */
};

/* One image, loaded. */
struct source {
	struct image_record rec;
	char *config;
	size_t config_len;
};

static void source_done(struct source *s)
{
	image_record_done(&s->rec);
	free(s->config);
}

static int source_load(struct saver *s, const char *id, struct source *ret, struct cmk_err *err)
{
	int r = image_settle(s->st, id, err);

	if (r == 0)
		r = storage_image_load(s->st, id, &ret->rec, err);
	if (r == 0)
		r = storage_image_config(s->st, id, &ret->config, &ret->config_len, err);
	return r;
}

static int layer_id(const struct image_layer_ref *l, struct digest *ret, struct cmk_err *err)
{
	return digest_parse(l->diff_id, ret, err);
}

/* --- docker-archive --- */

static int docker_layer(struct saver *s, const struct image_layer_ref *l, struct json_writer *w,
			struct cmk_err *err)
{
	cleanup_free char *name = NULL;
	struct digest id;
	int r = layer_id(l, &id, err);

	if (r < 0)
		return r;
	name = xasprintf("%s.tar", id.hex);
	json_write_str(w, NULL, name);
	if (sink_has(s->sink, name))
		return 0;
	progress_line(s->progress, "Copying blob %s", l->diff_id);
	return sink_put_layer(s->sink, s->st, name, &id, l->size, err);
}

/* What it is where somebody loads it. */
static int docker_digest(struct saver *s, const struct source *src, struct cmk_err *err)
{
	size_t n = src->rec.n_layers;
	cleanup_free struct digest *diff_ids = xcalloc(n + 1, sizeof(*diff_ids));
	cleanup_free uint64_t *sizes = xcalloc(n + 1, sizeof(*sizes));
	struct fetched text = { 0 };
	struct digest d;
	char buf[72];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = layer_id(&src->rec.layers[i], &diff_ids[i], err);
		sizes[i] = src->rec.layers[i].size;
	}
	if (r < 0)
		return r;
	digest_of(src->config, src->config_len, &d);
	r = docker_manifest_write(&d, src->config_len, diff_ids, sizes, n, &text, err);
	if (r < 0)
		return r;
	digest_of(text.text, text.len, &d);
	free(s->digest);
	s->digest = xstrdup(digest_str(&d, buf));
	fetched_done(&text);
	return 0;
}

static int docker_image(struct saver *s, const struct image_save_item *item, struct json_writer *w,
			struct cmk_err *err)
{
	cleanup(source_done) struct source src = { 0 };
	cleanup_free char *config = NULL;
	char digest[72];
	int r = source_load(s, item->id, &src, err);

	if (r < 0)
		return r;
	(void)storage_image_config_digest(&src.rec, digest);
	config = xasprintf("%s.json", digest + strlen("sha256:"));
	json_write_object(w, NULL);
	json_write_str(w, "Config", config);
	json_write_array(w, "RepoTags");
	for (char *const *n = item->names; n && *n; n++)
		json_write_str(w, NULL, *n);
	json_write_end(w, ']');
	json_write_array(w, "Layers");
	for (size_t i = 0; r == 0 && i < src.rec.n_layers; i++)
		r = docker_layer(s, &src.rec.layers[i], w, err);
	json_write_end(w, ']');
	json_write_end(w, '}');
	if (r == 0)
		r = docker_digest(s, &src, err);
	if (r < 0 || sink_has(s->sink, config))
		return r;
	progress_line(s->progress, "Copying config %s", digest);
	return sink_put(s->sink, config, src.config, src.config_len, err);
}

/* The file of docker before 1.10: {"NAME": {"TAG": "LAYER"}}. Readers that know both take
 * manifest.json. */
static int docker_archive(struct saver *s, const struct image_save_item *items, size_t n,
			  struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = 0, w_r;

	json_write_array(&w, NULL);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = docker_image(s, &items[i], &w, err);
	json_write_end(&w, ']');
	w_r = json_writer_finish(&w, &text, &len, err);
	r = r < 0 ? r : w_r;
	if (r < 0)
		return r;
	progress_line(s->progress, "Writing manifest to image destination");
	return sink_put(s->sink, "manifest.json", text, len, err);
}

/* --- layouts with digests as names --- */

static bool is_dir(const struct saver *s)
{
	return s->plan->format == SAVE_DOCKER_DIR;
}

static char *blob_name(const struct saver *s, const char *digest)
{
	const char *hex = strchr(digest, ':') + 1;

	return is_dir(s) ? xstrdup(hex) : xasprintf("blobs/sha256/%s", hex);
}

/* Compressed into an unnamed file first: its name is that of the result. */
static int compressed_layer(struct saver *s, const struct image_layer_ref *from,
			    struct image_layer_ref *ret, struct cmk_err *err)
{
	cleanup_free char *name = NULL;
	cleanup_close int fd = -1;
	int r = compose_compressed(s->st, from, s->plan->compression, s->plan->level, ret, &fd,
				   err);

	if (r < 0)
		return r;
	name = blob_name(s, ret->blob);
	return sink_has(s->sink, name) ? 0 : sink_put_fd(s->sink, name, fd, ret->blob_size, err);
}

static int plain_layer(struct saver *s, const struct image_layer_ref *from,
		       struct image_layer_ref *ret, struct cmk_err *err)
{
	cleanup_free char *name = blob_name(s, from->diff_id);
	struct digest id;
	int r = layer_id(from, &id, err);

	if (r < 0)
		return r;
	*ret = (struct image_layer_ref){
		.diff_id = xstrdup(from->diff_id),
		.blob = xstrdup(from->diff_id),
		.blob_size = from->size,
		.size = from->size,
	};
	return sink_has(s->sink, name) ? 0
				       : sink_put_layer(s->sink, s->st, name, &id, from->size, err);
}

/* 1 where the layer's blob was kept, and has been written. */
static int kept_layer(struct saver *s, const struct image_layer_ref *from,
		      struct image_layer_ref *ret, struct cmk_err *err)
{
	cleanup_free char *name = NULL;
	cleanup_close int fd = -1;
	int r;

	if (!s->plan->kept || !compose_came_compressed(from) ||
	    (s->plan->recompress && compose_compression(from->media_type) != s->plan->compression))
		return 0;
	fd = storage_blob_open(s->st, from->blob, from->blob_size);
	if (fd < 0)
		return 0;
	compose_layer_same(ret, from);
	name = blob_name(s, from->blob);
	if (sink_has(s->sink, name))
		return 1;
	r = sink_put_fd(s->sink, name, fd, from->blob_size, err);
	return r < 0 ? r : 1;
}

static int copy_layers(struct saver *s, const struct source *src, struct image_layer_ref *refs,
		       struct cmk_err *err)
{
	bool compress = s->plan->compression != LAYER_TAR;
	int r = 0;

	for (size_t i = 0; r == 0 && i < src->rec.n_layers; i++) {
		progress_line(s->progress, "Copying blob %s", src->rec.layers[i].diff_id);
		r = kept_layer(s, &src->rec.layers[i], &refs[i], err);
		if (r == 0)
			r = (compress ? compressed_layer : plain_layer)(s, &src->rec.layers[i],
									&refs[i], err);
		r = MIN(r, 0);
	}
	return r;
}

static int put_config(struct saver *s, const struct source *src, struct cmk_err *err)
{
	char digest[72];
	cleanup_free char *name = blob_name(s, storage_image_config_digest(&src->rec, digest));

	if (sink_has(s->sink, name))
		return 0;
	progress_line(s->progress, "Copying config %s", digest);
	return sink_put(s->sink, name, src->config, src->config_len, err);
}

/* The index that lies in the directory; *RET is NULL where there is none. */
static int old_index(const struct saver *s, char **ret, size_t *ret_len, struct cmk_err *err)
{
	cleanup_free char *layout = NULL;
	size_t len = 0;
	int r;

	if (s->plan->format != SAVE_OCI_DIR)
		return 0;
	r = file_read_at(s->plan->dir_fd, "oci-layout", 4096, &layout, &len, NULL);
	if (r == 0)
		r = oci_layout_check(layout, len, err);
	if (r < 0 && r != -ENOENT)
		return cmk_err_wrap(err, r, "oci-layout");
	if (faccessat(s->plan->dir_fd, "index.json", F_OK, 0) < 0)
		return 0;
	return file_read_at(s->plan->dir_fd, "index.json", IMAGE_MANIFEST_MAX, ret, ret_len, err);
}

static int put_index(struct saver *s, const struct save_entry *entry, struct cmk_err *err)
{
	cleanup_free char *old = NULL, *text = NULL;
	size_t old_len = 0, text_len = 0;
	int r = old_index(s, &old, &old_len, err);

	if (r == 0)
		r = save_index(old, old_len, entry, &text, &text_len, err);
	if (r == 0)
		r = sink_put(s->sink, "oci-layout", OCI_LAYOUT, strlen(OCI_LAYOUT), err);
	return r < 0 ? r : sink_put(s->sink, "index.json", text, text_len, err);
}

/* What an image before this one has left in a directory of dir:. */
static bool is_of_dir(const char *name)
{
	struct digest d;

	return digest_parse_hex(name, &d) == 0 || str_after(name, "signature-") ||
	       str_has_suffix(name, ".manifest.json");
}

/* A manifest, or a list of them: that of the one that is saved, which NAME (may be NULL) is. */
static int put_top(struct saver *s, const char *name, const char *text, size_t len,
		   const char *type, struct cmk_err *err)
{
	struct save_entry entry = { .name = name, .type = type, .len = len };
	cleanup_free char *file = NULL;
	char buf[72];
	int r;

	progress_line(s->progress, "Writing manifest to image destination");
	digest_of(text, len, &entry.digest);
	free(s->digest);
	s->digest = xstrdup(digest_str(&entry.digest, buf));
	if (is_dir(s)) {
		r = sink_put(s->sink, "manifest.json", text, len, err);
		return r < 0 ? r : sink_drop_others(s->sink, is_of_dir, err);
	}
	file = blob_name(s, buf);
	r = sink_put(s->sink, file, text, len, err);
	return r < 0 ? r : put_index(s, &entry, err);
}

static int begin_layout(struct saver *s, struct cmk_err *err)
{
	int r = sink_drop_unfinished(s->sink, ".", err);

	/* First: by it the next push knows what one that was killed has left. */
	if (r == 0 && is_dir(s))
		return sink_put(s->sink, "version", DIR_VERSION, strlen(DIR_VERSION), err);
	if (r < 0)
		return r;
	r = sink_drop_unfinished(s->sink, "blobs/sha256", err);
	if (r == 0)
		r = sink_put_dir(s->sink, "blobs/", err);
	return r < 0 ? r : sink_put_dir(s->sink, "blobs/sha256/", err);
}

/* All of the image but its manifest. */
static int put_image(struct saver *s, const char *id, char **ret, size_t *ret_len,
		     const char **ret_type, struct cmk_err *err)
{
	cleanup(source_done) struct source src = { 0 };
	struct image_layer_ref *refs = NULL;
	int r = source_load(s, id, &src, err);

	if (r < 0)
		return r;
	refs = xcalloc(src.rec.n_layers + 1, sizeof(*refs));
	r = copy_layers(s, &src, refs, err);
	if (r == 0)
		r = put_config(s, &src, err);
	if (r == 0)
		r = compose_again(s->st, &src.rec, refs, src.config_len,
				  is_dir(s) ? s->plan->manifest : PUSH_OCI, ret, ret_len, ret_type,
				  err);
	for (size_t i = 0; i < src.rec.n_layers; i++)
		compose_layer_done(&refs[i]);
	free(refs);
	return r;
}

static int layout(struct saver *s, const struct image_save_item *item, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	const char *type;
	size_t len = 0;
	int r = begin_layout(s, err);

	if (r == 0)
		r = put_image(s, item->id, &text, &len, &type, err);
	return r < 0 ? r : put_top(s, item->names ? item->names[0] : NULL, text, len, type, err);
}

static struct saver *new_saver(struct storage *st, const struct save_plan *plan)
{
	struct saver *s = xcalloc(1, sizeof(*s));

	*s = (struct saver){
		.st = st,
		.plan = plan,
		.progress = progress_new(plan->quiet),
		.sink = sink_new(plan->fd, plan->dir_fd),
	};
	return s;
}

void saver_free(struct saver *s)
{
	if (!s)
		return;
	sink_free(s->sink);
	progress_free(s->progress);
	free(s->digest);
	free(s);
}

int save_images(struct storage *st, const struct image_save_item *items, size_t n,
		const struct save_plan *plan, char **ret_digest, struct cmk_err *err)
{
	struct saver *s = new_saver(st, plan);
	int r;

	if (plan->format == SAVE_DOCKER_ARCHIVE)
		r = docker_archive(s, items, n, err);
	else
		r = layout(s, &items[0], err);
	if (r == 0)
		r = sink_finish(s->sink, err);
	if (r == 0 && ret_digest)
		*ret_digest = steal_ptr(&s->digest);
	saver_free(s);
	return r;
}

/* --- lists --- */

int saver_new(struct storage *st, const struct save_plan *plan, struct saver **ret,
	      struct cmk_err *err)
{
	struct saver *s = new_saver(st, plan);
	int r = begin_layout(s, err);

	if (r < 0)
		saver_free(s);
	else
		*ret = s;
	return r;
}

int saver_manifest(struct saver *s, const char *text, size_t len, const char *type,
		   struct pushed *ret, struct cmk_err *err)
{
	cleanup_free char *name = NULL;
	struct digest d;
	char buf[72];
	int r;

	digest_of(text, len, &d);
	(void)digest_str(&d, buf);
	name = is_dir(s) ? xasprintf("%s.manifest.json", d.hex) : blob_name(s, buf);
	r = sink_has(s->sink, name) ? 0 : sink_put(s->sink, name, text, len, err);
	if (r == 0)
		*ret = (struct pushed){ .digest = xstrdup(buf),
					.type = xstrdup(type),
					.size = len };
	return r;
}

int saver_image(struct saver *s, const char *id, struct pushed *ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	const char *type;
	size_t len = 0;
	int r = put_image(s, id, &text, &len, &type, err);

	return r < 0 ? r : saver_manifest(s, text, len, type, ret, err);
}

bool saver_has_blob(struct saver *s, const char *digest)
{
	cleanup_free char *name = blob_name(s, digest);

	return sink_has(s->sink, name);
}

int saver_blob(struct saver *s, const char *digest, int fd, uint64_t size, struct cmk_err *err)
{
	cleanup_free char *name = blob_name(s, digest);

	return sink_put_fd(s->sink, name, fd, size, err);
}

int saver_list(struct saver *s, const char *name, const char *text, size_t len, const char *type,
	       struct cmk_err *err)
{
	int r = put_top(s, name, text, len, type, err);

	return r < 0 ? r : sink_finish(s->sink, err);
}

/* --- save --- */

int image_save(struct storage *st, const struct image_save_item *items, size_t n,
	       const struct image_save_options *o, struct cmk_err *err)
{
	bool compress = o->format == SAVE_DOCKER_DIR ? o->compress : !o->uncompressed;
	const struct save_plan plan = {
		.format = o->format,
		.compression = compress ? LAYER_GZIP : LAYER_TAR,
		.level = -1,
		.manifest = PUSH_DOCKER,
		.quiet = o->quiet,
		.fd = o->fd,
		.dir_fd = o->dir_fd,
	};
	int r = o->signature_policy
			? verify_unsigned(o->signature_policy, "containers-storage", err)
			: 0;

	return r < 0 ? r : save_images(st, items, n, &plan, NULL, err);
}
