// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "storage/internal.h"

int storage_userns(struct storage *st, const struct userns_config **ret, struct cmk_err *err)
{
	if (!st->userns_loaded) {
		int r = userns_config_load(st->run_fd, &st->userns, err);

		if (r < 0)
			return r;
		st->userns_loaded = true;
	}
	*ret = &st->userns;
	return 0;
}

struct remove_arg {
	int dirfd;
	const char *name;
};

static int remove_in_userns(void *arg, struct cmk_err *err)
{
	const struct remove_arg *a = arg;

	return remove_tree_at(a->dirfd, a->name, err);
}

int storage_remove_tree(struct storage *st, int dirfd, const char *name, struct cmk_err *err)
{
	struct remove_arg arg = { .dirfd = dirfd, .name = name };
	const struct userns_config *config;
	int r;

	/* Most trees hold nothing of another id (or only empty directories that a container's root
	 * made): a new process and a user namespace would cost more than the removal. */
	r = remove_tree_at(dirfd, name, err);
	if (r != -EACCES && r != -EPERM)
		return r;
	r = storage_userns(st, &config, err);
	if (r < 0)
		return r;
	return userns_run(st->run_fd, config, false, remove_in_userns, &arg, err);
}
