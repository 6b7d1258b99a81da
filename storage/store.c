// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/parse.h"
#include "storage/conf.h"
#include "storage/internal.h"

static int default_root(char **ret, struct cmk_err *err)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	/* The specification says that a relative XDG_DATA_HOME is to be ignored. */
	if (data && *data == '/') {
		*ret = xasprintf("%s/cmk", data);
		return 0;
	}
	if (!home || *home != '/') {
		(void)cmk_err_set(err, -ENOENT, "no data directory: HOME is not set");
		(void)cmk_err_hint(err, "set HOME, or give --root DIR");
		return -ENOENT;
	}
	*ret = xasprintf("%s/.local/share/cmk", home);
	return 0;
}

/* Makes PATH and what is missing above it. */
static int open_root(const char *path, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		r = mkdir_p_at(AT_FDCWD, path, 0700, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "data directory '%s'", path);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return cmk_err_errno(err, "open data directory '%s'", path);
	if (fstat(fd, &st) < 0)
		return cmk_err_errno(err, "data directory '%s'", path);
	/* sudo and su keep HOME in some set-ups: root's files in a user's store would lock the user
	 * out. */
	if (st.st_uid != geteuid()) {
		(void)cmk_err_set(err, -EPERM,
				  "data directory '%s' belongs to uid %u, and this is uid %u", path,
				  st.st_uid, geteuid());
		(void)cmk_err_hint(err, "set HOME to this user's own home, or give --root DIR");
		return -EPERM;
	}
	return steal_fd(&fd);
}

