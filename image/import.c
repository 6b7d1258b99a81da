// SPDX-License-Identifier: Apache-2.0
/* A one-layer image from a tar stream. */
#include <time.h>

#include "image/changes.h"
#include "image/manifest.h"

#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"
#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

static char *now_rfc3339(void)
{
	struct timespec ts;
	struct tm tm;
	char buf[32];

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)gmtime_r(&ts.tv_sec, &tm);
	(void)strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%S", &tm);
	return xasprintf("%s.%09ldZ", buf, ts.tv_nsec);
}

static int start_config(const struct image_import_options *o, struct image_config *cfg,
			struct cmk_err *err)
{
	struct image_platform p = { 0 };
	struct platform host;
	int r;

	r = image_platform_parse(NULL, o->os, o->arch, o->variant, &p, err);
	if (r < 0)
		return r;
	platform_host(&host);
	cfg->os = xstrdup(p.os ? p.os : host.os);
	cfg->variant = xstrdup_null(p.variant ? p.variant : p.arch ? NULL : host.variant);
	cfg->architecture = xstrdup(p.arch ? p.arch : host.arch);
	image_platform_done(&p);
	cfg->created = now_rfc3339();
	for (char *const *c = o->changes; c && *c; c++) {
		r = change_apply(*c, cfg, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void write_descriptor(struct json_writer *w, const char *key, const char *type,
			     const struct digest *digest, uint64_t size)
{
	char buf[72];

	json_write_object(w, key);
	json_write_str(w, "mediaType", type);
	json_write_str(w, "digest", digest_str(digest, buf));
	json_write_u64(w, "size", size);
	json_write_end(w, '}');
}

/* The layer is the uncompressed tar, which the storage can make again byte by byte. */
static int write_manifest(const struct digest *config, size_t config_len,
			  const struct layer_result *layer, char **ret, size_t *ret_len,
			  struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;

	json_write_object(&w, NULL);
	json_write_u64(&w, "schemaVersion", 2);
	json_write_str(&w, "mediaType", MANIFEST_TYPE);
	write_descriptor(&w, "config", CONFIG_TYPE, config, config_len);
	json_write_array(&w, "layers");
	write_descriptor(&w, NULL, LAYER_TYPE, &layer->diff_id, layer->size);
	json_write_end(&w, ']');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

static int put(struct storage *st, const struct image_config *cfg, const struct layer_result *layer,
	       const char *comment, char **ret_id, struct cmk_err *err)
{
	cleanup_free char *config = NULL, *manifest = NULL;
	size_t config_len = 0, manifest_len = 0;
	struct digest id, manifest_digest;
	char diff_id[72], buf[72];
	struct image_layer_ref ref = {
		.diff_id = diff_id,
		.blob = diff_id,
		.media_type = (char *)LAYER_TYPE,
		.blob_size = layer->size,
		.size = layer->size,
	};
	char *digests[] = { buf, NULL };
	struct image_record rec = {
		.manifest_digest = buf,
		.manifest_type = (char *)MANIFEST_TYPE,
		.digests = digests,
		.created = cfg->created,
		.architecture = cfg->architecture,
		.os = cfg->os,
		.variant = cfg->variant,
		.size = layer->size,
		.layers = &ref,
		.n_layers = 1,
	};
	int r;

	r = config_write(cfg, "cmk import", comment, &config, &config_len, err);
	if (r < 0)
		return r;
	digest_of(config, config_len, &id);
	r = write_manifest(&id, config_len, layer, &manifest, &manifest_len, err);
	if (r < 0)
		return r;
	digest_of(manifest, manifest_len, &manifest_digest);
	(void)digest_str(&manifest_digest, buf);
	(void)digest_str(&layer->diff_id, diff_id);
	rec.id = id.hex;
	r = storage_image_put(st, &rec, manifest, manifest_len, config, config_len, err);
	if (r == 0)
		*ret_id = xstrdup(id.hex);
	return r;
}

int image_import(struct storage *st, int tar_fd, const char *name,
		 const struct image_import_options *o, char **ret_id, struct cmk_err *err)
{
	struct layer_unpack u = { .in_fd = tar_fd, .compression = LAYER_DETECT };
	cleanup_free char *full = NULL, *id = NULL;
	struct image_config cfg = { 0 };
	struct layer_result layer = { 0 };
	char buf[72];
	int r;

	/* All that can be wrong with the words comes before the work. */
	r = name ? image_new_name(name, &full, err) : 0;
	if (r == 0)
		r = start_config(o, &cfg, err);
	if (r == 0)
		r = storage_layer_unpack(st, &u, &layer, err);
	if (r >= 0) {
		strv_add(&cfg.diff_ids, digest_str(&layer.diff_id, buf));
		r = put(st, &cfg, &layer, o->message ? o->message : "imported from a tar file", &id,
			err);
	}
	image_config_done(&cfg);
	if (r >= 0 && full)
		r = storage_name_set(st, full, id, err);
	if (r < 0)
		return r;
	*ret_id = steal_ptr(&id);
	return 0;
}
