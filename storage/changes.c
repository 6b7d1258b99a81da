// SPDX-License-Identifier: Apache-2.0
/* What differs between two root file systems. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "storage/internal.h"
#include "storage/tree.h"

#define CHANGES_MAX ((size_t)1 << 30)

struct compare {
	struct strbuf path;
	int out; /* records "Kpath\0" in no order */
	struct strbuf buf;
	/* What lies in these layers of the tree, the first ones, was changed, whatever it says. */
	const struct tree_part *own;
	size_t n_own;
};

static int note(struct compare *c, char kind, struct cmk_err *err)
{
	strbuf_addc(&c->buf, kind);
	strbuf_add(&c->buf, strbuf_str(&c->path), c->path.len + 1);
	if (c->buf.len > 1 << 16) {
		int r = write_all(c->out, c->buf.data, c->buf.len);

		strbuf_reset(&c->buf);
		if (r < 0)
			return cmk_err_set(err, r, "write: %s", errno_text(-r));
	}
	return 0;
}

static bool same_times(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool same_link(int a, int b, const char *name)
{
	char to[2][PATH_MAX];
	ssize_t n[2] = { readlinkat(a, name, to[0], PATH_MAX),
			 readlinkat(b, name, to[1], PATH_MAX) };

	return n[0] == n[1] && n[0] >= 0 && memcmp(to[0], to[1], (size_t)n[0]) == 0;
}

/* Contents are not compared: who changes them changes a time. */
static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       (S_ISDIR(a->st_mode) || a->st_size == b->st_size) && a->st_rdev == b->st_rdev &&
	       (S_ISLNK(a->st_mode) || same_times(a, b));
}

static bool is_own(const struct compare *c, ino_t layer)
{
	for (size_t i = 0; i < c->n_own; i++)
		if (c->own[i].layer == layer)
			return true;
	return false;
}

static bool changed(const struct compare *c, const struct tree_dir *now, const struct tree_entry *n,
		    const struct tree_dir *before, const struct tree_entry *b, const char *name)
{
	if (n->st.st_ino == b->st.st_ino && n->st.st_dev == b->st.st_dev)
		return false;
	if (!S_ISDIR(n->st.st_mode) && is_own(c, now->parts[n->part].layer))
		return true;
	if (!same_file(&n->st, &b->st))
		return true;
	return S_ISLNK(n->st.st_mode) &&
	       !same_link(now->parts[n->part].fd, before->parts[b->part].fd, name);
}

static int compare_dirs(struct compare *c, const struct tree_dir *now,
			const struct tree_dir *before, unsigned int depth, bool *ret_changed,
			struct cmk_err *err);

static int compare_subdirs(struct compare *c, const struct tree_dir *now,
			   const struct tree_entry *n, const struct tree_dir *before,
			   const struct tree_entry *b, const char *name, unsigned int depth,
			   struct cmk_err *err)
{
	cleanup(tree_dir_done) struct tree_dir x = { 0 }, y = { 0 };
	bool differs = false;
	int r;

	r = tree_enter(now, name, n, &x, err);
	if (r >= 0 && b && S_ISDIR(b->st.st_mode))
		r = tree_enter(before, name, b, &y, err);
	if (r < 0)
		return r;
	if (y.n > 0 && tree_same_layers(&x, &y))
		return 0;
	if (!b || !S_ISDIR(b->st.st_mode) || changed(c, now, n, before, b, name))
		return compare_dirs(c, &x, &y, depth + 1, &differs, err);
	/* One that has itself not changed is named where something came or went in it. */
	r = compare_dirs(c, &x, &y, depth + 1, &differs, err);
	return r >= 0 && differs ? note(c, 'C', err) : r;
}

static int compare_entry(struct compare *c, const struct tree_dir *now,
			 const struct tree_dir *before, const char *name, unsigned int depth,
			 bool *ret_changed, struct cmk_err *err)
{
	struct tree_entry n, b;
	bool is = tree_lookup(now, name, &n) == TREE_FOUND;
	bool was = tree_lookup(before, name, &b) == TREE_FOUND;
	int r = 0;

	if (is != was)
		*ret_changed = true;
	if (!is)
		return was ? note(c, 'D', err) : 0;
	if (!was)
		r = note(c, 'A', err);
	else if (changed(c, now, &n, before, &b, name))
		r = note(c, 'C', err);
	if (r < 0 || !S_ISDIR(n.st.st_mode))
		return r;
	return compare_subdirs(c, now, &n, before, was ? &b : NULL, name, depth, err);
}

