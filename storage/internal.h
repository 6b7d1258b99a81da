/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share.
 *
 * Locks, in this order: the storage lock (flock on the data directory, exclusive, for what changes
 * several objects: image records, removal, sweeps), then the claim (flock on layers/: shared while
 * a pull counts on layers that no image record names yet; exclusive and never waited for where
 * layers are removed). A directory below tmp/ is locked by whoever builds in it.
 */
#pragma once

#include <sys/stat.h>

#include "storage/storage.h"

#define STORAGE_VERSION 1
#define RECORD_MAX (8U << 20)

/* Takes the storage lock. *RET_FD is closed to give it back. */
int storage_lock(struct storage *st, int *ret_fd, struct cmk_err *err);
/* The same for what removes: gives up our own promise first, which would keep every layer, and
 * sweeps what killed commands have left. */
int storage_lock_to_remove(struct storage *st, int *ret_fd, struct cmk_err *err);
/* Promises that layers seen or made from now on are not collected, until storage_unclaim(). */
int storage_claim(struct storage *st, struct cmk_err *err);
void storage_unclaim(struct storage *st);

/* Makes and locks a new directory below tmp/, NAME of at least 32 bytes. */
int storage_tmp_make(struct storage *st, char name[static 32], int *ret_fd, struct cmk_err *err);
/* Removes it, in the parent user namespace where the plain way fails. */
void storage_tmp_remove(struct storage *st, const char *name);
/* Removes what nobody holds below tmp/. LOCKED: the storage lock is held, so that what is being
 * collected (and may be put back) can be told from what was left. */
void storage_tmp_sweep(struct storage *st, bool locked);

/* rm -rf below DIRFD: as the caller, and where files of subordinate ids are met in the parent user
 * namespace. */
int storage_remove_tree(struct storage *st, int dirfd, const char *name, struct cmk_err *err);

/* Chooses the run directory: *RET_PATH and an open descriptor. */
int storage_rundir_open(int root_fd, const char *root, const char *given, char **ret_path,
			struct cmk_err *err);

/* What is free for the data directory; UINT64_MAX where nobody can say. */
int storage_free_bytes(struct storage *st, uint64_t *ret, struct cmk_err *err);
/* As many open files as may be: each level of a deep tree holds a directory of each layer. For a
 * child. */
void storage_files_max(void);
/* Fewest rights for a child in the parent user namespace that reads layers. */
int storage_tree_confine(struct cmk_err *err);

static inline bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* artifact.c: what no name leads to goes; a kill or a power cut may have left it. Under the storage
 * lock. */
int artifacts_collect(struct storage *st, struct cmk_err *err);
/* Says in C which artifacts are damaged. */
int artifacts_check(struct storage *st, struct storage_check *c, struct cmk_err *err);

/* volume.c: the directory that volume_below() begins in. */
int volumes_base(const struct storage *st);
/* The path of the volume NAME there, owned. */
char *volume_below(const struct storage *st, const char *name);
/* The names of all volumes, sorted. */
int volumes_names(struct storage *st, char ***ret, struct cmk_err *err);

/* layer.c: what storage_layer_exists() says, without a promise. */
bool storage_layer_is_here(struct storage *st, const struct digest *diff_id);
/* netfs.c: the name of a network's file system whose statfs(2) says TYPE, on which only the server
 * may give files to others and no upper directory of an overlay can be; NULL where it is none. */
const char *netfs_name(uint64_t type);
/* The same of the data directory. */
const char *storage_netfs(struct storage *st);
/* mapped.c: whether the layer HEX is in this store, and no additional one. */
bool storage_layer_is_own(struct storage *st, const char *hex);
/* layer.c: its record and its directory, with what stat(2) says of that. -EBADMSG where they are
 * not as they should be, -ENOENT where it is not here. */
int storage_layer_look(struct storage *st, const struct digest *diff_id, struct stat *ret,
		       struct cmk_err *err);
/* layer_stream.c: all of its files against what was kept of its stream. -EBADMSG with a line for
 * each damage; -ENODATA where nothing was kept. */
int storage_layer_verify(struct storage *st, const struct digest *diff_id, struct cmk_err *err);
/* layer.c: its files are on the disk now, behind a storage_sync(). */
void storage_layer_synced(struct storage *st, const char *diff_id);

/* blobs.c: removes kept blobs of which USED says no. */
void blobs_drop_unused(struct storage *st, bool (*used)(const void *arg, const struct digest *d),
		       const void *arg);
/* Removes kept blobs until BYTES are free; whether they are. */
bool blobs_make_room(struct storage *st, uint64_t bytes);
