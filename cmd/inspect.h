/* SPDX-License-Identifier: Apache-2.0 */
/* `inspect`, `container inspect` and `image inspect` are one thing. */
#pragma once

#include "cmd/option.h"

/* TYPE is "all", "container" or "image"; FORMAT "json" or a template. Prints what it found and
 * fails for the first that it did not. */
int cmk_inspect(const struct cmk_globals *g, const char *type, const char *format, char **argv,
		struct cmk_err *err);
