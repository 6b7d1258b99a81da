/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container records: what lies on disk for one container, and what is true of it now.
 *
 *   DATA/containers/ID/container.json  config; written last at create, removed first of the record
 *   DATA/containers/ID/config.json     the bundle's runtime-spec
 *   DATA/containers/ID/status.json     "running" before a start, what happened at the end (fsync
 *                                      unless --rm)
 *   DATA/containers/ID/health.json     results of the last health checks; outlives the end
 *   DATA/containers/ID/ctr.log         log (k8s-file)
 *   DATA/containers/ID/{hosts,…}       files bind-mounted into the container
 *   DATA/containers/ID/values/         of its secrets, see libpod/secret/secret.h
 *   DATA/containers/ID/driver -> NAME  the storage driver with which it stays
 *   DATA/container-names/NAME -> ID    made with EEXIST semantics: exactly one winner
 *   DATA/swept -> BOOT-ID              in this boot all records have been looked at
 *   RUN/containers/ID/live.json        while it runs: monitor and init (pid, start time, boot id),
 *                                      cgroup, slirp
 *   RUN/containers/ID/sock             the monitor's control socket
 *   RUN/unfinished/ID                  a creation, removal or --rm run under way
 *
 * Truth: a container runs iff live.json names this boot and its monitor, which init does not
 * outlive, is alive. Otherwise live.json, or a status that says "running", means "monitor lost":
 * shown as exited 137 by listings, repaired (init killed, group removed, status written) by the
 * next command that takes the container's lock.
 *
 * Lock: flock on DATA/containers/ID, held from create to the start that follows it in the same
 * command, and by the monitor until live.json is there. What is marked as unfinished and is not
 * locked belongs to nobody: the next create finishes the removal.
 */
#pragma once

#include "base/err.h"
#include "base/process.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/events/events.h"
#include "libpod/record/health.h"
#include "libpod/spec/spec.h"
#include "network/network.h"
#include "storage/storage.h"

struct container_port {
	char *host_ip, *protocol; /* "tcp", "udp" */
	int host_port, container_port, range;
};

/* A mount that the user, the image or another container asked for, as `inspect` tells it and
 * --volumes-from passes it on. */
struct container_mount {
	char *type;   /* "bind", "volume", "tmpfs", "ramfs", "image", "artifact", "devpts" */
	char *name;   /* of the volume, the image or the artifact; NULL */
	char *source; /* on the host; NULL where there is none */
	char *destination;
	char **options;
	char *mode; /* "z", "Z"; NULL */
	char *subpath;
	char *image_id;	       /* of an image mount: full hex, with */
	char **layers;	       /* its diff IDs, bottom first */
	bool anonymous;	       /* a volume that goes with `rm -v` and --rm */
	bool overlay;	       /* O: on an overlay of the container's */
	bool read_write_image; /* image: on an overlay of the container's */
};
/* A secret whose value is read at each start. */
struct container_secret {
	char *name, *id, *target; /* file below the root, or variable */
	bool env;
	uint32_t uid, gid, mode;
};
struct container_device {
	char *path_on_host, *path_in_container, *permissions;
};

#define CONTAINER_STOP_FOREVER_S UINT32_MAX /* stop_timeout_s that means never */
struct container_config {
	int schema;
	char *id, *name, *created; /* RFC 3339 with nanoseconds */
	char *image_id, *image_name, *rootfs /* --rootfs */;
	struct image_layer_ref *layers; /* diff IDs only */
	size_t n_layers;
	uint32_t own_layers; /* the last ones: its upper directory at earlier commits, so that they
				hold what it has changed itself */
	char **command;	     /* as shown by ps: image or user command, with entrypoint */
	char **entrypoint, **cmd;
	char **labels, **env_given;
	char *user, *workdir, *stop_signal, *hostname;
	uint32_t stop_timeout_s;
	bool remove; /* --rm */
	bool terminal, interactive;
	bool init, read_only, publish_all;
	char *network; /* "slirp", "none", "host" */
	struct container_port *ports;
	size_t n_ports;
	char **exposed_ports, **group_add, **security_opt, **cap_add, **cap_drop, **binds;
	char *log_driver, *cidfile, *detach_keys;
	int64_t memory, nano_cpus, pids_limit;
	char **create_command; /* argv of the creating command */
	/* life: restart policy, time limits, pid files, notification */
	char *restart_policy;	 /* "on-failure", "always", "unless-stopped"; NULL: no */
	int64_t restart_retries; /* of on-failure; 0: no limit */
	uint32_t timeout_s;	 /* --timeout; 0: none */
	char *pidfile, *conmon_pidfile, *sdnotify /* NULL: "container" */;
	char *sdnotify_socket; /* systemd's, where it was created; NULL: none */
	char **requires;       /* full ids */
	/* health */
	struct container_health *health; /* NULL: no option was given, and the image has none */
	/* log */
	char *log_path;	    /* of --log-opt path, absolute; NULL: ctr.log */
	char *log_tag;	    /* as typed */
	char **log_fields;  /* "KEY=VALUE" of each journal entry */
	char **log_details; /* "KEY=VALUE" for logs --details, of a file */
	int64_t log_max_size;
	uint32_t log_max_files;
	/* process: environment, names, files that cmk writes */
	char **add_hosts, **dns, **dns_options, **dns_search, **attach;
	char *hosts_file, *timezone;
	bool no_hosts, no_hostname, no_passwd, remove_image, systemd;
	/* mounts: volumes, devices, secrets */
	struct container_mount *mounts;
	size_t n_mounts;
	struct container_secret *secrets;
	size_t n_secrets;
	struct container_device *devices;
	size_t n_devices;
	char **volumes_from; /* as given */
	int64_t shm_size;    /* bytes; 0: no limit */
	bool rootfs_overlay; /* --rootfs DIR:O */
	/* security */
	bool privileged;
	/* name spaces, ids, hooks */
	/* NULL: the default; else "host", "private", "container:ID", "ns:PATH"; of the network the
	 * latter two stand in .network, of the user namespace there are also "keep-id…", "nomap",
	 * "auto…" */
	char *pid_mode, *ipc_mode, *uts_mode, *cgroup_mode, *userns_mode;
	/* its group: who makes it (NULL: by probing), below what, and --cgroups */
	char *cgroup_manager, *cgroup_parent, *cgroups;
	char *runtime, *runtime_path; /* --runtime, and its program; NULL: our own */
	char **runtime_flags;	      /* its further options, with dashes */
	char *extra;
};

