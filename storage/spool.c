// SPDX-License-Identifier: Apache-2.0
/* Streams that may be compressed, through cmk-unpack; and into a file where they must be sought. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/process.h"
#include "storage/storage.h"
#include "storage/unpack.h"

#define READ_LEN ((size_t)256 << 10)
#define CHECK_LEN ((uint64_t)64 << 20) /* written between two looks at the free space */

static void cmk_noreturn decompress_child(const char *program, int in, int out, int result)
{
	char *const argv[] = { (char *)UNPACK_PROGRAM, (char *)UNPACK_CAT, NULL };
	const int from[] = { in, out, result };
	static const int to[] = { STDIN_FILENO, STDOUT_FILENO, UNPACK_RESULT_FD };

	(void)process_exec_helper(program, argv, from, to, result < 0 ? 2 : 3, NULL);
	_exit(1);
}

/* RESULT is where the helper's error goes, or -1. */
static int start_helper(int fd, int result, int *ret_fd, pid_t *ret_pid, struct cmk_err *err)
{
	cleanup_free char *program = xasprintf("%s/" UNPACK_PROGRAM, process_libexec_dir());
	int p[2];
	pid_t pid;

	if (access(program, X_OK) < 0) {
		(void)cmk_err_errno(err, "start '%s'", program);
		(void)cmk_err_hint(err, "cmk is not installed whole");
		return err ? err->code : -ENOENT;
	}
	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	pid = process_fork(UNPACK_PROGRAM, PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid == 0)
		decompress_child(program, fd, p[1], result);
	(void)close(p[1]);
	if (pid < 0) {
		(void)close(p[0]);
		return pid;
	}
	*ret_fd = p[0];
	*ret_pid = pid;
	return 0;
}

int storage_decompress_start(int fd, int *ret_fd, pid_t *ret_pid, struct cmk_err *err)
{
	return start_helper(fd, -1, ret_fd, ret_pid, err);
}

int storage_unnamed_file(struct storage *st, struct cmk_err *err)
{
	int fd = openat(st->tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? cmk_err_errno(err, "make a file in '%s/tmp'", st->root) : fd;
}

/* All that IN gives. What it makes must fit a second time, as layers. */
static int copy_all(struct storage *st, int in, int out, struct cmk_err *err)
{
	cleanup_free char *buf = xmalloc(READ_LEN);
	uint64_t done = 0, next = CHECK_LEN;
	ssize_t n;
	int r;

	while ((n = read_full(in, buf, READ_LEN)) > 0) {
		r = write_all(out, buf, (size_t)n);
		if (r < 0)
			return cmk_err_set(err, r, "write to '%s/tmp': %s", st->root,
					   errno_text(-r));
		done += (uint64_t)n;
		if (done < next)
			continue;
		r = storage_check_space(st, done, err);
		if (r < 0)
			return r;
		next = done + CHECK_LEN;
	}
	if (n < 0)
		return cmk_err_set(err, (int)n, "read: %s", errno_text((int)-n));
	return 0;
}

/* Why the helper ended badly. */
static int helper_error(int result, struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX];
	ssize_t n = read_full(result, buf, sizeof(buf));

	return cmk_err_decode(buf, n > 0 ? (size_t)n : 0, "the unpacking process died", err);
}

static int spool(struct storage *st, int fd, int *ret_fd, struct cmk_err *err)
{
	cleanup_close int out = storage_unnamed_file(st, err), in = -1, result = -1, told = -1;
	int p[2], r, status;
	pid_t pid;

	if (out < 0)
		return out;
	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	result = p[0];
	told = p[1];
	r = start_helper(fd, told, &in, &pid, err);
	if (r < 0)
		return r;
	(void)close(steal_fd(&told));
	r = copy_all(st, in, out, err);
	/* Where it still writes, nobody reads any more. */
	(void)close(steal_fd(&in));
	if (r < 0)
		(void)kill(pid, SIGKILL);
	status = process_reap(pid);
	if (r == 0 && status != 0)
		r = helper_error(result, err);
	if (r == 0 && lseek(out, 0, SEEK_SET) < 0)
		r = cmk_err_errno(err, "read '%s/tmp'", st->root);
	if (r == 0)
		*ret_fd = steal_fd(&out);
	return r;
}

/* 1 where FD is a plain file that can be sought. */
static int is_plain(int fd, struct cmk_err *err)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	uint8_t first[DETECT_LEN];
	struct stat sb;
	ssize_t n;

	if (fstat(fd, &sb) < 0)
		return cmk_err_errno(err, "look at the file");
	if (at < 0 || !S_ISREG(sb.st_mode))
		return 0;
	n = pread(fd, first, sizeof(first), at);
	if (n < 0)
		return cmk_err_errno(err, "read");
	return decoder_detect(first, (size_t)n) == LAYER_TAR;
}

int storage_plain_file(struct storage *st, int fd, int *ret_fd, struct cmk_err *err)
{
	int r = is_plain(fd, err);

	if (r < 0)
		return r;
	if (r == 0)
		return spool(st, fd, ret_fd, err);
	r = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (r < 0)
		return cmk_err_errno(err, "open");
	*ret_fd = r;
	return 0;
}
