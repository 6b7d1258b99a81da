// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/process.h"
#include "libpod/monitor/client.h"
#include "libpod/monitor/internal.h"
#include "libpod/monitor/log_target.h"

#define KEEP_MAX 1088 /* with as many of --preserve-fds as any command may have */

struct keep {
	int fd[KEEP_MAX];
	size_t n;
};

static void keep_add(struct keep *k, int fd)
{
	if (fd > STDERR_FILENO && k->n < KEEP_MAX)
		k->fd[k->n++] = fd;
}

static void keep_storage(struct keep *k, const struct storage *st)
{
	keep_add(k, st->root_fd);
	keep_add(k, st->run_fd);
	keep_add(k, st->layers_fd);
	keep_add(k, st->images_fd);
	keep_add(k, st->names_fd);
	keep_add(k, st->containers_fd);
	keep_add(k, st->container_names_fd);
	keep_add(k, st->tmp_fd);
}

static void null_stdio(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		(void)dup2(fd, i);
	if (fd > STDERR_FILENO)
		(void)close(fd);
}

/* Leaves the caller. Until the container runs the caller's stderr takes warnings: it waits that
 * long anyway. */
static void leave_caller(struct monitor *m, int sock)
{
	struct keep k = { 0 };
	sigset_t all;

	m->log_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (m->tty_fd >= 0)
		m->tty_fd = fcntl(m->tty_fd, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 3; i++) {
		bool pass = !m->a->exec && container_passes_stdio(&m->a->container->cfg);

		m->passed[i] = pass ? fcntl(i, F_DUPFD_CLOEXEC, 3) : -1;
		keep_add(&k, m->passed[i]);
	}
	/* No signal is left at its default: a hang-up of the caller's terminal is not for us, and a
	 * broken pipe is an error code. They come through the signalfd. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	keep_storage(&k, m->st);
	keep_add(&k, sock);
	keep_add(&k, m->tty_fd);
	keep_add(&k, m->log_fd);
	if (m->delegation)
		keep_add(&k, m->delegation->fd);
	if (!m->a->exec) {
		keep_add(&k, m->a->container->lock_fd);
		for (size_t i = 0; i < m->a->container->n_preserve_fds; i++)
			keep_add(&k, m->a->container->preserve_fds[i]);
	} else {
		keep_add(&k, m->a->exec->target_pidfd);
		keep_add(&k, m->a->exec->cgroup_fd);
		for (size_t i = 0; i < m->a->exec->n_preserve_fds; i++)
			keep_add(&k, m->a->exec->preserve_fds[i]);
	}
	/* `flock f cmk run -d` and `x=$(cmk run -d)` do not wait for us. */
	process_close_all_but(k.fd, k.n);
	m->a->container->dir_fd = -1; /* not kept: opened again where it is needed */
	null_stdio();
	log_set_fd(m->log_fd);
	(void)umask(022);
	if (chdir("/") < 0)
		log_debug("monitor: chdir /: %s", errno_text(errno));
}

static void forget_stderr(struct monitor *m)
{
	log_set_fd(STDERR_FILENO); /* /dev/null */
	if (m->log_fd > STDERR_FILENO)
		(void)close(m->log_fd);
}

static void send_failure(int sock, const struct cmk_err *err)
{
	uint8_t wire[CMK_ERR_WIRE_MAX];
	size_t n = cmk_err_encode(err, wire, sizeof(wire));

	(void)monitor_frame_send(sock, FRAME_ERROR, wire, n);
}

static void cmk_noreturn monitor_main(struct monitor *m, int sock)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	uint32_t pid;
	int r;

	leave_caller(m, sock);
	r = mon_start(m, &err);
	if (r == 0)
		r = mon_relay_init(m, sock, &err);
	if (r == 0 && !m->a->exec)
		r = mon_socket_open(m, &err);
	if (r == 0 && !m->a->hold)
		r = mon_go(m, &err);
	if (r < 0) {
		mon_end_failed(m, &err);
		/* The caller may be gone by now: whoever asks later finds it in the record. */
		(void)fcntl(sock, F_SETFL, 0);
		send_failure(sock, &err);
		_exit(1);
	}
	/* Held from container_start() on, also where the command was killed meanwhile: until here
	 * no record says that somebody is at work. */
	if (!m->a->exec)
		cleanup_close_fn(&m->a->container->lock_fd);
	else
		mon_exec_begin(m);
	mon_started(m);
	/* Now the container's alone: who waits for their end does not wait for us. */
	for (size_t i = m->a->container->n_listen_fds;
	     !m->a->exec && i < m->a->container->n_preserve_fds; i++)
		if (m->a->container->preserve_fds[i] >= 0)
			(void)close(m->a->container->preserve_fds[i]);
	forget_stderr(m);
	pid = (uint32_t)m->rc.pid;
	mon_client_send(m, &m->client[0], FRAME_STARTED, &pid, sizeof(pid));
	mon_loop(m);
	_exit(mon_notify_exit_code(m));
}

/* Of a service: systemd sees the end of its own children alone, and looks at whose child it is when
 * it is told of the main process, which is before the command ends. So the command's child goes at
 * once, and leaves us to systemd. */
static void leave_parent(void)
{
	pid_t pid = process_fork("cmk-monitor", 0, NULL, NULL);

	if (pid != 0)
		_exit(pid < 0);
}

/* The size is set before the container's program starts, so that it never sees 0 × 0. */
static void take_terminal(struct monitor *m)
{
	struct winsize ws;

	m->tty_fd = -1;
	if (m->a->tty_fd < 0)
		return;
	if (tcgetattr(m->a->tty_fd, &m->tty_saved) == 0)
		m->tty_fd = m->a->tty_fd;
	if (m->a->spec && !m->a->exec && ioctl(m->a->tty_fd, TIOCGWINSZ, &ws) == 0) {
		m->a->spec->process.rows = ws.ws_row;
		m->a->spec->process.columns = ws.ws_col;
	}
}

static int find_delegation(struct monitor *m, struct cmk_err *err)
{
	const struct cgroup_delegation *d;
	int r;

	if (m->a->exec)
		return 0;
	r = container_delegation(m->a->container, &m->delegation, err);
	if (r < 0)
		return r;
	d = m->delegation;
	if (!d->path && storage_warn_once(m->st, "no-delegation"))
		log_warn("containers run without a control group of their own: %s",
			 d->why ? d->why : "none is delegated");
	return 0;
}

int monitor_spawn(const struct monitor_args *a, int *ret_fd, pid_t *ret_pid, struct cmk_err *err)
{
	cleanup_free struct monitor *m = xcalloc(1, sizeof(*m));
	cleanup_close int ours = -1, theirs = -1;
	int pair[2], r;
	pid_t pid;

	m->a = a;
	m->st = a->container->st;
	r = find_delegation(m, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return cmk_err_errno(err, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	take_terminal(m);
	if (a->attach_out)
		client_block_signals();
	pid = process_fork("cmk-monitor", PROCESS_NEW_SESSION, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0 && mon_notifies(m))
		leave_parent();
	if (pid == 0)
		monitor_main(m, theirs);
	if (mon_notifies(m))
		(void)process_reap(pid);
	*ret_fd = steal_fd(&ours);
	if (ret_pid)
		*ret_pid = pid;
	return 0;
}
