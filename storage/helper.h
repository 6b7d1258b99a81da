/* SPDX-License-Identifier: Apache-2.0 */
/* Helper programs that work in the parent user namespace and end with cmk. */
#pragma once

#include <sys/types.h>

#include "storage/storage.h"

/* A pipe: *OURS is its end WHICH (0: read), *THEIRS the other, above those that a helper gets, so
 * that it can still be written to where the helper cannot be started. Both are the caller's. */
int helper_pipe(int *ours, int which, int *theirs, struct cmk_err *err);
/* Starts the helper ARGV[0] with the descriptors FROM as TO. Why it could not be is written to
 * RESULT_FD as cmk_err_send() does. The process; or negative. */
pid_t helper_start(struct storage *st, char *const argv[], const int *from, const int *to, size_t n,
		   int result_fd, struct cmk_err *err);
