// SPDX-License-Identifier: Apache-2.0
/* /dev: a tmpfs of our own with six devices of the host, links, and the console. */
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>

#include "libpod/runtime/internal.h"

static const struct {
	const char *name;
	unsigned int major, minor;
} devices[] = {
	{ "null", 1, 3 },   { "zero", 1, 5 },	 { "full", 1, 7 },
	{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },	 { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },	 { "ptmx", "pts/ptmx" },
};

/* A node cannot be made in a user namespace: the host's is bound. */
static int open_device(const char *name, unsigned int major, unsigned int minor,
		       struct cmk_err *err)
{
	cleanup_close int fd = -1;
	char path[32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return cmk_err_errno(err, "the host's '%s'", path);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major, minor))
		return cmk_err_set(err, -ENODEV, "the host's '%s' is not device %u:%u", path, major,
				   minor);
	return steal_fd(&fd);
}

int dev_open_null(struct cmk_err *err)
{
	return open_device("null", 1, 3, err);
}

/* The tmpfs is new: what stands in it is ours alone. */
static int place(int dev_fd, const char *name, int mnt, struct cmk_err *err)
{
	if (mknodat(dev_fd, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "create '/dev/%s'", name);
	if (move_mount(mnt, "", dev_fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return cmk_err_errno(err, "bind '/dev/%s'", name);
	return 0;
}

int dev_fill(struct mount_context *c, struct cmk_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		cleanup_close int mnt = open_device(devices[i].name, devices[i].major,
						    devices[i].minor, err);
		int r = mnt < 0 ? mnt : place(c->dev_fd, devices[i].name, mnt, err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (symlinkat(links[i].target, c->dev_fd, links[i].name) < 0)
			return cmk_err_errno(err, "link '/dev/%s'", links[i].name);
	return 0;
}

/* Of the container's own /dev/pts, which may by now hold anything: only a real ptmx of a devpts
 * will do. */
static int open_ptmx(int pts_fd, int root_fd, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct statfs fs;
	struct stat st;

	if (pts_fd >= 0)
		fd = openat(pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
	else
		fd = root_open(root_fd, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		if (pts_fd < 0)
			errno = -fd;
		return cmk_err_errno(err, "open '/dev/pts/ptmx'");
	}
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return cmk_err_errno(err, "look at '/dev/pts/ptmx'");
	if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return cmk_err_set(err, -ENODEV, "'/dev/pts/ptmx' is not a terminal multiplexer");
	return steal_fd(&fd);
}

static int bind_console(int dev_fd, int slave, struct cmk_err *err)
{
	cleanup_close int mnt = -1;

	/* By the descriptor of the pty itself, not by its name (CVE-2025-52565). */
	mnt = open_tree(slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (mnt < 0)
		return cmk_err_errno(err, "bind the console");
	return place(dev_fd, "console", mnt, err);
}

int dev_open_pty(const struct runtime_job *job, int pts_fd, int root_fd, int dev_fd,
		 int *ret_master, int *ret_slave, struct cmk_err *err)
{
	struct winsize ws = { .ws_row = (unsigned short)job->process->rows,
			      .ws_col = (unsigned short)job->process->columns };
	cleanup_close int master = -1, slave = -1;
	int unlock = 0, r;

	master = open_ptmx(pts_fd, root_fd, err);
	if (master < 0)
		return master;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return cmk_err_errno(err, "unlock the terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return cmk_err_errno(err, "open the terminal");
	if ((ws.ws_row || ws.ws_col) && ioctl(master, TIOCSWINSZ, &ws) < 0)
		return cmk_err_errno(err, "set the terminal's size");
	if (dev_fd >= 0) {
		r = bind_console(dev_fd, slave, err);
		if (r < 0)
			return r;
	}
	*ret_master = steal_fd(&master);
	*ret_slave = steal_fd(&slave);
	return 0;
}
