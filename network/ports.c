// SPDX-License-Identifier: Apache-2.0
/* Published ports: what -p takes, and free host ports for those that name none. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/parse.h"
#include "network/network.h"

static const char *protocol_name(enum port_protocol p)
{
	return p == PORT_UDP ? "udp" : "tcp";
}

void port_mapping_list_free(struct port_mapping *list, size_t n)
{
	for (size_t i = 0; list && i < n; i++)
		free(list[i].host_ip);
	free(list);
}

/* "80" or "80-90". ZERO_OK: a lone 0 is "any", as docker takes it. */
static int parse_port_range(const char *s, size_t len, bool zero_ok, uint16_t *ret_first,
			    uint16_t *ret_count)
{
	const char *dash = memchr(s, '-', len);
	size_t first_len = dash ? (size_t)(dash - s) : len;
	uint64_t first = 0, last = 0;

	if (parse_u64_n(s, first_len, 65535, &first) < 0)
		return -EINVAL;
	last = first;
	if (dash && parse_u64_n(dash + 1, len - first_len - 1, 65535, &last) < 0)
		return -EINVAL;
	if (last < first || (first == 0 && (!zero_ok || dash)))
		return -EINVAL;
	/* 1-65535 is the longest: the count fits. */
	*ret_first = (uint16_t)first;
	*ret_count = (uint16_t)(last - first + 1);
	return 0;
}

/* The address in its canonical spelling, so that two spellings of one are seen as one. */
static int parse_host_ip(const char *s, size_t len, char **ret)
{
	cleanup_free char *text = NULL;
	char canonical[INET6_ADDRSTRLEN];
	struct in6_addr a;
	int family = AF_INET;

	if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
		family = AF_INET6;
		s++;
		len -= 2;
	}
	if (memchr(s, '\0', len))
		return -EINVAL;
	text = xstrndup(s, len);
	if (inet_pton(family, text, &a) != 1 ||
	    !inet_ntop(family, &a, canonical, sizeof(canonical)))
		return -EINVAL;
	/* ::ffff:1.2.3.4 would listen on IPv4 behind an IPv6 name. */
	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a))
		return -EINVAL;
	*ret = xstrdup(canonical);
	return 0;
}

enum { PROTO_TCP_BIT = 1 << PORT_TCP, PROTO_UDP_BIT = 1 << PORT_UDP };

/* "tcp", "udp", "tcp,udp" in any case. */
static int parse_protocols(const char *s, unsigned int *ret, struct cmk_err *err)
{
	cleanup_strv char **part = strv_split(s, ',');
	unsigned int bits = 0;

	for (size_t i = 0; part && part[i]; i++) {
		if (strcasecmp(part[i], "tcp") == 0)
			bits |= PROTO_TCP_BIT;
		else if (strcasecmp(part[i], "udp") == 0)
			bits |= PROTO_UDP_BIT;
		else if (strcasecmp(part[i], "sctp") == 0)
			return cmk_err_set(err, -EOPNOTSUPP,
					   "protocol 'sctp': a user's network carries tcp and udp "
					   "alone");
		else
			return cmk_err_set(err, -EINVAL,
					   "protocol '%s': must be tcp, udp or tcp,udp", part[i]);
	}
	if (!bits)
		return cmk_err_set(err, -EINVAL, "protocol '%s': must be tcp, udp or tcp,udp", s);
	*ret = bits;
	return 0;
}

/* IP and host port of "[ip:][hostPort]", the part before the last colon. */
static int parse_host_side(const char *s, size_t len, struct port_mapping *m, uint16_t *ret_count,
			   struct cmk_err *err)
{
	const char *colon = memrchr(s, ':', len), *port = s;
	size_t port_len = len;

