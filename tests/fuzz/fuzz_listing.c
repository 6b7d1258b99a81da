// SPDX-License-Identifier: Apache-2.0
#include "image/listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a registry says of its repositories and tags, and where it says more. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size), *next = NULL, *escaped = NULL;
	struct image_found *found = NULL;
	cleanup_strv char **list = NULL;
	size_t n = 0;

	(void)listing_strings((const char *)data, size, "tags", &list, &n, NULL);
	if (n != strv_len(list))
		abort();
	n = 0;
	(void)listing_results((const char *)data, size, &found, &n, NULL);
	image_found_free(found, n);
	next = listing_next(text);
	if (next && (*next != '/' || strpbrk(next, " \r\n")))
		abort();
	escaped = listing_escape(text);
	return 0;
}
