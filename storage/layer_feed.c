// SPDX-License-Identifier: Apache-2.0
/* One child writes a tar stream, another reads it back: what is kept is what the digest is of. */
#include <fcntl.h>

#include "base/file.h"
#include "storage/layer_job.h"

int layer_feed(struct storage *st, struct layer_unpack *u, storage_pack_fn pack, void *arg,
	       struct layer_result *ret, struct cmk_err *err)
{
	struct cmk_err packing = CMK_ERR_INIT, unpacking = CMK_ERR_INIT;
	cleanup_close int in = -1, out = -1;
	struct layer_job *job = NULL;
	int p[2], r, packed;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	u->in_fd = in = p[0];
	out = p[1];
	(void)fcntl(out, F_SETPIPE_SZ, 1 << 20);
	r = storage_layer_start(st, u, &job, err);
	if (r < 0)
		return r;
	(void)close(steal_fd(&in));
	packed = pack(arg, out, &packing);
	/* A stream that was cut short must not be taken for a whole one. */
	if (packed < 0 && packed != -EPIPE) {
		storage_layer_cancel(job);
		return cmk_err_move(err, &packing);
	}
	(void)close(steal_fd(&out));
	r = storage_layer_collect(job, ret, &unpacking);
	if (r >= 0 && packed < 0)
		return cmk_err_move(err, &packing);
	cmk_err_done(&packing);
	return r < 0 ? cmk_err_move(err, &unpacking) : 0;
}

int storage_layer_make(struct storage *st, storage_pack_fn pack, void *arg,
		       struct layer_result *ret, struct cmk_err *err)
{
	struct layer_unpack u = { .compression = LAYER_TAR };

	return layer_feed(st, &u, pack, arg, ret, err);
}
