// SPDX-License-Identifier: Apache-2.0
#include <strings.h>

#include "cmd/format.h"

/* What a reader of YAML would take for a number or a time. */
static bool is_numeric(const char *s)
{
	const char *dot = strchr(s, '.');

	return strchr("0123456789+-.", *s) &&
	       (!s[strspn(s, "0123456789.+-:eE_")] || str_after(s, "0x") || str_after(s, "0o")) &&
	       (!dot || !strchr(dot + 1, '.'));
}

static bool is_plain(const char *s)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no",
					     "on",   "off",   "y",    "n",   "~" };
	size_t len = strlen(s);

	if (len == 0 || strchr("-?:,[]{}#&*!|>'\"%@` ", *s) || is_numeric(s))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(words[i], s) == 0)
			return false;
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return s[len - 1] != ' ' && s[len - 1] != ':' && !strstr(s, ": ") && !strstr(s, " #");
}

static void add_quoted(const char *s, struct strbuf *out)
{
	strbuf_addc(out, '"');
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			strbuf_addf(out, "\\x%02x", (unsigned int)(unsigned char)*s);
		else if (*s == '"' || *s == '\\')
			strbuf_addf(out, "\\%c", *s);
		else
			strbuf_addc(out, *s);
	}
	strbuf_addc(out, '"');
}

static void add_scalar(const struct json *v, struct strbuf *out)
{
	if (v->type == JSON_NULL)
		strbuf_adds(out, "null");
	else if (v->type == JSON_BOOL)
		strbuf_adds(out, v->boolean ? "true" : "false");
	else if (v->type == JSON_NUMBER || is_plain(v->text))
		strbuf_adds(out, v->text);
	else
		add_quoted(v->text, out);
	strbuf_addc(out, '\n');
}

/* The first member of an object in an array stands behind the dash. */
static void add_members(const struct json *v, int indent, bool behind_dash, struct strbuf *out)
{
	json_each (m, v) {
		bool nested = m->n > 0 && (m->type == JSON_OBJECT || m->type == JSON_ARRAY);

		strbuf_addf(out, "%*s", behind_dash ? 0 : indent, "");
		behind_dash = false;
		if (!m->key)
			strbuf_adds(out, "- ");
		else
			strbuf_addf(out, "%s:%s", m->key, nested ? "\n" : " ");
		if (nested)
			add_members(m, indent + (m->type == JSON_OBJECT ? 2 : 0), !m->key, out);
		else if (m->type == JSON_ARRAY || m->type == JSON_OBJECT)
			strbuf_adds(out, m->type == JSON_ARRAY ? "[]\n" : "{}\n");
		else
			add_scalar(m, out);
	}
}

void format_yaml(const struct json *v, struct strbuf *out)
{
	add_members(v, 0, false, out);
}
