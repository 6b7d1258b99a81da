/* SPDX-License-Identifier: Apache-2.0 */
/* Image records and their names, inside this room. */
#pragma once

#include "base/json.h"
#include "storage/storage.h"

#define IMAGE_SCHEMA 1
#define IMAGE_SCHEMA_LIST \
	2 /* of manifest lists, which a cmk that knows 1 alone leaves as they are */
#define LIST_INSTANCES "instances"
#define FORMER_NAMES "former-names" /* a line each, the last one first */
/* Of images that were pending once: their ID is not the digest of their config. */
#define IMAGE_SCHEMA_PENDING 3
extern const struct json_field image_record_fields[];

/* As it lies there: pending layers by the names that they had. */
int image_load_raw(struct storage *st, const char *id, struct image_record *ret,
		   struct cmk_err *err);
/* storage_image_load() without the names. */
int image_load_bare(struct storage *st, const char *id, struct image_record *ret,
		    struct cmk_err *err);
/* The IDs of all images, in no order. */
int images_ids(struct storage *st, char ***ret, struct cmk_err *err);

/* The file's name for a reference, NULL where it cannot be one, and back; owned. */
char *name_to_file(const char *name);
char *name_from_file(const char *file);
/* What FILE, a link below DIR to PREFIX and a digest's hex, leads to: 0 or -ENOENT. */
int name_read_link(int dir, const char *file, const char *prefix, struct digest *ret);
#define NAME_TARGET_MAX 16 /* of PREFIX */

struct name_entry {
	char *name; /* owned */
	struct digest id;
};
/* Every name, sorted. */
int names_list(struct storage *st, struct name_entry **ret, size_t *ret_n, struct cmk_err *err);
/* Those that lead to an image that is not there; owned. */
int names_list_dangling(struct storage *st, char ***ret, struct cmk_err *err);
/* With those of the additional stores, where no name of ours is the same. */
int names_list_all(struct storage *st, struct name_entry **ret, size_t *ret_n, struct cmk_err *err);
void names_list_free(struct name_entry *list, size_t n);

/* image_write.c, with the storage lock held: takes the image, whatever is in it, and its names
 * away, but not its layers. -EBUSY where it is mounted. */
int image_remove_locked(struct storage *st, const char *id, struct cmk_err *err);

/* As storage_name_remove(); NOTE: the image shall remember that it had it. */
int names_remove(struct storage *st, const char *name, bool note, struct cmk_err *err);

/* The diff IDs that no image record and no container names, "HEX"; none beside a pull, which may
 * count on them. */
int layers_list_garbage(struct storage *st, char ***ret, struct cmk_err *err);
/* Removes the layers that no image record and no container names, and artifacts without a name.
 * Call with the storage lock held. Where a pull is under way (it counts on layers that no record
 * names yet) no layer is removed: the next removal does it. */
int garbage_collect(struct storage *st, struct cmk_err *err);
