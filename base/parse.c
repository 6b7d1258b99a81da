// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"

#include <ctype.h>
#include <signal.h>
#include <strings.h>

#define NS_PER_S 1000000000ULL

int parse_u64_n(const char *s, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return -ERANGE;
	}
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
	return parse_u64_n(s, strlen(s), max, ret);
}

int parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool neg = *s == '-';
	uint64_t v = 0;
	int64_t sv;
	int r;

	r = parse_u64(s + neg, neg ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, &v);
	if (r < 0)
		return r;
	sv = neg ? (int64_t)(0 - v) : (int64_t)v;
	if (sv < min || sv > max)
		return -ERANGE;
	*ret = sv;
	return 0;
}

int parse_u32(const char *s, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;
	int r = parse_u64(s, max, &v);

	if (r < 0)
		return r;
	*ret = (uint32_t)v;
	return 0;
}

int parse_octal(const char *s, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '7')
			return -EINVAL;
		v = v * 8 + (uint64_t)(*s - '0');
		if (v > max)
			return -ERANGE;
	}
	*ret = (uint32_t)v;
	return 0;
}

/*
 * A decimal fraction without floating point: reads DIGITS[.DIGITS] from *S in units of 1/UNIT, and
 * moves *S behind it. Digits below the unit are dropped.
 */
static int parse_fraction(const char **s, uint64_t unit, uint64_t *ret)
{
	const char *p = *s;
	uint64_t v = 0, frac = 0, scale = unit;
	bool any = false;

	for (; *p >= '0' && *p <= '9'; p++, any = true) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	}
	if (__builtin_mul_overflow(v, unit, &v))
		return -ERANGE;
	if (*p == '.') {
		/* Binary units: keep the fraction exact to nine digits. */
		uint64_t num = 0, den = 1;

		for (p++; *p >= '0' && *p <= '9'; p++, any = true) {
			if (den < NS_PER_S) {
				num = num * 10 + (uint64_t)(*p - '0');
				den *= 10;
			}
		}
		frac = (uint64_t)((unsigned __int128)num * scale / den);
	}
	if (!any)
		return -EINVAL;
	if (__builtin_add_overflow(v, frac, ret))
		return -ERANGE;
	*s = p;
	return 0;
}

static int parse_size(const char *s, uint64_t base, uint64_t *ret)
{
	static const char units[] = "bkmgtp";
	const char *p = s, *u;
	uint64_t unit = 1, v = 0;
	int r;

	while ((*p >= '0' && *p <= '9') || *p == '.')
		p++;
	if (*p == ' ')
		p++;
	if (*p) {
		u = strchr(units, tolower((unsigned char)*p));
		if (!u)
			return -EINVAL;
		for (const char *each = units; each < u; each++)
			unit *= base;
		p++;
		if (u != units) {
			if (*p == 'i' || *p == 'I')
				p++;
			if (*p == 'b' || *p == 'B')
				p++;
		}
		if (*p)
			return -EINVAL;
	}
	r = parse_fraction(&s, unit, &v);
	if (r < 0)
		return r;
	if (v > INT64_MAX)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_bytes(const char *s, uint64_t *ret)
{
	return parse_size(s, 1024, ret);
}

int parse_bytes_decimal(const char *s, uint64_t *ret)
{
	return parse_size(s, 1000, ret);
}

static uint64_t duration_unit(const char **s)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "ns", 1 },
		      { "us", 1000 },
		      { "\xc2\xb5s", 1000 },
		      { "ms", 1000000 },
		      { "s", NS_PER_S },
		      { "m", 60 * NS_PER_S },
		      { "h", 3600 * NS_PER_S } };

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		const char *rest = str_after(*s, units[i].name);

		if (rest) {
			*s = rest;
			return units[i].ns;
		}
	}
	return 0;
}

int parse_duration(const char *s, int64_t *ret_ns)
{
	bool neg = *s == '-';
	uint64_t total = 0;

	s += neg;
	if (!*s)
		return -EINVAL;
	while (*s) {
		const char *num = s;
		uint64_t v = 0, unit;
		int r;

		while ((*s >= '0' && *s <= '9') || *s == '.')
			s++;
		if (!*s && total == 0)
			unit = NS_PER_S;
		else
			unit = duration_unit(&s);
		if (unit == 0)
			return -EINVAL;
		r = parse_fraction(&num, unit, &v);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(total, v, &total) || total > INT64_MAX)
			return -ERANGE;
	}
	*ret_ns = neg ? -(int64_t)total : (int64_t)total;
	return 0;
}

int parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = { "1", "t", "true", "yes", "y", "on" };
	static const char *const no[] = { "0", "f", "false", "no", "n", "off" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
			*ret = strcasecmp(s, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

int parse_nano_cpus(const char *s, int64_t *ret)
{
	uint64_t v = 0;
	int r = parse_fraction(&s, NS_PER_S, &v);

	if (r < 0)
		return r;
	if (*s)
		return -EINVAL;
	if (v > INT64_MAX)
		return -ERANGE;
	*ret = (int64_t)v;
	return 0;
}

static const struct {
	const char *name; /* with SIG */
	int sig;
} signals[] = {
	{ "SIGHUP", SIGHUP },	    { "SIGINT", SIGINT },	{ "SIGQUIT", SIGQUIT },
	{ "SIGILL", SIGILL },	    { "SIGTRAP", SIGTRAP },	{ "SIGABRT", SIGABRT },
	{ "SIGBUS", SIGBUS },	    { "SIGFPE", SIGFPE },	{ "SIGKILL", SIGKILL },
	{ "SIGUSR1", SIGUSR1 },	    { "SIGSEGV", SIGSEGV },	{ "SIGUSR2", SIGUSR2 },
	{ "SIGPIPE", SIGPIPE },	    { "SIGALRM", SIGALRM },	{ "SIGTERM", SIGTERM },
	{ "SIGSTKFLT", SIGSTKFLT }, { "SIGCHLD", SIGCHLD },	{ "SIGCONT", SIGCONT },
	{ "SIGSTOP", SIGSTOP },	    { "SIGTSTP", SIGTSTP },	{ "SIGTTIN", SIGTTIN },
	{ "SIGTTOU", SIGTTOU },	    { "SIGURG", SIGURG },	{ "SIGXCPU", SIGXCPU },
	{ "SIGXFSZ", SIGXFSZ },	    { "SIGVTALRM", SIGVTALRM }, { "SIGPROF", SIGPROF },
	{ "SIGWINCH", SIGWINCH },   { "SIGIO", SIGIO },		{ "SIGPWR", SIGPWR },
	{ "SIGSYS", SIGSYS },	    { "SIGIOT", SIGIOT },	{ "SIGPOLL", SIGPOLL },
	{ "SIGCLD", SIGCHLD },
};

/* The kernel's numbers of real-time signals are 32..64; glibc keeps two for itself, names count
 * from 34. */
#define RT_MIN 34
#define RT_MAX 64

static int parse_rt_signal(const char *s)
{
	uint32_t n = 0;

	if (strcasecmp(s, "RTMIN") == 0)
		return RT_MIN;
	if (strcasecmp(s, "RTMAX") == 0)
		return RT_MAX;
	if (strncasecmp(s, "RTMIN+", 6) == 0 && parse_u32(s + 6, RT_MAX - RT_MIN, &n) == 0)
		return RT_MIN + (int)n;
	if (strncasecmp(s, "RTMAX-", 6) == 0 && parse_u32(s + 6, RT_MAX - RT_MIN, &n) == 0)
		return RT_MAX - (int)n;
	return -EINVAL;
}

void parse_unescape_octal(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

int parse_signal(const char *s)
{
	uint32_t n = 0;

	if (parse_u32(s, RT_MAX, &n) == 0)
		return n == 0 ? -EINVAL : (int)n;
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (strcasecmp(s, signals[i].name + 3) == 0)
			return signals[i].sig;
	return parse_rt_signal(s);
}

const char *signal_name(int sig)
{
	static const char *const real_time[] = {
		"SIGRTMIN",    "SIGRTMIN+1",  "SIGRTMIN+2",  "SIGRTMIN+3",  "SIGRTMIN+4",
		"SIGRTMIN+5",  "SIGRTMIN+6",  "SIGRTMIN+7",  "SIGRTMIN+8",  "SIGRTMIN+9",
		"SIGRTMIN+10", "SIGRTMIN+11", "SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14",
		"SIGRTMIN+15", "SIGRTMAX-14", "SIGRTMAX-13", "SIGRTMAX-12", "SIGRTMAX-11",
		"SIGRTMAX-10", "SIGRTMAX-9",  "SIGRTMAX-8",  "SIGRTMAX-7",  "SIGRTMAX-6",
		"SIGRTMAX-5",  "SIGRTMAX-4",  "SIGRTMAX-3",  "SIGRTMAX-2",  "SIGRTMAX-1",
		"SIGRTMAX",
	};

	if (sig >= RT_MIN && sig <= RT_MAX)
		return real_time[sig - RT_MIN];
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (signals[i].sig == sig)
			return signals[i].name;
	return NULL;
}

int parse_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
