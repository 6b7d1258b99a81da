// SPDX-License-Identifier: Apache-2.0
/*
 * fuse-overlayfs(1), for kernels without overlay in user namespaces (before 5.11). It is started by
 * the container's init before that enters its root, so that it ends with the container.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "storage/driver.h"
#include "storage/internal.h"

#define PROGRAM "fuse-overlayfs"

/* It splits its options at ':' and ','. */
static int add_path(struct strbuf *sb, const char *key, const char *path, struct cmk_err *err)
{
	if (strpbrk(path, ":,\\"))
		return cmk_err_set(err, -EINVAL,
				   PROGRAM " cannot use '%s': it has ':', ',' or '\\'", path);
	strbuf_adds(sb, key);
	strbuf_adds(sb, path);
	return 0;
}

static int fuse_mount(const struct rootfs_plan *plan, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf opt = STRBUF_INIT;
	char *argv[] = { (char *)PROGRAM, (char *)"-o", NULL, plan->merged, NULL };
	int r = 0;

	for (char **l = plan->lower; r >= 0 && *l; l++)
		r = add_path(&opt, l == plan->lower ? "lowerdir=" : ":", *l, err);
	if (r >= 0)
		r = add_path(&opt, ",upperdir=", plan->upper, err);
	if (r >= 0)
		r = add_path(&opt, ",workdir=", plan->work, err);
	if (r < 0)
		return r;
	if (plan->is_volatile)
		strbuf_adds(&opt, ",volatile");
	argv[2] = opt.data;
	r = process_run(argv, NULL, err);
	if (r > 0)
		return -EIO;
	return r;
}

static int find_program(struct cmk_err *err)
{
	cleanup_strv char **dirs = strv_split(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin",
					      ':');

	for (char **d = dirs; d && *d; d++) {
		cleanup_free char *path = xasprintf("%s/" PROGRAM, **d ? *d : ".");

		if (access(path, X_OK) == 0)
			return 0;
	}
	return cmk_err_set(err, -ENOENT, PROGRAM " is not installed");
}

struct probe_arg {
	int fd;
	struct rootfs_plan plan;
};

static int probe_in_userns(void *arg, struct cmk_err *err)
{
	static const char *const dirs[] = { "lower", "upper", "work", "merged" };
	struct probe_arg *a = arg;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (mkdirat(a->fd, dirs[i], 0755) < 0)
			return cmk_err_errno(err, "create '%s'", dirs[i]);
	r = file_replace_at(a->fd, "lower/x", "1", 1, 0644, 0, err);
	if (r >= 0)
		r = fuse_mount(&a->plan, err);
	if (r < 0)
		return r;
	r = overlay_probe_use(a->plan.merged, err);
	if (umount2(a->plan.merged, MNT_DETACH) < 0 && r >= 0)
		r = cmk_err_errno(err, "unmount");
	return r;
}

static int fuse_probe(struct storage *st, struct storage_driver *ret, struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 };
	const struct userns_config *config;
	cleanup_close int fd = -1, dev = -1;
	struct probe_arg arg;
	char name[32];
	int r;

	r = find_program(err);
	if (r < 0)
		return r;
	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return cmk_err_errno(err, "open '/dev/fuse'");
	r = storage_userns(st, &config, err);
	if (r >= 0)
		r = storage_tmp_make(st, name, &fd, err);
	if (r < 0)
		return r;
	strv_add_take(&plan.lower, xasprintf("%s/tmp/%s/lower", st->root, name));
	plan.upper = xasprintf("%s/tmp/%s/upper", st->root, name);
	plan.work = xasprintf("%s/tmp/%s/work", st->root, name);
	plan.merged = xasprintf("%s/tmp/%s/merged", st->root, name);
	arg = (struct probe_arg){ .fd = fd, .plan = plan };
	r = userns_run(st->run_fd, config, true, probe_in_userns, &arg, err);
	storage_tmp_remove(st, name);
	if (r < 0)
		return r;
	ret->volatile_ok = true;
	return 0;
}

const struct rootfs_driver driver_fuse_overlayfs = {
	.name = PROGRAM,
	.probe = fuse_probe,
	.prepare = overlay_prepare,
	.mount = fuse_mount,
};
