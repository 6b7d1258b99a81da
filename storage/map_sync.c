// SPDX-License-Identifier: Apache-2.0
/*
 * When metadata of an id map are on the disk. What a container with --rm needs may go with the
 * power: it does not wait for the disk. Its map has its name at once, and a mark of the boot in
 * which it was made, until it has been synced behind the container's start. In another boot such a
 * map is as good as none, whatever is left of it.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "storage/internal.h"
#include "storage/map_sync.h"

/* Of the map's own directory. */
#define MARK "user.cmk.unsynced"

int map_mark(int map_fd, struct cmk_err *err)
{
	const char *boot = process_boot_id();

	return fsetxattr(map_fd, MARK, boot, strlen(boot), 0) < 0 ? cmk_err_errno(err, "mark") : 0;
}

static int open_map(struct storage *st, const char *path)
{
	return openat(st->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static enum map_state state_of(int fd)
{
	char boot[64] = "";

	if (fd < 0)
		return errno == ENOENT ? MAP_ABSENT : MAP_SYNCED;
	if (fgetxattr(fd, MARK, boot, sizeof(boot) - 1) < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? MAP_SYNCED : MAP_HOLLOW;
	return streq(boot, process_boot_id()) ? MAP_UNSYNCED : MAP_HOLLOW;
}

enum map_state map_state(struct storage *st, const char *path)
{
	cleanup_close int fd = open_map(st, path);

	return state_of(fd);
}

/* That the mark is gone must be on the disk, too, before anything counts on it. */
static int sync_marked(int fd)
{
	if (syncfs(fd) < 0 || (fremovexattr(fd, MARK) < 0 && errno != ENODATA) || fsync(fd) < 0)
		return -errno;
	return 0;
}

int map_sync(struct storage *st, const char *path, struct cmk_err *err)
{
	cleanup_close int fd = open_map(st, path);
	int r = fd < 0 ? -errno : sync_marked(fd);

	return r < 0 ? cmk_err_set(err, r, "sync '%s': %s", path, errno_text(-r)) : 0;
}

/* Nobody waits for it, and it has nothing of its parent's. */
static void cmk_noreturn sync_child(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; null >= 0 && i <= STDERR_FILENO; i++)
		(void)dup2(null, i);
	process_close_others(&fd, 1);
	_exit(null < 0 || sync_marked(fd) < 0);
}

void map_sync_later(struct storage *st, const char *path)
{
	cleanup_close int fd = open_map(st, path);
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	pid_t pid;

	if (fd < 0)
		return;
	pid = process_fork("cmk-sync", PROCESS_NEW_SESSION, NULL, &err);
	if (pid == 0)
		sync_child(fd);
	if (pid < 0)
		log_debug("%s: '%s' is made again after the next boot", cmk_err_msg(&err), path);
}

/* Under the lock of the directory that holds the map: of two commands one alone puts a map in the
 * place of a hollow one, and the other sees it. */
static int replace_hollow(struct storage *st, const char *tmp, const char *path,
			  struct cmk_err *err)
{
	cleanup_free char *above = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	cleanup_close int lock = open_map(st, above);
	int r = lock < 0 ? -errno : file_lock(lock, true, false);

	if (r < 0)
		return cmk_err_set(err, r, "lock '%s': %s", above, errno_text(-r));
	if (map_state(st, path) == MAP_HOLLOW &&
	    renameat2(st->tmp_fd, tmp, st->root_fd, path, RENAME_EXCHANGE) < 0)
		return cmk_err_errno(err, "name '%s'", path);
	return 0;
}

int map_name_it(struct storage *st, const char *tmp, const char *path, struct cmk_err *err)
{
	int r = 0;

	if (renameat2(st->tmp_fd, tmp, st->root_fd, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST)
		return cmk_err_errno(err, "name '%s'", path);
	/* Another command was first; or a power cut has left it hollow. */
	if (map_state(st, path) == MAP_HOLLOW)
		r = replace_hollow(st, tmp, path, err);
	if (r == 0)
		storage_tmp_remove(st, tmp);
	return r;
}
