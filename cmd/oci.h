/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of `cmk oci` share. */
#pragma once

#include "cmd/commands.h"
#include "libpod/libpod.h"

/* Exit code of what failed, as runc's and crun's. */
#define EXIT_OCI_FAILED 1
/* The same of `oci exec`, as runc's: 1 is what many commands end with. */
#define EXIT_OCI_EXEC_FAILED 255

/* First member of each command's arguments: the rows' offsets are of it. */
struct oci_globals {
	const char *root, *log, *log_format, *cgroup_manager, *rootless;
	bool systemd_cgroup;
};
extern const struct cmk_option cmk_oci_globals[];

/* Where messages go, and what the options mean. */
int cmk_oci_begin(const struct cmk_globals *g, const struct oci_globals *o,
		  struct oci_settings *ret, struct cmk_err *err);
/* R is a command's result: what failed is logged, and has an exit code of its own. */
int cmk_oci_end(int r, struct cmk_err *err);
/* The words of `oci …` with the command's name in front of the options that runc and crun have
 * before it; an owned vector of borrowed words. ARGV begins with "oci". */
char **cmk_oci_words(int argc, char **argv);
/* What `cmk-oci --version` says. */
void cmk_oci_version(void);
