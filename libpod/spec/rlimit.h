/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits by the names of the runtime-spec. */
#pragma once

#include "libpod/spec/spec.h"

/* RLIMIT_… of "RLIMIT_NOFILE", or -EINVAL. */
int rlimit_number(const char *type);
/* Sets all of P's on the calling process. */
int rlimits_set_named(const struct spec_process *p, struct cmk_err *err);
/* And raises those of files and processes that P does not name, as podman does. */
int rlimits_set(const struct spec_process *p, struct cmk_err *err);
/* Adds the calling process's own limits, where P has none of that type. */
void rlimits_add_own(struct spec_process *p);
