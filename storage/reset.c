// SPDX-License-Identifier: Apache-2.0
/*
 * The whole store goes: `system reset`. What others look at goes first and by one rename each, into
 * tmp/, which the next command empties if we are killed; what is nameless without it follows.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/internal.h"

/* In this order: names before what they name, images before their layers. */
static const char *const objects[] = {
	"container-names", "containers", "names",  "images", "volumes", "secrets",
	"partial",	   "blobs",	 "layers", "files",  "maps",	"artifacts",
};
/* What else cmk makes there; '*' at the end stands for anything. */
static const char *const root_files[] = { "auto-ids", "events",	   "seccomp", "swept*",
					  "driver*",  "run.json*", "tmp",     "version" };
static const char *const run_files[] = { "containers", "exec",	       "mounts",  "unfinished",
					 "userns",     "subid-cache*", "warned-*" };

static bool is_ours(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(list[i], "*");

		if (strncmp(list[i], name, len) == 0 && (list[i][len] == '*' || !name[len]))
			return true;
	}
	return false;
}

static int drop_object(struct storage *st, const char *name, struct cmk_err *err)
{
	cleanup_free char *tmp = xasprintf("rst-%s", name);

	if (renameat(st->root_fd, name, st->tmp_fd, tmp) == 0) {
		storage_tmp_remove(st, tmp);
		return 0;
	}
	if (errno == ENOENT)
		return 0;
	/* A mount point, or on another file system. */
	if (errno == EXDEV || errno == EBUSY)
		return storage_remove_tree(st, st->root_fd, name, err);
	return cmk_err_errno(err, "remove '%s/%s'", st->root, name);
}

/* Removes what is cmk's in the directory, and then that itself, unless there is something else. */
static int empty_dir(struct storage *st, int fd, const char *path, const char *const *list,
		     size_t n, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = dir_read(fd, &d, err);

	while (r == 0 && (de = readdir(d)))
		if (is_ours(list, n, de->d_name))
			strv_add(&names, de->d_name);
	for (char **name = names; r == 0 && name && *name; name++)
		r = storage_remove_tree(st, fd, *name, err);
	if (r < 0)
		return r;
	if (rmdir(path) < 0 && errno == ENOTEMPTY)
		log_warn("'%s' stays: there is more in it than cmk's files", path);
	return 0;
}

/* Those of --volumepath, whose directory is another's perhaps. */
static int drop_volumes(struct storage *st, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	int r = st->volumes_fd < 0 ? 0 : volumes_names(st, &names, err);

	for (char **n = names; r >= 0 && n && *n; n++)
		r = storage_volume_remove(st, *n, false, err);
	if (r < 0 || st->volumes_fd < 0)
		return r;
	r = storage_remove_tree(st, st->volumes_fd, ".tmp", err);
	if (r == 0 && rmdir(st->volumes) < 0 && errno == ENOTEMPTY)
		log_warn("'%s' stays: there is more in it than volumes", st->volumes);
	return r;
}

int storage_reset(struct storage *st, struct cmk_err *err)
{
	cleanup_close int lock = -1;
	int r = storage_lock_to_remove(st, &lock, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(objects); i++)
		r = drop_object(st, objects[i], err);
	if (r >= 0)
		r = drop_volumes(st, err);
	if (r >= 0)
		r = empty_dir(st, st->run_fd, st->runroot, run_files, ARRAY_LEN(run_files), err);
	if (r >= 0)
		r = empty_dir(st, st->root_fd, st->root, root_files, ARRAY_LEN(root_files), err);
	return r < 0 ? cmk_err_wrap(err, r, "reset") : 0;
}
