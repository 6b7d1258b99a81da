/* SPDX-License-Identifier: Apache-2.0 */
/* What cmk-pack is told and tells. */
#pragma once

#include "storage/storage.h"

#define PACK_PROGRAM "cmk-pack"
/* Descriptors that it starts with, beside stdin, stdout (what it makes) and stderr. */
enum { PACK_DIR_FD = 3, PACK_RESULT_FD = 4, PACK_SPLIT_FD = 5 };
/* argv: PARENT-PID SOURCE KIND LEVEL. SOURCE: "layer" (the stream of the layer on PACK_DIR_FD),
 * "check" (the same, each file held against its digest), or "foreign" (the files on PACK_DIR_FD and
 * a tar-split record on PACK_SPLIT_FD: tar_asm.h). The result is one struct pack_result, or an
 * encoded cmk_err. */
enum { PACK_ARG_PARENT = 1, PACK_ARG_SOURCE, PACK_ARG_KIND, PACK_ARG_LEVEL, PACK_N_ARGS };

#define PACK_MAGIC 0x636d6b7061636b31ULL
struct pack_result {
	uint64_t magic;
	struct digest diff_id, blob_digest; /* of what went in, of what came out */
	uint64_t size, blob_size;
	struct layer_toc toc; /* of zstd:chunked */
};
