/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health as a matter of record and rule, without processes: what each result of a probe does to
 * the state, when the next probe is due, and the file DATA/containers/ID/health.json (podman's
 * shape; with --health-log-destination=DIR it is DIR/ID-healthcheck.log), which is replaced whole
 * and outlives the container's end.
 *
 * Times are milliseconds of the monotonic clock. A probe in the start period, or of the start-up
 * check, does not count against the container until one has succeeded.
 */
#pragma once

#include "libpod/record/health_record.h"

struct health_state {
	const struct container_health *cfg; /* NULL or without a test: nothing is done */
	struct health_record rec;
	int64_t started_ms;
	int64_t next_ms; /* 0: no probe is due by itself */
	bool automatic;
	bool in_startup; /* the start-up check runs, the regular one has not begun */
	bool has_been_healthy;
	int64_t startup_failures, startup_successes;
};
/* The container runs from NOW on. AUTOMATIC: the monitor probes by itself, at once first. */
void health_state_begin(struct health_state *s, const struct container_health *cfg, int64_t now_ms,
			bool automatic);
void health_state_done(struct health_state *s);

struct health_result {
	char *start, *end; /* owned; taken by health_state_result() */
	int exit_code;
	char *output; /* owned, taken; cut to the configured length */
	int64_t began_ms;
};
/* Enters the result; what is to be done about it. */
enum health_on_failure health_state_result(struct health_state *s, struct health_result *r,
					   int64_t now_ms);
/* What runs next, and for how long at most. */
char *const *health_state_test(const struct health_state *s);
int64_t health_state_timeout_ms(const struct health_state *s);
/* The next probe after one that ended (or was left out) at NOW. */
void health_state_schedule(struct health_state *s, int64_t now_ms);
