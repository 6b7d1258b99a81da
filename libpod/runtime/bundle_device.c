// SPDX-License-Identifier: Apache-2.0
/*
 * Devices of a bundle: linux.devices, and those that each container has.
 *
 * In a user namespace no node can be made: the host's is bound. Root of the machine makes the ones
 * that are listed before, in a tmpfs of its own, and these are bound: with the owner and mode that
 * the bundle gives them, and though the host has none at that path.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/runtime/bundle_internal.h"

static mode_t kind_of(const struct bundle_device *d)
{
	switch (d->type[0]) {
	case 'b':
		return S_IFBLK;
	case 'p':
		return S_IFIFO;
	default:
		return S_IFCHR;
	}
}

static mode_t mode_of(const struct bundle_device *d)
{
	return d->has_mode ? d->mode & 07777 : 0666;
}

static dev_t number_of(const struct bundle_device *d)
{
	return makedev((unsigned int)d->major, (unsigned int)d->minor);
}

/* ptmx is the one of the container's own devpts: a link. */
static bool is_ptmx(const struct bundle_device *d)
{
	return streq(d->path, "/dev/ptmx");
}

/* --- made outside ------------------------------------------------------------------------------
 */

/* A mounted tmpfs in a mount namespace of its own, since a detached mount can be cloned only since
 * kernel 6.15. */
static int open_workshop(struct cmk_err *err)
{
	static const char place[] = "/dev";
	cleanup_close int dir = -1;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0700") < 0)
		return cmk_err_errno(err, "a place for devices");
	dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? cmk_err_errno(err, "open the place for devices") : steal_fd(&dir);
}

