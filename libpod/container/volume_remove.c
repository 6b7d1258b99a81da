// SPDX-License-Identifier: Apache-2.0
#include "libpod/libpod.h"
#include "libpod/record/internal.h"
#include "libpod/volume/volume.h"

static int remove_users(struct storage *st, const char *ids, int64_t timeout_ms,
			struct cmk_err *err)
{
	cleanup_strv char **list = strv_split(ids, ',');

	for (char **id = list; *id; id++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		struct container *c = NULL;
		int r = container_open_id(st, *id + strspn(*id, " "), &c, &e);

		if (r == 0)
			r = container_remove(c, true, timeout_ms, &e);
		(void)container_free(c);
		if (r < 0 && r != -ENOENT)
			return cmk_err_move(err, &e);
	}
	return 0;
}

int volume_remove(struct storage *st, const char *name, bool force, int64_t timeout_ms,
		  struct cmk_err *err)
{
	for (;;) {
		cleanup_free char *ids = NULL;
		int r = volume_remove_unused(st, name, true, &ids, err);

		if (r <= 0)
			return r;
		if (!force) {
			(void)cmk_err_kind(err, CMK_ERR_IN_USE, -EBUSY,
					   "volume %s is being used by the following container(s): "
					   "%s: volume is being used",
					   name, ids);
			(void)cmk_err_hint(err, "remove these first, or use 'cmk volume rm -f'");
			return -EBUSY;
		}
		r = remove_users(st, ids, timeout_ms, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "volume '%s'", name);
	}
}
