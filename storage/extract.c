// SPDX-License-Identifier: Apache-2.0
/*
 * From entries to files. Every name is hostile: its directory is opened below the root with
 * openat2(RESOLVE_IN_ROOT), so that links lead where they would inside the container and never out;
 * the last part is made with O_EXCL and never followed. The last directories are kept open, since
 * archives go through a tree in order.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/userns.h"
#include "storage/extract.h"
#include "storage/xattr.h"

#define RESOLVE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

int extract_clean_name(const char *name, char *ret)
{
	size_t len = 0;

	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (len == 0)
				return -EINVAL;
			while (len > 0 && ret[len - 1] != '/')
				len--;
			if (len > 0)
				len--;
		} else if (n > 1 || (n == 1 && p[0] != '.')) {
			if (len > 0)
				ret[len++] = '/';
			memcpy(ret + len, p, n);
			len += n;
		}
		p += n + (p[n] == '/');
	}
	ret[len] = '\0';
	return 0;
}

/* --- directories --- */

void dirs_forget(struct extract *x)
{
	for (size_t i = 0; i < ARRAY_LEN(x->dirs); i++) {
		if (x->dirs[i].fd >= 0)
			(void)close(x->dirs[i].fd);
		x->dirs[i].fd = -1;
		free(steal_ptr(&x->dirs[i].path));
	}
}

static int open_below(struct extract *x, const char *path)
{
	return open_resolved(x->root, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0, RESOLVE);
}

static int dangling(const char *path, struct cmk_err *err)
{
	return cmk_err_set(err, -ENOENT, "directory '%s' is a link that leads nowhere", path);
}

/* PATH, whose last part is NAME in the open directory AT. A real directory is opened from there: a
 * long path from the root at each of its parts would cost the square of its length. */
static int open_part(struct extract *x, int at, const char *name, const char *path)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0)
		return fd;
	/* O_DIRECTORY makes it ENOTDIR for links too. */
	return errno == ENOTDIR || errno == ELOOP ? open_below(x, path) : -errno;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static int set_opaque(int fd, struct cmk_err *err)
{
	if (fsetxattr(fd, XATTR_OPAQUE, "y", 1, 0) == 0)
		return 0;
	(void)cmk_err_errno(err, "mark an opaque directory");
	if (errno == EOPNOTSUPP)
		(void)cmk_err_hint(err, "the data directory's file system must keep user.* "
					"attributes; use --root on another");
	return -errno;
}

static int clear_away(struct extract *x, const char *path, int parent, const char *base,
		      struct cmk_err *err)
{
	const struct tar_tap *tap = x->t->tap;

	return tap ? tap->replace(tap->arg, parent, base, path, err)
		   : remove_tree_at(parent, base, err);
}

/* PATH, which is BASE in PARENT, is needed as a directory. Where the layer has a whiteout of it,
 * that hides what lower layers have, and nothing of its own (image-spec layer.md#whiteouts). */
static int whiteout_to_dir(struct extract *x, const char *path, int parent, const char *base,
			   struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	if (x->o->plain || fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !is_whiteout(&st)) {
		errno = ENOTDIR;
		return cmk_err_errno(err, "directory '%s'", path);
	}
	r = clear_away(x, path, parent, base, err);
	if (r < 0)
		return r;
	if (mkdirat(parent, base, 0755) < 0)
		return cmk_err_errno(err, "directory '%s'", path);
	fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return cmk_err_errno(err, "directory '%s'", path);
	r = set_opaque(fd, err);
	return r < 0 ? r : steal_fd(&fd);
}

/* Some archives name files before, or without, their directories. */
static int make_parents(struct extract *x, const char *path, struct cmk_err *err)
{
	cleanup_free char *copy = xstrdup(path);
	cleanup_close int at = open_below(x, "");
	char *p = copy;

	if (at < 0)
		return at;
	for (;;) {
		char *slash = strchr(p, '/');
		int fd;

		if (slash)
			*slash = '\0';
		fd = open_part(x, at, p, copy);
		if (fd == -ENOENT) {
			if (mkdirat(at, p, 0755) < 0)
				return errno == EEXIST
					       ? dangling(copy, err)
					       : cmk_err_errno(err, "create directory '%s'", copy);
			fd = open_part(x, at, p, copy);
		}
		if (fd == -ENOTDIR) {
			fd = whiteout_to_dir(x, copy, at, p, err);
			if (fd < 0)
				return fd;
		}
		if (fd < 0) {
			errno = -fd;
			return cmk_err_errno(err, "directory '%s'", copy);
		}
		(void)close(at);
		at = fd;
		if (!slash)
			return steal_fd(&at);
		*slash = '/';
		p = slash + 1;
	}
}

