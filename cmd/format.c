// SPDX-License-Identifier: Apache-2.0
#include "cmd/format.h"

#include <time.h>

#include "cmd/template.h"

/* "CreatedAt" → "CREATED AT"; kept in *CTX until the next one. */
struct title_ctx {
	const struct format_title *titles;
	struct strbuf made;
};

static const char *title_of(const char *field, void *arg)
{
	struct title_ctx *ctx = arg;

	for (const struct format_title *t = ctx->titles; t && t->field; t++)
		if (streq(t->field, field))
			return t->title;
	strbuf_reset(&ctx->made);
	for (const char *p = field; *p; p++) {
		bool upper = *p >= 'A' && *p <= 'Z';

		if (upper && p > field && p[-1] >= 'a' && p[-1] <= 'z')
			strbuf_addc(&ctx->made, ' ');
		strbuf_addc(&ctx->made, *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p);
	}
	return strbuf_str(&ctx->made);
}

static size_t width_of(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* Where a template begins behind "table ". */
#define TABLE_COLUMN 7
#define COLUMNS_MAX 64
/* As podman's tables: a column with its gap takes at least so much. */
#define COLUMN_MIN 12
#define COLUMN_GAP 2

void format_align(const char *text, struct strbuf *out)
{
	size_t width[COLUMNS_MAX] = { 0 };

	for (const char *p = text; *p;) {
		for (size_t col = 0;; col++) {
			size_t n = strcspn(p, "\t\n");

			/* The last cell of a line makes no column. */
			if (p[n] == '\t' && col < COLUMNS_MAX)
				width[col] = MAX(width[col], width_of(p, n));
			p += n;
			if (*p != '\t')
				break;
			p++;
		}
		p += *p == '\n';
	}
	for (const char *p = text; *p;) {
		for (size_t col = 0;; col++) {
			size_t n = strcspn(p, "\t\n"), w = width_of(p, n);

			strbuf_add(out, p, n);
			p += n;
			if (*p != '\t')
				break;
			p++;
			for (; col < COLUMNS_MAX &&
			       w < MAX(width[col] + COLUMN_GAP, (size_t)COLUMN_MIN);
			     w++)
				strbuf_addc(out, ' ');
		}
		if (*p == '\n') {
			strbuf_addc(out, '\n');
			p++;
		}
	}
}

static int print_json(const struct json *items, struct strbuf *out, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	w.pretty = true;
	json_write_value(&w, NULL, items);
	r = json_writer_finish(&w, &text, &len, err);
	if (r == 0)
		strbuf_add(out, text, len);
	return r;
}

static int run_template(const struct template_node *n, const struct json *items,
			const struct template_header *header, struct strbuf *out,
			struct cmk_err *err)
{
	int r = 0;

	if (header) {
		r = template_exec(n, NULL, header, out, err);
		strbuf_addc(out, '\n');
	}
	for (const struct json *item = items->first; item && r == 0; item = item->next) {
		r = template_exec(n, item, NULL, out, err);
		strbuf_addc(out, '\n');
	}
	return r;
}

const char *format_typed(const char *format)
{
	return !format || !*format || streq(format, "table") ? NULL : format;
}

int format_check(const char *template, struct cmk_err *err)
{
	cleanup_template struct template_node *n = NULL;
	const char *body = str_after(template, "table ");

	return template_parse(body ? body : template, body ? TABLE_COLUMN : 1, &n, err);
}

/* Blanks outside of actions separate columns as tabs do, as in podman. */
static char *tabs_for_blanks(const char *body)
{
	char *s = xstrdup(body);

	for (char *p = s; *p;) {
		char *open = strstr(p, "{{"), *close = open ? strstr(open, "}}") : NULL;

		for (; *p && p != open; p++)
			*p = *p == ' ' ? '\t' : *p;
		if (!close)
			break;
		p = close + 2;
	}
	return s;
}

int format_items(const char *template, const struct json *items, const struct format_title *titles,
		 bool noheading, struct strbuf *out, struct cmk_err *err)
{
	cleanup_template struct template_node *n = NULL;
	cleanup_strbuf struct strbuf raw = STRBUF_INIT;
	struct title_ctx ctx = { .titles = titles };
	struct template_header header = { title_of, &ctx };
	cleanup_free char *body = str_after(template, "table ")
					  ? tabs_for_blanks(str_after(template, "table "))
					  : NULL;
	int r;

	if (streq(template, "json"))
		return print_json(items, out, err);
	r = template_parse(body ? body : template, body ? TABLE_COLUMN : 1, &n, err);
	if (r < 0)
		return r;
	if (!body)
		return run_template(n, items, NULL, out, err);
	r = run_template(n, items, noheading ? NULL : &header, &raw, err);
	strbuf_done(&ctx.made);
	if (r == 0)
		format_align(strbuf_str(&raw), out);
	return r;
}

int format_print(const char *template, const char *items, size_t len,
		 const struct format_title *titles, bool noheading, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	int r;

	r = json_parse(items, len, SIZE_MAX, &doc, err);
	if (r < 0)
		return r;
	r = format_items(template, json_root(doc), titles, noheading, &out, err);
	if (r < 0)
		return r;
	/* A failure stays with stdout: main tells it, or ends as usual where the reader has gone.
	 */
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	return 0;
}

/* DIGITS that count: "999 B", "2.22 MB", "187 MB"; the point is '.' in any locale, since cmk sets
 * none. */
static void scale_size(uint64_t bytes, int digits, const char *space, char buf[static 32])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1000 && u + 1 < ARRAY_LEN(units)) {
		v /= 1000;
		u++;
	}
	(void)snprintf(buf, 32, "%.*g", digits, v);
	/* Rounded up to the next unit. */
	if (strchr(buf, 'e') || streq(buf, "1000")) {
		u += u + 1 < ARRAY_LEN(units);
		(void)snprintf(buf, 32, "1");
	}
	(void)snprintf(buf + strlen(buf), 32 - strlen(buf), "%s%s", space, units[u]);
}

