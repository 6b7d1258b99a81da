/* SPDX-License-Identifier: Apache-2.0 */
/* What cmk-unpack is told and tells. */
#pragma once

#include "storage/storage.h"

/* What it writes beside the files: tar_split.h. */
#define TAR_SPLIT_FILE "tar-split.zst"
#define UNPACK_PROGRAM "cmk-unpack"
/* Its only argument where it shall just decompress stdin to stdout. An error goes to
 * UNPACK_RESULT_FD, where that is open. */
#define UNPACK_CAT "cat"
/* Descriptors that it starts with, beside stdin (the blob) and stderr. */
enum { UNPACK_DIR_FD = 3, UNPACK_RESULT_FD = 4 };
/* Instead of whose the files are: none are made, for they are there already. */
#define UNPACK_RECORD "record"
/* argv: PARENT-PID KIND BLOB-SIZE OFFSET|- BLOB-DIGEST|- DIFF-ID|- subids|single|squash|record. The
 * directory gets "diff", but for "record", and what else was in the stream; the result is one
 * struct unpack_result on success, an encoded cmk_err otherwise. */
enum {
	UNPACK_ARG_PARENT = 1,
	UNPACK_ARG_KIND,
	UNPACK_ARG_SIZE,
	UNPACK_ARG_OFFSET, /* "-": stdin to its end */
	UNPACK_ARG_BLOB,
	UNPACK_ARG_DIFF,
	UNPACK_ARG_IDS,
	UNPACK_N_ARGS
};

#define UNPACK_MAGIC 0x636d6b756e706b31ULL
struct unpack_result {
	uint64_t magic;
	struct digest diff_id, blob_digest;
	uint64_t size, blob_size;
	uint32_t has_root;    /* the layer has an entry for "/" */
	uint32_t opaque_root; /* and hides everything below it */
};
