// SPDX-License-Identifier: Apache-2.0
/*
 * From the caller to init. Init is cloned at once where it can join by itself what is to be joined.
 * A set-up process comes between where only its children become members (pid and time namespaces),
 * where a user namespace is joined, and where namespaces are joined that a new user namespace would
 * have no rights over: those come first then.
 */
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/runtime/bundle_internal.h"
#include "network/network.h"

int bundle_namespace_open(const struct spec_namespace *n, struct cmk_err *err)
{
	cleanup_close int fd = open(n->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int type;

	if (fd < 0)
		return cmk_err_errno(err, "the %s namespace '%s'", n->type, n->path);
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0 || (uint64_t)(unsigned int)type != namespace_flag(n->type))
		return cmk_err_set(err, -EINVAL, "'%s' is not a %s namespace", n->path, n->type);
	return steal_fd(&fd);
}

static int open_namespaces(struct runtime_job *job, struct cmk_err *err)
{
	const struct spec *s = job->spec;

	job->ns_fds = xcalloc(s->n_namespaces + 1, sizeof(*job->ns_fds));
	for (size_t i = 0; i < s->n_namespaces; i++)
		job->ns_fds[i] = -1;
	for (size_t i = 0; i < s->n_namespaces; i++) {
		if (!s->namespaces[i].path)
			continue;
		job->ns_fds[i] = bundle_namespace_open(&s->namespaces[i], err);
		if (job->ns_fds[i] < 0)
			return job->ns_fds[i];
	}
	return 0;
}

static bool joins_any(const struct spec *s)
{
	for (size_t i = 0; i < s->n_namespaces; i++)
		if (s->namespaces[i].path && !streq(s->namespaces[i].type, "cgroup"))
			return true;
	return false;
}

static bool needs_setup(const struct spec *s)
{
	return spec_joins_namespace(s, "pid") || spec_joins_namespace(s, "user") ||
	       spec_has_namespace(s, "time") || (spec_makes_namespace(s, "user") && joins_any(s));
}

/* With both a user and a time namespace to make, the second belongs to the first. */
static bool user_in_setup(const struct spec *s)
{
	return spec_makes_namespace(s, "user") && spec_makes_namespace(s, "time");
}

static uint64_t clone_flags(const struct spec *s)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < s->n_namespaces; i++)
		if (!s->namespaces[i].path)
			flags |= namespace_flag(s->namespaces[i].type);
	if (user_in_setup(s))
		flags &= ~(uint64_t)CLONE_NEWUSER;
	/* See runtime_create(); the other was made by the set-up process. */
	return flags & ~(uint64_t)(CLONE_NEWCGROUP | CLONE_NEWTIME);
}

int bundle_join(struct runtime_job *job, bool again, struct cmk_err *err)
{
	const struct spec *s = job->spec;

	for (size_t i = 0; i < s->n_namespaces; i++) {
		const struct spec_namespace *n = &s->namespaces[i];

		if (job->ns_fds[i] < 0 || streq(n->type, "user") || streq(n->type, "cgroup"))
			continue;
		if (setns(job->ns_fds[i], (int)namespace_flag(n->type)) < 0) {
			/* Perhaps it belongs to the user namespace that is joined later. */
			if (errno == EPERM && !again && spec_joins_namespace(s, "user"))
				continue;
			return cmk_err_errno(err, "join the %s namespace '%s'", n->type, n->path);
		}
		(void)close(steal_fd(&job->ns_fds[i]));
	}
	return 0;
}

static int join_user_namespace(struct runtime_job *job, struct cmk_err *err)
{
	const struct spec *s = job->spec;

	for (size_t i = 0; i < s->n_namespaces; i++) {
		if (job->ns_fds[i] < 0 || !streq(s->namespaces[i].type, "user"))
			continue;
		if (setns(job->ns_fds[i], CLONE_NEWUSER) < 0)
			return cmk_err_errno(err, "join the user namespace '%s'",
					     s->namespaces[i].path);
	}
	return join_become_root(s, err);
}

static int make_user_namespace(struct runtime_job *job, struct cmk_err *err)
{
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return cmk_err_errno(err, "make a user namespace");
	r = sync_ask_maps(job, err);
	return r < 0 ? r : join_become_root(job->spec, err);
}

