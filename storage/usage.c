// SPDX-License-Identifier: Apache-2.0
/* What the root file systems of containers and the volumes take: `ps --size`, `inspect --size`,
 * `system df`. */
#include <fcntl.h>
#include <fts.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "storage/driver.h"
#include "storage/internal.h"
#include "storage/meta.h"
#include "storage/tar.h"
#include "storage/tree.h"

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
		for (size_t k = 0; k < u->n_own; k++) {
			const char *hex = str_after(u->own[k].diff_id, "sha256:");
			cleanup_free char *diff = xasprintf("layers/%s/diff/", hex ?: "");

			if (fchdir(w->st->root_fd) < 0)
				return cmk_err_errno(err, "enter '%s'", w->st->root);
			add_tree(diff, 0, u);
		}
	}
	return 0;
}

static int walk_volumes(void *arg, struct cmk_err *err)
{
	struct walk *w = arg;

	for (size_t i = 0; i < w->n; i++) {
		struct volume_usage *u = (struct volume_usage *)w->list + i;
		cleanup_free char *dir = volume_below(w->st, u->name);
		cleanup_free char *data = xasprintf("%s/_data", dir);
		struct rootfs_usage all = { 0 };

		if (fchdir(volumes_base(w->st)) < 0)
			return cmk_err_errno(err, "enter '%s'", w->st->volumes);
		add_tree(data, 0, &all);
		u->bytes = all.changed;
	}
	return 0;
}

/* --- what a commit would take --- */

struct look {
	const struct rootfs_plan *plan;
	struct storage_upper found;
};

/* What cannot stand in a layer, or would be read there as something else. */
static bool is_plain(const FTSENT *e, size_t root_len)
{
	mode_t mode = e->fts_statp->st_mode;

	switch (e->fts_info) {
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
	case FTS_DC:
		return false;
	default:
		break;
	}
	if (S_ISCHR(mode))
		return e->fts_statp->st_rdev == makedev(0, 0);
	return !S_ISSOCK(mode) && !S_ISBLK(mode) && !str_after(e->fts_name, ".wh.") &&
	       e->fts_level <= TREE_DEPTH_MAX && e->fts_pathlen - root_len <= TAR_NAME_MAX;
}

static void look_at(const FTSENT *e, size_t root_len, struct storage_upper *u)
{
	const struct stat *sb = e->fts_statp;

	if (e->fts_info == FTS_DP || e->fts_level == FTS_ROOTLEVEL)
		return;
	u->n_entries++;
	u->bytes += TAR_BLOCK;
	u->plain = u->plain && is_plain(e, root_len);
	/* Holes are not in the stream. */
	if (e->fts_info == FTS_F && S_ISREG(sb->st_mode))
		u->bytes += (MIN(bytes_of(sb), (uint64_t)sb->st_blocks * 512) + TAR_BLOCK - 1) /
			    TAR_BLOCK * TAR_BLOCK;
}

