// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-slirp: carries one container's packets between its tap device and sockets of the host, with
 * libslirp. Started by network_slirp_spawn() with a control socket, over which the tap device
 * comes; stays in the host's network namespace; ends when the control socket is closed. Everything
 * from the tap device is hostile, and so, after a fault in libslirp, is this process: see
 * base/sandbox.h.
 *
 * It may: make sockets of IPv4 and IPv6, read /etc and where resolv.conf leads (Landlock). No file
 * for writing, no process, no capability.
 */
#include <glib.h>
#undef MIN /* base/util.h has its own */
#undef MAX

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/process.h"
#include "base/sandbox.h"
#include "network/network.h"
#include "network/slirp_loop.h"
#include "network/slirp_wire.h"

enum {
	CONNECTIONS_MAX = 2048, /* libslirp buffers up to 256 KiB for each */
	MEMORY_MAX =
		1536 << 20, /* of addresses: thrice those buffers, of which little is touched */
};

struct config {
	struct slirp_wire_header h;
	struct slirp_wire_port *ports; /* owned */
};

static int read_config(struct config *c, struct cmk_err *err)
{
	size_t max = sizeof(c->h) + NETWORK_PORT_MAPPINGS_MAX * sizeof(*c->ports), len;
	cleanup_free char *buf = xmalloc(max);
	ssize_t n;

	n = recv(SLIRP_CONTROL_FD, buf, max, 0);
	if (n < 0)
		return cmk_err_errno(err, "read the configuration (cmk starts this program)");
	if ((size_t)n < sizeof(c->h))
		return cmk_err_set(err, -EBADMSG, "read the configuration: too short");
	memcpy(&c->h, buf, sizeof(c->h));
	len = (size_t)c->h.n_ports * sizeof(*c->ports);
	if (c->h.n_ports > NETWORK_PORT_MAPPINGS_MAX || (size_t)n != sizeof(c->h) + len)
		return cmk_err_set(err, -EBADMSG, "read the configuration: wrong length");
	c->ports = xmemdup(buf + sizeof(c->h), len);
	return 0;
}

/* The tap device comes last: the container's network namespace is made while we are loaded and bind
 * its ports. */
