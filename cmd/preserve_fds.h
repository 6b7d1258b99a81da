/* SPDX-License-Identifier: Apache-2.0 */
/* --preserve-fds and --preserve-fd of run and exec. */
#pragma once

#include "base/err.h"

#define CMK_PRESERVE_FDS_MAX 1024

/* The caller's descriptors 3 to 2+N and those that LIST names, checked to be open: to be called
 * before the command opens anything itself. (*RET)[I] is descriptor 3 + I, or -1 where it is not
 * passed on; owned, NULL where there is none. */
int cmk_preserve_fds(uint32_t n, char *const *list, int **ret, size_t *ret_n, struct cmk_err *err);
