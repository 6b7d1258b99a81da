// SPDX-License-Identifier: Apache-2.0
/*
 * Images as archives and directories: docker-archive (docker's manifest.json, layers as they are),
 * OCI layouts (image-spec image-layout.md; layers by gzip), and containers-transports(5)' dir.
 */
#include "image/sink.h"

#include "image/compose.h"
#include "image/manifest.h"

#define DIR_VERSION "Directory Transport Version: 1.1\n"
#define OCI_LAYOUT "{\"imageLayoutVersion\": \"1.0.0\"}"
#define REF_NAME "org.opencontainers.image.ref.name"

struct saver {
	struct storage *st;
	const struct image_save_options *o;
	struct sink *sink;
	struct progress *progress;
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
	int r = storage_image_load(s->st, id, &ret->rec, err);

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

static int docker_image(struct saver *s, const struct image_save_item *item, struct json_writer *w,
			struct cmk_err *err)
{
	cleanup(source_done) struct source src = { 0 };
	cleanup_free char *config = xasprintf("%s.json", item->id);
	int r = source_load(s, item->id, &src, err);

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
	if (r < 0 || sink_has(s->sink, config))
		return r;
	progress_line(s->progress, "Copying config sha256:%s", item->id);
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

static char *blob_name(const struct saver *s, const char *digest)
{
	const char *hex = strchr(digest, ':') + 1;

	return s->o->format == SAVE_DOCKER_DIR ? xstrdup(hex) : xasprintf("blobs/sha256/%s", hex);
}

/* Compressed into an unnamed file first: its name is that of the result. */
static int compressed_layer(struct saver *s, const struct image_layer_ref *from,
			    struct image_layer_ref *ret, struct cmk_err *err)
{
	cleanup_close int fd = storage_unnamed_file(s->st, err);
	struct layer_stream stream = { .compression = LAYER_GZIP, .level = -1, .out_fd = fd };
	cleanup_free char *name = NULL;
	struct layer_result res;
	struct digest id;
	char buf[72];
	int r = fd < 0 ? fd : layer_id(from, &id, err);

	if (r < 0)
		return r;
	stream.diff_id = &id;
	r = storage_layer_stream(s->st, &stream, &res, err);
	if (r < 0)
		return r;
	ret->blob = xstrdup(digest_str(&res.blob_digest, buf));
	ret->blob_size = res.blob_size;
	ret->media_type = xstrdup("gzip");
	name = blob_name(s, ret->blob);
	return sink_has(s->sink, name) ? 0 : sink_put_fd(s->sink, name, fd, res.blob_size, err);
}

static int plain_layer(struct saver *s, const struct image_layer_ref *from,
		       struct image_layer_ref *ret, struct cmk_err *err)
{
	cleanup_free char *name = blob_name(s, from->diff_id);
	struct digest id;
	int r = layer_id(from, &id, err);

	if (r < 0)
		return r;
	ret->blob = xstrdup(from->diff_id);
	ret->blob_size = from->size;
	return sink_has(s->sink, name) ? 0
				       : sink_put_layer(s->sink, s->st, name, &id, from->size, err);
}

static int copy_layers(struct saver *s, const struct source *src, struct image_layer_ref *refs,
		       struct cmk_err *err)
{
	bool dir = s->o->format == SAVE_DOCKER_DIR;
	bool compress = dir ? s->o->compress : !s->o->uncompressed;
	int r = 0;

