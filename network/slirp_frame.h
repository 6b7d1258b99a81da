/* SPDX-License-Identifier: Apache-2.0 */
/* Which frames of a container reach libslirp; the room's own. */
#pragma once

#include "base/util.h"

/*
 * Whether an Ethernet frame from the container may go to libslirp. Kept out:
 * - what would reach the host's loopback: libslirp connects to any destination that it does not
 *   know, so that a raw frame for 127.0.0.1, 0.0.0.0, ::1 or ::ffff:127.0.0.1 would get there;
 * - multicast and broadcast onto the host's links (neighbour discovery is IPv6's and stays);
 * - protocols that libslirp serves and we have no use for (DHCP, TFTP, NC-SI): parsers of hostile
 *   data with a record of memory errors (CVE-2020-7211, CVE-2021-3592 … 3595).
 */
bool slirp_frame_allowed(const uint8_t *frame, size_t len);
