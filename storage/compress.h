/* SPDX-License-Identifier: Apache-2.0 */
/* Compression of layers, for cmk-pack: maps zstd, zlib and isa-l. */
#pragma once

#include "storage/storage.h"

typedef int (*encoder_fn)(void *arg, const void *p, size_t len, struct cmk_err *err);

struct encoder;
/* KIND is LAYER_TAR (FN gets the bytes as they come), LAYER_GZIP (LEVEL 1..9) or LAYER_ZSTD (1..22;
 * negative: the default of each). The same KIND, LEVEL and bytes give the same output. THREADS
 * (1..16) beside the caller's, which alone calls FN. */
int encoder_new(enum layer_compression kind, int level, size_t threads, encoder_fn fn, void *arg,
		struct encoder **ret, struct cmk_err *err);
int encoder_put(struct encoder *e, const void *p, size_t len, struct cmk_err *err);
int encoder_finish(struct encoder *e, struct cmk_err *err);
void encoder_free(struct encoder *e);
