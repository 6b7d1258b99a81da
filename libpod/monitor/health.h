/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's health checks. A probe is a short process of ours that starts the command in the
 * container as `exec` does, takes its output and tells the monitor, whose loop never waits for it.
 * Without a health check nothing is armed and nothing wakes up.
 */
#pragma once

#include "libpod/monitor/health_state.h"

struct monitor;
struct mon_client;
struct spec;

/* --- health_probe.c --- */
#define HEALTH_OUTPUT_MAX 32768
/* Goes through a pipe whole, without its unused end. */
struct health_probe_report {
	int exit_code; /* -1: killed at the timeout, or could not be run */
	size_t len;
	char output[HEALTH_OUTPUT_MAX];
};
struct health_probe_args {
	struct storage *st;
	const char *id, *other; /* the container's; the runtime that made it, or NULL */
	char *const *other_flags;
	const struct spec *spec; /* of the container that runs */
	char *const *argv;
	pid_t target;
	int target_pidfd, report_fd;
	int group_fd;	/* which the program joins, or -1 */
	bool own_group; /* nothing else is in it */
	int64_t timeout_ms;
};
/* The forked process: runs ARGV in the container, writes the report, ends. */
void health_probe_main(const struct health_probe_args *a) __attribute__((noreturn));

/* --- health.c --- */
struct mon_health {
	struct health_state state;
	/* the probe under way */
	pid_t pid; /* 0: none */
	int pidfd, out_fd;
	int group_fd; /* the probe's own control group below the container's, or -1 */
	int64_t kill_at_ms;
	int64_t began_ms;
	char *began; /* RFC 3339 */
};

void mon_health_init(struct monitor *m);
/* For live.json, which is written before mon_health_begin(): owned, NULL without a health check. */
char *mon_health_first_status(const struct monitor *m);
/* The container runs (again): the first probe is due. */
void mon_health_begin(struct monitor *m);
/* It has ended, or is about to: no probe is left. */
void mon_health_end(struct monitor *m);
/* The end is on record (or the back-off before the next run): who still waits is told. */
void mon_health_ended(struct monitor *m);
/* Monotonic; 0: none. */
int64_t mon_health_deadline(const struct monitor *m);
void mon_health_timer(struct monitor *m);
/* The probe's process has ended. */
void mon_health_event(struct monitor *m);
void mon_health_asked(struct monitor *m, struct mon_client *c, uint8_t what);
