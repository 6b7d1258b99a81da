// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/socket.h>

#include "network/slirp_frame.h"
#include "network/slirp_udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A frame as a container may write it to its tap device. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slirp_udp *u;
	struct slirp_wire_port p = { .udp = 1, .range = 1, .container_port = 53 };

	if (!u) {
		u = slirp_udp_new(open("/dev/null", O_WRONLY | O_CLOEXEC));
		(void)slirp_udp_bind(u, &p, AF_INET, 0);
	}
	if (!slirp_udp_from_guest(u, data, size))
		(void)slirp_frame_allowed(data, size);
	return 0;
}
