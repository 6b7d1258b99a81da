/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pull tells its user, on stderr: on a terminal a bar for each blob under way (bytes, speed,
 * time left), drawn again at most ten times a second; elsewhere plain lines; nothing when quiet.
 */
#pragma once

#include "base/util.h"

struct progress;
struct progress *progress_new(bool quiet);
void progress_free(struct progress *p); /* leaves finished lines behind */
static inline void cleanup_progress_fn(struct progress **p)
{
	progress_free(*p);
}
#define cleanup_progress cleanup(cleanup_progress_fn)

/* A line of its own, above the bars. */
void progress_line(struct progress *p, const char *fmt, ...) cmk_printf(2, 3);
/* A blob begins; WHAT is "blob sha256:…". The number names it from now on. BEFORE bytes of it were
 * here already. */
size_t progress_begin(struct progress *p, const char *what, uint64_t size, uint64_t before);
void progress_set(struct progress *p, size_t item, uint64_t bytes);
/* It is here; HOW is "done" or "skipped: already exists". */
void progress_end(struct progress *p, size_t item, const char *how);
