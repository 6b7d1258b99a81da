/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers that are made anew when there is a newer image under their image's name, by their
 * label io.containers.autoupdate (podman-auto-update(1)): "registry" (or "image") asks the registry
 * for the digest, "local" looks at what the name stands for here.
 *
 * A container of a unit (CONTAINER_UNIT_LABEL) is restarted by systemd, which has to make it anew
 * (`generate systemd --new`). Another one is made anew by the caller. Where the new one does not
 * start, or does not get healthy, the name is given back to the image that it had, and all is done
 * again.
 */
#pragma once

#include "libpod/record/record.h"

#define AUTOUPDATE_LABEL "io.containers.autoupdate"
#define AUTOUPDATE_AUTHFILE_LABEL AUTOUPDATE_LABEL ".authfile"

enum autoupdate_result {
	AUTOUPDATE_FALSE, /* it is of the newest image */
	AUTOUPDATE_PENDING,
	AUTOUPDATE_TRUE,
	AUTOUPDATE_FAILED,
	AUTOUPDATE_ROLLED_BACK,
};
/* As podman calls it. */
const char *autoupdate_result_name(enum autoupdate_result r);

struct autoupdate_task {
	struct container *c; /* owned; as it was before */
	const char *unit;    /* "" where there is none */
	const char *policy;
	char *new_image_id; /* owned; once it is here */
	enum autoupdate_result result;
	struct cmk_err err; /* of what failed or was rolled back */
};
struct autoupdate_options {
	bool dry_run; /* only tells what is pending */
	bool rollback;
	const char *authfile; /* the label of the container wins */
	int tls_verify;	      /* -1 as configured, 0, 1 */
	/* Makes a container in place of C, by the command that made C; returns when it runs. */
	int (*recreate)(void *arg, struct container *c, struct cmk_err *err);
	void *arg;
};
/* One task for each running container that has the label, newest first; each has its own result,
 * and its own error. Blocks, as long as pulls, starts and health checks take. */
int autoupdate_run(struct storage *st, const struct autoupdate_options *o,
		   struct autoupdate_task **ret, size_t *ret_n, struct cmk_err *err);
void autoupdate_tasks_free(struct autoupdate_task *list, size_t n);
