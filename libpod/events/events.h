/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened, for `cmk events`: one line of JSON per event, appended with one write(2) to
 * DATA/events/log (0600), shared by all commands and monitors of the user. What a killed writer
 * left of its line is skipped by readers, even where another event follows on the same line. Not
 * synced: events may be lost with the power, records may not.
 *
 * The log is renamed to log.1 (and the one before is gone) when it has grown beyond
 * EVENTS_LOG_MAX, by the writer that saw it and holds flock(2) on it. Who has the old file open
 * still writes there; readers look at both.
 *
 * Types and statuses are podman's (podman-events(1)): container attach, cleanup, commit, create,
 * died, exec, exec_died, export, health_status, init, kill, mount, pause, prune, remove, rename,
 * restart, start, stop, unmount, unpause, update; image …; volume create, remove, prune; secret
 * create, remove; network …; system refresh, renumber. Docker's is container oom, before died.
 */
#pragma once

#include "base/err.h"
#include "storage/storage.h"

#define EVENTS_LOG_MAX (1 << 20)

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
/* Whether this process and those that it forks, a monitor too, write events; they do at first. */
void events_set_enabled(bool enabled);
/* Never fails its caller: where the log cannot be written there is a debug message. */
void event_write(struct storage *st, const struct event *e);
/* Several at once, in one write. */
void event_write_all(struct storage *st, const struct event *events, size_t n);
/* The event STATUS ("pull", "tag", "untag", "remove") of the image ID under NAME. */
void event_write_image(struct storage *st, const char *status, const char *id, const char *name);
/* The event STATUS ("create", "pull", "push", "remove") of the artifact whose manifest is ID. */
void event_write_artifact(struct storage *st, const char *status, const char *id, const char *name);
/* "pull-error" with the reason; keeps ERR. */
void event_write_pull_error(struct storage *st, const char *name, const struct cmk_err *err);

struct event_query {
	bool from_start;	    /* also what has happened already */
	bool follow;		    /* go on as events come */
	int64_t since_ns, until_ns; /* since the epoch; 0: none. A follower ends at until */
	int hangup_fd; /* a follower ends when the other end of this pipe is closed; -1: none */
};
/*
 * Gives FN each event in the order of the log, borrowed for the call; FLUSH (may be NULL) is called
 * before a follower waits. A negative value of either ends the reading and is returned. Waits by
 * inotify(7), without a time of its own. 0 at the end.
 */
int events_read(struct storage *st, const struct event_query *q,
		int (*fn)(const struct event *e, void *arg), int (*flush)(void *arg), void *arg,
		struct cmk_err *err);
