// SPDX-License-Identifier: Apache-2.0
/* What another runtime says about itself. */
#include <fcntl.h>
#include <poll.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/runtime/other.h"

#define VERSION_MAX 4096
#define VERSION_TIMEOUT_MS 5000

static void cmk_noreturn exec_version(const char *program, int out)
{
	char *const argv[] = { (char *)program, (char *)"--version", NULL };
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int from[] = { null, out, null }, to[] = { 0, 1, 2 };

	if (null < 0 || process_place_fds(from, to, ARRAY_LEN(to)) < 0)
		_exit(125);
	process_close_others(to, ARRAY_LEN(to));
	(void)execv(program, argv);
	_exit(127);
}

/* Until its end, the time's or TEXT's; false where the time was over. */
static bool take_text(int fd, char text[static VERSION_MAX], size_t *ret_len)
{
	int64_t end = time_monotonic_ms() + VERSION_TIMEOUT_MS, left;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = 1;

	*ret_len = 0;
	while (n > 0 && *ret_len < VERSION_MAX - 1) {
		left = end - time_monotonic_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return false;
		n = read(fd, text + *ret_len, VERSION_MAX - 1 - *ret_len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			*ret_len += (size_t)n;
	}
	text[*ret_len] = '\0';
	return true;
}

char *runtime_other_version(const char *program)
{
	cleanup_close int rd = -1, wr = -1;
	int p[2], pidfd = -1, status;
	char text[VERSION_MAX];
	size_t len = 0;
	bool whole;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return NULL;
	rd = p[0];
	wr = p[1];
	pid = process_fork("cmk-runtime", PROCESS_DEATH_SIGNAL, &pidfd, NULL);
	if (pid < 0)
		return NULL;
	if (pid == 0)
		exec_version(program, wr);
	(void)close(steal_fd(&wr));
	whole = take_text(rd, text, &len);
	if (!whole && pidfd >= 0)
		(void)process_pidfd_signal(pidfd, SIGKILL);
	(void)close(steal_fd(&rd));
	cleanup_close_fn(&pidfd);
	status = process_reap(pid);
	while (len > 0 && strchr(" \n\t", text[len - 1]))
		text[--len] = '\0';
	return whole && status == 0 && len ? xstrdup(text) : NULL;
}
