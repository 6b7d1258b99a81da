// SPDX-License-Identifier: Apache-2.0
/* Layers from parts of their blobs: cmk's side of the helper cmk-chunked. */
#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "storage/chunked_wire.h"
#include "storage/helper.h"
#include "storage/internal.h"

struct layer_partial {
	struct storage *st;
	pid_t pid;
	int go_fd, result_fd, stream_fd; /* ours */
	struct layer_range *ranges;
	size_t n;
};

int storage_estargz_footer(const uint8_t footer[static ESTARGZ_FOOTER], uint64_t blob_size,
			   struct layer_range *ret, struct cmk_err *err)
{
	/* gzip's header with an extra field of 26 bytes: "SG", 22, 16 hexadecimal digits, a word.
	 */
	static const uint8_t head[] = { 26, 0, 'S', 'G', 22, 0 };
	uint64_t offset = 0;

	if (footer[0] != 0x1f || footer[1] != 0x8b ||
	    memcmp(footer + 10, head, sizeof(head)) != 0 || memcmp(footer + 32, "STARGZ", 6) != 0)
		return cmk_err_set(err, -EBADMSG, "the blob has no eStargz footer");
	for (size_t i = 16; i < 32; i++) {
		const char *digits = "0123456789abcdef";
		const char *at = footer[i] ? strchr(digits, footer[i]) : NULL;

		if (!at || offset >> 59)
			return cmk_err_set(err, -EBADMSG, "the eStargz footer cannot be read");
		offset = offset << 4 | (uint64_t)(at - digits);
	}
	if (blob_size < ESTARGZ_FOOTER || offset >= blob_size - ESTARGZ_FOOTER)
		return cmk_err_set(err, -EBADMSG, "the eStargz footer leads out of the blob");
	*ret = (struct layer_range){ .offset = offset, .len = blob_size - ESTARGZ_FOOTER - offset };
	return 0;
}

static void add_number(char ***argv, uint64_t n)
{
	strv_add_take(argv, xasprintf("%llu", (unsigned long long)n));
}

static char **arguments(const struct layer_toc *t, uint64_t blob_size)
{
	char **argv = NULL;

	strv_add(&argv, CHUNKED_PROGRAM);
	add_number(&argv, (uint64_t)getpid());
	strv_add(&argv, t->kind == CHUNKED_ESTARGZ ? "estargz" : "zstd:chunked");
	add_number(&argv, blob_size);
	strv_add(&argv, t->digest.hex);
	add_number(&argv, t->place.offset);
	add_number(&argv, t->place.len);
	add_number(&argv, t->split.offset);
	add_number(&argv, t->split.len);
	return argv;
}

static int start(struct layer_partial *p, char *const argv[], int blob_fd, struct cmk_err *err)
{
	static const int to[] = { STDIN_FILENO, STDOUT_FILENO, CHUNKED_DIR_FD, CHUNKED_RESULT_FD,
				  CHUNKED_BLOB_FD };
	cleanup_close int go = -1, stream = -1, result = -1;
	int r = helper_pipe(&p->go_fd, 1, &go, err);

	if (r == 0)
		r = helper_pipe(&p->stream_fd, 0, &stream, err);
	if (r == 0)
		r = helper_pipe(&p->result_fd, 0, &result, err);
	if (r < 0)
		return r;
	p->pid = helper_start(p->st, argv,
			      (const int[]){ go, stream, p->st->layers_fd, result, blob_fd }, to,
			      ARRAY_LEN(to), result, err);
	return p->pid < 0 ? p->pid : 0;
}

/* LEN bytes of the helper's, with MAGIC first, or why there are none. */
static int read_answer(struct layer_partial *p, void *to, size_t len, uint64_t magic,
		       struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX + 1];
	ssize_t n = read_full(p->result_fd, buf, len), more;

	if (n == (ssize_t)len && memcmp(buf, &magic, sizeof(magic)) == 0) {
		memcpy(to, buf, len);
		return 0;
	}
	more = n < 0 ? -1 : read_full(p->result_fd, buf + n, sizeof(buf) - (size_t)n);
	return cmk_err_decode(buf, more < 0 ? 0 : (size_t)(n + more), CHUNKED_PROGRAM " died", err);
}

