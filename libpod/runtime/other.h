/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another OCI runtime in the place of ours (--runtime crun, runc, runsc, a path): it is given a
 * bundle and makes the container of it, as its command line has been agreed upon by all of them.
 *
 * runtime_create() and runtime_exec() with `other` set fork the set-up process as ever. It enters
 * the parent user namespace and a mount namespace of its own, makes there what only cmk knows (the
 * root file system, volumes, secrets, the user's name looked up), on a small tmpfs that goes with
 * it, writes config.json of what is left, and calls `RUNTIME create`. The monitor is the subreaper:
 * the container's process becomes its child when the runtime's command ends, and is looked after
 * like any other. The runtime's state lies in RUN/containers/ID/runtime.
 */
#pragma once

#include "libpod/runtime/runtime.h"

/* The program of the runtime NAME: a path, or one of KNOWN ("NAME=PATH"), or found in $PATH and the
 * usual directories. *RET is owned; NULL where it is our own program, called cmk. */
int runtime_other_find(const char *name, char *const *known, char **ret, struct cmk_err *err);
/* crun, or cmk-oci: they can be told to make no control group, and set a personality. */
bool runtime_other_is_crun(const char *program);
/* What `PROGRAM --version` prints, without the last end of line (owned); NULL where it fails or
 * takes longer than 5 s. Forks and blocks. */
char *runtime_other_version(const char *program);
/* `RUNTIME start`: as runtime_start(). FLAGS: as in runtime_create_args. */
int runtime_other_start(struct storage *st, const char *id, const char *program, char *const *flags,
			struct cmk_err *err);
/* `RUNTIME delete --force`: what it keeps about a container that has ended. */
int runtime_other_delete(struct storage *st, const char *id, const char *program,
			 char *const *flags, struct cmk_err *err);
