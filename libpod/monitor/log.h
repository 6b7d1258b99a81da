/* SPDX-License-Identifier: Apache-2.0 */
/* Log files in the k8s-file format: "RFC3339NANO stdout|stderr F|P TEXT\n" (P: the line goes on).
 */
#pragma once

#include "base/err.h"

struct ctr_log;
int ctr_log_open(int dirfd, const char *name, struct ctr_log **ret, struct cmk_err *err);
struct ctr_log *ctr_log_free(struct ctr_log *l);
void ctr_log_write(struct ctr_log *l, bool is_stderr, const void *data, size_t len);

struct log_read_options {
	bool follow, timestamps;
	int64_t tail;		    /* -1: all */
	int64_t since_ns, until_ns; /* 0: none; since the epoch */
};
/* Replays to OUT_FD and ERR_FD. STILL_RUNNING(ARG) tells a follower whether to go on at the end of
 * the file. */
int ctr_log_replay(int dirfd, const char *name, const struct log_read_options *o, int out_fd,
		   int err_fd, bool (*still_running)(void *arg), void *arg, struct cmk_err *err);
