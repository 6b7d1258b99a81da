/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small languages inside option values of `run` and `create`: environment files, limits,
 * volumes, mounts. Pure functions over text, but for the variables that they copy from the caller's
 * environment; every failure is -EINVAL (CMK_ERR_INVALID) or -EOPNOTSUPP with one clear line.
 */
#pragma once

#include "base/err.h"
#include "libpod/spec/spec.h"

/* "NAME=VALUE" as it is; "NAME" copies the caller's variable where set, and is dropped else; docker
 * run(1). "NAME*" copies all that begin so (podman-run(1)). */
int opt_env_add(char ***env, const char *text, struct cmk_err *err);
/* docker's env file: one assignment a line, values taken literally, blank lines and lines that
 * begin with '#' skipped. */
int opt_env_file_parse(const char *text, size_t len, char ***env, struct cmk_err *err);
/* The same form for labels; one without '=' has an empty value. */
int opt_label_file_parse(const char *text, size_t len, char ***labels, struct cmk_err *err);
/* --env-merge NAME=VALUE, with $NAME and ${NAME} in the value taken from ENV itself ("" where it
 * has none). */
int opt_env_merge(char ***env, const char *text, struct cmk_err *err);

/* "nofile=1024:2048", "core=-1", "nproc=unlimited"; soft alone sets both (getrlimit(2) names in
 * lower case). */
int opt_ulimit_parse(const char *text, struct spec_rlimit *ret, struct cmk_err *err);
/* Puts those of LIST into P, each in place of one of its type; "host" stands for the caller's own
 * where P has none. What comes before a bad one is there. */
int opt_ulimits_put(struct spec_process *p, char *const *list, struct cmk_err *err);

/* A mount that the user asked for, of whichever spelling. */
struct opt_mount {
	/* "bind", "volume", "tmpfs", "ramfs", "image", "artifact", "devpts", "glob" */
	char *type;
	/* as typed; of an image or artifact its name; NULL: tmpfs and such, anonymous volume */
	char *source;
	char *destination; /* absolute, cleaned; NULL: glob that keeps the host's paths */
	char **options;	   /* for spec_mount */
	char *subpath;	   /* of a volume or an image, "" for none */
	/* "KEY=VALUE" for a volume that is made */
	char **volume_options, **volume_labels;
	char *upper, *work; /* of an overlay, as typed, or NULL */
	/* artifact: which of its files, by one of these, or NULL; and their name inside */
	char *title, *digest, *name;
	char *artifact;	     /* whose file the source is: set while a container is made */
	const char *relabel; /* "z", "Z" or "" */
	bool overlay;	     /* O */
	bool chown;	     /* U */
	bool nocreate;	     /* a volume has to be there */
	bool nocopy;	     /* a volume gets nothing of the image's content */
	bool idmap;
	char *idmap_own;       /* the mount's own map, see optidmap.h; NULL: the container's */
	bool rw;	       /* image: on an overlay of its own */
	const char *recursive; /* bind: bind-recursive=, a literal, or NULL */
};
void opt_mount_done(struct opt_mount *m);
/* -v [SRC:]DST[:OPT,…]: a path is bound, a name is a volume's, and without a source the volume is
 * anonymous. */
int opt_volume_parse(const char *text, struct opt_mount *ret, struct cmk_err *err);
/* --mount type=…,src=…,dst=…[,…], one CSV record (RFC 4180 quotes). */
int opt_mount_parse(const char *text, struct opt_mount *ret, struct cmk_err *err);
/* --tmpfs DST[:OPT,…] */
int opt_tmpfs_parse(const char *text, struct opt_mount *ret, struct cmk_err *err);
/* The options of a volume of an image: what -v NAME:DIR has. */
void opt_volume_defaults(struct opt_mount *m);
/* --secret NAME[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…] */
struct opt_secret {
	char *name, *target; /* target NULL: the name */
	bool env;
	uint32_t uid, gid, mode;
};
void opt_secret_done(struct opt_secret *s);
int opt_secret_parse(const char *text, struct opt_secret *ret, struct cmk_err *err);
/* --device HOST[:CONTAINER][:rwm]; a CDI device is known by cdi_name_valid() first. */
struct opt_device {
	char *source, *destination, *permissions;
};
void opt_device_done(struct opt_device *d);
int opt_device_parse(const char *text, struct opt_device *ret, struct cmk_err *err);
/* An absolute path without "//", "/./", a last "/"; ".." is resolved lexically, as the peers do.
 * Owned. */
int opt_path_clean(const char *path, char **ret, struct cmk_err *err);

/* --entrypoint: a JSON array of strings, or one word taken as it is; "" gives the empty vector. */
int opt_entrypoint_parse(const char *text, char ***ret, struct cmk_err *err);
/* "80", "80/udp", "8000-8010/tcp": appends "PORT/PROTO" for each. */
int opt_expose_parse(const char *text, char ***ports, struct cmk_err *err);
/* "KEY=VALUE" or "KEY" (an empty value). */
int opt_label_add(char ***labels, const char *text, struct cmk_err *err);
/* "KEY=VALUE" */
int opt_annotation_add(char ***annotations, const char *text, struct cmk_err *err);
/* 1..64 of [A-Za-z0-9._-], not at an end '-' or '.' (hostname(7)). */
int opt_hostname_check(const char *name, struct cmk_err *err);
