// SPDX-License-Identifier: Apache-2.0
/* What some mounts need beyond the mount: content, owners, upper directories, secrets' values. */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/runtime/internal.h"
#include "libpod/secret/secret.h"

/* --- overlays --- */

static const char *option_value(char *const *options, const char *key)
{
	for (; options && *options; options++) {
		const char *v = str_after(*options, key);

		if (v)
			return v;
	}
	return NULL;
}

/* What overlay shows as the mount's root is the upper directory: as the lower one's. */
static int refresh_one(const char *dir, const char *lower, struct cmk_err *err)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "'%s'", dir);
	r = remove_tree_at(fd, "upper", err);
	if (r == 0)
		r = remove_tree_at(fd, "work", err);
	if (r < 0)
		return cmk_err_wrap(err, r, "'%s'", dir);
	if (mkdirat(fd, "upper", 0700) < 0 || mkdirat(fd, "work", 0700) < 0)
		return cmk_err_errno(err, "make '%s/upper'", dir);
	if (stat(lower, &st) < 0)
		return cmk_err_errno(err, "'%s'", lower);
	/* Of an owner that we cannot have it stays ours, as the files in it do. */
	if (fchownat(fd, "upper", st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EINVAL && errno != EPERM)
		return cmk_err_errno(err, "owner of '%s/upper'", dir);
	if (fchmodat(fd, "upper", st.st_mode & 07777, 0) < 0)
		return cmk_err_errno(err, "mode of '%s/upper'", dir);
	return 0;
}

int overlays_refresh(const struct spec *s, struct cmk_err *err)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];
		const char *dir = option_value(m->options, "x-cmk.overlay=");
		const char *lower = option_value(m->options, "lowerdir=");
		int r;

		if (!dir || !lower || !strv_has(m->options, "x-cmk.fresh"))
			continue;
		r = refresh_one(dir, lower, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "mount '%s'", m->destination);
	}
	return 0;
}

int overlay_mount_new(const struct mount_options *o, const struct spec *s, struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { .driver = xstrdup("overlay") };
	const char *upper = option_value(o->data, "upperdir=");
	const char *work = option_value(o->data, "workdir=");
	cleanup_close int sub = -1;
	int mnt, r;

	if (!o->overlay)
		return cmk_err_set(err, -EOPNOTSUPP, "mount type 'overlay' is not supported");
	for (char **d = o->data; d && *d; d++) {
		const char *lower = str_after(*d, "lowerdir=");
		const char *data = str_after(*d, "datadir=");

		if (lower)
			strv_add(&plan.lower, lower);
		else if (data)
			strv_add(&plan.data, data);
	}
	plan.upper = upper ? xstrdup(upper) : xasprintf("%s/upper", o->overlay);
	plan.work = work ? xstrdup(work) : xasprintf("%s/work", o->overlay);
	plan.merged = xasprintf("%s/merged", o->overlay);
	storage_rootfs_label(&plan, spec_mount_context(s), s->mount_label);
	r = storage_rootfs_mount(&plan, err);
	if (r < 0)
		return r;
	/* Resolved on the attached mount: a detached one can be cloned only since kernel 6.15. It
	 * goes with the host's tree. */
	if (o->subpath) {
		sub = subpath_open(plan.merged, o->subpath, err);
		if (sub < 0)
			return sub;
	}
	mnt = open_tree(sub >= 0 ? sub : AT_FDCWD, sub >= 0 ? "" : plan.merged,
			OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (sub >= 0 ? AT_EMPTY_PATH : 0));
	return mnt < 0 ? cmk_err_errno(err, "clone the overlay '%s'", plan.merged) : mnt;
}

/* --- sub-paths --- */

int subpath_open(const char *source, const char *subpath, struct cmk_err *err)
{
	cleanup_close int fd = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int sub;

	if (fd < 0)
		return cmk_err_errno(err, "'%s'", source);
	sub = root_open(fd, subpath, O_PATH);
	return sub < 0 ? cmk_err_set(err, sub, "subpath '%s': %s", subpath, errno_text(-sub)) : sub;
}

/* --- owners --- */

/* An id of the container, for chown(2) where we are. */
static uint32_t own_id(const struct mount_context *c, uint32_t id, bool user)
{
	const struct spec *s = c->job->spec;
	const struct spec_id_mapping *m = user ? s->uid_mappings : s->gid_mappings;
	size_t n = user ? s->n_uid_mappings : s->n_gid_mappings;

	if (!c->outside || n == 0)
		return id;
	for (size_t i = 0; i < n; i++)
		if (id >= m[i].container_id && id - m[i].container_id < m[i].size)
			return m[i].host_id + (id - m[i].container_id);
	return UINT32_MAX;
}

int own_file_to_root(const struct mount_context *c, int fd, struct cmk_err *err)
{
	uint32_t uid = own_id(c, 0, true), gid = own_id(c, 0, false);

	/* The caller's own id, or a map without root. */
	if ((uid == 0 && gid == 0) || uid == UINT32_MAX || gid == UINT32_MAX)
		return 0;
	if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return cmk_err_errno(err, "give it to root");
	return 0;
}

