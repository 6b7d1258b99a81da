// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "base/process.h"
#include "storage/helper.h"
#include "storage/internal.h"
#include "storage/layer_record.h"
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

/* FROM: of stdin, stdout, PACK_DIR_FD, PACK_RESULT_FD (not given: the other end of *RET_RESULT) and
 * PACK_SPLIT_FD, N descriptors. The process; or negative. */
static pid_t start_helper(struct storage *st, const char *source, enum layer_compression kind,
			  int level, int *from, size_t n, int *ret_result, struct cmk_err *err)
{
	static const int to[] = { STDIN_FILENO, STDOUT_FILENO, PACK_DIR_FD, PACK_RESULT_FD,
				  PACK_SPLIT_FD };
	cleanup_strv char **argv = NULL;
	cleanup_close int in = -1, out = -1;
	int r = helper_pipe(&in, 0, &out, err);
	pid_t pid;

	if (r < 0)
		return r;
	from[3] = out;
	strv_add(&argv, PACK_PROGRAM);
	strv_add_take(&argv, xasprintf("%d", (int)getpid()));
	strv_add(&argv, source);
	strv_add(&argv, layer_compression_name(kind));
	strv_add_take(&argv, xasprintf("%d", level));
	pid = helper_start(st, argv, from, to, n, out, err);
	if (pid > 0)
		*ret_result = steal_fd(&in);
	return pid;
}

/* One that was pending may still lie under the name that it had. */
static void expected(int dir, const struct layer_stream *s, struct digest *ret)
{
	struct layer_record rec = { 0 };

	*ret = *s->diff_id;
	if (layer_record_load(dir, &rec, NULL) >= 0 && streq_null(rec.name, ret->hex))
		(void)digest_parse(rec.diff_id, ret, NULL);
	layer_record_done(&rec);
}

static int stream(struct storage *st, const struct layer_stream *s, struct pack_result *ret,
		  struct cmk_err *err)
{
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char id[72];
	cleanup_close int dir = storage_layer_open(st, digest_str(s->diff_id, id), err);
	cleanup_close int result = -1;
	int from[] = { null, s->out_fd >= 0 ? s->out_fd : null, dir, -1 };
	char got[72], want[72];
	struct digest diff;
	pid_t pid;
	int r;

	if (dir < 0)
		return dir;
	if (null < 0)
		return cmk_err_errno(err, "open /dev/null");
	expected(dir, s, &diff);
	pid = start_helper(st, s->check ? "check" : "layer", s->compression, s->level, from,
			   ARRAY_LEN(from), &result, err);
	r = pid < 0 ? pid : read_result(result, pid, ret, err);
	if (r == 0 && !streq(ret->diff_id.hex, diff.hex))
		r = cmk_err_set(err, -EBADMSG,
				"the layer is damaged: its stream has the diff ID %s, not %s",
				digest_str(&ret->diff_id, got), digest_str(&diff, want));
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

/* --- layers of other stores --- */

struct layer_assembly {
	pid_t pid;
	int result_fd;
};

int storage_assembly_start(struct storage *st, int dir_fd, int split_fd, int *ret_fd,
			   struct layer_assembly **ret, struct cmk_err *err)
{
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC), in = -1, out = -1;
	struct layer_assembly *a;
	int result = -1, r;
	pid_t pid;

	if (null < 0)
		return cmk_err_errno(err, "open /dev/null");
	r = helper_pipe(&in, 0, &out, err);
	if (r < 0)
		return r;
	pid = start_helper(st, "foreign", LAYER_TAR, -1, (int[]){ null, out, dir_fd, -1, split_fd },
			   5, &result, err);
	if (pid < 0)
		return pid;
	a = xcalloc(1, sizeof(*a));
	a->pid = pid;
	a->result_fd = result;
	*ret_fd = steal_fd(&in);
	*ret = a;
	return 0;
}

int storage_assembly_finish(struct layer_assembly *a, struct cmk_err *err)
{
	struct pack_result res;
	int r = read_result(a->result_fd, a->pid, &res, err);

	(void)close(a->result_fd);
	free(a);
	return r;
}

void storage_assembly_cancel(struct layer_assembly *a)
{
	if (!a)
		return;
	(void)kill(a->pid, SIGKILL);
	(void)storage_assembly_finish(a, NULL);
}
