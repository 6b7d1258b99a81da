// SPDX-License-Identifier: Apache-2.0
/* Tar streams, given in pieces whose size is the first byte: headers, PAX records, sparse maps. */
#include "storage/tar.h"
#include "storage/unpack.h"

struct source {
	const uint8_t *p;
	size_t len, step;
};

static int fill(void *arg, const uint8_t **ret, size_t *ret_len, struct cmk_err *err)
{
	struct source *s = arg;
	size_t n = MIN(s->len, s->step);

	(void)err;
	*ret = s->p;
	*ret_len = n;
	s->p += n;
	s->len -= n;
	return 0;
}

static void check_name(const struct strbuf *name)
{
	char *clean = xmalloc(name->len + 1);

	/* Nothing of a clean name may lead up or out. */
	if (name->len > 0 && extract_clean_name(name->data, clean) == 0 &&
	    (clean[0] == '/' || streq(clean, "..") || str_after(clean, "../") ||
	     strstr(clean, "/../") || strstr(clean, "//") || str_has_suffix(clean, "/..")))
		abort();
	free(clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s;
	struct tar_reader t;

	if (size < 1)
		return 0;
	s = (struct source){ data + 1, size - 1, (size_t)data[0] * 5 + 1 };
	tar_init(&t, fill, &s);
	while (tar_next(&t, NULL) > 0) {
		uint64_t offset, end = 0, sum = 0;
		const void *p;
		size_t len;

		check_name(&t.entry.path);
		check_name(&t.entry.link);
		while (tar_data(&t, &p, &len, &offset, NULL) > 0) {
			if (offset < end || offset + len > t.entry.size)
				abort();
			end = offset + len;
			sum += len;
		}
		if (sum > size)
			abort();
	}
	tar_done(&t);
	return 0;
}