static int read_plan(struct layer_partial *p, uint64_t blob_size, struct cmk_err *err)
{
	struct chunked_plan plan = { 0 };
	int r = read_answer(p, &plan, sizeof(plan), CHUNKED_PLAN_MAGIC, err);
	size_t len;

	if (r < 0)
		return r;
	if (plan.n_ranges > LAYER_RANGES_MAX)
		return cmk_err_set(err, -EPROTO, "too many ranges of a blob");
	p->n = (size_t)plan.n_ranges;
	len = p->n * sizeof(*p->ranges);
	p->ranges = xmalloc(len + 1);
	if (read_full(p->result_fd, p->ranges, len) != (ssize_t)len)
		return cmk_err_set(err, -EPROTO, CHUNKED_PROGRAM " died");
	for (size_t i = 0; i < p->n; i++)
		if (p->ranges[i].len == 0 || p->ranges[i].offset > blob_size ||
		    p->ranges[i].len > blob_size - p->ranges[i].offset)
			return cmk_err_set(err, -EPROTO, "an impossible range of a blob");
	return 0;
}

int storage_partial_start(struct storage *st, const struct layer_toc *toc, uint64_t blob_size,
			  int blob_fd, struct layer_partial **ret, struct cmk_err *err)
{
	cleanup_strv char **argv = arguments(toc, blob_size);
	struct layer_partial *p = xcalloc(1, sizeof(*p));
	int r;

	p->st = st;
	p->go_fd = p->result_fd = p->stream_fd = -1;
	/* Layers whose files are counted on must not be collected meanwhile. */
	r = storage_claim(st, err);
	if (r >= 0)
		r = start(p, argv, blob_fd, err);
	if (r >= 0)
		r = read_plan(p, blob_size, err);
	if (r < 0) {
		storage_partial_cancel(p);
		return r;
	}
	*ret = p;
	return 0;
}

const struct layer_range *storage_partial_ranges(const struct layer_partial *p, size_t *ret_n)
{
	*ret_n = p->n;
	return p->ranges;
}

/* Lets the helper write the stream, and waits for its end. */
static int make_stream(struct layer_partial *p, struct cmk_err *err)
{
	struct chunked_result res = { 0 };
	int r = write_all(p->go_fd, "g", 1);

	if (r < 0)
		return cmk_err_set(err, r, CHUNKED_PROGRAM " died");
	return read_answer(p, &res, sizeof(res), CHUNKED_RESULT_MAGIC, err);
}

int storage_partial_finish(struct layer_partial *p, const struct digest *diff_id,
			   struct layer_result *ret, struct cmk_err *err)
{
	const struct layer_unpack u = { .in_fd = p->stream_fd,
					.diff_id = diff_id,
					.compression = LAYER_TAR };
	struct layer_job *job = NULL;
	int r = storage_layer_start(p->st, &u, &job, err);

	/* The unpacker's alone: it has to notice the end. */
	(void)close(steal_fd(&p->stream_fd));
	if (r >= 0)
		r = make_stream(p, err);
	if (r < 0)
		storage_layer_cancel(job);
	else
		r = storage_layer_collect(job, ret, err);
	storage_partial_cancel(p);
	return r;
}

void storage_partial_cancel(struct layer_partial *p)
{
	if (!p)
		return;
	if (p->pid > 0) {
		(void)kill(p->pid, SIGKILL);
		(void)process_reap(p->pid);
	}
	if (p->go_fd >= 0)
		(void)close(p->go_fd);
	if (p->result_fd >= 0)
		(void)close(p->result_fd);
	if (p->stream_fd >= 0)
		(void)close(p->stream_fd);
	free(p->ranges);
	free(p);
}
