// SPDX-License-Identifier: Apache-2.0
#include "libpod/unit/unit_escape.h"

#include "base/text.h"

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Also where a line of its own begins with the word: "#" and ";" would make it a comment. */
static bool needs_quotes(const char *word)
{
	if (!*word || *word == '#' || *word == ';')
		return true;
	for (const char *p = word; *p; p++)
		if (is_control(*p) || strchr(" \"'\\", *p))
			return true;
	return !text_is_utf8(word);
}

/* One character, however many bytes it has; how many those are. */
static size_t add_quoted(struct strbuf *out, const char *p, size_t left)
{
	size_t n = is_control(*p) ? 0 : text_utf8_len(p, left);

	if (n == 0) {
		strbuf_addf(out, "\\x%02x", (unsigned char)*p);
		return 1;
	}
	if (*p == '"' || *p == '\\')
		strbuf_addc(out, '\\');
	strbuf_add(out, p, n);
	return n;
}

/* DOUBLED: what stands for itself only twice. */
static void add_word(struct strbuf *out, const char *word, const char *doubled)
{
	bool quotes = needs_quotes(word);
	size_t left = strlen(word);

	if (quotes)
		strbuf_addc(out, '"');
	for (const char *p = word; *p;) {
		size_t n;

		if (strchr(doubled, *p))
			strbuf_addc(out, *p);
		n = add_quoted(out, p, left);
		p += n;
		left -= n;
	}
	if (quotes)
		strbuf_addc(out, '"');
}

void unit_exec_word(struct strbuf *out, const char *word, enum unit_escape_flags flags)
{
	static const char *const doubled[] = {
		[0] = "%$",
		[UNIT_SPECIFIERS] = "$",
		[UNIT_VARIABLES] = "%",
		[UNIT_SPECIFIERS | UNIT_VARIABLES] = "",
	};

	add_word(out, word, doubled[flags & (UNIT_SPECIFIERS | UNIT_VARIABLES)]);
}

void unit_exec_program(struct strbuf *out, const char *path)
{
	add_word(out, path, "%");
}

void unit_word(struct strbuf *out, const char *word, enum unit_escape_flags flags)
{
	add_word(out, word, flags & UNIT_SPECIFIERS ? "" : "%");
}

void unit_text(struct strbuf *out, const char *text)
{
	for (size_t left = strlen(text); *text;) {
		size_t n = is_control(*text) ? 0 : text_utf8_len(text, left);

		if (*text == '%')
			strbuf_addc(out, '%');
		if (n)
			strbuf_add(out, text, n);
		else
			strbuf_addc(out, ' ');
		n = MAX(n, 1);
		text += n;
		left -= n;
	}
}
