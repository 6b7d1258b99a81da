// SPDX-License-Identifier: Apache-2.0
/*
 * How a bundle's process becomes what config.json says, for init and for exec sessions. Up to READY
 * all is checked and placed that can fail; then init waits for its start, as root: what of the
 * filter and the limits would be in the way comes behind that.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "libpod/runtime/bundle_internal.h"
#include "libpod/spec/rlimit.h"

#define IOPRIO_CLASS_SHIFT 13
#define IOPRIO_WHO_PROCESS 1

/* struct sched_attr of <linux/sched/types.h>, which does not go with <sched.h>. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* --- what the process is to the kernel ---------------------------------------------------------
 */

static int set_scheduler(const struct bundle_scheduler *s, const struct spec_resources *res,
			 struct cmk_err *err)
{
	struct scheduling a = { .size = sizeof(a) };

	if (!s->policy)
		return 0;
	a.policy = (uint32_t)bundle_scheduler_policy(s->policy);
	for (char **f = s->flags; f && *f; f++)
		a.flags |= (uint64_t)bundle_scheduler_flag(*f);
	a.nice = s->nice;
	a.priority = (uint32_t)s->priority;
	a.runtime = s->runtime;
	a.deadline = s->deadline;
	a.period = s->period;
	if (syscall(SYS_sched_setattr, 0, &a, 0) == 0)
		return 0;
	/* Which the kernel has for SCHED_DEADLINE alone (sched_setattr(2)). */
	if (errno == EPERM && res->cpuset_cpus)
		return cmk_err_set(err, -EPERM,
				   "process.scheduler: process scheduler can't be used together "
				   "with AllowedCPUs");
	return cmk_err_errno(err, "process.scheduler");
}

int bundle_affinity(const char *cpus, const char *field, struct cmk_err *err)
{
	struct spec_id_set set;

	if (!cpus || !*cpus)
		return 0;
	if (spec_id_set_parse(cpus, strlen(cpus), &set) < 0)
		return cmk_err_set(err, -EINVAL,
				   "process.execCPUAffinity.%s: '%s' is no list of "
				   "CPUs",
				   field, cpus);
	if (syscall(SYS_sched_setaffinity, 0, sizeof(set.bits), set.bits) < 0)
		return cmk_err_errno(err, "process.execCPUAffinity.%s", field);
	return 0;
}

/* The caller's own CPUs are not the container's: those of its control group are. */
static void reset_affinity(const struct bundle *b, bool exec)
{
	struct spec_id_set all;

	if (exec && (b->cpus_initial || b->cpus_final))
		return;
	memset(&all, 0xff, sizeof(all));
	(void)syscall(SYS_sched_setaffinity, 0, sizeof(all.bits), all.bits);
}

static int set_memory_policy(const struct bundle *b, struct cmk_err *err)
{
	struct spec_id_set nodes = { { 0 } };
	int mode;

	if (!b->memory_mode)
		return 0;
	mode = bundle_memory_mode(b->memory_mode);
	for (char **f = b->memory_flags; f && *f; f++)
		mode |= bundle_memory_flag(*f);
	if (b->memory_nodes &&
	    spec_id_set_parse(b->memory_nodes, strlen(b->memory_nodes), &nodes) < 0)
		return cmk_err_set(err, -EINVAL, "linux.memoryPolicy.nodes: '%s' is no list",
				   b->memory_nodes);
	/* The kernel takes one bit less than it is told. */
	if (syscall(SYS_set_mempolicy, mode, b->memory_nodes ? nodes.bits : NULL,
		    b->memory_nodes ? 1025 : 0) < 0)
		return cmk_err_errno(err, "linux.memoryPolicy: set_mempolicy");
	return 0;
}

static int set_kernel_side(const struct runtime_job *job, struct cmk_err *err)
{
	const struct bundle *b = job->bundle->bundle;
	int r;

	reset_affinity(b, job->bundle->target > 0);
	r = set_scheduler(&b->scheduler, &job->spec->resources, err);

	if (r == 0 && b->io_class &&
	    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		    bundle_io_class(b->io_class) << IOPRIO_CLASS_SHIFT | b->io_priority) < 0)
		r = cmk_err_errno(err, "process.ioPriority");
	if (r == 0)
		r = set_memory_policy(b, err);
	if (r == 0 && job->bundle->target > 0)
		r = bundle_affinity(b->cpus_final, "final", err);
	if (r == 0 && streq_null(job->spec->personality, "LINUX32") && personality(PER_LINUX32) < 0)
		r = cmk_err_errno(err, "linux.personality");
	return r;
}

/* --- ids and rights ----------------------------------------------------------------------------
 */

