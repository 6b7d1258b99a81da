// SPDX-License-Identifier: Apache-2.0
/* The functions that --format templates may call. */
#include "base/parse.h"
#include "cmd/format.h"
#include "cmd/template.h"

typedef int (*func)(const struct json *const *args, size_t n, struct template_arena *arena,
		    const struct json **ret, struct cmk_err *err);

static const char *text_of(const struct json *v)
{
	const char *s = json_str(v);

	return s ? s : "";
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static int fn_json(const struct json *const *args, size_t n cmk_unused,
		   struct template_arena *arena, const struct json **ret, struct cmk_err *err)
{
	const struct json *form = json_get(args[0], FORMAT_JSON_FORM);
	struct json_writer w = JSON_WRITER_INIT;
	char *text = NULL;
	size_t len = 0;
	int r;

	if (form || args[0])
		json_write_value(&w, NULL, form ? form : args[0]);
	else
		json_write_null(&w, NULL);
	r = json_writer_finish(&w, &text, &len, err);
	if (r < 0)
		return r;
	if (len > 0 && text[len - 1] == '\n')
		text[len - 1] = '\0';
	*ret = template_string(arena, text);
	return 0;
}

static int fn_join(const struct json *const *args, size_t n cmk_unused,
		   struct template_arena *arena, const struct json **ret, struct cmk_err *err)
{
	struct strbuf sb = STRBUF_INIT;

	if (args[0] && args[0]->type != JSON_ARRAY && args[0]->type != JSON_NULL)
		return cmk_err_set(err, -EINVAL, "wrong type for value; expected an array");
	json_each (m, args[0]) {
		if (m != args[0]->first)
			strbuf_adds(&sb, text_of(args[1]));
		template_print(m, &sb);
	}
	*ret = template_string(arena, strbuf_steal(&sb));
	return 0;
}

static int fn_lower(const struct json *const *args, size_t n cmk_unused,
		    struct template_arena *arena, const struct json **ret,
		    struct cmk_err *err cmk_unused)
{
	char *s = xstrdup(text_of(args[0]));

	/* ASCII, whatever the locale: a Turkish one has another lower case of I. */
	for (char *p = s; *p; p++)
		*p = is_upper(*p) ? (char)(*p + 32) : *p;
	*ret = template_string(arena, s);
	return 0;
}

static int fn_upper(const struct json *const *args, size_t n cmk_unused,
		    struct template_arena *arena, const struct json **ret,
		    struct cmk_err *err cmk_unused)
{
	char *s = xstrdup(text_of(args[0]));

	for (char *p = s; *p; p++)
		*p = is_lower(*p) ? (char)(*p - 32) : *p;
	*ret = template_string(arena, s);
	return 0;
}

static int fn_title(const struct json *const *args, size_t n cmk_unused,
		    struct template_arena *arena, const struct json **ret,
		    struct cmk_err *err cmk_unused)
{
	char *s = xstrdup(text_of(args[0]));

	for (char *p = s; *p; p++)
		if (is_lower(*p) && (p == s || p[-1] == ' '))
			*p = (char)(*p - 32);
	*ret = template_string(arena, s);
	return 0;
}

static int fn_split(const struct json *const *args, size_t n cmk_unused,
		    struct template_arena *arena, const struct json **ret, struct cmk_err *err)
{
	const char *s = text_of(args[0]), *sep = text_of(args[1]), *at;
	char **v = NULL;

	if (!*sep)
		return cmk_err_set(err, -EINVAL, "error calling split: no separator");
	while ((at = strstr(s, sep))) {
		strv_add_take(&v, xstrndup(s, (size_t)(at - s)));
		s = at + strlen(sep);
	}
	strv_add(&v, s);
	*ret = template_array(arena, v);
	return 0;
}

static int fn_len(const struct json *const *args, size_t n cmk_unused, struct template_arena *arena,
		  const struct json **ret, struct cmk_err *err)
{
	if (args[0] && (args[0]->type == JSON_NUMBER || args[0]->type == JSON_BOOL))
		return cmk_err_set(err, -EINVAL, "error calling len: len of type %s",
				   args[0]->type == JSON_BOOL ? "bool" : "int");
	*ret = template_number(arena, args[0] ? (int64_t)args[0]->n : 0);
	return 0;
}

static int fn_index(const struct json *const *args, size_t n, struct template_arena *arena,
		    const struct json **ret, struct cmk_err *err)
{
	const struct json *v = args[0];

	for (size_t i = 1; i < n && v; i++) {
		const struct json *found = NULL;
		uint64_t at = 0;

		if (v->type == JSON_OBJECT) {
			found = json_get(v, text_of(args[i]));
		} else if (v->type == JSON_ARRAY) {
			if (json_u64(args[i], INT32_MAX, &at) < 0 || at >= v->n)
				return cmk_err_set(err, -ERANGE,
						   "error calling index: index out of range");
			found = v->first;
			while (at-- > 0)
				found = found->next;
		} else {
			return cmk_err_set(err, -EINVAL,
					   "error calling index: can't index a single value");
		}
		v = found;
	}
	*ret = v ? v : template_string(arena, xstrdup(""));
	return 0;
}

static bool is_string(const struct json *v)
{
	return v && v->type == JSON_STRING;
}

static int print_args(const struct json *const *args, size_t n, bool spaces, const char *end,
		      struct template_arena *arena, const struct json **ret)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < n; i++) {
		/* Go's Print parts what are no strings. */
		if (i && (spaces || (!is_string(args[i]) && !is_string(args[i - 1]))))
			strbuf_addc(&sb, ' ');
		template_print(args[i], &sb);
	}
	strbuf_adds(&sb, end);
	*ret = template_string(arena, strbuf_steal(&sb));
	return 0;
}

