/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of one log, over its rotated files, one after the other. */
#pragma once

#include "libpod/monitor/log.h"

/* More than any entry has. */
#define LOG_BLOCK 65536

struct log_file {
	int fd;
	uint64_t dev, ino;
};

struct log_reader {
	int dirfd;
	const char *name;
	struct log_file *files; /* oldest first */
	size_t n_files, at;
	bool last_seen; /* the file at AT was rotated away and has been read again since */
	bool skipping;	/* inside a line that is too long to be an entry */
	bool is_stream; /* one file, and no name */
	bool ended;	/* the stream is over */
	char *buf;	/* LOG_BLOCK bytes */
	size_t pos, len;
	struct log_entry cur; /* where HAS; points into buf */
	const char *line;     /* its line */
	bool has;
};
void log_reader_init(struct log_reader *r, int dirfd, const char *name);
/* Entries that come from FD, which stays the caller's, already from where they are asked for. */
void log_reader_init_stream(struct log_reader *r, int fd);
void log_reader_done(struct log_reader *r);
/* Moves to the first entry that the options ask for. An absent log is empty. */
int log_reader_start(struct log_reader *r, const struct log_read_options *o, struct cmk_err *err);
/* 1 with .cur, 0 at the present end (ask again when the log has changed), or -errno. */
int log_reader_next(struct log_reader *r);
