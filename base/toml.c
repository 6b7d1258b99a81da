// SPDX-License-Identifier: Apache-2.0
#include "base/toml.h"

#include "base/parse.h"
#include "base/strbuf.h"

struct parser {
	const char *p, *end;
	int line;
	struct cmk_err *err;
};

static int fail(struct parser *ps, const char *why)
{
	return cmk_err_set(ps->err, -EINVAL, "line %d: %s", ps->line, why);
}

void toml_free(struct toml *t)
{
	struct toml *child, *next;

	if (!t)
		return;
	/* Depth is bounded by TOML_DEPTH_MAX. */
	for (child = t->first; child; child = next) {
		next = child->next;
		toml_free(child);
	}
	free(t->key);
	free(t->text);
	free(t);
}

static struct toml *node_new(struct parser *ps, enum toml_type type)
{
	struct toml *t = xcalloc(1, sizeof(*t));

	t->type = type;
	t->line = ps->line;
	return t;
}

static void append(struct toml *parent, struct toml *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

static struct toml *find(const struct toml *table, const char *key)
{
	if (!table || table->type != TOML_TABLE)
		return NULL;
	for (struct toml *t = table->first; t; t = t->next)
		if (streq(t->key, key))
			return t;
	return NULL;
}

static int peek(const struct parser *ps)
{
	return ps->p < ps->end ? (unsigned char)*ps->p : -1;
}

static bool accept(struct parser *ps, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, word, n) != 0)
		return false;
	ps->p += n;
	return true;
}

static void skip_blank(struct parser *ps)
{
	while (peek(ps) == ' ' || peek(ps) == '\t')
		ps->p++;
}

static void skip_comment(struct parser *ps)
{
	const char *end;

	if (peek(ps) != '#')
		return;
	end = memchr(ps->p, '\n', (size_t)(ps->end - ps->p));
	ps->p = end ? end : ps->end;
}

static bool accept_newline(struct parser *ps)
{
	if (!accept(ps, "\n") && !accept(ps, "\r\n"))
		return false;
	ps->line++;
	return true;
}

/* White space, comments and line ends. */
static void skip_space(struct parser *ps)
{
	do {
		skip_blank(ps);
		skip_comment(ps);
	} while (accept_newline(ps));
}

static int parse_unicode(struct parser *ps, int digits, struct strbuf *sb)
{
	uint32_t c = 0;

	for (int i = 0; i < digits; i++) {
		int v = peek(ps) < 0 ? -1 : parse_hex_digit(*ps->p);

		if (v < 0)
			return fail(ps, "bad \\u escape");
		c = c << 4 | (uint32_t)v;
		ps->p++;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return fail(ps, "\\u escape of no character");
	strbuf_add_utf8(sb, c);
	return 0;
}

/* Behind the backslash of a basic string. */
static int parse_escape(struct parser *ps, bool multi, struct strbuf *sb)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *at;
	int c = peek(ps);

	if (multi && (c == '\n' || c == '\r' || c == ' ' || c == '\t')) {
		skip_blank(ps);
		if (!accept_newline(ps))
			return fail(ps, "backslash before white space inside a line");
		do
			skip_blank(ps);
		while (accept_newline(ps));
		return 0;
	}
	if (c > 0)
		ps->p++;
	if (c == 'u' || c == 'U')
		return parse_unicode(ps, c == 'u' ? 4 : 8, sb);
	at = c > 0 ? strchr(from, c) : NULL;
	if (!at)
		return fail(ps, "unknown escape in a string");
	strbuf_addc(sb, to[at - from]);
	return 0;
}

/* At the end of a multi-line string up to two quotes may stand before the closing three. */
static bool at_close(struct parser *ps, char quote, bool multi)
{
	if (!multi)
		return peek(ps) == quote;
	return ps->end - ps->p >= 3 && ps->p[0] == quote && ps->p[1] == quote &&
	       ps->p[2] == quote && (ps->end - ps->p == 3 || ps->p[3] != quote);
}

static int parse_string(struct parser *ps, char **ret)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	char quote = *ps->p;
	bool multi = ps->end - ps->p >= 3 && ps->p[1] == quote && ps->p[2] == quote;
	int r;

	ps->p += multi ? 3 : 1;
	if (multi)
		(void)accept_newline(ps);
	while (!at_close(ps, quote, multi)) {
		int c = peek(ps);

		if (c < 0)
			return fail(ps, "string without its end");
		if (c == '\n' && !multi)
			return fail(ps, "string without its end on the line");
		if (c == '\n')
			ps->line++;
		if ((c < 0x20 && c != '\t' && c != '\n' && !(multi && c == '\r')) || c == 0x7f)
			return fail(ps, "control character in a string");
		ps->p++;
		if (c == '\\' && quote == '"') {
			r = parse_escape(ps, multi, &sb);
			if (r < 0)
				return r;
		} else {
			strbuf_addc(&sb, (char)c);
		}
	}
	ps->p += multi ? 3 : 1;
	*ret = strbuf_steal(&sb);
	return 0;
}

