// SPDX-License-Identifier: Apache-2.0
#include "cmd/preserve_fds.h"

#include <fcntl.h>

#include "base/parse.h"

static int add(int *fds, uint32_t fd, size_t *n, struct cmk_err *err)
{
	if (fcntl((int)fd, F_GETFD) < 0)
		return cmk_err_set(err, -EBADF,
				   "file descriptor %u is not available - the preserve-fds option "
				   "requires that file descriptors must be passed",
				   fd);
	fds[fd - 3] = (int)fd;
	*n = MAX(*n, fd - 3 + 1);
	return 0;
}

int cmk_preserve_fds(uint32_t n, char *const *list, int **ret, size_t *ret_n, struct cmk_err *err)
{
	cleanup_free int *fds = NULL;
	size_t n_fds = 0;
	int r = 0;

	if (n == 0 && (!list || !*list))
		return 0;
	if (n > CMK_PRESERVE_FDS_MAX)
		return cmk_err_set(err, -EINVAL, "--preserve-fds: at most %d are possible",
				   CMK_PRESERVE_FDS_MAX);
	fds = xcalloc(CMK_PRESERVE_FDS_MAX, sizeof(*fds));
	for (size_t i = 0; i < CMK_PRESERVE_FDS_MAX; i++)
		fds[i] = -1;
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = add(fds, 3 + i, &n_fds, err);
	for (; r == 0 && list && *list; list++) {
		uint32_t fd;

		if (parse_u32(*list, CMK_PRESERVE_FDS_MAX + 2, &fd) < 0 || fd < 3)
			return cmk_err_set(err, -EINVAL,
					   "--preserve-fd '%s': not a descriptor from 3 to %d",
					   *list, CMK_PRESERVE_FDS_MAX + 2);
		r = add(fds, fd, &n_fds, err);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(&fds);
	*ret_n = n_fds;
	return 0;
}

int cmk_listen_fds(uint32_t *ret, struct cmk_err *err)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	uint32_t number;

	*ret = 0;
	if (!n || !pid || parse_u32(pid, INT32_MAX, &number) < 0 || (pid_t)number != getpid())
		return 0;
	if (parse_u32(n, CMK_PRESERVE_FDS_MAX, ret) < 0)
		return cmk_err_set(err, -EINVAL,
				   "LISTEN_FDS: '%s' is no number of descriptors up to %d", n,
				   CMK_PRESERVE_FDS_MAX);
	return 0;
}