static int fn_print(const struct json *const *args, size_t n, struct template_arena *arena,
		    const struct json **ret, struct cmk_err *err cmk_unused)
{
	return print_args(args, n, false, "", arena, ret);
}

static int fn_println(const struct json *const *args, size_t n, struct template_arena *arena,
		      const struct json **ret, struct cmk_err *err cmk_unused)
{
	return print_args(args, n, true, "\n", arena, ret);
}

/* A conversion of printf: %[flags][width][.precision]verb. */
struct conversion {
	bool left, zero, plus, has_precision;
	size_t width, precision;
	char verb;
};

static size_t take_count(const char **p)
{
	size_t n = 0;

	while (**p >= '0' && **p <= '9' && n < 1000)
		n = n * 10 + (size_t)(*(*p)++ - '0');
	return n;
}

static void take_conversion(const char **p, struct conversion *c)
{
	*c = (struct conversion){ 0 };
	for (; **p && strchr("-+0# ", **p); (*p)++) {
		c->left |= **p == '-';
		c->zero |= **p == '0';
		c->plus |= **p == '+';
	}
	c->width = take_count(p);
	if (**p == '.') {
		(*p)++;
		c->has_precision = true;
		c->precision = take_count(p);
	}
	c->verb = **p;
}

static void add_padded(struct strbuf *sb, const char *s, const struct conversion *c)
{
	size_t n = 0, at = 0;

	for (const char *p = s; *p; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	/* Zeros stand behind the sign. */
	if (c->zero && !c->left && (*s == '-' || *s == '+'))
		strbuf_addc(sb, s[at++]);
	for (size_t i = n; !c->left && i < c->width; i++)
		strbuf_addc(sb, c->zero ? '0' : ' ');
	strbuf_adds(sb, s + at);
	for (size_t i = n; c->left && i < c->width; i++)
		strbuf_addc(sb, ' ');
}

/* %x of bytes. */
static void add_hex(struct strbuf *sb, const char *s, bool upper)
{
	for (; *s; s++)
		strbuf_addf(sb, upper ? "%02X" : "%02x", (unsigned char)*s);
}

/* Billionths keep nine digits behind the point, which is what a figure here has. */
static bool add_float(struct strbuf *sb, const struct json *v, const struct conversion *c)
{
	bool negative = v->text[0] == '-';
	int64_t nano = 0;
	double value;

	if (parse_nano_cpus(v->text + negative, &nano) < 0)
		return false;
	value = (double)nano / 1e9;
	strbuf_addf(sb, "%.*f", c->has_precision ? (int)MIN(c->precision, (size_t)30) : 6,
		    negative ? -value : value);
	return true;
}

static const char *kind_name(const struct json *v)
{
	static const char *const names[] = { "<nil>", "bool", "int", "string", "[]string", "map" };

	return names[v ? v->type : JSON_NULL];
}

/* One value, without its padding; as Go, a verb that does not fit shows so in the text. */
static int add_value(struct strbuf *sb, const struct json *v, const struct conversion *c,
		     struct template_arena *arena, struct cmk_err *err)
{
	bool number = v && v->type == JSON_NUMBER, string = v && v->type == JSON_STRING;
	const struct json *quoted = NULL;
	int64_t i = 0;
	int r;

	if (c->verb == 'v' || (c->verb == 's' && !number) ||
	    (c->verb == 't' && v && v->type == JSON_BOOL)) {
		size_t from = sb->len;

		template_print(v, sb);
		if (string && c->has_precision && sb->len - from > c->precision) {
			sb->len = from + c->precision;
			sb->data[sb->len] = '\0';
		}
		return 0;
	}
	if (c->verb == 'q' && string) {
		r = fn_json(&v, 1, arena, &quoted, err);
		if (r == 0)
			strbuf_adds(sb, quoted->text);
		return r;
	}
	if (string && (c->verb == 'x' || c->verb == 'X')) {
		add_hex(sb, v->text, c->verb == 'X');
		return 0;
	}
	if (number && strchr("feg", c->verb) && add_float(sb, v, c))
		return 0;
	if (number && json_i64(v, &i) == 0) {
		switch (c->verb) {
		case 'd':
			strbuf_addf(sb, c->plus ? "%+lld" : "%lld", (long long)i);
			return 0;
		case 'x':
			strbuf_addf(sb, "%llx", (unsigned long long)i);
			return 0;
		case 'X':
			strbuf_addf(sb, "%llX", (unsigned long long)i);
			return 0;
		case 'o':
			strbuf_addf(sb, "%llo", (unsigned long long)i);
			return 0;
		case 'c':
			strbuf_addc(sb, i > 0 && i < 128 ? (char)i : '?');
			return 0;
		default:
			break;
		}
	}
	strbuf_addf(sb, "%%!%c(%s=", c->verb, kind_name(v));
	template_print(v, sb);
	strbuf_addc(sb, ')');
	return 0;
}

/* As Go's; the template's text never becomes a format of ours. */
static int fn_printf(const struct json *const *args, size_t n, struct template_arena *arena,
		     const struct json **ret, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	size_t next = 1;

	for (const char *p = text_of(args[0]); *p; p++) {
		cleanup_strbuf struct strbuf one = STRBUF_INIT;
		struct conversion c;
		int r;

		if (*p != '%' || p[1] == '%') {
			strbuf_addc(&sb, *p);
			p += *p == '%';
			continue;
		}
		p++;
		take_conversion(&p, &c);
		if (!c.verb) {
			strbuf_adds(&sb, "%!(NOVERB)");
			break;
		}
		if (next >= n) {
			strbuf_addf(&sb, "%%!%c(MISSING)", c.verb);
			continue;
		}
		r = add_value(&one, args[next++], &c, arena, err);
		if (r < 0)
			return r;
		add_padded(&sb, strbuf_str(&one), &c);
	}
	*ret = template_string(arena, strbuf_steal(&sb));
	return 0;
}

static int fn_slice(const struct json *const *args, size_t n, struct template_arena *arena,
		    const struct json **ret, struct cmk_err *err)
{
	const struct json *v = args[0], *m;
	uint64_t from = 0, to = v ? v->n : 0;
	char **list = NULL;

	if (!v || (v->type != JSON_STRING && v->type != JSON_ARRAY))
		return cmk_err_set(err, -EINVAL, "error calling slice: can't slice item of type %s",
				   kind_name(v));
	if ((n > 1 && json_u64(args[1], INT32_MAX, &from) < 0) ||
	    (n > 2 && json_u64(args[2], INT32_MAX, &to) < 0) || from > to || to > v->n)
		return cmk_err_set(err, -ERANGE, "error calling slice: index out of range");
	if (v->type == JSON_STRING) {
		*ret = template_string(arena, xstrndup(v->text + from, (size_t)(to - from)));
		return 0;
	}
	m = v->first;
	for (uint64_t i = 0; i < to; i++, m = m->next) {
		struct strbuf text = STRBUF_INIT;

		template_print(m, &text);
		if (i >= from)
			strv_add_take(&list, strbuf_steal(&text));
		strbuf_done(&text);
	}
	*ret = template_array(arena, list);
	return 0;
}

static int fn_html(const struct json *const *args, size_t n cmk_unused,
		   struct template_arena *arena, const struct json **ret,
		   struct cmk_err *err cmk_unused)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct strbuf sb = STRBUF_INIT;

	template_print(args[0], &text);
	for (const char *p = strbuf_str(&text); *p; p++) {
		static const char chars[] = "<>&'\"";
		static const char *const names[] = { "&lt;", "&gt;", "&amp;", "&#39;", "&#34;" };
		const char *at = strchr(chars, *p);

		if (at)
			strbuf_adds(&sb, names[at - chars]);
		else
			strbuf_addc(&sb, *p);
	}
	*ret = template_string(arena, strbuf_steal(&sb));
	return 0;
}

