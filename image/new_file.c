// SPDX-License-Identifier: Apache-2.0
#include "image/new_file.h"

#include <fcntl.h>
#include <sys/random.h>

#include "base/file.h"

static char *make_name(const char *name)
{
	uint64_t x = 0;

	while (getrandom(&x, sizeof(x), 0) != sizeof(x))
		;
	return xasprintf("%s.%016llx" NEW_FILE_SUFFIX, name, (unsigned long long)x);
}

static char *dir_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	return !slash	       ? xstrdup(".")
	       : slash == name ? xstrdup("/")
			       : xstrndup(name, (size_t)(slash - name));
}

int new_file_open(int dir_fd, const char *name, mode_t mode, struct new_file *ret,
		  struct cmk_err *err)
{
	cleanup_free char *dir = dir_of(name);
	struct new_file f = { .dir_fd = dir_fd, .name = name };

	f.fd = openat(dir_fd, dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	if (f.fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		f.tmp = make_name(name);
		f.fd = openat(dir_fd, f.tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	}
	if (f.fd < 0) {
		(void)cmk_err_errno(err, "create '%s'", name);
		free(f.tmp);
		return err ? err->code : -EIO;
	}
	*ret = f;
	return 0;
}

static int link_as(const struct new_file *f, const char *name)
{
	char path[FD_PATH_MAX];

	return linkat(AT_FDCWD, fd_path(f->fd, path), f->dir_fd, name, AT_SYMLINK_FOLLOW) < 0
		       ? -errno
		       : 0;
}

static int give_name(struct new_file *f)
{
	int r = f->tmp ? -EEXIST : link_as(f, f->name);

	if (r != -EEXIST)
		return r;
	/* What has the name already is replaced by a rename alone. */
	if (!f->tmp) {
		cleanup_free char *tmp = make_name(f->name);

		r = link_as(f, tmp);
		if (r < 0)
			return r;
		f->tmp = steal_ptr(&tmp);
	}
	return renameat(f->dir_fd, f->tmp, f->dir_fd, f->name) < 0 ? -errno : 0;
}

int new_file_close(struct new_file *f, int r, struct cmk_err *err)
{
	int q = r == 0 ? give_name(f) : 0;

	if (q < 0)
		r = cmk_err_set(err, q, "name '%s': %s", f->name, errno_text(-q));
	if (r < 0 && f->tmp)
		(void)unlinkat(f->dir_fd, f->tmp, 0);
	free(f->tmp);
	(void)close(f->fd);
	*f = (struct new_file){ .fd = -1 };
	return r;
}
