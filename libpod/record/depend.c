// SPDX-License-Identifier: Apache-2.0
/*
 * Containers that need another one (--requires, or its name spaces). DATA/containers/ID/dependents
 * has an empty file for each of them, named by its id, so that `rm` need not read all records. What
 * counts is that the dependent still has a record: it never changes what it needs.
 */
#include <fcntl.h>

#include "base/file.h"
#include "libpod/record/internal.h"

int container_dependent_add(struct storage *st, const char *needed, const char *id,
			    struct cmk_err *err)
{
	char path[2 * CONTAINER_ID_LEN + sizeof("/dependents/")];
	cleanup_close int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/dependents", needed);
	if (mkdirat(st->containers_fd, path, 0700) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "note that container '%.12s' is needed", needed);
	(void)snprintf(path, sizeof(path), "%s/dependents/%s", needed, id);
	fd = openat(st->containers_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return cmk_err_errno(err, "note that container '%.12s' is needed", needed);
	return 0;
}

char **container_dependents(struct storage *st, const char *id)
{
	char path[CONTAINER_ID_LEN + sizeof("/dependents")];
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	char **ids = NULL;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/dependents", id);
	fd = openat(st->containers_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	d = fd < 0 ? NULL : fdopendir(fd);
	while (d && (e = readdir(d))) {
		if (container_id_valid(e->d_name) && container_has_record(st, e->d_name))
			strv_add(&ids, e->d_name);
	}
	return ids;
}