/* Inside a string of JavaScript, as template.JSEscapeString. */
static int fn_js(const struct json *const *args, size_t n cmk_unused, struct template_arena *arena,
		 const struct json **ret, struct cmk_err *err cmk_unused)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct strbuf sb = STRBUF_INIT;

	template_print(args[0], &text);
	for (const char *p = strbuf_str(&text); *p; p++) {
		if (strchr("\\'\"", *p))
			strbuf_addf(&sb, "\\%c", *p);
		else if (strchr("<>&=", *p) || (unsigned char)*p < ' ')
			strbuf_addf(&sb, "\\u%04X", (unsigned int)(unsigned char)*p);
		else
			strbuf_addc(&sb, *p);
	}
	*ret = template_string(arena, strbuf_steal(&sb));
	return 0;
}

static int fn_urlquery(const struct json *const *args, size_t n cmk_unused,
		       struct template_arena *arena, const struct json **ret,
		       struct cmk_err *err cmk_unused)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct strbuf sb = STRBUF_INIT;

	template_print(args[0], &text);
	for (const char *p = strbuf_str(&text); *p; p++) {
		if (is_upper(*p) || is_lower(*p) || (*p >= '0' && *p <= '9') || strchr("-_.~", *p))
			strbuf_addc(&sb, *p);
		else if (*p == ' ')
			strbuf_addc(&sb, '+');
		else
			strbuf_addf(&sb, "%%%02X", (unsigned char)*p);
	}
	*ret = template_string(arena, strbuf_steal(&sb));
	return 0;
}

