// SPDX-License-Identifier: Apache-2.0
/*
 * What followed processes do to one file system, in the order in which the kernel did it: a line
 * for each call, words separated by blanks, names in hexadecimal, directories and files by inode.
 * Each new file is linked into a directory of ours, where its content outlives it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/faults/killer.h"

/* Directories below the top, to find a file by a path of our own: /proc/PID/fd leads into other
 * mount namespaces, from which nothing can be linked. */
struct dir {
	ino_t ino, parent;
	char name[NAME_MAX + 1];
};

static FILE *out;
static int store_fd = -1;
static dev_t dev;
static char top[PATH_MAX];
static struct dir *dirs;
static size_t n_dirs;

static struct dir *dir_find(ino_t ino)
{
	for (size_t i = n_dirs; i-- > 0;)
		if (dirs[i].ino == ino)
			return &dirs[i];
	return NULL;
}

static void dir_add(ino_t parent, const char *name, ino_t ino)
{
	struct dir *d = dir_find(ino);

	if (!d) {
		dirs = realloc(dirs, (n_dirs + 1) * sizeof(*dirs));
		if (!dirs)
			abort();
		d = &dirs[n_dirs++];
	}
	d->ino = ino;
	d->parent = parent;
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
}

/* "TOP/a/b" of the directory INO in BUF; false where it is not below the top. */
static bool dir_path(ino_t ino, char buf[static PATH_MAX])
{
	char tail[PATH_MAX] = "", next[PATH_MAX];

	for (int depth = 0; depth < 64; depth++) {
		const struct dir *d = dir_find(ino);

		if (!d)
			return false;
		if (d->parent == 0) {
			int n = snprintf(buf, PATH_MAX, "%s%s", top, tail);

			return n > 0 && n < PATH_MAX;
		}
		if (snprintf(next, sizeof(next), "/%s%.3000s", d->name, tail) >= (int)sizeof(next))
			return false;
		memcpy(tail, next, sizeof(tail));
		ino = d->parent;
	}
	return false;
}

static void scan(const char *path, ino_t parent, const char *name);

bool record_open(const char *file, const char *store, const char *data)
{
	struct stat sb;

	out = fopen(file, "we");
	store_fd = open(store, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!out || store_fd < 0 || stat(data, &sb) < 0)
		return false;
	dev = sb.st_dev;
	(void)snprintf(top, sizeof(top), "%s", data);
	scan(data, 0, "");
	return true;
}

void record_close(void)
{
	if (out)
		(void)fclose(out);
}

/* --- what the call was about ---------------------------------------------------------------------
 */

static bool read_string(const struct tracee *t, uint64_t at, char *buf, size_t size)
{
	size_t got = 0;

	while (got < size) {
		/* Up to the end of a page, beyond which nothing may be mapped. */
		size_t len = 4096 - (at + got) % 4096;
		struct iovec mine = { .iov_base = buf + got };
		struct iovec theirs = { .iov_base = (void *)(uintptr_t)(at + got) };
		ssize_t n;

		len = len < size - got ? len : size - got;
		mine.iov_len = theirs.iov_len = len;
		n = process_vm_readv(t->tid, &mine, 1, &theirs, 1, 0);
		if (n <= 0)
			return false;
		if (memchr(buf + got, '\0', (size_t)n))
			return true;
		got += (size_t)n;
	}
	return false;
}

struct place {
	ino_t dir;
	char name[NAME_MAX + 1];
	char path[PATH_MAX]; /* as we reach it */
	bool exists;
	struct stat sb;
};

/* Where (DIRFD, PATH) of the process T lies; false where that is not below the top. */
static bool locate(const struct tracee *t, int dirfd, uint64_t at, struct place *p)
{
	char path[PATH_MAX], parent[2 * PATH_MAX];
	struct stat sb;
	char *slash, *name = path;
	const char *sub = ".";

	if (!read_string(t, at, path, sizeof(path)))
		return false;
	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/';)
		path[--n] = '\0';
	slash = strrchr(path, '/');
	if (slash) {
		*slash = '\0';
		name = slash + 1;
		sub = path[0] ? path : "/";
	}
	if (path[0] == '\0' && slash)
		(void)snprintf(parent, sizeof(parent), "/proc/%d/root/", (int)t->tid);
	else if (sub[0] == '/')
		(void)snprintf(parent, sizeof(parent), "/proc/%d/root%s", (int)t->tid, sub);
	else if (dirfd == AT_FDCWD)
		(void)snprintf(parent, sizeof(parent), "/proc/%d/cwd/%s", (int)t->tid, sub);
	else
		(void)snprintf(parent, sizeof(parent), "/proc/%d/fd/%d/%s", (int)t->tid, dirfd,
			       sub);
	if (stat(parent, &sb) < 0 || sb.st_dev != dev || !dir_find(sb.st_ino))
		return false;
	p->dir = sb.st_ino;
	(void)snprintf(p->name, sizeof(p->name), "%.*s", (int)sizeof(p->name) - 1, name);
	if (!dir_path(p->dir, parent) ||
	    snprintf(p->path, sizeof(p->path), "%.3500s/%s", parent, p->name) >= PATH_MAX)
		return false;
	p->exists = lstat(p->path, &p->sb) == 0;
	return true;
}

