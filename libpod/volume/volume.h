/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes as their users see them: which containers use one, and its removal with these.
 */
#pragma once

#include "base/err.h"
#include "storage/storage.h"

struct container_config;

/* The names of the volumes that containers use, each with the IDs of its containers: read from all
 * records, once. */
struct volume_users {
	char **volume;	  /* N names, sorted */
	char **container; /* N full ids */
	size_t n;
};
int volume_users_load(struct storage *st, struct volume_users *ret, struct cmk_err *err);
void volume_users_done(struct volume_users *u);
/* How many containers use NAME; their ids, comma-separated, in *RET_IDS (owned; may be NULL). */
size_t volume_users_of(const struct volume_users *u, const char *name, char **ret_ids);

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

/* Removes a volume. CMK_ERR_IN_USE where containers use it and FORCE is not given; with it they are
 * removed first, stopped within TIMEOUT_MS. */
int volume_remove(struct storage *st, const char *name, bool force, int64_t timeout_ms,
		  struct cmk_err *err);
/* The same for one that nobody uses; 1 where it is in use. */
int volume_remove_unused(struct storage *st, const char *name, bool durable, struct cmk_err *err);
/* The files as a tar archive to OUT_FD; -EPIPE where nobody reads. */
int volume_export(struct storage *st, const char *name, int out_fd, struct cmk_err *err);
/* The files of a tar archive, hostile and perhaps compressed, from IN_FD into the volume. */
int volume_import(struct storage *st, const char *name, int in_fd, struct cmk_err *err);
void volume_event(struct storage *st, const char *status, const char *name);

/* The file in a container's directory that names, a line each, the anonymous volumes that go with
 * it when it is erased. */
#define CONTAINER_ANONYMOUS_FILE "anonymous-volumes"
/* Writes that file from CFG (`rm -v`), or removes it: they stay. DIRFD: the container's. */
int container_volumes_mark(int dirfd, const struct container_config *cfg, bool go,
			   struct cmk_err *err);
/* For who erases container ID, whose record is gone: removes the volumes that its file names,
 * where no other container uses them. */
int container_volumes_erase(struct storage *st, const char *id, struct cmk_err *err);
