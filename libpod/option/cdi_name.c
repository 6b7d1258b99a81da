// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/cdi_name.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_word(const char *s, size_t n, const char *first, const char *inner)
{
	if (n == 0 || !strchr(first, s[0]) || !strchr(LETTERS DIGITS, s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!strchr(LETTERS DIGITS, s[i]) && !strchr(inner, s[i]))
			return false;
	return true;
}

static bool is_kind(const char *s, size_t n)
{
	const char *slash = memchr(s, '/', n);
	size_t vendor = slash ? (size_t)(slash - s) : 0;

	return slash && is_word(s, vendor, LETTERS, "-_.") &&
	       is_word(slash + 1, n - vendor - 1, LETTERS, "-_");
}

bool cdi_kind_valid(const char *kind)
{
	return is_kind(kind, strlen(kind));
}

bool cdi_device_valid(const char *name)
{
	return is_word(name, strlen(name), LETTERS DIGITS, "-_.:");
}

bool cdi_name_valid(const char *name)
{
	const char *eq = strchr(name, '=');

	return eq && is_kind(name, (size_t)(eq - name)) && cdi_device_valid(eq + 1);
}
