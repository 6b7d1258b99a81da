// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include "base/parse.h"
#include "libpod/monitor/log.h"

#define NS_PER_S 1000000000LL

struct cursor {
	const char *p, *end;
};

static bool take(struct cursor *c, char want)
{
	if (c->p >= c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

/* Exactly N digits. */
static int take_digits(struct cursor *c, size_t n, int min, int max, int *ret)
{
	uint64_t v = 0;

	if ((size_t)(c->end - c->p) < n || parse_u64_n(c->p, n, (uint64_t)max, &v) < 0 ||
	    v < (uint64_t)min)
		return -EINVAL;
	c->p += n;
	*ret = (int)v;
	return 0;
}

static int take_fraction(struct cursor *c, int64_t *ret_ns)
{
	int64_t ns = 0, unit = NS_PER_S / 10;
	const char *start = c->p;

	for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, unit /= 10)
		ns += (*c->p - '0') * unit;
	*ret_ns = ns;
	return c->p > start ? 0 : -EINVAL;
}

/* "Z", "+hh:mm", "-hh:mm" or nothing: seconds east of UTC. */
static int take_zone(struct cursor *c, int64_t *ret_s)
{
	int hours = 0, minutes = 0;
	bool west;

	if (c->p == c->end || take(c, 'Z') || take(c, 'z')) {
		*ret_s = 0;
		return 0;
	}
	west = *c->p == '-';
	if (!take(c, '-') && !take(c, '+'))
		return -EINVAL;
	if (take_digits(c, 2, 0, 23, &hours) < 0 || !take(c, ':') ||
	    take_digits(c, 2, 0, 59, &minutes) < 0)
		return -EINVAL;
	*ret_s = (hours * 60 + minutes) * (west ? -60 : 60);
	return 0;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; March is the first month of the year
 * here, so that the leap day is the last. */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int log_rfc3339_parse(const char *s, size_t len, int64_t *ret_ns)
{
	struct cursor c = { s, s + len };
	int year, month, day, hour = 0, minute = 0, second = 0;
	int64_t ns = 0, zone = 0, t;

	if (take_digits(&c, 4, 1970, 2200, &year) < 0 || !take(&c, '-') ||
	    take_digits(&c, 2, 1, 12, &month) < 0 || !take(&c, '-') ||
	    take_digits(&c, 2, 1, 31, &day) < 0)
		return -EINVAL;
	if (take(&c, 'T') || take(&c, 't') || take(&c, ' ')) {
		if (take_digits(&c, 2, 0, 23, &hour) < 0 || !take(&c, ':') ||
		    take_digits(&c, 2, 0, 59, &minute) < 0)
			return -EINVAL;
		if (take(&c, ':') && take_digits(&c, 2, 0, 60, &second) < 0)
			return -EINVAL;
		/* ISO 8601 has both; date(1) --iso-8601=ns writes a comma. */
		if ((take(&c, '.') || take(&c, ',')) && take_fraction(&c, &ns) < 0)
			return -EINVAL;
	}
	if (take_zone(&c, &zone) < 0 || c.p != c.end)
		return -EINVAL;
	t = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
	*ret_ns = t * NS_PER_S + ns;
	return 0;
}

int log_time_parse(const char *s, int64_t now_ns, int64_t *ret_ns, struct cmk_err *err)
{
	const char *dot = strchr(s, '.');
	size_t n = dot ? (size_t)(dot - s) : strlen(s);
	int64_t ns = 0;
	uint64_t sec;

	if (log_rfc3339_parse(s, strlen(s), ret_ns) == 0)
		return 0;
	if (parse_u64_n(s, n, INT64_MAX / NS_PER_S - 1, &sec) == 0) {
		struct cursor c = { s + n + 1, s + strlen(s) };

		if (!dot || (take_fraction(&c, &ns) == 0 && c.p == c.end)) {
			*ret_ns = (int64_t)sec * NS_PER_S + ns;
			return 0;
		}
	}
	if (parse_duration(s, &ns) == 0) {
		*ret_ns = now_ns - ns;
		return 0;
	}
	(void)cmk_err_set(err, -EINVAL, "invalid time '%s'", s);
	(void)cmk_err_hint(err, "give a date such as 2026-11-21T10:00:00Z, seconds since 1970, or "
				"how long ago, such as 10m");
	return -EINVAL;
}

int log_until_parse(const char *s, int64_t now_ns, int64_t *ret_ns, struct cmk_err *err)
{
	int64_t span;

	/* A bare number is a time, not a span. */
	if (s[strspn(s, "0123456789.")] && parse_duration(s, &span) == 0) {
		*ret_ns = now_ns + span;
		return 0;
	}
	return log_time_parse(s, now_ns, ret_ns, err);
}

int log_entry_parse(const char *line, size_t len, struct log_entry *ret)
{
	const char *end = line + len, *sp = memchr(line, ' ', MIN(len, (size_t)40));
	struct log_entry e = { 0 };

	if (!sp || log_rfc3339_parse(line, (size_t)(sp - line), &e.time_ns) < 0)
		return -EBADMSG;
	/* " stdout F " */
	if (end - sp < 10 || sp[7] != ' ' || sp[9] != ' ' || (sp[8] != 'F' && sp[8] != 'P'))
		return -EBADMSG;
	if (memcmp(sp + 1, "stderr", 6) == 0)
		e.is_stderr = true;
	else if (memcmp(sp + 1, "stdout", 6) != 0)
		return -EBADMSG;
	e.partial = sp[8] == 'P';
	e.text = sp + 10;
	e.len = (size_t)(end - e.text);
	*ret = e;
	return 0;
}
