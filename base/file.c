// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t read_full(int fd, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)buf + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int file_clone(int in, int out)
{
#ifdef CMK_TEST_HOOKS
	if (getenv("CMK_TEST_NO_CLONE"))
		return -EOPNOTSUPP;
#endif
	return ioctl(out, FICLONE, in) < 0 ? -errno : 0;
}

static int copy_through_memory(int in, int out, off_t at, off_t end)
{
	char buf[1 << 16];

	while (at < end) {
		ssize_t n = pread(in, buf, (size_t)MIN(end - at, (off_t)sizeof(buf)), at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (lseek(out, at, SEEK_SET) < 0)
			return -errno;
		r = write_all(out, buf, (size_t)n);
		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

/* The bytes from AT to END, or to the end of a file that has become shorter. */
static int copy_piece(int in, int out, off_t at, off_t end)
{
	off_t from = at, to = at;

	while (from < end) {
		ssize_t n = copy_file_range(in, &from, out, &to, (size_t)(end - from), 0);

		if (n == 0)
			return 0;
		if (n < 0 &&
		    (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
			return copy_through_memory(in, out, from, end);
		if (n < 0 && errno != EINTR)
			return -errno;
	}
	return 0;
}

int file_copy_data(int in, int out)
{
	off_t at = 0;
	struct stat st;
	int r;

	if (file_clone(in, out) == 0)
		return 0;
	if (fstat(in, &st) < 0)
		return -errno;
	while (at < st.st_size) {
		off_t data = lseek(in, at, SEEK_DATA), end = st.st_size;

		/* A hole up to the end; or this file system does not know. */
		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			data = at;
		else
			end = lseek(in, data, SEEK_HOLE);
		if (end <= data)
			end = st.st_size;
		r = copy_piece(in, out, data, end);
		if (r < 0)
			return r;
		at = end;
	}
	return ftruncate(out, st.st_size) < 0 ? -errno : 0;
}

static int make_temporary(int dirfd, mode_t mode, char *name, size_t size)
{
	for (int tries = 0; tries < 100; tries++) {
		uint64_t r = 0;
		int fd;

		if (getrandom(&r, sizeof(r), 0) < 0)
			return -errno;
		(void)snprintf(name, size, ".tmp-%016llx", (unsigned long long)r);
		fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			    mode);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* Fills the temporary file and gives it its name; the caller unlinks it on failure. */
static int fill_and_publish(int dirfd, int fd, const char *tmp, const char *name, const void *data,
			    size_t len, mode_t mode, enum file_flags flags)
{
	int r = write_all(fd, data, len);

	if (r < 0)
		return r;
	/* The umask may have taken bits away. */
	if (fchmod(fd, mode) < 0)
		return -errno;
	if ((flags & (FILE_DURABLE | FILE_DURABLE_DATA)) && fsync(fd) < 0)
		return -errno;
	if (flags & FILE_EXCL)
		r = renameat2(dirfd, tmp, dirfd, name, RENAME_NOREPLACE);
	else
		r = renameat(dirfd, tmp, dirfd, name);
	if (r < 0)
		return -errno;
	if ((flags & FILE_DURABLE) && fsync(dirfd) < 0)
		return -errno;
	return 0;
}

int file_replace_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		    enum file_flags flags, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	char tmp[32];
	int r;

	fd = make_temporary(dirfd, mode, tmp, sizeof(tmp));
	if (fd < 0) {
		errno = -fd;
		return cmk_err_errno(err, "write '%s'", name);
	}
	r = fill_and_publish(dirfd, fd, tmp, name, data, len, mode, flags);
	if (r < 0) {
		(void)unlinkat(dirfd, tmp, 0);
		errno = -r;
		return cmk_err_errno(err, "write '%s'", name);
	}
	return 0;
}

int file_replace_path(const char *path, const void *data, size_t len, mode_t mode,
		      enum file_flags flags, struct cmk_err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return cmk_err_errno(err, "write '%s'", path);
	return file_replace_at(fd, slash ? slash + 1 : path, data, len, mode, flags, err);
}

/* SIZE is that of a regular file, or -1. Records are replaced whole, never written in place, so
 * that a read that gave less than was asked for has met the end: one call less for each record of a
 * listing. */
static int read_rest(int fd, off_t size, size_t max, char **ret, size_t *ret_len,
		     struct cmk_err *err)
{
	size_t cap = size > 0 ? MIN((size_t)size, max) + 2 : 4096, len = 0;
	cleanup_free char *buf = xmalloc(cap);

	for (;;) {
		ssize_t n = read(fd, buf + len, cap - len - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cmk_err_errno(err, "read");
		len += (size_t)n;
		if (len > max)
			return cmk_err_set(err, -EFBIG, "larger than %zu bytes", max);
		if (n == 0 || (size >= 0 && len < cap - 1))
			break;
		if (len == cap - 1) {
			cap *= 2;
			buf = xrealloc(buf, cap, 1);
		}
	}
	buf[len] = '\0';
	*ret = steal_ptr(&buf);
	if (ret_len)
		*ret_len = len;
	return 0;
}

/* Files of /proc say that they are regular and have no size: they are read to their end. */
static off_t known_size(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_size > 0 ? st->st_size : -1;
}

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len, struct cmk_err *err)
{
	struct stat st;

	return read_rest(fd, fstat(fd, &st) == 0 ? known_size(&st) : -1, max, ret, ret_len, err);
}

int file_read_at(int dirfd, const char *name, size_t max, char **ret, size_t *ret_len,
		 struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	/* O_NONBLOCK: a FIFO put there by somebody must not hold us (CVE-2024-9676). */
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", name);
	if (fstat(fd, &st) < 0)
		return cmk_err_errno(err, "stat '%s'", name);
	if (!S_ISREG(st.st_mode))
		return cmk_err_set(err, -EINVAL, "'%s' is not a regular file", name);
	r = read_rest(fd, known_size(&st), max, ret, ret_len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "'%s'", name);
	return 0;
}

int mkdir_p_at(int dirfd, const char *path, mode_t mode, struct cmk_err *err)
{
	cleanup_free char *copy = xstrdup(path);

	for (char *p = copy + (*copy == '/');; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (*copy && mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST)
			return cmk_err_errno(err, "create directory '%s'", copy);
		*p = c;
		if (!c)
			return 0;
	}
}

int open_dir_at(int dirfd, const char *name, mode_t mode, struct cmk_err *err)
{
	int fd;

	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(dirfd, name, mode) < 0 && errno != EEXIST)
			return cmk_err_errno(err, "create directory '%s'", name);
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0)
		return cmk_err_errno(err, "open directory '%s'", name);
	return fd;
}

/* A tree may be deeper than descriptors and stack reach: what is below is moved to its top first.
 */
#define REMOVE_DEPTH_MAX 64

struct removal {
	int top;	      /* the tree itself, once it is open */
	unsigned int n_moved; /* subtrees moved there */
};

static int remove_entry(struct removal *rm, int dirfd, const char *name, unsigned int depth);

static int remove_children(struct removal *rm, int fd, unsigned int depth)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = 0, dupfd;

	dupfd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (dupfd < 0)
		return -errno;
	d = fdopendir(dupfd);
	if (!d) {
		(void)close(dupfd);
		return -ENOMEM;
	}
	/* A copy shares its offset: a second round would start at the end of the first. */
	rewinddir(d);
	while ((de = readdir(d))) {
		int q;

		if (streq(de->d_name, ".") || streq(de->d_name, ".."))
			continue;
		q = remove_entry(rm, fd, de->d_name, depth + 1);
		if (q < 0 && r == 0)
			r = q;
	}
	return r;
}

static int move_to_top(struct removal *rm, int dirfd, const char *name)
{
	uint64_t x = 0;
	char to[32];

	if (getrandom(&x, sizeof(x), 0) < 0)
		return -errno;
	(void)snprintf(to, sizeof(to), ".deep-%016llx", (unsigned long long)x);
	/* Its ".." changes, for which the kernel wants it to be writable. */
	(void)fchmodat(dirfd, name, 0700, 0);
	if (renameat2(dirfd, name, rm->top, to, RENAME_NOREPLACE) < 0)
		return -errno;
	rm->n_moved++;
	return 0;
}

/* The directory FD, emptied; at the top until nothing is moved there any more. */
static int remove_inside(struct removal *rm, int fd, unsigned int depth)
{
	unsigned int before;
	int r;

	if (depth == 0)
		rm->top = fd;
	do {
		before = rm->n_moved;
		r = remove_children(rm, fd, depth);
		if (r == -EACCES && fchmod(fd, 0700) == 0)
			r = remove_children(rm, fd, depth);
	} while (depth == 0 && r >= 0 && rm->n_moved != before);
	return r;
}

static int remove_entry(struct removal *rm, int dirfd, const char *name, unsigned int depth)
{
	cleanup_close int fd = -1;
	int r, first;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	first = errno;
	if (errno != EISDIR && errno != EPERM && errno != EACCES)
		return -errno;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
		return 0;
	if (depth > REMOVE_DEPTH_MAX)
		return errno == ENOTDIR ? -first : move_to_top(rm, dirfd, name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	/* No directory after all: what unlink said is the reason. */
	if (fd < 0)
		return errno == ENOTDIR ? -first : -errno;
	r = remove_inside(rm, fd, depth);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int remove_tree_at(int dirfd, const char *name, struct cmk_err *err)
{
	struct removal rm = { .top = -1 };
	int r = remove_entry(&rm, dirfd, name, 0);

	if (r < 0) {
		errno = -r;
		return cmk_err_errno(err, "remove '%s'", name);
	}
	return 0;
}

int open_resolved(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = resolve,
	};

	for (int tries = 0; tries < 128; tries++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int file_lock(int fd, bool exclusive, bool nonblock)
{
	int op = (exclusive ? LOCK_EX : LOCK_SH) | (nonblock ? LOCK_NB : 0);

	while (flock(fd, op) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int dir_read(int dirfd, DIR **ret, struct cmk_err *err)
{
	cleanup_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return cmk_err_errno(err, "read directory");
	(void)steal_fd(&fd); /* D's now */
	*ret = d;
	return 0;
}

int dir_read_each(int dirfd, const char *name, size_t max, char ***texts, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	int r = dir_read(dirfd, &d, err);

	while (r == 0 && (e = readdir(d))) {
		cleanup_free char *path = NULL;
		char *text = NULL;
		size_t len;

		if (e->d_name[0] == '.')
			continue;
		path = xasprintf("%s/%s", e->d_name, name);
		if (file_read_at(dirfd, path, max, &text, &len, NULL) == 0)
			strv_add_take(texts, text);
	}
	return r;
}

int dir_is_empty(int dirfd, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = dir_read(dirfd, &d, err);

	while (r >= 0 && (de = readdir(d)))
		if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
			return 0;
	return r < 0 ? r : 1;
}

const char *fd_path(int fd, char buf[static 32])
{
	(void)snprintf(buf, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return buf;
}

int file_fs_error(int fs, int code, const char *what, struct cmk_err *err)
{
	char line[512], last[512] = "";
	ssize_t n;

	/* One line a read; the last that begins with "e " is about this step. */
	while ((n = read(fs, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		if (str_after(line, "e "))
			(void)snprintf(last, sizeof(last), "%s", line + 2);
	}
	errno = -code;
	return last[0] ? cmk_err_errno(err, "%s: %s", what, last) : cmk_err_errno(err, "%s", what);
}