static void put_name(const char *name)
{
	(void)fputc(' ', out);
	for (const char *s = name; *s; s++)
		(void)fprintf(out, "%02x", (unsigned char)*s);
}

static void keep(const char *path, ino_t ino)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%llu", (unsigned long long)ino);
	(void)linkat(AT_FDCWD, path, store_fd, name, 0);
}

static void put_entry(const char *what, const struct place *p)
{
	(void)fprintf(out, "%s %llu", what, (unsigned long long)p->dir);
	put_name(p->name);
	(void)fprintf(out, " %llu %o %u %u", (unsigned long long)p->sb.st_ino, p->sb.st_mode,
		      p->sb.st_uid, p->sb.st_gid);
}

/* A name that is there now. */
static void on_made(const struct place *p)
{
	char target[PATH_MAX];
	ssize_t n;

	if (!p->exists)
		return;
	if (S_ISDIR(p->sb.st_mode)) {
		put_entry("mkdir", p);
		dir_add(p->dir, p->name, p->sb.st_ino);
	} else if (S_ISLNK(p->sb.st_mode)) {
		put_entry("symlink", p);
		n = readlink(p->path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		put_name(target);
	} else {
		put_entry("file", p);
		keep(p->path, p->sb.st_ino);
	}
	(void)fputc('\n', out);
}

/* What is there before the first call. */
static void scan(const char *path, ino_t parent, const char *name)
{
	struct stat sb;
	char child[PATH_MAX];
	struct place p;
	char **names = NULL;
	size_t n = 0;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char buf[32768];
	long got;

	if (fd < 0 || fstat(fd, &sb) < 0) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	if (parent == 0) {
		(void)fprintf(out, "top %llu %o %u %u\n", (unsigned long long)sb.st_ino, sb.st_mode,
			      sb.st_uid, sb.st_gid);
		dir_add(0, name, sb.st_ino);
	}
	while ((got = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < got;) {
			/* struct linux_dirent64: 18 bytes before the name, its length at 16. */
			uint16_t len;

			memcpy(&len, buf + at + 16, sizeof(len));
			names = realloc(names, (n + 1) * sizeof(*names));
			if (!names || !(names[n++] = strdup(buf + at + 19)))
				abort();
			at += len;
		}
	}
	(void)close(fd);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], ".") != 0 && strcmp(names[i], "..") != 0 &&
		    snprintf(child, sizeof(child), "%.3500s/%s", path, names[i]) <
			    (int)sizeof(child) &&
		    lstat(child, &p.sb) == 0) {
			p.dir = sb.st_ino;
			p.exists = true;
			(void)snprintf(p.name, sizeof(p.name), "%s", names[i]);
			(void)snprintf(p.path, sizeof(p.path), "%s", child);
			on_made(&p);
			if (!S_ISDIR(p.sb.st_mode))
				(void)fprintf(out, "write %llu %llu\n",
					      (unsigned long long)p.sb.st_ino,
					      (unsigned long long)p.sb.st_size);
			else if (p.sb.st_dev == dev)
				scan(child, p.dir, p.name);
		}
		free(names[i]);
	}
	free(names);
	if (parent == 0)
		(void)fprintf(out, "sync\nbegin\n");
}

/* --- calls ---------------------------------------------------------------------------------------
 */

static void on_create(const struct tracee *t, int dirfd, uint64_t path)
{
	struct place p;

	if (locate(t, dirfd, path, &p))
		on_made(&p);
}

static void on_open(const struct tracee *t, int dirfd, uint64_t path, uint64_t flags)
{
	struct place p;

	if (!(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE ||
	    !locate(t, dirfd, path, &p))
		return;
	if (flags & O_CREAT)
		on_made(&p);
	if (flags & O_TRUNC && p.exists)
		(void)fprintf(out, "write %llu 0\n", (unsigned long long)p.sb.st_ino);
}

static void on_unlink(const struct tracee *t, int dirfd, uint64_t path)
{
	struct place p;

	if (!locate(t, dirfd, path, &p))
		return;
	(void)fprintf(out, "unlink %llu", (unsigned long long)p.dir);
	put_name(p.name);
	(void)fputc('\n', out);
}

/* A directory that is somewhere else now. */
static void has_moved(const struct place *p)
{
	if (p->exists && S_ISDIR(p->sb.st_mode) && dir_find(p->sb.st_ino))
		dir_add(p->dir, p->name, p->sb.st_ino);
}

static void on_rename(const struct tracee *t, int odir, uint64_t old, int ndir, uint64_t new,
		      uint64_t flags)
{
	bool exchange = flags & RENAME_EXCHANGE;
	struct place from, to;

	if (!locate(t, odir, old, &from) || !locate(t, ndir, new, &to))
		return;
	(void)fprintf(out, "%s %llu", exchange ? "exchange" : "rename",
		      (unsigned long long)from.dir);
	put_name(from.name);
	(void)fprintf(out, " %llu", (unsigned long long)to.dir);
	put_name(to.name);
	(void)fputc('\n', out);
	has_moved(&to);
	if (exchange)
		has_moved(&from);
}

static bool stat_fd(const struct tracee *t, uint64_t fd, struct stat *sb)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)t->tid, (int)fd);
	return stat(path, sb) == 0 && sb->st_dev == dev;
}

