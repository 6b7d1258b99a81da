// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/text.h"

static void writer_fail(struct json_writer *w, int code)
{
	if (!w->failed)
		w->failed = code;
}

static void write_line(struct json_writer *w)
{
	static const char spaces[] = "                                                ";

	strbuf_addc(&w->out, '\n');
	for (size_t n = (size_t)w->depth * 4; n > 0;) {
		size_t part = MIN(n, sizeof(spaces) - 1);

		strbuf_add(&w->out, spaces, part);
		n -= part;
	}
}

static void write_escape(struct strbuf *out, unsigned char c)
{
	static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
	const char *at = c ? strchr(from, c) : NULL;

	if (at) {
		strbuf_addc(out, '\\');
		strbuf_addc(out, to[at - from]);
	} else {
		strbuf_addf(out, "\\u%04x", c);
	}
}

static void write_quoted(struct strbuf *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t start = 0, i = 0;

	strbuf_addc(out, '"');
	while (i < len) {
		size_t n = 1;

		if (s[i] >= 0x20 && s[i] < 0x80 && s[i] != '"' && s[i] != '\\') {
			i++;
			continue;
		}
		if (s[i] >= 0x80 && (n = text_utf8_len(text + i, len - i)) > 0) {
			i += n;
			continue;
		}
		strbuf_add(out, text + start, i - start);
		if (s[i] >= 0x80)
			strbuf_adds(out, "\xef\xbf\xbd");
		else
			write_escape(out, s[i]);
		start = ++i;
	}
	strbuf_add(out, text + start, len - start);
	strbuf_addc(out, '"');
}

/* What stands before each value: the comma, the line, the key. False where the value may not stand
 * here. */
static bool write_begin(struct json_writer *w, const char *key)
{
	bool in_object = w->depth > 0 && (w->objects >> (w->depth - 1) & 1);

	if (w->failed)
		return false;
	if (in_object != (key != NULL) || (w->depth == 0 && w->out.len > 0)) {
		writer_fail(w, -EINVAL);
		return false;
	}
	if (w->need_comma)
		strbuf_addc(&w->out, ',');
	if (w->pretty && w->depth > 0)
		write_line(w);
	if (key) {
		write_quoted(&w->out, key, strlen(key));
		strbuf_adds(&w->out, w->pretty ? ": " : ":");
	}
	w->need_comma = true;
	return true;
}

static void write_open(struct json_writer *w, const char *key, bool object)
{
	if (!write_begin(w, key))
		return;
	if (w->depth >= JSON_DEPTH_MAX) {
		writer_fail(w, -E2BIG);
		return;
	}
	strbuf_addc(&w->out, object ? '{' : '[');
	w->objects &= ~(UINT64_C(1) << w->depth);
	w->objects |= (uint64_t)object << w->depth;
	w->depth++;
	w->need_comma = false;
}

void json_write_object(struct json_writer *w, const char *key)
{
	write_open(w, key, true);
}

void json_write_array(struct json_writer *w, const char *key)
{
	write_open(w, key, false);
}

void json_write_end(struct json_writer *w, char bracket)
{
	if (w->failed)
		return;
	if (w->depth == 0 || bracket != (w->objects >> (w->depth - 1) & 1 ? '}' : ']')) {
		writer_fail(w, -EINVAL);
		return;
	}
	w->depth--;
	if (w->pretty && w->need_comma)
		write_line(w);
	strbuf_addc(&w->out, bracket);
	w->need_comma = true;
}

void json_write_strn(struct json_writer *w, const char *key, const char *s, size_t len)
{
	if (write_begin(w, key))
		write_quoted(&w->out, s, len);
}

void json_write_str(struct json_writer *w, const char *key, const char *s)
{
	if (s)
		json_write_strn(w, key, s, strlen(s));
	else
		json_write_null(w, key);
}

void json_write_bool(struct json_writer *w, const char *key, bool b)
{
	if (write_begin(w, key))
		strbuf_adds(&w->out, b ? "true" : "false");
}

void json_write_i64(struct json_writer *w, const char *key, int64_t v)
{
	if (write_begin(w, key))
		strbuf_addf(&w->out, "%lld", (long long)v);
}

void json_write_u64(struct json_writer *w, const char *key, uint64_t v)
{
	if (write_begin(w, key))
		strbuf_addf(&w->out, "%llu", (unsigned long long)v);
}

void json_write_hundredths(struct json_writer *w, const char *key, uint64_t v)
{
	if (write_begin(w, key))
		strbuf_addf(&w->out, "%llu.%02u", (unsigned long long)(v / 100),
			    (unsigned int)(v % 100));
}

void json_write_null(struct json_writer *w, const char *key)
{
	if (write_begin(w, key))
		strbuf_adds(&w->out, "null");
}

void json_write_strv(struct json_writer *w, const char *key, char *const *v)
{
	json_write_array(w, key);
	for (; v && *v; v++)
		json_write_str(w, NULL, *v);
	json_write_end(w, ']');
}

void json_write_map(struct json_writer *w, const char *key, char *const *v)
{
	json_write_object(w, key);
	for (; v && *v; v++) {
		const char *eq = strchrnul(*v, '=');
		cleanup_free char *name = xstrndup(*v, (size_t)(eq - *v));

		json_write_str(w, name, *eq ? eq + 1 : "");
	}
	json_write_end(w, '}');
}

void json_write_members(struct json_writer *w, const char *raw)
{
	bool in_object = w->depth > 0 && (w->objects >> (w->depth - 1) & 1);

	if (w->failed || !raw || !*raw)
		return;
	if (!in_object) {
		writer_fail(w, -EINVAL);
		return;
	}
	if (w->need_comma)
		strbuf_addc(&w->out, ',');
	if (w->pretty)
		write_line(w);
	strbuf_adds(&w->out, raw);
	w->need_comma = true;
}

/* Recursion is bounded: a document is no deeper than JSON_DEPTH_MAX. */
void json_write_value(struct json_writer *w, const char *key, const struct json *v)
{
	if (!v) {
		json_write_null(w, key);
		return;
	}
	switch (v->type) {
	case JSON_NULL:
		json_write_null(w, key);
		break;
	case JSON_BOOL:
		json_write_bool(w, key, v->boolean);
		break;
	case JSON_NUMBER:
		if (write_begin(w, key))
			strbuf_add(&w->out, v->text, v->n);
		break;
	case JSON_STRING:
		json_write_strn(w, key, v->text, v->n);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		write_open(w, key, v->type == JSON_OBJECT);
		json_each (m, v)
			json_write_value(w, m->key, m);
		json_write_end(w, v->type == JSON_OBJECT ? '}' : ']');
		break;
	}
}

int json_writer_finish(struct json_writer *w, char **ret, size_t *ret_len, struct cmk_err *err)
{
	int failed = w->failed;

	if (!failed && (w->depth > 0 || w->out.len == 0))
		failed = -EINVAL;
	if (failed) {
		json_writer_done(w);
		return cmk_err_set(err, failed, "cannot write JSON: %s",
				   failed == -E2BIG ? "nested too deeply"
						    : "a key or bracket is out of place");
	}
	strbuf_addc(&w->out, '\n');
	if (ret_len)
		*ret_len = w->out.len;
	*ret = strbuf_steal(&w->out);
	json_writer_done(w);
	return 0;
}

void json_writer_done(struct json_writer *w)
{
	bool pretty = w->pretty;

	strbuf_done(&w->out);
	*w = JSON_WRITER_INIT;
	w->pretty = pretty;
}
