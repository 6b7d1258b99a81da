// SPDX-License-Identifier: Apache-2.0
/* What the root file systems of containers and the volumes take: `ps --size`, `inspect --size`,
 * `system df`. */
#include <fcntl.h>
#include <fts.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "storage/internal.h"

#define NS_PER_S 1000000000LL

struct walk {
	struct storage *st;
	void *list; /* shared with the child that fills it */
	size_t n;
};

/* A file with several names is shared out among them. */
static uint64_t bytes_of(const struct stat *sb)
{
	return (uint64_t)sb->st_size / (sb->st_nlink > 1 ? sb->st_nlink : 1);
}

/* The container may change its tree meanwhile: what is not there any more is not counted. */
static void add_tree(const char *path, int64_t created_ns, struct rootfs_usage *u)
{
	char *roots[] = { (char *)(uintptr_t)path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL, NULL);
	FTSENT *e;

	while (fts && (e = fts_read(fts))) {
		const struct stat *sb = e->fts_statp;

		if (e->fts_info != FTS_F && e->fts_info != FTS_SL)
			continue;
		if (sb->st_ctim.tv_sec * NS_PER_S + sb->st_ctim.tv_nsec >= created_ns)
			u->changed += bytes_of(sb);
		else
			u->copied += bytes_of(sb);
	}
	if (fts)
		(void)fts_close(fts);
}

/* In a child: fts(3) changes the directory, so that no depth of a tree is too great. */
static int walk_all(void *arg, struct cmk_err *err)
{
	struct walk *w = arg;

	for (size_t i = 0; i < w->n; i++) {
		struct rootfs_usage *u = (struct rootfs_usage *)w->list + i;
		cleanup_free char *upper = xasprintf("%s/upper", u->id);
		cleanup_free char *merged = xasprintf("%s/merged", u->id);
		bool is_copy;

		if (fchdir(w->st->containers_fd) < 0)
			return cmk_err_errno(err, "enter '%s/containers'", w->st->root);
		/* The plain copy has no upper directory: what is older than the container came
		 * from the image. */
		is_copy = access(upper, F_OK) < 0;
		add_tree(is_copy ? merged : upper, is_copy ? u->created_ns : 0, u);
	}
	return 0;
}

static int walk_volumes(void *arg, struct cmk_err *err)
{
	struct walk *w = arg;

	for (size_t i = 0; i < w->n; i++) {
		struct volume_usage *u = (struct volume_usage *)w->list + i;
		cleanup_free char *data = xasprintf("volumes/%s/_data", u->name);
		struct rootfs_usage all = { 0 };

		if (fchdir(w->st->root_fd) < 0)
			return cmk_err_errno(err, "enter '%s'", w->st->root);
		add_tree(data, 0, &all);
		u->bytes = all.changed;
	}
	return 0;
}

/* FN fills the N items of SIZE bytes each of LIST, in one child inside the parent user namespace.
 */
static int walk_in_userns(struct storage *st, void *list, size_t n, size_t size,
			  int (*fn)(void *arg, struct cmk_err *err), struct cmk_err *err)
{
	const struct userns_config *config;
	struct walk w = { .st = st, .n = n };
	int r;

	if (n == 0)
		return 0;
	w.list = mmap(NULL, n * size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w.list == MAP_FAILED)
		return cmk_err_errno(err, "memory for %zu sizes", n);
	memcpy(w.list, list, n * size);
	r = storage_userns(st, &config, err);
	if (r >= 0)
		r = userns_run(st->run_fd, config, false, fn, &w, err);
	if (r >= 0)
		memcpy(list, w.list, n * size);
	(void)munmap(w.list, n * size);
	return r < 0 ? r : 0;
}

int storage_rootfs_usage(struct storage *st, struct rootfs_usage *list, size_t n,
			 struct cmk_err *err)
{
	int r = walk_in_userns(st, list, n, sizeof(*list), walk_all, err);

	return r < 0 ? cmk_err_wrap(err, r, "sizes of containers") : 0;
}

int storage_volume_usage(struct storage *st, struct volume_usage *list, size_t n,
			 struct cmk_err *err)
{
	int r = walk_in_userns(st, list, n, sizeof(*list), walk_volumes, err);

	return r < 0 ? cmk_err_wrap(err, r, "sizes of volumes") : 0;
}
