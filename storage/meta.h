/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image's files with other owners and no second copy of their bytes: a directory of metadata
 * (names, owners, modes, attributes), over the data of the layers of which it was made.
 *
 *	layers/TOP/meta-HASH/diff	the image's tree for one map: sparse files that say where
 *					their data are; HASH is that of the map and all layers
 *	maps/TOP/meta-HASH/diff		the same where TOP is in an additional store
 *	layers/DIFFID/diff		the data, by their paths
 *	layers/DIFFID/data/TAG/INODE	some of them once more, as hard links of a short name
 *
 * The kernel's overlay finds the data through user.overlay.redirect in data-only lower directories
 * (Documentation/filesystems/overlayfs.rst, "Data-only lower layers"; with userxattr since kernel
 * 6.16, found by trying: overlay.c). In a user namespace it does so from the lowest of the other
 * directories alone: so the layers are merged into one.
 *
 * A redirect is the file's path. Of all layers that have a file of this path the first one is
 * found, and that is the one which is seen: what is above would hide it. But one of more than 24
 * bytes does not fit into an ext4 inode of 256 bytes and would take a block for each file: such
 * files get a link. As all data directories are searched for each redirect, TAG tells layers apart;
 * data/ come before all diff/, and no path is a redirect that may be meant for them.
 *
 * In an additional store nothing can be made: there a redirect is the path, however long. Files of
 * one block are copied instead. What this user may not read there cannot be read in the container
 * either.
 *
 * Nothing but the kernel writes such attributes into an upper directory, and layers never bring
 * them (xattr.h); still a redirect is followed only below the data directories.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/userns.h"
#include "storage/owners.h"
#include "storage/tree.h"

#define META_PREFIX "meta-"
#define MAPS_DIR "maps"	  /* in the data directory: for layers of additional stores */
#define MAP_PREFIX "map-" /* a layer's files once more: layers/DIFFID/map-HASH/diff */

struct meta_layer {
	int fd; /* layers/DIFFID */
	const char *hex;
	bool is_foreign;      /* in an additional store: nothing is made there */
	struct owners owners; /* of a foreign one that tells them; text NULL: as they are seen */
};
/* Fills the empty directory TARGET with the metadata of TREE, owners as MAP has them; of its root
 * they are ROOT's. LAYERS are TREE's parts. In the parent user namespace, with a thread for each
 * processor, up to four; meanwhile the process has no umask. -EINVAL where the map lacks an owner.
 */
int meta_build(const struct tree_dir *tree, const struct meta_layer *layers,
	       const struct stat *root, const struct id_map_pair *map, int target,
	       struct cmk_err *err);

/* --- one file --- */

struct meta_data {
	int fd; /* data/TAG */
	char tag[16];
	bool is_new; /* no map before has made links there */
};
/* Makes data/TAG in the layer's directory LAYER_FD of diff ID HEX; FD is closed by the caller. */
int meta_data_make(int layer_fd, const char *hex, struct meta_data *ret, struct cmk_err *err);

#define META_SHORT 24	  /* bytes of a redirect that an inode has room for anywhere */
#define META_PATH_MAX 255 /* of one where there is more room */
#define META_LINK_MAX 64

/* Makes the link of NAME in DIR, whose status is ST, unless it is there: "/TAG/NAME" in REDIRECT.
 * -errno; -EMLINK where it cannot be. */
int meta_link(const struct meta_data *d, int dir, const char *name, const struct stat *st,
	      char redirect[static META_LINK_MAX]);
/* Bytes of a path, its slash included, that take no block as a redirect in the directory DIR (which
 * has no file "probe"). -errno. */
int meta_path_max(int dir, size_t *ret);
/* PATH (without a slash before it) may be a redirect of up to MAX bytes. */
bool meta_can_be_path(const char *path, size_t max);
/* Makes the empty file OUT stand for SIZE bytes at REDIRECT, "/…" in a data directory. -errno, and
 * then OUT is as it was. */
int meta_point(int out, const char *redirect, off_t size);
/* Sets the two attributes by which FILE has its data at REDIRECT, "/…" in a data directory. */
int meta_mark(int file, const char *redirect);
/* Takes them away. */
void meta_unmark(int file);
/* The data for which FILE stands, in one of the N data directories FDS: a descriptor; -ENODATA
 * where it holds them itself. */
int meta_open(const int *fds, size_t n, int file);
