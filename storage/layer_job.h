/* SPDX-License-Identifier: Apache-2.0 */
/* One unpacking under way, inside this room. */
#pragma once

#include "base/util.h"
#include "storage/storage.h"

struct layer_job {
	struct storage *st;
	char tmp[32]; /* below tmp/ */
	int tmp_fd;   /* holds its lock */
	pid_t pid;    /* of layer_job_child() */
	int pidfd, result_fd;
};

/*
 * The child between cmk and cmk-unpack. It enters the parent user namespace, starts the helper, and
 * stays: when the helper fails, or nobody holds the other end of OUT_FD any more (cmk was
 * cancelled, interrupted or killed), it removes what was written. OUT_FD is above 15.
 */
void cmk_noreturn layer_job_child(struct layer_job *job, const struct layer_unpack *u, int out_fd,
				  const struct userns_config *config);
