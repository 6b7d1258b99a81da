/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup v2 groups (kernel Documentation/admin-guide/cgroup-v2.rst).
 *
 * The mount is found through /proc/self/mountinfo (hybrid hosts exist), the caller's own group
 * through /proc/self/cgroup. The delegated subtree is the highest ancestor of the caller's group in
 * which the user may make groups and move processes: its directory, cgroup.procs and
 * cgroup.subtree_control are writable. Each container gets the leaf DELEGATED/cmk-ID.scope;
 * its monitor stays in the group of the command that forked it. Processes that others put into the
 * delegated root are left where they are.
 */
#pragma once

#include "base/err.h"
#include "libpod/spec/spec.h"

struct cgroup_delegation {
	char *mount; /* "/sys/fs/cgroup", or NULL: no cgroup v2 here */
	char *root;  /* the group that it shows: "/", or its own of a container */
	char *path; /* delegated subtree below it ("/user.slice/…"), or NULL: nothing delegated */
	int fd;	    /* its directory (O_PATH does not do: groups are made below it), or -1 */
	char **controllers;  /* what the subtree's children may use */
	char *why;	     /* where nothing is delegated: one line for the user */
	bool limits_checked; /* cgroup_request_check_limits() has found that they can be had */
};
#define CGROUP_DELEGATION_INIT ((struct cgroup_delegation){ .fd = -1 })
void cgroup_delegation_done(struct cgroup_delegation *d);
/* Never fails for "nothing delegated": path is NULL then and why says so. */
int cgroup_delegation_find(struct cgroup_delegation *ret, struct cmk_err *err);

/* Makes the group NAME below the delegation and applies the limits. A limit whose controller is
 * missing is CMK_ERR_UNSUPPORTED naming the controller and how to delegate it; nothing is left
 * then. *RET_FD is its directory (for clone3), *RET_PATH its path below the mount (owned). */
int cgroup_create(const struct cgroup_delegation *d, const char *name,
		  const struct spec_resources *res, int *ret_fd, char **ret_path,
		  struct cmk_err *err);
/*
 * For groups that others name (config-linux.md#cgroups-path). Where PATH is, absolute: below the
 * mount; relative: below the delegation. *RET_MOUNT and *RET_PATH (owned) are NULL where there is
 * no cgroup v2, or nothing delegated for a relative one.
 */
int cgroup_place(const char *path, char **ret_mount, char **ret_path, struct cmk_err *err);
/* linux.cgroupsPath for systemd, "SLICE:PREFIX:NAME" as runc and crun have it: the scope
 * PREFIX-NAME.scope, of SLICE (NULL: the manager's default); owned. */
int cgroup_scope_parse(const char *path, char **ret_slice, char **ret_unit, struct cmk_err *err);
/* Makes the group PATH below MOUNT and what is missing above it, with all controllers that there
 * are, and applies the limits. *RET_FD is -1 where we may not and no limit asks for it. */
int cgroup_create_at(const char *mount, const char *path, const struct spec_resources *res,
		     int *ret_fd, struct cmk_err *err);
/* All processes of the group and of those below it, appended to *RET (owned). */
int cgroup_pids(int group_fd, pid_t **ret, size_t *ret_n, struct cmk_err *err);
/* Makes the group, which nobody else has made: -EEXIST; -errno. */
int cgroup_make_new(const char *mount, const char *path);
/* Gives the group to OWNER, with the files that a delegatee may write to (cgroup-v2.rst, "Model of
 * Delegation"): what the group limits stays ours. */
int cgroup_give(int group_fd, uid_t owner, struct cmk_err *err);
/* That there is no group yet which holds processes, or is frozen: -EBUSY. */
int cgroup_check_free(const char *mount, const char *path, struct cmk_err *err);
/* The group of process PID, which may have left the one that it was started in; -errno. */
int cgroup_open_of(const char *mount, pid_t pid);
/* Only the check: the same error that cgroup_create() would give, before anything is made. D
 * without a path refuses every limit. */
int cgroup_check_limits(const struct cgroup_delegation *d, const struct spec_resources *res,
			struct cmk_err *err);
/* Writes the limits into a new group's directory (or, in tests, a plain directory that looks like
 * one): at most one file for each. The scales of cgroup v1 are converted as crun(1) tells. */
int cgroup_apply(int group_fd, const struct spec_resources *res, char *const *controllers,
		 struct cmk_err *err);
/* Whether there is one that needs a group. */
bool cgroup_has_limits(const struct spec_resources *res);

/* Changes the limits of the group at PATH below MOUNT from BEFORE to AFTER; what is equal in both
 * stays as the group has it. A controller is enabled above it where needed; CMK_ERR_UNSUPPORTED
 * where it is not delegated. After a failure the group is as before. */
int cgroup_update(const char *mount, const char *path, const struct spec_resources *before,
		  const struct spec_resources *after, struct cmk_err *err);
int cgroup_kill(int group_fd,
		struct cmk_err *err); /* cgroup.kill, kernel 5.14; all processes below */
/* The group NAME below GROUP_FD, made where absent: its directory, or -errno. */
int cgroup_child(int group_fd, const char *name);
bool cgroup_frozen(int group_fd); /* as cgroup.events says */
bool cgroup_populated(int group_fd);
/* The number in FILE, behind NAME where each line has one; "max" is none: -EINVAL. */
int cgroup_value(int group_fd, const char *file, const char *name, uint64_t *ret);
int cgroup_memory_used(int group_fd, uint64_t *ret_memory, uint64_t *ret_swap); /* bytes */
int cgroup_oom_kills(int group_fd,
		     uint64_t *ret); /* oom_kill of memory.events; -ENOENT without the controller */
/* Writes cgroup.freeze and waits (at most 10 s) until cgroup.events says that it is so. */
int cgroup_freeze(int group_fd, bool freeze, struct cmk_err *err);
/* Opens a group by its recorded place; -ENOENT where it is gone. */
int cgroup_open(const char *mount, const char *path);
/* Removes the group with its sub-groups; kills what is left in it and waits (at most 10 s) for
 * cgroup.events to say that it is empty. A group that is gone already is success. */
int cgroup_remove(const char *mount, const char *path, struct cmk_err *err);
