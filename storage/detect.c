// SPDX-License-Identifier: Apache-2.0
#include "storage/unpack.h"

static const char *const names[] = {
	[LAYER_TAR] = "tar",	   [LAYER_GZIP] = "gzip",
	[LAYER_ZSTD] = "zstd",	   [LAYER_ZSTD_CHUNKED] = "zstd:chunked",
	[LAYER_XZ] = "xz",	   [LAYER_BZIP2] = "bzip2",
	[LAYER_DETECT] = "detect",
};

const char *layer_compression_name(enum layer_compression c)
{
	return names[c];
}

int layer_compression_parse(const char *name, enum layer_compression *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i], name)) {
			*ret = (enum layer_compression)i;
			return 0;
		}
	return -EINVAL;
}

/* The magic bytes of bzip2 are letters, with which the first name of an archive may begin: those of
 * its first block, or of the end of an empty stream, are looked at, too. */
static bool is_bzip2(const uint8_t *p, size_t len)
{
	static const uint8_t block[] = { 0x31, 0x41, 0x59, 0x26, 0x53, 0x59 },
			     end[] = { 0x17, 0x72, 0x45, 0x38, 0x50, 0x90 };

	return len >= 10 && memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9' &&
	       (memcmp(p + 4, block, sizeof(block)) == 0 || memcmp(p + 4, end, sizeof(end)) == 0);
}

static bool has_magic(const uint8_t *p, size_t len, const uint8_t *magic, size_t magic_len)
{
	return len >= magic_len && memcmp(p, magic, magic_len) == 0;
}

enum layer_compression decoder_detect(const uint8_t *p, size_t len)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b }, zstd[] = { 0x28, 0xb5, 0x2f, 0xfd },
			     xz[] = { 0xfd, '7', 'z', 'X', 'Z', 0 };

	if (has_magic(p, len, gzip, sizeof(gzip)))
		return LAYER_GZIP;
	if (has_magic(p, len, zstd, sizeof(zstd)))
		return LAYER_ZSTD;
	/* A skippable frame first, as zstd:chunked may write. */
	if (len >= 4 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0)
		return LAYER_ZSTD;
	if (has_magic(p, len, xz, sizeof(xz)))
		return LAYER_XZ;
	return is_bzip2(p, len) ? LAYER_BZIP2 : LAYER_TAR;
}
