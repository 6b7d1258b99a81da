// SPDX-License-Identifier: Apache-2.0
#include "libpod/container/idmap.h"

#include "base/parse.h"

#define FORM "[+ug]uint32:[@]uint32[:uint32]"

/* How many ids the parent namespace has: its ids are 0, 1, … one after the other. */
static uint32_t ids_of(const struct id_map *m)
{
	uint32_t end = 0;

	for (size_t i = 0; i < m->n; i++)
		end = MAX(end, m->range[i].inside + m->range[i].count);
	return end;
}

static void add(struct id_map *m, uint32_t inside, uint32_t outside, uint32_t count)
{
	if (count > 0)
		id_map_add(m, inside, outside, count);
}

/* OWN inside is the user; those around it are subordinate. MAX: how many of these. */
static void keep_one(struct id_map *m, uint32_t own, uint32_t max)
{
	add(m, 0, 1, MIN(own, max));
	add(m, own, 0, 1);
	if (max > own)
		add(m, own + 1, own + 1, max - own);
}

static int keep_option(const char *word, uint32_t *uid, uint32_t *gid, uint32_t *size,
		       struct cmk_err *err)
{
	const char *eq = strchr(word, '=');
	uint32_t *to = NULL;

	if (!eq)
		return cmk_err_set(err, -EINVAL, "invalid option specified: \"%s\"", word);
	if (str_after(word, "uid="))
		to = uid;
	else if (str_after(word, "gid="))
		to = gid;
	else if (str_after(word, "size="))
		to = size;
	if (!to)
		return cmk_err_set(err, -EINVAL, "unknown option specified: \"%.*s\"",
				   (int)(eq - word), word);
	if (parse_u32(eq + 1, UINT32_MAX - 1, to) < 0)
		return cmk_err_set(err, -EINVAL, "'%s': not an id", word);
	return 0;
}

