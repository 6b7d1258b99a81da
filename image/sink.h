/* SPDX-License-Identifier: Apache-2.0 */
/* Where images are written to: members of an archive, or files of a directory. */
#pragma once

#include "image/image.h"
#include "image/progress.h"

struct sink;
/* An archive on FD (borrowed), or files below DIR_FD (borrowed); the other is -1. Files appear
 * whole, and replace those of the same name. */
struct sink *sink_new(int fd, int dir_fd);
void sink_free(struct sink *s);
/* NAME was written already; from now on it counts as such. */
bool sink_has(struct sink *s, const char *name);
/* A directory, NAME ending in '/': readers of archives want those that files lie in. */
int sink_put_dir(struct sink *s, const char *name, struct cmk_err *err);
int sink_put(struct sink *s, const char *name, const void *data, size_t len, struct cmk_err *err);
/* The stream of the layer as it is; SIZE bytes. */
int sink_put_layer(struct sink *s, struct storage *st, const char *name,
		   const struct digest *diff_id, uint64_t size, struct cmk_err *err);
/* The bytes of FD, an unnamed file. */
int sink_put_fd(struct sink *s, const char *name, int fd, uint64_t size, struct cmk_err *err);
/* Removes from DIR below the directory what a writer has left that was killed; nobody else may be
 * writing there. */
int sink_drop_unfinished(struct sink *s, const char *dir, struct cmk_err *err);
/* Removes those files of the directory that DROP means and that were not written. */
int sink_drop_others(struct sink *s, bool (*drop)(const char *name), struct cmk_err *err);
int sink_finish(struct sink *s, struct cmk_err *err);
