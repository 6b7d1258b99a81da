/* SPDX-License-Identifier: Apache-2.0 */
/* What a group uses (cgroup-v2.rst): for `stats`. */
#pragma once

#include "base/err.h"

/* How long tasks waited for a resource (kernel Documentation/accounting/psi.rst): shares of time in
 * hundredths of a percent over 10, 60 and 300 s, and all of it in microseconds. */
struct cgroup_pressure_line {
	uint32_t avg10, avg60, avg300;
	uint64_t total;
};
struct cgroup_pressure {
	bool has;
	struct cgroup_pressure_line some, full; /* some tasks, or all at once */
};
enum cgroup_pressure_kind { PRESSURE_CPU, PRESSURE_MEMORY, PRESSURE_IO, N_PRESSURES };

struct cgroup_stats {
	bool has_cpu, has_memory, has_io, has_pids; /* the controller, or what the kernel tells
						       without it, is there */
	uint64_t cpu_ns, system_ns;		    /* CPU time; of it in the kernel */
	uint64_t memory, memory_limit;		    /* bytes; the limit 0: none */
	uint64_t io_read, io_written;		    /* bytes, all devices */
	uint64_t pids;				    /* threads too */
	struct cgroup_pressure pressure[N_PRESSURES];
};
/* The text of a *.pressure file; false where it is none. */
bool cgroup_pressure_parse(const char *text, struct cgroup_pressure *ret);
/* From the files of a group's directory; what is not there is not set. */
void cgroup_stats_read(int group_fd, struct cgroup_stats *ret);
