/* SPDX-License-Identifier: Apache-2.0 */
/* What the annotations of a layer say of its table of contents. */
#pragma once

#include "base/json.h"
#include "storage/storage.h"

/* NOTES: the layer's annotations, or NULL. What is not plain, or leads out of a blob of SIZE bytes,
 * counts as not being there. */
void chunked_read(const struct json *notes, uint64_t size, struct layer_toc *ret);
/* The annotations for a zstd:chunked layer, "KEY=VALUE": owned, NULL where TOC is none. */
char **chunked_notes(const struct layer_toc *toc);
