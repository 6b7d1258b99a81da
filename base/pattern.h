/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of users: what podman's and docker's users write (RE2's syntax) is read by
 * PCRE2 (pcre2syntax(3)), as UTF-8. The library is mapped by the first pattern, not before.
 */
#pragma once

#include "base/err.h"
#include "base/util.h"

struct pattern;

/* -EINVAL: TEXT is no expression, or one too large; -ELIBACC: the library is not installed. The
 * caller frees RET. */
int pattern_new(const char *text, struct pattern **ret, struct cmk_err *err);
void pattern_free(struct pattern *p);
static inline void cleanup_pattern_fn(struct pattern **p)
{
	pattern_free(*p);
}
#define cleanup_pattern cleanup(cleanup_pattern_fn)

/* 1 where a part of TEXT fits, 0 where none does. -ERANGE: it takes too many steps to find out. */
int pattern_matches(const struct pattern *p, const char *text, struct cmk_err *err);
