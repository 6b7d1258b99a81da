// SPDX-License-Identifier: Apache-2.0
/* A container's root file system, mounted in a session of `cmk unshare`. */
#include <fcntl.h>

#include "libpod/copy/internal.h"

static void write_event(struct container *c, const char *status)
{
	struct event e = event_of_container(&c->cfg, status);

	event_write(c->st, &e);
}

/* What a running one has as its root, as it is: held by its init, in whose place no other can have
 * come. */
static int clone_root(struct container *c, struct cmk_err *err)
{
	const struct process_id id = { .pid = (pid_t)c->live.init_pid,
				       .start_time = c->live.init_start };
	cleanup_close int ns = -1;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)id.pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || !process_id_alive(&id))
		return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH, "it has just ended");
	return storage_mount_clone(ns, "/", err);
}

/* Made of a directory (--rootfs), which is its root as it lies there. */
static bool is_directory(const struct container *c)
{
	return c->cfg.rootfs && !c->cfg.rootfs_overlay;
}

int container_mount(struct container *c, char **ret_path, struct cmk_err *err)
{
	cleanup(copy_source_done) struct copy_source s = { .lock = -1 };
	cleanup_close int mnt = -1;
	int r = storage_mount_check(c->st, "mount", err);

	if (r < 0)
		return r;
	if (is_directory(c)) {
		*ret_path = xstrdup(c->cfg.rootfs);
		return 0;
	}
	r = copy_source_open(c, true, &s, err);
	if (r >= 0 && s.running)
		r = mnt = clone_root(c, err);
	if (r >= 0)
		r = storage_mount_add(c->st, STORAGE_MOUNT_CONTAINER, c->cfg.id, &s.plan, mnt,
				      ret_path, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "mount container '%s'", c->cfg.name);
	write_event(c, "mount");
	return 0;
}

int container_unmount(struct container *c, bool all, struct cmk_err *err)
{
	int r = storage_mount_check(c->st, "unmount", err);

	if (r == 0)
		r = storage_mount_drop(c->st, STORAGE_MOUNT_CONTAINER, c->cfg.id, all, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "unmount container '%s'", c->cfg.name);
	if (r == 0)
		write_event(c, "unmount");
	return r;
}
