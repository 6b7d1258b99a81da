// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/optidmap.h"

#include "base/parse.h"

#define RANGES_MAX 340 /* user_namespaces(7), "Defining user and group ID mappings" */

void opt_idmap_done(struct opt_idmap *m)
{
	free(m->uids);
	free(m->gids);
	*m = (struct opt_idmap){ 0 };
}

static bool meet(uint32_t a, uint32_t b, uint32_t n_a, uint32_t n_b)
{
	return a < (uint64_t)b + n_b && b < (uint64_t)a + n_a;
}

static bool clash(const struct opt_idmap_range *a, const struct opt_idmap_range *b)
{
	return meet(a->file, b->file, a->count, b->count) ||
	       (a->relative == b->relative && meet(a->to, b->to, a->count, b->count));
}

/* "[@]FILE-TO-COUNT" */
static int parse_range(const char *text, struct opt_idmap_range *ret, struct cmk_err *err)
{
	cleanup_strv char **part = strv_split(text + (*text == '@'), '-');

	ret->relative = *text == '@';
	/* The last id is no id. */
	if (strv_len(part) == 3 && parse_u32(part[0], UINT32_MAX - 1, &ret->file) == 0 &&
	    parse_u32(part[1], UINT32_MAX - 1, &ret->to) == 0 &&
	    parse_u32(part[2], UINT32_MAX, &ret->count) == 0 && ret->count > 0 &&
	    ret->count <= UINT32_MAX - ret->file && ret->count <= UINT32_MAX - ret->to)
		return 0;
	return cmk_err_set(err, -EINVAL, "'%s' is not of the form FILE-HOST-COUNT, as 0-100000-10",
			   text);
}

static int parse_list(const char *text, struct opt_idmap_range **list, size_t *n,
		      struct cmk_err *err)
{
	cleanup_strv char **words = strv_split(text, '#');

	for (char **w = words; *w; w++) {
		struct opt_idmap_range range;
		int r = parse_range(*w, &range, err);

		if (r < 0)
			return r;
		if (*n == RANGES_MAX)
			return cmk_err_set(err, -E2BIG, "more than %d ranges", RANGES_MAX);
		for (size_t i = 0; i < *n; i++)
			if (clash(&(*list)[i], &range))
				return cmk_err_set(err, -EINVAL,
						   "'%s' has ids of another range as well", *w);
		*list = xrealloc(*list, *n + 1, sizeof(**list));
		(*list)[(*n)++] = range;
	}
	return 0;
}

static int parse_maps(const char *text, struct opt_idmap *m, struct cmk_err *err)
{
	cleanup_strv char **parts = strv_split(text, ';');
	int r = 0;

	for (char **p = parts; *p && r == 0; p++) {
		const char *uids = str_after(*p, "uids="), *gids = str_after(*p, "gids=");

		if (!uids && !gids)
			return cmk_err_set(err, -EINVAL, "'%s' is neither uids= nor gids=", *p);
		if (uids ? m->n_uids : m->n_gids)
			return cmk_err_set(err, -EINVAL, "%s stands twice",
					   uids ? "uids=" : "gids=");
		r = uids ? parse_list(uids, &m->uids, &m->n_uids, err)
			 : parse_list(gids, &m->gids, &m->n_gids, err);
	}
	return r;
}

int opt_idmap_parse(const char *text, struct opt_idmap *ret, struct cmk_err *err)
{
	struct opt_idmap m = { 0 };
	int r = parse_maps(text, &m, err);

	if (r < 0) {
		opt_idmap_done(&m);
		return cmk_err_wrap(err, r, "idmap='%s'", text);
	}
	*ret = m;
	return 0;
}
