// SPDX-License-Identifier: Apache-2.0
#include "base/strbuf.h"
#include "cmd/containers.h"
#include "cmd/format.h"
#include "image/image.h"

struct image_tree_args {
	bool whatrequires;
};

static const struct cmk_option image_tree_options[] = {
	CMK_OPT_FLAG(0, "whatrequires", struct image_tree_args, whatrequires,
		     "show the layers and images that stand on this one"),
	CMK_OPT_END(),
};

struct images {
	struct image_record *list;
	size_t n;
};

/* B begins with the first N layers of A, and has these at least. */
static bool shares(const struct image_record *a, const struct image_record *b, size_t n)
{
	return a->n_layers >= n && b->n_layers >= n && image_layers_same(a->layers, b->layers, n);
}

/* "ID: 5e5704268981 Size:  2.14MB Top Layer of: [alpine:latest]": the N-th layer of REC. */
static void layer_text(const struct images *all, const struct image_record *rec, size_t n,
		       struct strbuf *out)
{
	const struct image_layer_ref *layer = &rec->layers[n - 1];
	const char *hex = str_after(layer->diff_id, "sha256:");
	cleanup_strv char **names = NULL;
	cleanup_free char *list = NULL;
	char size[32];

	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].n_layers == n && shares(rec, &all->list[i], n))
			for (char **name = all->list[i].names; name && *name; name++)
				strv_add(&names, *name);
	list = names ? strv_join(names, " ") : NULL;
	format_size_tight(layer->size, 4, size);
	strbuf_addf(out, "ID: %.12s Size: %7s%s%s%s\n", hex ?: layer->diff_id, size,
		    list ? " Top Layer of: [" : "", list ?: "", list ? "]" : "");
}

/* --- down: what the image consists of --- */

static void add_layers(const struct images *all, const struct image_record *rec, struct strbuf *out)
{
	for (size_t n = 1; n <= rec->n_layers; n++) {
		strbuf_adds(out, n < rec->n_layers ? "├── " : "└── ");
		layer_text(all, rec, n, out);
	}
}

/* --- up: what stands on it --- */

struct line {
	size_t depth;
	char *text;
};

struct tree {
	const struct images *all;
	struct line *line;
	size_t n;
};

/* The stacks of N + 1 layers that begin with the first N of REC: one image of each. */
static const struct image_record **children_of(const struct images *all,
					       const struct image_record *rec, size_t n,
					       size_t *ret_n)
{
	const struct image_record **found = xcalloc(all->n + 1, sizeof(*found));
	size_t count = 0;

	for (size_t i = 0; i < all->n; i++) {
		bool seen = !shares(rec, &all->list[i], n) || all->list[i].n_layers <= n;

		for (size_t k = 0; k < count && !seen; k++)
			seen = shares(&all->list[i], found[k], n + 1);
		if (!seen)
			found[count++] = &all->list[i];
	}
	*ret_n = count;
	return found;
}

/* A stack without branches is one column, as podman draws it. The tree is as deep as there are
 * branches on one way up, of which each takes an image. */
static void add_branch(struct tree *t, const struct image_record *rec, size_t n, size_t depth)
{
	for (;;) {
		cleanup_free const struct image_record **children = NULL;
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		size_t n_children = 0;

		layer_text(t->all, rec, n, &text);
		t->line = xrealloc(t->line, t->n + 1, sizeof(*t->line));
		t->line[t->n++] = (struct line){ depth, strbuf_steal(&text) };
		children = children_of(t->all, rec, n, &n_children);
		if (n_children == 0)
			return;
		for (size_t i = 0; n_children > 1 && i < n_children; i++)
			add_branch(t, children[i], n + 1, depth + 1);
		if (n_children > 1)
			return;
		rec = children[0];
		n++;
	}
}

/* Whether at DEPTH another line follows the one at AT before the branch ends. */
static bool goes_on(const struct tree *t, size_t at, size_t depth)
{
	for (size_t i = at + 1; i < t->n && t->line[i].depth >= depth; i++)
		if (t->line[i].depth == depth)
			return true;
	return false;
}

static void draw(const struct tree *t, struct strbuf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		size_t depth = t->line[i].depth;

		for (size_t d = 0; d < depth; d++)
			strbuf_adds(out, goes_on(t, i, d) ? "│   " : "    ");
		strbuf_adds(out, goes_on(t, i, depth) ? "├── " : "└── ");
		strbuf_adds(out, t->line[i].text);
	}
}

static void add_requirers(const struct images *all, const struct image_record *rec,
			  struct strbuf *out)
{
	struct tree t = { .all = all };

	if (rec->n_layers > 0)
		add_branch(&t, rec, rec->n_layers, 0);
	draw(&t, out);
	for (size_t i = 0; i < t.n; i++)
		free(t.line[i].text);
	free(t.line);
}

static void print_tree(const struct images *all, const struct image_record *rec, bool whatrequires)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_free char *names = rec->names ? strv_join(rec->names, " ") : NULL;
	char size[32];

	format_size_tight(rec->size, 4, size);
	strbuf_addf(&out, "Image ID: %.12s\nTags:     [%s]\nSize:     %s\n", rec->id, names ?: "",
		    size);
	strbuf_adds(&out, rec->n_layers ? "Image Layers\n" : "No Image Layers\n");
	if (whatrequires)
		add_requirers(all, rec, &out);
	else
		add_layers(all, rec, &out);
	(void)printf("%s\n", strbuf_str(&out));
}

static int image_tree_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			   char **argv, struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	const struct image_tree_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *id = NULL;
	struct images all = { 0 };
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = image_resolve_local(st, argv[0], &id, NULL, err);
	if (r == 0)
		r = storage_image_load(st, id, &rec, err);
	if (r == 0)
		r = storage_image_list(st, &all.list, &all.n, err);
	if (r == 0)
		print_tree(&all, &rec, a->whatrequires);
	storage_image_list_free(all.list, all.n);
	return r;
}

static const struct cmk_example image_tree_examples[] = {
	{ "cmk image tree alpine", "Shows of which layers the image consists" },
	{ "cmk image tree --whatrequires alpine", "Shows what was made of it" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_tree = {
	.name = "image tree",
	.summary = "Show the layers of an image",
	.operands = "IMAGE",
	.description = "The layers from the lowest to the topmost, each with its size and the "
		       "names of the images that end with it. A layer's ID is that of its content, "
		       "the diff ID.",
	.options = image_tree_options,
	.args_size = sizeof(struct image_tree_args),
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_IMAGES,
	.examples = image_tree_examples,
	.exec = image_tree_exec,
};
