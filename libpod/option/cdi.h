/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of the Container Device Interface: files *.json and *.yaml in a few directories say what
 * a name such as "vendor.com/class=device" does to a container. Where two directories know a device
 * the later one has it; two files of one directory are an error. A file that cannot be read is
 * named in a warning, or in the error where a device is not found.
 */
#pragma once

#include "libpod/option/cdi_name.h"
#include "libpod/spec/spec.h"

struct cdi_node {
	char *path, *host_path; /* host_path NULL: the same */
	char *type;		/* "c", "b", "u", "p", or NULL */
	char *permissions;	/* NULL: all */
	bool has_major, has_minor;
	int major, minor;
};

struct cdi_mount {
	char *host_path, *container_path, *type, **options;
};

struct cdi_hook {
	char *name; /* "createRuntime" */
	struct spec_hook hook;
};

/* What is done to a container; owned throughout. */
struct cdi_edits {
	char **env;
	struct cdi_node *nodes;
	size_t n_nodes;
	struct cdi_mount *mounts;
	size_t n_mounts;
	struct cdi_hook *hooks;
	size_t n_hooks;
	uint32_t *gids;
	size_t n_gids;
	bool intel_rdt; /* it asks for what only root may give */
};

/* All edits of the devices NAMES. DIRS: NULL for /etc/cdi, /var/run/cdi and the user's own; the
 * last one has the highest rank. */
int cdi_resolve(char *const *names, char *const *dirs, struct cdi_edits *ret, struct cmk_err *err);
void cdi_edits_done(struct cdi_edits *e);
/* What cmk-cdi made of a file, in one text (for tests). */
int cdi_parse_edits(const char *json, size_t len, const char *device, struct cdi_edits *ret,
		    struct cmk_err *err);
