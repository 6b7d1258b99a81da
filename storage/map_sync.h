/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of id maps (mapped.c), and when what has one is on the disk. Paths are below the data
 * directory.
 */
#pragma once

#include "storage/storage.h"

enum map_state {
	MAP_ABSENT,
	MAP_HOLLOW,   /* not synced before the power went: as good as absent */
	MAP_UNSYNCED, /* complete, but would not be after a power cut */
	MAP_SYNCED,
};
enum map_state map_state(struct storage *st, const char *path);

/* Says of the new map MAP_FD that it is complete in this boot alone. */
int map_mark(int map_fd, struct cmk_err *err);
/* Gives the directory tmp/TMP the name PATH, or removes it where a map of this name is there. */
int map_name_it(struct storage *st, const char *tmp, const char *path, struct cmk_err *err);
/* Syncs a marked map, on return or behind the caller's back (forks). */
int map_sync(struct storage *st, const char *path, struct cmk_err *err);
void map_sync_later(struct storage *st, const char *path);
