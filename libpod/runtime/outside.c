// SPDX-License-Identifier: Apache-2.0
/*
 * Mounts that the set-up process makes for init, detached, in a mount namespace of its own that
 * belongs to the parent user namespace:
 *
 *  - with a map of its own (keep-id, --uidmap): the root file system and what comes from the host,
 *    volumes and secrets.
 *    Root of such a container is a subordinate id, to which the user's directories may be closed,
 *    and where the user's own id is not mapped nothing opens them
 *  - /proc, /sys and /dev/mqueue of namespaces that belong to another container: the kernel gives
 *    them only to who has rights over these
 *  - /dev/shm of the container whose IPC namespace is joined
 *  - for another runtime all that only cmk knows how to make (other.h)
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/runtime/other_internal.h"

static const struct spec_namespace *joined(const struct spec *s, const char *type)
{
	for (size_t i = 0; i < s->n_namespaces; i++)
		if (streq(s->namespaces[i].type, type))
			return s->namespaces[i].path ? &s->namespaces[i] : NULL;
	return NULL;
}

/* TYPE is joined, and our user namespace is not the one of who was joined. */
static bool is_foreign(const struct spec *s, const char *type)
{
	const struct spec_namespace *n = joined(s, type), *user = joined(s, "user");

	return n && (!user || !streq(user->path, n->path) || !str_after(n->path, "container:"));
}

static bool has_own_map(const struct spec *s)
{
	return s->n_uid_mappings > 0 || s->n_gid_mappings > 0;
}

/* Which namespace the file system M shows, or NULL. */
static const char *shows(const struct spec_mount *m)
{
	const char *type = m->type ?: "";

	if (streq(type, "proc"))
		return "pid";
	if (streq(type, "sysfs"))
		return "network";
	return streq(type, "mqueue") ? "ipc" : NULL;
}

static bool is_bind(const struct spec_mount *m)
{
	return streq_null(m->type, "bind") || strv_has(m->options, "bind") ||
	       strv_has(m->options, "rbind");
}

static bool is_secret(const struct spec_mount *m)
{
	return streq_null(m->type, "x-cmk.secret");
}

static bool is_joined_shm(const struct spec *s, const struct spec_mount *m)
{
	return streq_null(m->type, SPEC_MOUNT_JOINED_SHM) && joined(s, "ipc");
}

static bool wanted(const struct runtime_job *job, const struct spec_mount *m)
{
	const struct spec *s = job->spec;

	if (job->create->other)
		return other_mounts_itself(s, m);
	if (is_joined_shm(s, m))
		return true;
	if (shows(m))
		return is_foreign(s, shows(m));
	/* An idmapped one takes the container's own user namespace. */
	return (is_bind(m) || is_secret(m) || streq_null(m->type, "overlay")) && has_own_map(s) &&
	       !strv_has(m->options, "x-cmk.idmap");
}

static bool needed(const struct runtime_job *job)
{
	const struct spec *s = job->spec;
	bool need = has_own_map(s) || job->create->other;

	for (size_t i = 0; i < s->n_mounts; i++)
		need |= wanted(job, &s->mounts[i]);
	return need;
}

/* /dev/shm as the container sees it whose IPC namespace we join: by a look from inside, where every
 * link stays inside. */