static int make_time_namespace(const struct bundle *b, bool visible, struct cmk_err *err)
{
	const struct {
		const char *clock;
		const struct bundle_time_offset *offset;
	} clocks[] = { { "monotonic", &b->monotonic }, { "boottime", &b->boottime } };
	cleanup_close int fd = -1;

	if (unshare(CLONE_NEWTIME) < 0)
		return cmk_err_errno(err, "make a time namespace");
	/* A change of ids has made our files in /proc the host root's. */
	if (visible && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return cmk_err_errno(err, "be seen");
	for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
		cleanup_free char *line = NULL;

		if (!clocks[i].offset->has)
			continue;
		line = xasprintf("%s %lld %u\n", clocks[i].clock, (long long)clocks[i].offset->secs,
				 clocks[i].offset->nanosecs);
		if (fd < 0)
			fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, line, strlen(line)) < 0)
			return cmk_err_errno(err, "linux.timeOffsets.%s", clocks[i].clock);
	}
	return 0;
}

/* By descriptor of the group, while we are still who may. What we clone is a member as well. */
static int enter_group(const struct runtime_job *job, struct cmk_err *err)
{
	int groups[] = { job->bundle->cgroup_fd,
			 job->bundle->target > 0 ? job->bundle->other_cgroup_fd : -1 };
	int code = 0;

	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		cleanup_close int fd = groups[i] < 0 ? -1
						     : openat(groups[i], "cgroup.procs",
							      O_WRONLY | O_CLOEXEC);

		if (fd >= 0 && write(fd, "0", 1) == 1)
			return 0;
		if (groups[i] >= 0 && code == 0)
			code = -errno;
	}
	return code == 0 ? 0
			 : cmk_err_set(err, code,
				       "join the container's control group: adding pid %d to "
				       "cgroups: %s",
				       (int)getpid(), errno_text(-code));
}

