/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI runtime: makes a container's namespaces, mounts and process from a spec.
 *
 * Called by the monitor (single-threaded, host's namespaces, the user's own id). runtime_create()
 * forks a set-up process that enters the parent user namespace, joins from there what is to be
 * joined (two lists: namespaces to join, then namespaces to make), and clones the container's init
 * with CLONE_PARENT, so that init is the monitor's child. Init does everything up to exec and
 * stops; runtime_start() lets it exec. Order inside init: see runtime/init.c. Stages talk
 * over one SOCK_SEQPACKET pair; end-of-file where a message was due is an error that names the
 * stage.
 */
#pragma once

#include "base/err.h"
#include "libpod/spec/spec.h"
#include "storage/storage.h"

/* A namespace that is joined instead of made: FD is of the namespace (nsfs) or a pidfd of a process
 * in it, opened and checked by the caller, who keeps it. For each of the spec's namespaces with a
 * path there is one. All but ns:PATH's must be below the user's parent user namespace. */
struct runtime_join {
	const char *type; /* "pid", as in the spec */
	int fd;
	bool is_pidfd;
};

struct runtime_create_args {
	struct storage *st;
	const char *id;
	const struct spec *spec;
	const struct runtime_join *joins;
	size_t n_joins;
	const struct rootfs_plan *rootfs;
	int stdio[3]; /* without a terminal: what becomes 0, 1, 2 of the container (borrowed); -1 is
			 /dev/null */
	int cgroup_fd;				/* the container's group (clone3 into it), or -1 */
	const char *cgroup_mount, *cgroup_path; /* its place; NULL: there is none */
	const char *other;	  /* program of another runtime (see other.h), or NULL: our own */
	char *const *other_flags; /* of it, "--debug"; may be NULL */
	bool want_tap;		  /* make and configure tap0 in the new network namespace */
	const int *preserve_fds;  /* become 3, 4, … */
	size_t n_preserve_fds;
};

struct runtime_container {
	pid_t pid; /* init, a child of the caller */
	int pidfd;
	int console_fd; /* master side of the pty, or -1 */
	int tap_fd;	/* or -1 */
	int sync_fd;	/* to init */
};
#define RUNTIME_CONTAINER_INIT       \
	((struct runtime_container){ \
		.pid = -1, .pidfd = -1, .console_fd = -1, .tap_fd = -1, .sync_fd = -1 })

/* Errors of kinds CMK_ERR_CANNOT_EXEC (126: also unknown user, unusable workdir) and
 * CMK_ERR_CMD_NOT_FOUND (127) where known before exec. On failure nothing is left: init is killed
 * and reaped. */
int runtime_create(const struct runtime_create_args *a, struct runtime_container *ret,
		   struct cmk_err *err);
/* Lets init exec; returns 0 once exec has succeeded (the close-on-exec socket closed), else the
 * error. Also 0 where init was killed before that: its pidfd tells, as of any other end. */
int runtime_start(struct runtime_container *c, struct cmk_err *err);
/* The same, without waiting for how it goes. */
int runtime_release(struct runtime_container *c, struct cmk_err *err);
void runtime_container_done(struct runtime_container *c); /* closes descriptors; kills nothing */

struct runtime_exec_args {
	struct storage *st;	 /* for the cache of seccomp filters; NULL: compiled each time */
	const char *id;		 /* the container's */
	pid_t target;		 /* its init */
	int target_pidfd;	 /* held by the caller: what is joined */
	const struct spec *spec; /* the container's; process is replaced by: */
	const struct spec_process *process;
	const char *user_text; /* -u as typed, resolved inside the container; NULL: the container's
				  user */
	bool privileged;
	const char *other; /* the program that made the container; NULL: we did */
	char *const *other_flags;
	int stdio[3];
	int cgroup_fd;
	const int *preserve_fds;
	size_t n_preserve_fds;
};
/* Starts a process inside the running container; a child of the caller. Same error kinds. RET's
 * console_fd is set with a terminal. */
int runtime_exec(const struct runtime_exec_args *a, struct runtime_container *ret,
		 struct cmk_err *err);

/* "user[:group]" by name or number, looked up in ROOT_FD's /etc/passwd and /etc/group (opened
 * inside the root, regular files, capped). Strict: "1:", ":1", "1x", 4294967296, -1 are errors
 * (CVE-2026-30892). Fills uid, gid, additional_gids; *RET_HOME owned. The init calls it inside the
 * container, after pivot_root, when the spec's user.username is set ("user text"). */
int runtime_user_lookup(int root_fd, const char *text, char *const *group_add,
			struct spec_user *ret, char **ret_home, struct cmk_err *err);
