// SPDX-License-Identifier: Apache-2.0
#include "storage/links.h"

#include "base/util.h"

struct link_entry {
	dev_t dev;
	ino_t ino;
	char *path;
};

static struct link_entry *slot_of(const struct link_table *l, dev_t dev, ino_t ino)
{
	size_t i = (size_t)((ino ^ dev << 32) * 0x9e3779b97f4a7c15ULL >> 20);

	for (;; i++) {
		struct link_entry *s = &l->slots[i & (l->cap - 1)];

		if (!s->path || (s->ino == ino && s->dev == dev))
			return s;
	}
}

static void grow(struct link_table *l)
{
	struct link_table bigger = { .n = l->n, .cap = l->cap ? l->cap * 2 : 64 };

	bigger.slots = xcalloc(bigger.cap, sizeof(*bigger.slots));
	for (size_t i = 0; i < l->cap; i++)
		if (l->slots[i].path)
			*slot_of(&bigger, l->slots[i].dev, l->slots[i].ino) = l->slots[i];
	free(l->slots);
	*l = bigger;
}

const char *link_first(struct link_table *l, const struct stat *st, const char *path)
{
	struct link_entry *s;

	if (l->n * 2 >= l->cap)
		grow(l);
	s = slot_of(l, st->st_dev, st->st_ino);
	if (s->path)
		return s->path;
	*s = (struct link_entry){ .dev = st->st_dev, .ino = st->st_ino, .path = xstrdup(path) };
	l->n++;
	return NULL;
}

void link_table_done(struct link_table *l)
{
	for (size_t i = 0; i < l->cap; i++)
		free(l->slots[i].path);
	free(l->slots);
	*l = (struct link_table){ 0 };
}
