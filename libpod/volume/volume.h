/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes as their users see them.
 */
#pragma once

#include "libpod/record/volume_users.h"

/* `volume create`. */
struct volume_options {
	const char *driver;
	char *const *labels, *const *options; /* "KEY=VALUE" */
	uint32_t uid, gid;
	bool ignore; /* one that exists is as good */
};
/* NAME NULL: a random one. *RET_NAME is owned. */
int volume_create(struct storage *st, const char *name, const struct volume_options *o,
		  char **ret_name, struct cmk_err *err);
/* For a container that asks for it: the volume NAME. -EEXIST where there is one. */
int volume_make(struct storage *st, const char *name, const struct volume_options *o,
		bool anonymous, bool durable, struct cmk_err *err);

/* Removes a volume. CMK_ERR_IN_USE where containers use it and FORCE is not given; with it they are
 * removed first, stopped within TIMEOUT_MS. */
int volume_remove(struct storage *st, const char *name, bool force, int64_t timeout_ms,
		  struct cmk_err *err);
/* storage_volume_find(), in the words of an export or import. */
int volume_find(struct storage *st, const char *name, struct volume_record *ret,
		struct cmk_err *err);
/* The files as a tar archive to OUT_FD; -EPIPE where nobody reads. */
int volume_export(struct storage *st, const char *name, int out_fd, struct cmk_err *err);
/* The files of a tar archive, hostile and perhaps compressed, from IN_FD into the volume. */
int volume_import(struct storage *st, const char *name, int in_fd, struct cmk_err *err);
