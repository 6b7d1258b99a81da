/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup v2 groups (kernel Documentation/admin-guide/cgroup-v2.rst).
 *
 * The mount is found through /proc/self/mountinfo (hybrid hosts exist), the caller's own group
 * through /proc/self/cgroup, and the delegated subtree is the highest ancestor whose directory,
 * cgroup.procs and cgroup.subtree_control the user may write. Each container gets
 * DELEGATED/cmk-ID.scope (leaf); processes of the caller found in the delegated root are left where
 * they are.
 */
#pragma once

#include "base/err.h"
#include "libpod/spec/spec.h"

struct cgroup_delegation {
	char *mount; /* "/sys/fs/cgroup", or NULL: no cgroup v2 */
	char *path;  /* delegated subtree below it, "/user.slice/…", or NULL: nothing delegated */
	int fd;	     /* its directory or -1 */
	char **controllers; /* usable by children */
	char *why;	    /* where nothing is delegated: one line for the user */
};
void cgroup_delegation_done(struct cgroup_delegation *d);
/* Never fails for "nothing delegated": path is NULL then. */
int cgroup_delegation_find(struct cgroup_delegation *ret, struct cmk_err *err);

/* Makes the group NAME, applies the limits. A limit whose controller is missing is
 * CMK_ERR_UNSUPPORTED naming controller and how to delegate it. *RET_FD is its directory (for
 * clone3), *RET_PATH its path below the mount (owned). */
int cgroup_create(const struct cgroup_delegation *d, const char *name,
		  const struct spec_resources *res, int *ret_fd, char **ret_path,
		  struct cmk_err *err);
/* Writes limits into an existing group directory (also a plain directory that looks like one, in
 * tests). */
int cgroup_apply(int group_fd, const struct spec_resources *res, char *const *controllers,
		 struct cmk_err *err);
int cgroup_kill(int group_fd, struct cmk_err *err); /* cgroup.kill, kernel 5.14 */
int cgroup_freeze(int group_fd, bool frozen, struct cmk_err *err);
int cgroup_oom_kills(int group_fd,
		     uint64_t *ret); /* memory.events oom_kill; -ENOENT without the controller */
/* Opens by recorded path; -ENOENT where it is gone. */
int cgroup_open(const char *mount, const char *path);
/* Removes the group, with sub-groups; kills first what is left, waits for cgroup.events populated 0
 * by poll (bounded). */
int cgroup_remove(const char *mount, const char *path, struct cmk_err *err);
