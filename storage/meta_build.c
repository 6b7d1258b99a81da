// SPDX-License-Identifier: Apache-2.0
/* One directory of metadata of all layers of an image. */
#include <fcntl.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "storage/layer_copy.h"
#include "storage/links.h"
#include "storage/meta.h"

struct build {
	const struct id_map_pair *map;
	int target;
	const struct tree_dir *tree;
	struct meta_data *data; /* of each of the tree's parts */
	struct link_table links;
	struct strbuf path; /* of the entry at hand, below the target */
};

static int build_names(struct build *b, const struct tree_dir *in, int out, unsigned int depth,
		       struct cmk_err *err);

static const struct meta_data *data_of(const struct build *b, const struct tree_part *part)
{
	size_t i = 0;

	while (b->tree->parts[i].layer != part->layer)
		i++;
	return &b->data[i];
}

static int build_file(struct build *b, const struct tree_part *part, int dst, const char *name,
		      const struct stat *shown, struct stat *st)
{
	const char *first = st->st_nlink > 1 ? link_first(&b->links, st, strbuf_str(&b->path))
					     : NULL;
	cleanup_close int in = -1, out = -1;
	int r = -EMLINK;

	if (first && linkat(b->target, first, dst, name, 0) == 0)
		return 0;
	in = openat(part->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	out = openat(dst, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (in < 0 || out < 0)
		return -errno;
	if (st->st_size > 0)
		r = meta_point(data_of(b, part), part->fd, name, st, out);
	if (r == -EMLINK)
		r = layer_copy_data(in, out);
	return r < 0 ? r : layer_copy_attributes(b->map, in, out, shown);
}

static int build_dir(struct build *b, const struct tree_dir *in, const char *name,
		     const struct tree_entry *e, const struct stat *shown, int dst,
		     unsigned int depth, struct cmk_err *err)
{
	cleanup(tree_dir_done) struct tree_dir sub = { 0 };
	cleanup_close int out = -1;
	int r;

	if (depth >= TREE_DEPTH_MAX)
		return cmk_err_set(err, -ELOOP, "more than %d directories deep", TREE_DEPTH_MAX);
	r = tree_enter(in, name, e, &sub, err);
	if (r < 0)
		return r;
	if (mkdirat(dst, name, 0700) < 0)
		return cmk_err_errno(err, "make '%s'", strbuf_str(&b->path));
	out = openat(dst, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (out < 0)
		return cmk_err_errno(err, "open '%s'", strbuf_str(&b->path));
	r = build_names(b, &sub, out, depth + 1, err);
	if (r < 0)
		return r;
	r = layer_copy_attributes(b->map, sub.parts[0].fd, out, shown);
	return r < 0 ? cmk_err_set(err, r, "'%s': %s", strbuf_str(&b->path), errno_text(-r)) : 0;
}

static int build_entry(struct build *b, const struct tree_dir *in, const char *name, int dst,
		       unsigned int depth, struct cmk_err *err)
{
	struct tree_entry e;
	struct stat shown;
	int r;

	if (tree_lookup(in, name, &e) != TREE_FOUND)
		return 0;
	shown = e.st;
	r = layer_map_owner(b->map, strbuf_str(&b->path), &shown, err);
	if (r < 0)
		return r;
	if (S_ISDIR(e.st.st_mode))
		return build_dir(b, in, name, &e, &shown, dst, depth, err);
	r = S_ISREG(e.st.st_mode) ? build_file(b, &in->parts[e.part], dst, name, &shown, &e.st)
				  : layer_copy_special(in->parts[e.part].fd, dst, name, &shown);
	return r < 0 ? cmk_err_set(err, r, "'%s': %s", strbuf_str(&b->path), errno_text(-r)) : 0;
}

static int build_names(struct build *b, const struct tree_dir *in, int out, unsigned int depth,
		       struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	size_t len = b->path.len;
	int r = tree_names(in, &names, err);

	for (char **n = names; r >= 0 && n && *n; n++) {
		strbuf_addf(&b->path, "%s%s", len ? "/" : "", *n);
		r = build_entry(b, in, *n, out, depth, err);
		b->path.len = len;
		b->path.data[len] = '\0';
	}
	return r;
}

static int build_root(struct build *b, const struct stat *root, int target, struct cmk_err *err)
{
	struct stat st = *root;
	int r = layer_map_owner(b->map, "", &st, err);

	if (r < 0)
		return r;
	r = layer_copy_attributes(b->map, b->tree->parts[0].fd, target, &st);
	return r < 0 ? cmk_err_set(err, r, "root directory: %s", errno_text(-r)) : 0;
}

int meta_build(const struct tree_dir *tree, const struct meta_layer *layers,
	       const struct stat *root, const struct id_map_pair *map, int target,
	       struct cmk_err *err)
{
	struct build b = { .map = map, .target = target, .tree = tree };
	size_t made = 0;
	int r = 0;

	b.data = xcalloc(tree->n, sizeof(*b.data));
	for (; r >= 0 && made < tree->n; made++) {
		b.data[made].fd = -1;
		r = meta_data_make(layers[made].fd, layers[made].hex, &b.data[made], err);
	}
	if (r >= 0)
		r = build_names(&b, tree, target, 0, err);
	if (r >= 0)
		r = build_root(&b, root, target, err);
	for (size_t i = 0; i < made; i++)
		if (b.data[i].fd >= 0)
			(void)close(b.data[i].fd);
	free(b.data);
	link_table_done(&b.links);
	strbuf_done(&b.path);
	return r;
}
