// SPDX-License-Identifier: Apache-2.0
/*
 * --sdnotify: what systemd is told (sd_notify(3)) where cmk was started by a unit of Type=notify,
 * whose socket NOTIFY_SOCKET names.
 *
 *   conmon     READY=1 when the container runs
 *   container  the program says so itself, through a socket of the monitor's that is mounted at
 *              /run/notify; of what it sends only the words below go on
 *   healthy    READY=1 at the first healthy check
 *   ignore     nothing
 *
 * Else MAINPID is the monitor's in each case: it lives as long as the container, and systemd
 * believes messages of the main process. It ends with the container's exit code, by which systemd
 * tells a failure (Restart=on-failure), or with 0 where somebody asked for the end.
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/monitor/internal.h"
#include "libpod/record/internal.h"

#define INSIDE "/run/notify"
#define MESSAGE_MAX 4096 /* as systemd itself takes */

/* What a program may say about itself; not MAINPID, and no descriptors. */
static const char *const passed_on[] = {
	"READY=1", "STOPPING=1", "RELOADING=1",		 "STATUS=",
	"ERRNO=",  "WATCHDOG",	 "EXTEND_TIMEOUT_USEC=", "MONOTONIC_USEC=",
};

static const char *mode_of(const struct monitor *m)
{
	const struct container *c = m->a->container;
	const char *mode = c->sdnotify ? c->sdnotify : c->cfg.sdnotify;

	return mode ? mode : "container";
}

static const char *host_socket(const struct monitor *m)
{
	const char *path = m->a->exec ? NULL : getenv("NOTIFY_SOCKET");

	return path && *path && !streq(mode_of(m), "ignore") ? path : NULL;
}

bool mon_notifies(const struct monitor *m)
{
	return host_socket(m) != NULL;
}

/* 0, or a negative errno: systemd has not heard it. */
static int tell(const struct monitor *m, const char *text, size_t len)
{
	const char *path = host_socket(m);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;
	size_t n = path ? strlen(path) : 0;

	/* "@name" is an abstract address: its first byte is 0, and its length counts. */
	if (n == 0 || n >= sizeof(sa.sun_path) || (*path != '/' && *path != '@'))
		return -EINVAL;
	memcpy(sa.sun_path, path, n);
	if (*path == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&sa,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0) {
		int r = -errno;

		log_debug("notify '%s': %s", path, errno_text(-r));
		return r;
	}
	return 0;
}

/* --- the proxy ---------------------------------------------------------------------------------
 */

static int make_socket(struct monitor *m, struct cmk_err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	cleanup_close int run = container_run_dir(m->st, m->a->container->cfg.id, err);
	cleanup_close int dir = -1, fd = -1;
	int on = 1;

	if (run < 0)
		return run;
	/* Whatever a run before may have put there, with the right to mount. */
	(void)remove_tree_at(run, "notify", NULL);
	dir = open_dir_at(run, "notify", 0755, err);
	if (dir < 0)
		return dir;
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/notify.sock", dir);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    /* Any user of the container: whoever gets to it is inside, or is us. */
	    fchmodat(dir, "notify.sock", 0777, 0) < 0)
		return cmk_err_errno(err, "make the container's notify socket");
	m->notify_fd = steal_fd(&fd);
	return 0;
}

int mon_notify_prepare(struct monitor *m, struct cmk_err *err)
{
	struct spec *spec = m->a->spec;
	cleanup_free char *source = NULL;
	int r;

	if (!host_socket(m) || !streq(mode_of(m), "container"))
		return 0;
	if (m->notify_fd < 0) {
		r = make_socket(m, err);
		if (r < 0)
			return r;
	}
	/* A later run may have the specification of the first one. */
	if (strv_env_get(spec->process.env, "NOTIFY_SOCKET"))
		return 0;
	source = xasprintf("%s/containers/%s/notify", m->st->runroot, m->a->container->cfg.id);
	/* Sending is no writing: the container cannot put something else in the socket's place. */
	spec_add_mount(spec, INSIDE, "bind", source, "bind,ro,nosuid,nodev,noexec,rprivate");
	strv_env_set(&spec->process.env, "NOTIFY_SOCKET=" INSIDE "/notify.sock");
	return 0;
}

/* The sender as the kernel saw it is of the container: its process namespace is its init's. */
static bool is_inside(const struct monitor *m, const struct ucred *cred)
{
	char path[64];
	struct stat theirs, init;

	if (cred->pid <= 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)m->rc.pid);
	if (stat(path, &init) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)cred->pid);
	/* It may be gone again (systemd-notify). Only the container and the user's own processes
	 * can get to the socket: see make_socket(). */
	if (stat(path, &theirs) < 0)
		return errno == ENOENT;
	return theirs.st_ino == init.st_ino && theirs.st_dev == init.st_dev;
}

static void pass_on(const struct monitor *m, char *text)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
			if (str_after(line, passed_on[i])) {
				strbuf_addf(&out, "%s\n", line);
				break;
			}
	if (out.len)
		(void)tell(m, out.data, out.len);
}

void mon_notify_event(struct monitor *m)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char text[MESSAGE_MAX + 1];
	struct iovec iov = { text, MESSAGE_MAX };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(m->notify_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	struct ucred cred;

	if (!c || msg.msg_flags & MSG_TRUNC || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_CREDENTIALS)
		return;
	memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	if (!is_inside(m, &cred))
		return;
	text[n] = '\0';
	pass_on(m, text);
}

void mon_notify_close(struct monitor *m)
{
	char path[CONTAINER_ID_LEN + 48];

	if (m->notify_fd < 0)
		return;
	cleanup_close_fn(&m->notify_fd);
	m->notify_fd = -1;
	(void)snprintf(path, sizeof(path), "containers/%s/notify/notify.sock",
		       m->a->container->cfg.id);
	(void)unlinkat(m->st->run_fd, path, 0);
	*strrchr(path, '/') = '\0';
	(void)unlinkat(m->st->run_fd, path, AT_REMOVEDIR);
}

/* --- what we say ourselves ---------------------------------------------------------------------
 */

void mon_notify_started(struct monitor *m)
{
	char text[64];
	int n, r;

	if (!host_socket(m))
		return;
	n = snprintf(text, sizeof(text), "MAINPID=%d%s", (int)getpid(),
		     streq(mode_of(m), "conmon") ? "\nREADY=1" : "");
	r = tell(m, text, (size_t)n);
	if (r < 0)
		log_warn("systemd does not hear that the container runs: NOTIFY_SOCKET '%s': %s",
			 host_socket(m), errno_text(-r));
}

void mon_notify_healthy(struct monitor *m)
{
	if (m->notified_healthy || !host_socket(m) || !streq(mode_of(m), "healthy"))
		return;
	m->notified_healthy = true;
	(void)tell(m, "READY=1", strlen("READY=1"));
}

int mon_notify_exit_code(const struct monitor *m)
{
	return !host_socket(m) || m->stopped_by_user || m->told_to_end ? 0 : m->exit_code;
}
