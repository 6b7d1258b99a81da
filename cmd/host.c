// SPDX-License-Identifier: Apache-2.0
#include "cmd/host.h"

#include "base/util.h"

const char *cmk_host_arch(const char *machine)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" },
		{ "aarch64", "arm64" },
		{ "i686", "386" },
		{ "armv7l", "arm" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i][0], machine))
			return names[i][1];
	return machine;
}