static int receive_tap(struct cmk_err *err)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char type = 0;
	struct iovec iov = { .iov_base = &type, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(SLIRP_CONTROL_FD, &m, MSG_CMSG_CLOEXEC);
	int fd;

	if (n < 0)
		return cmk_err_errno(err, "network helper: receive the tap device");
	/* The container's start has failed. */
	if (n == 0)
		_exit(0);
	if (type != SLIRP_WIRE_TAP || m.msg_controllen < CMSG_LEN(sizeof(int)) ||
	    control.h.cmsg_level != SOL_SOCKET || control.h.cmsg_type != SCM_RIGHTS)
		return cmk_err_set(err, -EBADMSG, "network helper: no tap device came");
	memcpy(&fd, CMSG_DATA(&control.h), sizeof(fd));
	if (dup2(fd, SLIRP_TAP_FD) < 0 || close(fd) < 0 ||
	    fcntl(SLIRP_TAP_FD, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return cmk_err_errno(err, "network helper: tap device");
	return 0;
}

static size_t count_listeners(const struct config *c)
{
	size_t n = 0;

	for (uint32_t i = 0; i < c->h.n_ports; i++)
		n += c->ports[i].range * (c->ports[i].family ? 1U : 2U);
	return n;
}

/* A container that opens connections without end meets a refusal, not the host's memory. */
static void limit_resources(const struct config *c)
{
	rlim_t files = CONNECTIONS_MAX + count_listeners(c);
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max = MIN(r.rlim_max, files);
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	r.rlim_cur = r.rlim_max = MEMORY_MAX;
	if (!SANDBOX_SANITIZED)
		(void)setrlimit(RLIMIT_DATA, &r);
	r.rlim_cur = r.rlim_max = 0;
	(void)setrlimit(RLIMIT_FSIZE, &r);
}

/* Small and stable: one arena, large buffers of connections go back to the kernel at their end. */
static void tune_malloc(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, 96 << 10);
	(void)mallopt(M_TRIM_THRESHOLD, 128 << 10);
	(void)mallopt(M_TOP_PAD, 16 << 10);
}

static struct in_addr ip4(const char *s)
{
	struct in_addr a = { 0 };

	(void)inet_pton(AF_INET, s, &a);
	return a;
}

static struct in6_addr ip6(const char *s)
{
	struct in6_addr a = IN6ADDR_ANY_INIT;

	(void)inet_pton(AF_INET6, s, &a);
	return a;
}

static Slirp *make_slirp(const struct config *c, struct slirp_loop *l)
{
	SlirpConfig cfg = {
		.version = 3,
		.in_enabled = true,
		.vnetwork = ip4("10.0.2.0"),
		.vnetmask = ip4("255.255.255.0"),
		.vhost = ip4(NETWORK_SLIRP_GATEWAY4),
		.vdhcp_start = ip4(NETWORK_SLIRP_IP4), /* where forwards go */
		.vnameserver = ip4(NETWORK_SLIRP_DNS4),
		.in6_enabled = c->h.ipv6,
		.vprefix_addr6 = ip6("fd00::"),
		.vprefix_len = NETWORK_SLIRP_PREFIX6,
		.vhost6 = ip6(NETWORK_SLIRP_GATEWAY6),
		.vnameserver6 = ip6(NETWORK_SLIRP_DNS6),
		.if_mtu = NETWORK_SLIRP_MTU,
		.if_mru = NETWORK_SLIRP_MTU,
		.disable_host_loopback = !c->h.host_loopback,
	};

	return slirp_loop_slirp(l, &cfg);
}

static int forward_failed(const struct slirp_wire_port *p, uint16_t port, int code,
			  struct cmk_err *err)
{
	char ip[INET6_ADDRSTRLEN] = "";
	const char *proto = p->udp ? "udp" : "tcp", *what = errno_text(-code);

	if (p->family)
		(void)inet_ntop(p->family, p->addr, ip, sizeof(ip));
	/* strerror() spells these for programmers */
	if (code == -EADDRINUSE)
		what = "address already in use";
	else if (code == -EACCES)
		what = "privileged port";
	else if (code == -EADDRNOTAVAIL)
		what = "not an address of this host";
	(void)cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, code, "port %s%s%s%s%u/%s: %s",
			   p->family == AF_INET6 ? "[" : "", ip, p->family == AF_INET6 ? "]" : "",
			   p->family ? ":" : "", port, proto, what);
	if (code == -EACCES)
		(void)cmk_err_hint(err,
				   "take a higher port, or let users bind it: sudo sysctl "
				   "net.ipv4.ip_unprivileged_port_start=%u",
				   port);
	else if (code == -EADDRINUSE)
		(void)cmk_err_hint(err, "another program listens there: take another port");
	else if (code == -EMFILE)
		(void)cmk_err_hint(err, "too many ports: raise the limit of open files (ulimit "
					"-n)");
	return code;
}