static int find_user(struct mount_context *c, struct cmk_err *err)
{
	const struct spec_process *p = c->job->process;
	cleanup_free char *number = NULL, *home = NULL;
	struct spec_user u = { 0 };
	int r;

	if (c->user_known)
		return 0;
	if (!c->job->user_text)
		number = xasprintf("%u:%u", p->user.uid, p->user.gid);
	r = runtime_user_lookup(c->root_fd, number ?: c->job->user_text, NULL, &u, &home, err);
	if (r < 0)
		return r;
	free(u.additional_gids);
	free(u.username);
	c->user_uid = own_id(c, u.uid, true);
	c->user_gid = own_id(c, u.gid, false);
	if (c->user_uid == UINT32_MAX || c->user_gid == UINT32_MAX)
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -EINVAL,
				    "user %u:%u is not in the container's id map", u.uid, u.gid);
	c->user_known = true;
	return 0;
}

static int chown_entry(const struct mount_context *c, int dir, const char *name,
		       const struct stat *st, struct cmk_err *err)
{
	if (st->st_uid == c->user_uid && st->st_gid == c->user_gid)
		return 0;
	if (fchownat(dir, name, c->user_uid, c->user_gid,
		     AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH)) < 0)
		return cmk_err_errno(err, "give '%s' to %u:%u", *name ? name : ".", c->user_uid,
				     c->user_gid);
	return 0;
}

