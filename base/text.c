// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <string.h>

size_t text_utf8_len(const char *text, size_t left)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)))
		return 0;
	if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)))
		return 0;
	return n;
}

bool text_is_utf8(const char *s)
{
	for (size_t left = strlen(s), n; left > 0; s += n, left -= n) {
		n = text_utf8_len(s, left);
		if (n == 0)
			return false;
	}
	return true;
}

/* The bytes of the character are *RET_LEN. */
static bool is_control(const char *s, size_t left, size_t *ret_len)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0x80 ? 1 : text_utf8_len(s, left);

	*ret_len = n ? n : 1;
	if (n == 2)
		return c == 0xc2 && (unsigned char)s[1] < 0xa0;
	return n == 0 ? c < 0xa0 : c < 0x20 || c == 0x7f;
}

void text_make_plain(char *s, const char *keep, char with)
{
	for (size_t left = strlen(s), n; left > 0; s += n, left -= n)
		if (is_control(s, left, &n) && !(keep && strchr(keep, *s)))
			memset(s, with, n);
}
