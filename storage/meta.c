// SPDX-License-Identifier: Apache-2.0
#include "storage/meta.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "storage/xattr.h"

#define TAG_HEX 14
/* Names tried for one file: those of other files are in the way where a store was copied, and its
 * inodes have new numbers. */
#define NAME_TRIES 8

int meta_data_make(int layer_fd, const char *hex, struct meta_data *ret, struct cmk_err *err)
{
	cleanup_close int data = open_dir_at(layer_fd, "data", 0755, err);
	struct meta_data d;

	if (data < 0)
		return data;
	(void)snprintf(d.tag, sizeof(d.tag), "%.*s", TAG_HEX, hex);
	d.is_new = faccessat(data, d.tag, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	d.fd = open_dir_at(data, d.tag, 0755, err);
	if (d.fd < 0)
		return d.fd;
	*ret = d;
	return 0;
}

/* An inode's number in few characters, and which try this is. */
static void name_of(ino_t ino, unsigned int nth, char buf[static 32])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char *p = buf;

	do
		*p++ = digits[ino % 36];
	while ((ino /= 36) > 0);
	if (nth > 0) {
		*p++ = '.';
		*p++ = digits[nth];
	}
	*p = '\0';
}

int meta_mark(int file, const char *redirect)
{
	if (fsetxattr(file, XATTR_METACOPY, NULL, 0, 0) < 0 ||
	    fsetxattr(file, XATTR_REDIRECT, redirect, strlen(redirect), 0) < 0)
		return -errno;
	return 0;
}

void meta_unmark(int file)
{
	(void)fremovexattr(file, XATTR_METACOPY);
	(void)fremovexattr(file, XATTR_REDIRECT);
}

static bool is_same(int dir, const char *name, const struct stat *st)
{
	struct stat there;

	return fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == st->st_ino &&
	       there.st_dev == st->st_dev;
}

int meta_link(const struct meta_data *d, int dir, const char *name, const struct stat *st,
	      char redirect[static META_LINK_MAX])
{
	char link[32];

	for (unsigned int nth = 0; nth < NAME_TRIES; nth++) {
		bool asked = !d->is_new && st->st_nlink > 1;

		name_of(st->st_ino, nth, link);
		(void)snprintf(redirect, META_LINK_MAX, "/%s/%s", d->tag, link);
		/* To ask costs less than to fail. */
		if (asked && is_same(d->fd, link, st))
			return 0;
		if (linkat(dir, name, d->fd, link, 0) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
		if (is_same(d->fd, link, st))
			return 0;
	}
	return -EMLINK;
}

/* 1: with a redirect of LEN bytes a file in DIR takes a block. 0: none. -errno. */
static int takes_block(int dir, size_t len)
{
	static const char probe[] = "probe";
	char redirect[META_PATH_MAX + 1];
	cleanup_close int file = -1;
	struct stat st;
	int r;

	file = openat(dir, probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0)
		return -errno;
	memset(redirect, 'x', len);
	redirect[len] = '\0';
	r = meta_mark(file, redirect);
	if (r == 0)
		r = fstat(file, &st) < 0 ? -errno : st.st_blocks > 0;
	if (unlinkat(dir, probe, 0) < 0)
		return -errno;
	return r;
}

int meta_path_max(int dir, size_t *ret)
{
	int r = takes_block(dir, META_PATH_MAX);

	*ret = META_PATH_MAX;
	if (r == 0)
		return 0;
	r = takes_block(dir, META_SHORT);
	if (r < 0)
		return r;
	/* Where not even a short one fits, links are of no use. */
	if (r == 0)
		*ret = META_SHORT;
	return 0;
}

bool meta_can_be_path(const char *path, size_t max)
{
	size_t first = strcspn(path, "/");

	return strlen(path) + 1 <= max &&
	       (first != TAG_HEX || strspn(path, "0123456789abcdef") != first);
}

int meta_point(int out, const char *redirect, off_t size)
{
	int r = meta_mark(out, redirect);

	if (r < 0)
		meta_unmark(out);
	return r < 0 ? r : ftruncate(out, size) < 0 ? -errno : 0;
}

static int redirect_of(int file, char *buf, size_t size)
{
	ssize_t n;

	if (fgetxattr(file, XATTR_METACOPY, buf, size) < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? -ENODATA : -errno;
	n = fgetxattr(file, XATTR_REDIRECT, buf, size - 1);
	if (n < 0)
		return errno == ENODATA ? -EBADMSG : -errno;
	buf[n] = '\0';
	return buf[0] == '/' && buf[1] ? 0 : -EBADMSG;
}

int meta_open(const int *fds, size_t n, int file)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
						 RESOLVE_NO_XDEV };
	char redirect[PATH_MAX];
	int r = redirect_of(file, redirect, sizeof(redirect)), fd = -1;

	if (r < 0)
		return r;
	r = -ENOENT;
	/* As the kernel does it: whatever keeps a directory from having it. */
	for (size_t i = 0; i < n && (r == -ENOENT || r == -ENOTDIR || r == -ELOOP); i++) {
		fd = (int)syscall(SYS_openat2, fds[i], redirect + 1, &how, sizeof(how));
		r = fd < 0 ? -errno : fd;
	}
	return r;
}