void format_size(uint64_t bytes, char buf[static 32])
{
	scale_size(bytes, 3, " ", buf);
}

void format_size_tight(uint64_t bytes, int digits, char buf[static 32])
{
	scale_size(bytes, digits, "", buf);
}

/* VALUE / 10^DIGITS without closing zeros. */
static void add_fraction(struct strbuf *sb, int64_t value, int digits)
{
	int64_t scale = 1, rest;

	for (int i = 0; i < digits; i++)
		scale *= 10;
	strbuf_addf(sb, "%lld", (long long)(value / scale));
	rest = value % scale;
	while (rest && rest % 10 == 0) {
		rest /= 10;
		digits--;
	}
	if (rest)
		strbuf_addf(sb, ".%0*lld", digits, (long long)rest);
}

void format_go_duration(int64_t ns, char buf[static 40])
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	int64_t s = ns / 1000000000, left = ns % 1000000000;

	if (ns <= 0) {
		strbuf_addc(&sb, '0');
	} else if (ns < 1000) {
		strbuf_addf(&sb, "%dn", (int)ns);
	} else if (ns < 1000000) {
		add_fraction(&sb, ns, 3);
		strbuf_adds(&sb, "µ");
	} else if (ns < 1000000000) {
		add_fraction(&sb, ns, 6);
		strbuf_addc(&sb, 'm');
	} else {
		if (s >= 3600)
			strbuf_addf(&sb, "%lldh", (long long)(s / 3600));
		if (s >= 60)
			strbuf_addf(&sb, "%dm", (int)(s / 60 % 60));
		add_fraction(&sb, s % 60 * 1000000000 + left, 9);
	}
	(void)snprintf(buf, 40, "%ss", strbuf_str(&sb));
}

char *format_whole_seconds(const char *created)
{
	const char *fraction = created ? strchr(created, '.') : NULL;
	size_t n = fraction ? strspn(fraction + 1, "0123456789") : 0;

	if (!fraction)
		return xstrdup(created ?: "");
	return xasprintf("%.*s%s", (int)(fraction - created), created, fraction + 1 + n);
}

char *format_go_time(const char *rfc3339)
{
	const char *fraction = rfc3339 ? strchr(rfc3339, '.') : NULL;
	size_t n = fraction ? 1 + strspn(fraction + 1, "0123456789") : 0;
	int64_t seconds;
	char buf[32];
	struct tm tm;
	time_t t;

	if (!rfc3339 || format_parse_time(rfc3339, &seconds) < 0)
		return xstrdup("");
	t = (time_t)seconds;
	if (!gmtime_r(&t, &tm))
		return xstrdup("");
	while (n > 0 && (fraction[n - 1] == '0' || fraction[n - 1] == '.'))
		n--;
	(void)strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%S", &tm);
	return xasprintf("%s%.*s +0000 UTC", buf, (int)n, fraction ? fraction : "");
}

