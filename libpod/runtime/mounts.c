// SPDX-License-Identifier: Apache-2.0
/*
 * The mounts of the spec. Each is made detached (fsopen(2), open_tree(2)), gets its attributes, and
 * is then moved onto a target that was resolved inside the root and is held by descriptor. Nothing
 * goes through a path a second time, and nothing through /proc.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "libpod/runtime/bundle_internal.h"
#include "libpod/runtime/internal.h"

static int set_data(int fs, char *const *data, const struct mount_context *c, struct cmk_err *err)
{
	for (; data && *data; data++) {
		const char *eq = strchr(*data, '=');
		cleanup_free char *key = eq ? xstrndup(*data, (size_t)(eq - *data)) : NULL;
		int r;

		/* The instance itself is always new since kernel 4.7. */
		if (streq(*data, "newinstance"))
			continue;
		/* See fill_tmpfs(). */
		if (streq(*data, "tmpcopyup"))
			continue;
		/* The group "tty"; where it is not mapped the kernel would refuse it. */
		if (streq(*data, "gid=5") && c->tty_gid == (gid_t)-1)
			continue;
		if (eq)
			r = fsconfig(fs, FSCONFIG_SET_STRING, key, eq + 1, 0);
		else
			r = fsconfig(fs, FSCONFIG_SET_FLAG, *data, NULL, 0);
		if (r < 0)
			return file_fs_error(fs, -errno, *data, err);
	}
	return 0;
}

/* Asked for by who wrote the spec. */
static bool has_context(char *const *data)
{
	for (; data && *data; data++)
		if (str_after(*data, "context=") || str_after(*data, "rootcontext="))
			return true;
	return false;
}

/* A new file system, detached. */
static int new_mount(const char *type, const char *source, const struct mount_options *o,
		     const struct mount_context *c, struct cmk_err *err)
{
	cleanup_close int fs = -1;
	uint64_t attr;
	int mnt, r;

	fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return cmk_err_errno(err, "file system '%s'", type);
	if (source && *source && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return file_fs_error(fs, -errno, source, err);
	r = set_data(fs, o->data, c, err);
	if (r == 0 && !has_context(o->data))
		r = label_new_mount(fs, type, c->job->spec, err);
	if (r < 0)
		return r;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return file_fs_error(fs, -errno, "create", err);
	attr = o->set | o->rset;
	if (strv_has(o->data, "tmpcopyup"))
		attr &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned int)attr);
	return mnt < 0 ? file_fs_error(fs, -errno, "mount", err) : mnt;
}

static int set_attr(int mnt, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation)
{
	struct mount_attr a = { .attr_set = set, .attr_clr = clear, .propagation = propagation };
	unsigned int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

	if (!set && !clear && !propagation)
		return 0;
	return mount_setattr(mnt, "", flags, &a, sizeof(a)) < 0 ? -errno : 0;
}

/* In a user namespace the flags that a mount of the host carries are locked: clearing one is EPERM,
 * and it stays as it is, which is what "rw" on a read-only file system means anywhere. */
static int bind_attr(int mnt, bool recursive, bool strict, uint64_t set, uint64_t clear)
{
	int r = set_attr(mnt, recursive, set, clear, 0);

	if (r != -EPERM || !clear || strict)
		return r;
	if (set & MOUNT_ATTR__ATIME || clear & MOUNT_ATTR__ATIME)
		set &= ~(uint64_t)MOUNT_ATTR__ATIME;
	return set_attr(mnt, recursive, set, 0, 0);
}

/* Of a mount that exists already. */
int mount_set_options(int mnt, const struct mount_options *o)
{
	int r = bind_attr(mnt, false, o->strict, o->set, o->clear);

	if (r == 0)
		r = bind_attr(mnt, true, o->strict, o->rset, o->rclear);
	return r == 0 ? set_attr(mnt, o->propagation_recursive, 0, 0, o->propagation) : r;
}

/* mount_setattr(2): who does it needs CAP_SYS_ADMIN over the file system itself, which for the
 * host's file systems nobody in a user namespace has. */
