// SPDX-License-Identifier: Apache-2.0
#include "network/slirp_udp.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <sys/socket.h>
#include <time.h>

#include "network/network.h"

enum {
	IP4_HEADER = 20,
	IP6_HEADER = 40,
	UDP_HEADER = 8,
	PROTO_UDP = 17,
	PAYLOAD_MAX = 65507,
	DATAGRAMS_PER_TURN = 64,
	FLOW_SETS = 256, /* clients that are remembered: 1,024, by least recent use */
	FLOW_WAYS = 4,
	FLOW_SECONDS = 240,
};

/* A client as the container knows it, and as it is. */
struct flow {
	uint8_t family; /* 0: free */
	uint16_t guest_port, client_port;
	struct in6_addr seen; /* IPv4 in its first four bytes */
	union {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;
	} local; /* to answer from the address that was asked */
	struct sockaddr_storage client;
	uint32_t listener;
	time_t used;
};

struct listener {
	int fd, family;
	uint16_t guest_port;
};

struct slirp_udp {
	int tap_fd;
	struct listener *listener;
	size_t n;
	uint8_t guest_mac[ETHER_ADDR_LEN];
	struct flow flow[FLOW_SETS][FLOW_WAYS];
	uint8_t frame[ETHER_HDR_LEN + IP6_HEADER + UDP_HEADER + PAYLOAD_MAX];
};

static time_t now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

struct slirp_udp *slirp_udp_new(int tap_fd)
{
	struct slirp_udp *u = xcalloc(1, sizeof(*u));

	u->tap_fd = tap_fd;
	/* Until the container has sent its first frame: everyone. */
	memset(u->guest_mac, 0xff, sizeof(u->guest_mac));
	return u;
}

static int bind_listener(int fd, const struct slirp_wire_port *p, int family, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int one = 1;

	if (family == AF_INET) {
		if (p->family)
			memcpy(&in.sin_addr, p->addr, sizeof(in.sin_addr));
		(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
		return bind(fd, (struct sockaddr *)&in, sizeof(in));
	}
	if (p->family)
		memcpy(&in6.sin6_addr, p->addr, sizeof(in6.sin6_addr));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&in6, sizeof(in6));
}

int slirp_udp_bind(struct slirp_udp *u, const struct slirp_wire_port *p, int family,
		   uint16_t offset)
{
	cleanup_close int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind_listener(fd, p, family, (uint16_t)(p->host_port + offset)) < 0)
		return -errno;
	u->listener = xrealloc(u->listener, u->n + 1, sizeof(*u->listener));
	u->listener[u->n++] = (struct listener){
		.fd = steal_fd(&fd),
		.family = family,
		.guest_port = (uint16_t)(p->container_port + offset),
	};
	return 0;
}

size_t slirp_udp_count(const struct slirp_udp *u)
{
	return u->n;
}

void slirp_udp_fill(const struct slirp_udp *u, struct pollfd *ret)
{
	for (size_t i = 0; i < u->n; i++)
		ret[i] = (struct pollfd){ .fd = u->listener[i].fd, .events = POLLIN };
}

static struct flow *flow_set(struct slirp_udp *u, uint16_t guest_port, const struct in6_addr *seen,
			     uint16_t client_port)
{
	uint32_t h = 2166136261U ^ guest_port ^ (uint32_t)client_port << 16;

	for (size_t i = 0; i < sizeof(*seen); i++)
		h = (h ^ seen->s6_addr[i]) * 16777619U;
	return u->flow[(h ^ h >> 16) % FLOW_SETS];
}

static bool flow_is(const struct flow *f, int family, uint16_t guest_port,
		    const struct in6_addr *seen, uint16_t client_port)
{
	return f->family == family && f->guest_port == guest_port &&
	       f->client_port == client_port && memcmp(&f->seen, seen, sizeof(*seen)) == 0;
}

/* The flow's place, or that of the one that rested longest. */
static struct flow *flow_place(struct slirp_udp *u, const struct flow *key)
{
	struct flow *set = flow_set(u, key->guest_port, &key->seen, key->client_port);
	struct flow *oldest = set;

