// SPDX-License-Identifier: Apache-2.0
#include "image/compose.h"

#include "image/changes.h"
#include "image/chunked.h"

#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"

/* How a format calls things (image-spec media-types.md#compatibility-matrix). */
struct format {
	const char *manifest, *config, *layer;
};

static const struct format formats[] = {
	[COMPOSE_OCI] = { "application/vnd.oci.image.manifest.v1+json",
			  "application/vnd.oci.image.config.v1+json", OCI_LAYER },
	[COMPOSE_DOCKER] = { "application/vnd.docker.distribution.manifest.v2+json",
			     "application/vnd.docker.container.image.v1+json", DOCKER_LAYER },
};

const char *compose_manifest_type(enum compose_format format)
{
	return formats[format].manifest;
}

void compose_layer(struct image_layer_ref *ref, const struct layer_result *layer)
{
	char buf[72];

	*ref = (struct image_layer_ref){
		.diff_id = xstrdup(digest_str(&layer->diff_id, buf)),
		.blob = xstrdup(buf),
		.media_type = xstrdup(OCI_LAYER),
		.blob_size = layer->size,
		.size = layer->size,
	};
}

void compose_layer_settled(struct image_layer_ref *ref, const struct layer_result *layer)
{
	struct image_layer_ref now;

	compose_layer(&now, layer);
	now.notes = steal_ptr(&ref->notes);
	compose_layer_done(ref);
	*ref = now;
}

void compose_layer_done(struct image_layer_ref *ref)
{
	free(ref->diff_id);
	free(ref->blob);
	free(ref->media_type);
	ref->notes = strv_free(ref->notes);
	*ref = (struct image_layer_ref){ 0 };
}

enum layer_compression compose_compression(const char *media_type)
{
	const char *type = media_type ? media_type : "";

	return str_has_suffix(type, "gzip")   ? LAYER_GZIP
	       : str_has_suffix(type, "zstd") ? LAYER_ZSTD
					      : LAYER_TAR;
}

/* The layer's type in FORMAT: that of the blob as it is, by its compression. Docker's has no zstd.
 */
static char *layer_type(const struct image_layer_ref *l, const struct format *f)
{
	static const char *const endings[] = {
		[LAYER_TAR] = "", [LAYER_GZIP] = "gzip", [LAYER_ZSTD] = "zstd"
	};
	const char *ending = endings[compose_compression(l->media_type)];
	const char *sep = !*ending ? "" : f == &formats[COMPOSE_DOCKER] ? "." : "+";

	return xasprintf("%s%s%s", f->layer, sep, ending);
}

static void write_descriptor(struct json_writer *w, const char *key, const char *type,
			     const char *digest, uint64_t size, char *const *notes)
{
	json_write_object(w, key);
	json_write_str(w, "mediaType", type);
	json_write_str(w, "digest", digest);
	json_write_u64(w, "size", size);
	if (notes)
		json_write_map(w, "annotations", notes);
	json_write_end(w, '}');
}

int compose_manifest(enum compose_format format, const struct digest *config, size_t config_len,
		     const struct image_layer_ref *layers, size_t n, char **ret, size_t *ret_len,
		     struct cmk_err *err)
{
	const struct format *f = &formats[format];
	struct json_writer w = JSON_WRITER_INIT;
	char buf[72];

