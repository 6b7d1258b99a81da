/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` and `create` share: their option rows and what is made of the operands. */
#pragma once

#include "cmd/option.h"
#include "libpod/libpod.h"

struct create_args {
	struct container_options o; /* first: the rows' offsets are of it */
	bool rootfs;
	int remove; /* --rm, tristate */
	char **storage_opts;
	const char *isolation, *volume_driver; /* docker's; each has one value that counts here */
};
extern const struct cmk_option cmk_create_mount_options[];
extern const struct cmk_option cmk_create_options[];
/* Completes A->o from the operands and the whole command line. */
int cmk_create_finish(struct create_args *a, const struct cmk_globals *g, char **argv,
		      struct cmk_err *err);
