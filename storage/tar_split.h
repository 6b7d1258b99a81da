/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of a layer's tar stream beside its files, so that the stream can be put together
 * again byte for byte: layers/HEX/tar-split.zst, and layers/HEX/replaced/ for files that the layer
 * itself replaced.
 *
 * tar-split.zst is one zstd frame of "cmksplt1" and items: a letter, then numbers (7 bits a byte,
 * the lowest first, the top bit set on all but the last) and bytes.
 *   R n BYTES                           of the stream, as they are
 *   F n PATH  p (GAP LEN)...  SHA-256   here the bytes of a file stood: p pieces, each LEN bytes
 *                                       long and GAP bytes behind the one before
 *   X n PATH                            what stood here, and below, was moved to replaced/N, where
 * N counts these items from 0 E n                                 the end, after n bytes of the
 * stream
 */
#pragma once

#include "storage/tar.h"
#include "storage/unpack_wire.h"

#define TAR_SPLIT_REPLACED "replaced"
#define TAR_SPLIT_MAGIC "cmksplt1"

/* --- tar_split.c, for cmk-unpack --- */

struct tar_split;
/* Makes the file in DIR_FD, borrowed. */
int tar_split_new(int dir_fd, struct tar_split **ret, struct cmk_err *err);
void tar_split_free(struct tar_split *s);
/* For tar_reader.tap; lives as long as S. What goes wrong is told by tar_split_finish(). */
const struct tar_tap *tar_split_tap(struct tar_split *s);
int tar_split_finish(struct tar_split *s, struct cmk_err *err);

/* --- tar_join.c, for cmk-pack --- */

/* Takes the next bytes of the stream. */
typedef int (*tar_join_fn)(void *arg, const void *p, size_t len, struct cmk_err *err);
/* The stream of the layer whose directory is DIR_FD. CHECK: each file's bytes are held against its
 * digest, too, and the stream goes on behind a damaged one. -ENODATA: nothing was kept; -EBADMSG:
 * what was kept is damaged, or files are, whose names are told, a line each. */
int tar_join(int dir_fd, bool check, tar_join_fn fn, void *arg, struct cmk_err *err);

/* Is told of a file that stands in the stream in one piece: its clean PATH, below diff/. */
typedef int (*tar_files_fn)(void *arg, const char *path, uint64_t size, const uint8_t *sum,
			    struct cmk_err *err);
/* The files of the layer whose directory is DIR_FD, with their SHA-256; of a layer that replaced
 * some of its own, none. */
int tar_split_files(int dir_fd, tar_files_fn fn, void *arg, struct cmk_err *err);
