/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on images share. `images --filter` and its operand, `image prune --filter`:
 * values of one key are alternatives, different keys must all fit; labels must fit each. */
#pragma once

#include "cmd/option.h"
#include "image/image.h"
#include "libpod/libpod.h"

struct images_filter;
/* For the rows of --filter: of `images`, of `image prune`. */
extern const struct cmk_option_key images_filter_keys[], images_prune_keys[];

/* All images and containers, of which filters speak; borrowed. */
struct images_world {
	struct storage *st;
	const struct image_record *images;
	size_t n_images;
	struct image_family *family; /* of IMAGES */
	struct container *const *containers;
	size_t n_containers;
};

/* OPERAND (may be NULL) is one more reference; PRUNE: the keys of `image prune` alone. The filters
 * speak of W as long as they live. */
int images_filter_parse(const struct images_world *w, char *const *filters, const char *operand,
			bool prune, struct images_filter **ret, struct cmk_err *err);
void images_filter_free(struct images_filter *f);
bool images_filter_image(const struct images_filter *f, const struct image_record *image);
/* Whether the references leave this name of an image that fits. */
bool images_filter_name(const struct images_filter *f, const char *name);
/* Whether some filter looks at containers. */
bool images_filter_wants_containers(char *const *filters);
/* Adds the IDs of all images to *RET. */
int images_all_ids(struct storage *st, char ***ret, struct cmk_err *err);
/* Repository and tag of a full name, owned; "<none>" for both of NULL. */
void images_split_name(const char *name, char **ret_repository, char **ret_tag);
/* The ID of the image of which it was made, the nearest one; NULL where none is here. */
const char *images_parent(const struct images_world *w, const struct image_record *image);
/* No name, and nothing was made of it. */
bool images_is_dangling(const struct images_world *w, const struct image_record *image);
/* No name, but others were made of it. */
bool images_is_intermediate(const struct images_world *w, const struct image_record *image);
/* How many containers use the image, as their root file system or in a mount. */
uint64_t images_count_containers(const struct images_world *w, const char *id);

/* Settles the image ID (see image_settle()) where FORMAT, of an inspection, may print its digests.
 */
int cmk_settle_for(struct storage *st, const char *id, const char *format, struct cmk_err *err);
