// SPDX-License-Identifier: Apache-2.0
/* Reading. The writer is in json_write.c, the field tables are in json_fields.c. */
#include "base/json.h"

#include <yajl/yajl_parse.h>

#include "base/parse.h"
#include "base/text.h"

/* A value costs some sixty bytes where its text may be two ("1,"): bound what a small text can make
 * us allocate. */
#define JSON_VALUES_MAX (1 << 20)
#define CHUNK_MIN ((size_t)2048)
/* What a record's text needs of the arena, mostly: one allocation. */
#define CHUNK_PER_BYTE 6
#define PAIRS_MAX 40 /* up to here, pairs of keys cost less than sorting them */
#define CHUNK_MAX ((size_t)256 << 10)

/* Values grow from the front of a chunk, text from its back, so that neither needs padding. */
struct chunk {
	struct chunk *prev;
	size_t size;
	_Alignas(struct json) char data[];
};

struct json_doc {
	struct chunk *chunks;
	char *front, *back;
	const struct json *root;
};

struct level {
	struct json *node, *last;
};

struct parser {
	struct json_doc *doc;
	yajl_handle handle;
	const char *key; /* of the value to come, inside an object */
	const char *reason;
	size_t n_values;
	unsigned int depth;
	struct level stack[JSON_DEPTH_MAX];
};

static void arena_grow(struct json_doc *doc, size_t need)
{
	size_t size = doc->chunks ? MIN(doc->chunks->size * 2, CHUNK_MAX) : CHUNK_MIN;
	struct chunk *c;

	size = MAX(size, need);
	c = xmalloc(sizeof(*c) + size);
	c->prev = doc->chunks;
	c->size = size;
	doc->chunks = c;
	doc->front = c->data;
	doc->back = c->data + size;
}

static struct json *arena_value(struct json_doc *doc)
{
	struct json *v;

	if ((size_t)(doc->back - doc->front) < sizeof(*v))
		arena_grow(doc, sizeof(*v));
	v = (struct json *)doc->front;
	doc->front += sizeof(*v);
	*v = (struct json){ 0 };
	return v;
}

static const char *arena_text(struct json_doc *doc, const void *s, size_t len)
{
	if ((size_t)(doc->back - doc->front) < len + 1) {
		/* Values must stay aligned at the front of whatever follows. */
		arena_grow(doc, len + 1);
	}
	doc->back -= len + 1;
	memcpy(doc->back, s, len);
	doc->back[len] = '\0';
	return doc->back;
}

static int parser_refuse(struct parser *p, const char *reason)
{
	p->reason = reason;
	return 0;
}

/* Makes a value and links it to what it stands in; NULL where the parse shall end. */
static struct json *parser_add(struct parser *p, enum json_type type)
{
	struct json *v;

	if (p->n_values++ >= JSON_VALUES_MAX) {
		(void)parser_refuse(p, "too many values");
		return NULL;
	}
	v = arena_value(p->doc);
	v->type = type;
	v->key = steal_ptr(&p->key);
	v->at = (uint32_t)MIN(yajl_get_bytes_consumed(p->handle), UINT32_MAX);
	if (p->depth == 0) {
		p->doc->root = v;
	} else {
		struct level *l = &p->stack[p->depth - 1];

		if (l->last)
			l->last->next = v;
		else
			l->node->first = v;
		l->last = v;
		l->node->n++;
	}
	return v;
}

static int on_null(void *ctx)
{
	return parser_add(ctx, JSON_NULL) != NULL;
}

static int on_boolean(void *ctx, int b)
{
	struct json *v = parser_add(ctx, JSON_BOOL);

	if (!v)
		return 0;
	v->boolean = b != 0;
	return 1;
}

/* yajl's own check takes overlong forms ("\xc0\x80" for NUL) and surrogates, so it is off and this
 * one stands in its place. */
