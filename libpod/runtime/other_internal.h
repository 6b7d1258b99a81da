/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts that call another runtime share. */
#pragma once

#include "libpod/runtime/internal.h"
#include "libpod/runtime/other.h"

/* --- other.c --- */
int other_create_setup(struct runtime_job *job, struct cmk_err *err);
int other_exec_setup(struct runtime_job *job, struct cmk_err *err);

/* --- other_spec.c --- */
/* Where the set-up process has put what it made: PLACE/rootfs, PLACE/mount-N and PLACE/init. */
#define OTHER_ROOTFS "rootfs"
#define OTHER_MOUNT "mount-"
#define OTHER_INIT "init"
/* Whether the set-up process makes the mount M itself, and the runtime binds it. */
bool other_mounts_itself(const struct spec *s, const struct spec_mount *m);
/* Writes config.json into PLACE_FD, which is at PLACE. SECCOMP: the text of linux.seccomp, or NULL.
 * WHO: the user, looked up. */
int other_write_config(const struct runtime_job *job, const struct identity *who, const char *place,
		       int place_fd, const char *seccomp, struct cmk_err *err);
/* The same of process.json. */
int other_write_process(const struct runtime_job *job, const struct identity *who, int place_fd,
			struct cmk_err *err);
