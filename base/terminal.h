/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to who sits at the terminal. Its settings are put back whatever the answer; Ctrl-C ends
 * the process as it would have without us (SIGINT), after that.
 */
#pragma once

#include "base/err.h"

/* A line from the terminal FD that is not shown, without its end; *RET (owned) has at most MAX
 * bytes. -EPIPE at the end of input, -ENOTTY where FD is no terminal. */
int terminal_read_secret(int fd, size_t max, char **ret, struct cmk_err *err);

/* Which of N items, under the line LABEL: chosen with the arrow keys (or j and k) and Enter. Asks
 * on the terminal OUT, and takes what it wrote away again. -ECANCELED at the end of input. */
int terminal_choose(int in, int out, const char *label, char *const *items, size_t n, size_t *ret,
		    struct cmk_err *err);