static int set_idmap(int mnt, const char *source, const char *own, struct cmk_err *err)
{
	cleanup_close int ns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)ns };

	/* A map of its own is of ids that only root of the machine has: idmapped_prepare(). */
	if (own)
		errno = EPERM;
	else if (ns >= 0 &&
		 mount_setattr(mnt, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof(a)) == 0)
		return 0;
	(void)cmk_err_errno(err, "idmapped mount of '%s'", source);
	if (errno == EPERM || errno == EINVAL)
		(void)cmk_err_hint(err, "the kernel gives it only to the owner of the file system, "
					"mostly the host's root: ':U' instead gives the files to "
					"the container's user");
	return err ? err->code : -EPERM;
}

/* SOURCE, a place below the container's root, with what is mounted there by now. */
static int open_inside(const struct mount_context *c, const char *source, unsigned int flags)
{
	cleanup_close int fd = root_open(c->root_fd, source, O_PATH);
	int mnt = fd < 0 ? fd : open_tree(fd, "", flags | AT_EMPTY_PATH);

	if (fd < 0)
		errno = -fd;
	return mnt;
}

static int bind_mount(const char *source, const struct mount_options *o,
		      const struct mount_context *c, struct cmk_err *err)
{
	const char *inside = c->job->bundle && c->root_fd >= 0
				     ? bundle_inside(c->job->bundle->bundle, source)
				     : NULL;
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	cleanup_close int mnt = -1, sub = -1;
	int r;

	if (!source || source[0] != '/')
		return cmk_err_set(err, -EINVAL, "bind source '%s' is not absolute", source ?: "");
	flags |= o->recursive ? AT_RECURSIVE : 0;
	if (o->subpath) {
		sub = subpath_open(source, o->subpath, err);
		if (sub < 0)
			return sub;
		mnt = open_tree(sub, "", flags | AT_EMPTY_PATH);
	} else if (inside) {
		mnt = open_inside(c, inside, flags);
	} else {
		mnt = open_tree(AT_FDCWD, source, flags);
	}
	if (mnt < 0) {
		(void)cmk_err_errno(err, "bind source '%s'", source);
		/* Mounts of the host come as a whole: one alone would show what they cover. */
		if (errno == EINVAL && !o->recursive)
			(void)cmk_err_hint(err, "there are mounts below it: use rbind");
		return err ? err->code : -EINVAL;
	}
	if (o->idmap) {
		r = set_idmap(mnt, source, o->idmap_own, err);
		if (r < 0)
			return r;
	}
	r = mount_set_options(mnt, o);
	if (r < 0)
		return cmk_err_set(err, r, "options of bind mount '%s': %s", source,
				   errno_text(-r));
	return steal_fd(&mnt);
}

static int overlay_mount(const struct mount_options *o, const struct spec *s, struct cmk_err *err)
{
	cleanup_close int mnt = overlay_mount_new(o, s, err);
	int r;

	if (mnt < 0)
		return mnt;
	r = mount_set_options(mnt, o);
	if (r < 0)
		return cmk_err_set(err, r, "options of the overlay: %s", errno_text(-r));
	return steal_fd(&mnt);
}

/*
 * File systems that show a namespace: the kernel gives a new one only to who owns the namespace,
 * and where the host's own is not covered in part (a container in a container). Then the one of the
 * host is bound, read-only where its type asks for it.
 */
static int pseudo_mount(const struct spec_mount *m, const char *type, const char *host_path,
			const struct mount_options *o, const struct mount_context *c,
			struct cmk_err *err)
{
	struct mount_options b = *o;
	int mnt = new_mount(type, m->source, o, c, err);

	if (mnt != -EPERM && mnt != -EBUSY && mnt != -ENODEV && mnt != -EACCES)
		return mnt;
	if (err)
		cmk_err_done(err);
	b.bind = b.recursive = true;
	b.rset = o->set & ~(uint64_t)MOUNT_ATTR__ATIME;
	b.set = b.clear = 0;
	return bind_mount(host_path, &b, c, err);
}

/* Has no option for it. One of the host's, bound, stays as it is. */
static int mqueue_mount(const struct spec_mount *m, const struct mount_options *o,
			const struct mount_context *c, struct cmk_err *err)
{
	cleanup_close int mnt = pseudo_mount(m, "mqueue", "/dev/mqueue", o, c, err);
	int r;

	if (mnt < 0)
		return mnt;
	r = spec_makes_namespace(c->job->spec, "ipc") ? label_mount_root(mnt, c->job->spec, err)
						      : 0;
	return r < 0 ? r : steal_fd(&mnt);
}