/* Binds one port. 0 or -errno. */
static int forward(Slirp *slirp, struct slirp_udp *udp, const struct slirp_wire_port *p, int family,
		   uint16_t offset)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} host = { .sa.sa_family = (sa_family_t)family }, guest = host;
	socklen_t len = family == AF_INET6 ? sizeof(host.in6) : sizeof(host.in);

	if (p->udp)
		return slirp_udp_bind(udp, p, family, offset);
	host.in.sin_port = htons((uint16_t)(p->host_port + offset)); /* at the same place in in6 */
	guest.in.sin_port = htons((uint16_t)(p->container_port + offset));
	if (family == AF_INET6) {
		guest.in6.sin6_addr = ip6(NETWORK_SLIRP_IP6);
		if (p->family)
			memcpy(&host.in6.sin6_addr, p->addr, sizeof(host.in6.sin6_addr));
	} else {
		guest.in.sin_addr = ip4(NETWORK_SLIRP_IP4);
		if (p->family)
			memcpy(&host.in.sin_addr, p->addr, sizeof(host.in.sin_addr));
	}
	errno = 0;
	if (slirp_add_hostxfwd(slirp, &host.sa, len, &guest.sa, len,
			       family == AF_INET6 ? SLIRP_HOSTFWD_V6ONLY : 0) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

/* All addresses means IPv4 and, where the host has it, IPv6. */
static bool host_lacks_ipv6(const struct slirp_wire_port *p, int r)
{
	return !p->family && (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || r == -EPROTONOSUPPORT);
}

static int add_forwards(const struct config *c, Slirp *slirp, struct slirp_udp *udp,
			struct cmk_err *err)
{
	int r;

	for (uint32_t i = 0; i < c->h.n_ports; i++) {
		const struct slirp_wire_port *p = c->ports + i;

		for (uint16_t k = 0; k < p->range; k++) {
			uint16_t port = (uint16_t)(p->host_port + k);

			if (p->family != AF_INET6) {
				r = forward(slirp, udp, p, AF_INET, k);
				if (r < 0)
					return forward_failed(p, port, r, err);
			}
			if (p->family == AF_INET || (!p->family && !c->h.ipv6))
				continue;
			r = forward(slirp, udp, p, AF_INET6, k);
			if (r < 0 && !host_lacks_ipv6(p, r))
				return forward_failed(p, port, r, err);
		}
	}
	return 0;
}

/* libslirp reads /etc/resolv.conf again whenever it has changed; the file may be a link, and may be
 * replaced, so that its directory counts. */
static int enter_sandbox(struct cmk_err *err)
{
	char target[PATH_MAX] = "/etc/resolv.conf", *slash;
	const char *paths[] = { "/etc",
				"/run/systemd/resolve",
				"/run/resolvconf",
				"/run/NetworkManager",
				"/run/connman",
				"/run/netconfig",
				target,
				NULL };
	struct sandbox_policy p = { .rights = SANDBOX_INET | SANDBOX_READ, .read_paths = paths };

#ifdef CMK_TEST_HOOKS
	if (getenv("CMK_TEST_DUMPABLE"))
		p.rights |= SANDBOX_DUMPABLE;
#endif
	if (realpath("/etc/resolv.conf", target)) {
		slash = strrchr(target, '/');
		if (slash && slash != target)
			*slash = '\0';
	}
	return sandbox_enter(&p, err);
}

static void drop_log(const gchar *domain cmk_unused, GLogLevelFlags level cmk_unused,
		     const gchar *msg cmk_unused, gpointer data cmk_unused)
{
}

static int set_up(struct slirp_loop **ret, struct cmk_err *err)
{
	struct config c = { 0 };
	struct slirp_udp *udp;
	struct slirp_loop *l;
	Slirp *slirp;
	int r = read_config(&c, err);

	if (r < 0)
		return r;
	limit_resources(&c);
	/* Keeps the place, which a socket would take. */
	if (dup2(SLIRP_CONTROL_FD, SLIRP_TAP_FD) < 0)
		return cmk_err_errno(err, "network helper: duplicate a descriptor");
	udp = slirp_udp_new(SLIRP_TAP_FD);
	l = slirp_loop_new(SLIRP_CONTROL_FD, SLIRP_TAP_FD, udp);
	slirp = make_slirp(&c, l);
	if (!slirp)
		return cmk_err_set(err, -EINVAL, "network helper: libslirp does not start");
	r = add_forwards(&c, slirp, udp, err);
	free(c.ports);
	if (r < 0)
		return r;
	slirp_loop_note_listeners(l);
	r = enter_sandbox(err);
	if (r < 0)
		return r;
	*ret = l;
	return receive_tap(err);
}

int main(void)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct slirp_loop *l = NULL;
	char ready = SLIRP_WIRE_READY;

	tune_malloc();
	/* libslirp writes to connections that the peer may have closed. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* What libslirp says of broken packets is the container's to choose. */
	(void)g_log_set_default_handler(drop_log, NULL);
	if (set_up(&l, &err) < 0) {
		cmk_err_send(SLIRP_CONTROL_FD, &err);
		if (isatty(STDERR_FILENO))
			(void)fprintf(stderr, "Error: %s\n", cmk_err_msg(&err));
		_exit(125);
	}
	process_forget_start();
	if (send(SLIRP_CONTROL_FD, &ready, 1, MSG_NOSIGNAL) != 1)
		_exit(0);
	slirp_loop_run(l);
	_exit(0);
}