static int take_shm(const struct runtime_job *job, struct cmk_err *err)
{
	const struct runtime_join *ipc = NULL;
	cleanup_close int mnt = -1;
	struct statfs fs;

	for (size_t i = 0; i < job->create->n_joins; i++)
		if (streq(job->create->joins[i].type, "ipc"))
			ipc = &job->create->joins[i];
	/* The container must not see into us: see join() in exec.c. */
	if (!ipc || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setns(ipc->fd, CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return cmk_err_errno(err, "enter the container that is joined");
	mnt = open_tree(AT_FDCWD, "/dev/shm",
			OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (mnt < 0 || fstatfs(mnt, &fs) < 0)
		return cmk_err_errno(err, "its /dev/shm");
	if (fs.f_type != TMPFS_MAGIC)
		return cmk_err_set(err, -EINVAL, "its /dev/shm is not shared memory");
	return steal_fd(&mnt);
}

/* Where it will be attached: a descriptor, or -1 where init has to make that place. */
static int find_target(const struct mount_context *c, const struct spec_mount *m)
{
	int fd = c->root_fd < 0 ? -1 : root_open(c->root_fd, m->destination, O_PATH);

	return fd < 0 ? -1 : fd;
}

static int make_one(struct mount_context *c, const struct spec_mount *m, struct cmk_err *err)
{
	cleanup(mount_options_done) struct mount_options o = { 0 };
	cleanup_close int mnt = -1, target = -1;
	int r = mount_options_parse(m->options, &o, err);

	if (r < 0)
		return r;
	mnt = is_secret(m) ? secret_mount(c, m->source, &o, err) : mount_make(m, &o, c, err);
	if (mnt < 0)
		return mnt;
	target = find_target(c, m);
	r = mount_prepare(c, m, &o, mnt, target, target < 0, err);
	return r < 0 ? r : steal_fd(&mnt);
}

/* In a child with our table of descriptors, since what it has to be for this it stays: a member of
 * the joined pid namespace (procfs shows its maker's), of another's mount namespace. */
static int make_in_child(struct mount_context *c, const struct spec_mount *m, struct cmk_err *err)
{
	struct cmk_err e = CMK_ERR_INIT;
	char wire[CMK_ERR_WIRE_MAX];
	int p[2], r = -1;
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	pid = process_clone3(CLONE_FILES, SIGCHLD, -1, NULL);
	if (pid == 0) {
		r = is_joined_shm(c->job->spec, m) ? take_shm(c->job, &e) : make_one(c, m, &e);
		if (r < 0)
			cmk_err_send(p[1], &e);
		else
			(void)!write(p[1], &r, sizeof(r));
		_exit(0);
	}
	if (pid < 0) {
		(void)close(p[0]);
		(void)close(p[1]);
		return cmk_err_set(err, pid, "fork: %s", errno_text(-pid));
	}
	/* One table: our end is the child's too, so its death is seen by wait(2), not by the end of
	 * the pipe. What it wrote fits the pipe. */
	(void)process_reap(pid);
	(void)close(p[1]);
	n = read_full(p[0], wire, sizeof(wire));
	(void)close(p[0]);
	if (n == (ssize_t)sizeof(r)) {
		memcpy(&r, wire, sizeof(r));
		return r;
	}
	return n > 0 ? cmk_err_decode(wire, (size_t)n, "bad answer of the process that mounts", err)
		     : cmk_err_set(err, -ECHILD, "the process that mounts died");
}

void job_need_made(struct runtime_job *job)
{
	if (job->made)
		return;
	job->made = xcalloc(job->spec->n_mounts + 1, sizeof(*job->made));
	for (size_t i = 0; i < job->spec->n_mounts; i++)
		job->made[i] = -1;
}

static int make_mounts(struct runtime_job *job, struct cmk_err *err)
{
	const struct spec *s = job->spec;
	struct mount_context c = { .job = job,
				   .root_fd = job->root_mnt_fd,
				   .dev_fd = -1,
				   .pts_fd = -1,
				   .proc_fd = -1,
				   .outside = true,
				   .tty_gid = (gid_t)-1 };

	job_need_made(job);
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];

		if (!wanted(job, m))
			continue;
		if (is_joined_shm(s, m) || streq_null(m->type, "proc"))
			job->made[i] = make_in_child(&c, m, err);
		else
			job->made[i] = make_one(&c, m, err);
		if (job->made[i] == -ENOENT && strv_has(m->options, "x-cmk.optional")) {
			cmk_err_done(err);
			job->made[i] = -1;
			continue;
		}
		if (job->made[i] < 0)
			return cmk_err_wrap(err, job->made[i], "mount '%s'", m->destination);
	}
	return 0;
}

static int make_root(struct runtime_job *job, struct cmk_err *err)
{
	const struct rootfs_plan *plan = job->create->rootfs;
	int r;

	*job->stage = STAGE_ROOTFS;
	r = job->root_mnt_fd < 0 ? storage_rootfs_mount(plan, err)
				 : move_mount(job->root_mnt_fd, "", AT_FDCWD, plan->merged,
					      MOVE_MOUNT_F_EMPTY_PATH);
	if (r < 0 && job->root_mnt_fd >= 0)
		return cmk_err_errno(err, "mount on '%s'", plan->merged);
	if (r < 0)
		return r;
	cleanup_close_fn(&job->root_mnt_fd);
	/* A clone: in init's copy of this mount namespace all mounts are locked in their places. */
	job->root_mnt_fd = open_tree(AT_FDCWD, plan->merged,
				     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (job->root_mnt_fd < 0)
		return cmk_err_errno(err, "open root file system '%s'", plan->merged);
	if (umount2(plan->merged, MNT_DETACH) < 0)
		return cmk_err_errno(err, "detach root file system '%s'", plan->merged);
	if (!job->init_path)
		return 0;
	job->init_exec_fd = open_tree(AT_FDCWD, job->init_path,
				      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return job->init_exec_fd < 0 ? cmk_err_errno(err, "'%s' for --init", job->init_path) : 0;
}

int outside_prepare(struct runtime_job *job, struct cmk_err *err)
{
	int r = 0;

	/* Mounted in a session of `cmk unshare`: what is seen there and in the container is one. */
	if (!job->create->rootfs->read_only_bind)
		job->root_mnt_fd = storage_mount_open(job->create->st, STORAGE_MOUNT_CONTAINER,
						      job->create->id);
	if (!needed(job))
		return 0;
	if (unshare(CLONE_NEWNS) < 0)
		return cmk_err_errno(err, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return cmk_err_errno(err, "make mounts private");
	if (has_own_map(job->spec) || job->create->other)
		r = make_root(job, err);
	*job->stage = STAGE_MOUNTS;
	return r == 0 ? make_mounts(job, err) : r;
}
