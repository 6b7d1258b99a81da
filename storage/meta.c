// SPDX-License-Identifier: Apache-2.0
#include "storage/meta.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "storage/xattr.h"

#define TAG_HEX 14
#define REDIRECT_MAX 64
/* Names tried for one file: those of other files are in the way where a store was copied, and its
 * inodes have new numbers. */
#define NAME_TRIES 8

int meta_data_make(int layer_fd, const char *hex, struct meta_data *ret, struct cmk_err *err)
{
	cleanup_close int data = open_dir_at(layer_fd, "data", 0755, err);

	if (data < 0)
		return data;
	(void)snprintf(ret->tag, sizeof(ret->tag), "%.*s", TAG_HEX, hex);
	ret->fd = open_dir_at(data, ret->tag, 0755, err);
	return ret->fd < 0 ? ret->fd : 0;
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

static bool is_same(int dir, const char *name, const struct stat *st)
{
	struct stat there;

	return fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == st->st_ino &&
	       there.st_dev == st->st_dev;
}

int meta_mark(int file, const char *redirect)
{
	if (fsetxattr(file, XATTR_METACOPY, NULL, 0, 0) < 0 ||
	    fsetxattr(file, XATTR_REDIRECT, redirect, strlen(redirect), 0) < 0)
		return -errno;
	return 0;
}

int meta_point(const struct meta_data *d, int dir, const char *name, const struct stat *st, int out)
{
	char redirect[REDIRECT_MAX], link[32];
	unsigned int nth = 0;
	int r;

	for (;; nth++) {
		if (nth == NAME_TRIES)
			return -EMLINK;
		name_of(st->st_ino, nth, link);
		if (linkat(dir, name, d->fd, link, 0) == 0)
			break;
		if (errno != EEXIST)
			return -errno;
		if (is_same(d->fd, link, st))
			break;
	}
	(void)snprintf(redirect, sizeof(redirect), "/%s/%s", d->tag, link);
	r = meta_mark(out, redirect);
	return r < 0 ? r : ftruncate(out, st->st_size) < 0 ? -errno : 0;
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
	for (size_t i = 0; i < n && r == -ENOENT; i++) {
		fd = (int)syscall(SYS_openat2, fds[i], redirect + 1, &how, sizeof(how));
		r = fd < 0 ? -errno : fd;
	}
	return r;
}