	json_write_object(&w, NULL);
	json_write_u64(&w, "schemaVersion", 2);
	json_write_str(&w, "mediaType", f->manifest);
	write_descriptor(&w, "config", f->config, digest_str(config, buf), config_len, NULL);
	json_write_array(&w, "layers");
	for (size_t i = 0; i < n; i++) {
		cleanup_free char *type = layer_type(&layers[i], f);
		bool known = layers[i].blob && *layers[i].blob;

		write_descriptor(&w, NULL, type, known ? layers[i].blob : layers[i].diff_id,
				 known ? layers[i].blob_size : layers[i].size, layers[i].notes);
	}
	json_write_end(&w, ']');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

bool compose_came_compressed(const struct image_layer_ref *l)
{
	return compose_compression(l->media_type) != LAYER_TAR && l->blob && *l->blob &&
	       !streq(l->blob, l->diff_id);
}

void compose_layer_same(struct image_layer_ref *ret, const struct image_layer_ref *l)
{
	*ret = (struct image_layer_ref){
		.diff_id = xstrdup(l->diff_id),
		.blob = xstrdup(l->blob),
		.media_type = xstrdup_null(l->media_type),
		.blob_size = l->blob_size,
		.size = l->size,
	};
}

int compose_compressed(struct storage *st, const struct image_layer_ref *l,
		       enum layer_compression compression, int level, struct image_layer_ref *ret,
		       int *ret_fd, struct cmk_err *err)
{
	cleanup_close int fd = storage_unnamed_file(st, err);
	struct layer_stream stream = { .compression = compression, .level = level, .out_fd = fd };
	struct layer_result res;
	struct digest id;
	char buf[72];
	int r = fd < 0 ? fd : digest_parse(l->diff_id, &id, err);

	if (r < 0)
		return r;
	stream.diff_id = &id;
	r = storage_layer_stream(st, &stream, &res, err);
	if (r < 0)
		return r;
	*ret = (struct image_layer_ref){
		.diff_id = xstrdup(l->diff_id),
		.blob = xstrdup(digest_str(&res.blob_digest, buf)),
		.media_type = xstrdup(compression == LAYER_GZIP	 ? "gzip"
				      : compression == LAYER_TAR ? "tar"
								 : "zstd"),
		.blob_size = res.blob_size,
		.size = res.size,
		.notes = chunked_notes(&res.toc),
	};
	*ret_fd = steal_fd(&fd);
	return 0;
}

static bool is_same_blob(const struct image_layer_ref *a, const struct image_layer_ref *b)
{
	return streq_null(a->blob, b->blob) &&
	       compose_compression(a->media_type) == compose_compression(b->media_type);
}

int compose_again(struct storage *st, const struct image_record *rec,
		  const struct image_layer_ref *refs, size_t config_len,
		  enum image_push_format format, char **ret, size_t *ret_len, const char **ret_type,
		  struct cmk_err *err)
{
	bool docker = rec->manifest_type && strstr(rec->manifest_type, "docker"), same = true;
	enum compose_format f = docker ? COMPOSE_DOCKER : COMPOSE_OCI;
	struct digest config;
	char buf[72];
	int r;

	for (size_t i = 0; i < rec->n_layers; i++) {
		same &= is_same_blob(&rec->layers[i], &refs[i]);
		/* Docker's has no layers by zstd. */
		if (compose_compression(refs[i].media_type) == LAYER_ZSTD)
			f = COMPOSE_OCI;
	}
	if (format != PUSH_AS_IS)
		f = format == PUSH_OCI ? COMPOSE_OCI : COMPOSE_DOCKER;
	*ret_type = compose_manifest_type(f);
	if (same && streq_null(rec->manifest_type, *ret_type))
		return storage_image_manifest(st, rec->id, ret, ret_len, err);
	r = digest_parse(storage_image_config_digest(rec, buf), &config, err);
	return r < 0 ? cmk_err_wrap(err, r, "image '%.12s'", rec->id)
		     : compose_manifest(f, &config, config_len, refs, rec->n_layers, ret, ret_len,
					err);
}

static bool any_pending(const struct image_layer_ref *layers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (layers[i].pending)
			return true;
	return false;
}

int compose_image(struct storage *st, const struct image_config *cfg,
		  const struct image_layer_ref *layers, size_t n_layers, enum compose_format format,
		  const char *created_by, const char *comment, char **ret_id, struct cmk_err *err)
{
	const struct format *f = &formats[format];
	cleanup_free char *config = NULL, *manifest = NULL;
	size_t config_len = 0, manifest_len = 0;
	struct digest id, manifest_digest;
	char buf[72];
	char *digests[] = { buf, NULL };
	struct image_record rec = {
		.id = id.hex,
		.manifest_digest = buf,
		.manifest_type = (char *)(uintptr_t)f->manifest,
		.digests = digests,
		.created = cfg->created,
		.architecture = cfg->architecture,
		.os = cfg->os,
		.variant = cfg->variant,
		.layers = (struct image_layer_ref *)(uintptr_t)layers,
		.n_layers = n_layers,
		.pending = any_pending(layers, n_layers),
	};
	int r;

	for (size_t i = 0; i < n_layers; i++)
		rec.size += layers[i].size;
	r = config_write(cfg, created_by, comment, &config, &config_len, err);
	if (r < 0)
		return r;
	if (rec.pending) {
		digest_draw(&id);
		rec.manifest_digest = NULL;
		rec.digests = NULL;
		r = storage_image_put(st, &rec, NULL, 0, config, config_len, err);
		if (r == 0)
			*ret_id = xstrdup(id.hex);
		return r;
	}
	digest_of(config, config_len, &id);
	r = compose_manifest(format, &id, config_len, layers, n_layers, &manifest, &manifest_len,
			     err);
	if (r < 0)
		return r;
	digest_of(manifest, manifest_len, &manifest_digest);
	(void)digest_str(&manifest_digest, buf);
	r = storage_image_put(st, &rec, manifest, manifest_len, config, config_len, err);
	if (r == 0)
		*ret_id = xstrdup(id.hex);
	return r;
}
