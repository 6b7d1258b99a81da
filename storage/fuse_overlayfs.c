// SPDX-License-Identifier: Apache-2.0
/*
 * fuse-overlayfs(1), for kernels without overlay in user namespaces (before 5.11). It is started by
 * the container's init before that enters its root, so that it ends with the container.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "storage/driver.h"
#include "storage/internal.h"

#define PROGRAM "fuse-overlayfs"

#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif

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

static int start_program(const struct rootfs_plan *plan, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf opt = STRBUF_INIT;
	char *argv[] = { (char *)PROGRAM, (char *)"-o", NULL, plan->merged, NULL };
	int r = 0;

	for (char **l = plan->lower; r >= 0 && *l; l++)
		r = add_path(&opt, l == plan->lower ? "lowerdir=" : ":", *l, err);
	if (r >= 0 && plan->upper)
		r = add_path(&opt, ",upperdir=", plan->upper, err);
	if (r >= 0 && plan->upper)
		r = add_path(&opt, ",workdir=", plan->work, err);
	if (r < 0)
		return r;
	if (plan->unsynced)
		strbuf_adds(&opt, ",volatile");
	argv[2] = opt.data;
	r = process_run(argv, NULL, err);
	if (r > 0)
		return -EIO;
	return r;
}

static int send_fd(int sock, int fd)
{
	char byte = 0;
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} u = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = u.buf,
			    .msg_controllen = sizeof(u.buf) };

	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	u.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The descriptor, or what the child had to say. */
static int receive_fd(int sock, struct cmk_err *err)
{
	static char text[CMK_ERR_WIRE_MAX];
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} u = { 0 };
	struct iovec iov = { text, sizeof(text) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = u.buf,
			    .msg_controllen = sizeof(u.buf) };
	ssize_t n;
	int fd;

	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n > 0 && m.msg_controllen >= CMSG_LEN(sizeof(int)) && u.h.cmsg_type == SCM_RIGHTS) {
		memcpy(&fd, CMSG_DATA(&u.h), sizeof(fd));
		return fd;
	}
	return cmk_err_decode(text, n > 0 ? (size_t)n : 0, PROGRAM " could not be started", err);
}

/* In a child with a mount namespace of its own: the descriptor of the mount. */
static int mount_apart(const struct rootfs_plan *plan, struct cmk_err *err)
{
	int fd, r;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return cmk_err_errno(err, "mount namespace for " PROGRAM);
	r = start_program(plan, err);
	if (r < 0)
		return r;
	fd = open_tree(AT_FDCWD, plan->merged, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		return cmk_err_errno(err, "open_tree '%s'", plan->merged);
	/* The program lives in this namespace, and as long as there is a mount: not for the sake of
	 * this one. */
	if (umount2(plan->merged, MNT_DETACH) < 0)
		log_debug("unmount '%s': %s", plan->merged, errno_text(errno));
	return fd;
}

static void cmk_noreturn mount_child(const struct rootfs_plan *plan, int sock)
{
	struct cmk_err err = CMK_ERR_INIT;
	int fd = mount_apart(plan, &err);

	if (fd < 0)
		cmk_err_send(sock, &err);
	else
		(void)send_fd(sock, fd);
	_exit(0);
}

/* The program must not live in the container's mount namespace: pivot_root(2) would make the new
 * root its own, and it would wait for itself at the first path that it opens. */
static int fuse_mount(const struct rootfs_plan *plan, struct cmk_err *err)
{
	cleanup_close int ours = -1, theirs = -1, fd = -1;
	int sp[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) < 0)
		return cmk_err_errno(err, "make a socket pair");
	ours = sp[0];
	theirs = sp[1];
	pid = process_fork("cmk-fuse", 0, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		mount_child(plan, theirs);
	(void)close(steal_fd(&theirs));
	fd = receive_fd(ours, err);
	(void)process_reap(pid);
	if (fd < 0)
		return fd;
	if (move_mount(fd, "", AT_FDCWD, plan->merged, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return cmk_err_errno(err, "move the mount to '%s'", plan->merged);
	return 0;
}

static int find_program(struct cmk_err *err)
{
	cleanup_free char *path = process_find(PROGRAM, NULL, NULL);

	return path ? 0 : cmk_err_set(err, -ENOENT, PROGRAM " is not installed");
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
		r = start_program(&a->plan, err);
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
	probe_plan(st, name, (const char *const[]){ "lower", NULL }, &plan);
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
