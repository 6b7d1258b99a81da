// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "base/process.h"
#include "storage/internal.h"
#include "storage/pack_wire.h"

struct stream_job {
	pid_t pid;
	int pidfd, result_fd;
	bool has_want;
	struct digest want;
};

struct start_arg {
	const char *program, *source;
	int in_fd, dir_fd, out_fd, result_fd;
	enum layer_compression compression;
	int level;
	pid_t parent;
};

/* Returns only on failure. */
static int exec_helper(const struct start_arg *a, struct cmk_err *err)
{
	static const char *const kinds[] = { "tar", "gzip", "zstd" };
	cleanup_free char *parent = xasprintf("%d", (int)a->parent);
	cleanup_free char *level = xasprintf("%d", a->level);
	char *const argv[] = { (char *)PACK_PROGRAM,	      parent, (char *)a->source,
			       (char *)kinds[a->compression], level,  NULL };
	const int from[] = { a->in_fd, a->out_fd, a->dir_fd, a->result_fd };
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

static void cmk_noreturn child(const struct start_arg *a, struct storage *st,
			       const struct userns_config *config)
{
	struct cmk_err err = CMK_ERR_INIT;
	int r = 0;

	/* ctrl-c is meant for all of the terminal's processes: cmk ends this one. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (config)
		r = userns_parent_enter(st->run_fd, config, NULL, &err);
	if (r >= 0)
		(void)exec_helper(a, &err);
	cmk_err_send(a->result_fd, &err);
	_exit(1);
}

static int start(struct storage *st, struct start_arg *a, const struct userns_config *config,
		 struct stream_job **ret, struct cmk_err *err)
{
	/* Looked for before its owner becomes one that is not mapped. */
	cleanup_free char *program = xasprintf("%s/" PACK_PROGRAM, process_libexec_dir());
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC), out = -1;
	struct stream_job *job;
	int p[2];

	if (null < 0)
		return cmk_err_errno(err, "open '/dev/null'");
	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	/* Above those that the helper gets, so that it can still be written to if exec fails. */
	out = fcntl(p[1], F_DUPFD_CLOEXEC, 16);
	(void)close(p[1]);
	job = xcalloc(1, sizeof(*job));
	job->result_fd = p[0];
	job->pidfd = -1;
	a->program = program;
	a->result_fd = out;
	a->in_fd = a->in_fd >= 0 ? a->in_fd : null;
	a->dir_fd = a->dir_fd >= 0 ? a->dir_fd : null;
	a->out_fd = a->out_fd >= 0 ? a->out_fd : null;
	a->parent = getpid();
	job->pid = out < 0 ? cmk_err_errno(err, "make a pipe")
			   : process_fork(PACK_PROGRAM, PROCESS_DEATH_SIGNAL, &job->pidfd, err);
	if (job->pid == 0)
		child(a, st, config);
	if (job->pid < 0) {
		int r = job->pid;

		(void)close(job->result_fd);
		free(job);
		return r;
	}
	*ret = job;
	return 0;
}

int storage_stream_start(struct storage *st, const struct layer_stream *s, struct stream_job **ret,
			 struct cmk_err *err)
{
	struct start_arg a = { .source = s->check ? "check" : "layer",
			       .in_fd = -1,
			       .out_fd = s->out_fd,
			       .compression = s->compression,
			       .level = s->level };
	const struct userns_config *config;
	cleanup_close int dir = -1;
	int r = storage_userns(st, &config, err);

	if (r < 0)
		return r;
	dir = openat(st->layers_fd, s->diff_id->hex,
		     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return cmk_err_errno(err, "layer %.12s", s->diff_id->hex);
	a.dir_fd = dir;
	r = start(st, &a, config, ret, err);
	if (r >= 0) {
		(*ret)->has_want = true;
		(*ret)->want = *s->diff_id;
	}
	return r;
}

int storage_compress_start(struct storage *st, int in_fd, int out_fd,
			   enum layer_compression compression, int level, struct stream_job **ret,
			   struct cmk_err *err)
{
	struct start_arg a = { .source = "stdin",
			       .in_fd = in_fd,
			       .dir_fd = -1,
			       .out_fd = out_fd,
			       .compression = compression,
			       .level = level };

	return start(st, &a, NULL, ret, err);
}

int storage_stream_pidfd(const struct stream_job *job)
{
	return job->pidfd;
}

static void job_free(struct stream_job *job)
{
	(void)close(job->result_fd);
	(void)close(job->pidfd);
	free(job);
}

int storage_stream_collect(struct stream_job *job, struct layer_result *ret, struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX + 1], want[72], got[72];
	ssize_t n = read_full(job->result_fd, buf, sizeof(buf));
	int status = process_reap(job->pid), r = 0;
	struct pack_result res = { 0 };

	if (n == (ssize_t)sizeof(res) && status == 0)
		memcpy(&res, buf, sizeof(res));
	if (res.magic != PACK_MAGIC) {
		cleanup_free char *died = xasprintf(PACK_PROGRAM " died (wait status %d)", status);

		r = cmk_err_decode(buf, n > 0 ? (size_t)n : 0, died, err);
	} else if (job->has_want && !streq(res.diff_id.hex, job->want.hex)) {
		r = cmk_err_set(err, -EBADMSG,
				"the layer is damaged: its stream has the diff ID %s, not %s",
				digest_str(&res.diff_id, got), digest_str(&job->want, want));
	}
	*ret = (struct layer_result){ .diff_id = res.diff_id,
				      .blob_digest = res.blob_digest,
				      .size = res.size,
				      .blob_size = res.blob_size };
	job_free(job);
	return r;
}

void storage_stream_cancel(struct stream_job *job)
{
	if (!job)
		return;
	(void)process_pidfd_signal(job->pidfd, SIGKILL);
	(void)process_reap(job->pid);
	job_free(job);
}

int storage_layer_stream(struct storage *st, const struct layer_stream *s, struct layer_result *ret,
			 struct cmk_err *err)
{
	struct stream_job *job = NULL;
	int r = storage_stream_start(st, s, &job, err);

	if (r >= 0)
		r = storage_stream_collect(job, ret, err);
	return r < 0 ? cmk_err_wrap(err, r, "layer %.12s", s->diff_id->hex) : 0;
}
