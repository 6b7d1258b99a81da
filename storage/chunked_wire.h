/* SPDX-License-Identifier: Apache-2.0 */
/* What cmk-chunked is told and tells. */
#pragma once

#include "storage/storage.h"

#define CHUNKED_PROGRAM "cmk-chunked"
/* Descriptors that it starts with, beside stdin (one byte when the ranges are here), stdout (the
 * stream) and stderr: the layers; the result; a file with what is here of the blob, each byte where
 * it belongs. */
enum { CHUNKED_DIR_FD = 3, CHUNKED_RESULT_FD, CHUNKED_BLOB_FD };
/* argv: PARENT-PID zstd:chunked|estargz BLOB-SIZE TOC-DIGEST TOC-OFFSET TOC-LENGTH SPLIT-OFFSET
 * SPLIT-LENGTH. The result is one struct chunked_plan and its ranges, then one struct
 * chunked_result; or an encoded cmk_err where either was due. */
enum {
	CHUNKED_ARG_PARENT = 1,
	CHUNKED_ARG_KIND,
	CHUNKED_ARG_SIZE,
	CHUNKED_ARG_TOC,
	CHUNKED_ARG_TOC_OFFSET,
	CHUNKED_ARG_TOC_LEN,
	CHUNKED_ARG_SPLIT_OFFSET,
	CHUNKED_ARG_SPLIT_LEN,
	CHUNKED_N_ARGS
};

#define CHUNKED_PLAN_MAGIC 0x636d6b63706c6e31ULL
struct chunked_plan {
	uint64_t magic;
	uint64_t n_ranges;
};
#define CHUNKED_RESULT_MAGIC 0x636d6b6363686b31ULL
struct chunked_result {
	uint64_t magic;
	uint64_t size;
};
