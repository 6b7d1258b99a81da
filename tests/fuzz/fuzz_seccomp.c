// SPDX-License-Identifier: Apache-2.0
/* A seccomp profile of a user's, or of an image's label. */
#include "libpod/runtime/seccomp_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *caps[] = { (char *)"CAP_CHOWN", NULL };
	const struct seccomp_host host = {
		.caps = caps, .arch = "SCMP_ARCH_X86_64", .kernel_major = 6, .kernel_minor = 1
	};
	struct seccomp_profile p = { 0 };
	struct cmk_err err = CMK_ERR_INIT;

	if (seccomp_profile_parse((const char *)data, size, &host, &p, &err) < 0) {
		if (!err.msg)
			abort();
		cmk_err_done(&err);
		return 0;
	}
	for (size_t i = 0; i < p.n_rules; i++)
		if (!p.rules[i].names || p.rules[i].n_args > SECCOMP_ARGS_MAX ||
		    p.rules[i].code > 65535)
			abort();
	if (p.notifies && !p.listener_path)
		abort();
	seccomp_profile_done(&p);
	return 0;
}