int mount_make(const struct spec_mount *m, const struct mount_options *o,
	       const struct mount_context *c, struct cmk_err *err)
{
	const char *type = m->type ?: "";

	/* The words "bind" and "rbind" may stand among its options. */
	if (streq(type, "overlay"))
		return overlay_mount(o, c->job->spec, err);
	if (o->bind || streq(type, "bind"))
		return bind_mount(m->source, o, c, err);
	if (streq(type, "proc"))
		return pseudo_mount(m, "proc", "/proc", o, c, err);
	if (streq(type, "sysfs"))
		return pseudo_mount(m, "sysfs", "/sys", o, c, err);
	if (streq(type, "mqueue"))
		return mqueue_mount(m, o, c, err);
	if (streq(type, "cgroup") || streq(type, "cgroup2"))
		return pseudo_mount(m, "cgroup2", "/sys/fs/cgroup", o, c, err);
	if (streq(type, "tmpfs") || streq(type, "ramfs") || streq(type, "devpts"))
		return new_mount(type, m->source, o, c, err);
	/* Whatever file systems a bundle of others wants. */
	if (c->job->bundle && *type && !streq(type, "none"))
		return new_mount(type, m->source, o, c, err);
	return cmk_err_set(err, -EOPNOTSUPP, "mount type '%s' is not supported", type);
}

