/* SPDX-License-Identifier: Apache-2.0 */
/* The command line that made a container, as its record has it, taken apart again by the tables. */
#pragma once

#include "cmd/option.h"

/* One occurrence of an option. */
struct cmk_recorded_option {
	const struct cmk_option *row;
	const char *value; /* borrowed; NULL: none was given */
	char **words;	   /* owned: "--name" "web", or "--name=web", or "-d" */
};
struct cmk_recorded {
	const struct cmk_command *command; /* run or create */
	struct cmk_recorded_option *globals, *options;
	size_t n_globals, n_options;
	char *const *operands; /* borrowed */
};
void cmk_recorded_done(struct cmk_recorded *r);
#define cleanup_recorded cleanup(cmk_recorded_done)
/* ARGV is borrowed and has to outlive *RET. -EINVAL where it is not such a command of this version.
 * *RET is zeroed by the caller. */
int cmk_recorded_parse(char *const *argv, struct cmk_recorded *ret, struct cmk_err *err);
/* The last value of the option NAME; "true" for a flag without one; NULL where it was not given. */
const char *cmk_recorded_value(const struct cmk_recorded *r, const char *name);
/* What the option -e NAME or NAME* (without a value) took from the environment of the command,
 * "NAME=VALUE", is added to *TO; GIVEN is what the container's record has. */
void cmk_recorded_env(const struct cmk_recorded_option *o, char *const *given, char ***to);
/* The global options that belong to the store and to how containers run in it, not to the one
 * command: owned words. ROOT and RUNROOT (may be NULL) stand for those recorded. */
char **cmk_recorded_globals(const struct cmk_recorded *r, const char *root, const char *runroot);
/* This very program, by a path that stays the same when it is upgraded: as it was called, where
 * that leads to it, else as the kernel knows it. Owned. */
int cmk_program_path(const char *argv0, char **ret, struct cmk_err *err);
