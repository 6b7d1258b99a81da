// SPDX-License-Identifier: Apache-2.0
/* The table of contents of a layer's blob, as JSON. */
#include "base/json.h"
#include "storage/chunked.h"

#define ENTRY_WORDS_MAX 16

static int bad(struct cmk_err *err, const char *why)
{
	return cmk_err_set(err, -EBADMSG, "table of contents: %s", why);
}

void toc_done(struct toc *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->entries[i].name);
	free(t->entries);
	free(t->chunks);
	*t = (struct toc){ 0 };
}

static void cleanup_toc(struct toc *t)
{
	toc_done(t);
}

struct parser {
	struct toc *t;
	uint64_t limit;
	uint64_t end;	   /* of the last file's data */
	uint64_t end_told; /* of the file at hand: endOffset */
};

static unsigned int hex_digit(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The digest NAME of V into SUM: 0 where there is none, 1. */
static int read_sum(const struct json *v, const char *name, uint8_t *sum, struct cmk_err *err)
{
	const char *s = json_str(json_get(v, name));
	struct digest d;
	int r;

	if (!s || !*s)
		return 0;
	r = digest_parse(s, &d, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < TOC_SUM_LEN; i++)
		sum[i] = (uint8_t)(hex_digit(d.hex[2 * i]) << 4 | hex_digit(d.hex[2 * i + 1]));
	return 1;
}

static int read_number(const struct json *v, const char *name, uint64_t *ret, struct cmk_err *err)
{
	const struct json *n = json_get(v, name);

	*ret = 0;
	if (n && json_u64(n, INT64_MAX, ret) < 0)
		return cmk_err_set(err, -EBADMSG, "table of contents: an impossible '%s'", name);
	return 0;
}

/* --- chunks --- */

/* The chunk that V tells of the file at hand. */
static int add_chunk(struct parser *p, const struct json *v, struct cmk_err *err)
{
	struct toc *t = p->t;
	struct toc_entry *e = &t->entries[t->n - 1];
	const char *type = json_str(json_get(v, "chunkType"));
	struct toc_chunk c = { 0 };
	int r;

	/* Several chunks in one piece of compressed data: no newer way of writing is guessed at. */
	if (json_get(v, "innerOffset"))
		return bad(err, "'innerOffset' is not supported");
	if (type && *type && !streq(type, "zeros"))
		return bad(err, "an unknown kind of chunk");
	c.zeros = type && *type;
	r = read_number(v, "offset", &c.offset, err);
	if (r == 0)
		r = read_number(v, "chunkOffset", &c.at, err);
	if (r == 0)
		r = read_number(v, "chunkSize", &c.size, err);
	if (r == 0)
		r = read_sum(v, "chunkDigest", c.sum, err);
	if (r < 0)
		return r;
	c.has_sum = r > 0;
	if (t->n_chunks == t->cap_chunks) {
		t->cap_chunks = t->cap_chunks ? t->cap_chunks * 2 : 256;
		t->chunks = xrealloc(t->chunks, t->cap_chunks, sizeof(*t->chunks));
	}
	t->chunks[t->n_chunks++] = c;
	e->n++;
	return 0;
}

/* Are the chunks of E the whole file, and in order? */
static int check_sizes(const struct toc *t, const struct toc_entry *e, struct cmk_err *err)
{
	uint64_t at = 0;

	for (size_t i = 0; i < e->n; i++) {
		struct toc_chunk *c = &t->chunks[e->first + i];

		if (c->at != at || at >= e->size)
			return bad(err, "chunks that do not follow each other");
		/* Of the last one it may be left out. */
		if (c->size == 0 && i + 1 == e->n)
			c->size = e->size - at;
		if (c->size == 0 || c->size > e->size - at)
			return bad(err, "a chunk of an impossible size");
		at += c->size;
	}
	return at == e->size ? 0 : bad(err, "chunks that are not the whole file");
}

/* All of the file at hand has been read. */
static int finish_file(struct parser *p, struct cmk_err *err)
{
	struct toc *t = p->t;
	struct toc_entry *e = t->n > 0 ? &t->entries[t->n - 1] : NULL;
	int r;

	if (!e || e->n == 0)
		return 0;
	r = check_sizes(t, e, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < e->n; i++) {
		struct toc_chunk *c = &t->chunks[e->first + i];

		if (c->offset < p->end || c->offset >= p->limit)
			return bad(err, "data that overlaps, or lies beyond the blob's end");
		if (i > 0)
			c[-1].end = c->offset;
		p->end = c->offset + 1;
		if (e->n == 1 && !c->has_sum) {
			memcpy(c->sum, e->sum, sizeof(c->sum));
			c->has_sum = true;
		}
	}
	if (t->kind == CHUNKED_ESTARGZ)
		return 0;
	if (p->end_told < p->end || p->end_told > p->limit)
		return bad(err, "data that ends at an impossible place");
	t->chunks[e->first + e->n - 1].end = p->end = p->end_told;
	return 0;
}

/* --- entries --- */

static int add_entry(struct parser *p, const char *name, struct toc_entry **ret,
		     struct cmk_err *err)
{
	struct toc *t = p->t;
	struct toc_entry *e;
	size_t len = strlen(name);

	if (len > TAR_NAME_MAX)
		return bad(err, "a name that is too long");
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 256;
		t->entries = xrealloc(t->entries, t->cap, sizeof(*t->entries));
	}
	e = &t->entries[t->n];
	*e = (struct toc_entry){ .name = xmalloc(len + 1), .first = t->n_chunks };
	t->n++;
	if (extract_clean_name(name, e->name) < 0)
		return bad(err, "a name that leads out of the layer");
	*ret = e;
	return 0;
}