/* Splits the clean name PATH; *RET_BASE points into it. The descriptor is borrowed. MAKE: its
 * directory, where absent. */
static int open_parent(struct extract *x, const char *path, bool make, const char **ret_base,
		       struct cmk_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	cleanup_free char *dir = NULL;
	struct open_dir *slot;
	int fd;

	*ret_base = slash ? slash + 1 : path;
	if (len == 0)
		return x->root;
	for (size_t i = 0; i < ARRAY_LEN(x->dirs); i++) {
		const struct open_dir *d = &x->dirs[(x->last_dir + i) % ARRAY_LEN(x->dirs)];

		if (d->fd >= 0 && d->len == len && memcmp(d->path, path, len) == 0)
			return d->fd;
	}
	dir = xstrndup(path, len);
	fd = open_below(x, dir);
	if ((fd == -ENOENT || fd == -ENOTDIR) && make)
		fd = make_parents(x, dir, err);
	else if (fd < 0) {
		errno = -fd;
		return cmk_err_errno(err, "its directory '%s'", dir);
	}
	if (fd < 0)
		return fd;
	x->last_dir = (x->last_dir + ARRAY_LEN(x->dirs) - 1) % ARRAY_LEN(x->dirs);
	slot = &x->dirs[x->last_dir];
	if (slot->fd >= 0)
		(void)close(slot->fd);
	free(slot->path);
	*slot = (struct open_dir){ .fd = fd, .len = len, .path = steal_ptr(&dir) };
	return fd;
}

/* A directory that is there already stays unless something else may take its place; a file gives
 * way to a file. */
static int may_replace(const struct extract *x, const char *path, int parent, const char *base,
		       struct cmk_err *err)
{
	const struct storage_extract_options *plain = x->o->plain;
	bool is_dir = x->e->type == TAR_DIR;
	struct stat st;

	if (!plain || plain->overwrite || fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    S_ISDIR(st.st_mode) == is_dir)
		return 0;
	/* Words of podman, which scripts look for. */
	(void)cmk_err_set(err, -EEXIST, "error creating \"%s/%s\": %s: file exists", plain->shown,
			  path, is_dir ? "it is no directory" : "it is a directory");
	(void)cmk_err_hint(err, "--overwrite replaces it");
	return -EEXIST;
}

/* Makes way for an entry of the same name: what a layer says last counts. PARENT is gone after. */
static int make_way(struct extract *x, const char *path, int parent, const char *base,
		    struct cmk_err *err)
{
	int r = may_replace(x, path, parent, base, err);

	if (r < 0)
		return r;
	r = clear_away(x, path, parent, base, err);
	/* One may be of what went; PARENT is closed with the others. */
	dirs_forget(x);
	return r;
}

/* What makes X again after make_way() needs its parent again. */
static int reopen_parent(struct extract *x, const char *path, struct cmk_err *err)
{
	const char *base;

	return open_parent(x, path, true, &base, err);
}

/* --- whiteouts --- */

static int whiteout(struct extract *x, const char *path, int parent, const char *base,
		    struct cmk_err *err)
{
	const char *target = base + strlen(WHITEOUT_PREFIX);
	struct stat st;

