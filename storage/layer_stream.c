// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "base/process.h"
#include "storage/internal.h"
#include "storage/pack_wire.h"

struct pack_start {
	const char *program; /* found before its owner becomes one that is not mapped */
	const struct layer_stream *s;
	int null_fd, dir_fd, result_fd;
	pid_t parent;
};

/* Returns only on failure. */
static int exec_helper(const struct pack_start *a, struct cmk_err *err)
{
	cleanup_free char *parent = xasprintf("%d", (int)a->parent);
	cleanup_free char *level = xasprintf("%d", a->s->level);
	char *const argv[] = { (char *)PACK_PROGRAM,
			       parent,
			       (char *)(a->s->check ? "check" : "layer"),
			       (char *)layer_compression_name(a->s->compression),
			       level,
			       NULL };
	const int from[] = { a->null_fd, a->s->out_fd >= 0 ? a->s->out_fd : a->null_fd, a->dir_fd,
			     a->result_fd };
	static const int to[] = { STDIN_FILENO, STDOUT_FILENO, PACK_DIR_FD, PACK_RESULT_FD };
	static char *const env[] = { NULL };
	int r = process_place_fds(from, to, ARRAY_LEN(to));

	if (r < 0) {
		errno = -r;
		return cmk_err_errno(err, "hand over descriptors");
	}
	process_close_others(to + 2, 2);
	(void)execve(a->program, argv, env);
	(void)cmk_err_errno(err, "start '%s'", a->program);
	(void)cmk_err_hint(err, "cmk is not installed whole");
	return err->code;
}

static void cmk_noreturn child(const struct pack_start *a, struct storage *st,
			       const struct userns_config *config)
{
	struct cmk_err err = CMK_ERR_INIT;

	/* ctrl-c is meant for all of the terminal's processes: cmk's death ends this one. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (userns_parent_enter(st->run_fd, config, NULL, &err) >= 0)
		(void)exec_helper(a, &err);
	cmk_err_send(a->result_fd, &err);
	_exit(1);
}

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

static int run_helper(struct storage *st, struct pack_start *a, struct pack_result *ret,
		      struct cmk_err *err)
{
	const struct userns_config *config;
	cleanup_close int in = -1, out = -1;
	int p[2], r = storage_userns(st, &config, err);
	pid_t pid;

	if (r < 0)
		return r;
	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	in = p[0];
	/* Above those that the helper gets, so that it can still be written to if exec fails. */
	a->result_fd = out = fcntl(p[1], F_DUPFD_CLOEXEC, 16);
	(void)close(p[1]);
	if (out < 0)
		return cmk_err_errno(err, "make a pipe");
	a->parent = getpid();
	pid = process_fork(PACK_PROGRAM, PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid == 0)
		child(a, st, config);
	if (pid < 0)
		return pid;
	(void)close(steal_fd(&out));
	return read_result(in, pid, ret, err);
}

static int stream(struct storage *st, const struct layer_stream *s, struct pack_result *ret,
		  struct cmk_err *err)
{
	cleanup_free char *program = xasprintf("%s/" PACK_PROGRAM, process_libexec_dir());
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char id[72];
	cleanup_close int dir = storage_layer_open(st, digest_str(s->diff_id, id), err);
	struct pack_start a = { .program = program, .s = s, .null_fd = null, .dir_fd = dir };
	char got[72], want[72];
	int r;

	if (dir < 0)
		return dir;
	if (null < 0)
		return cmk_err_errno(err, "open /dev/null");
	r = run_helper(st, &a, ret, err);
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
