/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of this directory. */
#pragma once

#include <sys/types.h>

#include "libpod/cgroup/cgroup.h"

/* Control files are written with one write(2), which the kernel takes or refuses whole. */
int control_write(int dirfd, const char *name, const char *value, struct cmk_err *err);
/* Its words (owned), or NULL. */
char **control_words(int dirfd, const char *name);
/* A process's path in the v2 hierarchy: the line "0::/path" of /proc/PID/cgroup (owned); PID 0 is
 * this one. NULL where there is none. */
char *group_of(pid_t pid);
/* Where D's mount shows it (borrowed of GROUP); NULL: out of its reach. */
const char *group_below_mount(const struct cgroup_delegation *d, const char *group);
/* Whether the user may make groups there and move processes. */
bool group_may_use(int fd);
/* Lets children of the delegated group use what the limits need. EBUSY: processes sit in the
 * delegated group itself. */
int limits_enable(const struct cgroup_delegation *d, const struct spec_resources *res,
		  struct cmk_err *err);
/* Below a scope of systemd, as crun names it. */
#define CONTAINER_GROUP "container"
/* The weights that RES asks for, as systemd's properties (property.h; owned). They count among
 * siblings: where the container's group is the only one in a scope they are the scope's as well. */
char **limits_weights(const struct spec_resources *res);
/* What is there of --cpus and its like, where it differs; what the kernel refuses stays as it is.
 */
void limits_change_quota(int group_fd, const struct spec_resources *before,
			 const struct spec_resources *after);
/* Writes those of them that differ. */
int limits_change_weights(int group_fd, const struct spec_resources *before,
			  const struct spec_resources *after, struct cmk_err *err);
/* Writes what differs between BEFORE and AFTER (either may be NULL: no limits). After a failure
 * some of it is written. */
int limits_change(int group_fd, const struct spec_resources *before,
		  const struct spec_resources *after, struct cmk_err *err);
