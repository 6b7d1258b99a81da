// SPDX-License-Identifier: Apache-2.0
/* Where a container's files are. */
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/copy/internal.h"
#include "libpod/runtime/internal.h"

static uint32_t first_id(const struct spec_id_mapping *m, size_t n)
{
	uint32_t first = n ? m[0].container_id : 0;

	for (size_t i = 0; i < n; i++)
		first = MIN(first, m[i].container_id);
	return first;
}

static int become_root(const struct spec *s, struct cmk_err *err)
{
	uint32_t uid = first_id(s->uid_mappings, s->n_uid_mappings);
	uint32_t gid = first_id(s->gid_mappings, s->n_gid_mappings);

	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return cmk_err_errno(err, "become root of the container");
	return 0;
}

/* By its init, which is held by descriptor: no other process can have come in its place. */
static int join(struct container *c, const struct spec *s, struct cmk_err *err)
{
	const struct process_id id = { .pid = (pid_t)c->live.init_pid,
				       .start_time = c->live.init_start };
	bool own_users = spec_has_namespace(s, "user");
	cleanup_close int init = process_id_open(&id);
	const struct userns_config *config;
	int r;

	if (init < 0)
		return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH, "container '%s' has just ended",
				    c->cfg.name);
	if (!own_users) {
		r = storage_userns(c->st, &config, err);
		if (r >= 0)
			r = userns_parent_enter(c->st->run_fd, config, NULL, err);
		if (r < 0)
			return r;
	}
	if (setns(init, CLONE_NEWNS | (own_users ? CLONE_NEWUSER : 0)) < 0)
		return cmk_err_errno(err, "join the container's namespaces");
	return become_root(s, err);
}

static bool is_read_only(char *const *options)
{
	return strv_has(options, "ro") || strv_has(options, "rro");
}

static const char *value_of(char *const *options, const char *key)
{
	for (; options && *options; options++) {
		const char *v = str_after(*options, key);

		if (v)
			return v;
	}
	return NULL;
}

/* A detached copy of what the mount shows. */
static int open_bind(const struct spec_mount *m, struct cmk_err *err)
{
	const unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	const char *sub = value_of(m->options, "x-cmk.subpath=");
	cleanup_close int source = open(m->source, O_PATH | O_CLOEXEC);
	cleanup_close int below = -1, mnt = -1;

	if (source < 0)
		return cmk_err_errno(err, "'%s'", m->source);
	if (sub) {
		below = open_resolved(source, sub, O_PATH, 0,
				      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
		if (below < 0)
			return cmk_err_set(err, below, "'%s' in '%s': %s", sub, m->source,
					   errno_text(-below));
	}
	mnt = open_tree(below >= 0 ? below : source, "", flags | AT_EMPTY_PATH);
	if (mnt < 0)
		return cmk_err_errno(err, "'%s'", m->source);
	if (is_read_only(m->options) &&
	    mount_setattr(mnt, "", AT_EMPTY_PATH | AT_RECURSIVE, &ro, sizeof(ro)) < 0)
		return cmk_err_errno(err, "'%s'", m->source);
	return steal_fd(&mnt);
}

static int mount_bind(int root_fd, const struct spec_mount *m, struct cmk_err *err)
{
	cleanup_close int mnt = open_bind(m, err), target = -1;
	struct stat st;

	if (mnt < 0)
		return mnt;
	if (fstat(mnt, &st) < 0)
		return cmk_err_errno(err, "stat");
	target = root_open_place(root_fd, m->destination, value_of(m->options, "x-cmk.into="),
				 S_ISDIR(st.st_mode), NULL, err);
	if (target < 0)
		return target;
	if (move_mount(mnt, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return cmk_err_errno(err, "mount");
	return 0;
}

/* Volumes, host directories and the files that cmk provides; what the kernel shows is not there
 * while nothing runs. */
static int mount_binds(int root_fd, const struct spec *s, struct cmk_err *err)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];
		int r;

		if (!m->source || m->source[0] != '/' || str_after(m->destination, "/dev") ||
		    str_after(m->destination, "/sys") || str_after(m->destination, "/proc") ||
		    !(streq(m->type, "bind") || strv_has(m->options, "bind") ||
		      strv_has(m->options, "rbind")))
			continue;
		r = mount_bind(root_fd, m, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "mount '%s'", m->destination);
	}
	return 0;
}

/* In a mount namespace of its own, which ends with this process. */
static int mount_stopped(struct container *c, const struct copy_source *s, struct cmk_err *err)
{
	const struct userns_config *config;
	cleanup_close int root = -1, mnt = -1;
	int r = storage_userns(c->st, &config, err);

	if (r >= 0)
		r = userns_parent_enter(c->st->run_fd, config, NULL, err);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return cmk_err_errno(err, "make a mount namespace");
	/* Not a second time where it is mounted in a session of `cmk unshare`. */
	mnt = storage_mount_open(c->st, STORAGE_MOUNT_CONTAINER, c->cfg.id);
	if (mnt < 0)
		r = storage_rootfs_mount(&s->plan, err);
	else if (move_mount(mnt, "", AT_FDCWD, s->plan.merged, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = cmk_err_errno(err, "mount on '%s'", s->plan.merged);
	if (r < 0)
		return r;
	root = open(s->plan.merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return cmk_err_errno(err, "open '%s'", s->plan.merged);
	r = mount_binds(root, s->spec, err);
	if (r < 0)
		return r;
	/* With it goes every way to the host's files. */
	if (fchdir(root) < 0 || chroot(".") < 0)
		return cmk_err_errno(err, "enter the root file system");
	return 0;
}

int copy_world_enter(struct container *c, const struct copy_source *s, struct cmk_err *err)
{
	/* From here on the container's processes could look at us (CVE-2019-5736). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return cmk_err_errno(err, "hide from the container");
	return s->running ? join(c, s->spec, err) : mount_stopped(c, s, err);
}
