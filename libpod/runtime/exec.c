// SPDX-License-Identifier: Apache-2.0
/* runtime_exec(): one more process in a container that runs. */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/runtime/other_internal.h"

static int join_flags(const struct spec *s, bool others)
{
	int flags = 0;

	for (size_t i = 0; i < s->n_namespaces; i++) {
		const struct spec_namespace *n = &s->namespaces[i];

		if (!others || (n->path && !streq(n->type, "user")))
			flags |= (int)namespace_flag(n->type);
	}
	return flags & ~CLONE_NEWCGROUP;
}

/*
 * A namespace that the container joined belongs to another user namespace beside its own, over
 * which it has no rights: only their parent has them.
 */
static int join_others(const struct runtime_job *job, struct cmk_err *err)
{
	cleanup_close int parent = userns_parent_of(job->exec->target, job->exec->target_pidfd);

	if (parent < 0 || setns(parent, CLONE_NEWUSER) < 0)
		return cmk_err_set(err, parent < 0 ? parent : -errno,
				   "enter the parent user namespace: %s",
				   errno_text(parent < 0 ? -parent : errno));
	if (setns(job->exec->target_pidfd, join_flags(job->spec, true)) < 0)
		return cmk_err_errno(err, "join the namespaces that the container joined");
	return 0;
}

/* All at once, by pidfd (kernel 5.8): the kernel uses the joined user namespace's rights for the
 * rest. */
static int join(struct runtime_job *job, struct cmk_err *err)
{
	int flags = join_flags(job->spec, false), r;

	*job->stage = STAGE_USERNS;
	/* From here on the container's processes could look at us: at this program's file through
	 * /proc/PID/exe (CVE-2019-5736), at what we have open, at the host in our memory. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return cmk_err_errno(err, "hide from the container");
	r = setns(job->exec->target_pidfd, flags);
	if (r < 0 && errno == EPERM && join_flags(job->spec, true)) {
		r = join_others(job, err);
		if (r < 0)
			return r;
		r = setns(job->exec->target_pidfd, flags & ~join_flags(job->spec, true));
	}
	if (r < 0) {
		if (errno == ESRCH)
			return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH,
					    "the container is not running");
		return cmk_err_errno(err, "join the container's namespaces");
	}
	return join_become_root(job->spec, err);
}

int exec_session(struct runtime_job *job, int target_pidfd,
		 int (*become)(struct runtime_job *, int root_fd, int slave, struct cmk_err *),
		 struct cmk_err *err)
{
	cleanup_close int root_fd = -1, master = -1;
	char msg = SYNC_CONSOLE;
	int slave = -1, r;

	(void)prctl(PR_SET_NAME, "cmk-exec");
	/* After CLONE_INTO_CGROUP, which a process inside this namespace may not use from a group
	 * outside it (option nsdelegate). */
	if (spec_has_namespace(job->spec, "cgroup") && setns(target_pidfd, CLONE_NEWCGROUP) < 0)
		return cmk_err_errno(err, "join the container's cgroup namespace");
	r = process_begin(job, err);
	if (r < 0)
		return r;
	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return cmk_err_errno(err, "open the container's root");
	if (job->process->terminal) {
		*job->stage = STAGE_TERMINAL;
		r = dev_open_pty(job, -1, root_fd, -1, &master, &slave, err);
		if (r == 0)
			r = sync_send(job->sync, &msg, 1, master, err);
		if (r < 0)
			return r;
	}
	return become(job, root_fd, slave, err);
}

static int get_filter(struct runtime_job *job, struct cmk_err *err)
{
	const char *profile = job->spec->seccomp_profile ?: "default";
	cleanup_close int dir = -1;

	if (job->exec->privileged || streq(profile, "unconfined"))
		return 0;
	if (job->exec->st)
		dir = open_dir_at(job->exec->st->root_fd, "seccomp", 0700, NULL);
	return seccomp_filter_get(profile, job->process->caps.bounding, dir, &job->filter, err);
}

/*
 * Into the container's group. From another login session the kernel allows that not, since the
 * directory above both is root's. Where the group holds no limits it serves only to end what is in
 * it, which the end of the pid namespace does as well: then our own group will do. Limits are never
 * dropped.
 */
static pid_t clone_session(struct runtime_job *job, struct cmk_err *err)
{
	pid_t pid = job_clone(job, 0, job->exec->cgroup_fd, err);

	if ((pid != -EACCES && pid != -EPERM) || job->exec->cgroup_fd < 0)
		return pid;
	if (cgroup_has_limits(&job->spec->resources)) {
		(void)cmk_err_set(err, pid, "join the container's control group: %s",
				  errno_text(-pid));
		(void)cmk_err_hint(err, "its limits would not hold: run this in the login session "
					"in which the container was started");
		return pid;
	}
	if (err)
		cmk_err_done(err);
	return job_clone(job, 0, -1, err);
}

static int exec_setup(struct runtime_job *job, struct cmk_err *err)
{
	struct cmk_err e = CMK_ERR_INIT;
	pid_t pid;
	int r;

	r = job_prepare(job, err);
	if (r == 0)
		r = get_filter(job, err);
	if (r == 0)
		r = join(job, err);
	if (r < 0)
		return r;
	pid = clone_session(job, err);
	if (pid != 0)
		return pid < 0 ? pid : 0;
	(void)exec_session(job, job->exec->target_pidfd, process_become, &e);
	cmk_err_send(job->sync, &e);
	_exit(125);
}

int runtime_exec(const struct runtime_exec_args *a, struct runtime_container *ret,
		 struct cmk_err *err)
{
	struct runtime_job job = {
		.exec = a,
		.spec = a->spec,
		.process = a->process,
		.user_text = a->user_text ?: a->spec->process.user.username,
		.group_add = a->spec->group_add,
		.keep_groups = a->spec->keep_groups,
		.stdio = a->stdio,
		.preserve_fds = a->preserve_fds,
		.n_preserve_fds = a->n_preserve_fds,
		.init_exec_fd = -1,
		.start_fd = -1,
		.fifo_dirfd = -1,
		.null_fd = -1,
		.apparmor_fd = -1,
		.label_fd = -1,
		.root_mnt_fd = -1,
	};

	if (a->other) {
		int r = storage_userns(a->st, &job.userns, err);

		return r < 0 ? r : job_run(&job, "cmk-exec", other_exec_setup, ret, err);
	}
	return job_run(&job, "cmk-exec", exec_setup, ret, err);
}
