// SPDX-License-Identifier: Apache-2.0
/* Field tables: one struct with one table, used to read, to write and to free. */
#include "base/file.h"
#include "base/json.h"

#define MEMBER(type, rec, f) ((type *)((char *)(rec) + (f)->offset))
#define COUNT(rec, f) ((size_t *)((char *)(rec) + (f)->count_offset))
#define MEMBER_CONST(type, rec, f) ((type const *)((const char *)(rec) + (f)->offset))
#define COUNT_CONST(rec, f) ((const size_t *)((const char *)(rec) + (f)->count_offset))

static void free_array(const struct json_field *f, void *rec)
{
	char *items = *MEMBER(char *, rec, f);
	size_t n = *COUNT(rec, f);

	for (size_t i = 0; items && i < n; i++)
		json_free_fields(f->sub, items + i * f->sub_size);
	free(items);
	*MEMBER(char *, rec, f) = NULL;
	*COUNT(rec, f) = 0;
}

static void free_field(const struct json_field *f, void *rec)
{
	switch (f->kind) {
	case JSON_F_STR:
	case JSON_F_EXTRA:
		free(*MEMBER(char *, rec, f));
		*MEMBER(char *, rec, f) = NULL;
		break;
	case JSON_F_STRV:
	case JSON_F_MAP:
		*MEMBER(char **, rec, f) = strv_free(*MEMBER(char **, rec, f));
		break;
	case JSON_F_OBJ:
		json_free_fields(f->sub, MEMBER(char, rec, f));
		break;
	case JSON_F_PTR:
		if (*MEMBER(void *, rec, f))
			json_free_fields(f->sub, *MEMBER(void *, rec, f));
		free(*MEMBER(void *, rec, f));
		*MEMBER(void *, rec, f) = NULL;
		break;
	case JSON_F_ARRAY:
		free_array(f, rec);
		break;
	case JSON_F_U32V:
		free(*MEMBER(uint32_t *, rec, f));
		*MEMBER(uint32_t *, rec, f) = NULL;
		*COUNT(rec, f) = 0;
		break;
	case JSON_F_BOOL:
		*MEMBER(bool, rec, f) = false;
		break;
	case JSON_F_I64:
	case JSON_F_U64:
		*MEMBER(uint64_t, rec, f) = 0;
		break;
	case JSON_F_INT:
	case JSON_F_U32:
		*MEMBER(uint32_t, rec, f) = 0;
		break;
	case JSON_F_END:
		break;
	}
}

void json_free_fields(const struct json_field *fields, void *rec)
{
	int saved = errno;

	if (!rec)
		return;
	for (const struct json_field *f = fields; f->kind != JSON_F_END; f++)
		free_field(f, rec);
	errno = saved;
}

static int wrong_type(const struct json_field *f, const char *expected, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "member '%s': not %s", f->name, expected);
}

static int read_number(const struct json_field *f, const struct json *v, void *out,
		       struct cmk_err *err)
{
	uint64_t u = 0;
	int64_t i = 0;
	int r;

	if (f->kind == JSON_F_U64 || f->kind == JSON_F_U32)
		r = json_u64(v, f->kind == JSON_F_U32 ? UINT32_MAX : UINT64_MAX, &u);
	else
		r = json_i64(v, &i);
	if (r == 0 && f->kind == JSON_F_INT && (i < INT32_MIN || i > INT32_MAX))
		r = -ERANGE;
	if (r == -ERANGE)
		return cmk_err_set(err, r, "member '%s': the number is out of range", f->name);
	if (r < 0)
		return wrong_type(f, "a whole number", err);
	if (f->kind == JSON_F_U64)
		*MEMBER(uint64_t, out, f) = u;
	else if (f->kind == JSON_F_U32)
		*MEMBER(uint32_t, out, f) = (uint32_t)u;
	else if (f->kind == JSON_F_INT)
		*MEMBER(int, out, f) = (int)i;
	else
		*MEMBER(int64_t, out, f) = i;
	return 0;
}

