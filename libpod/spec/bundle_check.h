/* SPDX-License-Identifier: Apache-2.0 */
/* Between bundle.c and bundle_check.c. */
#pragma once

#include "libpod/spec/bundle.h"

/* -EINVAL: "line N: …", V being the value that is wrong or what it should stand in. */
int bundle_bad(const struct bundle *b, const struct json *v, struct cmk_err *err, const char *fmt,
	       ...) cmk_printf(4, 5);
/* What the types do not say: what must be there, what contradicts, what is not done. */
int bundle_check(const struct json *root, const struct bundle *b, struct cmk_err *err);
int bundle_check_process(const struct spec_process *p, struct cmk_err *err);
/* B's scheduler and priority of input and output. */
int bundle_check_priorities(const struct bundle *b, struct cmk_err *err);
/* What of RES, the root of TEXT and in the form of linux.resources, is not done. */
int bundle_check_resources(const char *text, size_t len, const struct json *res,
			   struct cmk_err *err);
