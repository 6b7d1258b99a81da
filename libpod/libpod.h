/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpod: containers' life cycle, for commands. One include for cmd/.
 */
#pragma once

#include "libpod/cgroup/manager.h"
#include "libpod/cgroup/stats.h"
#include "libpod/container/procs.h"
#include "libpod/copy/copy.h"
#include "libpod/events/events.h"
#include "libpod/monitor/log.h"
#include "libpod/monitor/log_target.h"
#include "libpod/monitor/monitor.h"
#include "libpod/oci/oci.h"
#include "libpod/option/optlimit.h"
#include "libpod/record/record.h"
#include "libpod/runtime/other.h"
#include "libpod/secret/secret.h"
#include "libpod/unit/autoupdate.h"
#include "libpod/unit/boot.h"
#include "libpod/unit/generate.h"
#include "libpod/unit/quadlet.h"
#include "libpod/volume/volume.h"

/* What `run` and `create` were asked for. Borrowed strings; unset is NULL or 0. */
struct container_options {
	const char *image, *rootfs, *name, *workdir, *user, *hostname, *domainname, *entrypoint,
		*cidfile, *network, *stop_signal, *detach_keys;
	const char *pull, *platform, *arch, *os, *variant, *authfile, *creds, *cert_dir,
		*signature_policy;
	int tls_verify;
	bool quiet;
	char *const *command; /* NULL-ended */
	char *const *env,
		*const *env_files,
			*const *volumes,
				*const *mounts,
					*const *tmpfs,
						*const *cap_add,
							*const *cap_drop,
								*const *security_opt,
									*const *ulimits,
										*const *group_add,
											*const *labels,
												*const *publish,
													*const *expose;
	bool remove, interactive, tty, detach, read_only, init, publish_all, privileged;
	bool no_label; /* no labels of SELinux, whatever security_opt says */
	bool start; /* `run`: the same command starts it; killed in between, a --rm one is swept */
	struct opt_limits limits; /* of memory, CPUs and processes the values alone: 0 is none */
	uint32_t stop_timeout_s;
	char *const *create_command;
	/* life: restart policy, time limits, pid files, notification */
	const char *restart, *pidfile, *conmon_pidfile, *sdnotify;
	uint32_t timeout_s;
	char *const *requires;
	bool replace;
	/* health */
	struct health_options health;
	/* log */
	const char *log_driver; /* NULL: k8s-file */
	char *const *log_opts;	/* "path=FILE" */
	/* process: environment, names, files that cmk writes */
	char *const *env_merge;
	char *const *unsetenv;
	char *const *label_files;
	char *const *annotations;
	char *const *add_hosts;
	char *const *dns; /* "none" alone: the image's resolv.conf stays */
	char *const *dns_options;
	char *const *dns_search;
	char *const *hostusers;
	char *const *attach; /* "stdin", "stdout", "stderr" */
	const char *hosts_file, *passwd_entry, *group_entry, *umask, *timezone, *systemd,
		*personality;
	bool name_as_hostname; /* where there is no hostname: the container's name */
	bool env_host, unsetenv_all, no_hosts, no_hostname, remove_image;
	bool http_proxy, passwd; /* on unless switched off */
	uint32_t retry;
	const char *retry_delay; /* a duration, or NULL */
	/* mounts: volumes, devices, secrets */
	char *const *devices; /* paths, and CDI names */
	char *const *gpus;
	char *const *cdi_dirs; /* NULL: the default ones */
	char *const *secrets;
	char *const *volumes_from;
	const char *image_volume; /* "anonymous", "bind", "tmpfs", "ignore" */
	int64_t shm_size;	  /* bytes; 0: no limit */
	bool read_only_tmpfs;
	/* name spaces, ids, hooks */
	const char *seccomp_policy;
	const char *pid, *ipc, *uts, *cgroupns, *userns, *subuidname, *subgidname;
	const char *cgroups, *cgroup_parent;
	char *const *uidmap;
	char *const *gidmap;
	char *const *sysctl;
	char *const *hooks_dirs; /* NULL: the default ones */
	const char *log_dir; /* of logs that are files: DIR/ID/ctr.log; NULL: with the container */
	const char *oom_score_adj;  /* a number, or NULL */
	const char *mounts_file;    /* instead of the usual mounts.conf, or NULL */
	const char *runtime;	    /* name or path; NULL, "" and "cmk": our own */
	char *const *runtimes;	    /* "NAME=PATH": where programs of that name may be */
	char *const *runtime_flags; /* of that program, without dashes */
	/* configured: what the options above and the image win over */
	char *const *default_caps; /* NULL: the built-in ones */
	char *const *default_env, *const *default_sysctl;
	const char *host_internal_ip; /* of host.containers.internal; "none"; NULL: found */
};
/* What capabilities a container has by default, "CAP_CHOWN,CAP_KILL", owned: NAMES as in
 * default_caps above. -EINVAL where one of them is none. */
