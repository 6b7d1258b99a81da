// SPDX-License-Identifier: Apache-2.0
#include "storage/tree.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include "storage/internal.h"
#include "storage/xattr.h"

#define DOT_WH ".wh."
#define DOT_WH_OPAQUE ".wh..wh..opq"
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

void tree_dir_done(struct tree_dir *d)
{
	for (size_t i = 0; i < d->n; i++)
		(void)close(d->parts[i].fd);
	for (size_t i = 0; d->is_root && i < d->n_data; i++)
		(void)close(d->data[i]);
	if (d->is_root)
		free(d->data);
	free(d->parts);
	*d = (struct tree_dir){ 0 };
}

static void add_part(struct tree_dir *d, int fd, ino_t layer)
{
	d->parts = xrealloc(d->parts, d->n + 1, sizeof(*d->parts));
	d->parts[d->n++] = (struct tree_part){ .fd = fd, .layer = layer };
}

static int open_root(const char *path, struct stat *ret, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, ret) < 0)
		return cmk_err_errno(err, "open '%s'", path);
	return steal_fd(&fd);
}

static int add_root(struct tree_dir *d, const char *path, struct cmk_err *err)
{
	struct stat st;
	int fd = open_root(path, &st, err);

	if (fd >= 0)
		add_part(d, fd, st.st_ino);
	return fd;
}

static int add_data(struct tree_dir *d, const char *path, struct cmk_err *err)
{
	struct stat st;
	int fd = open_root(path, &st, err);

	if (fd < 0)
		return fd;
	d->data = xrealloc(d->data, d->n_data + 1, sizeof(*d->data));
	d->data[d->n_data++] = fd;
	return 0;
}

int tree_open(const struct rootfs_plan *plan, struct tree_dir *ret, struct cmk_err *err)
{
	bool whole = plan->read_only_bind || (plan->driver && streq(plan->driver, "vfs"));
	struct tree_dir d = { .is_root = true };
	int r = 0;

	if (whole)
		r = add_root(&d, plan->merged, err);
	else if (plan->upper)
		r = add_root(&d, plan->upper, err);
	for (char **l = plan->lower; !whole && r >= 0 && l && *l; l++)
		r = add_root(&d, *l, err);
	for (char **l = plan->data; !whole && r >= 0 && l && *l; l++)
		r = add_data(&d, *l, err);
	d.dot_wh = plan->driver && streq(plan->driver, "fuse-overlayfs") && plan->upper;
	if (r < 0) {
		tree_dir_done(&d);
		return r;
	}
	*ret = d;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the entry says of: fuse-overlayfs marks NAME by one called ".wh.NAME". NULL: of nothing. */
static const char *meant_name(const char *name, bool dot_wh)
{
	const char *rest = dot_wh ? str_after(name, DOT_WH) : NULL;

	if (is_dot(name) || (rest && (!*rest || str_after(rest, DOT_WH))))
		return NULL;
	return rest ? rest : name;
}

static int read_names(int fd, bool dot_wh, char ***names, size_t *n, size_t *cap,
		      struct cmk_err *err)
{
	int copy = openat(fd, ".", OPEN_DIR);
	cleanup_dir DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *de;

	if (!d) {
		int r = cmk_err_errno(err, "read a directory");

		cleanup_close_fn(&copy);
		return r;
	}
	while ((de = readdir(d))) {
		const char *name = meant_name(de->d_name, dot_wh);

		if (!name)
			continue;
		if (*n + 1 >= *cap) {
			*cap = *cap ? *cap * 2 : 64;
			*names = xrealloc(*names, *cap, sizeof(**names));
		}
		(*names)[(*n)++] = xstrdup(name);
		(*names)[*n] = NULL;
	}
	return 0;
}

int tree_names(const struct tree_dir *d, char ***ret, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	size_t n = 0, cap = 0, kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		int r = read_names(d->parts[i].fd, i == 0 && d->dot_wh, &names, &n, &cap, err);

		if (r < 0)
			return r;
	}
	if (n > 1)
		qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && streq(names[kept - 1], names[i]))
			free(names[i]);
		else
			names[kept++] = names[i];
	}
	if (names)
		names[kept] = NULL;
	*ret = steal_ptr(&names);
	return 0;
}

static bool has_dot_wh(int fd, const char *name)
{
	char buf[NAME_MAX + sizeof(DOT_WH)];

	if (snprintf(buf, sizeof(buf), DOT_WH "%s", name) > NAME_MAX)
		return false;
	return faccessat(fd, buf, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

enum tree_kind tree_lookup(const struct tree_dir *d, const char *name, struct tree_entry *ret)
{
	for (size_t i = 0; i < d->n; i++) {
		int fd = d->parts[i].fd;

		if (fstatat(fd, name, &ret->st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (i == 0 && d->dot_wh && has_dot_wh(fd, name))
				return TREE_WHITEOUT;
			continue;
		}
		if (S_ISCHR(ret->st.st_mode) && ret->st.st_rdev == makedev(0, 0))
			return TREE_WHITEOUT;
		ret->part = i;
		return TREE_FOUND;
	}
	return TREE_ABSENT;
}

static bool opaque_part(const struct tree_dir *d, size_t i)
{
	int fd = d->parts[i].fd;

	return xattr_is_opaque(fd) ||
	       (i == 0 && d->dot_wh &&
		faccessat(fd, DOT_WH_OPAQUE, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

bool tree_is_opaque(const struct tree_dir *d)
{
	return d->n > 0 && opaque_part(d, 0);
}

bool tree_same_layers(const struct tree_dir *a, const struct tree_dir *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->parts[i].layer != b->parts[i].layer)
			return false;
	return true;
}

int tree_enter(const struct tree_dir *d, const char *name, const struct tree_entry *e,
	       struct tree_dir *ret, struct cmk_err *err)
{
	struct tree_dir sub = { .data = d->data, .n_data = d->n_data };

	for (size_t i = e->part; i < d->n; i++) {
		int fd = openat(d->parts[i].fd, name, OPEN_DIR);

		if (fd < 0 && errno == ENOENT && i > e->part) {
			if (i == 0 && d->dot_wh && has_dot_wh(d->parts[i].fd, name))
				break;
			continue;
		}
		/* A whiteout, or something else of this name, hides what lies below it. */
		if (fd < 0 && errno == ENOTDIR && i > e->part)
			break;
		if (fd < 0) {
			tree_dir_done(&sub);
			return cmk_err_errno(err, "open directory");
		}
		add_part(&sub, fd, d->parts[i].layer);
		sub.dot_wh = sub.dot_wh || (i == 0 && d->dot_wh);
		if (opaque_part(&sub, sub.n - 1))
			break;
	}
	*ret = sub;
	return 0;
}

int tree_open_file(const struct tree_dir *d, const char *name, size_t part, struct stat *ret,
		   struct cmk_err *err)
{
	cleanup_close int fd = openat(d->parts[part].fd, name,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, ret) < 0)
		return cmk_err_errno(err, "open");
	if (!S_ISREG(ret->st_mode))
		return cmk_err_set(err, -EAGAIN, "changed while it was read");
	return steal_fd(&fd);
}
