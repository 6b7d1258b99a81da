/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of libpod/copy share. */
#pragma once

#include "libpod/libpod.h"

/* A container whose files are looked at. */
struct copy_source {
	int lock; /* held while one that does not run is looked at, or -1 */
	struct spec *spec;
	struct rootfs_plan plan;
	struct id_map uids, gids; /* empty: ids are those of the parent user namespace */
};
int copy_source_open(struct container *c, struct copy_source *ret, struct cmk_err *err);
void copy_source_done(struct copy_source *s);
/* Files that cmk puts there, which are no change of the container. */
bool copy_is_own_place(const char *path);
