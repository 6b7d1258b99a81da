// SPDX-License-Identifier: Apache-2.0
/*
 * The run directory is chosen once per boot and written down in the data directory, because what a
 * process would choose by itself depends on how it was started: cron and su have no
 * XDG_RUNTIME_DIR, and logind makes /run/user/UID only for a session.
 */
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "storage/internal.h"

struct rundir_record {
	int schema;
	char *boot_id, *path;
};

static const struct json_field rundir_fields[] = {
	JSON_FIELD(struct rundir_record, schema, "schema", JSON_F_INT, JSON_REQUIRED),
	JSON_FIELD(struct rundir_record, boot_id, "boot_id", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct rundir_record, path, "path", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD_END,
};

static void rundir_record_done(struct rundir_record *r)
{
	json_free_fields(rundir_fields, r);
}

/* A directory that is ours and where others have none of the bits FORBIDDEN; made where only the
 * last part is missing. */
static int open_ours(const char *path, mode_t forbidden)
{
	cleanup_close int fd = -1;
	struct stat st;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & forbidden) != 0)
		return -EPERM;
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* DIR/cmk, where DIR itself is ours (the kernel's /run/user/UID, or what XDG_RUNTIME_DIR says). */
static int open_below(const char *dir, char **ret_path)
{
	cleanup_free char *path = NULL;
	struct stat st;
	int fd;

	if (stat(dir, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return -EPERM;
	path = xasprintf("%s/cmk", dir);
	fd = open_ours(path, 077);
	if (fd >= 0)
		*ret_path = steal_ptr(&path);
	return fd;
}

/* Somebody else may have taken the plain name in a shared directory: then a random one. */
static int open_in_tmp(char **ret_path, struct cmk_err *err)
{
	int r = -EEXIST;

	for (int i = 0; i < 10; i++) {
		cleanup_free char *path = NULL;
		uint64_t x = 0;

		if (i == 0)
			path = xasprintf("/tmp/cmk-run-%u", geteuid());
		else if (getrandom(&x, sizeof(x), 0) == sizeof(x))
			path = xasprintf("/tmp/cmk-run-%u-%016llx", geteuid(),
					 (unsigned long long)x);
		else
			return cmk_err_errno(err, "get random bytes");
		r = open_ours(path, 077);
		if (r >= 0) {
			*ret_path = steal_ptr(&path);
			return r;
		}
	}
	errno = -r;
	(void)cmk_err_errno(err, "no run directory: '/tmp/cmk-run-%u'", geteuid());
	(void)cmk_err_hint(err, "set XDG_RUNTIME_DIR, or give --runroot DIR");
	return r;
}

static int open_recorded(int root_fd, char **ret_path)
{
	cleanup(rundir_record_done) struct rundir_record rec = { 0 };
	int fd;

	fd = json_load_record(root_fd, "run.json", 4096, rundir_fields, &rec, NULL);
	if (fd < 0)
		return fd;
	if (!streq(rec.boot_id, process_boot_id()) || rec.path[0] != '/')
		return -ENOENT;
	fd = open_ours(rec.path, 077);
	if (fd >= 0)
		*ret_path = steal_ptr(&rec.path);
	return fd;
}

static int choose(int root_fd, char **ret_path, struct cmk_err *err)
{
	cleanup(rundir_record_done) struct rundir_record rec = { .schema = 1 };
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	int fd = -ENOENT, r;

	if (xdg && *xdg == '/')
		fd = open_below(xdg, ret_path);
	if (fd < 0) {
		cleanup_free char *dir = xasprintf("/run/user/%u", geteuid());

		fd = open_below(dir, ret_path);
	}
	if (fd < 0)
		fd = open_in_tmp(ret_path, err);
	if (fd < 0)
		return fd;
	rec.boot_id = xstrdup(process_boot_id());
	rec.path = xstrdup(*ret_path);
	r = json_save_record(root_fd, "run.json", rundir_fields, &rec, 0, err);
	if (r < 0) {
		(void)close(fd);
		free(steal_ptr(ret_path));
		return cmk_err_wrap(err, r, "record the run directory");
	}
	return fd;
}

static int open_given(const char *given, char **ret_path, struct cmk_err *err)
{
	cleanup_free char *path = NULL;
	int fd, r;

	r = mkdir_p_at(AT_FDCWD, given, 0700, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "run directory '%s'", given);
	path = realpath(given, NULL);
	fd = path ? open_ours(path, 022) : -errno;
	if (fd < 0) {
		errno = -fd;
		(void)cmk_err_errno(err, "run directory '%s'", given);
		(void)cmk_err_hint(
			err, "it must be a directory of your own in which nobody else can write");
		return fd;
	}
	*ret_path = steal_ptr(&path);
	return fd;
}

int storage_rundir_open(int root_fd, const char *root, const char *given, char **ret_path,
			struct cmk_err *err)
{
	cleanup_close int lock = -1;
	int fd;

	if (given && *given)
		return open_given(given, ret_path, err);
	fd = open_recorded(root_fd, ret_path);
	if (fd >= 0)
		return fd;
	/* The first command of this boot, or several at once: one chooses, the others read it. */
	lock = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || file_lock(lock, true, false) < 0)
		return cmk_err_errno(err, "lock '%s'", root);
	fd = open_recorded(root_fd, ret_path);
	if (fd >= 0)
		return fd;
	return choose(root_fd, ret_path, err);
}
