// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>

#include "base/parse.h"
#include "libpod/spec/spec.h"

/* One number or a range of two; -EINVAL, or -ERANGE beyond the set. */
static int add_range(const char *text, size_t len, struct spec_id_set *set)
{
	const char *dash = memchr(text, '-', len);
	size_t n = dash ? (size_t)(dash - text) : len;
	uint64_t first, last;
	int r = parse_u64_n(text, n, SPEC_ID_SET_MAX - 1, &first);

	last = first;
	if (r == 0 && dash)
		r = parse_u64_n(dash + 1, len - n - 1, SPEC_ID_SET_MAX - 1, &last);
	if (r < 0)
		return r;
	if (last < first)
		return -EINVAL;
	for (uint64_t i = first; i <= last; i++)
		set->bits[i / 64] |= UINT64_C(1) << (i % 64);
	return 0;
}

int spec_id_set_parse(const char *text, size_t len, struct spec_id_set *ret)
{
	struct spec_id_set set = { { 0 } };

	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	for (size_t at = 0; at < len;) {
		const char *comma = memchr(text + at, ',', len - at);
		size_t n = comma ? (size_t)(comma - text) - at : len - at;
		int r = add_range(text + at, n, &set);

		if (r < 0)
			return r;
		at += n + (comma ? 1 : 0);
		if (comma && at == len)
			return -EINVAL;
	}
	*ret = set;
	return 0;
}

bool spec_id_set_within(const struct spec_id_set *inner, const struct spec_id_set *outer)
{
	for (size_t i = 0; i < ARRAY_LEN(inner->bits); i++)
		if (inner->bits[i] & ~outer->bits[i])
			return false;
	return true;
}