	if (len && s[len - 1] == ']')
		colon = NULL; /* "[::1]:80" lacks the host port's colon */
	if (colon) {
		port = colon + 1;
		port_len = len - (size_t)(port - s);
		if (colon > s && parse_host_ip(s, (size_t)(colon - s), &m->host_ip) < 0)
			return cmk_err_set(err, -EINVAL, "'%.*s' is not an IP address",
					   (int)(colon - s), s);
	}
	if (port_len && parse_port_range(port, port_len, true, &m->host_port, ret_count) < 0)
		return cmk_err_set(err, -EINVAL, "host port '%.*s': must be 1-65535 or a range",
				   (int)port_len, port);
	return 0;
}

static bool ranges_meet(uint16_t a, uint16_t n_a, uint16_t b, uint16_t n_b)
{
	return a < b + n_b && b < a + n_a;
}

/* Whether two mappings would bind the same host port. "" is every address. */
static bool same_host_port(const struct port_mapping *a, const struct port_mapping *b)
{
	bool any = !a->host_ip || !b->host_ip;

	return a->protocol == b->protocol && a->host_port && b->host_port &&
	       (any || streq(a->host_ip, b->host_ip)) &&
	       ranges_meet(a->host_port, a->range, b->host_port, b->range);
}

static int append(const struct port_mapping *m, struct port_mapping **list, size_t *n,
		  struct cmk_err *err)
{
	for (size_t i = 0; i < *n; i++) {
		const struct port_mapping *o = *list + i;

		if (!same_host_port(m, o))
			continue;
		if (streq_null(m->host_ip, o->host_ip) && m->host_port == o->host_port &&
		    m->container_port == o->container_port && m->range == o->range)
			return 0; /* given twice */
		return cmk_err_set(err, -EINVAL,
				   "conflicting port mappings for host port %u (protocol %s)",
				   m->host_port, protocol_name(m->protocol));
	}
	if (*n >= NETWORK_PORT_MAPPINGS_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d mappings", NETWORK_PORT_MAPPINGS_MAX);
	*list = xrealloc(*list, *n + 1, sizeof(**list));
	(*list)[*n] = *m;
	(*list)[*n].host_ip = xstrdup_null(m->host_ip);
	(*n)++;
	return 0;
}

static int parse_one(const char *s, struct port_mapping *m, unsigned int *ret_protocols,
		     struct cmk_err *err)
{
	const char *slash = strchr(s, '/'), *colon, *container = s;
	size_t len = slash ? (size_t)(slash - s) : strlen(s);
	uint16_t n_host = 0, n_container = 0;
	int r;

	*ret_protocols = PROTO_TCP_BIT;
	if (slash) {
		r = parse_protocols(slash + 1, ret_protocols, err);
		if (r < 0)
			return r;
	}
	colon = memrchr(s, ':', len);
	if (colon)
		container = colon + 1;
	if (parse_port_range(container, len - (size_t)(container - s), false, &m->container_port,
			     &n_container) < 0)
		return cmk_err_set(err, -EINVAL,
				   "container port '%.*s': must be 1-65535 or a range",
				   (int)(len - (size_t)(container - s)), container);
	if (colon) {
		r = parse_host_side(s, (size_t)(colon - s), m, &n_host, err);
		if (r < 0)
			return r;
	}
	m->range = n_container;
	if (m->host_port && n_host > 1 && n_container == 1) {
		m->host_first = m->host_port;
		m->host_choices = n_host;
		m->host_port = 0;
	} else if (m->host_port && n_host != n_container) {
		return cmk_err_set(err, -EINVAL,
				   "%u host ports for %u container ports: lengths must be equal",
				   n_host, n_container);
	}
	return 0;
}

int port_mapping_parse(const char *s, struct port_mapping **list, size_t *n, struct cmk_err *err)
{
	struct port_mapping m = { 0 };
	unsigned int protocols = 0;
	int r = parse_one(s, &m, &protocols, err);

	for (int p = PORT_TCP; r == 0 && p <= PORT_UDP; p++) {
		m.protocol = (enum port_protocol)p;
		if (protocols & 1U << p)
			r = append(&m, list, n, err);
	}
	free(m.host_ip);
	if (r < 0) {
		(void)cmk_err_wrap(err, r, "port '%s'", s);
		if (err && err->kind == CMK_ERR_INVALID && !err->hint)
			(void)cmk_err_hint(err,
					   "the form is [[ip:][hostPort]:]containerPort[/tcp|udp]");
	}
	return r;
}

static int bind_probe(int family, const char *ip, uint16_t port, enum port_protocol protocol,
		      uint16_t *ret_port)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = { .sa.sa_family = (sa_family_t)family };
	socklen_t len = family == AF_INET6 ? sizeof(a.in6) : sizeof(a.in);
	cleanup_close int fd = -1;
	int one = 1;

