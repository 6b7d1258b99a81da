/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published UDP ports; cmk-slirp's own. Not libslirp's: that answers a client of the host's
 * loopback only where the container may reach the loopback itself, answers from the wrong port
 * where two host ports lead to one of the container, and lets the route choose the address that an
 * answer comes from.
 */
#pragma once

#include <poll.h>

#include "base/util.h"
#include "network/slirp_wire.h"

struct slirp_udp;

struct slirp_udp *slirp_udp_new(int tap_fd);
/* Binds port OFFSET of P's range on FAMILY. 0 or -errno. */
int slirp_udp_bind(struct slirp_udp *u, const struct slirp_wire_port *p, int family,
		   uint16_t offset);
/* The number of sockets; their poll entries. */
size_t slirp_udp_count(const struct slirp_udp *u);
void slirp_udp_fill(const struct slirp_udp *u, struct pollfd *ret);
/* Socket I has datagrams: carries them to the container. */
void slirp_udp_from_host(struct slirp_udp *u, size_t i);
/* A frame from the container: true where it answers a client of ours, and has been sent. */
bool slirp_udp_from_guest(struct slirp_udp *u, const uint8_t *frame, size_t len);
