/* SPDX-License-Identifier: Apache-2.0 */
/* One unpacking under way, inside this room. */
#pragma once

#include "base/util.h"
#include "storage/storage.h"

struct layer_job {
	struct storage *st;
	char tmp[32];	       /* below tmp/ */
	int tmp_fd;	       /* holds its lock */
	struct digest pending; /* its files are there, in the pending layer of this name; or "" */
	bool ignore_chown;     /* storage.conf */
	int files_fd;	       /* the store's files (shared.h) */
	pid_t pid;	       /* of layer_job_child() */
	int pidfd, result_fd;
};

/* storage_layer_make(), as U says; U->in_fd is set here. */
int layer_feed(struct storage *st, struct layer_unpack *u, storage_pack_fn pack, void *arg,
	       struct layer_result *ret, struct cmk_err *err);

/*
 * The child between cmk and cmk-unpack. It enters the parent user namespace, starts the helper, and
 * stays: it then shares the layer's files with other layers (shared.h). When the helper fails, or
 * nobody holds the other end of OUT_FD any more (cmk was cancelled, interrupted or killed), it
 * removes what was written. OUT_FD is above 15.
 */
void cmk_noreturn layer_job_child(struct layer_job *job, const struct layer_unpack *u, int out_fd,
				  const struct userns_config *config);