static void put_mode(const struct stat *sb)
{
	if (S_ISDIR(sb->st_mode))
		(void)fprintf(out, "mode %llu %o %u %u\n", (unsigned long long)sb->st_ino,
			      sb->st_mode, sb->st_uid, sb->st_gid);
}

static void on_mode(const struct tracee *t, int dirfd, uint64_t path)
{
	struct place p;

	if (locate(t, dirfd, path, &p) && p.exists)
		put_mode(&p.sb);
}

static void on_fmode(const struct tracee *t, uint64_t fd)
{
	struct stat sb;

	if (stat_fd(t, fd, &sb))
		put_mode(&sb);
}

static void on_write(const struct tracee *t, uint64_t fd)
{
	struct stat sb;

	if (stat_fd(t, fd, &sb) && S_ISREG(sb.st_mode))
		(void)fprintf(out, "write %llu %llu\n", (unsigned long long)sb.st_ino,
			      (unsigned long long)sb.st_size);
}

static void on_sync(const struct tracee *t, uint64_t fd, bool whole)
{
	struct stat sb;

	if (!stat_fd(t, fd, &sb))
		return;
	if (whole)
		(void)fprintf(out, "sync\n");
	else
		(void)fprintf(out, "fsync %llu\n", (unsigned long long)sb.st_ino);
}

void record_call(const struct tracee *t, int64_t result)
{
	const uint64_t *a = t->arg;

	if (!out || result < 0)
		return;
	switch (t->nr) {
#ifdef SYS_open
	case SYS_chmod:
	case SYS_chown:
	case SYS_lchown:
		on_mode(t, AT_FDCWD, a[0]);
		break;
	case SYS_open:
		on_open(t, AT_FDCWD, a[0], a[1]);
		break;
	case SYS_mkdir:
		on_create(t, AT_FDCWD, a[0]);
		break;
	case SYS_symlink:
	case SYS_link:
		on_create(t, AT_FDCWD, a[1]);
		break;
	case SYS_rmdir:
	case SYS_unlink:
		on_unlink(t, AT_FDCWD, a[0]);
		break;
	case SYS_rename:
		on_rename(t, AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
		break;
#endif
#ifdef SYS_renameat
	case SYS_renameat:
#endif
	case SYS_renameat2:
		on_rename(t, (int)a[0], a[1], (int)a[2], a[3], t->nr == SYS_renameat2 ? a[4] : 0);
		break;
	case SYS_openat:
		on_open(t, (int)a[0], a[1], a[2]);
		break;
	case SYS_fchmod:
	case SYS_fchown:
		on_fmode(t, a[0]);
		break;
#ifdef SYS_fchmodat2
	case SYS_fchmodat2:
#endif
	case SYS_fchmodat:
	case SYS_fchownat:
		on_mode(t, (int)a[0], a[1]);
		break;
	case SYS_openat2: {
		uint64_t how[3];
		struct iovec mine = { .iov_base = how, .iov_len = sizeof(how) };
		struct iovec theirs = { .iov_base = (void *)(uintptr_t)a[2],
					.iov_len = sizeof(how) };

		if (process_vm_readv(t->tid, &mine, 1, &theirs, 1, 0) == sizeof(how))
			on_open(t, (int)a[0], a[1], how[0]);
		break;
	}
	case SYS_mknodat:
	case SYS_mkdirat:
		on_create(t, (int)a[0], a[1]);
		break;
	case SYS_symlinkat:
		on_create(t, (int)a[1], a[2]);
		break;
	case SYS_linkat:
		on_create(t, (int)a[2], a[3]);
		break;
	case SYS_unlinkat:
		on_unlink(t, (int)a[0], a[1]);
		break;
	case SYS_write:
	case SYS_pwrite64:
	case SYS_writev:
	case SYS_ftruncate:
	case SYS_fallocate:
		on_write(t, a[0]);
		break;
	case SYS_sendfile:
		on_write(t, a[0]);
		break;
	case SYS_splice:
	case SYS_copy_file_range:
		on_write(t, a[2]);
		break;
	case SYS_fsync:
	case SYS_fdatasync:
		on_sync(t, a[0], false);
		break;
	case SYS_syncfs:
		on_sync(t, a[0], true);
		break;
	case SYS_sync:
		(void)fprintf(out, "sync\n");
		break;
	default:
		break;
	}
}