/* In the set-up process. */
static int create_setup(struct runtime_job *job, struct cmk_err *err)
{
	pid_t pid;
	int r;

	*job->stage = STAGE_USERNS;
	r = enter_group(job, err);
	/* The members of what we join must not see into us: see join() in exec.c. Where our own map
	 * is to be written we have to be seen. */
	if (r == 0 && !user_in_setup(job->spec) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = cmk_err_errno(err, "hide from the container");
	if (r == 0)
		r = bundle_join(job, false, err);
	if (r == 0 && spec_joins_namespace(job->spec, "user"))
		r = join_user_namespace(job, err);
	if (r == 0 && user_in_setup(job->spec))
		r = make_user_namespace(job, err);
	if (r == 0)
		r = bundle_join(job, true, err);
	if (r == 0 && spec_makes_namespace(job->spec, "time"))
		r = make_time_namespace(job->bundle->bundle, user_in_setup(job->spec), err);
	if (r < 0)
		return r;
	/* Init's map is written from outside. */
	if (job->maps_of_init && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return cmk_err_errno(err, "be seen");
	pid = job_clone(job, clone_flags(job->spec), -1, err);
	if (pid == 0)
		bundle_init_main(job);
	return pid < 0 ? pid : 0;
}

static int create_direct(struct runtime_job *job, struct runtime_container *ret,
			 struct cmk_err *err)
{
	struct runtime_container c = RUNTIME_CONTAINER_INIT;
	int r = job_open(job, &c, err);
	pid_t pid;

	if (r < 0)
		return r;
	*job->stage = STAGE_CLONE;
	(void)fflush(NULL);
	pid = process_clone3(clone_flags(job->spec), SIGCHLD, job->bundle->cgroup_fd, &c.pidfd);
	if (pid == 0) {
		(void)close(c.sync_fd);
		process_reset_signals();
		bundle_init_main(job);
	}
	(void)close(job->sync);
	if (pid < 0) {
		errno = -pid;
		r = cmk_err_errno(err, "make the container's namespaces");
		if (pid == -ENOSPC)
			(void)cmk_err_hint(err, "raise the limits: sysctl -a | grep "
						"'user.max_.*_namespaces'");
		return job_close(job, r, &c, ret);
	}
	c.pid = pid;
	r = sync_collect(job, &c, err);
	return job_close(job, r, &c, ret);
}

static void add_maps(struct id_map *m, const struct spec_id_mapping *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		id_map_add(m, list[i].container_id, list[i].host_id, list[i].size);
}

static bool is_single(const struct id_map *m, uint32_t id)
{
	return m->n == 1 && m->range[0].count == 1 && m->range[0].outside == id;
}

static void get_maps(const struct spec *s, struct userns_config *c)
{
	*c = (struct userns_config){ .mode = USERNS_SUBIDS, .uid = geteuid(), .gid = getegid() };
	add_maps(&c->uids, s->uid_mappings, s->n_uid_mappings);
	add_maps(&c->gids, s->gid_mappings, s->n_gid_mappings);
	if (c->uids.n == 0)
		id_map_add(&c->uids, 0, c->uid, 1);
	if (c->gids.n == 0)
		id_map_add(&c->gids, 0, c->gid, 1);
	if (is_single(&c->uids, c->uid) && is_single(&c->gids, c->gid))
		c->mode = USERNS_SINGLE;
}

static int get_filter(struct runtime_job *job, struct cmk_err *err)
{
	const struct bundle *b = job->bundle->bundle;
	int r;

	if (!b->seccomp)
		return 0;
	r = seccomp_filter_get_text("linux.seccomp", b->seccomp, b->seccomp_len,
				    job->process->caps.bounding, job->bundle->seccomp_dirfd,
				    &job->filter, err);
	return r < 0 ? cmk_err_wrap(err, r, "config.json") : 0;
}

static void job_done(struct runtime_job *job)
{
	for (size_t i = 0; job->ns_fds && i < job->spec->n_namespaces; i++)
		cleanup_close_fn(&job->ns_fds[i]);
	for (size_t i = 0; job->made && i < job->spec->n_mounts; i++)
		cleanup_close_fn(&job->made[i]);
	bundle_devices_done(job);
	free(job->ns_fds);
	free(job->made);
	cleanup_close_fn(&job->null_fd);
	seccomp_filter_done(&job->filter);
}

static struct runtime_job new_job(const struct bundle_args *a)
{
	static const int stdio[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };

	return (struct runtime_job){
		.bundle = a,
		.spec = a->bundle->spec,
		.process = a->process,
		.stdio = stdio,
		.preserve_fds = a->preserve_fds,
		.n_preserve_fds = a->n_preserve_fds,
		.keep_keyring = a->keep_keyring,
		.init_exec_fd = -1,
		.start_fd = a->start_fd,
		.fifo_dirfd = a->target > 0 && a->fifo_name ? a->fifo_dirfd : -1,
		.null_fd = -1,
		.apparmor_fd = -1,
		.label_fd = -1,
		.root_mnt_fd = -1,
	};
}

/* What the caller has to be for a moment, since a child of its is to be: less likely to be spared,
 * or with higher hard limits than it may set later. */
struct before {
	char *oom_score;
	struct rlimit limits[RLIM_NLIMITS];
};

static void remember(struct before *b)
{
	(void)file_read_at(AT_FDCWD, "/proc/self/oom_score_adj", 16, &b->oom_score, NULL, NULL);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		(void)getrlimit((__rlimit_resource_t)i, &b->limits[i]);
}

static void restore(struct before *b)
{
	cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && b->oom_score)
		(void)!write(fd, b->oom_score, strlen(b->oom_score));
	for (int i = 0; i < RLIM_NLIMITS; i++)
		(void)setrlimit((__rlimit_resource_t)i, &b->limits[i]);
	free(b->oom_score);
}

/* Init waits meanwhile, in its namespaces. */
static int give_devices(const struct bundle *b, pid_t init, struct cmk_err *err)
{
	cleanup_close int netns = -1;
	char path[48];
	int r = 0;

	if (b->n_net_devices == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)init);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return cmk_err_errno(err, "linux.netDevices: open '%s'", path);
	for (size_t i = 0; r == 0 && i < b->n_net_devices; i++)
		r = network_device_move(b->net_devices[i].name, netns, b->net_devices[i].new_name,
					err);
	return r < 0 ? cmk_err_wrap(err, r, "linux.netDevices") : 0;
}

