/* SPDX-License-Identifier: Apache-2.0 */
/* What a group uses (cgroup-v2.rst): for `stats`. */
#pragma once

#include "base/err.h"

struct cgroup_stats {
	bool has_cpu, has_memory, has_io, has_pids; /* the controller, or what the kernel tells
						       without it, is there */
	uint64_t cpu_ns, system_ns;		    /* CPU time; of it in the kernel */
	uint64_t memory, memory_limit;		    /* bytes; the limit 0: none */
	uint64_t io_read, io_written;		    /* bytes, all devices */
	uint64_t pids;				    /* threads too */
};
/* From the files of a group's directory; what is not there is not set. */
void cgroup_stats_read(int group_fd, struct cgroup_stats *ret);
