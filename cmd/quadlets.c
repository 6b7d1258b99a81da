// SPDX-License-Identifier: Apache-2.0
#include "cmd/quadlets.h"

#include "base/log.h"

int cmk_quadlets_load(struct quadlet_set *set, struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_strv char **dirs = NULL;
	int r;

	set->user = geteuid() != 0;
	r = quadlet_dirs(set->user, &dirs, NULL, err);
	if (r < 0)
		return r;
	if (quadlet_set_load(set, dirs, &mine) < 0)
		log_warn("%s", cmk_err_msg(&mine));
	return 0;
}

void cmk_quadlets_reload(bool user)
{
	static const char *const words[] = { "daemon-reload", NULL };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (quadlet_systemctl(user, words, &err) < 0)
		log_warn("systemd has not read its units again: %s", cmk_err_msg(&err));
}
