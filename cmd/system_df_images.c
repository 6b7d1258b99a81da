// SPDX-License-Identifier: Apache-2.0
/*
 * What images take. Layers are counted by the size of their tar streams, each once; of the files
 * that layers share (storage_shared_files()) each once, too, and apart from its layers.
 */
#include "cmd/system_df.h"

/* A layer, of each image that has it. */
struct layer {
	const char *diff_id;
	uint64_t size;
	size_t image;
};

/* A layer's entries in a sorted list, and what is left of it beside shared files. */
struct group {
	size_t first, n;
	uint64_t rest;
};

struct count {
	struct images_usage *u;
	struct layer *layers;
	size_t n_layers;
	struct group *groups;
	const char **ids; /* of each group */
	size_t n_groups;
	size_t *of_file; /* images, room for all */
};

void images_usage_done(struct images_usage *u)
{
	storage_image_list_free(u->images, u->n);
	free(u->of_image);
	free(u->maps);
	free(u->map_used);
}

static int compare_layers(const void *a, const void *b)
{
	const struct layer *x = a, *y = b;
	int r = strcmp(x->diff_id, y->diff_id);

	return r ? r : (x->image > y->image) - (x->image < y->image);
}

static int compare_indices(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x > y) - (x < y);
}

/* SIZE bytes that the N images, sorted, have; one may stand there more than once. */
static void add_bytes(struct images_usage *u, const size_t *images, size_t n, uint64_t size)
{
	bool single = n == 0 || images[0] == images[n - 1], used = false;

	for (size_t i = 0; i < n; i++) {
		struct image_usage *image = &u->of_image[images[i]];

		if (i > 0 && images[i] == images[i - 1])
			continue;
		*(single ? &image->unique : &image->shared) += size;
		used |= image->containers > 0;
	}
	u->size += size;
	u->used += used ? size : 0;
}

static void list_layers(struct count *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->u->n; i++)
		n += c->u->images[i].n_layers;
	c->layers = xcalloc(n + 1, sizeof(*c->layers));
	c->groups = xcalloc(n + 1, sizeof(*c->groups));
	c->ids = xcalloc(n + 1, sizeof(*c->ids));
	c->of_file = xcalloc(n + 1, sizeof(*c->of_file));
	for (size_t i = 0; i < c->u->n; i++)
		for (size_t k = 0; k < c->u->images[i].n_layers; k++) {
			const struct image_layer_ref *l = &c->u->images[i].layers[k];

			c->layers[c->n_layers++] = (struct layer){ l->diff_id, l->size, i };
		}
	qsort(c->layers, n, sizeof(*c->layers), compare_layers);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && streq(c->layers[i].diff_id, c->layers[end].diff_id);
		     end++)
			;
		c->ids[c->n_groups] = c->layers[i].diff_id;
		c->groups[c->n_groups++] = (struct group){ i, end - i, c->layers[i].size };
	}
}

static size_t add_images_of(const struct count *c, const struct group *g, size_t n)
{
	for (size_t i = 0; i < g->n; i++)
		c->of_file[n++] = c->layers[g->first + i].image;
	return n;
}

/* The N entries of one file. */
static void add_file(struct count *c, const struct storage_shared_file *f, size_t n)
{
	size_t n_images = 0;

	for (size_t i = 0; i < n; i++) {
		struct group *g = &c->groups[f[i].layer];

		g->rest -= MIN(g->rest, f[i].size);
		n_images = add_images_of(c, g, n_images);
	}
	qsort(c->of_file, n_images, sizeof(*c->of_file), compare_indices);
	add_bytes(c->u, c->of_file, n_images, f->size);
	c->u->n_files++;
	c->u->files_size += f->size;
	c->u->files_saved += f->size * (n - 1);
}

static void count_layers(struct storage *st, struct images_usage *u)
{
	struct count c = { .u = u };
	struct storage_shared_file *files = NULL;
	size_t n = 0;

	list_layers(&c);
	storage_shared_files(st, c.ids, c.n_groups, &files, &n);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && streq(files[i].key, files[end].key); end++)
			;
		add_file(&c, &files[i], end - i);
	}
	for (size_t i = 0; i < c.n_groups; i++)
		add_bytes(u, c.of_file, add_images_of(&c, &c.groups[i], 0), c.groups[i].rest);
	free(files);
	free(c.layers);
	free(c.groups);
	free(c.ids);
	free(c.of_file);
}

static bool uses_map(const struct container *c, const struct storage_map *m)
{
	for (size_t i = 0; i < c->cfg.n_layers; i++) {
		const struct image_layer_ref *l = &c->cfg.layers[i];
		cleanup_free char *id = NULL;

		if (!streq_null(l->map, m->name))
			continue;
		id = storage_layer_diff_id(c->st, l->diff_id);
		if (streq_null(str_after(id, "sha256:"), m->layer.hex))
			return true;
	}
	return false;
}

int images_usage_load(struct storage *st, struct container *const *containers, size_t n,
		      struct images_usage *u, struct cmk_err *err)
{
	int r = storage_image_list(st, &u->images, &u->n, err);

	if (r >= 0)
		r = storage_map_list(st, &u->maps, &u->n_maps, err);
	if (r < 0)
		return r;
	u->of_image = xcalloc(u->n + 1, sizeof(*u->of_image));
	for (size_t i = 0; i < u->n; i++) {
		u->of_image[i].rec = &u->images[i];
		for (size_t k = 0; k < n; k++)
			u->of_image[i].containers += container_uses_image(&containers[k]->cfg,
									  u->images[i].id);
	}
	count_layers(st, u);
	u->map_used = xcalloc(u->n_maps + 1, sizeof(*u->map_used));
	for (size_t i = 0; i < u->n_maps; i++)
		for (size_t k = 0; k < n; k++)
			u->map_used[i] |= uses_map(containers[k], &u->maps[i]);
	return 0;
}
