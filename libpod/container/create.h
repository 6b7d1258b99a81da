/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of container_create(), each of which adds to one plan; nothing is on disk before the
 * last.
 */
#pragma once

#include "image/image.h"
#include "libpod/container/label.h"
#include "libpod/libpod.h"
#include "libpod/record/internal.h"

struct opt_mount;
struct cdi_edits;
struct idmap_auto;
struct create_plan {
	struct storage *st;
	const struct container_options *o;
	const char *name;    /* --name, or NULL */
	struct container *c; /* cfg is filled on the way */
	struct spec *spec;
	struct image_config image; /* zeroed with --rootfs */
	enum network_mode net;
	struct port_mapping *ports;
	size_t n_ports;
	bool plain_hostname; /* nobody has asked for one */
	char *zone;	     /* the time zone's file (--tz) */
	size_t zone_len;
	char *net_hosts, *net_resolv; /* of the container whose network is shared, or NULL */
	struct idmap_auto *auto_ids;  /* of --userns auto, or NULL */
	char *default_user;	      /* of keep-id, where --user is not given; or NULL */
	/* security: paths of mask=, and a seccomp profile that is not built in */
	struct label_options label;
	char **masks;
	char *seccomp_name, *seccomp_text;
	size_t seccomp_len;
	/* devices: names, and what they do; NULL: none */
	char **cdi_names;
	struct cdi_edits *cdi;
	/* mounts: what was asked for, and locks on its volumes until the record names them */
	struct opt_mount *mounts;
	size_t n_mounts;
	int *volume_locks;
	size_t n_volume_locks;
};

/* --- create_options.c: what needs no image: checked before anything is pulled --- */
int create_check_options(struct create_plan *p, struct cmk_err *err);
/* --- create_runtime.c: --runtime, after all other options; and once there are mounts --- */
int create_check_runtime(struct create_plan *p, struct cmk_err *err);
int create_check_runtime_mounts(struct create_plan *p, struct cmk_err *err);
/* --- create_security.c: capabilities, --privileged, --security-opt --- */
int create_check_security(struct create_plan *p, struct cmk_err *err);
/* --seccomp-policy image: the one among the image's labels. */
int create_image_seccomp(struct create_plan *p, struct cmk_err *err);
/* --- create_label.c: SELinux, when the command and the namespaces are known --- */
/* With the container's directory: the labels of process and file systems. */
int create_label(struct create_plan *p, struct cmk_err *err);
/* Labels a file that cmk wrote for the container, NAME in DIRFD. */
int create_label_file(const struct create_plan *p, int dirfd, const char *name,
		      struct cmk_err *err);
/* In the container's directory. */
#define CREATE_SECCOMP_FILE "seccomp.json"
/* --- create.c --- */
/* With an id map of its own: the copies of LAYERS whose files belong to the ids inside. */
int create_map_layers(struct create_plan *p, struct image_layer_ref *layers, size_t n_layers,
		      struct cmk_err *err);
/* --- create_namespaces.c, create_userns.c: before them p->spec has its defaults --- */
int create_check_namespaces(struct create_plan *p, struct cmk_err *err);
int create_check_user_namespace(struct create_plan *p, struct cmk_err *err);
/* Empties MAPS. */
struct id_map_pair;
void create_take_maps(struct create_plan *p, struct id_map_pair *maps);
/* --- create_auto.c: --userns auto --- */
int create_auto_parse(struct create_plan *p, const char *options, struct cmk_err *err);
/* With the container's directory: chooses its ids and records them there. */
int create_auto_ids(struct create_plan *p, struct cmk_err *err);
void create_auto_done(struct create_plan *p);
/* --- create_life.c: restart policy, time limits, pid files, dependencies --- */
int create_check_life(struct create_plan *p, struct cmk_err *err);
/* --- create_log.c: --log-driver and --log-opt --- */
int create_log(struct create_plan *p, struct cmk_err *err);
/* Makes the directory that log_path of containers.conf asks for. */
int create_log_dir(struct create_plan *p, struct cmk_err *err);
/* The image's labels and environment that --log-opt labels and env name. */
int create_log_fields(struct create_plan *p, struct cmk_err *err);
int create_check_kernel(struct create_plan *p, struct cmk_err *err);
/* Last: when all is known by which hooks choose. */
int create_hooks(struct create_plan *p, struct cmk_err *err);
/* --- create_image.c: resolves --rootfs or the image, by policy, and reads its config --- */
int create_resolve_image(struct create_plan *p, struct cmk_err *err);
/* --- create_process.c: command, environment, user, working directory --- */
int create_process(struct create_plan *p, struct cmk_err *err);
/* "SIGINT" for any spelling; *RET is replaced. */
int create_stop_signal(const char *text, char **ret, struct cmk_err *err);
/* --- create_systemd.c: what a systemd inside needs, where the command is one --- */
void create_systemd(struct create_plan *p);
/* --- create_env.c: environment, labels, annotations --- */
/* Labels and annotations as far as they need no image. */
int create_check_labels(struct create_plan *p, struct cmk_err *err);
void create_labels(struct create_plan *p);
int create_env(struct create_plan *p, struct cmk_err *err);
/* Adds what an environment file says; a pipe is as good as a file. */
int create_env_file(const char *path, char ***env, struct cmk_err *err);
/* --- create_files.c: hosts, hostname, resolv.conf, .containerenv, localtime --- */
int create_check_files(struct create_plan *p, struct cmk_err *err);
/* Their mounts, where the user has none of their own in that place. */
void create_own_mounts(struct create_plan *p);
/* Writes them into the container's directory. */
int create_files(struct create_plan *p, int dirfd, struct cmk_err *err);
/* --- create_mounts.c: volumes, mounts, tmpfs --- */
/* What can be said before a pull: reads and checks what was given. */
int create_mounts(struct create_plan *p, struct cmk_err *err);
/* With the image: its volumes, and other images that are mounted (which may be pulled). */
int create_image_mounts(struct create_plan *p, struct cmk_err *err);
/* In the container's directory DIRFD: makes volumes and locks them, writes the mounts into the
 * specification and the record. */
int create_place_mounts(struct create_plan *p, int dirfd, struct cmk_err *err);
void create_mounts_done(struct create_plan *p);
/* --- create_cdi.c: devices of the Container Device Interface --- */
/* Before a pull: what the names stand for, and whether the host has it. */
int create_cdi(struct create_plan *p, struct cmk_err *err);
/* Gives each mount to PUSH, which takes its members. */
typedef void (*create_push_fn)(struct create_plan *p, struct opt_mount *m);
void create_cdi_mounts(struct create_plan *p, create_push_fn push);
/* --- create_subscriptions.c: mounts.conf --- */
/* Copies into the container's directory DIRFD what every container gets, but for what has its place
 * TAKEN. */
typedef bool (*create_taken_fn)(const struct create_plan *p, const char *destination);
void create_subscriptions(struct create_plan *p, int dirfd, create_taken_fn taken,
			  create_push_fn push);
/* With the process: variables, groups, hooks. */
int create_cdi_process(struct create_plan *p, struct cmk_err *err);
void create_cdi_done(struct create_plan *p);
/* --- create_place.c: each kind of mount, for the specification and the record --- */
int create_place_one(struct create_plan *p, int dirfd, struct opt_mount *m, struct cmk_err *err);
/* --- create_image.c --- */
/* Another image by the policy of --pull: owned outputs, NAME as well. */
int create_find_image(struct create_plan *p, const char *text, char **ret_id, char **ret_name,
		      struct cmk_err *err);