static int look_in_userns(void *arg, struct cmk_err *err)
{
	struct look *l = ((struct walk *)arg)->list;
	char *roots[] = { l->plan->upper, NULL };
	cleanup_close int fd = open(roots[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FTS *fts = fd < 0 ? NULL : fts_open(roots, FTS_PHYSICAL, NULL);
	FTSENT *e;

	if (!fts)
		return cmk_err_errno(err, "open '%s'", roots[0]);
	l->found = (struct storage_upper){ .plain = true, .bytes = 2 * TAR_BLOCK };
	l->found.root_changed = rootfs_root_changed(l->plan, fd);
	while ((e = fts_read(fts)))
		look_at(e, strlen(roots[0]) + 1, &l->found);
	l->found.plain &= errno == 0;
	(void)fts_close(fts);
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

/* --- id maps --- */

static void list_maps_of(int dir, const struct digest *layer, bool is_foreign,
			 struct storage_map **list, size_t *n)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;

	if (dir_read(dir, &d, NULL) < 0)
		return;
	while ((de = readdir(d))) {
		size_t size = strlen(de->d_name) + 1;
		struct storage_map *m;

		if ((!str_after(de->d_name, META_PREFIX) && !str_after(de->d_name, MAP_PREFIX)) ||
		    size > sizeof(m->name))
			continue;
		if ((*n & (*n - 1)) == 0)
			*list = xrealloc(*list, *n ? *n * 2 : 1, sizeof(**list));
		m = &(*list)[(*n)++];
		*m = (struct storage_map){ .layer = *layer, .is_foreign = is_foreign };
		memcpy(m->name, de->d_name, size);
	}
}

/* A file of several names is shared out among them. */
static void add_map_file(struct storage_map *m, const struct stat *sb)
{
	uint64_t names = sb->st_nlink > 1 && !S_ISDIR(sb->st_mode) ? sb->st_nlink : 1;
	uint64_t here = (uint64_t)sb->st_blocks * 512 / names;
	uint64_t size = (uint64_t)sb->st_size / names;

	m->bytes += here;
	if (S_ISREG(sb->st_mode) && size > here && str_after(m->name, META_PREFIX))
		m->saved += size - here;
}

static int walk_maps(void *arg, struct cmk_err *err)
{
	struct walk *w = arg;

	for (size_t i = 0; i < w->n; i++) {
		struct storage_map *m = (struct storage_map *)w->list + i;
		cleanup_free char *path = xasprintf("%s/%s/%s", m->is_foreign ? MAPS_DIR : "layers",
						    m->layer.hex, m->name);
		char *roots[] = { path, NULL };
		FTS *fts;
		FTSENT *e;

		if (fchdir(w->st->root_fd) < 0)
			return cmk_err_errno(err, "enter '%s'", w->st->root);
		fts = fts_open(roots, FTS_PHYSICAL, NULL);
		while (fts && (e = fts_read(fts)))
			if (e->fts_info == FTS_F || e->fts_info == FTS_D || e->fts_info == FTS_SL)
				add_map_file(m, e->fts_statp);
		if (fts)
			(void)fts_close(fts);
	}
	return 0;
}

static int list_maps(int layers, bool is_foreign, struct storage_map **list, size_t *n,
		     struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = dir_read(layers, &d, err);

	while (r >= 0 && (de = readdir(d))) {
		cleanup_close int dir = -1;
		struct digest layer;

		if (digest_parse_hex(de->d_name, &layer) < 0)
			continue;
		dir = openat(layers, layer.hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir >= 0)
			list_maps_of(dir, &layer, is_foreign, list, n);
	}
	return r;
}

int storage_map_list(struct storage *st, struct storage_map **ret, size_t *ret_n,
		     struct cmk_err *err)
{
	cleanup_close int maps = openat(st->root_fd, MAPS_DIR,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_free struct storage_map *list = NULL;
	size_t n = 0;
	int r = list_maps(st->layers_fd, false, &list, &n, err);

	if (r >= 0 && maps >= 0)
		r = list_maps(maps, true, &list, &n, err);
	if (r >= 0)
		r = walk_in_userns(st, list, n, sizeof(*list), walk_maps, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "sizes of id maps");
	*ret = steal_ptr(&list);
	*ret_n = n;
	return 0;
}

/* Its files lie in the upper directory with the ids that a layer has. */
static bool may_be_plain(const struct rootfs_plan *plan)
{
	return plan->driver && streq(plan->driver, driver_overlay.name) && plan->upper &&
	       !plan->data;
}

int storage_upper_look(struct storage *st, const struct rootfs_plan *plan,
		       struct storage_upper *ret, struct cmk_err *err)
{
	struct look l = { .plan = plan };
	int r = 0;

	if (may_be_plain(plan))
		r = walk_in_userns(st, &l, 1, sizeof(l), look_in_userns, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "look at what has been changed");
	*ret = l.found;
	return 0;
}
