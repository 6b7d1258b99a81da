// SPDX-License-Identifier: Apache-2.0
/* Holding a container still while its files are read or written. */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/copy/internal.h"

static void cmk_noreturn guard_main(int group, int hold)
{
	char byte;

	(void)read_full(hold, &byte, 1);
	(void)cgroup_freeze(group, false, NULL);
	_exit(0);
}

/* Killed, we shall leave no container frozen: a child waits for our end. */
static int guard_start(int group, struct copy_freeze *ret, struct cmk_err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	ret->guard = process_fork("cmk-thaw", PROCESS_NEW_SESSION, NULL, err);
	if (ret->guard == 0) {
		(void)close(p[1]);
		guard_main(group, p[0]);
	}
	(void)close(p[0]);
	if (ret->guard < 0) {
		(void)close(p[1]);
		return ret->guard;
	}
	ret->hold = p[1];
	return 0;
}

void copy_thaw(struct copy_freeze *f)
{
	if (f->group < 0)
		return;
	/* The guard may have been killed. */
	(void)cgroup_freeze(f->group, false, NULL);
	cleanup_close_fn(&f->group);
	cleanup_close_fn(&f->hold);
	if (f->guard > 0)
		(void)process_reap(f->guard);
}

int copy_freeze(const struct container *c, struct copy_freeze *ret, struct cmk_err *err)
{
	const struct container_live *live = &c->live;
	cleanup_close int group = -1;
	int r;

	if (c->state != CONTAINER_RUNNING)
		return 0;
	if (!live->cgroup_mount || !live->cgroup_path) {
		log_debug("container '%s' has no control group: it goes on meanwhile", c->cfg.name);
		return 0;
	}
	group = cgroup_open(live->cgroup_mount, live->cgroup_path);
	if (group < 0)
		return group == -ENOENT ? 0
					: cmk_err_set(err, group, "open control group '%s': %s",
						      live->cgroup_path, errno_text(-group));
	r = guard_start(group, ret, err);
	if (r >= 0) {
		ret->group = steal_fd(&group);
		r = cgroup_freeze(ret->group, true, err);
	}
	return r < 0 ? cmk_err_wrap(err, r, "pause") : 0;
}
