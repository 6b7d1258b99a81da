/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One inode for a file that several layers have: with the same path, bytes, mode, owner and time.
 *
 *	files/KEY		the store's files once more, as hard links; KEY is what the file is
 *	layers/DIFFID/files	which of them the layer has: a line "KEY SIZE" each
 *	tmp/new-…/new-files	what cmk-unpack tells of the files that it has made, until they are
 *				shared: "SHA256 SIZE PATH" and a NUL each
 *
 * Layers are never written to, so that nobody sees that a file is another's too, but for its number
 * of links. The path is in the key since an image must not have one inode under two names that were
 * two files: cp(1) refuses "the same file", and an archive would make them one.
 *
 * A key is only where to look. What lies there is compared byte by byte before it is taken; where
 * it is something else (a damaged file) or has no room for another link, the new file takes its
 * place. An entry that no layer has any more goes with the last layer that had it: the layer's list
 * is there before its first link, and is the last of the layer that goes.
 */
#pragma once

#include "storage/storage.h"

#define SHARED_DIR "files"
#define SHARED_LIST "files"
#define SHARED_NEW "new-files"
/* Smaller files are two thirds of all, and a twentieth of the bytes. */
#define SHARED_MIN 4096
#define SHARED_KEY_LEN 32

/* What cmk-unpack writes of one file. */
struct shared_item {
	struct digest sum;
	uint64_t size;
	const char *path; /* below the layer's root; borrowed */
};
/* Takes the next item from the *LEN bytes at *P, which end in a NUL. 1, or 0 at the end; -EBADMSG.
 */
int shared_parse(const char **p, size_t *len, struct shared_item *ret);

/* Shares the files of the new layer LAYER_FD, nobody's yet, through FILES_FD. In the parent user
 * namespace. A file that cannot be shared stays the layer's own; a failure means that the layer is
 * not as it was. */
int shared_add(int files_fd, int layer_fd, struct cmk_err *err);

/* Removes all that the directory LAYER_FD below tmp/ holds, its list last, and those entries of
 * FILES_FD that were its alone. */
int shared_drop_at(int files_fd, int layer_fd, struct cmk_err *err);
/* The same, in the parent user namespace where that is needed; of one without a list nothing. */
int shared_drop(struct storage *st, const char *name, struct cmk_err *err);

/* Calls FN with the key and size of each entry in the list of the layer LAYER_FD. */
void shared_each(int layer_fd, void (*fn)(void *arg, const char *key, uint64_t size), void *arg);

/* Removes entries that no layer has: what is left where a list was lost. */
void shared_sweep(struct storage *st);