	for (int i = 0; i < FLOW_WAYS; i++) {
		if (flow_is(set + i, key->family, key->guest_port, &key->seen, key->client_port))
			return set + i;
		if (!set[i].family || (oldest->family && set[i].used < oldest->used))
			oldest = set + i;
	}
	return oldest;
}

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	size_t i = 0;

	for (; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (i < len)
		sum += (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The client's address as the container shall see it: its own; the gateway's for the host's
 * loopback, to which the container has no route. */
static void seen_address(const struct sockaddr_storage *client, struct flow *f)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)client;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)client;

	if (client->ss_family == AF_INET) {
		f->client_port = ntohs(in->sin_port);
		memcpy(&f->seen, &in->sin_addr, sizeof(in->sin_addr));
		if (f->seen.s6_addr[0] == 127)
			(void)inet_pton(AF_INET, NETWORK_SLIRP_GATEWAY4, &f->seen);
		return;
	}
	f->client_port = ntohs(in6->sin6_port);
	f->seen = in6->sin6_addr;
	if (IN6_IS_ADDR_LOOPBACK(&f->seen) || IN6_IS_ADDR_LINKLOCAL(&f->seen))
		(void)inet_pton(AF_INET6, NETWORK_SLIRP_GATEWAY6, &f->seen);
}

/* Headers before the N bytes of payload; returns where the frame starts. IPv4 leaves the front of
 * the buffer unused, so that the payload has one place. */
static uint8_t *put_headers(struct slirp_udp *u, const struct flow *f, size_t n, size_t *ret_len)
{
	size_t ip_len = f->family == AF_INET ? IP4_HEADER : IP6_HEADER, udp_len = UDP_HEADER + n;
	uint8_t *udp = u->frame + ETHER_HDR_LEN + IP6_HEADER, *ip = udp - ip_len;
	uint8_t *eth = ip - ETHER_HDR_LEN;
	size_t addr_len = f->family == AF_INET ? 4 : 16;
	uint8_t *src = ip + ip_len - 2 * addr_len;
	uint16_t sum;

	memset(eth, 0, ETHER_HDR_LEN + ip_len + UDP_HEADER);
	memcpy(eth, u->guest_mac, ETHER_ADDR_LEN);
	memcpy(eth + ETHER_ADDR_LEN, "\x52\x55\x0a\x00\x02\x02", ETHER_ADDR_LEN);
	memcpy(src, &f->seen, addr_len);
	if (f->family == AF_INET) {
		put16(eth + 12, ETHERTYPE_IP);
		ip[0] = 0x45;
		put16(ip + 2, (uint16_t)(ip_len + udp_len));
		ip[8] = 64;
		ip[9] = PROTO_UDP;
		(void)inet_pton(AF_INET, NETWORK_SLIRP_IP4, src + addr_len);
		put16(ip + 10, fold(sum16(ip, ip_len, 0)));
	} else {
		put16(eth + 12, ETHERTYPE_IPV6);
		ip[0] = 0x60;
		put16(ip + 4, (uint16_t)udp_len);
		ip[6] = PROTO_UDP;
		ip[7] = 64;
		(void)inet_pton(AF_INET6, NETWORK_SLIRP_IP6, src + addr_len);
	}
	put16(udp, f->client_port);
	put16(udp + 2, f->guest_port);
	put16(udp + 4, (uint16_t)udp_len);
	sum = fold(sum16(udp, udp_len, sum16(src, 2 * addr_len, PROTO_UDP + (uint32_t)udp_len)));
	put16(udp + 6, sum ? sum : 0xffff);
	*ret_len = ETHER_HDR_LEN + ip_len + udp_len;
	return eth;
}

static void note_local(struct msghdr *m, struct flow *f)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&f->local.v4, CMSG_DATA(c), sizeof(f->local.v4));
			f->local.v4.ipi_ifindex = 0; /* the route decides, the address stays */
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&f->local.v6, CMSG_DATA(c), sizeof(f->local.v6));
		}
	}
}

