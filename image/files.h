/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory or an archive in which images lie: its files by name. What is in it is hostile: no
 * name leads out of it.
 */
#pragma once

#include "image/layers.h"

struct files {
	char *shown; /* how messages call it */
	int fd;	     /* of the directory, or of the archive, plain and seekable */
	struct storage_archive *archive; /* NULL: a directory */
};
/* PATH is a directory or a file. An archive that is compressed or comes through a pipe is copied
 * into the store first, without a name. Blocks. */
int files_open(struct storage *st, const char *path, struct files *ret, struct cmk_err *err);
/* The same of what FD (borrowed) gives, called SHOWN. */
int files_of_fd(struct storage *st, int fd, const char *shown, struct files *ret,
		struct cmk_err *err);
void files_done(struct files *f);
/* Also where it is there but cannot be read: files_find() says why. */
bool files_has(const struct files *f, const char *name);
/* -ENOENT. */
int files_find(const struct files *f, const char *name, struct layer_part *ret,
	       struct cmk_err *err);
/* The whole of a file of at most MAX bytes; NUL-ended. */
int files_text(const struct files *f, const char *name, uint64_t max, char **ret, size_t *ret_len,
	       struct cmk_err *err);
