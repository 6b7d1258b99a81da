// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "base/log.h"
#include "storage/internal.h"

/* Said before chown and other users fail inside a container. */
static void warn_single(struct storage *st)
{
	if (st->userns.mode != USERNS_SINGLE || !storage_warn_once(st, "no-subids"))
		return;
	log_warn("user %u has no subordinate ids: in a container every file is root's, and there "
		 "are no other users (run: sudo usermod --add-subuids 100000-165535 "
		 "--add-subgids 100000-165535 USER)",
		 (unsigned int)st->userns.uid);
}

int storage_userns(struct storage *st, const struct userns_config **ret, struct cmk_err *err)
{
	if (!st->userns_loaded) {
		int r = userns_config_load(st->run_fd, &st->userns, err);

		if (r < 0)
			return r;
		st->userns_loaded = true;
		warn_single(st);
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
