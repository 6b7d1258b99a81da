// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/helper.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"

static void cmk_noreturn exec_helper(const char *path, const char *const *args, int in, int out,
				     int errfd)
{
	const char *slash = strrchr(path, '/');
	cleanup_strv char **argv = NULL;

	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(errfd, STDERR_FILENO) < 0)
		_exit(125);
	process_close_others(NULL, 0);
	strv_add(&argv, slash ? slash + 1 : path);
	for (; *args; args++)
		strv_add(&argv, *args);
	(void)execvp(path, argv);
	(void)dprintf(STDERR_FILENO, "%s: %s\n", path, errno_text(errno));
	_exit(127);
}

/* A file for the text or the messages, without a name. */
static int scratch_file(const char *text, size_t len, struct cmk_err *err)
{
	cleanup_close int fd = (int)syscall(SYS_memfd_create, "cmk-helper", 1U /* MFD_CLOEXEC */);

	if (fd < 0)
		return cmk_err_errno(err, "memfd_create");
	if (write_all(fd, text, len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return cmk_err_errno(err, "write");
	return steal_fd(&fd);
}

static int helper_failed(const char *program, int errfd, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;

	if (lseek(errfd, 0, SEEK_SET) < 0 || file_read_fd(errfd, 65536, &text, &len, NULL) < 0)
		text = xstrdup("");
	text[strcspn(text, "\n")] = '\0';
	return *text ? cmk_err_kind(err, CMK_ERR_INVALID, -EINVAL, "%s", text)
		     : cmk_err_kind(err, CMK_ERR_INVALID, -EINVAL, "%s died", program);
}

int helper_run_path(const char *path, const char *const *args, const char *text, size_t len,
		    size_t max, char **ret, size_t *ret_len, struct cmk_err *err)
{
	const char *slash = strrchr(path, '/'), *program = slash ? slash + 1 : path;
	cleanup_close int in = -1, errfd = -1, rd = -1, wr = -1;
	int p[2], status, r;
	pid_t pid;

	in = scratch_file(text, len, err);
	if (in < 0)
		return in;
	errfd = scratch_file("", 0, err);
	if (errfd < 0)
		return errfd;
	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	rd = p[0];
	wr = p[1];
	pid = process_fork(program, 0, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		exec_helper(path, args, in, wr, errfd);
	(void)close(steal_fd(&wr));
	r = file_read_fd(rd, max, ret, ret_len, err);
	(void)close(steal_fd(&rd));
	status = process_reap(pid);
	if (r < 0)
		return r;
	if (status != 0) {
		free(*ret);
		*ret = NULL;
		return helper_failed(program, errfd, err);
	}
	return 0;
}

int helper_run(const char *program, const char *const *args, const char *text, size_t len,
	       size_t max, char **ret, size_t *ret_len, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s/%s", process_libexec_dir(), program);

	return helper_run_path(path, args, text, len, max, ret, ret_len, err);
}