/* As its root file system, or mounted in it. */
static inline bool container_uses_image(const struct container_config *cfg, const char *id)
{
	bool uses = cfg->image_id && streq(cfg->image_id, id);

	for (size_t i = 0; i < cfg->n_mounts && !uses; i++)
		uses = cfg->mounts[i].image_id && streq(cfg->mounts[i].image_id, id);
	return uses;
}

/* Those of the image that it was made of, bottom first. */
static inline size_t container_image_layers(const struct container_config *cfg)
{
	return cfg->n_layers - (cfg->own_layers < cfg->n_layers ? cfg->own_layers : cfg->n_layers);
}

struct container_status {
	int schema;
	char *state; /* "created", "running" (written before a start, so that a reboot is seen),
			"exited" */
	char *started_at, *finished_at, *error;
	int exit_code;
	bool oom_killed;
	int64_t restarts;
	bool stopped_by_user; /* `stop`, `kill`: unless-stopped leaves it alone after a reboot */
	char *extra;
};

struct container_live {
	int schema;
	char *boot_id, *started_at;
	int64_t monitor_pid, init_pid, slirp_pid;
	uint64_t monitor_start, init_start;
	uint64_t pid_ns;      /* inode of the namespace in which the pids are true; set by
				 container_live_save() */
	char *cgroup_manager; /* who made the group; older records do not tell */
	char *cgroup_mount, *cgroup_path;
	bool stop_requested;
	/* life */
	bool initialized;  /* made by `init`: the program is not executed yet */
	bool restarting;   /* ended, and to be started again by its policy: no init */
	int64_t restarts;  /* by its policy */
	char *finished_at; /* of the last run, while it restarts */
	int exit_code;
	/* health */
	char *health; /* "starting", "healthy", "unhealthy"; NULL without a health check */
	char *extra;
};

enum container_state {
	CONTAINER_CREATED,
	CONTAINER_INITIALIZED, /* a monitor and namespaces, but the program is not executed yet */
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,     /* cgroup.events of its group says so */
	CONTAINER_STOPPING,   /* has been asked to end */
	CONTAINER_RESTARTING, /* a monitor that will start it again, but no process */
	CONTAINER_EXITED,
	CONTAINER_MONITOR_LOST
};

struct container {
	struct storage *st; /* borrowed */
	int dir_fd;	    /* DATA/containers/ID; -1 in a listing: see container_dir() */
	int lock_fd; /* from container_create() until container_start() or container_free(), else
			-1 */
	struct container_config cfg;
	struct container_status status;
	struct container_live live; /* valid where container_is_active(), or MONITOR_LOST */
	enum container_state state;
	const int *preserve_fds; /* borrowed: for the start by this command; -1 leaves one out */
	size_t n_preserve_fds;
	size_t n_listen_fds; /* the first of them: sockets of systemd's, kept for later runs */
	struct cgroup_delegation *delegation; /* see container_delegation(); NULL: not looked yet */
	const char *sdnotify; /* borrowed: for the start by this command, instead of its own */
	bool created_now;     /* by this command, which starts it: the monitor writes both events */
	bool with_volumes;    /* set before container_remove(): anonymous volumes go as well */
};

