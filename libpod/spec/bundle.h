/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle that others made: config.json (runtime-spec 1.0 to 1.3) as `cmk oci` acts on it. What
 * struct spec has no place for stands beside it here. Every known member is either read or refused
 * by name: nothing is passed over. Errors say line and field: "config.json: line 12:
 * linux.namespaces[1].type: …".
 */
#pragma once

#include "libpod/spec/spec.h"

/* The newest runtime-spec that is understood, and the oldest. */
#define BUNDLE_SPEC_VERSION "1.3.0"
#define BUNDLE_SPEC_OLDEST "1.0.0"

/* runtime-spec config-linux.md#devices; no numbers: a fifo. */
struct bundle_device {
	char *path, *type; /* "c", "b", "u" (as "c") or "p" */
	int64_t major, minor;
	bool has_mode, has_uid, has_gid;
	uint32_t mode, uid, gid;
};

/* config-linux.md#network-devices */
struct bundle_net_device {
	char *name, *new_name; /* on the host, in the container */
};

/* config-linux.md#allowed-device-list */
struct bundle_device_rule {
	bool allow, has_major, has_minor;
	char *type;	      /* "a" (or NULL), "b", "c" */
	char *access;	      /* of "rwm"; NULL: all */
	int64_t major, minor; /* -1, or not there: any */
};

/* config.md#mounts: an id-mapped mount's maps; none: the container's own. */
struct bundle_mount {
	struct spec_id_mapping *uids, *gids;
	size_t n_uids, n_gids;
};

struct bundle_time_offset {
	bool has;
	int64_t secs;
	uint32_t nanosecs;
};

struct bundle_scheduler {
	char *policy; /* "SCHED_OTHER", or NULL: none is set */
	int nice, priority;
	char **flags;
	uint64_t runtime, deadline, period;
};

struct bundle {
	char *dir; /* absolute */
	char *rootfs;
	char *text; /* config.json as it was read */
	size_t len;
	struct spec *spec;
	struct bundle_mount *mounts; /* as many as the spec has */
	size_t n_mounts;
	struct bundle_device *devices;
	size_t n_devices;
	struct bundle_device_rule *device_rules;
	size_t n_device_rules;
	struct bundle_net_device *net_devices;
	size_t n_net_devices;
	char *rootfs_propagation; /* "private"…, or NULL */
	char **personality_flags;
	struct bundle_time_offset boottime, monotonic;
	struct bundle_scheduler scheduler;
	char *io_class; /* "IOPRIO_CLASS_BE", or NULL */
	int io_priority;
	char *memory_mode, *memory_nodes; /* "MPOL_BIND"…, or NULL */
	char **memory_flags;
	char *cpus_initial, *cpus_final; /* process.execCPUAffinity */
	char *seccomp;			 /* the text of linux.seccomp, or NULL */
	size_t seccomp_len;
};

/* Reads DIR/FILE (FILE may be absolute; NULL: config.json). */
int bundle_load(const char *dir, const char *file, struct bundle **ret, struct cmk_err *err);
/* The same from text; DIR must be absolute. */
int bundle_parse(const char *dir, const char *text, size_t len, struct bundle **ret,
		 struct cmk_err *err);
/* What of PATH comes behind the path of the root file system ("/…"), or NULL. */
const char *bundle_inside(const struct bundle *b, const char *path);
struct bundle *bundle_free(struct bundle *b);
static inline void cleanup_bundle_fn(struct bundle **b)
{
	*b = bundle_free(*b);
}
#define cleanup_bundle cleanup(cleanup_bundle_fn)

/* Another process for the container of B, from a file in the form of config.json's `process`; *RET
 * (zeroed by the caller) is given to bundle_process_done(). */
int bundle_process_parse(const char *text, size_t len, struct spec_process *ret,
			 struct cmk_err *err);
void bundle_process_done(struct spec_process *p);
/* Says which of its capabilities it will not have, though it is no error. */
void bundle_warn_of_caps(const struct spec_process *p);
/* The same in the place of B's own; on failure B is not to be used. */
int bundle_process_replace(struct bundle *b, const char *text, size_t len, struct cmk_err *err);
/* Whether memory.checkBeforeUpdate asks for a look at what is used, and which limits it is about
 * (0 or less: none); TEXT is one that bundle_resources_parse() takes. */
struct bundle_memory_check {
	int64_t limit, swap;
};
bool bundle_memory_check(const char *text, size_t len, struct bundle_memory_check *ret);
/* memory.swap is of memory and swap together. */
int bundle_check_swap(const struct spec_resources *res, struct cmk_err *err);
/* A limit of memory alone leaves swap free, as with runc and crun. */
void bundle_leave_swap(struct spec_resources *res);
/* Resources alone, in the form of linux.resources. */
int bundle_resources_parse(const char *text, size_t len, struct spec_resources *ret,
			   struct cmk_err *err);
void bundle_resources_done(struct spec_resources *res);

/* Names and what the kernel calls them: -1 where there is no such one. */
int bundle_scheduler_policy(const char *name);
int bundle_scheduler_flag(const char *name);
int bundle_io_class(const char *name);
int bundle_memory_mode(const char *name);
int bundle_memory_flag(const char *name);
unsigned long bundle_propagation(const char *name); /* MS_…; 0 where it is none */