void format_duration(int64_t s, char buf[static 40])
{
	static const struct {
		int64_t below, unit;
		const char *name;
	} steps[] = {
		{ 60, 1, "seconds" },
		{ 3600, 60, "minutes" },
		{ 48 * 3600, 3600, "hours" },
		{ 14 * 86400, 86400, "days" },
		{ 60 * 86400, 7 * 86400, "weeks" },
		{ 730 * 86400LL, 30 * 86400, "months" },
		{ INT64_MAX, 365 * 86400, "years" },
	};
	size_t i = 0;

	if (s < 1)
		(void)snprintf(buf, 40, "Less than a second");
	else if (s == 1)
		(void)snprintf(buf, 40, "1 second");
	else if (s >= 60 && s < 120)
		(void)snprintf(buf, 40, "About a minute");
	else if (s >= 3600 && s < 7200)
		(void)snprintf(buf, 40, "About an hour");
	else {
		while (s >= steps[i].below)
			i++;
		(void)snprintf(buf, 40, "%lld %s", (long long)(s / steps[i].unit), steps[i].name);
	}
}

static int two_digits(const char *s)
{
	return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9'
		       ? (s[0] - '0') * 10 + s[1] - '0'
		       : -1;
}

int format_parse_time(const char *s, int64_t *ret)
{
	struct tm tm = { 0 };
	int64_t offset = 0;
	int part[6];

	if (!s || strlen(s) < 20 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != ' ') ||
	    s[13] != ':' || s[16] != ':' || two_digits(s) < 0)
		return -EINVAL;
	part[0] = two_digits(s + 2);
	part[1] = two_digits(s + 5);
	part[2] = two_digits(s + 8);
	part[3] = two_digits(s + 11);
	part[4] = two_digits(s + 14);
	part[5] = two_digits(s + 17);
	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		if (part[i] < 0)
			return -EINVAL;
	tm.tm_year = two_digits(s) * 100 + part[0] - 1900;
	tm.tm_mon = part[1] - 1;
	tm.tm_mday = part[2];
	tm.tm_hour = part[3];
	tm.tm_min = part[4];
	tm.tm_sec = part[5];
	s += 19;
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789");
	if (*s == '+' || *s == '-') {
		if (strlen(s) != 6 || two_digits(s + 1) < 0 || two_digits(s + 4) < 0)
			return -EINVAL;
		offset = (two_digits(s + 1) * 60 + two_digits(s + 4)) * 60;
		offset = *s == '-' ? -offset : offset;
	} else if (!streq(s, "Z")) {
		return -EINVAL;
	}
	*ret = (int64_t)timegm(&tm) - offset;
	return 0;
}

void format_ago(const char *rfc3339, char buf[static 48])
{
	char span[40];
	int64_t t = 0;

	if (format_parse_time(rfc3339, &t) < 0) {
		(void)snprintf(buf, 48, "N/A");
		return;
	}
	format_duration((int64_t)time(NULL) - t, span);
	(void)snprintf(buf, 48, "%s ago", span);
}

int format_print_array(const char *template, struct json_writer *w,
		       const struct format_title *titles, bool noheading, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	json_write_end(w, ']');
	r = json_writer_finish(w, &text, &len, err);
	return r < 0 ? r : format_print(template, text, len, titles, noheading, err);
}

int format_print_object(const char *template, struct json_writer *w, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *items = NULL;
	size_t len = 0;
	int r;

	r = json_writer_finish(w, &text, &len, err);
	if (r < 0)
		return r;
	if (streq(template, "json")) {
		(void)fwrite(text, 1, len, stdout);
		return 0;
	}
	items = xasprintf("[%s]", text);
	return format_print(template, items, strlen(items), NULL, true, err);
}

bool format_may_print(const char *template, const char *const *names)
{
	static const char *const wholes[] = { "json", "{{.}}",	"{{ . }}", "range",
					      "with", "printf", "print",   "$" };

	for (size_t i = 0; i < ARRAY_LEN(wholes); i++)
		if (strstr(template, wholes[i]))
			return true;
	for (; *names; names++)
		if (strstr(template, *names))
			return true;
	return false;
}
