// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <nettle/base64.h>

#include "base/util.h"

char *base64_decoded(const char *text, size_t len, size_t *ret_len)
{
	size_t n = BASE64_DECODE_LENGTH(len);
	cleanup_free char *data = xmalloc(n + 1);
	struct base64_decode_ctx c;

	base64_decode_init(&c);
	if (!base64_decode_update(&c, &n, (uint8_t *)data, len, text) || !base64_decode_final(&c))
		return NULL;
	data[n] = '\0';
	*ret_len = n;
	return steal_ptr(&data);
}

char *base64_encoded(const void *data, size_t len)
{
	size_t n = BASE64_ENCODE_RAW_LENGTH(len);
	char *text = xmalloc(n + 1);

	base64_encode_raw(text, len, data);
	text[n] = '\0';
	return text;
}