static bool is_known_type(const char *type)
{
	static const char *const types[] = { "reg",   "dir",  "symlink", "hardlink",
					     "block", "char", "fifo" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (streq(types[i], type))
			return true;
	return false;
}

static int continue_file(struct parser *p, const char *name, const struct json *v,
			 struct cmk_err *err)
{
	struct toc_entry *e = p->t->n > 0 ? &p->t->entries[p->t->n - 1] : NULL;
	char clean[TAR_NAME_MAX + 1];

	if (strlen(name) > TAR_NAME_MAX || extract_clean_name(name, clean) < 0 || !e || e->n == 0 ||
	    !streq(e->name, clean))
		return bad(err, "a chunk of no file");
	return add_chunk(p, v, err);
}

static int read_entry(struct parser *p, const struct json *v, struct cmk_err *err)
{
	const char *type = json_str(json_get(v, "type")), *name = json_str(json_get(v, "name"));
	struct toc_entry *e = NULL;
	int r;

	if (!type || !name)
		return bad(err, "an entry without type or name");
	if (streq(type, "chunk"))
		return continue_file(p, name, v, err);
	if (!is_known_type(type))
		return bad(err, "an entry of an unknown type");
	r = finish_file(p, err);
	if (r == 0)
		r = add_entry(p, name, &e, err);
	if (r < 0 || !streq(type, "reg"))
		return r;
	r = read_number(v, "size", &e->size, err);
	if (r < 0 || e->size == 0)
		return r;
	r = read_number(v, "endOffset", &p->end_told, err);
	if (r == 0)
		r = read_sum(v, "digest", e->sum, err);
	if (r == 0)
		r = bad(err, "a file without a digest");
	return r < 0 ? r : add_chunk(p, v, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(const struct toc *t, struct cmk_err *err)
{
	cleanup_free const char **names = xcalloc(t->n + 1, sizeof(*names));

	for (size_t i = 0; i < t->n; i++)
		names[i] = t->entries[i].name;
	qsort(names, t->n, sizeof(*names), compare_names);
	for (size_t i = 1; i < t->n; i++)
		if (streq(names[i - 1], names[i]))
			return cmk_err_set(err, -EBADMSG, "table of contents: '%.200s' twice",
					   names[i]);
	return 0;
}

static int read_root(struct parser *p, const struct json *root, struct cmk_err *err)
{
	const struct json *entries = json_get(root, "entries");
	const char *split = json_str(json_get(root, "tarSplitDigest"));
	uint64_t version = 0;
	int r = 0;

	if (json_u64(json_get(root, "version"), 1000, &version) < 0 || version != 1)
		return bad(err, "not of version 1");
	if (!entries || entries->type != JSON_ARRAY)
		return bad(err, "no entries");
	if (split && *split) {
		r = digest_parse(split, &p->t->split, err);
		p->t->has_split = r == 0;
	}
	for (const struct json *v = entries->first; r == 0 && v; v = v->next)
		r = v->n > 2 * ENTRY_WORDS_MAX ? bad(err, "an entry of too many members")
					       : read_entry(p, v, err);
	if (r == 0)
		r = finish_file(p, err);
	return r < 0 ? r : check_names(p->t, err);
}

int toc_parse(const char *text, size_t len, enum layer_chunking kind, uint64_t limit,
	      struct toc *ret, struct cmk_err *err)
{
	cleanup(cleanup_toc) struct toc t = { .kind = kind };
	cleanup_json_doc struct json_doc *doc = NULL;
	struct parser p = { .t = &t, .limit = limit };
	int r = json_parse(text, len, LAYER_TOC_MAX, &doc, err);

	if (r < 0)
		return cmk_err_wrap(err, -EBADMSG, "table of contents");
	r = read_root(&p, json_root(doc), err);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct toc){ 0 };
	return 0;
}
