/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of libpod/copy share. */
#pragma once

#include <sys/stat.h>

#include "libpod/libpod.h"

/* A container whose files are looked at. */
struct copy_source {
	bool running;
	int lock; /* held while one that does not run is looked at, or -1 */
	struct spec *spec;
	struct rootfs_plan plan;
	struct id_map uids, gids; /* empty: ids are those of the parent user namespace */
};
/* MOUNT: one that does not run will be mounted. */
int copy_source_open(struct container *c, bool mount, struct copy_source *ret, struct cmk_err *err);
void copy_source_done(struct copy_source *s);
/* For a tar stream of S: with MARKS, or as a whole. */
struct storage_pack_options copy_pack_options(const struct copy_source *s, bool marks);
/* Writes the event STATUS of C. */
void copy_write_event(struct container *c, const char *status);
/* Files that cmk puts there, which are no change of the container. */
bool copy_is_own_place(const char *path);

/* --- freeze.c --- */

/* A frozen group and who thaws it. */
struct copy_freeze {
	int group; /* or -1: nothing is frozen */
	int hold;  /* closed, by us or by our death, it lets the guard thaw the group */
	pid_t guard;
};
#define COPY_FREEZE_INIT                \
	{                               \
		.group = -1, .hold = -1 \
	}
/* What is paused already stays so, and what has no group of its own goes on. */
int copy_freeze(const struct container *c, struct copy_freeze *ret, struct cmk_err *err);
void copy_thaw(struct copy_freeze *f);

/* --- path.c: names at one end, in a process whose root is that end's --- */

struct copy_path {
	int parent; /* the directory in which NAME is or would be */
	char *name; /* "." for the directory itself */
	bool exists, must_be_dir;
	struct stat st; /* where it exists; never of a link that is to be followed */
};
/* Links on the way and, with FOLLOW, at the end are taken below ROOT_FD. The parent must exist:
 * -ENOENT. HOST: as the host's own paths are taken. */
int copy_path_resolve(int root_fd, const char *path, bool follow, bool host, struct copy_path *ret);
void copy_path_done(struct copy_path *p);
/* The path names what is in a directory: "x/.", ".", "/". */
bool copy_path_is_contents(const char *path);

/* --- world.c --- */

/* Moves the calling process to where C's files are: into the namespaces of a running one, or a
 * mount of its own; its root directory is the container's after. */
int copy_world_enter(struct container *c, const struct copy_source *s, struct cmk_err *err);
