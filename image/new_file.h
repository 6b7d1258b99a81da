/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear whole or not at all, where others read. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* What a file is called at its end that was killed while it had a name already. */
#define NEW_FILE_SUFFIX ".cmk-new"

/* One under way: without a name, so that nothing is left where we are killed; where the file system
 * has none such, its name ends in NEW_FILE_SUFFIX. */
struct new_file {
	int dir_fd, fd; /* DIR_FD is borrowed */
	const char *name;
	char *tmp; /* the name that it has meanwhile, or NULL */
};
/* NAME (borrowed until the end) may be a path below DIR_FD, whose directories are there. */
int new_file_open(int dir_fd, const char *name, mode_t mode, struct new_file *ret,
		  struct cmk_err *err);
/* R 0: it was written whole, and gets its name in the place of what had it before; else it goes. */
int new_file_close(struct new_file *f, int r, struct cmk_err *err);
