// SPDX-License-Identifier: Apache-2.0
/*
 * What is being built lies below tmp/ and is locked by its builder, so that what a killed process
 * left can be told from what is still growing, without a pid file.
 */
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/internal.h"
#include "storage/shared.h"

void storage_tmp_remove(struct storage *st, const char *name)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (shared_drop(st, name, &err) < 0 || storage_remove_tree(st, st->tmp_fd, name, &err) < 0)
		log_debug("remove '%s/tmp/%s': %s", st->root, name, cmk_err_msg(&err));
}

void storage_tmp_sweep(struct storage *st, bool locked)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int fd;

	fd = openat(st->tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return;
	}
	while ((de = readdir(d))) {
		cleanup_close int entry = -1;

		/* A layer that is being collected may go back to its place; all else is either
		 * locked by its builder or nobody's any more. */
		if (is_dot(de->d_name) || (!locked && str_after(de->d_name, "lay-")))
			continue;
		entry = openat(st->tmp_fd, de->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (entry >= 0 && file_lock(entry, true, true) < 0)
			continue;
		log_debug("sweep '%s/tmp/%s'", st->root, de->d_name);
		storage_tmp_remove(st, de->d_name);
	}
}

int storage_tmp_make(struct storage *st, char name[static 32], int *ret_fd, struct cmk_err *err)
{
	/* Once per process is enough for what a killed one left. */
	if (!st->swept) {
		st->swept = true;
		storage_tmp_sweep(st, false);
	}
	for (int tries = 0; tries < 100; tries++) {
		cleanup_close int fd = -1;
		struct stat a, b;
		uint64_t x = 0;

		if (getrandom(&x, sizeof(x), 0) < 0)
			return cmk_err_errno(err, "get random bytes");
		(void)snprintf(name, 32, "new-%016llx", (unsigned long long)x);
		if (mkdirat(st->tmp_fd, name, 0700) < 0) {
			if (errno == EEXIST)
				continue;
			return cmk_err_errno(err, "create directory '%s/tmp/%s'", st->root, name);
		}
		fd = openat(st->tmp_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		/* A sweep may have come between the two calls: then another name. */
		if (fd < 0 || file_lock(fd, true, true) < 0 || fstat(fd, &a) < 0 ||
		    fstatat(st->tmp_fd, name, &b, AT_SYMLINK_NOFOLLOW) < 0 || a.st_ino != b.st_ino)
			continue;
		*ret_fd = steal_fd(&fd);
		return 0;
	}
	return cmk_err_set(err, -EEXIST, "create a directory in '%s/tmp'", st->root);
}