/* Bounding first, while we may; and what is permitted outlives the change of ids. */
static int drop_bounding(const struct spec_process *p, struct cmk_err *err)
{
	int r = caps_drop_bounding(spec_caps_mask(p->caps.bounding), err);

	if (r == 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		r = cmk_err_errno(err, "keep capabilities");
	return r;
}

static int set_ids(const struct spec_user *u, struct cmk_err *err)
{
	/* In a user namespace of a single id the kernel allows no setgroups(2): nothing to set then
	 * is nothing lost. */
	if (setgroups(u->n_additional_gids, u->additional_gids) < 0 &&
	    (errno != EPERM || u->n_additional_gids > 0))
		return cmk_err_errno(err, "process.user.additionalGids");
	if (setresgid(u->gid, u->gid, u->gid) < 0 || setresuid(u->uid, u->uid, u->uid) < 0) {
		(void)cmk_err_errno(err, "become user %u:%u", u->uid, u->gid);
		if (errno == EINVAL)
			(void)cmk_err_hint(err, "that id is not mapped in the container's user "
						"namespace");
		return err ? err->code : -EINVAL;
	}
	return 0;
}

static int set_caps(const struct spec_process *p, struct cmk_err *err)
{
	uint64_t permitted = spec_caps_mask(p->caps.permitted);
	uint64_t ambient = spec_caps_mask(p->caps.ambient);
	int r = caps_set_all(spec_caps_mask(p->caps.effective), permitted,
			     spec_caps_mask(p->caps.inheritable), err);

	/* Ambient is only what is permitted and inheritable; others' tools write more, and the
	 * other runtimes take it so. */
	for (unsigned int i = 0; r == 0 && i < 64; i++)
		if (ambient & (UINT64_C(1) << i) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0 && errno != EPERM &&
		    errno != EINVAL)
			r = cmk_err_errno(err, "process.capabilities.ambient: capability %u", i);
	return r;
}

static int enter_cwd_again(const struct runtime_job *job, int root_fd, struct cmk_err *err)
{
	int r = process_enter_cwd(job, root_fd, err);

	if (r != -EACCES || !job->cwd_entered)
		return r;
	if (err)
		cmk_err_done(err);
	return 0;
}

/* The filter of a process without no_new_privs takes CAP_SYS_ADMIN; with it, it comes last. */
static int confine(const struct runtime_job *job, int root_fd, bool filtered, struct cmk_err *err)
{
	const struct spec_process *p = job->process;
	const uint64_t own = UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SETPCAP;
	int r = drop_bounding(p, err);

	if (r == 0)
		r = set_ids(&p->user, err);
	/* As the user, who alone may be let in (FUSE, NFS); where it is not, we are there already.
	 */
	if (r == 0)
		r = enter_cwd_again(job, root_fd, err);
	(void)umask(p->user.umask & 0777);
	if (r == 0 && !p->no_new_privileges && !filtered && job->filter.insns) {
		r = caps_set_all(own, own | spec_caps_mask(p->caps.permitted),
				 spec_caps_mask(p->caps.inheritable), err);
		if (r == 0)
			r = process_install_filter(job, err);
	}
	if (r == 0)
		r = set_caps(p, err);
	if (r == 0 && p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = cmk_err_errno(err, "set no_new_privs");
	if (r == 0)
		r = process_set_apparmor(job, err);
	if (r == 0)
		r = label_set(job, err);
	if (r == 0 && p->no_new_privileges && !filtered)
		r = process_install_filter(job, err);
	return r;
}

/* --- the environment ---------------------------------------------------------------------------
 */

/* Of /etc/passwd; "/" where the user is not in it. */
static char *home_of(int root_fd, const struct spec_user *u)
{
	cleanup_free char *numbers = xasprintf("%u:%u", u->uid, u->gid);
	struct spec_user found = { 0 };
	char *home = NULL;

	if (runtime_user_lookup(root_fd, numbers, NULL, &found, &home, NULL) < 0)
		home = xstrdup("/");
	free(found.additional_gids);
	return home;
}

/* Each variable once, with the last of its values. An empty HOME is none, as with runc. */
static char **environment(const struct runtime_job *job, int root_fd)
{
	cleanup_free char *home = NULL, *assignment = NULL;
	const char *given;
	char **env = NULL;

	for (char **e = job->process->env; e && *e; e++)
		strv_env_set(&env, *e);
	given = strv_env_get(env, "HOME");
	if (!given || !*given) {
		home = home_of(root_fd, &job->process->user);
		assignment = xasprintf("HOME=%s", home);
		strv_env_set(&env, assignment);
	}
	return env;
}

/* A working directory that is missing is made, inside the root and by descriptor
 * (CVE-2026-55686). */
static int make_cwd(const struct runtime_job *job, int root_fd, struct cmk_err *err)
{
	cleanup_close int fd = -1;

	if (job->bundle->target > 0)
		return 0;
	fd = root_open_target(root_fd, job->process->cwd, true, NULL, err);
	/* What else may be wrong with it process_enter_cwd() says. */
	if (fd == -EROFS || fd >= 0) {
		if (err && fd < 0)
			cmk_err_done(err);
		return 0;
	}
	return cmk_err_wrap(err, fd, "process.cwd");
}

/* With our rights, which may be what lets nobody in. */
static int enter_cwd(struct runtime_job *job, int root_fd, struct cmk_err *err)
{
	int r = process_enter_cwd(job, root_fd, err);

	job->cwd_entered = r == 0;
	if (r != -EACCES)
		return r;
	if (err)
		cmk_err_done(err);
	return 0;
}

/* --- waiting -----------------------------------------------------------------------------------
 */

/* From here on nobody of those who made us is needed: errors go to who starts us. */
static int wait_for_start(struct runtime_job *job, struct cmk_err *err)
{
	char c = SYNC_READY;
	int fd, conn, r;

	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		return cmk_err_errno(err, "clear the parent-death signal");
	if (job->start_fd < 0)
		return process_wait_for_go(job, err);
	*job->stage = STAGE_WAIT;
	r = sync_send(job->sync, &c, 1, -1, err);
	if (r < 0)
		return r;
	(void)close(job->sync);
	do
		conn = accept4(job->start_fd, NULL, NULL, SOCK_CLOEXEC);
	while (conn < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (conn < 0)
		_exit(125);
	(void)close(steal_fd(&job->start_fd));
	job->sync = conn;
	/* Who called has died before it said so. It took the socket away first: nobody can call
	 * again. */
	if (sync_recv(conn, &c, 1, &fd) != 1 || c != SYNC_GO)
		_exit(125);
	return 0;
}

/* Whoever opens the other end lets us go on; who ends the container ends us as well. Not by its
 * path, nor through /proc, which both are the container's by now. */
static int wait_for_reader(struct runtime_job *job, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (job->fifo_dirfd < 0)
		return 0;
	do
		fd = openat(job->fifo_dirfd, job->bundle->fifo_name,
			    O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	while (fd < 0 && errno == EINTR);
	if (fd < 0 || fstat(fd, &st) < 0)
		return cmk_err_errno(err, "failed to open exec wait fifo '%s'",
				     job->bundle->fifo_name);
	(void)close(steal_fd(&job->fifo_dirfd));
	return S_ISFIFO(st.st_mode)
		       ? 0
		       : cmk_err_set(err, -EINVAL, "'%s' is not a fifo", job->bundle->fifo_name);
}

/* They run in the container: as its command does, in its environment and under its filter, which we
 * ourselves are under only where somebody listens (EARLY). */
static int call_start_hooks(const struct runtime_job *job, char *const *env, bool early,
			    struct cmk_err *err)
{
	cleanup_free char *dir = NULL;
	struct hook_state state;

	if (job->bundle->target > 0 || !job->spec->hooks[HOOK_START_CONTAINER].n)
		return 0;
	state = job_hook_state(job, "created", job->host_pid, &dir);
	state.env = env;
	state.filter = early ? NULL : &job->filter;
	return hooks_run(job->spec, HOOK_START_CONTAINER, &state, err);
}

static int execute(const struct runtime_job *job, const char *path, char *const *env,
		   struct cmk_err *err)
{
	int code;

	(void)execve(path, job->process->args, env);
	code = -errno;
	return cmk_err_kind(err, code == -ENOENT ? CMK_ERR_CMD_NOT_FOUND : CMK_ERR_CANNOT_EXEC,
			    code, "exec %s: %s%s", path, errno_text(-code),
			    code == -ENOENT ? " (its interpreter or loader is missing)" : "");
}

int bundle_become(struct runtime_job *job, int root_fd, int slave_fd, struct cmk_err *err)
{
	cleanup_strv char **env = environment(job, root_fd);
	cleanup_free char *path = NULL;
	/* Somebody is to be told of calls: by who made us, before that one is gone. */
	bool early = job->filter.listener_path;
	cleanup_close int root = -1;
	int r;

	*job->stage = STAGE_USER;
	r = make_cwd(job, root_fd, err);
	if (r == 0)
		r = enter_cwd(job, root_fd, err);
	if (r == 0)
		r = process_take_terminal(job->process->user.uid, slave_fd, err);
	if (r == 0)
		r = process_open_apparmor(job, root_fd, err);
	if (r == 0)
		r = label_open(job, root_fd, err);
	if (r == 0)
		r = command_find(job, job->process->args[0], env, &path, err);
	if (r == 0)
		r = set_kernel_side(job, err);
	if (r == 0)
		r = process_place_descriptors(job, slave_fd, err);
	if (r == 0)
		r = rlimits_set_named(job->process, err);
	*job->stage = STAGE_CONFINE;
	if (r == 0 && early)
		r = process_install_filter(job, err);
	if (r == 0)
		r = wait_for_start(job, err);
	if (r == 0)
		r = wait_for_reader(job, err);
	if (r == 0)
		r = call_start_hooks(job, env, early, err);
	*job->stage = STAGE_EXEC;
	/* The one before was closed with all else. */
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r == 0)
		r = confine(job, root, early, err);
	return r == 0 ? execute(job, path, env, err) : r;
}
