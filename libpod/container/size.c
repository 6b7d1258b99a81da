// SPDX-License-Identifier: Apache-2.0
#include "libpod/libpod.h"
#include "libpod/record/internal.h"

static uint64_t image_size(struct storage *st, const char *id)
{
	struct image_record rec = { 0 };
	uint64_t size = 0;

	if (id && *id && storage_image_load(st, id, &rec, NULL) == 0)
		size = rec.size;
	image_record_done(&rec);
	return size;
}

int container_sizes(struct storage *st, const struct container *const *list, size_t n,
		    struct container_size *ret, struct cmk_err *err)
{
	cleanup_free struct rootfs_usage *usage = xcalloc(n + 1, sizeof(*usage));
	const char *image = NULL;
	uint64_t size = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct container_config *cfg = &list[i]->cfg;

		usage[i].id = cfg->id;
		usage[i].own = cfg->layers + container_image_layers(cfg);
		usage[i].n_own = cfg->n_layers - container_image_layers(cfg);
		(void)log_rfc3339_parse(cfg->created, strlen(cfg->created), &usage[i].created_ns);
	}
	r = storage_rootfs_usage(st, usage, n, err);
	for (size_t i = 0; i < n && r >= 0; i++) {
		const char *id = list[i]->cfg.image_id;

		/* Once for the containers of one image that follow each other. */
		if (i == 0 || !streq_null(id, image))
			size = image_size(st, id);
		image = id;
		ret[i].changed = usage[i].changed;
		ret[i].total = usage[i].changed + (usage[i].copied ? usage[i].copied : size);
	}
	return r;
}
