/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts that set a bundle up share. */
#pragma once

#include "libpod/runtime/bundle.h"
#include "libpod/runtime/internal.h"

/* --- bundle_setup.c --- */
/* Opens the namespace PATH, after a look that it is one of TYPE. A descriptor or a negative errno.
 */
int bundle_namespace_open(const struct spec_namespace *n, struct cmk_err *err);

/* Joins what is not joined yet, but for user and cgroup namespaces. Not AGAIN: what we may not is
 * left. */
int bundle_join(struct runtime_job *job, bool again, struct cmk_err *err);

/* --- bundle_init.c --- */
void bundle_init_main(struct runtime_job *job) cmk_noreturn;

/* --- bundle_mount.c --- */
/* As the caller: id-mapped mounts take its rights over the file systems (mount_setattr(2)). */
int bundle_idmapped(struct runtime_job *job, struct cmk_err *err);
/* As init, before it becomes root of its user namespace: the bundle's root and the sources of bind
 * mounts, as who called us may reach them. */
int bundle_sources(struct runtime_job *job, struct cmk_err *err);
/* As root of it: the bundle's root, where only that one reaches it. */
int bundle_root_open(struct runtime_job *job, struct cmk_err *err);
/* The pty, as /dev/console of the container. */
int bundle_terminal(struct runtime_job *job, struct mount_context *c, int *ret_slave,
		    struct cmk_err *err);

/* --- bundle_device.c --- */
/* As the caller: what only root of the machine can make for a user namespace. */
int bundle_devices_outside(struct runtime_job *job, struct cmk_err *err);
void bundle_devices_done(struct runtime_job *job);
/* /dev of the container: the default devices, the spec's, links. */
int bundle_devices(struct mount_context *c, struct cmk_err *err);

/* --- bundle_process.c --- */
/* On which CPUs the caller and its children run: process.execCPUAffinity.FIELD; nothing for NULL.
 */
int bundle_affinity(const char *cpus, const char *field, struct cmk_err *err);
/* From a finished root to exec. Returns only on failure. */
int bundle_become(struct runtime_job *job, int root_fd, int slave_fd, struct cmk_err *err);
