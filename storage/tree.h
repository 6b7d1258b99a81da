/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's or an image's files read from the layers themselves, as an overlay mount would show
 * them, but without one: for every driver, whether the container runs or not, and with what a mount
 * hides (whiteouts, marks). For a child in the parent user namespace, whose root may read all.
 *
 * Layers are stored data: nothing in them is followed, only real directories are entered.
 */
#pragma once

#include <sys/stat.h>

#include "base/err.h"
#include "storage/storage.h"

#define TREE_DEPTH_MAX 2048

/* One layer's directory: FD, and the inode of its layer's root, by which layers are told apart. */
struct tree_part {
	int fd;
	ino_t layer;
};

/* A directory in each layer that has it and is not hidden there, top first. */
struct tree_dir {
	struct tree_part *parts; /* owned */
	size_t n;
	/* Directories with the data of metadata (meta.h); owned by the root of the tree. */
	int *data;
	size_t n_data;
	bool is_root;
	bool dot_wh; /* the first part is of fuse-overlayfs, which may write ".wh.NAME" */
};

enum tree_kind { TREE_ABSENT, TREE_WHITEOUT, TREE_FOUND };

struct tree_entry {
	struct stat st;
	size_t part; /* of the directory in which it was found */
};

/* The stack of PLAN: its upper (or merged, where the driver has no upper) and lower directories. */
int tree_open(const struct rootfs_plan *plan, struct tree_dir *ret, struct cmk_err *err);
void tree_dir_done(struct tree_dir *d);
/* Names in D, sorted by byte, each once, whiteouts of all layers included; owned, NULL-ended. */
int tree_names(const struct tree_dir *d, char ***ret, struct cmk_err *err);
enum tree_kind tree_lookup(const struct tree_dir *d, const char *name, struct tree_entry *ret);
/* The directory NAME that tree_lookup() found. */
int tree_enter(const struct tree_dir *d, const char *name, const struct tree_entry *e,
	       struct tree_dir *ret, struct cmk_err *err);
/* The regular file NAME that tree_lookup() found in PART, opened for reading; -EAGAIN where there
 * is something else by now. */
int tree_open_file(const struct tree_dir *d, const char *name, size_t part, struct stat *ret,
		   struct cmk_err *err);
/* All parts are of the same layers: then all below is the same. */
bool tree_same_layers(const struct tree_dir *a, const struct tree_dir *b);
/* What hides all that lower layers have in this directory. */
bool tree_is_opaque(const struct tree_dir *d);
