/* SPDX-License-Identifier: Apache-2.0 */
/* --preserve-fds and --preserve-fd of run and exec, and the sockets that systemd opens for run and
 * start. */
#pragma once

#include "base/err.h"

#define CMK_PRESERVE_FDS_MAX 1024

/* How many sockets were handed over to this process from descriptor 3 on, by socket activation
 * (sd_listen_fds(3): $LISTEN_FDS and $LISTEN_PID); 0 where they are another's or none. */
int cmk_listen_fds(uint32_t *ret, struct cmk_err *err);

/* The caller's descriptors 3 to 2+N and those that LIST names, checked to be open: to be called
 * before the command opens anything itself. (*RET)[I] is descriptor 3 + I, or -1 where it is not
 * passed on; owned, NULL where there is none. */
int cmk_preserve_fds(uint32_t n, char *const *list, int **ret, size_t *ret_n, struct cmk_err *err);