static int read_map(const struct json_field *f, const struct json *v, void *out,
		    struct cmk_err *err)
{
	size_t cap = 1, i = 0;
	char **map;

	if (v->type != JSON_OBJECT)
		return wrong_type(f, "an object of strings", err);
	json_each (m, v) {
		if (m->type != JSON_STRING && m->type != JSON_NULL)
			return wrong_type(f, "an object of strings", err);
		/* Kept as "KEY=VALUE": the first '=' ends the key when it is written again. */
		if (strchr(m->key, '='))
			return wrong_type(f, "an object whose names have no '='", err);
	}
	free_field(f, out);
	if (v->n == 0)
		return 0;
	while (cap <= v->n)
		cap *= 2;
	map = xcalloc(cap, sizeof(*map));
	json_each (m, v)
		map[i++] = xasprintf("%s=%s", m->key, m->text ? m->text : "");
	*MEMBER(char **, out, f) = map;
	return 0;
}

static int read_array(const struct json_field *f, const struct json *v, void *out,
		      struct cmk_err *err)
{
	char *items;
	size_t i = 0;
	int r;

	if (v->type != JSON_ARRAY)
		return wrong_type(f, "an array", err);
	free_field(f, out);
	if (v->n == 0)
		return 0;
	items = xcalloc(v->n, f->sub_size);
	*MEMBER(char *, out, f) = items;
	*COUNT(out, f) = v->n;
	json_each (m, v) {
		r = json_read_fields(m, f->sub, items + i * f->sub_size, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "member '%s[%zu]'", f->name, i);
		i++;
	}
	return 0;
}

static int read_u32v(const struct json_field *f, const struct json *v, void *out,
		     struct cmk_err *err)
{
	uint64_t u = 0;
	uint32_t *items;

	free_field(f, out);
	if (v->type != JSON_ARRAY)
		return wrong_type(f, "an array", err);
	if (v->n == 0)
		return 0;
	items = xcalloc(v->n, sizeof(*items));
	*MEMBER(uint32_t *, out, f) = items;
	json_each (m, v) {
		if (json_u64(m, UINT32_MAX, &u) < 0)
			return wrong_type(f, "an array of numbers below 2^32", err);
		items[(*COUNT(out, f))++] = (uint32_t)u;
	}
	return 0;
}

static int read_sub(const struct json_field *f, const struct json *v, void *out,
		    struct cmk_err *err)
{
	void *sub = MEMBER(char, out, f);
	int r;

	if (f->kind == JSON_F_PTR) {
		if (!*MEMBER(void *, out, f))
			*MEMBER(void *, out, f) = xcalloc(1, f->sub_size);
		sub = *MEMBER(void *, out, f);
	}
	r = json_read_fields(v, f->sub, sub, err);
	return r < 0 ? cmk_err_wrap(err, r, "member '%s'", f->name) : 0;
}

static int read_field(const struct json_field *f, const struct json *v, void *out,
		      struct cmk_err *err)
{
	char **strv = NULL;

	if (v->type == JSON_NULL) {
		/* As absent, but an owned member loses what a default may have put there. */
		if (f->kind == JSON_F_STR || f->kind == JSON_F_STRV || f->kind == JSON_F_MAP ||
		    f->kind == JSON_F_PTR || f->kind == JSON_F_ARRAY || f->kind == JSON_F_U32V)
			free_field(f, out);
		return 0;
	}
	switch (f->kind) {
	case JSON_F_STR:
		if (v->type != JSON_STRING)
			return wrong_type(f, "a string", err);
		free_field(f, out);
		*MEMBER(char *, out, f) = xstrdup(v->text);
		return 0;
	case JSON_F_BOOL:
		if (v->type != JSON_BOOL)
			return wrong_type(f, "true or false", err);
		*MEMBER(bool, out, f) = v->boolean;
		return 0;
	case JSON_F_I64:
	case JSON_F_U64:
	case JSON_F_INT:
	case JSON_F_U32:
		if (f->flags & JSON_HAS)
			*(bool *)((char *)out + f->count_offset) = true;
		return read_number(f, v, out, err);
	case JSON_F_STRV:
		if (json_strv(v, &strv) < 0)
			return wrong_type(f, "an array of strings", err);
		free_field(f, out);
		*MEMBER(char **, out, f) = strv;
		return 0;
	case JSON_F_MAP:
		return read_map(f, v, out, err);
	case JSON_F_OBJ:
	case JSON_F_PTR:
		return read_sub(f, v, out, err);
	case JSON_F_ARRAY:
		return read_array(f, v, out, err);
	case JSON_F_U32V:
		return read_u32v(f, v, out, err);
	case JSON_F_EXTRA:
	case JSON_F_END:
		break;
	}
	return 0;
}

