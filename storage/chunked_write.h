/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes zstd:chunked (containers-storage-zstd-chunked.md), for cmk-pack: each file of a tar stream
 * in a zstd frame of its own, and behind them, in skippable frames, the table of contents, the rest
 * of the stream as tar-split keeps it, and a footer. Whoever reads it as zstd gets the stream.
 *
 * Where a stream has what the table cannot tell exactly (sparse files, access times, names that are
 * no UTF-8), it is written without one.
 */
#pragma once

#include "storage/compress.h"

struct chunked_writer;
/* FN is called by a thread of the writer. LEVEL as for encoder_new(). */
int chunked_writer_new(int level, encoder_fn fn, void *arg, struct chunked_writer **ret,
		       struct cmk_err *err);
int chunked_writer_put(struct chunked_writer *w, const void *p, size_t len, struct cmk_err *err);
/* RET->kind is CHUNKED_NONE where there is no table. */
int chunked_writer_finish(struct chunked_writer *w, struct layer_toc *ret, struct cmk_err *err);
void chunked_writer_free(struct chunked_writer *w);
