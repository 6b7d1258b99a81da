// SPDX-License-Identifier: Apache-2.0
/* Masked and read-only paths, sysctls. */
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "libpod/runtime/internal.h"

static int clone_tree(int fd, bool recursive)
{
	int r = open_tree(fd, "",
			  AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				  (recursive ? AT_RECURSIVE : 0));

	return r < 0 ? -errno : r;
}

/* An empty read-only directory, detached. */
static int empty_dir(struct cmk_err *err)
{
	cleanup_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int mnt;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "2", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return cmk_err_errno(err, "make an empty directory");
	mnt = fsmount(fs, FSMOUNT_CLOEXEC,
		      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return mnt < 0 ? cmk_err_errno(err, "make an empty directory") : mnt;
}

/* *DIR_FD: the empty directory once it is mounted somewhere, to be cloned from there (a detached
 * mount can be cloned only since kernel 6.15). */
static int mask(const struct mount_context *c, const char *path, int *dir_fd, struct cmk_err *err)
{
	cleanup_close int target = -1, mnt = -1;
	struct stat st;
	int r;

	target = root_open(c->root_fd, path, O_PATH);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0 || fstat(target, &st) < 0)
		return cmk_err_set(err, target < 0 ? target : -errno, "%s",
				   errno_text(target < 0 ? -target : errno));
	if (!S_ISDIR(st.st_mode))
		mnt = dev_open_null(err);
	else if (*dir_fd < 0)
		mnt = empty_dir(err);
	else
		mnt = clone_tree(*dir_fd, false);
	if (mnt < 0)
		return *dir_fd < 0 ? mnt : cmk_err_set(err, mnt, "cover: %s", errno_text(-mnt));
	r = mount_attach(mnt, target);
	if (r < 0)
		return cmk_err_set(err, r, "%s", errno_text(-r));
	if (S_ISDIR(st.st_mode) && *dir_fd < 0)
		*dir_fd = steal_fd(&mnt);
	return 0;
}

static int make_read_only(const struct mount_context *c, const char *path, struct cmk_err *err)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY };
	cleanup_close int target = -1, mnt = -1;
	int r;

	target = root_open(c->root_fd, path, O_PATH);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return cmk_err_set(err, target, "%s", errno_text(-target));
	mnt = clone_tree(target, true);
	if (mnt < 0)
		return cmk_err_set(err, mnt, "bind: %s", errno_text(-mnt));
	if (mount_setattr(mnt, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof(a)) < 0)
		return cmk_err_errno(err, "make read-only");
	r = mount_attach(mnt, target);
	return r < 0 ? cmk_err_set(err, r, "%s", errno_text(-r)) : 0;
}

int masks_apply(struct mount_context *c, struct cmk_err *err)
{
	const struct spec *s = c->job->spec;
	cleanup_close int dir_fd = -1;
	int r = 0;

	for (char **p = s->masked_paths; p && *p && r == 0; p++) {
		r = mask(c, *p, &dir_fd, err);
		if (r < 0)
			(void)cmk_err_wrap(err, r, "mask '%s'", *p);
	}
	for (char **p = s->readonly_paths; p && *p && r == 0; p++) {
		r = make_read_only(c, *p, err);
		if (r < 0)
			(void)cmk_err_wrap(err, r, "make '%s' read-only", *p);
	}
	return r;
}

static int set_sysctl(int proc_fd, const char *assignment, struct cmk_err *err)
{
	const char *eq = strchrnul(assignment, '=');
	cleanup_free char *path = xasprintf("sys/%.*s", (int)(eq - assignment), assignment);
	cleanup_close int fd = -1;

	/* net.ipv4.ip_forward; a name that has slashes keeps its dots (net/ipv4/conf/eth0.1/…). */
	if (!strchr(path + 4, '/'))
		for (char *p = path; *p; p++)
			if (*p == '.')
				*p = '/';
	fd = open_resolved(proc_fd, path, O_WRONLY, 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	if (fd < 0)
		return cmk_err_set(err, fd, "sysctl '%s': %s", assignment, errno_text(-fd));
	if (!*eq || write(fd, eq + 1, strlen(eq + 1)) < 0)
		return cmk_err_errno(err, "sysctl '%s'", assignment);
	return 0;
}

/* Through the procfs that we mounted and hold, before parts of it become read-only
 * (CVE-2025-52881). */
int sysctls_apply(const struct mount_context *c, struct cmk_err *err)
{
	char *const *v = c->job->spec->sysctl;

	if (!v)
		return 0;
	if (c->proc_fd < 0)
		return cmk_err_set(err, -EOPNOTSUPP, "sysctls without a /proc of the container");
	for (; *v; v++) {
		int r = set_sysctl(c->proc_fd, *v, err);

		if (r < 0)
			return r;
	}
	return 0;
}