static bool has_row(const struct json_field *fields, const char *key)
{
	for (const struct json_field *f = fields; f->kind != JSON_F_END; f++)
		if (f->name && streq(f->name, key))
			return true;
	return false;
}

/* Members that no row names, as the inside of an object's text. */
static int read_extra(const struct json_field *f, const struct json_field *fields,
		      const struct json *obj, void *out, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	json_write_object(&w, NULL);
	json_each (m, obj) {
		if (!has_row(fields, m->key))
			json_write_value(&w, m->key, m);
	}
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &text, &len, err);
	if (r < 0)
		return r;
	free_field(f, out);
	/* Without the brackets and the final newline. */
	*MEMBER(char *, out, f) = xstrndup(text + 1, len - 3);
	return 0;
}

/* One of 64 bits for a name: most rows of a long table are not in a record, and need no search. */
static uint64_t name_bit(const char *name)
{
	unsigned int h = (unsigned char)name[0];

	if (h)
		h = h * 5 + (unsigned char)name[1] * 3;
	if (h && name[1])
		h += (unsigned char)name[2];
	return UINT64_C(1) << (h & 63);
}

static uint64_t name_bits(const struct json *obj)
{
	uint64_t bits = 0;

	json_each (m, obj)
		bits |= name_bit(m->key);
	return bits;
}

static bool has_key(const struct json *m, const char *key)
{
	return m->key[0] == key[0] && streq(m->key, key);
}

/* Rows mostly stand in the order in which members were written: look behind the last hit first. */
static const struct json *find_member(const struct json *obj, const struct json *hint,
				      const char *key)
{
	for (const struct json *m = hint; m; m = m->next)
		if (has_key(m, key))
			return m;
	for (const struct json *m = obj->first; m != hint; m = m->next)
		if (has_key(m, key))
			return m;
	return NULL;
}

int json_read_fields(const struct json *obj, const struct json_field *fields, void *out,
		     struct cmk_err *err)
{
	const struct json_field *extra = NULL;
	const struct json *hint;
	size_t n_found = 0;
	uint64_t bits;
	int r;

	if (!obj || obj->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "not an object");
	hint = obj->first;
	bits = name_bits(obj);
	for (const struct json_field *f = fields; f->kind != JSON_F_END; f++) {
		const struct json *v;

		if (f->kind == JSON_F_EXTRA) {
			extra = f;
			continue;
		}
		v = bits & name_bit(f->name) ? find_member(obj, hint, f->name) : NULL;
		if (!v || v->type == JSON_NULL) {
			if (f->flags & JSON_REQUIRED)
				return cmk_err_set(err, -EINVAL, "member '%s' is missing", f->name);
		}
		if (!v)
			continue;
		n_found++;
		hint = v->next;
		r = read_field(f, v, out, err);
		if (r < 0)
			return r;
	}
	if (extra && n_found < obj->n)
		return read_extra(extra, fields, obj, out, err);
	return 0;
}

/* --- what is wrong, and where ------------------------------------------------------------------
 */

struct explained {
	const char *text;
	size_t len;
	struct cmk_err *err;
};

static int explain_members(const struct explained *x, const struct json *obj,
			   const struct json_field *fields, const char *path);

