// SPDX-License-Identifier: Apache-2.0
/*
 * The plain copy: works everywhere, costs the size of the image for each container. Layers are laid
 * over each other bottom first; whiteouts and opaque directories act at that moment.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/selinux.h"
#include "storage/driver.h"
#include "storage/internal.h"
#include "storage/layer_copy.h"

struct prepare_arg {
	int fd;
	const struct rootfs_plan *plan;
};

static int copy_layer(int target, const char *layer, struct cmk_err *err)
{
	cleanup_close int src = open(layer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = src < 0 ? cmk_err_errno(err, "open '%s'", layer)
			: layer_copy(src, target, NULL, err);

	return r < 0 ? cmk_err_wrap(err, r, "copy layer '%s'", layer) : 0;
}

static int prepare_in_userns(void *arg, struct cmk_err *err)
{
	const struct prepare_arg *a = arg;
	cleanup_close int merged = -1;
	struct stat root;
	size_t n = strv_len(a->plan->lower);
	int r;

	merged = openat(a->fd, "merged", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (merged < 0)
		return cmk_err_errno(err, "open 'merged'");
	for (size_t i = n; i-- > 0;) {
		r = copy_layer(merged, a->plan->lower[i], err);
		if (r < 0)
			return r;
	}
	/* Seen from in here, so that the ids are those of this namespace. */
	r = rootfs_root_stat(a->plan, &root, err);
	if (r < 0)
		return r;
	if (fchown(merged, root.st_uid, root.st_gid) < 0 ||
	    fchmod(merged, root.st_mode & 07777) < 0)
		return cmk_err_errno(err, "owner and mode of the root directory");
	return 0;
}

static int vfs_prepare(struct storage *st, int fd, const struct rootfs_plan *plan,
		       struct cmk_err *err)
{
	struct prepare_arg arg = { .fd = fd, .plan = plan };
	const struct userns_config *config;
	int r;

	if (mkdirat(fd, "merged", 0700) < 0)
		return cmk_err_errno(err, "create 'merged'");
	r = storage_userns(st, &config, err);
	if (r < 0)
		return r;
	return userns_run(st->run_fd, config, false, prepare_in_userns, &arg, err);
}

static int vfs_mount(const struct rootfs_plan *plan, struct cmk_err *err)
{
	cleanup_close int fd = -1;

	/* Only a mount point can become the root. */
	if (mount(plan->merged, plan->merged, NULL, MS_BIND | MS_REC, NULL) < 0)
		return cmk_err_errno(err, "bind");
	if (!plan->label)
		return 0;
	/* No file system of its own, but files of its own: these have the label from the first
	 * start on. */
	fd = open(plan->merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? cmk_err_errno(err, "open it") : selinux_label_tree(fd, plan->label, err);
}

static int probe_in_userns(void *arg, struct cmk_err *err)
{
	(void)arg;
	(void)err;
	return 0;
}

static int vfs_probe(struct storage *st, struct storage_driver *ret, struct cmk_err *err)
{
	const struct userns_config *config;
	int r;

	(void)ret;
	r = storage_userns(st, &config, err);
	if (r < 0)
		return r;
	return userns_run(st->run_fd, config, true, probe_in_userns, NULL, err);
}

const struct rootfs_driver driver_vfs = {
	.name = "vfs",
	.probe = vfs_probe,
	.prepare = vfs_prepare,
	.mount = vfs_mount,
};
