/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of libpod/oci. */
#pragma once

#include "base/process.h"
#include "libpod/oci/oci.h"
#include "libpod/runtime/bundle.h"

#define OCI_START_SOCKET "start.sock"

struct oci_record {
	int schema;
	char *id, *bundle, *rootfs, *created, *owner, *oci_version;
	char *cgroup_mount, *cgroup; /* where its group is, or is to be; NULL: none */
	char **annotations;
	/* Who makes it, until it is made; init from then on. */
	int creator_pid, pid;
	uint64_t creator_start, start;
	bool systemd;	  /* the group is one of a scope */
	bool shares_pids; /* it has no pid namespace of its own: its end is not its processes' */
};

struct oci_container {
	int root_fd, dir_fd; /* the directory's lock is held where it was asked for */
	struct oci_record rec;
};
#define OCI_CONTAINER_INIT ((struct oci_container){ .root_fd = -1, .dir_fd = -1 })
void oci_container_done(struct oci_container *c);

/* Root of the machine, and not of a user namespace. */
bool oci_is_machine_root(void);
/* The root directory, made where MAKE; it must be ours. */
int oci_root_open(const struct oci_settings *set, bool make, struct cmk_err *err);
/* Makes the directory of a new container, locked. */
int oci_container_new(const struct oci_settings *set, const char *id, struct oci_container *ret,
		      struct cmk_err *err);
int oci_container_open(const struct oci_settings *set, const char *id, bool lock,
		       struct oci_container *ret, struct cmk_err *err);
/* After its lock was let go: false where it was removed meanwhile. */
bool oci_container_relock(const struct oci_container *c);
int oci_container_save(const struct oci_container *c, struct cmk_err *err);
/* The directory and all in it. */
int oci_container_remove(struct oci_container *c, struct cmk_err *err);
enum oci_status oci_container_status(const struct oci_container *c);
struct process_id oci_container_init(const struct oci_container *c);
/* Its group's directory, or -1. */
int oci_container_group(const struct oci_container *c);
/* The copy of its config.json. */
int oci_container_bundle(const struct oci_container *c, struct bundle **ret, struct cmk_err *err);
/* -EINVAL, CMK_ERR_STATE: "container 'x' is created, not running". */
int oci_wrong_status(const struct oci_container *c, const char *wanted, struct cmk_err *err);
/* The limits that are in force, where `update` changed them: into B; and from there. */
int oci_resources_load(const struct oci_container *c, struct bundle *b, struct cmk_err *err);
int oci_resources_save(const struct oci_container *c, const struct bundle *b, struct cmk_err *err);
int oci_hooks(const struct oci_container *c, const struct bundle *b, enum spec_hook_stage stage,
	      const char *status, struct cmk_err *err);
/* Ends what is left, calls poststop, takes the group and the directory away. */
int oci_container_destroy(struct oci_container *c, struct cmk_err *err);

/* --- attach.c --- */
int oci_pid_file(const char *path, pid_t pid, struct cmk_err *err);
/* Hands the master of a terminal to who listens at PATH; or a pidfd. */
int oci_console_send(const char *path, int master, struct cmk_err *err);
int oci_pidfd_send(const char *path, int pidfd, struct cmk_err *err);
/* Waits for the child PID, passing on signals and (MASTER 0 or more) what its terminal says.
 * Returns the exit code. */
int oci_attend(pid_t pid, int pidfd, int master, struct cmk_err *err);
/* Descriptors from 3 on that the process keeps: N, and those of $LISTEN_FDS; owned. */
int oci_preserve_fds(uint32_t n, int **ret, size_t *ret_n, struct cmk_err *err);