static int explain_as(const struct explained *x, const struct json *v, const char *path,
		      const char *why)
{
	return cmk_err_set(x->err, -EINVAL, "line %zu: %s: %s", json_line(x->text, x->len, v),
			   *path ? path : "the document", why);
}

/* Of a field that has no others in it: read into a place of its own. */
static int explain_value(const struct explained *x, const struct json *v,
			 const struct json_field *f, const char *path)
{
	struct json_field at_front = *f;
	struct cmk_err e = CMK_ERR_INIT;
	uint64_t place[4] = { 0 };
	const char *why;
	int r;

	at_front.offset = 0;
	at_front.count_offset = sizeof(place[0]);
	r = read_field(&at_front, v, place, &e);
	free_field(&at_front, place);
	if (r == 0)
		return 0;
	why = e.msg ? strstr(e.msg, "': ") : NULL;
	r = explain_as(x, v, path, why ? why + 3 : "wrong");
	cmk_err_done(&e);
	return r;
}

static int explain_field(const struct explained *x, const struct json *v,
			 const struct json_field *f, const char *path)
{
	size_t i = 0;
	int r = 0;

	if (f->kind == JSON_F_OBJ || f->kind == JSON_F_PTR)
		return explain_members(x, v, f->sub, path);
	if (f->kind != JSON_F_ARRAY)
		return explain_value(x, v, f, path);
	if (v->type != JSON_ARRAY)
		return explain_as(x, v, path, "not an array");
	json_each (m, v) {
		cleanup_free char *name = xasprintf("%s[%zu]", path, i++);

		r = explain_members(x, m, f->sub, name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int explain_members(const struct explained *x, const struct json *obj,
			   const struct json_field *fields, const char *path)
{
	if (!obj || obj->type != JSON_OBJECT)
		return explain_as(x, obj, path, "not an object");
	for (const struct json_field *f = fields; f->kind != JSON_F_END; f++) {
		const struct json *v = f->name ? json_get(obj, f->name) : NULL;
		cleanup_free char *name = f->name ? xasprintf("%s%s%s", path, *path ? "." : "",
							      f->name)
						  : NULL;
		int r = 0;

		if (v && v->type != JSON_NULL)
			r = explain_field(x, v, f, name);
		else if (f->flags & JSON_REQUIRED)
			r = explain_as(x, obj, name, "is missing");
		if (r < 0)
			return r;
	}
	return 0;
}

int json_explain_fields(const char *text, size_t len, const struct json *obj,
			const struct json_field *fields, struct cmk_err *err)
{
	const struct explained x = { text, len, err };

	return explain_members(&x, obj, fields, "");
}

static void write_array(struct json_writer *w, const struct json_field *f, const void *in)
{
	const char *items = *MEMBER_CONST(char *, in, f);
	size_t n = *COUNT_CONST(in, f);

	if (n == 0 && (f->flags & JSON_OMIT_EMPTY))
		return;
	json_write_array(w, f->name);
	for (size_t i = 0; i < n; i++) {
		json_write_object(w, NULL);
		json_write_fields(w, f->sub, items + i * f->sub_size);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

static void write_u32v(struct json_writer *w, const struct json_field *f, const void *in)
{
	const uint32_t *items = *MEMBER_CONST(uint32_t *, in, f);
	size_t n = *COUNT_CONST(in, f);

	if (n == 0 && (f->flags & JSON_OMIT_EMPTY))
		return;
	json_write_array(w, f->name);
	for (size_t i = 0; i < n; i++)
		json_write_u64(w, NULL, items[i]);
	json_write_end(w, ']');
}

/* An embedded object is empty where nothing would be written in it. */
static void write_object(struct json_writer *w, const struct json_field *f, const void *sub)
{
	struct json_writer before = *w;
	size_t len = w->out.len, inside;

	json_write_object(w, f->name);
	inside = w->out.len;
	json_write_fields(w, f->sub, sub);
	if (w->out.len == inside && (f->flags & JSON_OMIT_EMPTY) && !w->failed) {
		struct strbuf out = w->out;

		*w = before;
		w->out = out;
		w->out.len = len;
		w->out.data[len] = '\0';
		return;
	}
	json_write_end(w, '}');
}

static void write_strings(struct json_writer *w, const struct json_field *f, char *const *v)
{
	if ((!v || !*v) && (f->flags & JSON_OMIT_EMPTY))
		return;
	if (f->kind == JSON_F_MAP)
		json_write_map(w, f->name, v);
	else
		json_write_strv(w, f->name, v);
}

static void write_i64(struct json_writer *w, const struct json_field *f, int64_t v)
{
	if (v || !(f->flags & JSON_OMIT_EMPTY))
		json_write_i64(w, f->name, v);
}

static void write_u64(struct json_writer *w, const struct json_field *f, uint64_t v)
{
	if (v || !(f->flags & JSON_OMIT_EMPTY))
		json_write_u64(w, f->name, v);
}

static void write_field(struct json_writer *w, const struct json_field *f, const void *in)
{
	bool omit = f->flags & JSON_OMIT_EMPTY;
	const void *sub;
	const char *s;

	if ((f->flags & JSON_HAS) && !*(const bool *)((const char *)in + f->count_offset))
		return;
	switch (f->kind) {
	case JSON_F_STR:
		s = *MEMBER_CONST(char *, in, f);
		if (!omit || (s && *s))
			json_write_str(w, f->name, s);
		break;
	case JSON_F_BOOL:
		if (!omit || *MEMBER_CONST(bool, in, f))
			json_write_bool(w, f->name, *MEMBER_CONST(bool, in, f));
		break;
	case JSON_F_I64:
		write_i64(w, f, *MEMBER_CONST(int64_t, in, f));
		break;
	case JSON_F_INT:
		write_i64(w, f, *MEMBER_CONST(int, in, f));
		break;
	case JSON_F_U64:
		write_u64(w, f, *MEMBER_CONST(uint64_t, in, f));
		break;
	case JSON_F_U32:
		write_u64(w, f, *MEMBER_CONST(uint32_t, in, f));
		break;
	case JSON_F_STRV:
	case JSON_F_MAP:
		write_strings(w, f, *MEMBER_CONST(char **, in, f));
		break;
	case JSON_F_OBJ:
		write_object(w, f, MEMBER_CONST(char, in, f));
		break;
	case JSON_F_PTR:
		sub = *MEMBER_CONST(void *, in, f);
		if (sub)
			write_object(w, f, sub);
		else if (!omit)
			json_write_null(w, f->name);
		break;
	case JSON_F_ARRAY:
		write_array(w, f, in);
		break;
	case JSON_F_U32V:
		write_u32v(w, f, in);
		break;
	case JSON_F_EXTRA:
		json_write_members(w, *MEMBER_CONST(char *, in, f));
		break;
	case JSON_F_END:
		break;
	}
}

void json_write_fields(struct json_writer *w, const struct json_field *fields, const void *in)
{
	for (const struct json_field *f = fields; f->kind != JSON_F_END; f++)
		write_field(w, f, in);
}

int json_load_record(int dirfd, const char *name, size_t max, const struct json_field *fields,
		     void *out, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	r = file_read_at(dirfd, name, max, &text, &len, err);
	if (r < 0)
		return r;
	r = json_parse(text, len, max, &doc, err);
	if (r == 0)
		r = json_read_fields(json_root(doc), fields, out, err);
	return r < 0 ? cmk_err_wrap(err, r, "read '%s'", name) : 0;
}

int json_record_text(const struct json_field *fields, const void *in, char **ret, size_t *ret_len,
		     struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;

	json_write_object(&w, NULL);
	json_write_fields(&w, fields, in);
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

int json_save_record(int dirfd, const char *name, const struct json_field *fields, const void *in,
		     int file_flags, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = json_record_text(fields, in, &text, &len, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "write '%s'", name);
	return file_replace_at(dirfd, name, text, len, 0600, (enum file_flags)file_flags, err);
}
