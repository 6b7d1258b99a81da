/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers of container root file systems, inside this room. */
#pragma once

#include <sys/stat.h>

#include "storage/storage.h"

struct rootfs_driver {
	const char *name;
	/* Tries it out below the data directory; fills *RET or says why not. */
	int (*probe)(struct storage *st, struct storage_driver *ret, struct cmk_err *err);
	/* Makes what PLAN names, once, for a new container in the directory FD. */
	int (*prepare)(struct storage *st, int fd, const struct rootfs_plan *plan,
		       struct cmk_err *err);
	/* In the container's init. */
	int (*mount)(const struct rootfs_plan *plan, struct cmk_err *err);
};

extern const struct rootfs_driver driver_overlay, driver_fuse_overlayfs, driver_vfs;
/* NULL where there is none of this NAME. */
const struct rootfs_driver *rootfs_driver_by_name(const char *name);
/* What the driver NAME can do here; an error where it does not work. */
int rootfs_driver_find(struct storage *st, const char *name, struct storage_driver *ret,
		       struct cmk_err *err);

/* For overlay and fuse-overlayfs: upper/ with the mode and owner of the image's root, and work/. */
int overlay_prepare(struct storage *st, int fd, const struct rootfs_plan *plan,
		    struct cmk_err *err);
/* What a container does, on MERGED with "x" in a lower directory: sees it, removes it, and sees it
 * no more. */
int overlay_probe_use(const char *merged, struct cmk_err *err);
/* The plan of a probe in tmp/NAME, with the directories LOWER (NULL-ended), upper, work, merged. */
void probe_plan(struct storage *st, const char *name, const char *const *lower,
		struct rootfs_plan *ret);
/* Owner and mode of "/": those of the topmost layer that has an entry for it. Layers made by
 * storage_layer_unpack() say so in the mode of their own directory. */
int rootfs_root_stat(const struct rootfs_plan *plan, struct stat *ret, struct cmk_err *err);
/* The directory FD, what PLAN's layers are covered by, is not what they have as "/". */
bool rootfs_root_changed(const struct rootfs_plan *plan, int fd);
/* Writes the files of the layer whose files are in DIFF, an absolute path, to OUT_FD as its tar
 * stream. Blocks. */
int rootfs_pack_layer(struct storage *st, const char *diff, bool with_root, int out_fd,
		      struct cmk_err *err);
/* Bits of the mode of a layer's own directory, layers/DIFFID: of those that mean nothing there, so
 * that a store can be given to other users to read. */
#define LAYER_MODE 0700
#define LAYER_MODE_NO_ROOT_ENTRY 02000 /* the layer has no entry for "/" */
/* Not known to be on the disk: a power cut may have emptied its files. */
#define LAYER_MODE_UNSYNCED 01000
#define LAYER_MODE_OPAQUE_ROOT 04000 /* it hides all layers below it */
/* BIT is one of the two; layers of before have it as a right to search that comes without one to
 * read. */
static inline bool layer_mode_has(mode_t mode, mode_t bit)
{
	unsigned int old = bit == LAYER_MODE_NO_ROOT_ENTRY ? 3 : 0;

	return (mode & bit) || (((mode >> old) & 5) == 1);
}