static int chown_below(const struct mount_context *c, int dir, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	int r = dir_read(dir, &d, err);

	if (r < 0)
		return r;
	while (r == 0 && (e = readdir(d))) {
		cleanup_close int sub = -1;
		struct stat st;

		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* gone meanwhile */
		r = chown_entry(c, dir, e->d_name, &st, err);
		if (r < 0 || !S_ISDIR(st.st_mode))
			continue;
		sub = openat(dir, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			r = chown_below(c, sub, err);
		else if (errno != ENOENT && errno != ENOTDIR)
			r = cmk_err_errno(err, "open '%s'", e->d_name);
	}
	return r;
}

int chown_to_user(struct mount_context *c, int fd, struct cmk_err *err)
{
	struct stat st;
	int r = find_user(c, err);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return cmk_err_errno(err, "stat");
	/* As podman: where the directory is the user's, owners of files in it are left alone. */
	if (st.st_uid == c->user_uid && st.st_gid == c->user_gid)
		return 0;
	r = chown_entry(c, fd, "", &st, err);
	if (r == 0 && S_ISDIR(st.st_mode))
		r = chown_below(c, fd, err);
	return r < 0 ? cmk_err_wrap(err, r, "U") : 0;
}

/* --- the first use of a volume --- */

static bool is_there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int empty_dir(int dir, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	int r = dir_read(dir, &d, err);

	if (r < 0)
		return r;
	while (r == 0 && (e = readdir(d)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			r = remove_tree_at(dir, e->d_name, err);
	return r;
}

/* "filling" stands while it is being filled: who finds it, under the lock, knows that another was
 * killed while doing so, and begins again. */
static int fill(int vol, int data, int target, bool is_volatile, struct cmk_err *err)
{
	int r = dir_is_empty(target, err);

	if (r == 0)
		r = dir_is_empty(data, err) == 1 ? 0 : 1;
	if (r != 0)
		return r < 0 ? r : 0;
	if (renameat(vol, "needs-copy-up", vol, "filling") < 0)
		return cmk_err_errno(err, "mark it");
	r = copy_up(target, data, false, false, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "copy the image's content");
	/* Once the mark is gone nobody looks whether all of it is there. */
	if (!is_volatile && syncfs(data) < 0)
		return cmk_err_errno(err, "write to disk");
	(void)unlinkat(vol, "needs-chown", 0);
	if (unlinkat(vol, "filling", 0) < 0)
		return cmk_err_errno(err, "unmark it");
	return 0;
}

static int take_owner(struct mount_context *c, int vol, int data, int target, bool target_made,
		      struct cmk_err *err)
{
	struct stat st;
	int r;

	if (!target_made && fstat(target, &st) < 0)
		return cmk_err_errno(err, "stat");
	if (target_made) {
		r = find_user(c, err);
		if (r < 0)
			return r;
		st.st_uid = c->user_uid;
		st.st_gid = c->user_gid;
	}
	if (fchown(data, st.st_uid, st.st_gid) < 0)
		return cmk_err_errno(err, "owner");
	if (!target_made && fchmod(data, st.st_mode & 07777) < 0)
		return cmk_err_errno(err, "mode");
	/* As podman: the directory looks as the one that it covers. */
	if (!target_made)
		(void)futimens(data, (const struct timespec[]){ st.st_atim, st.st_mtim });
	if (unlinkat(vol, "needs-chown", 0) < 0 && errno != ENOENT)
		return cmk_err_errno(err, "unmark it");
	return 0;
}

static bool is_used(int vol)
{
	return !is_there(vol, "needs-copy-up") && !is_there(vol, "filling") &&
	       !is_there(vol, "needs-chown");
}

int volume_first_use(struct mount_context *c, const char *source, const struct mount_options *o,
		     int target, bool target_made, struct cmk_err *err)
{
	cleanup_free char *dir = xstrndup(source, (size_t)(strrchr(source, '/') - source));
	cleanup_close int vol = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), data = -1;
	int r;

	if (vol < 0)
		return cmk_err_errno(err, "volume '%s'", dir);
	if (is_used(vol))
		return 0;
	r = file_lock(vol, true, false);
	if (r < 0)
		return cmk_err_set(err, r, "lock volume '%s': %s", dir, errno_text(-r));
	data = openat(vol, "_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data < 0)
		return cmk_err_errno(err, "volume '%s'", dir);
	if (is_there(vol, "filling")) {
		r = empty_dir(data, err);
		if (r == 0 && renameat(vol, "filling", vol, "needs-copy-up") < 0)
			r = cmk_err_errno(err, "mark it");
	}
	if (r == 0 && !o->nocopy && !target_made && is_there(vol, "needs-copy-up"))
		r = fill(vol, data, target, c->job->create->rootfs->is_volatile, err);
	if (r == 0 && is_there(vol, "needs-chown"))
		r = take_owner(c, vol, data, target, target_made, err);
	return r < 0 ? cmk_err_wrap(err, r, "volume '%s'", dir) : 0;
}

/* --- secrets --- */

/* In memory that is never swapped: ramfs. It is attached below the container's own directory, on
 * the tree that init leaves. */
static int open_scratch(struct mount_context *c, const char *path, struct cmk_err *err)
{
	const struct spec *s = c->job->spec;
	cleanup_free char *label = NULL, *data = NULL;
	int fd;

	if (s->mount_label && *s->mount_label)
		label = xasprintf(",%s=\"%s\"", spec_mount_context(s), s->mount_label);
	data = xasprintf("mode=0700%s", label ?: "");
	if (!c->has_secrets &&
	    mount("ramfs", path, "ramfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, data) < 0)
		return cmk_err_errno(err, "mount memory for secrets");
	c->has_secrets = true;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? cmk_err_errno(err, "'%s'", path) : fd;
}

static int set_owner(const struct mount_context *c, int fd, char *const *options,
		     struct cmk_err *err)
{
	uint32_t uid = 0, gid = 0, mode = 0444;
	const char *v;

	if ((v = option_value(options, "uid=")))
		(void)parse_u32(v, UINT32_MAX - 1, &uid);
	if ((v = option_value(options, "gid=")))
		(void)parse_u32(v, UINT32_MAX - 1, &gid);
	if ((v = option_value(options, "mode=")))
		(void)parse_octal(v, 07777, &mode);
	if (fchown(fd, own_id(c, uid, true), own_id(c, gid, false)) < 0)
		return cmk_err_errno(err, "give it to %u:%u", uid, gid);
	if (fchmod(fd, mode) < 0)
		return cmk_err_errno(err, "mode");
	return 0;
}

/* As it was when the container was made; containers of before, and those whose link a power cut
 * took, get it from the secret. */
static int read_value(struct storage *st, const char *name, const char *held, char **ret,
		      size_t *ret_len, struct cmk_err *err)
{
	cleanup(secret_done) struct secret s = { 0 };
	int r = held ? file_read_at(AT_FDCWD, held, SECRET_MAX, ret, ret_len, NULL) : -ENOENT;

	if (r == 0)
		return 0;
	r = secret_find(st, name, &s, err);
	return r < 0 ? r : secret_value(st, &s, ret, ret_len, err);
}

static int write_value(struct mount_context *c, int fd, const char *name, const char *held,
		       struct cmk_err *err)
{
	char *value = NULL;
	size_t len = 0;
	int r = read_value(c->job->create->st, name, held, &value, &len, err);

	if (r < 0)
		return r;
	r = write_all(fd, value, len);
	explicit_bzero(value, len);
	free(value);
	return r < 0 ? cmk_err_set(err, r, "write: %s", errno_text(-r)) : 0;
}

int secret_mount(struct mount_context *c, const char *source, const struct mount_options *o,
		 struct cmk_err *err)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	cleanup_close int dir = -1, fd = -1, mnt = -1;
	char name[32];
	int r;

	if (!o->scratch)
		return cmk_err_set(err, -EINVAL, "secret '%s': no place for it", source);
	dir = open_scratch(c, o->scratch, err);
	if (dir < 0)
		return dir;
	(void)snprintf(name, sizeof(name), "%u", c->n_secrets++);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return cmk_err_errno(err, "secret '%s'", source);
	r = write_value(c, fd, source, o->value, err);
	if (r == 0)
		r = set_owner(c, fd, o->data, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "secret '%s'", source);
	mnt = open_tree(dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (mnt < 0 || mount_setattr(mnt, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0)
		return cmk_err_errno(err, "secret '%s'", source);
	return steal_fd(&mnt);
}
