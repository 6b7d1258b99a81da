// SPDX-License-Identifier: Apache-2.0
/* Capabilities by system call: libcap would be mapped for two calls. */
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "libpod/runtime/internal.h"

int caps_drop_bounding(uint64_t keep, struct cmk_err *err)
{
	for (unsigned int i = 0; i < 64; i++) {
		if (keep & (UINT64_C(1) << i))
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
			/* Beyond the last one of this kernel. */
			if (errno == EINVAL)
				return 0;
			return cmk_err_errno(err, "drop capability %u", i);
		}
	}
	return 0;
}

/* Of our own containers the inheritable set is always empty (CVE-2022-29162), and with it the
 * ambient one. */
int caps_set(uint64_t effective, uint64_t permitted, struct cmk_err *err)
{
	return caps_set_all(effective, permitted, 0, err);
}

int caps_set_all(uint64_t effective, uint64_t permitted, uint64_t inheritable, struct cmk_err *err)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {
		{ .effective = (uint32_t)effective,
		  .permitted = (uint32_t)permitted,
		  .inheritable = (uint32_t)inheritable },
		{ .effective = (uint32_t)(effective >> 32),
		  .permitted = (uint32_t)(permitted >> 32),
		  .inheritable = (uint32_t)(inheritable >> 32) },
	};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return cmk_err_errno(err, "clear ambient capabilities");
	if (syscall(SYS_capset, &h, d) < 0)
		return cmk_err_errno(err, "set capabilities");
	return 0;
}