static bool same(const struct json *a, const struct json *b)
{
	if (!a || !b)
		return a == b;
	if (a->type == JSON_BOOL || b->type == JSON_BOOL)
		return a->type == b->type && a->boolean == b->boolean;
	return a->text && b->text && streq(a->text, b->text);
}

static int fn_eq(const struct json *const *args, size_t n, struct template_arena *arena,
		 const struct json **ret, struct cmk_err *err cmk_unused)
{
	bool any = false;

	for (size_t i = 1; i < n; i++)
		any |= same(args[0], args[i]);
	*ret = template_bool(arena, any);
	return 0;
}

static int fn_ne(const struct json *const *args, size_t n cmk_unused, struct template_arena *arena,
		 const struct json **ret, struct cmk_err *err cmk_unused)
{
	*ret = template_bool(arena, !same(args[0], args[1]));
	return 0;
}

static int compare(const struct json *const *args, int *ret, struct cmk_err *err)
{
	int64_t a = 0, b = 0;

	if (json_str(args[0]) && json_str(args[1]))
		*ret = strcmp(args[0]->text, args[1]->text);
	else if (json_i64(args[0], &a) == 0 && json_i64(args[1], &b) == 0)
		*ret = a < b ? -1 : a > b;
	else
		return cmk_err_set(err, -EINVAL, "incompatible types for comparison");
	return 0;
}

#define ORDER_FUNC(name, op)                                                        \
	static int fn_##name(const struct json *const *args, size_t n cmk_unused,   \
			     struct template_arena *arena, const struct json **ret, \
			     struct cmk_err *err)                                   \
	{                                                                           \
		int order = 0, r = compare(args, &order, err);                      \
                                                                                    \
		if (r == 0)                                                         \
			*ret = template_bool(arena, order op 0);                    \
		return r;                                                           \
	}
ORDER_FUNC(lt, <)
ORDER_FUNC(le, <=)
ORDER_FUNC(gt, >)
ORDER_FUNC(ge, >=)

