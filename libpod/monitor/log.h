/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log files in the k8s-file format: "RFC3339NANO stdout|stderr F|P TEXT\n". P: the line goes on in
 * the next entry of the same stream; an entry is at most LOG_ENTRY_MAX bytes of text. The last line
 * of output that ended without a newline is a P entry, so that a replay gives the same bytes.
 */
#pragma once

#include "base/err.h"

#define LOG_ENTRY_MAX 16384

struct ctr_log;
/* Appends to NAME below DIRFD (made 0600). What a killed writer left half-written is closed with a
 * newline. */
int ctr_log_open(int dirfd, const char *name, struct ctr_log **ret, struct cmk_err *err);
struct ctr_log *ctr_log_free(struct ctr_log *l);
/* One write(2) per 32 KiB. An entry that does not fit on the disk is left out whole. */
void ctr_log_write(struct ctr_log *l, bool is_stderr, const void *data, size_t len);

struct log_read_options {
	bool follow, timestamps;
	int64_t tail;		    /* -1: all */
	int64_t since_ns, until_ns; /* 0: none; since the epoch */
	const char *prefix;	    /* before each line (`logs -n`), or NULL */
	int end_fd; /* a follower ends when this is readable (the monitor's pidfd); 0 or -1: none */
};
/* Replays to OUT_FD and ERR_FD, each line to its own stream. STILL_RUNNING(ARG) (may be NULL) tells
 * a follower whether to go on at the end of the file; asked when the directory or the file changes
 * and when END_FD is readable. A file that is absent is an empty log. -EPIPE where the reader has
 * gone. */
int ctr_log_replay(int dirfd, const char *name, const struct log_read_options *o, int out_fd,
		   int err_fd, bool (*still_running)(void *arg), void *arg, struct cmk_err *err);

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
