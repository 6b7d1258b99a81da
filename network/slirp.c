// SPDX-License-Identifier: Apache-2.0
/* Starting and ending the helper that carries a container's packets. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/parse.h"
#include "base/process.h"
#include "network/network.h"
#include "network/slirp_wire.h"

static int wire_port(const struct port_mapping *m, struct slirp_wire_port *ret)
{
	*ret = (struct slirp_wire_port){ .host_port = m->host_port,
					 .container_port = m->container_port,
					 .range = m->range,
					 .udp = m->protocol == PORT_UDP };
	if (!m->host_ip || !*m->host_ip)
		return 0;
	ret->family = strchr(m->host_ip, ':') ? AF_INET6 : AF_INET;
	return inet_pton(ret->family, m->host_ip, ret->addr) == 1 ? 0 : -EINVAL;
}

/* The whole configuration waits in the socket before the helper starts. */
static int send_config(int fd, const struct slirp_options *o, struct cmk_err *err)
{
	struct slirp_wire_header h = { .n_ports = (uint32_t)o->n_ports,
				       .ipv6 = o->ipv6,
				       .host_loopback = o->host_loopback };
	size_t len = sizeof(h) + o->n_ports * sizeof(struct slirp_wire_port);
	cleanup_free char *msg = NULL;
	struct slirp_wire_port p;

	if (o->n_ports > NETWORK_PORT_MAPPINGS_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d port mappings",
				   NETWORK_PORT_MAPPINGS_MAX);
	msg = xmalloc(len);
	memcpy(msg, &h, sizeof(h));
	for (size_t i = 0; i < o->n_ports; i++) {
		if (wire_port(o->ports + i, &p) < 0)
			return cmk_err_set(err, -EINVAL, "'%s' is not an IP address",
					   o->ports[i].host_ip);
		memcpy(msg + sizeof(h) + i * sizeof(p), &p, sizeof(p));
	}
	if (send(fd, msg, len, MSG_NOSIGNAL) != (ssize_t)len)
		return cmk_err_errno(err, "send the configuration");
	return 0;
}

/* FD as exactly TARGET, and inherited. */
static bool place_fd(int fd, int target)
{
	if (fd == target)
		return fcntl(fd, F_SETFD, 0) == 0;
	return dup2(fd, target) == target;
}

/* In the child: a helper with nothing of its starter's but the control socket. */
static void cmk_noreturn exec_helper(int control)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	static const int keep[] = { SLIRP_CONTROL_FD };
	char path[PATH_MAX], *const argv[] = { path, NULL };
	/* glib and libslirp read more of the environment than is good here. */
	char empty[] = "LC_ALL=C", *envp[] = { empty, NULL, NULL };
#ifdef CMK_TEST_HOOKS
	char dumpable[] = "CMK_TEST_DUMPABLE=1";

	if (getenv("CMK_TEST_DUMPABLE"))
		envp[1] = dumpable;
#endif
	(void)snprintf(path, sizeof(path), "%s/cmk-slirp", process_libexec_dir());
	(void)setsid();
	/* Out of the way of the place where it shall be. */
	control = fcntl(control, F_DUPFD_CLOEXEC, SLIRP_TAP_FD + 1);
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (null < 0 || !place_fd(null, fd))
			_exit(125);
	}
	if (control < 0 || !place_fd(control, SLIRP_CONTROL_FD) || chdir("/") < 0)
		_exit(125);
	process_close_others(keep, ARRAY_LEN(keep));
	(void)execve(path, argv, envp);
	(void)cmk_err_errno(&err, "start '%s'", path);
	(void)cmk_err_hint(&err, "is cmk installed completely?");
	cmk_err_send(SLIRP_CONTROL_FD, &err);
	_exit(127);
}