int mount_attach(int mnt_fd, int target_fd)
{
	if (move_mount(mnt_fd, "", target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* The kernel says EINVAL to a directory on a file as to much else. */
static int attach_error(int code, const struct stat *mnt, int target_fd, struct cmk_err *err)
{
	struct stat st;

	if (fstat(target_fd, &st) == 0 && S_ISDIR(st.st_mode) != S_ISDIR(mnt->st_mode))
		return cmk_err_set(err, -ENOTDIR, "a %s cannot be mounted on a %s",
				   S_ISDIR(mnt->st_mode) ? "directory" : "file",
				   S_ISDIR(st.st_mode) ? "directory" : "file");
	return cmk_err_set(err, code, "%s", errno_text(-code));
}

static bool has_data(const struct mount_options *o, const char *key)
{
	for (char **d = o->data; d && *d; d++) {
		if (str_after(*d, key))
			return true;
	}
	return false;
}

/* Before it is attached: afterwards the directory below is covered. A read-only one is filled
 * first, and made read-only here. */
static int fill_tmpfs(int mnt, int target, const struct mount_options *o, struct cmk_err *err)
{
	bool owned = has_data(o, "uid=") || has_data(o, "gid=");
	int r = target < 0 ? 0 : copy_up(target, mnt, has_data(o, "mode="), owned, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "copy up");
	r = set_attr(mnt, false, o->set & MOUNT_ATTR_RDONLY, 0, 0);
	return r < 0 ? cmk_err_set(err, r, "make it read-only: %s", errno_text(-r)) : 0;
}

static bool is_dir(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int mount_prepare(struct mount_context *c, const struct spec_mount *m,
		  const struct mount_options *o, int mnt, int target, bool target_made,
		  struct cmk_err *err)
{
	int r = 0;

	if (o->own)
		r = own_file_to_root(c, mnt, err);
	else if (strv_has(o->data, "tmpcopyup"))
		r = fill_tmpfs(mnt, target, o, err);
	else if (o->volume && !o->subpath && is_dir(target))
		r = volume_first_use(c, m->source, o, target, target_made, err);
	if (r == 0 && o->chown)
		r = chown_to_user(c, mnt, err);
	if (r == 0 && (o->relabel_shared || o->relabel_private))
		r = label_source(mnt, c->job->spec, o->relabel_shared, err);
	if (r == 0 && o->late_read_only)
		r = set_attr(mnt, false, MOUNT_ATTR_RDONLY, 0, 0);
	return r;
}

/* As the other runtimes: a new tmpfs has the mode of what it covers, where no other is asked for.
 */
static void inherit_mode(const struct mount_context *c, const struct spec_mount *m,
			 struct mount_options *o)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (!c->job->bundle || !streq_null(m->type, "tmpfs") || has_data(o, "mode="))
		return;
	fd = root_open(c->root_fd, m->destination, O_PATH);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		strv_add_take(&o->data, xasprintf("mode=%o", (unsigned int)st.st_mode & 07777));
}

/* In another place than where all programs look for it, what is masked in it would be elsewhere
 * (CVE-2019-19921, CVE-2023-27561). */
static int check_pseudo_place(const struct mount_context *c, const struct spec_mount *m,
			      struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (!c->job->bundle || (!streq_null(m->type, "proc") && !streq_null(m->type, "sysfs")))
		return 0;
	fd = root_open(c->root_fd, m->destination, O_PATH | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	return cmk_err_set(err, -ENOTDIR, "filesystem '%s' must be mounted on ordinary directory",
			   m->type);
}

static int one_mount(struct mount_context *c, size_t index, struct cmk_err *err)
{
	const struct spec_mount *m = &c->job->spec->mounts[index];
	cleanup(mount_options_done) struct mount_options o = { 0 };
	cleanup_close int mnt = -1, target = -1;
	bool made = false, outside = c->job->made && c->job->made[index] >= 0;
	bool is_dev = streq_null(m->type, "tmpfs") && streq(m->destination, "/dev");
	struct stat st;
	int r;

	r = mount_options_parse(m->options, &o, err);
	if (r < 0)
		return r;
	r = check_pseudo_place(c, m, err);
	if (r < 0)
		return r;
	o.strict = c->job->bundle && c->job->bundle->no_mount_fallback;
	inherit_mode(c, m, &o);
	c->dev_readonly |= is_dev && (o.set & MOUNT_ATTR_RDONLY);
	if (is_dev)
		o.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	if (outside)
		mnt = steal_fd(&c->job->made[index]);
	else if (streq_null(m->type, "x-cmk.secret"))
		mnt = secret_mount(c, m->source, &o, err);
	else
		mnt = mount_make(m, &o, c, err);
	if (mnt == -ENOENT && o.optional) {
		cmk_err_done(err);
		return 0;
	}
	if (mnt < 0)
		return mnt;
	if (fstat(mnt, &st) < 0)
		return cmk_err_errno(err, "stat");
	target = root_open_place(c->root_fd, m->destination, o.into, S_ISDIR(st.st_mode), &made,
				 err);
	if (target < 0)
		return target;
	if (!outside) {
		r = mount_prepare(c, m, &o, mnt, target, made, err);
		if (r < 0)
			return r;
	}
	r = mount_attach(mnt, target);
	if (r < 0)
		return attach_error(r, &st, target, err);
	if (is_dev) {
		c->dev_fd = steal_fd(&mnt);
		/* Others say themselves what is in it: bundle_devices(). */
		return c->job->bundle ? 0 : dev_fill(c, err);
	}
	if (m->type && streq(m->type, "devpts") && streq(m->destination, "/dev/pts"))
		c->pts_fd = steal_fd(&mnt);
	else if (m->type && streq(m->type, "proc") && streq(m->destination, "/proc"))
		c->proc_fd = steal_fd(&mnt);
	return 0;
}

int mounts_apply(struct mount_context *c, struct cmk_err *err)
{
	for (size_t i = 0; i < c->job->spec->n_mounts; i++) {
		int r = one_mount(c, i, err);

		if (r < 0)
			return cmk_err_wrap(err, r, "mount '%s'",
					    c->job->spec->mounts[i].destination);
	}
	return 0;
}

int mounts_read_only(struct mount_context *c, struct cmk_err *err)
{
	int r = 0;

	if (c->job->spec->root_readonly)
		r = set_attr(c->root_fd, false, MOUNT_ATTR_RDONLY, 0, 0);
	if (r < 0)
		return cmk_err_set(err, r, "make the root file system read-only: %s",
				   errno_text(-r));
	if (c->dev_readonly)
		r = set_attr(c->dev_fd, false, MOUNT_ATTR_RDONLY, 0, 0);
	return r < 0 ? cmk_err_set(err, r, "make /dev read-only: %s", errno_text(-r)) : 0;
}