/* A monitor looks after it. */
static inline bool container_is_active(const struct container *c)
{
	return c->state > CONTAINER_CREATED && c->state < CONTAINER_EXITED;
}
/* Its program is being executed, even if it is frozen or has been asked to end. */
static inline bool container_is_up(const struct container *c)
{
	return c->state == CONTAINER_RUNNING || c->state == CONTAINER_PAUSED ||
	       c->state == CONTAINER_STOPPING;
}

struct container *container_free(struct container *c);
/* Whether C, of --rmi, is gone and its image not: another container uses that. */
bool container_left_image(const struct container *c);
/* What control groups this process may make, for C: cgroup_delegation_find(), looked up once. *RET
 * belongs to C. */
int container_delegation(struct container *c, struct cgroup_delegation **ret, struct cmk_err *err);
const char *container_state_name(enum container_state s);
/* The descriptor of its directory, opened on first use; belongs to C. */
int container_dir(struct container *c, struct cmk_err *err);
/* By name, full id or unique prefix: -ENOENT, -ENOTUNIQ ("more than one result"). Reads all records
 * and checks what is alive; takes no lock. */
int container_open(struct storage *st, const char *name_or_id, struct container **ret,
		   struct cmk_err *err);
/* Removes a container whose record cannot be read, with what runs in its control group. */
int container_remove_damaged(struct storage *st, const char *name_or_id, struct cmk_err *err);
/* A signal as users write it: as parse_signal(), or with a '-' before it. Its number, or -EINVAL.
 */
int container_signal_parse(const char *text, struct cmk_err *err);
/* Reads again what may have changed. */
int container_refresh(struct container *c, struct cmk_err *err);
/* Exclusive lock; returns a descriptor to close. Repairs a lost monitor on the way, and waits until
 * the monitor of the last run has unmounted its root file system. */
int container_lock(struct container *c, struct cmk_err *err);
/* The same for who only removes it: no wait for the unmounting, which syncs the file system. */
int container_lock_to_remove(struct container *c, struct cmk_err *err);
/* All containers, newest first. One pass, no lock; a record that cannot be read is named on stderr
 * and left out. */
int container_list(struct storage *st, struct container ***ret, size_t *ret_n, struct cmk_err *err);
void container_list_free(struct container **list, size_t n);

/* Connects to the monitor of a running container. */
int container_connect(struct storage *st, const char *id, struct cmk_err *err);
/* For a container that was created before: its specification and the plan of its root file system.
 */
int container_prepare_start(struct container *c, struct spec **ret_spec,
			    struct rootfs_plan *ret_rootfs, struct cmk_err *err);
/* The same to look at, of any container, running or not: nothing is made ready for a start. */
int container_inspect_start(struct container *c, struct spec **ret_spec,
			    struct rootfs_plan *ret_rootfs, struct cmk_err *err);
/* The label, and the variable that it is taken from, that names the unit of systemd in which a
 * container was made: Podman's. */
#define CONTAINER_UNIT_LABEL "PODMAN_SYSTEMD_UNIT"
/* The annotations of its specification, "KEY=VALUE": owned; NULL where there is none. */
char **container_annotations(const struct container *c);
/* Gives C another name; CMK_ERR_EXISTS where that is taken. Every later command sees the old one or
 * the new one, whatever moment it is killed. */
int container_rename(struct container *c, const char *name, struct cmk_err *err);
/* The ids of the containers that need ID (--requires, --network container:ID…): owned, NULL where
 * there is none. */
char **container_dependents(struct storage *st, const char *id);

/* What the container with CFG listens on, published or not: by port, then by protocol. *N of them;
 * the list is the caller's, its protocols are CFG's. */
struct exposed_port {
	int port;
	const char *protocol;
};
struct exposed_port *container_exposed_ports(const struct container_config *cfg, size_t *n);

/* The event STATUS of the container with CFG, with its name, image and labels. */
struct event event_of_container(const struct container_config *cfg, const char *status);

/* For the monitor: */
/* Reads the configuration of C again. */
int container_config_reload(struct container *c, struct cmk_err *err);
int container_live_save(struct storage *st, const char *id, const struct container_live *live,
			struct cmk_err *err);
int container_live_remove(struct storage *st, const char *id);
int container_status_save(struct storage *st, const char *id, const struct container_status *s,
			  bool durable, struct cmk_err *err);
/* Removes everything of a container: record, name, root file system, run directory. Used by rm and
 * by the monitor for --rm. */
int container_erase(struct storage *st, const char *id, const char *name, struct cmk_err *err);

/* --- `system check` --- */
/*
 * Adds to C, which storage_check() has filled, what is wrong with containers: records, layers,
 * upper directories, volumes, names, and what is left in the run directory. Who holds the lock of a
 * container sees to it himself: it is left out. Changes nothing.
 */
void container_check(struct storage *st, struct storage_check *c);
/* Removes what container_check() calls a remainder: containers half made or half removed, names and
 * run directories without a container. */
void container_check_sweep(struct storage *st);
