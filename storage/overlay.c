// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's overlay in a user namespace (kernel 5.11, option userxattr).
 *
 * Where the kernel has it (6.8) each lower directory is one fsconfig(lowerdir+), so that neither
 * the number of layers nor the length of paths nor a ':' or ',' in them matters. Elsewhere the
 * directories are opened and named by descriptor number relative to /proc/self/fd, which keeps the
 * option string of mount(2) within its one page.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "storage/driver.h"
#include "storage/internal.h"
#include "storage/meta.h"

static int set_string(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int set_dirs(int fs, const char *key, char *const *dirs, struct cmk_err *err)
{
	for (char *const *d = dirs; d && *d; d++) {
		int r = set_string(fs, key, *d);

		if (r < 0)
			return file_fs_error(fs, r, *d, err);
	}
	return 0;
}

static int set_options(int fs, const struct rootfs_plan *plan, struct cmk_err *err)
{
	int r;

	/* Not known to this kernel: the caller takes the other way. */
	if (plan->lower && set_string(fs, "lowerdir+", plan->lower[0]) == -EINVAL)
		return -ENOSYS;
	r = plan->lower ? set_dirs(fs, "lowerdir+", plan->lower + 1, err) : 0;
	if (r >= 0)
		r = set_dirs(fs, "datadir+", plan->data, err);
	if (r < 0)
		return r;
	r = plan->upper ? set_string(fs, "upperdir", plan->upper) : 0;
	if (r < 0)
		return file_fs_error(fs, r, plan->upper, err);
	r = plan->upper ? set_string(fs, "workdir", plan->work) : 0;
	if (r < 0)
		return file_fs_error(fs, r, plan->work, err);
	if (fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return file_fs_error(fs, -errno, "userxattr", err);
	if (plan->label &&
	    fsconfig(fs, FSCONFIG_SET_STRING, plan->label_option, plan->label, 0) < 0)
		return file_fs_error(fs, -errno, plan->label, err);
	if (plan->unsynced && fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return file_fs_error(fs, -errno, "volatile", err);
	return 0;
}

/* -ENOSYS where the kernel has not what it takes. */
static int mount_new_api(const struct rootfs_plan *plan, struct cmk_err *err)
{
	cleanup_close int fs = -1, mnt = -1;
	int r;

#ifdef CMK_TEST_HOOKS
	if (getenv("CMK_TEST_NO_FSOPEN"))
		return -ENOSYS;
#endif
	fs = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return errno == ENOSYS ? -ENOSYS : cmk_err_errno(err, "fsopen");
	r = set_options(fs, plan, err);
	if (r < 0)
		return r;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return file_fs_error(fs, -errno, "create", err);
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mnt < 0)
		return file_fs_error(fs, -errno, "fsmount", err);
	if (move_mount(mnt, "", AT_FDCWD, plan->merged, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return cmk_err_errno(err, "'%s'", plan->merged);
	return 0;
}

static int open_lowers(const struct rootfs_plan *plan, int *fds, struct strbuf *opt,
		       struct cmk_err *err)
{
	for (size_t i = 0; plan->lower[i]; i++) {
		fds[i] = open(plan->lower[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			return cmk_err_errno(err, "'%s'", plan->lower[i]);
		strbuf_addf(opt, "%s%d", i ? ":" : "lowerdir=", fds[i]);
	}
	return 0;
}

static int mount_by_fd_names(const struct rootfs_plan *plan, struct strbuf *opt,
			     struct cmk_err *err)
{
	cleanup_close int upper = -1, work = -1, cwd = -1;

	cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (plan->upper) {
		upper = open(plan->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
		work = open(plan->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (upper < 0 || work < 0)
			return cmk_err_errno(err, "'%s'", upper < 0 ? plan->upper : plan->work);
		strbuf_addf(opt, ",upperdir=%d,workdir=%d", upper, work);
	}
	strbuf_addf(opt, ",userxattr%s", plan->unsynced ? ",volatile" : "");
	/* A level has a comma. */
	if (plan->label)
		strbuf_addf(opt, ",%s=\"%s\"", plan->label_option, plan->label);
	if (chdir("/proc/self/fd") < 0)
		return cmk_err_errno(err, "enter '/proc/self/fd'");
	if (mount("overlay", plan->merged, "overlay", 0, opt->data) < 0) {
		int saved = errno;

		(void)!fchdir(cwd);
		errno = saved;
		return cmk_err_errno(err, "'%s'", plan->merged);
	}
	/* The caller enters the new root anyway; its working directory may have been deleted. */
	(void)!fchdir(cwd);
	return 0;
}

static int mount_old_api(const struct rootfs_plan *plan, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf opt = STRBUF_INIT;
	size_t n = strv_len(plan->lower);
	cleanup_free int *fds = xmalloc((n + 1) * sizeof(*fds));
	int r;

	if (plan->data)
		return cmk_err_set(err, -EOPNOTSUPP,
				   "data-only directories are not known to this kernel");
	for (size_t i = 0; i <= n; i++)
		fds[i] = -1;
	r = open_lowers(plan, fds, &opt, err);
	if (r >= 0)
		r = mount_by_fd_names(plan, &opt, err);
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	return r;
}

static int overlay_mount(const struct rootfs_plan *plan, struct cmk_err *err)
{
	int r = mount_new_api(plan, err);

	return r == -ENOSYS ? mount_old_api(plan, err) : r;
}

int rootfs_root_stat(const struct rootfs_plan *plan, struct stat *ret, struct cmk_err *err)
{
	for (char **l = plan->lower; l && *l; l++) {
		cleanup_free char *dir = xstrndup(*l, strlen(*l) - strlen("/diff"));
		struct stat layer;

		if (stat(*l, ret) < 0)
			return cmk_err_errno(err, "layer '%s'", *l);
		if (stat(dir, &layer) < 0 ||
		    !layer_mode_has(layer.st_mode, LAYER_MODE_NO_ROOT_ENTRY))
			return 0;
	}
	*ret = (struct stat){ .st_mode = S_IFDIR | 0755, .st_uid = geteuid(), .st_gid = getegid() };
	return 0;
}

struct chown_arg {
	int fd;
	const struct stat *st;
	const struct userns_config *config;
};

static int chown_in_userns(void *arg, struct cmk_err *err)
{
	const struct chown_arg *a = arg;
	uint32_t uid = id_map_to_inside(&a->config->uids, a->st->st_uid);
	uint32_t gid = id_map_to_inside(&a->config->gids, a->st->st_gid);

	if (fchownat(a->fd, "upper", uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(a->fd, "upper", a->st->st_mode & 07777, 0) < 0)
		return cmk_err_errno(err, "owner of the root directory");
	return 0;
}

int overlay_prepare(struct storage *st, int fd, const struct rootfs_plan *plan, struct cmk_err *err)
{
	struct stat root;
	int r;

	r = rootfs_root_stat(plan, &root, err);
	if (r < 0)
		return r;
	if (mkdirat(fd, "upper", 0700) < 0 || mkdirat(fd, "work", 0700) < 0 ||
	    mkdirat(fd, "merged", 0700) < 0)
		return cmk_err_errno(err, "create directories");
	/* What overlay shows as the container's "/" is the upper directory. */
	if (root.st_uid != geteuid() || root.st_gid != getegid()) {
		struct chown_arg arg = { .fd = fd, .st = &root };

		r = storage_userns(st, &arg.config, err);
		if (r < 0)
			return r;
		return userns_run(st->run_fd, arg.config, false, chown_in_userns, &arg, err);
	}
	if (fchmodat(fd, "upper", root.st_mode & 07777, 0) < 0)
		return cmk_err_errno(err, "mode of the root directory");
	return 0;
}

/* --- probe --- */

enum { PROBE_APPEND = 1 << 0, PROBE_VOLATILE = 1 << 1, PROBE_DATA = 1 << 2 };

static int probe_dirs(int fd, struct cmk_err *err)
{
	static const char *const dirs[] = { "lower1", "lower2", "upper", "work", "merged" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (mkdirat(fd, dirs[i], 0755) < 0)
			return cmk_err_errno(err, "create '%s'", dirs[i]);
	return file_replace_at(fd, "lower1/x", "1", 1, 0644, 0, err);
}

/* What a container does: see a lower file, remove it, and not see it. */
int overlay_probe_use(const char *merged, struct cmk_err *err)
{
	/* By path: a descriptor from before would see below the mount. */
	cleanup_free char *file = xasprintf("%s/x", merged);

	if (access(file, F_OK) < 0 || unlink(file) < 0)
		return cmk_err_errno(err, "remove a file of a lower directory");
	if (access(file, F_OK) == 0)
		return cmk_err_set(err, -EOPNOTSUPP, "a removed file is still seen");
	return 0;
}

void probe_plan(struct storage *st, const char *name, const char *const *lower,
		struct rootfs_plan *ret)
{
	for (; *lower; lower++)
		strv_add_take(&ret->lower, xasprintf("%s/tmp/%s/%s", st->root, name, *lower));
	ret->upper = xasprintf("%s/tmp/%s/upper", st->root, name);
	ret->work = xasprintf("%s/tmp/%s/work", st->root, name);
	ret->merged = xasprintf("%s/tmp/%s/merged", st->root, name);
}

struct probe_arg {
	int fd;
	struct rootfs_plan plan, data_plan;
};

/* "x" stands for a file in data/. */
static int probe_meta_file(int fd)
{
	cleanup_close int data = open_dir_at(fd, "data", 0755, NULL), file = -1;
	cleanup_close int meta = open_dir_at(fd, "meta", 0755, NULL);
	int r;

	if (data < 0 || meta < 0 || mkdirat(fd, "shown", 0755) < 0)
		return -EIO;
	r = file_replace_at(data, "d", "1", 1, 0644, 0, NULL);
	if (r < 0)
		return r;
	file = openat(meta, "x", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (file < 0 || ftruncate(file, 1) < 0)
		return -errno;
	return meta_mark(file, "/d");
}

static bool data_lower_works(const struct probe_arg *a)
{
	cleanup_free char *shown = xasprintf("%s/x", a->data_plan.merged), *text = NULL;

	return probe_meta_file(a->fd) >= 0 && mount_new_api(&a->data_plan, NULL) >= 0 &&
	       file_read_at(AT_FDCWD, shown, 16, &text, NULL, NULL) >= 0 && streq(text, "1");
}

static int probe_in_userns(void *arg, struct cmk_err *err)
{
	struct probe_arg *a = arg;
	int flags = 0, r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return cmk_err_errno(err, "make mounts private");
	r = probe_dirs(a->fd, err);
	if (r < 0)
		return r;
	a->plan.unsynced = true;
	r = mount_new_api(&a->plan, NULL);
	if (r == -ENOSYS)
		r = mount_old_api(&a->plan, NULL);
	else if (r >= 0)
		flags |= PROBE_APPEND;
	if (r >= 0)
		flags |= PROBE_VOLATILE;
	else {
		a->plan.unsynced = false;
		r = mount_new_api(&a->plan, err);
		if (r >= 0)
			flags |= PROBE_APPEND;
		else if (r == -ENOSYS)
			r = mount_old_api(&a->plan, err);
	}
	if (r >= 0)
		r = overlay_probe_use(a->plan.merged, err);
	if (r < 0)
		return r;
	return data_lower_works(a) ? flags | PROBE_DATA : flags;
}

static int overlay_probe(struct storage *st, struct storage_driver *ret, struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 }, data_plan = { 0 };
	const struct userns_config *config;
	const char *fs = storage_netfs(st);
	cleanup_close int fd = -1;
	struct probe_arg arg;
	char name[32];
	int r;

	/* Documentation/filesystems/overlayfs.rst, "Upper and Lower": what the kernel says of it is
	 * that an argument is invalid. */
	if (fs)
		return cmk_err_set(err, -EOPNOTSUPP,
				   "'%s' is on %s, where no upper directory can be", st->root, fs);
	r = storage_userns(st, &config, err);
	if (r >= 0)
		r = storage_tmp_make(st, name, &fd, err);
	if (r < 0)
		return r;
	probe_plan(st, name, (const char *const[]){ "lower1", "lower2", NULL }, &plan);
	strv_add_take(&data_plan.lower, xasprintf("%s/tmp/%s/meta", st->root, name));
	strv_add_take(&data_plan.data, xasprintf("%s/tmp/%s/data", st->root, name));
	data_plan.merged = xasprintf("%s/tmp/%s/shown", st->root, name);
	arg = (struct probe_arg){ .fd = fd, .plan = plan, .data_plan = data_plan };
	r = userns_run(st->run_fd, config, true, probe_in_userns, &arg, err);
	storage_tmp_remove(st, name);
	if (r < 0)
		return r;
	ret->userxattr = true;
	ret->lowerdir_append = r & PROBE_APPEND;
	ret->volatile_ok = r & PROBE_VOLATILE;
	ret->data_lower = r & PROBE_DATA;
	return 0;
}

const struct rootfs_driver driver_overlay = {
	.name = "overlay",
	.probe = overlay_probe,
	.prepare = overlay_prepare,
	.mount = overlay_mount,
};
