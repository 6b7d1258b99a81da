/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subordinate ids and the user's parent user namespace (user_namespaces(7), subuid(5),
 * newuidmap(1)).
 *
 * There is one parent user namespace per user, with the full map, in which no process stays. Every
 * container's user namespace nests below it. A running container leads back to it (ioctl_ns(2)
 * NS_GET_PARENT); where none runs, the next command makes a new one, under a lock in the run
 * directory. Nothing to migrate, no pause process.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "base/process.h"

struct id_range {
	uint32_t inside, outside, count;
};

struct id_map {
	struct id_range *range; /* owned */
	size_t n;
};

struct id_map_pair {
	struct id_map uids, gids;
};

/* Which maps this caller gets, and why. */
enum userns_mode {
	USERNS_SUBIDS,	   /* own id as 0, ranges from /etc/subuid above (or root with ranges) */
	USERNS_SINGLE,	   /* no ranges: one id, a warning says so */
	USERNS_ONE_TO_ONE, /* uid 0 without ranges: the ids of its own namespace, mapped one to one
			    */
	USERNS_INSIDE,	   /* the caller is in the parent namespace already (`cmk unshare`) */
};

struct userns_config {
	enum userns_mode mode;
	uid_t uid;
	gid_t gid;
	struct id_map uids, gids; /* parent namespace against the caller's: inside → outside */
	bool from_cache;
};

void userns_config_done(struct userns_config *c);
void id_map_done(struct id_map *m);
void id_map_pair_done(struct id_map_pair *p);
void id_map_add(struct id_map *m, uint32_t inside, uint32_t outside, uint32_t count);
/* The kernel's text form, "inside outside count" a line, and back (-EINVAL). Text is owned. */
char *id_map_text(const struct id_map *m);
int id_map_parse(const char *text, struct id_map *ret);
/* M (inside → PARENT's inside ids) cut where PARENT is cut: the kernel maps a line only within one
 * line of the parent's map. -EPERM where PARENT lacks an id. */
int id_map_split(const struct id_map *m, const struct id_map *parent, struct id_map *ret);
/* What cmk-subid prints: "u START COUNT" and "g START COUNT" lines, then "end". Appends to the
 * maps, which hold the caller's own id already. -EBADMSG for anything else. */
int userns_ranges_parse(const char *text, struct id_map *uids, struct id_map *gids);
/* Drops the cached ranges: the next command asks again. */
void userns_cache_forget(int run_fd);
/* Why NAME ("newuidmap", "newgidmap") cannot work here: missing, or without its privilege. 0 where
 * nothing is wrong with it. For `doctor`, and after a failure. */
int userns_check_helper(const char *name, struct cmk_err *err);

/* Ranges for the calling user, through the helper cmk-subid (libsubid), cached in
 * RUN_FD/subid-cache keyed by uid and the identity and mtimes of /etc/subuid, /etc/subgid and
 * /etc/nsswitch.conf; a damaged cache entry is asked for again. */
int userns_config_load(int run_fd, struct userns_config *ret, struct cmk_err *err);

/*
 * Moves the calling process (single-threaded) into the parent user namespace, as its root with all
 * capabilities: joins the existing one where a live hint leads to it, else makes one under a lock
 * (unshare + newuidmap/newgidmap, or by writing the map itself where it may). The process becomes a
 * hint itself until it ends, so that those who come after join the same namespace; a container's
 * init gets its own hint (userns_hint_add()) before the process that made it ends. Errors: ranges
 * but newuidmap missing or without its privilege is -EPERM with a hint; a namespace of another map
 * (the ranges changed under running containers) is -ESTALE. Nothing is held on return. Real,
 * effective and saved ids become 0 inside; groups are left. MAPPER (may be NULL): whom to ask, once
 * the namespace is made, for userns_write_parent(); without one a child is forked for it.
 */
struct userns_mapper {
	int (*ask)(void *arg, struct cmk_err *err);
	void *arg;
};
int userns_parent_enter(int run_fd, const struct userns_config *c,
			const struct userns_mapper *mapper, struct cmk_err *err);

/* Writes the maps of the parent namespace that PID has just made, by newuidmap and newgidmap or (as
 * root, or with USERNS_SINGLE) itself; called in another process, which is in the old namespace.
 * Blocks. */
int userns_write_parent(pid_t pid, const struct userns_config *c, struct cmk_err *err);

/* The user namespace right above that of PID, which PIDFD holds: a descriptor, or -errno. */
int userns_parent_of(pid_t pid, int pidfd);

/* Records PID (a container's init, whose user namespace nests below the parent) as a way back to
 * it: one small file RUN_FD/userns/PID. IN_PARENT: the caller is in the parent namespace itself,
 * and the hint says which that is. Stale files are swept by userns_parent_enter(). */
int userns_hint_add(int run_fd, pid_t pid, bool in_parent, struct cmk_err *err);
void userns_hint_remove(int run_fd, pid_t pid);

/* The caller is in the parent namespace, as root of it: a live hint says so. */
bool userns_is_parent(int run_fd);
/* The process with a hint that shares the caller's mount namespace in the parent namespace: the one
 * that `cmk unshare` became. -ESRCH outside of it. */
int userns_session(int run_fd, struct process_id *ret);

/*
 * Runs FN(ARG) in a child process inside the parent user namespace with a mount namespace of its
 * own where NEW_MOUNT_NS, waits, and brings its return value and error back. For work on files with
 * subordinate owners.
 */
int userns_run(int run_fd, const struct userns_config *c, bool new_mount_ns,
	       int (*fn)(void *arg, struct cmk_err *err), void *arg, struct cmk_err *err);

/* Writes the uid_map, gid_map (and setgroups where needed) of PID in one namespace below the
 * caller's: the nested map of a container. Splits ranges where the parent's map is split, or the
 * kernel answers EPERM. MAP is inside the child → inside the caller's namespace. */
int userns_write_nested(pid_t pid, const struct id_map *uids, const struct id_map *gids,
			const struct userns_config *parent, struct cmk_err *err);

/* The identity map of everything the parent namespace has (the default for containers). */
int userns_identity(const struct userns_config *c, struct id_map *uids, struct id_map *gids);
/* Translates an inside id to the caller's; -1 (as uint32_t) where it is not mapped. */
uint32_t id_map_to_outside(const struct id_map *m, uint32_t inside);
uint32_t id_map_to_inside(const struct id_map *m, uint32_t outside);
