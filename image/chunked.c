// SPDX-License-Identifier: Apache-2.0
#include "image/chunked.h"

#include "base/parse.h"

/* In containers/storage's words, of today and of before 2023; and stargz-snapshotter's. */
static const char *const zstd_names[] = { "io.github.containers.zstd-chunked.",
					  "io.containers.zstd-chunked." };
#define ESTARGZ_DIGEST "containerd.io/snapshot/stargz/toc.digest"
#define POSITION_PARTS 4
#define POSITION_TYPE_CRFS 1

/* "1:2:3" into N numbers. */
static int read_numbers(const char *s, size_t n, uint64_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(s, ":");

		if (parse_u64_n(s, len, INT64_MAX, &ret[i]) < 0)
			return -EINVAL;
		s += len;
		if (i + 1 < n && *s++ != ':')
			return -EINVAL;
	}
	return *s ? -EINVAL : 0;
}

static const char *note(const struct json *notes, const char *prefix, const char *name)
{
	cleanup_free char *key = xasprintf("%s%s", prefix, name);

	return json_str(json_get(notes, key));
}

static bool is_inside(uint64_t offset, uint64_t len, uint64_t size)
{
	return len > 0 && offset < size && len <= size - offset;
}

static bool read_zstd(const struct json *notes, const char *prefix, uint64_t size,
		      struct layer_toc *ret)
{
	const char *sum = note(notes, prefix, "manifest-checksum");
	const char *place = note(notes, prefix, "manifest-position");
	const char *split = note(notes, prefix, "tarsplit-position");
	struct layer_toc toc = { .kind = CHUNKED_ZSTD };
	uint64_t n[POSITION_PARTS];

	if (!sum || !place || digest_parse(sum, &toc.digest, NULL) < 0 ||
	    read_numbers(place, 4, n) < 0 || n[3] != POSITION_TYPE_CRFS ||
	    !is_inside(n[0], n[1], size) || n[1] > LAYER_TOC_MAX || n[2] > LAYER_TOC_MAX)
		return false;
	toc.place = (struct layer_range){ .offset = n[0], .len = n[1] };
	if (split && read_numbers(split, 3, n) == 0 && is_inside(n[0], n[1], size))
		toc.split = (struct layer_range){ .offset = n[0], .len = n[1] };
	*ret = toc;
	return true;
}

void chunked_read(const struct json *notes, uint64_t size, struct layer_toc *ret)
{
	const char *sum = json_str(json_get(notes, ESTARGZ_DIGEST));

	*ret = (struct layer_toc){ .kind = CHUNKED_NONE };
	for (size_t i = 0; i < ARRAY_LEN(zstd_names); i++)
		if (read_zstd(notes, zstd_names[i], size, ret))
			return;
	if (sum && digest_parse(sum, &ret->digest, NULL) == 0 && size > ESTARGZ_FOOTER)
		ret->kind = CHUNKED_ESTARGZ;
}

char **chunked_notes(const struct layer_toc *toc)
{
	const char *prefix = zstd_names[0];
	char **notes = NULL;

	if (toc->kind != CHUNKED_ZSTD)
		return NULL;
	strv_add_take(&notes, xasprintf("%smanifest-checksum=sha256:%s", prefix, toc->digest.hex));
	strv_add_take(&notes, xasprintf("%smanifest-position=%llu:%llu:%llu:%d", prefix,
					(unsigned long long)toc->place.offset,
					(unsigned long long)toc->place.len,
					(unsigned long long)toc->size, POSITION_TYPE_CRFS));
	strv_add_take(&notes, xasprintf("%starsplit-position=%llu:%llu:%llu", prefix,
					(unsigned long long)toc->split.offset,
					(unsigned long long)toc->split.len,
					(unsigned long long)toc->split_size));
	return notes;
}
