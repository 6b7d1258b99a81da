/* SPDX-License-Identifier: Apache-2.0 */
/* What `ps` shows of one container: texts for tables and templates, members for JSON. */
#pragma once

#include "base/json.h"
#include "libpod/libpod.h"

struct ps_item {
	const struct container *c;
	bool no_trunc, has_size, with_namespaces, with_line /* for `json .` */;
	uint64_t rw_size, rootfs_size; /* where HAS_SIZE */
};

/* All owned. "0.0.0.0:8080->80/tcp, 81/tcp" */
char *ps_id(const struct ps_item *i);
char *ps_command(const struct ps_item *i);
char *ps_status(const struct container *c);
char *ps_ports(const struct container *c);
char *ps_size(const struct ps_item *i);
const char *ps_image(const struct container *c); /* borrowed */
/* Where its mounts lie in the container. */
char **ps_mounts(const struct container *c);
const char *ps_started(const struct container *c); /* RFC 3339, or "" */
/* "starting", "healthy", "unhealthy"; "none" without a health check, or where it does not run. */
const char *ps_health(const struct container *c);

/* Their files in /proc/PID/ns, their names in podman's JSON and as columns. */
struct ps_namespace {
	const char *file, *json, *field;
};
extern const struct ps_namespace ps_namespaces[];
extern const size_t ps_n_namespaces;

/* Works out the sizes of N containers. */
int ps_fill_sizes(struct storage *st, struct ps_item *items, size_t n, struct cmk_err *err);

/* podman's --format json, and what templates see. */
void ps_write_json(struct json_writer *w, const struct ps_item *i);
void ps_write_template(struct json_writer *w, const struct ps_item *i);