	for (size_t i = 0; r == 0 && i < src->rec.n_layers; i++) {
		progress_line(s->progress, "Copying blob %s", src->rec.layers[i].diff_id);
		refs[i].diff_id = xstrdup(src->rec.layers[i].diff_id);
		r = (compress ? compressed_layer : plain_layer)(s, &src->rec.layers[i], &refs[i],
								err);
	}
	return r;
}

static int put_config(struct saver *s, const struct source *src, struct cmk_err *err)
{
	cleanup_free char *digest = xasprintf("sha256:%s", src->rec.id);
	cleanup_free char *name = blob_name(s, digest);

	progress_line(s->progress, "Copying config %s", digest);
	return sink_put(s->sink, name, src->config, src->config_len, err);
}

static int put_index(struct saver *s, const char *name, const struct digest *manifest, size_t len,
		     struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	size_t text_len = 0;
	char buf[72];
	int r;

	json_write_object(&w, NULL);
	json_write_u64(&w, "schemaVersion", 2);
	json_write_array(&w, "manifests");
	json_write_object(&w, NULL);
	json_write_str(&w, "mediaType", compose_manifest_type(COMPOSE_OCI));
	json_write_str(&w, "digest", digest_str(manifest, buf));
	json_write_u64(&w, "size", len);
	if (name) {
		json_write_object(&w, "annotations");
		json_write_str(&w, REF_NAME, name);
		json_write_end(&w, '}');
	}
	json_write_end(&w, '}');
	json_write_end(&w, ']');
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &text, &text_len, err);
	if (r == 0)
		r = sink_put(s->sink, "index.json", text, text_len, err);
	return r < 0 ? r : sink_put(s->sink, "oci-layout", OCI_LAYOUT, strlen(OCI_LAYOUT), err);
}

static int put_manifest(struct saver *s, const struct image_save_item *item,
			const struct source *src, const struct image_layer_ref *refs,
			struct cmk_err *err)
{
	bool dir = s->o->format == SAVE_DOCKER_DIR;
	cleanup_free char *text = NULL, *name = NULL;
	struct digest config, manifest;
	size_t len = 0;
	char buf[72];
	int r = digest_parse_hex(src->rec.id, &config);

	if (r == 0)
		r = compose_manifest(dir ? COMPOSE_DOCKER : COMPOSE_OCI, &config, src->config_len,
				     refs, src->rec.n_layers, &text, &len, err);
	if (r < 0)
		return r;
	progress_line(s->progress, "Writing manifest to image destination");
	if (dir) {
		r = sink_put(s->sink, "manifest.json", text, len, err);
		return r < 0 ? r
			     : sink_put(s->sink, "version", DIR_VERSION, strlen(DIR_VERSION), err);
	}
	digest_of(text, len, &manifest);
	name = blob_name(s, digest_str(&manifest, buf));
	r = sink_put(s->sink, name, text, len, err);
	return r < 0 ? r : put_index(s, item->names ? item->names[0] : NULL, &manifest, len, err);
}

static int layout(struct saver *s, const struct image_save_item *item, struct cmk_err *err)
{
	cleanup(source_done) struct source src = { 0 };
	struct image_layer_ref *refs = NULL;
	int r = source_load(s, item->id, &src, err);

	if (r < 0)
		return r;
	refs = xcalloc(src.rec.n_layers + 1, sizeof(*refs));
	if (s->o->format != SAVE_DOCKER_DIR)
		r = sink_put_dir(s->sink, "blobs/", err);
	if (r == 0 && s->o->format != SAVE_DOCKER_DIR)
		r = sink_put_dir(s->sink, "blobs/sha256/", err);
	if (r == 0)
		r = copy_layers(s, &src, refs, err);
	if (r == 0)
		r = put_config(s, &src, err);
	if (r == 0)
		r = put_manifest(s, item, &src, refs, err);
	for (size_t i = 0; i < src.rec.n_layers; i++)
		compose_layer_done(&refs[i]);
	free(refs);
	return r;
}

int image_save(struct storage *st, const struct image_save_item *items, size_t n,
	       const struct image_save_options *o, struct cmk_err *err)
{
	cleanup_progress struct progress *progress = progress_new(o->quiet);
	struct saver s = { .st = st, .o = o, .progress = progress };
	int r;

	s.sink = sink_new(o->fd, o->dir_fd);
	if (o->format == SAVE_DOCKER_ARCHIVE)
		r = docker_archive(&s, items, n, err);
	else
		r = layout(&s, &items[0], err);
	if (r == 0)
		r = sink_finish(s.sink, err);
	sink_free(s.sink);
	return r;
}
