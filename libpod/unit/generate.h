/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service of systemd for one container, as text (podman-generate-systemd(1)).
 *
 * The service is of Type=notify, and its main process the container's monitor, which stays in the
 * service's group. So systemd sees each end of it, and by its exit code whether that was a failure.
 * Of a new container at each start the group of the container is below the service's as well
 * (--cgroups=split), so that no process of it can be left behind.
 */
#pragma once

#include "libpod/record/record.h"

/* How the container was made, taken apart. All borrowed. */
struct unit_create {
	const char *name;	/* --name, or NULL */
	const char *restart;	/* --restart, or NULL */
	const char *cgroups;	/* --cgroups, or NULL */
	bool has_parent;	/* --cgroup-parent */
	char *const *options;	/* the words of those that stay: see unit_option_stays() */
	char *const *operands;	/* image, command */
	char *const *extra_env; /* "NAME=VALUE" for the service, of -e NAME without a value */
};

struct unit_seconds {
	bool given;
	uint32_t s;
};
/* All borrowed; NULL, false and 0 where not given. */
struct unit_request {
	const char *program;  /* absolute path of cmk */
	char *const *globals; /* words of its global options */
	const struct container_config *cfg;
	const char *root, *runroot;	  /* directories that have to be mounted */
	const char *container;		  /* what it is called by: name or id */
	const struct unit_create *create; /* NULL: the container that is there is started */
	bool template;
	const char *prefix, *separator;
	const char *restart;
	struct unit_seconds restart_sec, start_timeout; /* else systemd's own */
	struct unit_seconds stop_timeout;		/* else the container's */
	char *const *after, *const *requires, *const *wants;
	char *const *env;   /* as of `run` */
	const char *header; /* who made it and when; NULL: no header */
};
/* *RET_NAME "container-web" (the file is that and ".service"), *RET_TEXT the unit; both owned.
 * -EINVAL for a value that systemd would not take. */
int unit_generate(const struct unit_request *q, char **ret_name, char **ret_text,
		  struct cmk_err *err);
/* False for options of `run` that the unit has its own of, by their long name: "rm", "cidfile"… */
bool unit_option_stays(const char *name);
/* systemd.unit(5): the characters, the length, and one of the types of units; specifiers count as
 * characters. */
bool unit_name_valid(const char *name);
/* What unit_request.restart may be. */
#define UNIT_RESTART_WORDS "no|on-success|on-failure|on-abnormal|on-watchdog|on-abort|always"
