/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which containers use a volume, and what goes with them.
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

/* Removes a volume that nobody uses; 1 where it is in use, with the ids of who does (owned;
 * RET_IDS may be NULL). */
int volume_remove_unused(struct storage *st, const char *name, bool durable, char **ret_ids,
			 struct cmk_err *err);
/* LABELS, "KEY=VALUE", become attributes; NULL: none. */
void volume_event(struct storage *st, const char *status, const char *name, char *const *labels);

/* The file in a container's directory that names, a line each, the anonymous volumes that go with
 * it when it is erased. */
#define CONTAINER_ANONYMOUS_FILE "anonymous-volumes"
/* Writes that file from CFG (`rm -v`), or removes it: they stay. DIRFD: the container's. */
int container_volumes_mark(int dirfd, const struct container_config *cfg, bool go,
			   struct cmk_err *err);
/* For who erases container ID, whose record is gone: removes the volumes that its file names,
 * where no other container uses them. */
int container_volumes_erase(struct storage *st, const char *id, struct cmk_err *err);
