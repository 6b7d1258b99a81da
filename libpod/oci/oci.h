/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cmk oci`: an OCI runtime for others (runtime-spec runtime.md), with the commands of runc(8) and
 * crun(1). No process of ours stays: init waits in the container for its start.
 *
 * Below the root directory each container has one of its own: `state.json`, a copy of config.json,
 * and, until it is started, the socket on which init waits. The record says "running" of nothing:
 * what is true of a process is asked for by pid and start time, and "created" is a socket that is
 * there. Whoever changes a container holds the lock of its directory; readers take none.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "libpod/option/optlimit.h"
#include "libpod/spec/bundle.h"

enum oci_status { OCI_CREATING, OCI_CREATED, OCI_RUNNING, OCI_PAUSED, OCI_STOPPED };
const char *oci_status_name(enum oci_status s);

struct oci_settings {
	const char *root; /* NULL: $XDG_RUNTIME_DIR/cmk-oci, or /run/cmk-oci for root */
	const char
		*store; /* of `cmk --root`: its directory "oci", where there is no root; or NULL */
	bool systemd_cgroup;
	bool no_cgroup;
	int rootless; /* -1: as it is seen */
};

struct oci_create {
	const char *id, *bundle, *config, *pid_file, *console_socket, *pidfd_socket;
	uint32_t preserve_fds;
	bool no_pivot, no_new_keyring, no_mount_fallback;
};
/* Of all of these: CMK_ERR_NOT_FOUND, CMK_ERR_EXISTS and CMK_ERR_STATE where they fit. */
int oci_create(const struct oci_settings *set, const struct oci_create *a, struct cmk_err *err);
int oci_start(const struct oci_settings *set, const char *id, struct cmk_err *err);
/* Returns the exit code; with DETACH 0 as soon as it runs. Removed at its end unless KEEP. */
int oci_run(const struct oci_settings *set, const struct oci_create *a, bool detach, bool keep,
	    struct cmk_err *err);

struct oci_exec {
	const char *id;
	char *const *args; /* NULL: from process_file */
	const char *process_file, *cwd, *user, *pid_file, *console_socket, *pidfd_socket, *apparmor,
		*label, *cgroup, *wait_fifo;
	char *const *env, *const *caps, *const *additional_gids;
	bool tty, detach, no_new_privs, ignore_paused;
	uint32_t preserve_fds;
};
/* Returns the exit code. */
int oci_exec(const struct oci_settings *set, const struct oci_exec *a, struct cmk_err *err);

/* What a container is, for `state` and `list`. */
struct oci_row {
	char *id, *bundle, *rootfs, *created, *owner, *oci_version;
	char *scope; /* of systemd, or NULL */
	char **annotations;
	enum oci_status status;
	pid_t pid; /* 0: none */
};
int oci_state(const struct oci_settings *set, const char *id, struct oci_row *ret,
	      struct cmk_err *err);
/* In the order of their ids. */
int oci_list(const struct oci_settings *set, struct oci_row **ret, size_t *ret_n,
	     struct cmk_err *err);
void oci_row_done(struct oci_row *row);
/* The members of the state, in an object of W's. */
void oci_state_write(struct json_writer *w, const struct oci_row *row);

int oci_kill(const struct oci_settings *set, const char *id, int sig, bool all,
	     struct cmk_err *err);
/* The same of all that are not stopped and in whose id REGEX fits somewhere, as crun(1) has it;
 * goes on after a failure, of which the first is returned. CMK_ERR_NOT_FOUND where there is none.
 */
int oci_kill_matching(const struct oci_settings *set, const char *regex, int sig, bool all,
		      struct cmk_err *err);
/* FORCE: also what runs, or is not there. */
int oci_delete(const struct oci_settings *set, const char *id, bool force, struct cmk_err *err);
/* All in whose id REGEX fits somewhere; with FORCE there need be none. */
int oci_delete_matching(const struct oci_settings *set, const char *regex, bool force,
			struct cmk_err *err);
int oci_pause(const struct oci_settings *set, const char *id, bool pause, struct cmk_err *err);
/* All processes, as this pid namespace sees them; owned. */
int oci_pids(const struct oci_settings *set, const char *id, pid_t **ret, size_t *ret_n,
	     struct cmk_err *err);
/* RESOURCES: the text of a file in the form of linux.resources, or NULL; then LIMITS. */
int oci_update(const struct oci_settings *set, const char *id, const char *resources, size_t len,
	       const struct opt_limits *limits, struct cmk_err *err);
/* One line of JSON, as runc's `events --stats`; owned. */
int oci_stats(const struct oci_settings *set, const char *id, char **ret, size_t *ret_len,
	      struct cmk_err *err);
/* -1 where it has no group of its own. */
int oci_cgroup_open(const struct oci_settings *set, const char *id, struct cmk_err *err);

/* What happens to a running container, for `events`. */
struct oci_watch {
	int pidfd, notify, group; /* init; inotify(7) of memory.events, or -1; the group */
	uint64_t oom_kills;
};
#define OCI_WATCH_INIT ((struct oci_watch){ .pidfd = -1, .notify = -1, .group = -1 })
enum oci_watch_event { OCI_WATCH_END = 1 << 0, OCI_WATCH_OOM = 1 << 1 };
int oci_watch_open(const struct oci_settings *set, const char *id, struct oci_watch *ret,
		   struct cmk_err *err);
/* Blocks until something happens, or TIMEOUT_MS are over. Returns enum oci_watch_event. */
int oci_watch_wait(struct oci_watch *w, int64_t timeout_ms, struct cmk_err *err);
void oci_watch_done(struct oci_watch *w);