static int parser_check_text(struct parser *p, const char *s, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;

	for (size_t i = 0; i < len;) {
		uint64_t eight;
		size_t n = 1;

		/* Mostly ASCII: eight bytes at once, none of them 0 or with its top bit set. */
		if (len - i >= sizeof(eight)) {
			memcpy(&eight, s + i, sizeof(eight));
			if (((eight | (eight - ones)) & tops) == 0) {
				i += sizeof(eight);
				continue;
			}
		}
		if (s[i] == '\0')
			return parser_refuse(p, "NUL character in a string");
		if ((unsigned char)s[i] >= 0x80)
			n = text_utf8_len(s + i, len - i);
		if (n == 0)
			return parser_refuse(p, "a string is not valid UTF-8");
		i += n;
	}
	return 1;
}

static int parser_add_text(struct parser *p, enum json_type type, const void *s, size_t len)
{
	struct json *v;

	v = parser_add(p, type);
	if (!v)
		return 0;
	v->text = arena_text(p->doc, s, len);
	v->n = len;
	return 1;
}

static int on_number(void *ctx, const char *s, size_t len)
{
	return parser_add_text(ctx, JSON_NUMBER, s, len);
}

static int on_string(void *ctx, const unsigned char *s, size_t len)
{
	return parser_check_text(ctx, (const char *)s, len) &&
	       parser_add_text(ctx, JSON_STRING, s, len);
}

static int on_key(void *ctx, const unsigned char *s, size_t len)
{
	struct parser *p = ctx;

	if (!parser_check_text(p, (const char *)s, len))
		return 0;
	p->key = arena_text(p->doc, s, len);
	return 1;
}

static int parser_open(struct parser *p, enum json_type type)
{
	struct json *v;

	if (p->depth >= JSON_DEPTH_MAX)
		return parser_refuse(p, "nested too deeply");
	v = parser_add(p, type);
	if (!v)
		return 0;
	p->stack[p->depth++] = (struct level){ .node = v };
	return 1;
}

static int on_start_map(void *ctx)
{
	return parser_open(ctx, JSON_OBJECT);
}

static int on_start_array(void *ctx)
{
	return parser_open(ctx, JSON_ARRAY);
}

static int on_end_array(void *ctx)
{
	struct parser *p = ctx;

	p->depth--;
	return 1;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of two members with one key, readers differ in which they believe: neither is (the manifest
 * confusion of CVE-2021-41190 is of this family). Pairs for small objects, sorted for large. */
static bool has_double_key(const struct json *obj)
{
	cleanup_free const char **keys = NULL;
	size_t n = 0;

	if (obj->n <= PAIRS_MAX) {
		for (const struct json *a = obj->first; a; a = a->next)
			for (const struct json *b = a->next; b; b = b->next)
				if (a->key[0] == b->key[0] && streq(a->key, b->key))
					return true;
		return false;
	}
	keys = xcalloc(obj->n, sizeof(*keys));
	json_each (m, obj)
		keys[n++] = m->key;
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n; i++)
		if (streq(keys[i - 1], keys[i]))
			return true;
	return false;
}

static int on_end_map(void *ctx)
{
	struct parser *p = ctx;

	p->depth--;
	if (has_double_key(p->stack[p->depth].node))
		return parser_refuse(p, "an object has the same key twice");
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

static size_t line_of(const char *text, size_t len, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < MIN(len, at); i++)
		line += text[i] == '\n';
	return line;
}

static int parse_failed(yajl_handle h, const struct parser *p, const char *doc, size_t len,
			struct cmk_err *err)
{
	size_t at = yajl_get_bytes_consumed(h), line = line_of(doc, len, at);
	unsigned char *text;

	if (p->reason)
		return cmk_err_set(err, -EINVAL, "invalid JSON at byte %zu, line %zu: %s", at, line,
				   p->reason);
	text = yajl_get_error(h, 0, NULL, 0);
	cmk_err_set(err, -EINVAL, "invalid JSON at byte %zu, line %zu: %.*s", at, line,
		    text ? (int)strcspn((char *)text, "\n") : 0, text ? (char *)text : "");
	if (text)
		yajl_free_error(h, text);
	return -EINVAL;
}

