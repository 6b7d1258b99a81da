// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "base/process.h"
#include "storage/helper.h"
#include "storage/internal.h"
#include "storage/pack_wire.h"

/* What the helper PID had to say on FD: its result, or why there is none. */
static int read_result(int fd, pid_t pid, struct pack_result *ret, struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX + 1];
	ssize_t n = read_full(fd, buf, sizeof(buf));
	int status = process_reap(pid);
	cleanup_free char *died = NULL;

	if (n == (ssize_t)sizeof(*ret) && status == 0) {
		memcpy(ret, buf, sizeof(*ret));
		if (ret->magic == PACK_MAGIC)
			return 0;
	}
	died = xasprintf(PACK_PROGRAM " died (wait status %d)", status);
	/* That says nothing about the layer. */
	if (n <= 0)
		return cmk_err_set(err, -ECHILD, "%s", died);
	return cmk_err_decode(buf, n > 0 ? (size_t)n : 0, died, err);
}

static int run_helper(struct storage *st, const struct layer_stream *s, int dir, int null,
		      struct pack_result *ret, struct cmk_err *err)
{
	cleanup_strv char **argv = NULL;
	cleanup_close int in = -1, out = -1;
	static const int to[] = { STDIN_FILENO, STDOUT_FILENO, PACK_DIR_FD, PACK_RESULT_FD };
	int r = helper_pipe(&in, 0, &out, err);
	const int from[] = { null, s->out_fd >= 0 ? s->out_fd : null, dir, out };
	pid_t pid;

	if (r < 0)
		return r;
	strv_add(&argv, PACK_PROGRAM);
	strv_add_take(&argv, xasprintf("%d", (int)getpid()));
	strv_add(&argv, s->check ? "check" : "layer");
	strv_add(&argv, layer_compression_name(s->compression));
	strv_add_take(&argv, xasprintf("%d", s->level));
	pid = helper_start(st, argv, from, to, ARRAY_LEN(to), out, err);
	if (pid < 0)
		return pid;
	(void)close(steal_fd(&out));
	return read_result(in, pid, ret, err);
}

static int stream(struct storage *st, const struct layer_stream *s, struct pack_result *ret,
		  struct cmk_err *err)
{
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char id[72];
	cleanup_close int dir = storage_layer_open(st, digest_str(s->diff_id, id), err);
	char got[72], want[72];
	int r;

	if (dir < 0)
		return dir;
	if (null < 0)
		return cmk_err_errno(err, "open /dev/null");
	r = run_helper(st, s, dir, null, ret, err);
	if (r == 0 && !streq(ret->diff_id.hex, s->diff_id->hex))
		r = cmk_err_set(err, -EBADMSG,
				"the layer is damaged: its stream has the diff ID %s, not %s",
				digest_str(&ret->diff_id, got), digest_str(s->diff_id, want));
	return r;
}

int storage_layer_stream(struct storage *st, const struct layer_stream *s, struct layer_result *ret,
			 struct cmk_err *err)
{
	struct pack_result res = { 0 };
	int r = stream(st, s, &res, err);

	*ret = (struct layer_result){ .diff_id = res.diff_id,
				      .blob_digest = res.blob_digest,
				      .size = res.size,
				      .blob_size = res.blob_size,
				      .toc = res.toc };
	return r < 0 ? cmk_err_wrap(err, r, "layer %.12s", s->diff_id->hex) : 0;
}

int storage_layer_verify(struct storage *st, const struct digest *diff_id, struct cmk_err *err)
{
	const struct layer_stream s = { .diff_id = diff_id,
					.compression = LAYER_TAR,
					.level = -1,
					.out_fd = -1,
					.check = true };
	struct pack_result res;

	return stream(st, &s, &res, err);
}
