// SPDX-License-Identifier: Apache-2.0
#include "image/compose.h"

#include "image/changes.h"

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

void compose_layer_done(struct image_layer_ref *ref)
{
	free(ref->diff_id);
	free(ref->blob);
	free(ref->media_type);
	*ref = (struct image_layer_ref){ 0 };
}

/* The layer's type in FORMAT: that of the blob as it is, by its compression. Docker's has no zstd.
 */
static char *layer_type(const struct image_layer_ref *l, const struct format *f)
{
	const char *type = l->media_type ? l->media_type : "";
	bool gzip = str_has_suffix(type, "gzip"), zstd = str_has_suffix(type, "+zstd");

	if (f == &formats[COMPOSE_DOCKER])
		return xasprintf("%s%s", f->layer, gzip ? ".gzip" : zstd ? ".zstd" : "");
	return xasprintf("%s%s", f->layer, gzip ? "+gzip" : zstd ? "+zstd" : "");
}

static void write_descriptor(struct json_writer *w, const char *key, const char *type,
			     const char *digest, uint64_t size)
{
	json_write_object(w, key);
	json_write_str(w, "mediaType", type);
	json_write_str(w, "digest", digest);
	json_write_u64(w, "size", size);
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
	write_descriptor(&w, "config", f->config, digest_str(config, buf), config_len);
	json_write_array(&w, "layers");
	for (size_t i = 0; i < n; i++) {
		cleanup_free char *type = layer_type(&layers[i], f);
		bool known = layers[i].blob && *layers[i].blob;

		write_descriptor(&w, NULL, type, known ? layers[i].blob : layers[i].diff_id,
				 known ? layers[i].blob_size : layers[i].size);
	}
	json_write_end(&w, ']');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
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
	};
	int r;

	for (size_t i = 0; i < n_layers; i++)
		rec.size += layers[i].size;
	r = config_write(cfg, created_by, comment, &config, &config_len, err);
	if (r < 0)
		return r;
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