int idmap_keep_id(const struct userns_config *c, const char *options, struct id_map_pair *ret,
		  uint32_t *ret_uid, uint32_t *ret_gid, struct cmk_err *err)
{
	cleanup_strv char **words = options ? strv_split(options, ',') : NULL;
	uint32_t uid = c->uid, gid = c->gid, size = UINT32_MAX;

	for (char **w = words; w && *w; w++) {
		int r = keep_option(*w, &uid, &gid, &size, err);

		if (r < 0)
			return r;
	}
	if (c->uid == 0)
		return cmk_err_set(err, -EINVAL, "keep-id is only supported in rootless mode");
	if (size == 0)
		return cmk_err_set(err, -EINVAL, "'size=0': there is one id at least");
	*ret = (struct id_map_pair){ 0 };
	keep_one(&ret->uids, uid, MIN(ids_of(&c->uids), size) - 1);
	keep_one(&ret->gids, gid, MIN(ids_of(&c->gids), size) - 1);
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

int idmap_nomap(const struct userns_config *c, struct id_map_pair *ret, struct cmk_err *err)
{
	if (c->uid == 0)
		return cmk_err_set(err, -EINVAL, "nomap is only supported in rootless mode");
	if (ids_of(&c->uids) < 2 || ids_of(&c->gids) < 2) {
		(void)cmk_err_set(err, -EINVAL, "nomap needs subordinate ids");
		return cmk_err_hint(err, "run: sudo usermod --add-subuids 100000-165535 "
					 "--add-subgids 100000-165535 USER")
			       ?: -EINVAL;
	}
	*ret = (struct id_map_pair){ 0 };
	add(&ret->uids, 0, 1, ids_of(&c->uids) - 1);
	add(&ret->gids, 0, 1, ids_of(&c->gids) - 1);
	return 0;
}

/* --- explicit maps --- */

struct entry {
	struct id_range range;
	bool extends, is_host, for_uids, for_gids;
};

static int parse_entry(const char *text, const char *what, struct entry *ret, struct cmk_err *err)
{
	struct entry e = { .range.count = 1 };
	const char *p = text;
	cleanup_strv char **parts = NULL;
	size_t n;

	for (; *p == '+' || *p == 'u' || *p == 'g'; p++) {
		e.extends |= *p == '+';
		e.for_uids |= *p == 'u';
		e.for_gids |= *p == 'g';
	}
	if (!e.for_uids && !e.for_gids)
		e.for_uids = e.for_gids = true;
	parts = strv_split(p, ':');
	n = strv_len(parts);
	e.is_host = n > 1 && parts[1][0] == '@';
	if ((n != 2 && n != 3) || parse_u32(parts[0], UINT32_MAX - 1, &e.range.inside) < 0 ||
	    parse_u32(parts[1] + e.is_host, UINT32_MAX - 1, &e.range.outside) < 0 ||
	    (n == 3 && parse_u32(parts[2], UINT32_MAX - 1, &e.range.count) < 0) ||
	    e.range.count == 0 || UINT32_MAX - e.range.inside < e.range.count ||
	    UINT32_MAX - e.range.outside < e.range.count)
		return cmk_err_set(err, -EINVAL,
				   "%s setting is malformed expected [\"" FORM "\"]: [\"%s\"]",
				   what, text);
	*ret = e;
	return 0;
}

/* Takes COUNT ids from START on out of the map: inside ones, or those of the parent. */
static void cut(struct id_map *m, bool inside, uint32_t start, uint32_t count)
{
	struct id_map left = { 0 };
	uint32_t end = start + count;

	for (size_t i = 0; i < m->n; i++) {
		const struct id_range *r = &m->range[i];
		uint32_t from = inside ? r->inside : r->outside, to = from + r->count;

		if (from < start)
			add(&left, r->inside, r->outside, MIN(to, start) - from);
		if (to > end) {
			uint32_t skip = from < end ? end - from : 0;

			add(&left, r->inside + skip, r->outside + skip, r->count - skip);
		}
	}
	id_map_done(m);
	*m = left;
}

static int insert(struct id_map *m, const struct entry *e, struct id_range r, const char *what,
		  struct cmk_err *err)
{
	if (e->extends) {
		cut(m, true, r.inside, r.count);
		cut(m, false, r.outside, r.count);
	}
	for (size_t i = 0; i < m->n; i++) {
		const struct id_range *o = &m->range[i];
		bool inside = r.inside < o->inside + o->count && o->inside < r.inside + r.count;
		bool outside = r.outside < o->outside + o->count &&
			       o->outside < r.outside + r.count;

		if (inside || outside)
			return cmk_err_set(err, -EINVAL, "%s map: %u:%u:%u and %u:%u:%u overlap",
					   what, o->inside, o->outside, o->count, r.inside,
					   r.outside, r.count);
	}
	id_map_add(m, r.inside, r.outside, r.count);
	return 0;
}

/* Ids of the host lie in the parent namespace in as many pieces as that map has. */
static int insert_host(struct id_map *m, const struct entry *e, const struct id_map *parent,
		       const char *what, struct cmk_err *err)
{
	for (uint32_t i = 0; i < e->range.count;) {
		uint32_t from = id_map_to_inside(parent, e->range.outside + i), n = 1;
		int r;

		if (from == UINT32_MAX) {
			(void)cmk_err_set(err, -EINVAL, "%s map: host id %u is not one of yours",
					  what, e->range.outside + i);
			return cmk_err_hint(err, "see /etc/sub%cid", what[0] == 'U' ? 'u' : 'g')
				       ?: -EINVAL;
		}
		while (i + n < e->range.count &&
		       id_map_to_inside(parent, e->range.outside + i + n) == from + n)
			n++;
		r = insert(m, e, (struct id_range){ e->range.inside + i, from, n }, what, err);
		if (r < 0)
			return r;
		i += n;
	}
	return 0;
}

static bool next_free(const struct id_map *m, bool inside, uint32_t *id, uint32_t *ret_count)
{
	uint32_t end = UINT32_MAX;
	bool moved;

	do {
		moved = false;
		for (size_t i = 0; i < m->n; i++) {
			const struct id_range *r = &m->range[i];
			uint32_t from = inside ? r->inside : r->outside;

			if (*id >= from && *id - from < r->count) {
				*id = from + r->count;
				moved = true;
			}
		}
	} while (moved);
	for (size_t i = 0; i < m->n; i++) {
		uint32_t from = inside ? m->range[i].inside : m->range[i].outside;

		if (from > *id)
			end = MIN(end, from);
	}
	*ret_count = end - *id;
	return *ret_count > 0;
}

/* What is free of both, from 0 on. */
static void fill(struct id_map *m, uint32_t ids)
{
	struct id_map more = { 0 };
	uint32_t inside = 0, outside = 0, n_inside, n_outside;

	while (next_free(m, true, &inside, &n_inside) &&
	       next_free(m, false, &outside, &n_outside) && outside < ids) {
		uint32_t n = MIN(MIN(n_inside, n_outside), ids - outside);

		add(&more, inside, outside, n);
		inside += n;
		outside += n;
	}
	for (size_t i = 0; i < more.n; i++)
		id_map_add(m, more.range[i].inside, more.range[i].outside, more.range[i].count);
	id_map_done(&more);
}

static int by_inside(const void *a, const void *b)
{
	const struct id_range *x = a, *y = b;

	return x->inside < y->inside ? -1 : x->inside > y->inside;
}

static int one_map(char *const *texts, bool uids, const char *what, const struct id_map *parent,
		   struct id_map *ret, struct cmk_err *err)
{
	cleanup(id_map_done) struct id_map m = { 0 }, fits = { 0 };
	bool first = true, fills = false;
	int r = 0;

	for (; texts && *texts && r == 0; texts++) {
		struct entry e = { 0 };

		r = parse_entry(*texts, what, &e, err);
		if (r < 0 || !(uids ? e.for_uids : e.for_gids))
			continue;
		fills |= first && e.extends;
		first = false;
		r = e.is_host ? insert_host(&m, &e, parent, what, err)
			      : insert(&m, &e, e.range, what, err);
	}
	if (r < 0)
		return r;
	/* Only the other kind was meant: nothing changes here. */
	if (first || fills)
		fill(&m, ids_of(parent));
	if (id_map_split(&m, parent, &fits) < 0) {
		(void)cmk_err_set(err, -EINVAL, "%s map: it asks for more ids than the %u you have",
				  what, ids_of(parent));
		return cmk_err_hint(err, "see /etc/sub%cid", uids ? 'u' : 'g') ?: -EINVAL;
	}
	qsort(m.range, m.n, sizeof(*m.range), by_inside);
	*ret = m;
	m = (struct id_map){ 0 };
	return 0;
}

int idmap_given(const struct userns_config *c, char *const *uidmap, char *const *gidmap,
		struct id_map_pair *ret, struct cmk_err *err)
{
	struct id_map_pair p = { 0 };
	int r;

	if (!uidmap || !*uidmap)
		uidmap = gidmap;
	else if (!gidmap || !*gidmap)
		gidmap = uidmap;
	r = one_map(uidmap, true, "UID", &c->uids, &p.uids, err);
	if (r == 0)
		r = one_map(gidmap, false, "GID", &c->gids, &p.gids, err);
	if (r < 0) {
		id_map_pair_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

/* --- auto --- */

static int parse_triple(const char *text, const char *what, struct id_map *m, struct cmk_err *err)
{
	struct entry e = { 0 };
	int r;

	if (*text < '0' || *text > '9' || strchr(text, '@'))
		return cmk_err_set(err, -EINVAL, "%s: '%s' is not of the form INSIDE:FROM:LENGTH",
				   what, text);
	r = parse_entry(text, what, &e, err);
	if (r < 0)
		return r;
	return insert(m, &e, e.range, what, err);
}

int idmap_auto_parse(const char *options, struct idmap_auto *ret, struct cmk_err *err)
{
	cleanup_strv char **words = options ? strv_split(options, ',') : NULL;
	struct idmap_auto a = { 0 };
	int r = 0;

	for (char **w = words; w && *w && r == 0; w++) {
		const char *v;

		if ((v = str_after(*w, "size=")))
			r = parse_u32(v, INT32_MAX, &a.size) < 0 || a.size == 0
				    ? cmk_err_set(err, -EINVAL, "'%s': not a number of ids", *w)
				    : 0;
		else if ((v = str_after(*w, "uidmapping=")))
			r = parse_triple(v, "uidmapping", &a.maps.uids, err);
		else if ((v = str_after(*w, "gidmapping=")))
			r = parse_triple(v, "gidmapping", &a.maps.gids, err);
		else
			r = cmk_err_set(err, -EINVAL, "unknown option specified: \"%s\"", *w);
	}
	if (r < 0) {
		idmap_auto_done(&a);
		return r;
	}
	*ret = a;
	return 0;
}

void idmap_auto_done(struct idmap_auto *a)
{
	id_map_pair_done(&a->maps);
}

static uint32_t count_ids(const struct id_map *m)
{
	uint32_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->range[i].count;
	return n;
}

/* In FREE the outside member counts: one range that is large enough becomes the only one. */
static void prefer_one(struct id_map *free_ids, uint32_t need)
{
	for (size_t i = 0; i < free_ids->n; i++) {
		struct id_range r = free_ids->range[i];

		if (r.count < need)
			continue;
		id_map_done(free_ids);
		add(free_ids, 0, r.outside, r.count);
		return;
	}
}

int idmap_auto_choose(const struct id_map *parent, const struct id_map *given,
		      const struct id_map *used, uint32_t size, const char *what,
		      struct id_map *ret, struct cmk_err *err)
{
	cleanup(id_map_done) struct id_map free_ids = { 0 }, inside = { 0 }, m = { 0 };
	uint32_t ids = ids_of(parent), need, have;
	size_t at = 0;

	if (ids > 1)
		add(&free_ids, 0, 1, ids - 1);
	add(&inside, 0, 0, size);
	for (size_t i = 0; i < used->n; i++)
		cut(&free_ids, false, used->range[i].outside, used->range[i].count);
	for (size_t i = 0; i < given->n; i++) {
		const struct id_range *g = &given->range[i];

		cut(&free_ids, false, g->outside, g->count);
		cut(&inside, true, g->inside, g->count);
		add(&m, g->inside, g->outside, g->count);
		if (g->outside >= ids || ids - g->outside < g->count)
			return cmk_err_set(
				err, -EINVAL,
				"%s map: %u:%u:%u asks for more ids than the %u you have", what,
				g->inside, g->outside, g->count, ids);
	}
	need = count_ids(&inside);
	have = count_ids(&free_ids);
	if (have < need) {
		(void)cmk_err_set(err, -ENOSPC,
				  "not enough unused IDs in user namespace: %u of %s are free, %u "
				  "are needed",
				  have, what, need);
		return cmk_err_hint(err, "ask for less by auto:size=N, remove containers that have "
					 "such maps, or add ranges to /etc/subuid and /etc/subgid")
			       ?: -ENOSPC;
	}
	prefer_one(&free_ids, need);
	for (size_t i = 0; i < inside.n; i++) {
		for (uint32_t done = 0; done < inside.range[i].count;) {
			struct id_range *f = &free_ids.range[at];
			uint32_t n = MIN(inside.range[i].count - done, f->count);

			add(&m, inside.range[i].inside + done, f->outside, n);
			done += n;
			f->outside += n;
			f->count -= n;
			at += f->count == 0;
		}
	}
	if (m.n)
		qsort(m.range, m.n, sizeof(*m.range), by_inside);
	*ret = m;
	m = (struct id_map){ 0 };
	return 0;
}