static bool is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static int parse_key(struct parser *ps, char **ret)
{
	const char *start;

	if (peek(ps) == '"' || peek(ps) == '\'')
		return parse_string(ps, ret);
	start = ps->p;
	while (is_bare(peek(ps)))
		ps->p++;
	if (ps->p == start)
		return fail(ps, "a key was expected");
	*ret = xstrndup(start, (size_t)(ps->p - start));
	return 0;
}

/* The table named KEY below TABLE, made where absent; of an array of tables the last. */
static int descend(struct parser *ps, struct toml *table, char *key, struct toml **ret)
{
	struct toml *t = find(table, key);

	if (!t) {
		t = node_new(ps, TOML_TABLE);
		t->key = xstrdup(key);
		append(table, t);
	} else if (t->type == TOML_ARRAY && !t->closed && t->last) {
		t = t->last;
	} else if (t->type != TOML_TABLE || t->closed) {
		return fail(ps, "key already has a value");
	}
	*ret = t;
	return 0;
}

/* "a.b.c": walks to the table of the last part, which is left in *RET_KEY (owned). */
static int parse_dotted(struct parser *ps, struct toml **table, char **ret_key)
{
	cleanup_free char *key = NULL;
	int r, depth = 0;

	for (;;) {
		skip_blank(ps);
		r = parse_key(ps, &key);
		if (r < 0)
			return r;
		skip_blank(ps);
		if (!accept(ps, "."))
			break;
		if (++depth >= TOML_DEPTH_MAX)
			return fail(ps, "nested too deep");
		r = descend(ps, *table, key, table);
		if (r < 0)
			return r;
		free(steal_ptr(&key));
	}
	*ret_key = steal_ptr(&key);
	return 0;
}

static int parse_value(struct parser *ps, int depth, struct toml **ret);

static int parse_array(struct parser *ps, int depth, struct toml *array)
{
	array->closed = true;
	ps->p++;
	for (;;) {
		struct toml *item = NULL;
		int r;

		skip_space(ps);
		if (accept(ps, "]"))
			return 0;
		r = parse_value(ps, depth + 1, &item);
		if (r < 0)
			return r;
		append(array, item);
		skip_space(ps);
		if (!accept(ps, ",") && peek(ps) != ']')
			return fail(ps, "',' or ']' was expected in an array");
	}
}

static int parse_pair(struct parser *ps, struct toml *table, int depth)
{
	cleanup_free char *key = NULL;
	struct toml *value = NULL;
	int r;

	r = parse_dotted(ps, &table, &key);
	if (r < 0)
		return r;
	if (!accept(ps, "="))
		return fail(ps, "'=' was expected");
	skip_blank(ps);
	if (find(table, key))
		return fail(ps, "key given twice");
	r = parse_value(ps, depth, &value);
	if (r < 0)
		return r;
	value->key = steal_ptr(&key);
	append(table, value);
	return 0;
}

static int parse_inline(struct parser *ps, int depth, struct toml *table)
{
	ps->p++;
	skip_blank(ps);
	if (!accept(ps, "}"))
		for (;;) {
			int r = parse_pair(ps, table, depth + 1);

			if (r < 0)
				return r;
			skip_blank(ps);
			if (accept(ps, "}"))
				break;
			if (!accept(ps, ","))
				return fail(ps, "',' or '}' was expected in an inline table");
		}
	table->closed = true;
	return 0;
}

static int parse_scalar(struct parser *ps, struct toml *t)
{
	const char *start = ps->p;

	while (is_bare(peek(ps)) || peek(ps) == '+' || peek(ps) == '.' || peek(ps) == ':')
		ps->p++;
	if (ps->p == start)
		return fail(ps, "a value was expected");
	t->text = xstrndup(start, (size_t)(ps->p - start));
	if (streq(t->text, "true") || streq(t->text, "false")) {
		t->type = TOML_BOOL;
		t->boolean = *t->text == 't';
	} else if (parse_i64(t->text, INT64_MIN, INT64_MAX, &t->integer) == 0) {
		t->type = TOML_INT;
	} else if (!strchr("+-0123456789in", *t->text)) {
		return fail(ps, "text without quotes is no value");
	}
	return 0;
}

