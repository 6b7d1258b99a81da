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
		return cmk_err_set(err, -EINVAL, "template: join wants an array");
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
		return cmk_err_set(err, -EINVAL, "template: split wants a separator");
	while ((at = strstr(s, sep))) {
		strv_add_take(&v, xstrndup(s, (size_t)(at - s)));
		s = at + strlen(sep);
	}
	strv_add(&v, s);
	*ret = template_array(arena, v);
	return 0;
}

static int fn_len(const struct json *const *args, size_t n cmk_unused, struct template_arena *arena,
		  const struct json **ret, struct cmk_err *err cmk_unused)
{
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
				return cmk_err_set(err, -ERANGE, "template: index is out of range");
			found = v->first;
			while (at-- > 0)
				found = found->next;
		} else {
			return cmk_err_set(err, -EINVAL, "template: index of a single value");
		}
		v = found;
	}
	*ret = v ? v : template_string(arena, xstrdup(""));
	return 0;
}

static int print_args(const struct json *const *args, size_t n, bool spaces, const char *end,
		      struct template_arena *arena, const struct json **ret)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < n; i++) {
		if (i && spaces)
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

static void add_padded(struct strbuf *sb, const char *s, size_t width, bool left)
{
	size_t n = strlen(s);

	for (size_t i = n; !left && i < width; i++)
		strbuf_addc(sb, ' ');
	strbuf_adds(sb, s);
	for (size_t i = n; left && i < width; i++)
		strbuf_addc(sb, ' ');
}

/* %s %v %d %q %t with a width; the template's text never becomes a format of ours. */
static int fn_printf(const struct json *const *args, size_t n, struct template_arena *arena,
		     const struct json **ret, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	size_t next = 1;

	for (const char *p = text_of(args[0]); *p; p++) {
		cleanup_strbuf struct strbuf one = STRBUF_INIT;
		size_t width = 0;
		bool left;

		if (*p != '%' || p[1] == '%') {
			strbuf_addc(&sb, *p);
			p += *p == '%';
			continue;
		}
		left = p[1] == '-';
		p += left ? 2 : 1;
		while (*p >= '0' && *p <= '9' && width < 1000)
			width = width * 10 + (size_t)(*p++ - '0');
		if (!*p || !strchr("svdqt", *p))
			return cmk_err_set(err, -EINVAL,
					   "template: printf knows %%s %%v %%d %%q %%t");
		if (next >= n)
			return cmk_err_set(err, -EINVAL, "template: printf has too few arguments");
		if (*p == 'q') {
			const struct json *quoted = NULL;
			int r = fn_json(&args[next++], 1, arena, &quoted, err);

			if (r < 0)
				return r;
			strbuf_adds(&one, quoted->text);
		} else {
			template_print(args[next++], &one);
		}
		add_padded(&sb, strbuf_str(&one), width, left);
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
		return cmk_err_set(err, -EINVAL, "template: values that do not compare");
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
		return cmk_err_set(err, -EINVAL, "template: truncate wants a length");
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
		return cmk_err_set(err, -EINVAL, "template: pad wants two counts up to 1000");
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
			return cmk_err_set(err, -EINVAL,
					   "template: wrong number of arguments for '%s'", name);
		return funcs[i].fn(args, n, arena, ret, err);
	}
	return cmk_err_set(err, -EINVAL, "template: function '%.40s' is not known", name);
}
