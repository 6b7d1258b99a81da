// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/frame.h"

static int key_parse(const char *s, uint8_t *ret)
{
	const char *c = str_after(s, "ctrl-");

	if (strlen(s) == 1 && (uint8_t)s[0] < 0x80) {
		*ret = (uint8_t)s[0];
		return 0;
	}
	if (!c || strlen(c) != 1)
		return -EINVAL;
	if (*c >= 'a' && *c <= 'z')
		*ret = (uint8_t)(*c - 'a' + 1);
	else if (*c == '@')
		*ret = 0;
	else if (*c >= '[' && *c <= '_')
		*ret = (uint8_t)(*c - '[' + 27);
	else
		return -EINVAL;
	return 0;
}

int detach_keys_parse(const char *s, uint8_t keys[16], size_t *ret_n, struct cmk_err *err)
{
	cleanup_strv char **parts = NULL;
	size_t n;

	if (!*s) {
		*ret_n = 0;
		return 0;
	}
	parts = strv_split(s, ',');
	n = strv_len(parts);
	if (n > DETACH_KEYS_MAX)
		return cmk_err_set(err, -EINVAL, "detach keys '%s': more than %d keys", s,
				   DETACH_KEYS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (key_parse(parts[i], &keys[i]) < 0) {
			(void)cmk_err_set(err, -EINVAL, "detach keys '%s': invalid key '%s'", s,
					  parts[i]);
			(void)cmk_err_hint(err, "a key is one character, or ctrl- and one of "
						"a-z, @, [, \\, ], ^, _");
			return -EINVAL;
		}
	}
	*ret_n = n;
	return 0;
}

bool detach_scan_feed(struct detach_scan *s, const uint8_t *in, size_t len, uint8_t *out,
		      size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		/* What was held back is always the first bytes of the keys. Let go of as many as
		 * needed until the rest, with this byte, may begin them again. */
		while (s->matched > 0 && in[i] != s->keys[s->matched]) {
			size_t drop = 1;

			while (drop < s->matched &&
			       memcmp(s->keys + drop, s->keys, s->matched - drop) != 0)
				drop++;
			memcpy(out + n, s->keys, drop);
			n += drop;
			s->matched -= drop;
		}
		if (s->n == 0 || in[i] != s->keys[s->matched]) {
			out[n++] = in[i];
			continue;
		}
		if (++s->matched == s->n) {
			s->matched = 0;
			*ret_len = n;
			return true;
		}
	}
	*ret_len = n;
	return false;
}
