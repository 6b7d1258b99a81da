// SPDX-License-Identifier: Apache-2.0
/* A file in a hook directory: read, and held against a container. */
#include "libpod/spec/hooks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *args[] = { (char *)"/bin/sh", NULL }, *notes[] = { (char *)"key=value", NULL };
	const struct spec s = { .process.args = args, .annotations = notes };
	struct hook_file f = { 0 };

	if (hook_file_parse((const char *)data, size, &f, NULL) < 0)
		return 0;
	if (!f.hook.path || f.hook.path[0] != '/' || !f.stages)
		abort();
	(void)hook_file_matches(&f, &s, true, NULL);
	hook_file_done(&f);
	return 0;
}
