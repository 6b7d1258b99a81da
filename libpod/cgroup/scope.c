// SPDX-License-Identifier: Apache-2.0
#include "libpod/cgroup/scope.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/process.h"
#include "base/strbuf.h"
#include "libpod/cgroup/internal.h"

#define ANSWER_MAX 1024
#define SYSTEM_SOCKET "/run/systemd/private"
#define SYSTEM_BUS "/run/dbus/system_bus_socket"

void scope_manager_done(struct scope_manager *m)
{
	free(m->socket);
	free(m->bus);
	free(m->socket_path);
	*m = (struct scope_manager){ 0 };
}

/* All but these is written as %XX (D-Bus specification, "Server Addresses"). */
char *scope_address(const char *path)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "unix:path=");
	for (const char *p = path; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("-_/.*", *p);

		strbuf_addf(&b, plain ? "%c" : "%%%02x", (unsigned char)*p);
	}
	return strbuf_steal(&b);
}

static bool may_write(const char *path)
{
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static char *runtime_dir(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	return dir && *dir == '/' ? xstrdup(dir)
				  : xasprintf("/run/user/%u", (unsigned int)geteuid());
}

bool scope_manager_find(struct scope_manager *ret, bool for_sure)
{
	struct scope_manager m = { .is_system = geteuid() == 0 };
	cleanup_free char *dir = runtime_dir(), *bus_path = NULL;
	const char *bus = m.is_system ? NULL : getenv("DBUS_SESSION_BUS_ADDRESS");

	m.socket_path = m.is_system ? xstrdup(SYSTEM_SOCKET) : xasprintf("%s/systemd/private", dir);
	if (may_write(m.socket_path))
		m.socket = scope_address(m.socket_path);
	if (m.socket || for_sure) {
		bus_path = m.is_system ? xstrdup(SYSTEM_BUS) : xasprintf("%s/bus", dir);
		/* The caller's may be another bus than systemd's, as that of dbus-run-session. */
		if (may_write(bus_path))
			m.bus = scope_address(bus_path);
		else if (!m.socket && bus && *bus)
			m.bus = xstrdup(bus);
	}
	if (!m.socket && !m.bus) {
		scope_manager_done(&m);
		return false;
	}
	*ret = m;
	return true;
}

int scope_manager_missing(struct cmk_err *err)
{
	cleanup_free char *dir = runtime_dir();

	if (geteuid() == 0) {
		(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				   "cgroup manager 'systemd': this system does not run systemd "
				   "('%s' is not there)",
				   SYSTEM_SOCKET);
		(void)cmk_err_hint(err, "use --cgroup-manager cgroupfs");
		return -EOPNOTSUPP;
	}
	(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			   "cgroup manager 'systemd': no systemd runs for this user: neither "
			   "'%s/systemd/private' nor '%s/bus' is there",
			   dir, dir);
	(void)cmk_err_hint(err,
			   "as root: loginctl enable-linger %u; or use --cgroup-manager "
			   "cgroupfs",
			   (unsigned int)geteuid());
	return -EOPNOTSUPP;
}

int scope_manager_group(const struct scope_manager *m, char **ret)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	char *group, *last;

	if (fd < 0)
		return -errno;
	if (strlen(m->socket_path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, m->socket_path, strlen(m->socket_path));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	group = peer.pid > 0 ? group_of(peer.pid) : NULL;
	if (!group)
		return -ENOENT;
	/* It has moved itself out of the way. */
	last = strrchr(group, '/');
	if (last && streq(last, "/init.scope"))
		*last = '\0';
	*ret = group;
	return 0;
}

/* --- the helper --------------------------------------------------------------------------------
 */

static void cmk_noreturn exec_helper(char *const *argv, int control)
{
	cleanup_free char *path = xasprintf("%s/cmk-scope", process_libexec_dir());
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	const int to = STDIN_FILENO;

	(void)process_exec_helper(path, argv, &control, &to, 1, &err);
	(void)!write(STDIN_FILENO, cmk_err_msg(&err), strlen(cmk_err_msg(&err)));
	_exit(127);
}

static char **helper_argv(const struct scope_manager *m)
{
	char **argv = NULL;

	strv_add(&argv, "cmk-scope");
	strv_add(&argv, m->bus ? m->bus : "");
	strv_add(&argv, m->socket ? m->socket : "");
	return argv;
}

static char **start_argv(const struct scope_manager *m, const struct scope_unit *u)
{
	/* podman's defaults. */
	const char *slice = m->is_system ? "machine.slice" : "user.slice";
	char **argv = helper_argv(m);

	strv_add(&argv, u->slice ? u->slice : slice);
	strv_add(&argv, u->name);
	strv_add_take(&argv, xasprintf("%d", (int)u->pid));
	strv_add(&argv, u->delegate ? "yes" : "no");
	strv_add(&argv, u->description);
	for (char *const *p = u->properties; p && *p; p++)
		strv_add(&argv, *p);
	return argv;
}

void scope_holder_release(struct scope_holder *h)
{
	if (h->fd >= 0)
		(void)close(h->fd);
	if (h->pid > 0)
		(void)process_reap(h->pid);
	*h = SCOPE_HOLDER_INIT;
}

static int take_answer(struct scope_holder *h, struct cmk_err *err)
{
	char text[ANSWER_MAX + 1];
	ssize_t n;

	do
		n = recv(h->fd, text, ANSWER_MAX, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return cmk_err_errno(err, "wait for cmk-scope");
	text[n] = '\0';
	if (streq(text, "ok"))
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP, "cgroup manager 'systemd': %s",
			    *text ? text : "cmk-scope died");
}

/* Starts it and waits for its answer; it may live on then. */
static int ask_helper(char *const *argv, struct scope_holder *ret, struct cmk_err *err)
{
	cleanup_close int ours = -1, theirs = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return cmk_err_errno(err, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	pid = process_fork("cmk-scope", PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		exec_helper(argv, theirs);
	ret->pid = pid;
	ret->fd = steal_fd(&ours);
	(void)close(steal_fd(&theirs));
	return take_answer(ret, err);
}

int scope_start(const struct scope_manager *m, const struct scope_unit *unit,
		struct scope_holder *ret, struct cmk_err *err)
{
	cleanup_strv char **argv = start_argv(m, unit);
	struct scope_holder h = SCOPE_HOLDER_INIT;
	int r = ask_helper(argv, &h, err);

	if (r < 0 || unit->pid)
		scope_holder_release(&h);
	*ret = h;
	return r;
}

int scope_set_properties(const struct scope_manager *m, const char *unit, char *const *properties,
			 struct cmk_err *err)
{
	struct scope_holder h = SCOPE_HOLDER_INIT;
	cleanup_strv char **argv = helper_argv(m);
	int r;

	strv_add(&argv, unit);
	for (char *const *p = properties; p && *p; p++)
		strv_add(&argv, *p);
	r = ask_helper(argv, &h, err);
	scope_holder_release(&h);
	return r;
}