static int compare_dirs(struct compare *c, const struct tree_dir *now,
			const struct tree_dir *before, unsigned int depth, bool *ret_changed,
			struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	cleanup_strv char **old = NULL;
	size_t len = c->path.len;
	char **o;
	int r;

	if (depth > TREE_DEPTH_MAX)
		return cmk_err_set(err, -ELOOP, "more than %d directories deep", TREE_DEPTH_MAX);
	r = tree_names(now, &names, err);
	if (r >= 0)
		r = tree_names(before, &old, err);
	o = old;
	for (char **n = names; r >= 0 && ((n && *n) || (o && *o));) {
		int order = !n || !*n ? 1 : !o || !*o ? -1 : strcmp(*n, *o);
		const char *name = order <= 0 ? *n : *o;

		if (order <= 0)
			n++;
		if (order >= 0)
			o++;
		strbuf_addf(&c->path, "/%s", name);
		r = compare_entry(c, now, before, name, depth, ret_changed, err);
		c->path.len = len;
		c->path.data[len] = '\0';
	}
	return r;
}

struct changes_arg {
	const struct rootfs_plan *now, *before;
	int out;
};

/* The upper directory, and what it became by commits: down to the first layer that both have. */
static void find_own(struct compare *c, const struct tree_dir *now, const struct tree_dir *before)
{
	c->own = now->parts;
	c->n_own = 1;
	for (size_t i = 1; i < now->n; i++)
		for (size_t k = 0; k < before->n; k++)
			if (now->parts[i].layer == before->parts[k].layer) {
				c->n_own = i;
				return;
			}
}

static int changes_in_userns(void *arg, struct cmk_err *err)
{
	const struct changes_arg *a = arg;
	cleanup(tree_dir_done) struct tree_dir now = { 0 }, before = { 0 };
	struct compare c = { .out = a->out };
	bool differs;
	int r;

	r = tree_open(a->now, &now, err);
	if (r >= 0)
		r = tree_open(a->before, &before, err);
	if (r >= 0 && storage_rootfs_has_upper(a->now))
		find_own(&c, &now, &before);
	if (r >= 0)
		r = storage_tree_confine(err);
	if (r >= 0)
		r = compare_dirs(&c, &now, &before, 0, &differs, err);
	if (r < 0 && c.path.len)
		(void)cmk_err_wrap(err, r, "'%s'", c.path.data);
	if (r >= 0)
		r = write_all(c.out, c.buf.data, c.buf.len);
	strbuf_done(&c.buf);
	strbuf_done(&c.path);
	return r;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a + 1, *(char *const *)b + 1);
}

int storage_rootfs_changes(struct storage *st, const struct rootfs_plan *now,
			   const struct rootfs_plan *before, char ***ret, struct cmk_err *err)
{
	struct changes_arg arg = { .now = now, .before = before };
	const struct userns_config *config;
	cleanup_close int mem = memfd_create("changes", MFD_CLOEXEC);
	cleanup_strv char **list = NULL;
	cleanup_free char *text = NULL;
	cleanup_free char **items = NULL;
	size_t len = 0, n = 0;
	int r;

	if (mem < 0)
		return cmk_err_errno(err, "memfd_create");
	arg.out = mem;
	r = storage_userns(st, &config, err);
	if (r >= 0)
		r = userns_run(st->run_fd, config, false, changes_in_userns, &arg, err);
	if (r >= 0 && lseek(mem, 0, SEEK_SET) < 0)
		r = cmk_err_errno(err, "seek");
	if (r >= 0)
		r = file_read_fd(mem, CHANGES_MAX, &text, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "compare root file systems");
	for (const char *p = text; p < text + len; p += strlen(p) + 1)
		n++;
	items = xcalloc(n + 1, sizeof(*items));
	n = 0;
	for (const char *p = text; p < text + len; p += strlen(p) + 1)
		items[n++] = xstrdup(p);
	if (n > 1)
		qsort(items, n, sizeof(*items), by_path);
	strv_add_many_take(&list, items, n);
	*ret = steal_ptr(&list);
	return 0;
}
