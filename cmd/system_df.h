/* SPDX-License-Identifier: Apache-2.0 */
/* What images take: for `system df`. */
#pragma once

#include "libpod/libpod.h"

struct image_usage {
	const struct image_record *rec;
	uint64_t shared, unique; /* with other images, or its own */
	uint64_t containers;
};

/* A layer, and a file that several layers share, counts once. */
struct images_usage {
	struct image_record *images;
	struct image_usage *of_image;
	size_t n;
	uint64_t size, used;	      /* of all, of what containers stand on */
	uint64_t n_files, files_size; /* that layers share */
	uint64_t files_saved;	      /* what they would take beside, were they not shared */
	struct storage_map *maps;
	bool *map_used; /* of each map: by a container */
	size_t n_maps;
};
void images_usage_done(struct images_usage *u);
int images_usage_load(struct storage *st, struct container *const *containers, size_t n,
		      struct images_usage *ret, struct cmk_err *err);
