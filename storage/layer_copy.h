/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/stat.h>

#include "base/err.h"
#include "base/userns.h"

/*
 * Copies what the directory SRC of a layer holds into TARGET; called in the parent user namespace.
 * Without MAP as a container sees it, over what TARGET has already: whiteouts and opaque
 * directories act. With MAP (ids of the image to those of the parent namespace) into an empty
 * directory, a layer as it was but for its owners; -EINVAL where the map lacks one.
 */
int layer_copy(int src, int target, const struct id_map_pair *map, struct cmk_err *err);

/* The same into an empty directory, as it lies there, sharing the files' data with SRC's. A file
 * system that cannot is -EOPNOTSUPP or another failure of ioctl_ficlone(2). */
int layer_share(int src, int target, struct cmk_err *err);

/* --- of one entry; -errno --- */

/* ST's owner, mode and times and the extended attributes of IN; MAP or NULL as above. */
int layer_copy_attributes(const struct id_map_pair *map, int in, int out, const struct stat *st);
/* What is neither directory nor regular file. */
int layer_copy_special(int src, int dst, const char *name, const struct stat *st);
/* Gives ST the owner that MAP says; -EINVAL as above for PATH. */
int layer_map_owner(const struct id_map_pair *map, const char *path, struct stat *st,
		    struct cmk_err *err);
