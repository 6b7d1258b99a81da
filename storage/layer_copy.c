// SPDX-License-Identifier: Apache-2.0
/* Copies of a layer's files, in the parent user namespace: onto what other layers brought (vfs), or
 * as a layer of other owners (mapped.c). */
#include "storage/layer_copy.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "storage/internal.h"
#include "storage/links.h"
#include "storage/xattr.h"

#define COPY_DEPTH_MAX 2048

struct copy {
	int root; /* of the target */
	/* A layer of other owners: whiteouts and the overlay's attributes stay; or NULL. */
	const struct id_map_pair *map;
	bool share; /* files' data, or fail */
	struct link_table links;
	char path[PATH_MAX]; /* of the entry at hand, below the root */
};

static int copy_dir(struct copy *c, int src, int dst, unsigned int depth, struct cmk_err *err);

int layer_copy_attributes(const struct id_map_pair *map, int in, int out, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r = 0;

	if (in >= 0)
		r = map ? xattr_copy_mapped_fd(in, out, map) : xattr_copy_fd(in, out);
	if (r < 0)
		return r;
	/* chown() clears the set-id bits and security.capability. */
	if (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0)
		return -errno;
	r = in >= 0 ? xattr_copy_capability_fd(in, out) : 0;
	if (r < 0)
		return r;
	return futimens(out, times) < 0 ? -errno : 0;
}

static int copy_regular(struct copy *c, int src, int dst, const char *name, const struct stat *st)
{
	cleanup_close int in = -1, out = -1;
	const char *first = st->st_nlink > 1 ? link_first(&c->links, st, c->path) : NULL;
	int r;

	if (first)
		return linkat(c->root, first, dst, name, 0) < 0 ? -errno : 0;
	/* Of a container that goes on, something else may stand there by now. */
	in = openat(src, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	out = openat(dst, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in < 0 || out < 0)
		return -errno;
	r = c->share ? file_clone(in, out) : file_copy_data(in, out);
	return r < 0 ? r : layer_copy_attributes(c->map, in, out, st);
}

int layer_copy_special(int src, int dst, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	char target[PATH_MAX];

	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(src, name, target, sizeof(target) - 1);

		if (n < 0)
			return -errno;
		target[n] = '\0';
		if (symlinkat(target, dst, name) < 0)
			return -errno;
	} else if (mknodat(dst, name, st->st_mode & (S_IFMT | 07777), 0) < 0)
		return -errno;
	if (fchownat(dst, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode) && fchmodat(dst, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	return utimensat(dst, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_subdir(struct copy *c, int src, int dst, const char *name, const struct stat *st,
		       unsigned int depth, struct cmk_err *err)
{
	cleanup_close int in = -1, out = -1;
	struct stat old;
	int r;

	in = openat(src, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return cmk_err_errno(err, "'%s'", c->path);
	if (fstatat(dst, name, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (!S_ISDIR(old.st_mode) || xattr_is_opaque(in))) {
		r = remove_tree_at(dst, name, err);
		if (r < 0)
			return r;
	}
	if (mkdirat(dst, name, 0700) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "'%s'", c->path);
	out = openat(dst, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (out < 0)
		return cmk_err_errno(err, "'%s'", c->path);
	r = copy_dir(c, in, out, depth + 1, err);
	if (r < 0)
		return r;
	r = layer_copy_attributes(c->map, in, out, st);
	if (r < 0) {
		errno = -r;
		return cmk_err_errno(err, "'%s'", c->path);
	}
	return 0;
}

int layer_map_owner(const struct id_map_pair *map, const char *path, struct stat *st,
		    struct cmk_err *err)
{
	uint32_t uid = id_map_to_outside(&map->uids, st->st_uid);
	uint32_t gid = id_map_to_outside(&map->gids, st->st_gid);

	if (uid == UINT32_MAX || gid == UINT32_MAX) {
		(void)cmk_err_set(err, -EINVAL,
				  "potentially insufficient UIDs or GIDs available in user "
				  "namespace (requested %u:%u for '/%s')",
				  st->st_uid, st->st_gid, path);
		return cmk_err_hint(err, "the image has files of ids that the map lacks")
			       ?: -EINVAL;
	}
	st->st_uid = uid;
	st->st_gid = gid;
	return 0;
}

static int copy_entry(struct copy *c, int src, int dst, const char *name, unsigned int depth,
		      struct cmk_err *err)
{
	struct stat st;
	int r;

	if (fstatat(src, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "'%s'", c->path);
	r = c->map ? layer_map_owner(c->map, c->path, &st, err) : 0;
	if (r < 0)
		return r;
	if (S_ISDIR(st.st_mode))
		return copy_subdir(c, src, dst, name, &st, depth, err);
	r = remove_tree_at(dst, name, err);
	if (r < 0)
		return r;
	/* A whiteout. */
	if (!c->map && S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
		return 0;
	r = S_ISREG(st.st_mode) ? copy_regular(c, src, dst, name, &st)
				: layer_copy_special(src, dst, name, &st);
	if (r < 0) {
		errno = -r;
		return cmk_err_errno(err, "'%s'", c->path);
	}
	return 0;
}

static int copy_dir(struct copy *c, int src, int dst, unsigned int depth, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	size_t len = strlen(c->path);
	struct dirent *de;
	int fd, r = 0;

	if (depth > COPY_DEPTH_MAX)
		return cmk_err_set(err, -ELOOP, "more than %d directories deep", COPY_DEPTH_MAX);
	fd = openat(src, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		r = cmk_err_errno(err, "'%s'", c->path);
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	while (r >= 0 && (de = readdir(d))) {
		if (is_dot(de->d_name))
			continue;
		if (snprintf(c->path + len, sizeof(c->path) - len, "%s%s", len ? "/" : "",
			     de->d_name) >= (int)(sizeof(c->path) - len))
			r = cmk_err_set(err, -ENAMETOOLONG, "path too long");
		else
			r = copy_entry(c, src, dst, de->d_name, depth, err);
		c->path[len] = '\0';
	}
	return r;
}

static int copy(int src, int target, const struct id_map_pair *map, bool share, struct cmk_err *err)
{
	cleanup_free struct copy *c = xcalloc(1, sizeof(*c));
	struct stat st;
	int r;

	c->root = target;
	c->map = map;
	c->share = share;
	r = copy_dir(c, src, target, 0, err);
	link_table_done(&c->links);
	if (r < 0 || !map)
		return r;
	if (fstat(src, &st) < 0)
		return cmk_err_errno(err, "stat");
	r = layer_map_owner(map, c->path, &st, err);
	if (r == 0) {
		r = layer_copy_attributes(c->map, src, target, &st);
		if (r < 0)
			(void)cmk_err_set(err, r, "root directory: %s", errno_text(-r));
	}
	return r;
}

int layer_copy(int src, int target, const struct id_map_pair *map, struct cmk_err *err)
{
	return copy(src, target, map, false, err);
}

int layer_share(int src, int target, struct cmk_err *err)
{
	cleanup(id_map_pair_done) struct id_map_pair same = { 0 };

	id_map_add(&same.uids, 0, 0, UINT32_MAX);
	id_map_add(&same.gids, 0, 0, UINT32_MAX);
	return copy(src, target, &same, true, err);
}