	if (streq(base, WHITEOUT_OPAQUE)) {
		/* The root is no directory inside another: storage_rootfs_prepare() leaves out the
		 * layers below. */
		if (!strchr(path, '/'))
			x->opaque_root = true;
		return set_opaque(parent, err);
	}
	/* Other names of this kind were aufs's own business. */
	if (str_after(base, WHITEOUT_META))
		return 0;
	if (!*target || is_dot(target))
		return cmk_err_set(err, -EINVAL, "a whiteout of '%s'", target);
	if (mknodat(parent, target, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST || fstatat(parent, target, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "make a whiteout");
	/* Only what lower layers have is meant (image-spec layer.md#whiteouts). */
	if (S_ISDIR(st.st_mode)) {
		cleanup_close int fd = openat(parent, target,
					      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		return fd < 0 ? cmk_err_errno(err, "open '%s'", target) : set_opaque(fd, err);
	}
	return 0;
}

/* --- owners, modes, times, attributes --- */

static int check_ids(const struct extract *x, const struct tar_entry *e, uid_t *uid, gid_t *gid,
		     struct cmk_err *err)
{
	const struct storage_extract_options *plain = x->o->plain;

	*uid = *gid = 0;
	if (x->o->single)
		return 0;
	*uid = plain && plain->owner_given ? plain->uid : (uid_t)e->uid;
	*gid = plain && plain->owner_given ? plain->gid : (gid_t)e->gid;
	/* The kernel knows what is mapped, and says so. */
	if (plain)
		return 0;
	if (id_map_to_outside(x->o->uids, *uid) == UINT32_MAX ||
	    id_map_to_outside(x->o->gids, *gid) == UINT32_MAX) {
		if (x->o->squash) {
			*uid = *gid = 0;
			return 0;
		}
		(void)cmk_err_kind(err, CMK_ERR_INVALID, -EINVAL,
				   "its owner %u:%u is beyond your subordinate ids", *uid, *gid);
		(void)cmk_err_hint(err, "give your user a larger range in /etc/subuid and "
					"/etc/subgid");
		return -EINVAL;
	}
	return 0;
}

static int set_xattr(const struct extract *x, int fd, const char *name, const struct tar_xattr *v,
		     struct cmk_err *err)
{
	if (fsetxattr(fd, name, v->value, v->len, 0) == 0)
		return 0;
	/* Not kept by this file system: as with cp and tar, no reason to fail. A plain user may set
	 * no capabilities. */
	if (errno == EOPNOTSUPP || (x->o->plain && errno == EPERM))
		return 0;
	return cmk_err_errno(err, "set attribute '%s'", name);
}

static int set_xattrs(const struct extract *x, int fd, bool capability, struct cmk_err *err)
{
	const struct tar_entry *e = x->e;

	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct tar_xattr *v = &e->xattrs[i];
		char renamed[XATTR_NAME_MAX + 1];
		int r = 0;

		if (streq(v->name, XATTR_CAPABILITY) != capability)
			continue;
		switch (xattr_stored_name(v->name, renamed)) {
		case XATTR_AS_IS:
			r = set_xattr(x, fd, v->name, v, err);
			break;
		case XATTR_RENAMED:
			/* Only a layer is seen through an overlay, which tells it back. */
			if (!x->o->plain)
				r = set_xattr(x, fd, renamed, v, err);
			break;
		case XATTR_UNWANTED:
		case XATTR_IMPOSSIBLE:
			break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static void times_of(const struct tar_entry *e, struct timespec times[2])
{
	times[0] = times[1] = e->mtime;
}

/* For files and directories that were made with MODE & 0777 and belong to 0:0. SPECIAL: set the
 * other mode bits too. */
static int set_attributes(struct extract *x, int fd, bool special, struct cmk_err *err)
{
	const struct tar_entry *e = x->e;
	uid_t uid;
	gid_t gid;
	int r;

	r = check_ids(x, e, &uid, &gid, err);
	if (r >= 0 && e->n_xattrs)
		r = set_xattrs(x, fd, false, err);
	if (r < 0)
		return r;
	if ((uid || gid) && fchown(fd, uid, gid) < 0)
		return cmk_err_errno(err, "set owner %u:%u", uid, gid);
	/* After chown(2), which clears these bits and the capabilities. */
	if (special && (e->mode & 07000) && fchmod(fd, e->mode) < 0)
		return cmk_err_errno(err, "set mode %04o", e->mode);
	return e->n_xattrs ? set_xattrs(x, fd, true, err) : 0;
}

static int set_attributes_at(struct extract *x, int parent, const char *base, struct cmk_err *err)
{
	const struct tar_entry *e = x->e;
	struct timespec times[2];
	uid_t uid;
	gid_t gid;
	int r;

	r = check_ids(x, e, &uid, &gid, err);
	if (r < 0)
		return r;
	if ((uid || gid) && fchownat(parent, base, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "set owner %u:%u", uid, gid);
	/* It would follow a link that somebody puts there now; a FIFO needs no such bits. */
	if (!x->o->plain && e->type != TAR_SYMLINK && (e->mode & 07000) &&
	    fchmodat(parent, base, e->mode, 0) < 0)
		return cmk_err_errno(err, "set mode %04o", e->mode);
	times_of(e, times);
	if (utimensat(parent, base, times, AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "set times");
	return 0;
}

/* --- kinds of entries --- */

static int write_data(struct extract *x, const char *path, int fd, struct cmk_err *err)
{
	const struct tar_tap *tap = x->t->tap;
	const struct tar_entry *e = x->e;
	const void *p;
	uint64_t offset;
	size_t len;
	int r;

	while ((r = tar_data(x->t, &p, &len, &offset, err)) > 0) {
		if (e->is_sparse && lseek(fd, (off_t)offset, SEEK_SET) < 0)
			return cmk_err_errno(err, "seek");
		r = write_all(fd, p, len);
		if (r < 0) {
			errno = -r;
			return cmk_err_errno(err, "write");
		}
		if (tap)
			tap->data(tap->arg, path, offset, p, len);
	}
	if (r >= 0 && e->is_sparse && ftruncate(fd, (off_t)e->size) < 0)
		return cmk_err_errno(err, "set size %llu", (unsigned long long)e->size);
	return r;
}

static int check_sparse(struct extract *x, struct cmk_err *err)
{
	struct statvfs v;
	uint64_t room;

	if (!x->e->is_sparse)
		return 0;
	if (fstatvfs(x->root, &v) < 0)
		return cmk_err_errno(err, "statvfs");
	/* Holes take no room, until somebody copies the file. */
	if (v.f_blocks &&
	    !__builtin_mul_overflow((uint64_t)v.f_blocks, (uint64_t)v.f_frsize, &room) &&
	    x->e->size > room)
		return cmk_err_set(err, -EFBIG,
				   "a sparse file of %llu bytes, more than the whole "
				   "file system",
				   (unsigned long long)x->e->size);
	return 0;
}

static int make_file(struct extract *x, const char *path, int parent, const char *base,
		     struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct timespec times[2];
	int r;

	r = check_sparse(x, err);
	if (r < 0)
		return r;
	fd = openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    x->e->mode & 0777);
	if (fd < 0)
		return errno == EEXIST ? -EEXIST : cmk_err_errno(err, "create");
	r = write_data(x, path, fd, err);
	if (r >= 0)
		r = set_attributes(x, fd, true, err);
	if (r < 0)
		return r;
	times_of(x->e, times);
	return futimens(fd, times) < 0 ? cmk_err_errno(err, "set times") : 0;
}

/* Times, and the bits by which what is made inside would inherit, wait for the end. */
static void remember_dir(struct extract *x, const char *path)
{
	if (x->n_late == x->cap_late) {
		x->cap_late = x->cap_late ? x->cap_late * 2 : 256;
		x->late = xrealloc(x->late, x->cap_late, sizeof(*x->late));
	}
	x->late[x->n_late++] = (struct late_dir){ .path = xstrdup(path),
						  .mode = x->e->mode,
						  .mtime = x->e->mtime };
}

static int make_dir(struct extract *x, const char *path, int parent, const char *base,
		    struct cmk_err *err)
{
	cleanup_close int fd = -1;
	bool hide_lower = false;
	struct stat st;
	int r;

	if (mkdirat(parent, base, x->e->mode & 0777) < 0) {
		if (errno != EEXIST || fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return cmk_err_errno(err, "create directory");
		if (!S_ISDIR(st.st_mode)) {
			hide_lower = is_whiteout(&st);
			r = make_way(x, path, parent, base, err);
			if (r >= 0)
				r = parent = reopen_parent(x, path, err);
			if (r < 0)
				return r;
			if (mkdirat(parent, base, x->e->mode & 0777) < 0)
				return cmk_err_errno(err, "create directory");
		}
	}
	fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return cmk_err_errno(err, "open directory");
	/* A second entry of one directory counts. */
	if (fchmod(fd, x->e->mode & 0777) < 0)
		return cmk_err_errno(err, "set mode %04o", x->e->mode);
	r = hide_lower ? set_opaque(fd, err) : 0;
	if (r >= 0)
		r = set_attributes(x, fd, false, err);
	if (r >= 0)
		remember_dir(x, path);
	return r;
}

static int make_hardlink(struct extract *x, const char *path, int parent, const char *base,
			 struct cmk_err *err)
{
	cleanup_free char *target = xmalloc(x->e->link.len + 1);
	cleanup_close int from = -1;
	const char *from_base;
	int r;

	if (extract_clean_name(x->e->link.data, target) < 0 || !*target)
		return cmk_err_set(err, -EINVAL,
				   "a hard link to '%s', which is outside of the layer",
				   x->e->link.data);
	if (streq(target, path))
		return cmk_err_set(err, -EINVAL, "a hard link to itself");
	r = open_parent(x, target, false, &from_base, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "hard link to '%s'", target);
	/* The parent of the new name may just have given up its place among the kept ones. */
	from = fcntl(r, F_DUPFD_CLOEXEC, 3);
	r = parent = reopen_parent(x, path, err);
	if (r < 0)
		return r;
	if (from < 0 || linkat(from, from_base, parent, base, 0) < 0)
		return errno == EEXIST ? -EEXIST : cmk_err_errno(err, "hard link to '%s'", target);
	return 0;
}

static int make_entry(struct extract *x, const char *path, int parent, const char *base,
		      struct cmk_err *err)
{
	const struct tar_entry *e = x->e;

	switch (e->type) {
	case TAR_FILE:
		return make_file(x, path, parent, base, err);
	case TAR_DIR:
		return make_dir(x, path, parent, base, err);
	case TAR_HARDLINK:
		return make_hardlink(x, path, parent, base, err);
	case TAR_SYMLINK:
		if (symlinkat(e->link.data, parent, base) < 0)
			return errno == EEXIST ? -EEXIST : cmk_err_errno(err, "create link");
		return set_attributes_at(x, parent, base, err);
	case TAR_FIFO:
		if (mknodat(parent, base, S_IFIFO | (e->mode & 0777), 0) < 0)
			return errno == EEXIST ? -EEXIST : cmk_err_errno(err, "create FIFO");
		return set_attributes_at(x, parent, base, err);
	case TAR_CHAR:
	case TAR_BLOCKDEV:
		break;
	}
	return 0;
}

static int root_entry(struct extract *x, struct cmk_err *err)
{
	uid_t uid;
	gid_t gid;
	int r;

	/* CVE-2021-29136: a layer must not put a link in place of its own root. */
	if (x->e->type != TAR_DIR)
		return cmk_err_set(err, -EINVAL, "the root of a layer must be a directory");
	x->has_root = true;
	r = check_ids(x, x->e, &uid, &gid, err);
	if (r < 0)
		return r;
	if (fchmod(x->root, x->e->mode & 0777) < 0)
		return cmk_err_errno(err, "set mode %04o", x->e->mode);
	r = set_attributes(x, x->root, false, err);
	if (r >= 0)
		remember_dir(x, "");
	return r;
}

static int extract_entry(struct extract *x, const char *path, struct cmk_err *err)
{
	const char *base;
	int parent, r;

	if (!*path)
		return root_entry(x, err);
	/* A rootless user cannot make them; a container gets its own /dev. */
	if (x->e->type == TAR_CHAR || x->e->type == TAR_BLOCKDEV)
		return 0;
	parent = open_parent(x, path, true, &base, err);
	if (parent < 0)
		return parent;
	if (!x->o->plain && str_after(base, WHITEOUT_PREFIX))
		return whiteout(x, path, parent, base, err);
	r = make_entry(x, path, parent, base, err);
	if (r != -EEXIST)
		return r;
	r = make_way(x, path, parent, base, err);
	if (r >= 0)
		r = parent = reopen_parent(x, path, err);
	if (r < 0)
		return r;
	r = make_entry(x, path, parent, base, err);
	return r == -EEXIST ? cmk_err_set(err, r, "%s", errno_text(EEXIST)) : r;
}

static int apply_late(struct extract *x, struct cmk_err *err)
{
	for (size_t i = 0; i < x->n_late; i++) {
		const struct late_dir *d = &x->late[i];
		struct timespec times[2] = { d->mtime, d->mtime };
		cleanup_close int fd = open_resolved(x->root, *d->path ? d->path : ".",
						     O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
						     RESOLVE);

		/* A later entry may have put something else in its place. */
		if (fd < 0)
			continue;
		if (((d->mode & 07000) && fchmod(fd, d->mode) < 0) || futimens(fd, times) < 0)
			return cmk_err_errno(err, "'%s': set mode and times", d->path);
	}
	return 0;
}

static int extract_entries(struct extract *x, struct cmk_err *err)
{
	cleanup_free char *path = xmalloc(TAR_NAME_MAX + 1);
	int r;

	while ((r = tar_next(x->t, err)) > 0) {
		x->e = &x->t->entry;
		if (extract_clean_name(x->e->path.data, path) < 0)
			return cmk_err_set(err, -EINVAL, "'%s': this name leads out of the layer",
					   x->e->path.data);
		r = extract_entry(x, path, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "'%s'", *path ? path : "/");
		if (x->o->owners)
			owners_note(x->o->owners, x->e->uid, x->e->gid, path);
	}
	return r < 0 ? r : apply_late(x, err);
}

int extract_all(int root, struct tar_reader *t, const struct extract_options *o,
		struct unpack_result *ret, struct cmk_err *err)
{
	struct extract x = { .root = root, .t = t, .o = o };
	int r;

	for (size_t i = 0; i < ARRAY_LEN(x.dirs); i++)
		x.dirs[i].fd = -1;
	r = extract_entries(&x, err);
	dirs_forget(&x);
	for (size_t i = 0; i < x.n_late; i++)
		free(x.late[i].path);
	free(x.late);
	ret->has_root = x.has_root;
	ret->opaque_root = x.opaque_root;
	return r;
}
