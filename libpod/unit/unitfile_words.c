// SPDX-License-Identifier: Apache-2.0
/* Words and their quoting (systemd.syntax(7), systemd.service(5) "COMMAND LINES"). */
#include "base/parse.h"
#include "base/text.h"
#include "libpod/unit/unitfile.h"

#define BLANKS " \t\n\r"

/* N digits of BASE at S, or -1. */
static int64_t digits(const char *s, unsigned int n, int base)
{
	int64_t v = 0;

	for (unsigned int i = 0; i < n; i++) {
		int d = parse_hex_digit(s[i]);

		if (d < 0 || d >= base)
			return -1;
		v = v * base + d;
	}
	return v;
}

/* "\xHH", "\OOO", "\uHHHH", "\UHHHHHHHH" at S, behind the backslash: how many characters it takes,
 * 0 where it is none, -EINVAL for one that may not be. */
static int number_escape(const char *s, struct strbuf *sb)
{
	bool octal = *s >= '0' && *s <= '7';
	unsigned int n = *s == 'x' ? 2 : *s == 'u' ? 4 : *s == 'U' ? 8 : octal ? 3 : 0;
	int64_t v = n ? digits(octal ? s : s + 1, n, octal ? 8 : 16) : -1;

	if (v < 0)
		return 0;
	if (v == 0 || v > 0x10ffff || (octal && v > 255))
		return -EINVAL;
	if (n > 3)
		strbuf_add_utf8(sb, (uint32_t)v);
	else
		strbuf_addc(sb, (char)v);
	return (int)n + !octal;
}

/* What stands behind a backslash; one that is not known keeps it, as systemd does. */
static int take_escape(const char **p, struct strbuf *sb)
{
	static const char from[] = "abfnrtvs\\\"'", to[] = "\a\b\f\n\r\t\v \\\"'";
	const char *at = **p ? strchr(from, **p) : NULL;
	int n;

	if (at) {
		strbuf_addc(sb, to[at - from]);
		(*p)++;
		return 0;
	}
	n = number_escape(*p, sb);
	if (n < 0)
		return n;
	if (n == 0)
		strbuf_addc(sb, '\\');
	*p += n;
	return 0;
}

static int take_word(const char **p, bool escapes, struct strbuf *sb)
{
	char quote = '\0';
	int r;

	for (; **p && (quote || !strchr(BLANKS, **p));) {
		char c = *(*p)++;

		if (c == '\\' && escapes) {
			r = take_escape(p, sb);
			if (r < 0)
				return r;
		} else if (quote && c == quote) {
			quote = '\0';
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else {
			strbuf_addc(sb, c);
		}
	}
	return quote ? -EINVAL : 0;
}

int unitfile_split(const char *value, enum unitfile_split how, char ***v)
{
	const char *p = value + strspn(value, BLANKS);

	while (*p) {
		struct strbuf sb = STRBUF_INIT;
		cleanup_free char *word = NULL;
		int r = take_word(&p, how == UNITFILE_ARGS, &sb);

		word = strbuf_steal(&sb);
		if (r < 0 || !text_is_utf8(word))
			return -EINVAL;
		strv_add_take(v, steal_ptr(&word));
		p += strspn(p, BLANKS);
	}
	return 0;
}

void unitfile_literal(struct strbuf *sb, const char *text)
{
	for (; *text; text++) {
		if (*text == '%' || *text == '$')
			strbuf_addc(sb, *text);
		strbuf_addc(sb, *text);
	}
}
