// SPDX-License-Identifier: Apache-2.0
#include "base/util.h"

#include <stdarg.h>
#include <time.h>

static void cmk_noreturn out_of_memory(void)
{
	static const char msg[] = "Error: out of memory\n";

	(void)!write(STDERR_FILENO, msg, sizeof(msg) - 1);
	_exit(125);
}

void *xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *p, size_t n, size_t size)
{
	void *q = reallocarray(p, n ? n : 1, size ? size : 1);

	if (!q)
		out_of_memory();
	return q;
}

char *xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		out_of_memory();
	return p;
}

char *xstrdup_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

char *xstrndup(const char *s, size_t len)
{
	char *p = strndup(s, len);

	if (!p)
		out_of_memory();
	return p;
}

void *xmemdup(const void *p, size_t len)
{
	void *q = xmalloc(len);

	if (len)
		memcpy(q, p, len);
	return q;
}

char *xasprintf(const char *fmt, ...)
{
	char *p = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (r < 0)
		out_of_memory();
	return p;
}

const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

void strv_add_take(char ***v, char *s)
{
	size_t n = strv_len(*v);

	/* Grow by doubling: room is exact only at powers of two, so that long vectors stay linear.
	 */
	if (!*v || (n & (n + 1)) == 0)
		*v = xrealloc(*v, 2 * (n + 1), sizeof(char *));
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
}

void strv_add(char ***v, const char *s)
{
	strv_add_take(v, xstrdup(s));
}

void strv_add_many_take(char ***v, char *const *items, size_t n)
{
	size_t have = strv_len(*v), cap = 1;

	if (n == 0)
		return;
	/* The room that strv_add_take() counts on: a power of two above the length. */
	while (cap <= have + n)
		cap *= 2;
	*v = xrealloc(*v, cap, sizeof(char *));
	memcpy(*v + have, items, n * sizeof(*items));
	(*v)[have + n] = NULL;
}

char **strv_dup(char *const *v)
{
	char **copy = NULL;

	for (; v && *v; v++)
		strv_add(&copy, *v);
	return copy;
}

char **strv_free(char **v)
{
	for (char **p = v; p && *p; p++)
		free(*p);
	free(v);
	return NULL;
}

bool strv_has(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (streq(*v, s))
			return true;
	return false;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **v)
{
	if (v)
		qsort(v, strv_len(v), sizeof(*v), compare_strings);
}

char **strv_split(const char *s, char c)
{
	char **v = NULL;

	for (;;) {
		const char *end = strchrnul(s, c);

		strv_add_take(&v, xstrndup(s, (size_t)(end - s)));
		if (!*end)
			return v;
		s = end + 1;
	}
}

int strv_split_words(const char *s, char ***v)
{
	for (s += strspn(s, " \t\n"); *s; s += strspn(s, " \t\n")) {
		/* No word is longer than what is left. */
		char *word = xmalloc(strlen(s) + 1), *to = word, quote = '\0';

		for (; *s && (quote || !strchr(" \t\n", *s)); s++) {
			if (quote ? *s == quote : *s == '"' || *s == '\'') {
				quote = quote ? '\0' : *s;
				continue;
			}
			if (*s == '\\' && quote != '\'' && s[1])
				s++;
			*to++ = *s;
		}
		*to = '\0';
		strv_add_take(v, word);
		if (quote)
			return -EINVAL;
	}
	return 0;
}

char *strv_join(char *const *v, const char *sep)
{
	size_t len = 1, seplen = strlen(sep);
	char *out, *p;

	for (char *const *i = v; i && *i; i++)
		len += strlen(*i) + seplen;
	p = out = xmalloc(len);
	for (char *const *i = v; i && *i; i++) {
		if (i != v)
			p = mempcpy(p, sep, seplen);
		p = mempcpy(p, *i, strlen(*i));
	}
	*p = '\0';
	return out;
}

static bool env_is(const char *entry, const char *key, size_t keylen)
{
	return strncmp(entry, key, keylen) == 0 && entry[keylen] == '=';
}

const char *strv_env_get(char *const *env, const char *key)
{
	size_t n = strlen(key);

	for (; env && *env; env++)
		if (env_is(*env, key, n))
			return *env + n + 1;
	return NULL;
}

void strv_env_set(char ***env, const char *assignment)
{
	size_t n = (size_t)(strchrnul(assignment, '=') - assignment);

	for (char **p = *env; p && *p; p++) {
		if (env_is(*p, assignment, n)) {
			free(*p);
			*p = xstrdup(assignment);
			return;
		}
	}
	strv_add(env, assignment);
}

int64_t time_monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

char *time_now_rfc3339(void)
{
	struct timespec ts;
	struct tm tm;
	char date[32];

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)gmtime_r(&ts.tv_sec, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	return xasprintf("%s.%09ldZ", date, ts.tv_nsec);
}
