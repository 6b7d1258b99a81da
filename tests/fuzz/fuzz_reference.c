// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken reads the same when it is written and parsed again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size), *once = NULL, *twice = NULL;
	struct image_ref a = { 0 }, b = { 0 };

	if (image_ref_parse(text, &a, NULL) < 0)
		return 0;
	once = image_ref_str(&a);
	assert(!strstr(once, "..") || a.tag);
	assert(image_ref_parse(once, &b, NULL) == 0);
	twice = image_ref_str(&b);
	assert(streq(once, twice));
	image_ref_done(&a);
	image_ref_done(&b);
	return 0;
}
