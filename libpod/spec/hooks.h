/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hook directories (oci-hooks(5), version 1.0.0): files NAME.json, each of which says what program
 * is to be called at which stages of which containers.
 */
#pragma once

#include "libpod/spec/spec.h"

/* As one file says it. */
struct hook_file {
	struct spec_hook hook;
	bool has_always, always, has_binds_asked, binds_asked;
	char **annotations; /* key pattern, value pattern, … */
	char **commands;    /* patterns of the first word */
	char **stages;
	bool any; /* of version 0.1.0: one condition that holds is enough */
};
/* Text of a file; patterns are checked (base/pattern.h), the program is not. */
int hook_file_parse(const char *text, size_t len, struct hook_file *ret, struct cmk_err *err);
void hook_file_done(struct hook_file *f);
/* 1 where S, with bind mounts of the user's or without, is meant, else 0: all conditions must hold
 * (of version 0.1.0 one), and there must be one. Fails with the errors of pattern_matches(). */
int hook_file_matches(const struct hook_file *f, const struct spec *s, bool has_binds,
		      struct cmk_err *err);

/* Reads DIRS (NULL: the default ones) and adds to S what is meant for it, in the order of the
 * files' names. A file hides the one with its name in a directory before it. A directory that does
 * not exist is empty. */
int hooks_add(struct spec *s, char *const *dirs, bool has_binds, struct cmk_err *err);
