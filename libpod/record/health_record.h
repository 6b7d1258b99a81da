/* SPDX-License-Identifier: Apache-2.0 */
/* What the health checks of a container have told so far, as it is kept beside its record. */
#pragma once

#include "libpod/record/health.h"
#include "storage/storage.h"

struct health_log_entry {
	char *start, *end; /* RFC 3339 */
	int exit_code;	   /* -1: killed at the timeout, or could not be run */
	char *output;
};

struct health_record {
	char *status; /* "starting", "healthy", "unhealthy" */
	int64_t failing_streak;
	struct health_log_entry *log; /* oldest first */
	size_t n_log;
};
void health_record_done(struct health_record *r);
/* An absent file is an empty record. */
int health_record_load(struct storage *st, const char *id, const struct container_health *h,
		       struct health_record *ret);
int health_record_save(struct storage *st, const char *id, const struct container_health *h,
		       const struct health_record *r, struct cmk_err *err);
/* "Log": [...] */
void health_record_write_log(struct json_writer *w, const struct health_record *r);
