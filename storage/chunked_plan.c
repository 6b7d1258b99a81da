// SPDX-License-Identifier: Apache-2.0
/* Which ranges of the blob are wanted. */
#include "storage/chunked.h"

/* What lies between two ranges is fetched with them where it is no more than this: a request costs
 * as much. */
#define GAP_MIN ((uint64_t)64 << 10)

struct plan {
	struct layer_range *list;
	size_t n, cap;
};

static void add(struct plan *p, uint64_t from, uint64_t to)
{
	struct layer_range *last = p->n > 0 ? &p->list[p->n - 1] : NULL;

	if (from >= to)
		return;
	if (last && last->offset + last->len + GAP_MIN >= from) {
		last->len = to - last->offset;
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->list = xrealloc(p->list, p->cap, sizeof(*p->list));
	}
	p->list[p->n++] = (struct layer_range){ .offset = from, .len = to - from };
}

bool toc_skips(const struct toc *t, const struct toc_entry *e, struct layer_range *ret,
	       uint64_t *ret_bytes)
{
	const struct toc_chunk *first, *last;
	uint64_t end, bytes;

	if (e->n == 0 || !e->path)
		return false;
	first = &t->chunks[e->first];
	last = first + e->n - 1;
	/* Of eStargz the last piece holds what follows the file, too. */
	end = t->kind == CHUNKED_ESTARGZ ? last->offset : last->end;
	bytes = t->kind == CHUNKED_ESTARGZ ? last->at : e->size;
	if (bytes == 0)
		return false;
	*ret = (struct layer_range){ .offset = first->offset, .len = end - first->offset };
	*ret_bytes = bytes;
	return true;
}

static void plan_files(const struct toc *t, struct plan *p)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct toc_entry *e = &t->entries[i];

		for (size_t k = 0; !e->path && k < e->n; k++) {
			const struct toc_chunk *c = &t->chunks[e->first + k];

			if (!c->zeros)
				add(p, c->offset, c->end);
		}
	}
}

static void plan_rest(const struct toc *t, uint64_t limit, struct plan *p)
{
	uint64_t at = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct layer_range skip;
		uint64_t bytes;

		if (!toc_skips(t, &t->entries[i], &skip, &bytes))
			continue;
		add(p, at, skip.offset);
		at = skip.offset + skip.len;
	}
	add(p, at, limit);
}

/* Fewer and larger ranges: those that lie at most GAP apart become one. */
static void merge(struct plan *p, uint64_t gap)
{
	size_t n = 0;

	for (size_t i = 1; i < p->n; i++) {
		struct layer_range *last = &p->list[n], *next = &p->list[i];

		if (next->offset - (last->offset + last->len) <= gap)
			last->len = next->offset + next->len - last->offset;
		else
			p->list[++n] = *next;
	}
	p->n = p->n > 0 ? n + 1 : 0;
}

void toc_plan(const struct toc *t, uint64_t limit, struct layer_range **ret, size_t *ret_n)
{
	struct plan p = { 0 };

	if (t->has_split)
		plan_files(t, &p);
	else
		plan_rest(t, limit, &p);
	for (uint64_t gap = 2 * GAP_MIN; p.n > LAYER_RANGES_MAX; gap *= 2)
		merge(&p, gap);
	*ret = p.list;
	*ret_n = p.n;
}
