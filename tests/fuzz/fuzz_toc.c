// SPDX-License-Identifier: Apache-2.0
/* Tables of contents: what one leads to lies inside of the blob, in order, and is no more than may
 * be asked for. The first byte chooses the kind. */
#include "storage/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct toc *t, uint64_t limit)
{
	struct layer_range *list = NULL;
	uint64_t end = 0;
	size_t n = 0;

	toc_plan(t, limit, &list, &n);
	if (n > LAYER_RANGES_MAX)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (list[i].len == 0 || list[i].offset < end || list[i].offset > limit ||
		    list[i].len > limit - list[i].offset)
			abort();
		end = list[i].offset + list[i].len;
	}
	free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { LIMIT = 1 << 20 };
	struct toc t = { 0 };

	if (size == 0 ||
	    toc_parse((const char *)data + 1, size - 1,
		      data[0] == 'e' ? CHUNKED_ESTARGZ : CHUNKED_ZSTD, LIMIT, &t, NULL) < 0)
		return 0;
	check(&t, LIMIT);
	for (size_t i = 0; i < t.n; i++)
		t.entries[i].path = i % 2 ? "here" : NULL;
	check(&t, LIMIT);
	t.has_split = false;
	check(&t, LIMIT);
	toc_done(&t);
	return 0;
}
