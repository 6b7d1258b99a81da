/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the log drivers share: log.c (the table, entries), log_file.c, log_journal.c.
 */
#pragma once

#include "base/strbuf.h"
#include "libpod/monitor/log.h"

struct log_driver {
	struct log_driver_info info;
	/* NULL where nothing is kept */
	int (*open)(struct ctr_log *l, const struct log_target *t, struct cmk_err *err);
	void (*write)(struct ctr_log *l, bool is_stderr, const char *data, size_t len);
	void (*close)(struct ctr_log *l);
};
extern const struct log_driver log_driver_k8s_file, log_driver_json_file, log_driver_local,
	log_driver_journald;

/* One read's worth in lines of usual length, with their heads. */
#define LOG_BUF 131072

struct ctr_log {
	const struct log_driver *driver;
	int fd; /* the file, or the socket of the journal; -1: could not be made again */
	/* files */
	int dirfd;
	char *name;
	off_t size;	/* what the file holds in whole entries */
	off_t file_max; /* of one file; 0: no limit */
	uint32_t n_old; /* NAME.1 .. NAME.n_old are kept */
	size_t len;
	char *buf; /* LOG_BUF bytes */
	/* journald */
	struct strbuf fields; /* the same in each entry, in the journal's form */
	bool stuck;	      /* it takes nothing: not waited for any more until it does */
};

/* "NAME.3"; 0: NAME. */
#define LOG_NAME_MAX 272
void log_file_name(char buf[static LOG_NAME_MAX], const char *name, uint32_t n);
