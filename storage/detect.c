// SPDX-License-Identifier: Apache-2.0
#include "storage/unpack.h"

static const char *const names[] = {
	[LAYER_TAR] = "tar",	   [LAYER_GZIP] = "gzip",
	[LAYER_ZSTD] = "zstd",	   [LAYER_ZSTD_CHUNKED] = "zstd:chunked",
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

int decoder_detect(const uint8_t *p, size_t len, enum layer_compression *ret, struct cmk_err *err)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b }, zstd[] = { 0x28, 0xb5, 0x2f, 0xfd },
			     xz[] = { 0xfd, '7', 'z', 'X', 'Z', 0 }, bzip2[] = { 'B', 'Z', 'h' };

	*ret = LAYER_TAR;
	if (len >= sizeof(gzip) && memcmp(p, gzip, sizeof(gzip)) == 0)
		*ret = LAYER_GZIP;
	else if (len >= sizeof(zstd) && memcmp(p, zstd, sizeof(zstd)) == 0)
		*ret = LAYER_ZSTD;
	else if (len >= 4 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0)
		*ret = LAYER_ZSTD; /* a skippable frame first, as zstd:chunked may write */
	else if ((len >= sizeof(xz) && memcmp(p, xz, sizeof(xz)) == 0) ||
		 (len >= sizeof(bzip2) && memcmp(p, bzip2, sizeof(bzip2)) == 0))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "xz and bzip2 are not supported yet");
	return 0;
}
