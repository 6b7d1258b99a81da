/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a layer's files are, as the layer says: layers/DIFFID/owners, "UID GID PATH" and a NUL for
 * each file that is not root's; all others are. Where a store belongs to another user, its files
 * have ids that mean nothing here.
 */
#pragma once

#include <sys/stat.h>

#include "base/err.h"
#include "base/strbuf.h"

#define OWNERS_FILE "owners"

/* --- for cmk-unpack --- */

struct owners_writer {
	int fd;
	struct strbuf text;
	int failed; /* negative errno */
};
/* Makes the file in DIR_FD. */
int owners_begin(int dir_fd, struct owners_writer *ret, struct cmk_err *err);
void owners_note(struct owners_writer *w, uint64_t uid, uint64_t gid, const char *path);
/* Closes it, too. */
int owners_finish(struct owners_writer *w, struct cmk_err *err);

/* --- for readers --- */

struct owner {
	const char *path;
	uint32_t uid, gid;
};
struct owners {
	char *text;
	struct owner *list; /* by path */
	size_t n;
};
/* Of the layer LAYER_FD; -ENOENT where an older cmk has made it. What is in the file is another's:
 * -EBADMSG. */
int owners_load(int layer_fd, struct owners *ret, struct cmk_err *err);
void owners_done(struct owners *o);
/* Gives ST the owner of PATH. */
void owners_apply(const struct owners *o, const char *path, struct stat *st);
