// SPDX-License-Identifier: Apache-2.0
/* Between a container's process and who called for it. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/oci/internal.h"
#include "libpod/runtime/internal.h"

#define LISTEN_FDS_MAX 1024

int oci_pid_file(const char *path, pid_t pid, struct cmk_err *err)
{
	cleanup_free char *text = xasprintf("%d", (int)pid);
	int r = file_replace_path(path, text, strlen(text), 0644, 0, err);

	return r < 0 ? cmk_err_wrap(err, r, "--pid-file") : 0;
}

static int send_fd(const char *what, const char *path, const char *name, int sent,
		   struct cmk_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), dir = -1;
	cleanup_free char *above = NULL;
	const char *slash = strrchr(path, '/');

	/* A long path by way of its directory. */
	if (strlen(path) < sizeof(addr.sun_path)) {
		memcpy(addr.sun_path, path, strlen(path) + 1);
	} else {
		above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
		dir = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 ||
		    snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dir,
			     slash ? slash + 1 : path) >= (int)sizeof(addr.sun_path))
			return cmk_err_set(err, -ENAMETOOLONG, "%s '%s'", what, path);
	}
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return cmk_err_errno(err, "%s '%s'", what, path);
	return sync_send(fd, name, strlen(name), sent, err);
}

int oci_console_send(const char *path, int master, struct cmk_err *err)
{
	return send_fd("console socket", path, "/dev/ptmx", master, err);
}

int oci_pidfd_send(const char *path, int pidfd, struct cmk_err *err)
{
	return send_fd("pidfd socket", path, "pidfd", pidfd, err);
}

int oci_preserve_fds(uint32_t n, int **ret, size_t *ret_n, struct cmk_err *err)
{
	const char *listen = getenv("LISTEN_FDS");
	uint32_t more = 0;
	int *fds;

	if (listen && parse_u32(listen, LISTEN_FDS_MAX, &more) < 0)
		return cmk_err_set(err, -EINVAL, "LISTEN_FDS: '%s' is no number of descriptors",
				   listen);
	if (n > LISTEN_FDS_MAX)
		return cmk_err_set(err, -EINVAL, "--preserve-fds: at most %d", LISTEN_FDS_MAX);
	n += more;
	fds = xcalloc(n + 1, sizeof(*fds));
	for (uint32_t i = 0; i < n; i++) {
		fds[i] = (int)i + 3;
		if (fcntl(fds[i], F_GETFD) < 0) {
			free(fds);
			return cmk_err_set(err, -EBADF,
					   "preserved-fd %u: descriptor %u is to be kept, and not "
					   "open",
					   i, i + 3);
		}
	}
	*ret = fds;
	*ret_n = n;
	return 0;
}

/* --- the terminal and signals ------------------------------------------------------------------
 */

struct relay {
	int pidfd, signals, master;
	pid_t pid;
	bool raw;
	struct termios saved;
	int input; /* -1: at its end */
};

static void copy_size(const struct relay *r)
{
	struct winsize ws;

	if (r->master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0)
		(void)ioctl(r->master, TIOCSWINSZ, &ws);
}

static void make_raw(struct relay *r)
{
	struct termios t;

	if (r->master < 0 || tcgetattr(STDIN_FILENO, &r->saved) < 0)
		return;
	t = r->saved;
	cfmakeraw(&t);
	r->raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
	copy_size(r);
}

static int relay_open(struct relay *r, struct cmk_err *err)
{
	sigset_t set;

	sigfillset(&set);
	/* What a fault of ours would be, and what concerns our own children and terminal. */
	for (size_t i = 0; i < 7; i++) {
		static const int ours[] = { SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
					    SIGTTIN, SIGTTOU, SIGCHLD };

		sigdelset(&set, ours[i]);
	}
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return cmk_err_errno(err, "block signals");
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signals < 0)
		return cmk_err_errno(err, "signalfd");
	make_raw(r);
	return 0;
}

static void pass_signals(const struct relay *r)
{
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGWINCH)
			copy_size(r);
		else if (info.ssi_signo != SIGPIPE)
			(void)process_pidfd_signal(r->pidfd, (int)info.ssi_signo);
	}
}

/* 0 at the end of FROM. */
static bool copy_some(int from, int to)
{
	char buf[16384];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	return n > 0 && write_all(to, buf, (size_t)n) == 0;
}

static void drain(const struct relay *r)
{
	struct pollfd p = { .fd = r->master, .events = POLLIN };

	while (r->master >= 0 && poll(&p, 1, 0) > 0 && p.revents & POLLIN)
		if (!copy_some(r->master, STDOUT_FILENO))
			return;
}

static int relay_run(struct relay *r, struct cmk_err *err)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = r->pidfd, .events = POLLIN },
			{ .fd = r->signals, .events = POLLIN },
			{ .fd = r->master, .events = POLLIN },
			{ .fd = r->master >= 0 ? r->input : -1, .events = POLLIN },
		};

		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return cmk_err_errno(err, "poll");
		if (p[1].revents)
			pass_signals(r);
		if (p[2].revents && !copy_some(r->master, STDOUT_FILENO))
			r->master = -1;
		if (p[3].revents && !copy_some(r->input, r->master))
			r->input = -1;
		if (p[0].revents) {
			drain(r);
			return process_exit_code(process_reap(r->pid));
		}
	}
}

int oci_attend(pid_t pid, int pidfd, int master, struct cmk_err *err)
{
	struct relay relay = { .pidfd = pidfd, .signals = -1, .master = master, .pid = pid };
	int r = relay_open(&relay, err);

	if (r == 0)
		r = relay_run(&relay, err);
	if (relay.raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &relay.saved);
	cleanup_close_fn(&relay.signals);
	return r;
}
