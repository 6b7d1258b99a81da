// SPDX-License-Identifier: Apache-2.0
#include "network/slirp_frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>

#include "network/network.h"

enum {
	IP4_HEADER = 20,
	IP6_HEADER = 40,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
	PORT_BOOTPS = 67,
	PORT_TFTP = 69,
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool is_gateway(int family, const uint8_t *addr)
{
	struct in6_addr gw = { 0 };

	if (family == AF_INET)
		return inet_pton(AF_INET, NETWORK_SLIRP_GATEWAY4, &gw) == 1 &&
		       memcmp(addr, &gw, sizeof(struct in_addr)) == 0;
	return inet_pton(AF_INET6, NETWORK_SLIRP_GATEWAY6, &gw) == 1 &&
	       memcmp(addr, &gw, sizeof(gw)) == 0;
}

static bool port_is_served(uint16_t port)
{
	return port == PORT_BOOTPS || port == PORT_TFTP;
}

static bool ip4_allowed(const uint8_t *p, size_t len)
{
	const uint8_t *dst = p + 16;
	size_t header;

	if (len < IP4_HEADER)
		return false;
	header = (size_t)(p[0] & 0x0f) * 4;
	if (dst[0] == 0 || dst[0] == 127 || dst[0] >= 224)
		return false;
	if (p[9] != PROTO_UDP || !is_gateway(AF_INET, dst))
		return true;
	/* A fragment could bring its ports past the look at them. */
	if (be16(p + 6) & 0x3fff)
		return false;
	return header >= IP4_HEADER && len >= header + 4 && !port_is_served(be16(p + header + 2));
}

static bool ip6_allowed(const uint8_t *p, size_t len)
{
	static const uint8_t zero[10];
	const uint8_t *dst = p + 24;

	if (len < IP6_HEADER)
		return false;
	/* ::, ::1, and IPv4 addresses in IPv6's clothes */
	if (memcmp(dst, zero, sizeof(zero)) == 0)
		return false;
	if (dst[0] == 0xff)
		return p[6] == PROTO_ICMP6;
	if (p[6] != PROTO_UDP || !is_gateway(AF_INET6, dst))
		return true;
	return len >= IP6_HEADER + 4 && !port_is_served(be16(p + IP6_HEADER + 2));
}

bool slirp_frame_allowed(const uint8_t *frame, size_t len)
{
	if (len < ETHER_HDR_LEN)
		return false;
	switch (be16(frame + 12)) {
	case ETHERTYPE_ARP:
		return true;
	case ETHERTYPE_IP:
		return ip4_allowed(frame + ETHER_HDR_LEN, len - ETHER_HDR_LEN);
	case ETHERTYPE_IPV6:
		return ip6_allowed(frame + ETHER_HDR_LEN, len - ETHER_HDR_LEN);
	default:
		return false;
	}
}
