/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI runtime for bundles of others (`cmk oci`): no monitor, no storage, no parent user
 * namespace of ours. The caller's own namespaces are the host's; user namespaces are made or
 * joined as config.json says.
 *
 * Where nothing is joined, init is cloned by the caller itself. Else a set-up process joins, and
 * clones init as the caller's child (bundle_setup.c). What init does then, and in which order, says
 * bundle_init.c; how the process becomes what it is to be, bundle_process.c.
 */
#pragma once

#include "base/err.h"
#include "libpod/runtime/runtime.h"
#include "libpod/spec/bundle.h"

struct bundle_args {
	const struct bundle *bundle;
	const struct spec_process *process; /* the bundle's, or another */
	const char *id;
	int cgroup_fd;	     /* the container's group, or -1 */
	int other_cgroup_fd; /* of bundle_exec() alone: where that one takes no processes; or -1 */
	int seccomp_dirfd;   /* cache of compiled filters, or -1 */
	/* A listening socket (SOCK_SEQPACKET) on which init waits for bundle_start() of another
	 * process; -1: it waits for runtime_start() of the caller. */
	int start_fd;
	const int *preserve_fds; /* become 3, 4, … */
	size_t n_preserve_fds;
	bool no_pivot, keep_keyring;
	bool no_mount_fallback; /* what a bind mount's source forbids, and its options ask for, is
				   an error */
	/* Of bundle_exec() alone: the container's init. */
	pid_t target;
	int target_pidfd;
	/* A fifo, or NULL: the process is executed when it has been opened for reading. */
	const char *fifo_name;
	int fifo_dirfd;
};

/* As runtime_create(); the caller's stdin, stdout and stderr are the container's. Init outlives the
 * caller once this has returned. */
int bundle_create(const struct bundle_args *a, struct runtime_container *ret, struct cmk_err *err);
/* Lets an init go on that waits at the other end of CONN, as runtime_start(). */
int bundle_start(int conn, struct cmk_err *err);
/* As runtime_exec(). */
int bundle_exec(const struct bundle_args *a, struct runtime_container *ret, struct cmk_err *err);
