/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image's files with other owners and no second copy of their bytes: a directory of metadata
 * (names, owners, modes, attributes), over the data of the layers of which it was made.
 *
 *	layers/DIFFID/data/TAG/INODE	each layer's own files once more, as hard links
 *	layers/TOP/meta-HASH/diff	the image's tree for one map: sparse files that say where
 *					their data are; HASH is that of the map and all layers
 *
 * The kernel's overlay finds the data through user.overlay.redirect in data/, a data-only lower
 * directory (Documentation/filesystems/overlayfs.rst, "Data-only lower layers"; with userxattr
 * since kernel 6.16, found by trying: overlay.c). In a user namespace it does so from the lowest of
 * the other directories alone: so the layers are merged into one. All data directories are searched
 * for one redirect, so TAG tells layers apart; and both names are short, since a redirect of more
 * than 24 bytes does not fit into an ext4 inode of 256 bytes and would take a block for each file.
 *
 * Nothing but the kernel writes such attributes into an upper directory, and layers never bring
 * them (xattr.h); still a redirect is followed only below data/.
 */
#pragma once

#include <sys/stat.h>

#include "base/err.h"
#include "base/userns.h"
#include "storage/tree.h"

#define META_PREFIX "meta-"
/* In a plan's list of lower directories, last of all: a data-only one, as mount(8) writes it. */
#define META_DATA "::"

struct meta_layer {
	int fd; /* layers/DIFFID */
	const char *hex;
};
/* Fills the empty directory TARGET with the metadata of TREE, owners as MAP has them; of its root
 * they are ROOT's. LAYERS are TREE's parts. In the parent user namespace. -EINVAL where the map
 * lacks an owner. */
int meta_build(const struct tree_dir *tree, const struct meta_layer *layers,
	       const struct stat *root, const struct id_map_pair *map, int target,
	       struct cmk_err *err);

/* --- one file --- */

struct meta_data {
	int fd; /* data/TAG */
	char tag[16];
};
/* Makes data/TAG in the layer's directory LAYER_FD of diff ID HEX; FD is closed by the caller. */
int meta_data_make(int layer_fd, const char *hex, struct meta_data *ret, struct cmk_err *err);
/* Makes the empty file OUT stand for NAME in DIR, whose status is ST. -errno; -EMLINK where the
 * data cannot be shared. */
int meta_point(const struct meta_data *d, int dir, const char *name, const struct stat *st,
	       int out);
/* Sets the two attributes by which FILE has its data at REDIRECT, "/…" in a data directory. */
int meta_mark(int file, const char *redirect);
/* The data for which FILE stands, in one of the N data directories FDS: a descriptor; -ENODATA
 * where it holds them itself. */
int meta_open(const int *fds, size_t n, int file);
