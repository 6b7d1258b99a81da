// SPDX-License-Identifier: Apache-2.0
#include "network/resolv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resolv r = { 0 };

	resolv_parse((const char *)data, size, &r);
	if (strv_len(r.servers) > RESOLV_SERVERS_MAX || strv_len(r.options) > RESOLV_WORDS_MAX)
		abort();
	/* What was taken goes into a container's file: no word may hold a second line. */
	for (size_t i = 0; r.searches && r.searches[i]; i++)
		if (strpbrk(r.searches[i], " \t\r\n"))
			abort();
	resolv_done(&r);
	return 0;
}
