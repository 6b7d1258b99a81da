// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "libpod/record/internal.h"

/*
 * A socket's address has room for 107 bytes, a run directory may be longer: the directory is named
 * by its descriptor. Never an abstract address, which a container with the host's network could
 * reach (CVE-2020-15257).
 */
socklen_t container_sock_address(int dir_fd, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/sock", dir_fd);
	return sizeof(*ret);
}

int container_connect(struct storage *st, const char *id, struct cmk_err *err)
{
	cleanup_free char *below = xasprintf("containers/%s", id);
	cleanup_close int dir_fd = -1, fd = -1;
	struct sockaddr_un sa;
	socklen_t len;

	dir_fd = openat(st->run_fd, below, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return cmk_err_errno(err, "connect to the monitor of container '%s'", id);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	len = container_sock_address(dir_fd, &sa);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, len) < 0)
		return cmk_err_errno(err, "connect to the monitor of container '%s'", id);
	return steal_fd(&fd);
}
