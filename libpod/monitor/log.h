/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's output, by log driver, and how it is read back.
 *
 * Files (k8s-file, and json-file and local, docker's names, for the same format):
 * "RFC3339NANO stdout|stderr F|P TEXT\n". P: the line goes on in the next entry of the same stream;
 * an entry is at most LOG_ENTRY_MAX bytes of text. The last line of output that ended without a
 * newline is a P entry, so that a replay gives the same bytes.
 *
 * With a limit the file is rotated before the entry that would go beyond it: NAME.1 is the one
 * before NAME, and so on; an entry is never cut. Where only one file may be kept the limit is
 * shared by two of half the size, so that the last half is there at any moment. A writer killed
 * inside a rotation leaves a gap in the numbers or no NAME: both are read, and go away with the
 * next rotation.
 */
#pragma once

#include "base/err.h"

#define LOG_ENTRY_MAX 16384

/* Where output goes; borrowed. */
struct log_target {
	const char *driver;	   /* NULL: k8s-file */
	int dirfd;		   /* of NAME */
	const char *name;	   /* "ctr.log" */
	int64_t max_size;	   /* of all output, in bytes of the files; 0: no limit */
	uint32_t max_files;	   /* 0 or 1: see above */
	const char *const *fields; /* journald: "KEY=VALUE" of each entry, NULL-ended */
};

struct ctr_log;
/* By driver. *RET is NULL for the drivers that keep nothing (none, passthrough). A file is made
 * 0600; what a killed writer left half-written is closed with a newline. */
int ctr_log_open_target(const struct log_target *t, struct ctr_log **ret, struct cmk_err *err);
/* The file NAME below DIRFD, without a limit. */
int ctr_log_open(int dirfd, const char *name, struct ctr_log **ret, struct cmk_err *err);
struct ctr_log *ctr_log_free(struct ctr_log *l);
/* An entry that does not fit on the disk is left out whole; nothing waits for the disk. */
void ctr_log_write(struct ctr_log *l, bool is_stderr, const void *data, size_t len);

struct log_driver_info {
	const char *name;
	bool has_file;	   /* path and max-size mean something */
	bool passes_stdio; /* the container gets the caller's own stdin, stdout and stderr */
};
/* NULL where there is no such driver. */
const struct log_driver_info *log_driver_find(const char *name);
/* The driver number I, from 0; NULL behind the last. */
const struct log_driver_info *log_driver_at(size_t i);
/* -EOPNOTSUPP where the journal does not run. */
int log_journal_probe(struct cmk_err *err);

struct log_read_options {
	bool follow, timestamps;
	int64_t tail;		    /* -1: all */
	int64_t since_ns, until_ns; /* 0: none; since the epoch */
};
/*
 * A log that is no file: what cmk-journal reads from the journal, on a pipe. FOLLOW: it goes on
 * until log_stream_end() says that nothing more will be written, and a while longer.
 */
struct log_stream {
	int fd, control_fd; /* not blocking where it follows */
	pid_t pid;
};
#define LOG_STREAM_INIT ((struct log_stream){ .fd = -1, .control_fd = -1 })
/* The entries of the container with the full ID. CMK_ERR_UNSUPPORTED with a hint where this user
 * may not read the journal. */
int log_stream_start(const char *id, const struct log_read_options *o, struct log_stream *ret,
		     struct cmk_err *err);
void log_stream_end(struct log_stream *s);
void log_stream_done(struct log_stream *s);

/* One log of those that are shown. */
struct log_source {
	struct log_stream *stream; /* borrowed; NULL: the file NAME below DIRFD */
	int dirfd;
	const char *name;
	const char *prefix;  /* before each line, with its blank; or NULL */
	const char *details; /* the same, behind the time */
	/* Follower: asked (may be NULL) whether to go on at the end of the file: when the directory
	 * or the file changes and when END_FD is readable (the monitor's pidfd; -1: none). */
	bool (*still_running)(void *arg);
	void *arg;
	int end_fd;
};
/* Replays to OUT_FD and ERR_FD, each line to its own stream; the entries of several logs in the
 * order of their times. A file that is absent is an empty log. --since is found by halving: where
 * the clock was set back, entries before that moment may be left out. -EPIPE where the reader has
 * gone. */
int log_show(const struct log_source *sources, size_t n, const struct log_read_options *o,
	     int out_fd, int err_fd, struct cmk_err *err);

struct log_entry {
	int64_t time_ns; /* since the epoch */
	bool is_stderr, partial;
	const char *text; /* inside the line; LEN bytes without the newline */
	size_t len;
};
/* One line without its newline; -EBADMSG where it is no entry. */
int log_entry_parse(const char *line, size_t len, struct log_entry *ret);
/* RFC 3339 ("2026-11-21", "2026-11-21T10:00:00", with fraction and zone; UTC where none is given):
 * nanoseconds since the epoch. 0 or -EINVAL. */
int log_rfc3339_parse(const char *s, size_t len, int64_t *ret_ns);
/* What --since and --until take: RFC 3339, seconds since the epoch ("1700000000.5"), or a duration
 * ago ("10m"). */
int log_time_parse(const char *s, int64_t now_ns, int64_t *ret_ns, struct cmk_err *err);
/* The same for --until, where a duration is from now on, as podman has it. */
int log_until_parse(const char *s, int64_t now_ns, int64_t *ret_ns, struct cmk_err *err);