/* One datagram; false where none waits. */
static bool carry_in(struct slirp_udp *u, size_t i)
{
	struct flow f = { .family = (uint8_t)u->listener[i].family,
			  .guest_port = u->listener[i].guest_port,
			  .listener = (uint32_t)i };
	union {
		struct cmsghdr align;
		char buf[128];
	} control;
	struct iovec iov = { .iov_base = u->frame + ETHER_HDR_LEN + IP6_HEADER + UDP_HEADER,
			     .iov_len = PAYLOAD_MAX };
	struct msghdr m = { .msg_name = &f.client,
			    .msg_namelen = sizeof(f.client),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(u->listener[i].fd, &m, 0);
	uint8_t *frame;
	size_t len;

	if (n < 0)
		return errno != EAGAIN; /* an ICMP error of an earlier answer: go on */
	note_local(&m, &f);
	seen_address(&f.client, &f);
	f.used = now_s();
	*flow_place(u, &f) = f;
	frame = put_headers(u, &f, (size_t)n, &len);
	(void)!write(u->tap_fd, frame, len);
	return true;
}

void slirp_udp_from_host(struct slirp_udp *u, size_t i)
{
	for (int k = 0; k < DATAGRAMS_PER_TURN && carry_in(u, i); k++)
		;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The unfragmented UDP datagram in a frame: its header, length and destination. */
static const uint8_t *find_udp(const uint8_t *frame, size_t len, int *ret_family,
			       struct in6_addr *ret_dst, size_t *ret_len)
{
	const uint8_t *ip = frame + ETHER_HDR_LEN, *udp;
	size_t n, header;

	if (len < ETHER_HDR_LEN + IP4_HEADER + UDP_HEADER)
		return NULL;
	n = len - ETHER_HDR_LEN;
	memset(ret_dst, 0, sizeof(*ret_dst));
	if (be16(frame + 12) == ETHERTYPE_IP) {
		header = (size_t)(ip[0] & 0x0f) * 4;
		if (ip[9] != PROTO_UDP || (be16(ip + 6) & 0x3fff) || header < IP4_HEADER)
			return NULL;
		*ret_family = AF_INET;
		memcpy(ret_dst, ip + 16, 4);
	} else if (be16(frame + 12) == ETHERTYPE_IPV6) {
		header = IP6_HEADER;
		if (n < IP6_HEADER || ip[6] != PROTO_UDP)
			return NULL;
		*ret_family = AF_INET6;
		memcpy(ret_dst, ip + 24, 16);
	} else {
		return NULL;
	}
	if (n < header + UDP_HEADER)
		return NULL;
	udp = ip + header;
	*ret_len = be16(udp + 4);
	return *ret_len >= UDP_HEADER && *ret_len <= n - header ? udp : NULL;
}

static void carry_out(const struct slirp_udp *u, struct flow *f, const uint8_t *data, size_t len)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = { 0 };
	bool v4 = f->family == AF_INET;
	size_t info_len = v4 ? sizeof(f->local.v4) : sizeof(f->local.v6);
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr m = { .msg_name = &f->client,
			    .msg_namelen = v4 ? sizeof(struct sockaddr_in)
					      : sizeof(struct sockaddr_in6),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = CMSG_SPACE(info_len) };

	control.h.cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	control.h.cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	control.h.cmsg_len = CMSG_LEN(info_len);
	memcpy(CMSG_DATA(&control.h), &f->local, info_len);
	(void)!sendmsg(u->listener[f->listener].fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool slirp_udp_from_guest(struct slirp_udp *u, const uint8_t *frame, size_t len)
{
	struct in6_addr dst;
	const uint8_t *udp;
	size_t udp_len = 0;
	struct flow *set;
	int family = 0;

	if (!u->n || len < ETHER_HDR_LEN)
		return false;
	memcpy(u->guest_mac, frame + ETHER_ADDR_LEN, ETHER_ADDR_LEN);
	udp = find_udp(frame, len, &family, &dst, &udp_len);
	if (!udp)
		return false;
	set = flow_set(u, be16(udp), &dst, be16(udp + 2));
	for (int i = 0; i < FLOW_WAYS; i++) {
		time_t now;

		if (!flow_is(set + i, family, be16(udp), &dst, be16(udp + 2)))
			continue;
		now = now_s();
		if (now - set[i].used > FLOW_SECONDS)
			return false;
		set[i].used = now;
		carry_out(u, set + i, udp + UDP_HEADER, udp_len - UDP_HEADER);
		return true;
	}
	return false;
}
