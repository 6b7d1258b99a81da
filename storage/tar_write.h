/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer of tar streams: ustar, with PAX records (POSIX.1-2001) for what has no room there: long
 * names and link targets, large ids and sizes, parts of seconds, extended attributes
 * (SCHILY.xattr), sparse files (GNU 1.0). The same entries give the same bytes: nothing in the
 * stream comes from the clock or the process.
 */
#pragma once

#include "storage/tar.h"

struct tar_writer {
	int fd;
	struct strbuf buf; /* not written yet */
	uint64_t left;	   /* bytes of the entry's data that are still due */
	uint32_t pad;	   /* zeros after them */
	uint64_t written;  /* bytes of the stream, those in BUF too */
};

void tar_writer_init(struct tar_writer *w, int fd);
void tar_writer_done(struct tar_writer *w);
/* The headers of E, without its data. A file with MAP (N pieces of data in order, holes between and
 * behind them) is written as a sparse one; its data is that of the pieces. E->xattrs are taken in
 * the order that they have. RDEV counts for devices. 0 or -errno, also of a write. */
int tar_write_header(struct tar_writer *w, const struct tar_entry *e, dev_t rdev,
		     const struct tar_sparse *map, size_t n);
/* Data of the entry at hand, at most what is left. */
int tar_write_data(struct tar_writer *w, const void *p, size_t len);
/* The entry's data is written to the descriptor by somebody else, as soon as this returns. */
int tar_write_elsewhere(struct tar_writer *w);
/* LEN bytes of FD from OFFSET on: zeros where the file has become shorter. */
int tar_write_file(struct tar_writer *w, int fd, uint64_t offset, uint64_t len);
/* The archive's end; everything is written then. */
int tar_write_end(struct tar_writer *w);
