/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices a group may use: by a program at the group (cgroup-v2.rst, "Device controller"). */
#pragma once

#include "base/err.h"

enum cgroup_device_access { DEVICE_MKNOD = 1 << 0, DEVICE_READ = 1 << 1, DEVICE_WRITE = 1 << 2 };

struct cgroup_device_rule {
	bool allow;
	char type;	      /* 'b', 'c', or 'a': both */
	int64_t major, minor; /* -1: any */
	enum cgroup_device_access access;
};
/*
 * The last rule that fits decides; nothing else is allowed. What every container has (null, zero,
 * full, random, urandom, tty, its terminals, making of nodes) stands behind RULES. It takes root of
 * the machine: CMK_ERR_DENIED without.
 */
int cgroup_devices(int group_fd, const struct cgroup_device_rule *rules, size_t n,
		   struct cmk_err *err);