/* As process_fork(), into a cgroup where there is one. */
static pid_t fork_into(int cgroup_fd, int *ret_pidfd, struct cmk_err *err)
{
	sigset_t all, old;
	pid_t pid;

	if (cgroup_fd < 0)
		return process_fork("cmk-slirp", 0, ret_pidfd, err);
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = process_clone3(0, SIGCHLD, cgroup_fd, ret_pidfd);
	if (pid == 0)
		process_reset_signals();
	else
		(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return cmk_err_set(err, pid, "start process 'cmk-slirp' in its cgroup: %s",
				   errno_text(-pid));
	return pid;
}

int network_slirp_spawn(const struct slirp_options *o, struct slirp *ret, struct cmk_err *err)
{
	cleanup_close int ours = -1, theirs = -1;
	int pair[2], pidfd = -1, r;
	struct slirp s;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return cmk_err_errno(err, "network helper: make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	r = send_config(ours, o, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "network helper");
	pid = fork_into(o->cgroup_fd, &pidfd, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		exec_helper(theirs);
	s = (struct slirp){ .pid = pid, .pidfd = pidfd, .control_fd = steal_fd(&ours) };
	if (o->tap_fd >= 0) {
		r = network_slirp_give_tap(&s, o->tap_fd, err);
		if (r < 0) {
			network_slirp_stop(&s);
			return r;
		}
	}
	*ret = s;
	return 0;
}

int network_slirp_give_tap(struct slirp *s, int tap_fd, struct cmk_err *err)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)),
			     .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS } };
	char tap = SLIRP_WIRE_TAP;
	struct iovec iov = { .iov_base = &tap, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.h), &tap_fd, sizeof(tap_fd));
	/* A helper that has died meanwhile has left its reason in the socket: wait_ready tells it.
	 */
	if (sendmsg(s->control_fd, &m, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return cmk_err_errno(err, "network helper: send the tap device");
	return 0;
}

/* What the helper's end says where it could not. */
static int report_death(struct slirp *s, struct cmk_err *err)
{
	int status = process_reap(s->pid);
	const char *sig = status >= 0 && WIFSIGNALED(status) ? signal_name(WTERMSIG(status)) : NULL;

	s->pid = 0;
	if (sig)
		return cmk_err_set(err, -EIO, "network helper: killed by %s while starting", sig);
	return cmk_err_set(err, -EIO, "network helper: ended while starting");
}

int network_slirp_wait_ready(struct slirp *s, struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX];
	bool reset = false;
	ssize_t n;
	int r;

	/* A helper that failed before it read the tap device resets the connection; what it said is
	 * behind that. */
	for (;;) {
		n = recv(s->control_fd, buf, sizeof(buf), 0);
		if (n >= 0 || (errno != EINTR && (errno != ECONNRESET || reset)))
			break;
		reset = errno == ECONNRESET;
	}
	if (n == 1 && buf[0] == SLIRP_WIRE_READY)
		return 0;
	if (n < 0)
		r = cmk_err_errno(err, "network helper: wait for it");
	else if (n == 0)
		r = report_death(s, err);
	else
		r = cmk_err_decode(buf, (size_t)n, "network helper: bad answer", err);
	network_slirp_stop(s);
	return r;
}

int network_slirp_start(const struct slirp_options *o, struct slirp *ret, struct cmk_err *err)
{
	struct slirp s = { 0 };
	int r = network_slirp_spawn(o, &s, err);

	if (r < 0)
		return r;
	r = network_slirp_wait_ready(&s, err);
	if (r == 0)
		*ret = s;
	return r;
}

void network_slirp_stop(struct slirp *s)
{
	/* It holds nothing that would want an orderly end, and may be in the hands of a hostile
	 * container: do not wait for its cooperation. */
	if (s->pid > 0) {
		if (s->pidfd >= 0)
			(void)process_pidfd_signal(s->pidfd, SIGKILL);
		else
			(void)kill(s->pid, SIGKILL);
		(void)process_reap(s->pid);
	}
	if (s->control_fd >= 0)
		(void)close(s->control_fd);
	if (s->pidfd >= 0)
		(void)close(s->pidfd);
	*s = (struct slirp){ .pidfd = -1, .control_fd = -1 };
}