static int parse_value(struct parser *ps, int depth, struct toml **ret)
{
	cleanup_toml struct toml *t = node_new(ps, TOML_OTHER);
	int r;

	if (depth >= TOML_DEPTH_MAX)
		return fail(ps, "nested too deep");
	switch (peek(ps)) {
	case '"':
	case '\'':
		t->type = TOML_STRING;
		r = parse_string(ps, &t->text);
		break;
	case '[':
		t->type = TOML_ARRAY;
		r = parse_array(ps, depth, t);
		break;
	case '{':
		t->type = TOML_TABLE;
		r = parse_inline(ps, depth, t);
		break;
	default:
		r = parse_scalar(ps, t);
		break;
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(&t);
	return 0;
}

/* "[a.b]" or "[[a.b]]"; *RET is the table that the next lines fill. */
static int parse_header(struct parser *ps, struct toml *root, struct toml **ret)
{
	bool array = accept(ps, "[[");
	cleanup_free char *key = NULL;
	struct toml *table = root, *t;
	int r;

	if (!array)
		ps->p++;
	r = parse_dotted(ps, &table, &key);
	if (r < 0)
		return r;
	if (!accept(ps, array ? "]]" : "]"))
		return fail(ps, "']' was expected");
	if (!array) {
		/* Opened twice with lines of its own would be a double table; ours only merges
		 * tables that a longer name made. */
		t = find(table, key);
		if (t && t->type == TOML_TABLE && !t->closed && t->opened)
			return fail(ps, "table given twice");
		r = descend(ps, table, key, ret);
		if (r < 0)
			return r;
		(*ret)->opened = true;
		return 0;
	}
	t = find(table, key);
	if (t && (t->type != TOML_ARRAY || t->closed))
		return fail(ps, "key already has a value");
	if (!t) {
		t = node_new(ps, TOML_ARRAY);
		t->key = steal_ptr(&key);
		append(table, t);
	}
	*ret = node_new(ps, TOML_TABLE);
	append(t, *ret);
	return 0;
}

static int parse_lines(struct parser *ps, struct toml *root)
{
	struct toml *table = root;

	for (;;) {
		int r;

		skip_space(ps);
		if (ps->p >= ps->end)
			return 0;
		if (peek(ps) == '[')
			r = parse_header(ps, root, &table);
		else
			r = parse_pair(ps, table, 0);
		if (r < 0)
			return r;
		skip_blank(ps);
		skip_comment(ps);
		if (ps->p < ps->end && !accept_newline(ps))
			return fail(ps, "end of line was expected");
	}
}

int toml_parse(const char *text, size_t len, struct toml **ret, struct cmk_err *err)
{
	struct parser ps = { .p = text, .end = text + len, .line = 1, .err = err };
	cleanup_toml struct toml *root = NULL;
	int r;

	if (len > TOML_SIZE_MAX)
		return cmk_err_set(err, -EFBIG, "larger than %zu bytes", TOML_SIZE_MAX);
	root = node_new(&ps, TOML_TABLE);
	r = parse_lines(&ps, root);
	if (r < 0)
		return r;
	*ret = steal_ptr(&root);
	return 0;
}

const struct toml *toml_get(const struct toml *table, const char *key)
{
	return find(table, key);
}

static int wrong_type(const struct toml *v, const char *key, const char *want, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "line %d: '%s' is not %s", v->line, key, want);
}

int toml_get_str(const struct toml *table, const char *key, const char **ret, struct cmk_err *err)
{
	const struct toml *v = find(table, key);

	if (!v)
		return 0;
	if (v->type != TOML_STRING)
		return wrong_type(v, key, "a string", err);
	*ret = v->text;
	return 0;
}

int toml_get_bool(const struct toml *table, const char *key, bool *ret, struct cmk_err *err)
{
	const struct toml *v = find(table, key);

	if (!v)
		return 0;
	if (v->type != TOML_BOOL)
		return wrong_type(v, key, "true or false", err);
	*ret = v->boolean;
	return 0;
}

int toml_get_strv(const struct toml *table, const char *key, char ***ret, struct cmk_err *err)
{
	const struct toml *v = find(table, key);
	cleanup_strv char **list = NULL;

	if (!v)
		return 0;
	if (v->type != TOML_ARRAY)
		return wrong_type(v, key, "an array of strings", err);
	for (const struct toml *t = v->first; t; t = t->next) {
		if (t->type != TOML_STRING)
			return wrong_type(t, key, "an array of strings", err);
		strv_add(&list, t->text);
	}
	strv_free(*ret);
	*ret = steal_ptr(&list);
	return 0;
}
