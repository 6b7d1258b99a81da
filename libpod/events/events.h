/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened, for `cmk events`: one line of JSON per event, appended with one write(2) to
 * DATA/events/log (0600), shared by all commands and monitors of the user. A line that a killed
 * writer left without its newline is closed by the next one and skipped by readers. Not synced:
 * events may be lost with the power, records may not.
 *
 * Types and statuses are podman's (podman-events(1)): container attach, cleanup, commit, create,
 * died, exec, exec_died, export, health_status, init, kill, mount, pause, prune, remove, rename,
 * restart, start, stop, unmount, unpause, update; image …; volume create, remove, prune; secret
 * create, remove; network …; system refresh, renumber.
 */
#pragma once

#include "base/err.h"
#include "storage/storage.h"

struct container_config;

/* Borrowed strings; NULL or 0 where not known. */
struct event {
	const char *type, *status; /* "container", "start" */
	const char *id, *name, *image, *network, *error;
	const char *health_status; /* "healthy", for health_status */
	char *const *attributes;   /* "KEY=VALUE": labels, and what the event adds */
	bool has_exit_code;
	int exit_code;
	int64_t time_ns; /* since the epoch; 0: now */
};
/* Never fails its caller: where the log cannot be written there is a debug message. */
void event_write(struct storage *st, const struct event *e);
/* Several at once, in one write. */
void event_write_all(struct storage *st, const struct event *events, size_t n);
/* The event STATUS of the container with CFG, with its name, image and labels. */
struct event event_of_container(const struct container_config *cfg, const char *status);