static int make_node(int dir, size_t index, const struct bundle_device *d,
		     const struct userns_config *maps, struct cmk_err *err)
{
	uid_t uid = id_map_to_outside(&maps->uids, d->has_uid ? d->uid : 0);
	gid_t gid = id_map_to_outside(&maps->gids, d->has_gid ? d->gid : 0);
	char name[24];
	int fd;

	(void)snprintf(name, sizeof(name), "%zu", index);
	/* An id without a map is nobody's inside, as root's is. */
	uid = uid == (uid_t)-1 ? 0 : uid;
	gid = gid == (gid_t)-1 ? 0 : gid;
	if (mknodat(dir, name, kind_of(d) | S_IRUSR, number_of(d)) < 0 ||
	    fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(dir, name, mode_of(d), 0) < 0)
		return cmk_err_errno(err, "create '%s'", d->path);
	fd = open_tree(dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	return fd < 0 ? cmk_err_errno(err, "open '%s'", d->path) : fd;
}

static int make_nodes(struct runtime_job *job, struct cmk_err *err)
{
	const struct bundle *b = job->bundle->bundle;
	cleanup_close int dir = open_workshop(err);

	for (size_t i = 0; dir >= 0 && i < b->n_devices; i++) {
		if (b->devices[i].type[0] == 'p' || is_ptmx(&b->devices[i]))
			continue;
		job->devices[i] = make_node(dir, i, &b->devices[i], job->userns, err);
		if (job->devices[i] < 0)
			return job->devices[i];
	}
	return dir < 0 ? dir : 0;
}

/* In a child with our table of descriptors, in which it leaves them: what it writes to DEVICES it
 * shares with us. */
static int make_in_child(struct runtime_job *job, struct cmk_err *err)
{
	struct cmk_err e = CMK_ERR_INIT;
	char wire[CMK_ERR_WIRE_MAX];
	int p[2], r;
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	pid = process_clone3(CLONE_NEWNS | CLONE_FILES, SIGCHLD, -1, NULL);
	if (pid == 0) {
		if (make_nodes(job, &e) < 0)
			cmk_err_send(p[1], &e);
		_exit(0);
	}
	r = pid < 0 ? pid : process_reap(pid);
	(void)close(p[1]);
	n = pid < 0 ? 0 : read_full(p[0], wire, sizeof(wire));
	(void)close(p[0]);
	if (n > 0)
		return cmk_err_decode(wire, (size_t)n, "bad answer of who makes devices", err);
	return r == 0 ? 0 : cmk_err_set(err, r < 0 ? r : -ECHILD, "make devices");
}

int bundle_devices_outside(struct runtime_job *job, struct cmk_err *err)
{
	size_t n = job->bundle->bundle->n_devices;
	void *shared;
	int r;

	if (n == 0 || !job->userns || geteuid() != 0)
		return 0;
	shared = mmap(NULL, n * sizeof(*job->devices), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return cmk_err_errno(err, "memory for %zu devices", n);
	job->devices = shared;
	for (size_t i = 0; i < n; i++)
		job->devices[i] = -1;
	r = make_in_child(job, err);
	/* Root of a user namespace, or without CAP_MKNOD: the host's own will do, where it is
	 * there. */
	if (r != -EPERM)
		return r;
	if (err)
		cmk_err_done(err);
	return 0;
}

void bundle_devices_done(struct runtime_job *job)
{
	size_t n = job->bundle ? job->bundle->bundle->n_devices : 0;

	for (size_t i = 0; job->devices && i < n; i++)
		cleanup_close_fn(&job->devices[i]);
	if (job->devices)
		(void)munmap(job->devices, n * sizeof(*job->devices));
	job->devices = NULL;
}

/* --- in the container --------------------------------------------------------------------------
 */

static const struct bundle_device default_devices[] = {
#define CHAR(name, major_, minor_)                                                    \
	{                                                                             \
		.path = (char *)"/dev/" name, .type = (char *)"c", .major = (major_), \
		.minor = (minor_), .has_mode = true, .mode = 0666                     \
	}
	CHAR("null", 1, 3),   CHAR("zero", 1, 5),    CHAR("full", 1, 7),
	CHAR("random", 1, 8), CHAR("urandom", 1, 9), CHAR("tty", 5, 0),
};

static const struct {
	const char *path, *target;
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },	      { "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/core", "/proc/kcore" },	      { "/dev/ptmx", "pts/ptmx" },
};

/* The directory of PATH below the root, made where it is missing. *RET_NAME: the rest. */
static int open_parent(int root_fd, const char *path, const char **ret_name, struct cmk_err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = xstrndup(path, (size_t)(slash - path));

	*ret_name = slash + 1;
	if (!**ret_name || streq(*ret_name, ".") || streq(*ret_name, ".."))
		return cmk_err_set(err, -EINVAL, "'%s' is no name of a device", path);
	return root_open_target(root_fd, *dir ? dir : "/", true, NULL, err);
}

static int put_device(int mnt, const struct bundle_device *d, int dir, const char *name,
		      struct cmk_err *err)
{
	if (mknodat(dir, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "create '%s'", d->path);
	if (move_mount(mnt, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return cmk_err_errno(err, "bind '%s'", d->path);
	return 0;
}

/* A node cannot be made in a user namespace: the host's is bound. */
static int bind_device(const struct bundle_device *d, int dir, const char *name,
		       struct cmk_err *err)
{
	cleanup_close int mnt = open_tree(
		AT_FDCWD, d->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	struct stat st;

	if (mnt < 0 || fstat(mnt, &st) < 0)
		return cmk_err_errno(err, "the host's '%s'", d->path);
	if ((st.st_mode & S_IFMT) != kind_of(d) || st.st_rdev != number_of(d))
		return cmk_err_set(err, -ENODEV, "the host's '%s' is not device %s %lld:%lld",
				   d->path, d->type, (long long)d->major, (long long)d->minor);
	return put_device(mnt, d, dir, name, err);
}

static int mknod_device(const struct bundle_device *d, int dir, const char *name,
			struct cmk_err *err)
{
	if (mknodat(dir, name, kind_of(d) | mode_of(d), number_of(d)) < 0) {
		if (errno == EPERM)
			return bind_device(d, dir, name, err);
		return cmk_err_errno(err, "create '%s'", d->path);
	}
	if (fchownat(dir, name, d->has_uid ? d->uid : 0, d->has_gid ? d->gid : 0,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "owner of '%s'", d->path);
	return 0;
}

/* MADE: the node, from outside, or -1. */
static int make_device(const struct mount_context *c, const struct bundle_device *d, int made,
		       struct cmk_err *err)
{
	cleanup_close int dir = -1;
	struct stat st;
	const char *name;

	dir = open_parent(c->root_fd, d->path, &name, err);
	if (dir < 0)
		return dir;
	if (made >= 0)
		return put_device(made, d, dir, name, err);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (st.st_mode & S_IFMT) == kind_of(d) && st.st_rdev == number_of(d))
		return 0;
	if (spec_has_namespace(c->job->spec, "user") && d->type[0] != 'p')
		return bind_device(d, dir, name, err);
	return mknod_device(d, dir, name, err);
}

/* A /dev that is bound from elsewhere is left as it is. */
static bool dev_is_bound(const struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];

		if (streq(m->destination, "/dev") &&
		    (streq_null(m->type, "bind") || strv_has(m->options, "bind") ||
		     strv_has(m->options, "rbind")))
			return true;
	}
	return false;
}

static bool is_listed(const struct bundle *b, const char *path)
{
	for (size_t i = 0; i < b->n_devices; i++)
		if (streq(b->devices[i].path, path))
			return true;
	return false;
}

static int make_link(const struct mount_context *c, const char *path, const char *target,
		     struct cmk_err *err)
{
	const char *name;
	cleanup_close int dir = open_parent(c->root_fd, path, &name, err);

	if (dir < 0)
		return dir;
	if (symlinkat(target, dir, name) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "link '%s'", path);
	return 0;
}

int bundle_devices(struct mount_context *c, struct cmk_err *err)
{
	const struct bundle *b = c->job->bundle->bundle;
	int r = 0;

	if (dev_is_bound(c->job->spec))
		return 0;
	for (size_t i = 0; r == 0 && i < b->n_devices; i++)
		if (!is_ptmx(&b->devices[i]))
			r = make_device(c, &b->devices[i],
					c->job->devices ? c->job->devices[i] : -1, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(default_devices); i++)
		if (!is_listed(b, default_devices[i].path))
			r = make_device(c, &default_devices[i], -1, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(links); i++)
		r = make_link(c, links[i].path, links[i].target, err);
	return r;
}
