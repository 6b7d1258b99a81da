/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/*
 * Runs the helper PROGRAM of libexec with ARGS (NULL-ended, without its name), TEXT on its stdin;
 * *RET is what it wrote, at most MAX bytes. Where it fails the error is the first line that it said
 * (-EINVAL, CMK_ERR_INVALID). Blocks until it has ended.
 */
int helper_run(const char *program, const char *const *args, const char *text, size_t len,
	       size_t max, char **ret, size_t *ret_len, struct cmk_err *err);
/* The same of any program, found through PATH unless it has a slash; it has the environment. */
int helper_run_path(const char *path, const char *const *args, const char *text, size_t len,
		    size_t max, char **ret, size_t *ret_len, struct cmk_err *err);
