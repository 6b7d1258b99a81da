// SPDX-License-Identifier: Apache-2.0
/*
 * "tmpcopyup": what the root file system has below a tmpfs is copied into it. The image chose that
 * content: nothing is followed, and devices and sockets stay behind.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "libpod/runtime/internal.h"

#define DEPTH_MAX 64

static int copy_owner(int dir, const char *name, const struct stat *st, struct cmk_err *err)
{
	if (fchownat(dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "owner of '%s'", name);
	return 0;
}

static bool is_copied(const char *name)
{
	return str_after(name, "user.") || str_after(name, "system.posix_acl_") ||
	       streq(name, "security.capability");
}

/* After owner and mode, which a capability and an access control list do not survive. What the
 * file system cannot keep, or we may not give (a capability of another's), is left out. */
static int copy_xattrs(int in, int out, const char *name, struct cmk_err *err)
{
	static char names[65536], value[65536];
	ssize_t n = flistxattr(in, names, sizeof(names));

	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		ssize_t len = is_copied(p) ? fgetxattr(in, p, value, sizeof(value)) : -1;

		if (len < 0 || fsetxattr(out, p, value, (size_t)len, 0) == 0 ||
		    errno == EOPNOTSUPP || errno == EPERM)
			continue;
		return cmk_err_errno(err, "attribute '%s' of '%s'", p, name);
	}
	return 0;
}

/* Of NAME below DIR, or "": of DIR itself. */
static void copy_times(int dir, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (*name)
		(void)utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
	else
		(void)futimens(dir, times);
}

static int copy_file(int from, int to, const char *name, const struct stat *st, struct cmk_err *err)
{
	cleanup_close int in = -1, out = -1;
	int r;

	in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (in < 0)
		return cmk_err_errno(err, "open '%s'", name);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return cmk_err_errno(err, "make '%s'", name);
	r = file_copy_data(in, out);
	if (r < 0)
		return cmk_err_set(err, r, "copy '%s': %s", name, errno_text(-r));
	r = copy_owner(to, name, st, err);
	if (r < 0)
		return r;
	/* After the owner: chown(2) clears set-id bits. */
	if (fchmod(out, st->st_mode & 07777) < 0)
		return cmk_err_errno(err, "mode of '%s'", name);
	r = copy_xattrs(in, out, name, err);
	copy_times(out, "", st);
	return r;
}

static int copy_link(int from, int to, const char *name, const struct stat *st, struct cmk_err *err)
{
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return cmk_err_errno(err, "read link '%s'", name);
	target[n] = '\0';
	if (symlinkat(target, to, name) < 0)
		return cmk_err_errno(err, "make link '%s'", name);
	copy_times(to, name, st);
	return copy_owner(to, name, st, err);
}

static int copy_dir(int from, int to, unsigned int depth, struct cmk_err *err);

static int copy_subdir(int from, int to, const char *name, const struct stat *st,
		       unsigned int depth, struct cmk_err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	cleanup_close int in = -1, out = -1;
	int r;

	if (depth >= DEPTH_MAX)
		return cmk_err_set(err, -ELOOP, "'%s': more than %d levels", name, DEPTH_MAX);
	in = openat(from, name, flags);
	if (in < 0)
		return cmk_err_errno(err, "open '%s'", name);
	if (mkdirat(to, name, 0700) < 0)
		return cmk_err_errno(err, "make '%s'", name);
	out = openat(to, name, flags);
	if (out < 0)
		return cmk_err_errno(err, "open '%s'", name);
	r = copy_dir(in, out, depth + 1, err);
	if (r == 0)
		r = copy_owner(to, name, st, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "'%s'", name);
	if (fchmod(out, st->st_mode & 07777) < 0)
		return cmk_err_errno(err, "mode of '%s'", name);
	r = copy_xattrs(in, out, name, err);
	copy_times(out, "", st);
	return r;
}

static int copy_entry(int from, int to, const char *name, unsigned int depth, struct cmk_err *err)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "stat '%s'", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return copy_file(from, to, name, &st, err);
	case S_IFLNK:
		return copy_link(from, to, name, &st, err);
	case S_IFDIR:
		return copy_subdir(from, to, name, &st, depth, err);
	default:
		return 0;
	}
}

static int copy_dir(int from, int to, unsigned int depth, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	int r = dir_read(from, &d, err);

	if (r < 0)
		return r;
	while ((e = readdir(d))) {
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		r = copy_entry(from, to, e->d_name, depth, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int copy_up(int from, int to, bool keep_mode, bool keep_owner, struct cmk_err *err)
{
	struct stat st;
	int r = copy_dir(from, to, 0, err);

	if (r < 0 || keep_mode)
		return r;
	if (fstat(from, &st) < 0)
		return cmk_err_errno(err, "stat");
	/* As the directory that it covers: /tmp stays 1777. */
	if (!keep_owner && fchownat(to, "", st.st_uid, st.st_gid, AT_EMPTY_PATH) < 0)
		return cmk_err_errno(err, "owner");
	if (fchmod(to, st.st_mode & 07777) < 0 && errno != EBADF)
		return cmk_err_errno(err, "mode");
	copy_times(to, "", &st);
	return 0;
}