int container_default_caps(char *const *names, char **ret, struct cmk_err *err);
/*
 * Resolves the image (pulling by policy), writes the records; -EEXIST CMK_ERR_EXISTS where the name
 * is taken. All options are checked before anything is pulled, and nothing is left on failure. *RET
 * holds the container's lock (see struct container). The three outputs are owned by the caller.
 */
int container_create(struct storage *st, const struct container_options *o, struct container **ret,
		     struct spec **ret_spec, struct rootfs_plan *ret_rootfs, struct cmk_err *err);
/* Starts a created or exited one; CMK_ERR_STATE where it runs. Takes its lock, or goes on with the
 * one in C, and gives it back once the container runs or has failed to. Attach and TTY_FD as in
 * monitor_args. *RET_FD: the first connection, with FRAME_STARTED or FRAME_ERROR to be read. */
int container_start(struct container *c, struct spec *spec, struct rootfs_plan *rootfs,
		    bool attach_stdin, bool attach_out, int tty_fd, const char *detach_keys,
		    int *ret_fd, struct cmk_err *err);
#define CONTAINER_TIMEOUT_OWN (-1)	  /* the one of its --stop-timeout */
#define CONTAINER_TIMEOUT_NEVER INT64_MAX /* waits for ever */
/* What container_stop() and container_restart() send instead of the container's own (NULL: that);
 * nothing is written. */
int container_set_stop_signal(struct container *c, const char *signal, struct cmk_err *err);
/* Stop signal, then SIGKILL after TIMEOUT_MS; returns when it has ended and its record is written.
 * 1 where it did not run; CMK_ERR_STATE where it is paused. */
int container_stop(struct container *c, int64_t timeout_ms, struct cmk_err *err);
/* Makes all of a created or exited one but for executing its program: state "initialized", from
 * which container_start() goes on. CMK_ERR_STATE where it is more than that already. */
int container_init(struct container *c, struct spec *spec, struct rootfs_plan *rootfs,
		   struct cmk_err *err);
/* Ends the run as container_stop() does and starts another in the same monitor; 1 where it does not
 * run and is the caller's to start; CMK_ERR_STATE where it is paused. */
int container_restart(struct container *c, int64_t timeout_ms, struct cmk_err *err);
/* Freezes and thaws all processes through the control group. CMK_ERR_STATE where it does not run,
 * or is (not) paused; CMK_ERR_UNSUPPORTED without a group. */
int container_pause(struct container *c, struct cmk_err *err);
int container_unpause(struct container *c, struct cmk_err *err);
/* What `update` changes; NULL and false: nothing. */
struct container_update {
	const char *restart;
	struct opt_limits limits;
	/* Of the specification: for the next start and `exec`. */
	char **env, **unsetenv, **ulimits;
};
/* First in the control group of C where it runs, then in its records. */
int container_update(struct container *c, const struct container_update *u, struct cmk_err *err);
/* CMK_ERR_STATE where it does not run. SIGKILL: waits for its end. What asks it to end (KILL, TERM,
 * INT, its stop signal) ends its restart policy as well. */
