/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Podman and docker keep of a layer's tar stream beside its files, as the library tar-split
 * writes it: compressed, an object of JSON on each line.
 *   {"type":2,"payload":BASE64}                          bytes of the stream, as they are
 *   {"type":1,"name":PATH,"size":N,"payload":BASE64}     here the N bytes of a file stood, whose
 *                                                        CRC-64 (ISO 3309) is the payload;
 *                                                        "name_raw" where PATH is not UTF-8
 * All of it is hostile, and so are the files.
 */
#pragma once

#include "storage/tar_split.h"

/* One line: as much as a header may be, in base64, with room. */
#define TAR_ASM_LINE_MAX ((size_t)16 << 20)

/*
 * The stream that SPLIT_FD, plain or compressed, and the files below DIR_FD make; no name and no
 * link leads out of that. -EBADMSG where either is damaged: the file is named. That the stream is
 * the right one only its diff ID proves.
 */
int tar_asm(int dir_fd, int split_fd, tar_join_fn fn, void *arg, struct cmk_err *err);