int json_parse(const char *text, size_t len, size_t max_len, struct json_doc **ret,
	       struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct parser p = { 0 };
	yajl_handle h;
	int r = 0;

	if (len > max_len)
		return cmk_err_set(err, -EFBIG, "JSON of %zu bytes is larger than the limit of %zu",
				   len, max_len);
	doc = xcalloc(1, sizeof(*doc));
	if (len > CHUNK_MIN / CHUNK_PER_BYTE)
		arena_grow(doc, MIN(len, CHUNK_MAX / CHUNK_PER_BYTE) * CHUNK_PER_BYTE &
					~(sizeof(void *) - 1));
	p.doc = doc;
	h = yajl_alloc(&callbacks, NULL, &p);
	if (!h)
		return cmk_err_set(err, -ENOMEM, "cannot make a JSON parser");
	p.handle = h;
	(void)yajl_config(h, yajl_dont_validate_strings, 1);
	if (yajl_parse(h, (const unsigned char *)text, len) != yajl_status_ok ||
	    yajl_complete_parse(h) != yajl_status_ok)
		r = parse_failed(h, &p, text, len, err);
	else if (!doc->root)
		r = cmk_err_set(err, -EINVAL, "invalid JSON: the text is empty");
	yajl_free(h);
	if (r < 0)
		return r;
	*ret = steal_ptr(&doc);
	return 0;
}

void json_doc_free(struct json_doc *doc)
{
	int saved = errno;

	if (!doc)
		return;
	while (doc->chunks) {
		struct chunk *prev = doc->chunks->prev;

		free(doc->chunks);
		doc->chunks = prev;
	}
	free(doc);
	errno = saved;
}

const struct json *json_root(const struct json_doc *doc)
{
	return doc ? doc->root : NULL;
}

size_t json_line(const char *text, size_t len, const struct json *v)
{
	return line_of(text, len, v ? v->at : 0);
}

const struct json *json_get(const struct json *obj, const char *key)
{
	if (!obj || obj->type != JSON_OBJECT)
		return NULL;
	json_each (m, obj) {
		if (streq(m->key, key))
			return m;
	}
	return NULL;
}

const struct json *json_path(const struct json *obj, const char *path)
{
	while (obj) {
		size_t n = strcspn(path, ".");
		const struct json *found = NULL;

		if (obj->type != JSON_OBJECT)
			return NULL;
		json_each (m, obj) {
			if (strncmp(m->key, path, n) == 0 && !m->key[n])
				found = m;
		}
		if (!path[n])
			return found;
		obj = found;
		path += n + 1;
	}
	return NULL;
}

const char *json_str(const struct json *v)
{
	return v && v->type == JSON_STRING ? v->text : NULL;
}

int json_u64(const struct json *v, uint64_t max, uint64_t *ret)
{
	return v && v->type == JSON_NUMBER ? parse_u64_n(v->text, v->n, max, ret) : -EINVAL;
}

int json_i64(const struct json *v, int64_t *ret)
{
	return v && v->type == JSON_NUMBER ? parse_i64(v->text, INT64_MIN, INT64_MAX, ret)
					   : -EINVAL;
}

bool json_bool(const struct json *v, bool fallback)
{
	return v && v->type == JSON_BOOL ? v->boolean : fallback;
}

int json_strv(const struct json *v, char ***ret)
{
	size_t cap = 1, i = 0;
	char **out;

	if (!v || v->type == JSON_NULL) {
		*ret = NULL;
		return 0;
	}
	if (v->type != JSON_ARRAY)
		return -EINVAL;
	json_each (m, v) {
		if (m->type != JSON_STRING)
			return -EINVAL;
	}
	if (v->n == 0) {
		*ret = NULL;
		return 0;
	}
	/* The room that strv_add() counts on: a power of two above the length. */
	while (cap <= v->n)
		cap *= 2;
	out = xcalloc(cap, sizeof(*out));
	json_each (m, v)
		out[i++] = xstrdup(m->text);
	*ret = out;
	return 0;
}
