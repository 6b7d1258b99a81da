// SPDX-License-Identifier: Apache-2.0
#include "image/files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "base/file.h"

static int take_archive(struct storage *st, int fd, struct files *f, struct cmk_err *err)
{
	int r = storage_plain_file(st, fd, &f->fd, err);

	if (r == 0)
		r = storage_archive_open(f->fd, &f->archive, err);
	return r;
}

static int take(struct storage *st, int fd, const char *shown, struct files *ret,
		struct cmk_err *err)
{
	struct files f = { .shown = xstrdup(shown), .fd = -1 };
	struct stat sb;
	int r = 0;

	if (fstat(fd, &sb) < 0)
		r = cmk_err_errno(err, "look at it");
	else if (!S_ISDIR(sb.st_mode))
		r = take_archive(st, fd, &f, err);
	else if ((f.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
		r = cmk_err_errno(err, "open");
	if (r < 0) {
		files_done(&f);
		return cmk_err_wrap(err, r, "'%s'", shown);
	}
	*ret = f;
	return 0;
}

int files_of_fd(struct storage *st, int fd, const char *shown, struct files *ret,
		struct cmk_err *err)
{
	return take(st, fd, shown, ret, err);
}

int files_open(struct storage *st, const char *path, struct files *ret, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", path);
	return take(st, fd, path, ret, err);
}

void files_done(struct files *f)
{
	free(f->shown);
	if (f->fd >= 0)
		(void)close(f->fd);
	(void)storage_archive_free(f->archive);
	*f = (struct files){ .fd = -1 };
}

static int find_in_dir(const struct files *f, const char *name, struct layer_part *ret,
		       struct cmk_err *err)
{
	cleanup_close int fd = open_resolved(f->fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
					     RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	struct stat sb;

	if (fd < 0)
		return cmk_err_set(err, fd, "'%.200s': %s", name,
				   fd == -EXDEV ? "leads out of the directory" : errno_text(-fd));
	if (fstat(fd, &sb) < 0)
		return cmk_err_errno(err, "'%.200s'", name);
	if (!S_ISREG(sb.st_mode))
		return cmk_err_set(err, -EINVAL, "'%.200s' is not a regular file", name);
	*ret = (struct layer_part){ .fd = steal_fd(&fd), .size = (uint64_t)sb.st_size };
	return 0;
}

static int find_in_archive(const struct files *f, const char *name, struct layer_part *ret,
			   struct cmk_err *err)
{
	struct storage_member m;
	int r = storage_archive_find(f->archive, name, &m, err);
	int fd = r < 0 ? -1 : fcntl(f->fd, F_DUPFD_CLOEXEC, 3);

	if (r < 0)
		return r;
	if (fd < 0)
		return cmk_err_errno(err, "open");
	*ret = (struct layer_part){ .fd = fd, .offset = m.offset, .size = m.size };
	return 0;
}

int files_find(const struct files *f, const char *name, struct layer_part *ret, struct cmk_err *err)
{
	int r = f->archive ? find_in_archive(f, name, ret, err) : find_in_dir(f, name, ret, err);

	return r < 0 ? cmk_err_wrap(err, r, "'%s'", f->shown) : 0;
}

bool files_has(const struct files *f, const char *name)
{
	struct layer_part part;
	int r = files_find(f, name, &part, NULL);

	if (r < 0)
		return r != -ENOENT;
	(void)close(part.fd);
	return true;
}

int files_text(const struct files *f, const char *name, uint64_t max, char **ret, size_t *ret_len,
	       struct cmk_err *err)
{
	struct layer_part part = { .fd = -1 };
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	size_t done = 0;
	int r = files_find(f, name, &part, err);

	if (r < 0)
		return r;
	fd = part.fd;
	if (part.size > max)
		return cmk_err_set(err, -EFBIG, "'%s': '%.200s' is larger than %llu bytes",
				   f->shown, name, (unsigned long long)max);
	text = xmalloc(part.size + 1);
	while (done < part.size) {
		ssize_t n = pread(fd, text + done, part.size - done, (off_t)(part.offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cmk_err_errno(err, "'%s': read '%.200s'", f->shown, name);
		if (n == 0)
			return cmk_err_set(err, -EBADMSG, "'%s': '%.200s' was cut short", f->shown,
					   name);
		done += (size_t)n;
	}
	text[done] = '\0';
	*ret = steal_ptr(&text);
	*ret_len = done;
	return 0;
}
