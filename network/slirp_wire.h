/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between network/slirp.c and the helper cmk-slirp: one SOCK_SEQPACKET pair. The starter sends one
 * message, a header and its port mappings, and a second one, SLIRP_WIRE_TAP, with the tap device's
 * descriptor; the helper answers with SLIRP_WIRE_READY or with an error (cmk_err_encode()). After
 * that nothing is said: the helper ends when the other end closes.
 * Both are of one build, so there is no version to agree on.
 */
#pragma once

#include <stdint.h>

enum {
	SLIRP_CONTROL_FD = 3,
	SLIRP_TAP_FD = 4,
	SLIRP_WIRE_READY = 'R',
	SLIRP_WIRE_TAP = 'T',
};

struct slirp_wire_header {
	uint32_t n_ports;
	uint8_t ipv6, host_loopback, padding[2];
};

struct slirp_wire_port {
	uint16_t host_port, container_port, range;
	uint8_t udp;
	uint8_t family;	  /* AF_INET, AF_INET6, or 0: all addresses of both */
	uint8_t addr[16]; /* network order */
};