int bundle_create(const struct bundle_args *a, struct runtime_container *ret, struct cmk_err *err)
{
	struct runtime_job job = new_job(a);
	struct userns_config maps = { 0 };
	struct before before = { 0 };
	int r = open_namespaces(&job, err);

	get_maps(job.spec, &maps);
	if (spec_makes_namespace(job.spec, "user"))
		job.userns = &maps;
	job.maps_of_init = job.userns && !user_in_setup(job.spec);
	if (r == 0)
		r = job_prepare(&job, err);
	if (r == 0)
		r = get_filter(&job, err);
	if (r == 0)
		r = bundle_idmapped(&job, err);
	if (r == 0)
		r = bundle_devices_outside(&job, err);
	if (r == 0) {
		remember(&before);
		create_raise_rlimits(job.process);
		r = create_oom_score(job.process, err);
		if (r == 0 && needs_setup(job.spec))
			r = job_run(&job, "cmk-setup", create_setup, ret, err);
		else if (r == 0)
			r = create_direct(&job, ret, err);
		restore(&before);
		if (r == 0)
			r = give_devices(a->bundle, ret->pid, err);
	}
	userns_config_done(&maps);
	job_done(&job);
	return r;
}

int bundle_start(int conn, struct cmk_err *err)
{
	struct runtime_container c = RUNTIME_CONTAINER_INIT;

	c.sync_fd = conn;
	return runtime_start(&c, err);
}

/* --- exec --------------------------------------------------------------------------------------
 */

static int spec_flags(const struct spec *s)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < s->n_namespaces; i++)
		flags |= namespace_flag(s->namespaces[i].type);
	return (int)(flags & ~(uint64_t)CLONE_NEWCGROUP);
}

/* All at once: the kernel uses the joined user namespace's rights for the rest. What the container
 * joined may belong to another, ours: then one after the other, and what we may not yet again
 * behind the user namespace. */
static int enter_namespaces(const struct runtime_job *job, struct cmk_err *err)
{
	int flags = spec_flags(job->spec), fd = job->bundle->target_pidfd, left = 0;

	if (setns(fd, flags) == 0)
		return 0;
	for (int bit = 0; errno == EPERM && bit < 31; bit++) {
		int flag = flags & (1 << bit);

		if (flag && flag != CLONE_NEWUSER && flag != CLONE_NEWNS && setns(fd, flag) < 0)
			left |= flag;
		errno = EPERM;
	}
	left |= flags & (CLONE_NEWUSER | CLONE_NEWNS);
	if (errno == EPERM && setns(fd, left) == 0)
		return 0;
	if (errno == ESRCH)
		return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH, "the container is not running");
	return cmk_err_errno(err, "join the container's namespaces");
}

static int exec_setup(struct runtime_job *job, struct cmk_err *err)
{
	struct cmk_err e = CMK_ERR_INIT;
	pid_t pid;
	int r;

	*job->stage = STAGE_USERNS;
	r = bundle_affinity(job->bundle->bundle->cpus_initial, "initial", err);
	if (r == 0)
		r = enter_group(job, err);
	/* See join() in exec.c. */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = cmk_err_errno(err, "hide from the container");
	if (r == 0)
		r = enter_namespaces(job, err);
	if (r == 0 && spec_has_namespace(job->spec, "user"))
		r = join_become_root(job->spec, err);
	if (r < 0)
		return r;
	pid = job_clone(job, 0, -1, err);
	if (pid != 0)
		return pid < 0 ? pid : 0;
	(void)exec_session(job, job->bundle->target_pidfd, bundle_become, &e);
	cmk_err_send(job->sync, &e);
	_exit(125);
}

int bundle_exec(const struct bundle_args *a, struct runtime_container *ret, struct cmk_err *err)
{
	struct runtime_job job = new_job(a);
	struct before before = { 0 };
	int r = job_prepare(&job, err);

	if (r == 0)
		r = get_filter(&job, err);
	if (r == 0) {
		remember(&before);
		create_raise_rlimits(job.process);
		r = create_oom_score(job.process, err);
		if (r == 0)
			r = job_run(&job, "cmk-exec", exec_setup, ret, err);
		restore(&before);
	}
	job_done(&job);
	return r;
}
