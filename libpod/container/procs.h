/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a running container, for `top`: read from /proc of the host (proc(5)), ids and
 * pids as the container sees them. Nothing of the container is executed.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "libpod/record/record.h"

enum process_caps {
	PROCESS_CAP_INH,
	PROCESS_CAP_PRM,
	PROCESS_CAP_EFF,
	PROCESS_CAP_BND,
	PROCESS_CAP_AMB,
	N_PROCESS_CAPS
};

struct container_process {
	pid_t host_pid;
	int64_t pid, ppid, pgid;       /* in the container; ppid 0 where the parent is outside */
	uint32_t uid, euid, gid, egid; /* of the host: as we see them */
	uint32_t inside_euid;	       /* in the container; UINT32_MAX where it has none there */
	uint32_t *groups;	       /* owned */
	size_t n_groups;
	/* In the container: names of its own files, else numbers; owned. */
	char *user, *ruser, *group, *rgroup, **group_names;
	char *comm, *args, *label; /* owned; no control characters; label NULL: none */
	char state;
	int64_t nice;
	int tty;     /* device number; 0: none */
	int seccomp; /* 0 disabled, 1 strict, 2 filter */
	uint64_t caps[N_PROCESS_CAPS];
	int64_t cpu_ns, elapsed_ns; /* user and system time; since its start */
	uint64_t vsz, rss;	    /* bytes */
};
/* By pid. -ESRCH, CMK_ERR_STATE where it does not run. Processes that end meanwhile are left out.
 */
int container_processes(struct container *c, struct container_process **ret, size_t *ret_n,
			struct cmk_err *err);
void container_processes_free(struct container_process *list, size_t n);
