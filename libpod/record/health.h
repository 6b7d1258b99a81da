/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's health check as its record keeps it: the image's HEALTHCHECK and the --health-*
 * options. What is done with it is the monitor's matter (monitor/health.c). Rules and defaults are
 * those of podman-run(1); what an option leaves open comes from the image.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

/* The options as typed; NULL: not given. */
struct health_options {
	const char *cmd, *interval, *retries, *timeout, *start_period, *start_interval;
	const char *startup_cmd, *startup_interval, *startup_retries, *startup_success,
		*startup_timeout;
	const char *on_failure, *log_destination, *max_log_count, *max_log_size;
	bool no_healthcheck;
};

struct container_health {
	/* {"CMD", "a", "b"}, {"CMD-SHELL", "a b"} or {"NONE"}; NULL: there is none */
	char **test, **startup_test;
	int64_t interval_ns, startup_interval_ns; /* 0: only `healthcheck run` */
	int64_t timeout_ns, startup_timeout_ns;
	int64_t start_period_ns, start_interval_ns /* 0: the interval */;
	int64_t retries;	 /* failures in a row until it is unhealthy; 0: the default */
	int64_t startup_retries; /* failures until a restart; 0: never */
	int64_t startup_success; /* successes until the regular check begins; 0: one */
	char *on_failure;	 /* "none", "kill", "restart", "stop" */
	char *log_destination;	 /* "local", "events_logger" or a directory */
	int64_t max_log_count, max_log_size; /* 0: no limit */
};
extern const struct json_field container_health_fields[];
#define HEALTH_RETRIES 3

enum health_on_failure { HEALTH_NOTHING, HEALTH_KILL, HEALTH_RESTART, HEALTH_STOP };

/* Whether any of them was given. */
bool health_options_given(const struct health_options *o);
/* Changes *H (NULL: none so far, made where it is needed) as IMAGE_JSON (the image's HEALTHCHECK,
 * or NULL) and then O say. -EINVAL names the option. */
int health_configure(struct container_health **h, const char *image_json,
		     const struct health_options *o, struct cmk_err *err);
/* What only holds for the whole: a start-up check and an action need a regular check. */
int health_check_whole(const struct container_health *h, struct cmk_err *err);
struct container_health *health_free(struct container_health *h);
/* True where there is something to run. */
bool health_enabled(const struct container_health *h);
/* How long it may take until it says healthy or unhealthy, by its own numbers: the start period,
 * each of its probes up to its timeout, and half a minute for what is slow. */
int64_t health_settles_ms(const struct container_health *h);
enum health_on_failure health_on_failure(const struct container_health *h);
/* The program and its arguments (owned) that TEST means; NULL for none. */
char **health_command(char *const *test);

/* What FRAME_HEALTH asks the monitor for, and its answer. */
enum health_request { HEALTH_PROBE = 1, HEALTH_RELOAD };
enum health_reply {
	HEALTH_REPLY_HEALTHY,
	HEALTH_REPLY_UNHEALTHY,
	HEALTH_REPLY_STARTING, /* the start-up check fails */
	HEALTH_REPLY_NONE,     /* no check is defined */
	HEALTH_REPLY_STOPPED,  /* paused, or about to end */
	HEALTH_REPLY_RELOADED,
};

/* State.Health of `inspect`, from the file that the monitor replaces. */
struct container;
void health_inspect_state(struct json_writer *w, const struct container *c);
/* Healthcheck, StartupHealthCheck and the members beside them in `inspect`'s Config. */
void health_inspect_config(struct json_writer *w, const struct container_health *h);
