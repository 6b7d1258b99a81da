// SPDX-License-Identifier: Apache-2.0
/* A one-layer image from a tar stream. */
#include "image/changes.h"
#include "image/compose.h"
#include "image/manifest.h"
#include "image/verify.h"

static int start_config(const struct image_import_options *o, struct image_config *cfg,
			struct cmk_err *err)
{
	struct image_platform p = { 0 };
	struct platform host;
	int r;

	r = image_platform_parse(o->platform, o->os, o->arch, o->variant, &p, err);
	if (r < 0)
		return r;
	platform_host(&host);
	cfg->os = xstrdup(p.os ? p.os : host.os);
	cfg->variant = xstrdup_null(p.variant ? p.variant : p.arch ? NULL : host.variant);
	cfg->architecture = xstrdup(p.arch ? p.arch : host.arch);
	image_platform_done(&p);
	cfg->created = time_now_rfc3339();
	for (char *const *c = o->changes; c && *c; c++) {
		r = change_apply(*c, cfg, err);
		if (r < 0)
			return r;
	}
	return 0;
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
		r = verify_unsigned(o->signature_policy, "tarball", err);
	if (r == 0)
		r = start_config(o, &cfg, err);
	if (r == 0)
		r = storage_layer_unpack(st, &u, &layer, err);
	if (r >= 0) {
		struct image_layer_ref ref;

		strv_add(&cfg.diff_ids, digest_str(&layer.diff_id, buf));
		compose_layer(&ref, &layer);
		r = compose_image(st, &cfg, &ref, 1, COMPOSE_OCI, "cmk import",
				  o->message ? o->message : "imported from a tar file", &id, err);
		compose_layer_done(&ref);
	}
	image_config_done(&cfg);
	if (r >= 0 && full)
		r = storage_name_set(st, full, id, err);
	if (r < 0)
		return r;
	*ret_id = steal_ptr(&id);
	return 0;
}