static int check_version(int root_fd, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	char buf[16];
	uint64_t version = 0;
	size_t len = 0;
	int r;

	r = file_read_at(root_fd, "version", 64, &text, &len, NULL);
	if (r == -ENOENT) {
		(void)snprintf(buf, sizeof(buf), "%d\n", STORAGE_VERSION);
		return file_replace_at(root_fd, "version", buf, strlen(buf), 0600, 0, err);
	}
	if (r < 0 || parse_u64_n(text, strcspn(text, "\n"), UINT32_MAX, &version) < 0)
		return cmk_err_set(err, -EBADMSG, "'version' cannot be read");
	if (version > STORAGE_VERSION) {
		(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				   "written by a newer cmk (schema %llu, this one knows %d)",
				   (unsigned long long)version, STORAGE_VERSION);
		(void)cmk_err_hint(err, "use that version, or another --root");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int open_parts(struct storage *st, struct cmk_err *err)
{
	const struct {
		const char *name;
		int *fd;
	} parts[] = {
		{ "layers", &st->layers_fd },
		{ "images", &st->images_fd },
		{ "names", &st->names_fd },
		{ "containers", &st->containers_fd },
		{ "container-names", &st->container_names_fd },
		{ "tmp", &st->tmp_fd },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		*parts[i].fd = open_dir_at(st->root_fd, parts[i].name, 0700, err);
		if (*parts[i].fd < 0)
			return *parts[i].fd;
	}
	return 0;
}

static const char *volume_path;

void storage_set_volume_path(const char *path)
{
	volume_path = path && *path ? path : NULL;
}

/* The path as the kernel has it: absolute, without links, so that what we print or hand to another
 * program does not depend on the working directory. */
static char *canonical(int fd, const char *path)
{
	char proc[FD_PATH_MAX], buf[PATH_MAX];
	ssize_t n = readlink(fd_path(fd, proc), buf, sizeof(buf));

	if (n > 0 && (size_t)n < sizeof(buf) && buf[0] == '/')
		return xstrndup(buf, (size_t)n);
	return xstrdup(path);
}

static int open_volumes(struct storage *st, struct cmk_err *err)
{
	int r;

	if (!volume_path) {
		st->volumes = xasprintf("%s/volumes", st->root);
		return 0;
	}
	r = mkdir_p_at(AT_FDCWD, volume_path, 0700, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "directory of volumes '%s'", volume_path);
	st->volumes_fd = open(volume_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->volumes_fd < 0)
		return cmk_err_errno(err, "directory of volumes '%s'", volume_path);
	st->volumes = canonical(st->volumes_fd, volume_path);
	st->volumes_tmp_fd = open_dir_at(st->volumes_fd, ".tmp", 0700, err);
	return st->volumes_tmp_fd < 0 ? cmk_err_wrap(err, st->volumes_tmp_fd,
						     "directory of volumes '%s'", volume_path)
				      : 0;
}

static int open_all(struct storage *st, const char *root, const char *runroot, struct cmk_err *err)
{
	cleanup_free char *path = NULL;
	int r;

	if (root && *root)
		path = xstrdup(root);
	else {
		r = default_root(&path, err);
		if (r < 0)
			return r;
	}
	st->root_fd = open_root(path, err);
	if (st->root_fd < 0)
		return st->root_fd;
	st->root = canonical(st->root_fd, path);
	r = check_version(st->root_fd, err);
	if (r >= 0)
		r = open_parts(st, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "data directory '%s'", st->root);
	r = open_volumes(st, err);
	if (r < 0)
		return r;
	st->run_fd = storage_rundir_open(st->root_fd, st->root, runroot, &st->runroot, err);
	if (st->run_fd < 0)
		return st->run_fd;
	return 0;
}

int storage_open(const char *root, const char *runroot, struct storage **ret, struct cmk_err *err)
{
	struct storage *st = xcalloc(1, sizeof(*st));
	int r;

	st->root_fd = st->run_fd = st->layers_fd = st->images_fd = st->names_fd = -1;
	st->containers_fd = st->container_names_fd = st->tmp_fd = st->claim_fd = -1;
	st->volumes_fd = st->volumes_tmp_fd = -1;
	r = open_all(st, root, runroot, err);
	if (r < 0) {
		storage_free(st);
		return r;
	}
	*ret = st;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

struct storage *storage_free(struct storage *st)
{
	if (!st)
		return NULL;
	storage_unclaim(st);
	close_fd(&st->root_fd);
	close_fd(&st->run_fd);
	close_fd(&st->layers_fd);
	close_fd(&st->images_fd);
	close_fd(&st->names_fd);
	close_fd(&st->containers_fd);
	close_fd(&st->container_names_fd);
	close_fd(&st->tmp_fd);
	close_fd(&st->volumes_fd);
	close_fd(&st->volumes_tmp_fd);
	free(st->userns.uids.range);
	free(st->userns.gids.range);
	free(st->driver_why);
	if (st->conf)
		storage_conf_done(st->conf);
	free(st->conf);
	strv_free(st->extra);
	free(st->volumes);
	free(st->root);
	free(st->runroot);
	free(st);
	return NULL;
}

bool storage_warn_once(struct storage *st, const char *name)
{
	cleanup_free char *file = NULL;
	cleanup_close int fd = -1;
	struct stat root;

	/* Two data directories may share one run directory. */
	if (fstat(st->root_fd, &root) < 0)
		return true;
	file = xasprintf("warned-%s-%llx-%llx", name, (unsigned long long)root.st_dev,
			 (unsigned long long)root.st_ino);
	fd = openat(st->run_fd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd >= 0 || errno != EEXIST;
}

static int lock_dir(int dirfd, bool exclusive, bool nonblock)
{
	cleanup_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = file_lock(fd, exclusive, nonblock);
	return r < 0 ? r : steal_fd(&fd);
}

int storage_lock(struct storage *st, int *ret_fd, struct cmk_err *err)
{
	int fd = lock_dir(st->root_fd, true, false);

	if (fd < 0) {
		errno = -fd;
		return cmk_err_errno(err, "lock '%s'", st->root);
	}
	*ret_fd = fd;
	return 0;
}

int storage_lock_to_remove(struct storage *st, int *ret_fd, struct cmk_err *err)
{
	int r;

	storage_unclaim(st);
	r = storage_lock(st, ret_fd, err);
	if (r == 0)
		storage_tmp_sweep(st, true);
	return r;
}

int storage_claim(struct storage *st, struct cmk_err *err)
{
	int fd;

	if (st->claim_fd >= 0)
		return 0;
	fd = lock_dir(st->layers_fd, false, false);
	if (fd < 0) {
		errno = -fd;
		return cmk_err_errno(err, "lock '%s/layers'", st->root);
	}
	st->claim_fd = fd;
	return 0;
}

void storage_unclaim(struct storage *st)
{
	if (st->claim_fd < 0)
		return;
	/* Not only closed: a child that was forked meanwhile has a copy of the descriptor. */
	(void)flock(st->claim_fd, LOCK_UN);
	close_fd(&st->claim_fd);
}

int storage_sync(struct storage *st, struct cmk_err *err)
{
	if (syncfs(st->root_fd) < 0)
		return cmk_err_errno(err, "write '%s' to disk", st->root);
	return 0;
}

int storage_free_bytes(struct storage *st, uint64_t *ret, struct cmk_err *err)
{
	struct statvfs v;

	*ret = UINT64_MAX;
	if (fstatvfs(st->root_fd, &v) < 0)
		return cmk_err_errno(err, "free space of '%s'", st->root);
	/* Some network and FUSE file systems report nothing at all. */
	if (v.f_blocks == 0 ||
	    __builtin_mul_overflow((uint64_t)v.f_bavail, (uint64_t)v.f_frsize, ret))
		*ret = UINT64_MAX;
	return 0;
}

int storage_check_space(struct storage *st, uint64_t bytes, struct cmk_err *err)
{
	uint64_t room;
	int r = storage_free_bytes(st, &room, err);

	if (r < 0)
		return r;
	if (room >= bytes || blobs_make_room(st, bytes))
		return 0;
	(void)cmk_err_set(err, -ENOSPC, "'%s': %.1f MB are needed and %.1f MB are free", st->root,
			  (double)bytes / 1e6, (double)room / 1e6);
	(void)cmk_err_hint(err,
			   "remove what is not needed (cmk rmi, cmk rm), or use another --root");
	return -ENOSPC;
}
