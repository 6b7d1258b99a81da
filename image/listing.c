// SPDX-License-Identifier: Apache-2.0
#include "image/listing.h"
#include "base/text.h"

#define PAGE_MAX ((size_t)8 << 20)
#define PAGES_MAX 1000
#define ITEMS_MAX ((size_t)100000)
#define PATH_LEN_MAX ((size_t)4 << 10)

/* It goes to a terminal. */
static char *plain_text(const char *s)
{
	char *copy = xstrdup(s ? s : "");

	text_make_plain(copy, NULL, ' ');
	return copy;
}

int listing_strings(const char *text, size_t len, const char *member, char ***list, size_t *n,
		    struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char **items = NULL;
	const struct json *array;
	size_t count = 0;
	int r;

	r = json_parse(text, len, PAGE_MAX, &doc, err);
	if (r < 0)
		return r;
	array = json_get(json_root(doc), member);
	if (!array || array->type == JSON_NULL)
		return 0;
	if (array->type != JSON_ARRAY)
		return cmk_err_set(err, -EINVAL, "'%s' is not an array", member);
	if (array->n > ITEMS_MAX - MIN(*n, ITEMS_MAX))
		return cmk_err_set(err, -EFBIG, "more than %zu %s", ITEMS_MAX, member);
	json_each (v, array)
		if (!json_str(v))
			return cmk_err_set(err, -EINVAL, "'%s' holds what is no string", member);
	items = xcalloc(array->n + 1, sizeof(*items));
	json_each (v, array)
		items[count++] = plain_text(v->text);
	strv_add_many_take(list, items, count);
	*n += count;
	return 0;
}

int listing_results(const char *text, size_t len, struct image_found **list, size_t *n,
		    struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const struct json *array;
	struct image_found *found;
	size_t count = 0;
	int r;

	r = json_parse(text, len, PAGE_MAX, &doc, err);
	if (r < 0)
		return r;
	array = json_get(json_root(doc), "results");
	if (!array || array->type != JSON_ARRAY || array->n > ITEMS_MAX)
		return cmk_err_set(err, -EINVAL, "'results' is not an array");
	found = xcalloc(array->n + 1, sizeof(*found));
	json_each (v, array) {
		struct image_found *f = &found[count];

		if (!json_str(json_get(v, "name")))
			continue;
		f->name = plain_text(json_str(json_get(v, "name")));
		f->description = plain_text(json_str(json_get(v, "description")));
		(void)json_i64(json_get(v, "star_count"), &f->stars);
		f->official = json_bool(json_get(v, "is_official"), false);
		f->automated = json_bool(json_get(v, "is_automated"), false);
		count++;
	}
	*list = found;
	*n = count;
	return 0;
}

/* "scheme://host/path" → "/path": it is asked of the registry that we talk to, of no other. */
static char *path_of(const char *url, size_t len)
{
	cleanup_free char *s = xstrndup(url, len);
	const char *at = strstr(s, "://");

	at = at && *s != '/' ? strchrnul(at + 3, '/') : s;
	if (*at != '/' || len > PATH_LEN_MAX)
		return NULL;
	for (const char *p = at; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f || *p == '#')
			return NULL;
	return xstrdup(at);
}

/* The parameters of a link, up to the comma or the end: whether it is the next one. */
static bool is_next(const char *params, size_t len)
{
	cleanup_free char *s = xstrndup(params, len);
	const char *rel = strstr(s, "rel=");

	return !rel || str_after(rel, "rel=next") || str_after(rel, "rel=\"next\"");
}

char *listing_next(const char *link)
{
	const char *at = link;

	while ((at = strchr(at, '<'))) {
		const char *end = strchr(at, '>');
		size_t rest;

		if (!end)
			return NULL;
		rest = strcspn(end, ",");
		if (is_next(end, rest))
			return path_of(at + 1, (size_t)(end - at - 1));
		at = end + rest;
	}
	return NULL;
}

char *listing_escape(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";
	struct strbuf sb = STRBUF_INIT;

	for (; *text; text++) {
		if (strchr(plain, *text))
			strbuf_addc(&sb, *text);
		else
			strbuf_addf(&sb, "%%%02X", (unsigned char)*text);
	}
	return strbuf_steal(&sb);
}

int listing_fetch(struct client *c, const char *path, const char *member,
		  bool (*enough)(char *const *list, size_t n, void *arg), void *arg, char ***list,
		  size_t *n, struct cmk_err *err)
{
	cleanup_free char *at = xstrdup(path);

	for (int page = 0; at && page < PAGES_MAX; page++) {
		cleanup(fetched_done) struct fetched f = { 0 };
		cleanup_free char *next = NULL;
		int r;

		r = client_fetch_text(c, PROTO_API, at, 0, PAGE_MAX, &f, err);
		if (r < 0)
			return r;
		r = listing_strings(f.text, f.len, member, list, n, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "list of %s", member);
		if (enough && enough(*list, *n, arg))
			return 0;
		next = f.link ? listing_next(f.link) : NULL;
		if (streq_null(next, at))
			return cmk_err_set(err, -ELOOP, "%s: the list goes on with itself", member);
		free(at);
		at = steal_ptr(&next);
	}
	return at ? cmk_err_set(err, -EFBIG, "list of %s: more than %d pages", member, PAGES_MAX)
		  : 0;
}

static bool has_limit(char *const *list cmk_unused, size_t n, void *arg)
{
	const size_t *limit = arg;

	return *limit > 0 && n >= *limit;
}

int listing_tags(struct client *c, const char *repository, size_t limit, char ***list, size_t *n,
		 struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("/v2/%s/tags/list", repository);
	int r;

	r = listing_fetch(c, path, "tags", has_limit, &limit, list, n, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "fetching tags list");
	for (; limit > 0 && *n > limit; (*n)--)
		free(steal_ptr(&(*list)[*n - 1]));
	return 0;
}
