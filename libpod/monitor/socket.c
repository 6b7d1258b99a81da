// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/monitor/client.h"
#include "libpod/monitor/internal.h"
#include "libpod/record/internal.h"

/* The container's run directory. The storage's descriptor may lead to a deleted one. */
static int open_run_dir(struct monitor *m, bool by_path, struct cmk_err *err)
{
	cleanup_free char *below = xasprintf("containers/%s", m->a->container->cfg.id);
	cleanup_close int by_path_fd = -1;
	int run_fd = m->st->run_fd, fd, r;

	if (by_path) {
		r = mkdir_p_at(AT_FDCWD, m->st->runroot, 0700, err);
		if (r < 0)
			return r;
		by_path_fd = open(m->st->runroot, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
		if (by_path_fd < 0)
			return cmk_err_errno(err, "open '%s'", m->st->runroot);
		/* For what is written later: records, hints. */
		(void)dup3(by_path_fd, m->st->run_fd, O_CLOEXEC);
	}
	/* The record is there already at the first call. */
	fd = openat(run_fd, below, O_DIRECTORY | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? cmk_err_errno(err, "open '%s/%s'", m->st->runroot, below) : fd;
	r = mkdir_p_at(run_fd, below, 0700, err);
	if (r < 0)
		return r;
	fd = openat(run_fd, below, O_DIRECTORY | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? cmk_err_errno(err, "open '%s/%s'", m->st->runroot, below) : fd;
}

static int listen_in(struct monitor *m, int dir_fd, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct sockaddr_un sa;
	socklen_t len = container_sock_address(dir_fd, &sa);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return cmk_err_errno(err, "make the control socket");
	(void)unlinkat(dir_fd, "sock", 0);
	if (bind(fd, (struct sockaddr *)&sa, len) < 0 || fchmodat(dir_fd, "sock", 0600, 0) < 0 ||
	    listen(fd, 16) < 0)
		return cmk_err_errno(err, "make the control socket in '%s'", m->st->runroot);
	cleanup_close_fn(&m->listen_fd);
	m->listen_fd = steal_fd(&fd);
	m->listen_polled = false;
	mon_poll_listen(m);
	return 0;
}

static void watch_dir(struct monitor *m, int dir_fd)
{
	char path[FD_PATH_MAX];

	if (m->inotify_fd < 0) {
		m->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (m->inotify_fd >= 0)
			(void)mon_watch(m, m->inotify_fd, EPOLLIN, MON_TAG_INOTIFY);
	}
	if (m->inotify_fd >= 0)
		(void)inotify_add_watch(m->inotify_fd, fd_path(dir_fd, path),
					IN_DELETE | IN_DELETE_SELF | IN_UNMOUNT | IN_ONLYDIR);
}

int mon_socket_open(struct monitor *m, struct cmk_err *err)
{
	cleanup_close int dir_fd = open_run_dir(m, false, err);
	int r;

	if (dir_fd < 0)
		return dir_fd;
	r = listen_in(m, dir_fd, err);
	if (r == 0)
		watch_dir(m, dir_fd);
	return r;
}

static bool is_there(struct monitor *m, const char *name)
{
	cleanup_free char *path = xasprintf("%s/containers/%s/%s", m->st->runroot,
					    m->a->container->cfg.id, name);

	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What concerns us of all that happens there: a temporary file that a failed save removes again
 * must not lead to the next save. */
static bool concerns_us(const struct inotify_event *ev)
{
	if (!(ev->mask & IN_DELETE))
		return true;
	return ev->len > 0 && (streq(ev->name, "sock") || streq(ev->name, "live.json"));
}

static bool read_events(struct monitor *m)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool any = false;
	ssize_t n;

	while ((n = read(m->inotify_fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const void *)(buf + at);

			any = any || concerns_us(ev);
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
	}
	return any;
}

/* The run directory cannot be made while its parent is away: watches the nearest one that is
 * there. */
static void watch_ancestor(struct monitor *m)
{
	cleanup_free char *path = xstrdup(m->st->runroot);
	char *slash;

	while ((slash = strrchr(path, '/')) != NULL && slash != path) {
		*slash = '\0';
		if (inotify_add_watch(m->inotify_fd, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) >=
		    0)
			return;
	}
}

/*
 * The session manager deletes $XDG_RUNTIME_DIR at the last logout, under a container that goes on.
 * The socket and the live record are made again as soon as there is a place for them.
 */
void mon_socket_changed(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_close int dir_fd = -1;
	bool sock, live;

	if (!read_events(m) || m->state == MON_OVER)
		return;
	sock = is_there(m, "sock");
	live = is_there(m, "live.json") || m->state == MON_DRAINING;
	if (sock && live)
		return;
	dir_fd = open_run_dir(m, true, &err);
	if (dir_fd < 0) {
		watch_ancestor(m);
		return;
	}
	if (!sock && listen_in(m, dir_fd, &err) < 0)
		return;
	watch_dir(m, dir_fd);
	if (!live)
		(void)container_live_save(m->st, m->a->container->cfg.id, &m->live, NULL);
}

int monitor_start_waiting(const struct monitor_args *a, int *ret_fd, struct cmk_err *err)
{
	uint8_t body[1 + DETACH_KEYS_MAX] = { 0 };
	cleanup_close int fd = -1;
	size_t n_keys = 0;
	int r = 0;

	if (a->detach_keys)
		r = detach_keys_parse(a->detach_keys, body + 1, &n_keys, err);
	if (r < 0)
		return r;
	fd = container_connect(a->container->st, a->container->cfg.id, err);
	if (fd < 0)
		return fd;
	body[0] = (uint8_t)((a->attach_stdin ? MONITOR_ATTACH_STDIN : 0) |
			    (a->attach_out ? MONITOR_ATTACH_OUT : 0));
	if (a->attach_out)
		client_block_signals();
	if (a->attach_stdin || a->attach_out)
		r = monitor_frame_send(fd, FRAME_ATTACH, body, 1 + n_keys);
	if (r == 0)
		r = monitor_frame_send(fd, FRAME_START, NULL, 0);
	if (r < 0)
		return cmk_err_set(err, r, "start container '%s': its monitor died",
				   a->container->cfg.name);
	*ret_fd = steal_fd(&fd);
	return 0;
}
