/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that verify and sign: our helpers cmk-verify and cmk-sign, gpgv and gpg. What they read
 * and write is in files without names. */
#pragma once

#include "base/err.h"

/* A file without a name that holds DATA, at its beginning. -errno. */
int tool_file(const void *data, size_t len, struct cmk_err *err);
/* All of it, at most MAX bytes; NUL-ended. */
int tool_read(int fd, size_t max, char **ret, size_t *ret_len, struct cmk_err *err);

#define TOOL_FDS_MAX 8
/*
 * Runs ARGV (found through PATH unless it has a slash) with FDS[0] as standard input, FDS[1] as
 * standard output, FDS[2] as standard error (-1: /dev/null, but of the last *RET_SAID keeps the
 * last line), FDS[3] as 3 and so on. It may write no more than FILE_MAX bytes to a file (0: any
 * number). Returns its exit code; -ENOENT where it is not there; -ECHILD where a signal ended it.
 */
int tool_run(char *const argv[], const int *fds, size_t n_fds, uint64_t file_max, char **ret_said,
	     struct cmk_err *err);
/* Our helper program NAME with WORDS (a vector), as tool_run(). */
int tool_run_helper(const char *name, const char *const *words, const int *fds, size_t n_fds,
		    char **ret_said, struct cmk_err *err);
/* The YAML file PATH as JSON (owned), through cmk-verify. */
int tool_read_yaml(const char *path, char **ret, size_t *ret_len, struct cmk_err *err);
