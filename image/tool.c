// SPDX-License-Identifier: Apache-2.0
#include "image/tool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"

#define SAID_MAX ((size_t)64 << 10)
#define ANSWER_MAX ((size_t)16 << 20)
#define YAML_MAX ((size_t)1 << 20)

int tool_file(const void *data, size_t len, struct cmk_err *err)
{
	cleanup_close int fd = memfd_create("cmk-tool", MFD_CLOEXEC);

	if (fd < 0)
		return cmk_err_errno(err, "make a memory file");
	if (write_all(fd, data, len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return cmk_err_errno(err, "write a memory file");
	return steal_fd(&fd);
}

int tool_read(int fd, size_t max, char **ret, size_t *ret_len, struct cmk_err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return cmk_err_errno(err, "read a memory file");
	return file_read_fd(fd, max, ret, ret_len, err);
}

static void cmk_noreturn run_child(char *const argv[], const int *fds, size_t n, uint64_t file_max)
{
	struct rlimit limit = { .rlim_cur = file_max, .rlim_max = file_max };
	static const int places[TOOL_FDS_MAX] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), from[TOOL_FDS_MAX];

	for (size_t i = 0; i < n; i++)
		from[i] = fds[i] >= 0 ? fds[i] : null;
	if (process_place_fds(from, places, n) < 0)
		_exit(126);
	if (file_max && setrlimit(RLIMIT_FSIZE, &limit) < 0)
		_exit(126);
	process_close_others(places + 3, n > 3 ? n - 3 : 0);
	(void)execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

static char *last_line(int fd)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	char *nl;

	if (tool_read(fd, SAID_MAX, &text, &len, NULL) < 0)
		return xstrdup("");
	len = strlen(text);
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	nl = strrchr(text, '\n');
	return xstrdup(nl ? nl + 1 : text);
}

int tool_run(char *const argv[], const int *fds, size_t n_fds, uint64_t file_max, char **ret_said,
	     struct cmk_err *err)
{
	int all[TOOL_FDS_MAX] = { -1, -1, -1 }, status;
	cleanup_close int said = -1;
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	pid_t pid;

	memcpy(all, fds, n_fds * sizeof(*fds));
	if (all[2] < 0) {
		said = tool_file("", 0, err);
		if (said < 0)
			return said;
		all[2] = said;
	}
	pid = process_fork(name, PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		run_child(argv, all, MAX(n_fds, 3), file_max);
	status = process_reap(pid);
	if (status < 0)
		return cmk_err_set(err, status, "wait for '%s'", name);
	if (WIFSIGNALED(status))
		return cmk_err_set(err, -ECHILD, "%s: killed by %s", name,
				   signal_name(WTERMSIG(status)) ? signal_name(WTERMSIG(status))
								 : "a signal");
	if (WEXITSTATUS(status) == 127)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -ENOENT, "%s: not found", argv[0]);
	if (ret_said)
		*ret_said = said >= 0 ? last_line(said) : xstrdup("");
	return WEXITSTATUS(status);
}

int tool_run_helper(const char *name, const char *const *words, const int *fds, size_t n_fds,
		    char **ret_said, struct cmk_err *err)
{
	cleanup_strv char **argv = NULL;

	strv_add_take(&argv, xasprintf("%s/%s", process_libexec_dir(), name));
	for (; *words; words++)
		strv_add(&argv, *words);
	return tool_run(argv, fds, n_fds, ANSWER_MAX, ret_said, err);
}

int tool_read_yaml(const char *path, char **ret, size_t *ret_len, struct cmk_err *err)
{
	static const char *const words[] = { "yaml", NULL };
	cleanup_close int in = -1, out = -1;
	cleanup_free char *text = NULL, *said = NULL;
	size_t len = 0;
	int r = file_read_at(AT_FDCWD, path, YAML_MAX, &text, &len, err);

	if (r < 0)
		return r;
	in = tool_file(text, len, err);
	if (in < 0)
		return in;
	out = tool_file("", 0, err);
	if (out < 0)
		return out;
	r = tool_run_helper("cmk-verify", words, (const int[]){ in, out }, 2, &said, err);
	if (r > 0)
		r = cmk_err_set(err, -EINVAL, "%s", *said ? said : "cmk-verify failed");
	return r < 0 ? r : tool_read(out, ANSWER_MAX, ret, ret_len, err);
}