static int fn_and(const struct json *const *args, size_t n, struct template_arena *arena cmk_unused,
		  const struct json **ret, struct cmk_err *err cmk_unused)
{
	size_t i = 0;

	while (i + 1 < n && template_truth(args[i]))
		i++;
	*ret = args[i];
	return 0;
}

static int fn_or(const struct json *const *args, size_t n, struct template_arena *arena cmk_unused,
		 const struct json **ret, struct cmk_err *err cmk_unused)
{
	size_t i = 0;

	while (i + 1 < n && !template_truth(args[i]))
		i++;
	*ret = args[i];
	return 0;
}

static int fn_not(const struct json *const *args, size_t n cmk_unused, struct template_arena *arena,
		  const struct json **ret, struct cmk_err *err cmk_unused)
{
	*ret = template_bool(arena, !template_truth(args[0]));
	return 0;
}

static int fn_truncate(const struct json *const *args, size_t n cmk_unused,
		       struct template_arena *arena, const struct json **ret, struct cmk_err *err)
{
	const char *s = text_of(args[0]);
	uint64_t len = 0;

	if (json_u64(args[1], INT32_MAX, &len) < 0)
		return cmk_err_set(err, -EINVAL, "error calling truncate: not a length");
	/* Not through the middle of a character. */
	if (len < strlen(s))
		while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
			len--;
	*ret = template_string(arena, xstrndup(s, len));
	return 0;
}

static int fn_pad(const struct json *const *args, size_t n cmk_unused, struct template_arena *arena,
		  const struct json **ret, struct cmk_err *err)
{
	const char *s = text_of(args[0]);
	uint64_t before = 0, after = 0;

	if (json_u64(args[1], 1000, &before) < 0 || json_u64(args[2], 1000, &after) < 0)
		return cmk_err_set(err, -EINVAL, "error calling pad: not two counts up to 1000");
	*ret = template_string(arena, *s ? xasprintf("%*s%s%*s", (int)before, "", s, (int)after, "")
					 : xstrdup(""));
	return 0;
}

static const struct {
	const char *name;
	func fn;
	size_t min, max;
} funcs[] = {
	{ "json", fn_json, 1, 1 },
	{ "join", fn_join, 2, 2 },
	{ "lower", fn_lower, 1, 1 },
	{ "upper", fn_upper, 1, 1 },
	{ "title", fn_title, 1, 1 },
	{ "split", fn_split, 2, 2 },
	{ "len", fn_len, 1, 1 },
	{ "index", fn_index, 1, 8 },
	{ "print", fn_print, 0, 32 },
	{ "println", fn_println, 0, 32 },
	{ "printf", fn_printf, 1, 32 },
	{ "eq", fn_eq, 2, 32 },
	{ "ne", fn_ne, 2, 2 },
	{ "lt", fn_lt, 2, 2 },
	{ "le", fn_le, 2, 2 },
	{ "gt", fn_gt, 2, 2 },
	{ "ge", fn_ge, 2, 2 },
	{ "and", fn_and, 1, 32 },
	{ "or", fn_or, 1, 32 },
	{ "not", fn_not, 1, 1 },
	{ "slice", fn_slice, 1, 3 },
	{ "html", fn_html, 1, 1 },
	{ "js", fn_js, 1, 1 },
	{ "urlquery", fn_urlquery, 1, 1 },
	{ "truncate", fn_truncate, 2, 2 },
	{ "pad", fn_pad, 3, 3 },
};

bool template_is_func(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(funcs); i++)
		if (streq(funcs[i].name, name))
			return true;
	return false;
}

int template_call(const char *name, const struct json *const *args, size_t n,
		  struct template_arena *arena, const struct json **ret, struct cmk_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(funcs); i++) {
		if (!streq(funcs[i].name, name))
			continue;
		if (n < funcs[i].min || n > funcs[i].max)
			return cmk_err_set(
				err, -EINVAL, "wrong number of args for %s: want %s%zu got %zu",
				name,
				n < funcs[i].min && funcs[i].min != funcs[i].max ? "at least " : "",
				n < funcs[i].min ? funcs[i].min : funcs[i].max, n);
		return funcs[i].fn(args, n, arena, ret, err);
	}
	return cmk_err_set(err, -EINVAL, "function \"%.40s\" not defined", name);
}
