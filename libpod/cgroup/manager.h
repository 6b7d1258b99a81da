/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who makes the groups of containers (--cgroup-manager), and for whom (--cgroups, --cgroup-parent).
 *
 * cgroupfs: cmk itself, DELEGATED/cmk-ID.scope (or PARENT/cmk-ID.scope); the monitor stays where
 * its command is.
 *
 * systemd: the user's manager makes cmk-ID.scope, delegated, with the monitor in it, so that both
 * outlive the session or the unit which they come from. The container's own group is
 * cmk-ID.scope/container, and the monitor, which no limit is for, in cmk-ID.scope/monitor. What cmk
 * writes is all below the delegated scope: the scope itself and all above it stay systemd's, but
 * for the weights, which count among siblings: they are properties of the scope, which `update` has
 * systemd change. It stays over restarts by the container's policy, and is collected by systemd
 * when it gets empty.
 *
 * Unless one is asked for it is systemd where its socket is there, else cgroupfs.
 */
#pragma once

#include "libpod/cgroup/cgroup.h"
#include "libpod/cgroup/scope.h"

enum cgroup_mode {
	CGROUPS_ENABLED,
	CGROUPS_DISABLED,  /* no group: that of the monitor */
	CGROUPS_NO_CONMON, /* none for the monitor */
	CGROUPS_SPLIT,	   /* SUPERVISOR_GROUP and one for the container, below the caller's own */
};
/* NULL and "": enabled. */
int cgroup_mode_parse(const char *text, enum cgroup_mode *ret, struct cmk_err *err);

/* What a container asks for; all but ID borrowed and may be NULL. */
struct cgroup_request {
	const char *id, *name;
	const char *manager; /* NULL: as cgroup_manager_set() said */
	const char *parent;
	enum cgroup_mode mode;
};
/* For the whole process: "systemd", "cgroupfs" or NULL (by probing). NAME is borrowed. */
int cgroup_manager_set(const char *name, struct cmk_err *err);
const char *cgroup_manager_asked(void);
/* The name of the one that would be used; "none" where no group would be made. D is as
 * cgroup_delegation_find() gave it. */
const char *cgroup_manager_choice(const char *asked, const struct cgroup_delegation *d);
/* All that can be said beforehand: the manager is there, it has such a parent, the limits can be
 * applied. Asks nobody but the kernel. D is as cgroup_delegation_find() gave it; without a parent
 * cgroup_request_check() takes NULL. */
int cgroup_request_check(const struct cgroup_request *q, const struct cgroup_delegation *d,
			 struct cmk_err *err);
int cgroup_request_check_limits(const struct cgroup_request *q, struct cgroup_delegation *d,
				const struct spec_resources *res, struct cmk_err *err);
/* As cgroup_delegation_find(), but where systemd would be used what a scope of its can have. Never
 * fails for "nothing delegated". */
int cgroup_manager_delegation(const char *asked, struct cgroup_delegation *ret,
			      struct cmk_err *err);

/* The group of one run. */
struct cgroup_group {
	const char *manager; /* "systemd", "cgroupfs", or NULL: there is no group */
	char *mount, *path;
	int fd;
	bool in_scope; /* made for this run: systemd has given an answer */
	struct scope_holder holder;
};
#define CGROUP_GROUP_INIT ((struct cgroup_group){ .fd = -1, .holder = SCOPE_HOLDER_INIT })
/*
 * Makes the group of Q with the limits RES, by D and D's manager. The caller is the monitor, and is
 * moved where the mode says so. Without limits and where no group can be had *RET has none, and a
 * warning tells why. Once a process of the container's is in it cgroup_group_settled() lets the
 * scope's first inhabitant go.
 */
int cgroup_group_make(const struct cgroup_request *q, const struct cgroup_delegation *d,
		      const struct spec_resources *res, struct cgroup_group *ret,
		      struct cmk_err *err);
void cgroup_group_settled(struct cgroup_group *g);
/* The group of a container in a new scope UNIT of SLICE (NULL: the manager's default) with further
 * PROPERTIES (property.h), whatever the
 * manager that was asked for; the caller stays where it is. Until cgroup_group_settled() a helper
 * keeps the scope. -EOPNOTSUPP: no systemd is there. */
int cgroup_scope_make(const char *unit, const char *slice, const char *description,
		      char *const *properties, const struct spec_resources *res,
		      struct cgroup_group *ret, struct cmk_err *err);
/* Has systemd know of the limits of the scope around the group PATH, which it would take away
 * otherwise, and says so to who asks it: what of them changes. PATH's own are not changed. */
int cgroup_scope_limit(const char *mount, const char *path, const struct spec_resources *before,
		       const struct spec_resources *after, struct cmk_err *err);
/* Lets go of it, settled; it stays. */
void cgroup_group_done(struct cgroup_group *g);
/* Removes it as cgroup_remove() does, not the scope around it; *G is empty after. */
int cgroup_group_remove(struct cgroup_group *g, struct cmk_err *err);
/* Removes a recorded one, for who is not in it, and what of its scope no systemd is there to
 * collect. */
int cgroup_place_remove(const char *mount, const char *path, struct cmk_err *err);
/* Where a group that was never recorded would be; by cgroupfs alone, since systemd collects its
 * own. */
void cgroup_stray_remove(const struct cgroup_request *q);
/* For an exec session: the caller moves itself, where it needs to, to where it may start processes
 * in the group PATH. Best effort: clone3(2) tells where it was not enough. */
void cgroup_approach(const char *mount, const char *path, const char *session, const char *name);