int container_kill(struct container *c, int sig, struct cmk_err *err);
/* Blocks until it has ended; its exit code. */
int container_wait(struct container *c, int *ret_code, struct cmk_err *err);
/* For `wait --condition`: what can be waited for, by podman's names. */
enum container_condition {
	CONTAINER_IS_CREATED = 1 << 0,
	CONTAINER_IS_INITIALIZED = 1 << 1,
	CONTAINER_IS_RUNNING = 1 << 2,
	CONTAINER_IS_PAUSED = 1 << 3,
	CONTAINER_IS_STOPPING = 1 << 4,
	CONTAINER_HAS_ENDED = 1 << 5,
	CONTAINER_IS_GONE = 1 << 6,
	CONTAINER_IS_HEALTHY = 1 << 7,
	CONTAINER_IS_UNHEALTHY = 1 << 8,
};
/* Adds the condition TEXT to *CONDITIONS. */
int container_condition_parse(const char *text, unsigned int *conditions, struct cmk_err *err);
/* One wait: check it, then poll(2) the descriptors (some may be -1) and check it again. C is
 * borrowed and refreshed by each check. */
struct container_waiter;
struct pollfd;
struct container_waiter *container_waiter_new(struct container *c, unsigned int conditions);
struct container_waiter *container_waiter_free(struct container_waiter *w);
/* 1 where a condition is met, with *RET_CODE: the exit code after the end, else -1; 0: not yet. */
int container_waiter_check(struct container_waiter *w, int *ret_code, struct cmk_err *err);
/* At most three. */
size_t container_waiter_fds(const struct container_waiter *w, struct pollfd *fds);
/* Waiting for the health check of C (borrowed), which runs and has one that is made by itself:
 * check it, then poll(2) as above for no longer than the time that is left. PATIENT: one that its
 * restart policy starts again is waited for. The bound is health_settles_ms() from here on. */
struct health_wait;
struct health_wait *health_wait_new(struct container *c, bool patient);
struct health_wait *health_wait_free(struct health_wait *w);
/* 1: it is healthy; 0: not yet; -EIO: unhealthy; -ESRCH: it has ended; -ETIMEDOUT. */
int health_wait_check(struct health_wait *w, struct cmk_err *err);
size_t health_wait_fds(const struct health_wait *w, struct pollfd *fds);
int health_wait_left_ms(const struct health_wait *w);
/* Starts many, each after those that it requires, and after the first success of their health
 * checks where they have any; one that waits keeps no other one. Of one that is unhealthy, ends or
 * takes longer than health_settles_ms() what requires it is not started. Blocks so long. */
struct container_starter {
	/* By its id; not WANTED: only required by another one. 0 or more: it runs. */
	int (*start)(void *arg, const char *id, bool wanted, struct cmk_err *err);
	/* One that was wanted could not be started: the code and its error. */
	void (*failed)(void *arg, const char *id, int code, struct cmk_err *err);
	void *arg;
};
void container_start_ordered(struct storage *st, char *const *ids,
			     const struct container_starter *ops);
/* CMK_ERR_IN_USE where it runs and FORCE is not given, or another container needs it. */
int container_remove(struct container *c, bool force, int64_t timeout_ms, struct cmk_err *err);
/* What containers take on the disk, in bytes: what they wrote themselves, and that with the image.
 */
struct container_size {
	uint64_t changed, total;
};
/* Of N containers, in one go. */
int container_sizes(struct storage *st, const struct container *const *list, size_t n,
		    struct container_size *ret, struct cmk_err *err);
/* docker/podman's inspect object, pretty-printed into W as one array element. WITH_SIZE: and what
 * it takes on the disk, which must be counted. */
int container_inspect(struct container *c, bool with_size, struct json_writer *w,
		      struct cmk_err *err);
/* One probe, now, by the container's monitor: healthy, unhealthy or starting; what follows from it
 * (--health-on-failure) has been done. CMK_ERR_STATE where it does not run, CMK_ERR_NOT_FOUND where
 * it has no health check. */
int container_health_run(struct container *c, enum health_reply *ret, struct cmk_err *err);
/* For `update`: changes the record, and the monitor of a running container follows. */
int container_health_update(struct container *c, const struct health_options *o,
			    struct cmk_err *err);
