// SPDX-License-Identifier: Apache-2.0
/*
 * Pending images, of layers that have no diff ID yet, become what others can be told of: layers
 * first, each for good, then config, manifest and record at once. Killed on the way, the image is
 * still pending, and the next one finds the layers that are done.
 */
#include "image/compose.h"

static int settle_layers(struct storage *st, struct image_record *rec, struct cmk_err *err)
{
	rec->size = 0;
	for (size_t i = 0; i < rec->n_layers; i++) {
		struct image_layer_ref *l = &rec->layers[i];
		struct layer_result res;

		if (l->pending) {
			int r = storage_layer_settle(st, l->diff_id, &res, err);

			if (r < 0)
				return r;
			compose_layer_settled(l, &res);
		}
		rec->size += l->size;
	}
	return 0;
}

/* A name that was drawn stands for nothing else, and is as long as a diff ID. */
static int put_diff_ids(char *text, size_t len, char *const *names, const struct image_record *rec,
			struct cmk_err *err)
{
	if (strv_len(names) != rec->n_layers)
		return cmk_err_set(err, -EBADMSG, "its config has %zu diff IDs for %zu layers",
				   strv_len(names), rec->n_layers);
	for (size_t i = 0; i < rec->n_layers; i++) {
		const char *id = rec->layers[i].diff_id;
		size_t n = strlen(id);
		char *at = text;

		if (streq(names[i], id))
			continue;
		while ((at = memmem(at, len - (size_t)(at - text), names[i], n)))
			memcpy(at, id, n);
	}
	return 0;
}

static int write_settled(struct storage *st, struct image_record *rec, const char *config,
			 size_t len, struct cmk_err *err)
{
	bool docker = rec->manifest_type && strstr(rec->manifest_type, "docker");
	cleanup_free char *manifest = NULL;
	struct digest config_digest, digest;
	size_t manifest_len = 0;
	char buf[72];
	int r;

	digest_of(config, len, &config_digest);
	r = compose_manifest(docker ? COMPOSE_DOCKER : COMPOSE_OCI, &config_digest, len,
			     rec->layers, rec->n_layers, &manifest, &manifest_len, err);
	if (r < 0)
		return r;
	rec->config_digest = xstrdup(digest_str(&config_digest, buf));
	digest_of(manifest, manifest_len, &digest);
	rec->manifest_digest = xstrdup(digest_str(&digest, buf));
	strv_add(&rec->digests, buf);
	rec->pending = false;
	return storage_image_settled(st, rec, manifest, manifest_len, config, len, err);
}

static int settle(struct storage *st, struct image_record *rec, struct cmk_err *err)
{
	struct image_config cfg = { 0 };
	cleanup_free char *config = NULL;
	size_t len = 0;
	int r = storage_image_config(st, rec->id, &config, &len, err);

	if (r == 0)
		r = image_config_parse(config, len, &cfg, err);
	if (r == 0)
		r = settle_layers(st, rec, err);
	if (r == 0)
		r = put_diff_ids(config, len, cfg.diff_ids, rec, err);
	if (r == 0)
		r = write_settled(st, rec, config, len, err);
	image_config_done(&cfg);
	return r;
}

int image_settle(struct storage *st, const char *id, struct cmk_err *err)
{
	struct image_record rec = { 0 };
	int r = storage_image_load(st, id, &rec, err);

	if (r == 0 && rec.pending && rec.read_only) {
		r = cmk_err_set(err, -EROFS,
				"its digest is not known yet, and the additional image store that "
				"it is in is only read");
		(void)cmk_err_hint(err, "push or save it once as the user whose store that is");
	} else if (r == 0 && rec.pending) {
		r = settle(st, &rec, err);
	}
	image_record_done(&rec);
	return r < 0 ? cmk_err_wrap(err, r, "image '%.12s'", id) : 0;
}