	fd = socket(family, (protocol == PORT_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (family == AF_INET6) {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		a.in6.sin6_port = htons(port);
		if (ip && inet_pton(AF_INET6, ip, &a.in6.sin6_addr) != 1)
			return -EINVAL;
	} else {
		a.in.sin_port = htons(port);
		if (ip && inet_pton(AF_INET, ip, &a.in.sin_addr) != 1)
			return -EINVAL;
	}
	if (bind(fd, &a.sa, len) < 0)
		return -errno;
	if (ret_port) {
		if (getsockname(fd, &a.sa, &len) < 0)
			return -errno;
		*ret_port = ntohs(family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
	}
	return 0;
}

/* Whether all of M's ports are free from FIRST on, in each family that it listens on. */
static bool range_is_free(const struct port_mapping *m, uint16_t first)
{
	int r;

	for (unsigned int p = first; p < (unsigned int)first + m->range; p++) {
		if (p > 65535)
			return false;
		if (!m->host_ip || !strchr(m->host_ip, ':')) {
			r = bind_probe(AF_INET, m->host_ip, (uint16_t)p, m->protocol, NULL);
			if (r < 0)
				return false;
		}
		if (!m->host_ip || strchr(m->host_ip, ':')) {
			r = bind_probe(AF_INET6, m->host_ip, (uint16_t)p, m->protocol, NULL);
			if (r == -EADDRINUSE || (r < 0 && m->host_ip))
				return false; /* a host without IPv6 listens on IPv4 alone */
		}
	}
	return true;
}

static bool taken_by_another(const struct port_mapping *list, size_t n, size_t self)
{
	for (size_t i = 0; i < n; i++)
		if (i != self && same_host_port(list + i, list + self))
			return true;
	return false;
}

/* The first free one of a range. */
static int assign_among(struct port_mapping *list, size_t n, size_t i)
{
	struct port_mapping *m = list + i;

	for (unsigned int k = 0; k < m->host_choices; k++) {
		m->host_port = (uint16_t)(m->host_first + k);
		if (range_is_free(m, m->host_port) && !taken_by_another(list, n, i))
			return 0;
	}
	m->host_port = 0;
	return -EADDRINUSE;
}

enum { ASSIGN_TRIES = 64 };

static int assign_one(struct port_mapping *list, size_t n, size_t i)
{
	struct port_mapping *m = list + i;
	int family = m->host_ip && strchr(m->host_ip, ':') ? AF_INET6 : AF_INET;
	int r;

	if (m->host_choices)
		return assign_among(list, n, i);
	for (int t = 0; t < ASSIGN_TRIES; t++) {
		uint16_t port = 0;

		/* The kernel proposes; the other family and the rest of a range must agree. */
		r = bind_probe(family, m->host_ip, 0, m->protocol, &port);
		if (r < 0)
			return r;
		m->host_port = port;
		if (range_is_free(m, port) && !taken_by_another(list, n, i))
			return 0;
		m->host_port = 0;
	}
	return -EADDRINUSE;
}

int network_ports_assign(struct port_mapping *list, size_t n, struct cmk_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r;

		if (list[i].host_port)
			continue;
		r = assign_one(list, n, i);
		if (r < 0)
			return cmk_err_set(err, r, "choose a free host port for %u/%s: %s",
					   list[i].container_port, protocol_name(list[i].protocol),
					   errno_text(-r));
	}
	return 0;
}
