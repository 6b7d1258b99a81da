// SPDX-License-Identifier: Apache-2.0
/* runtime_create(): the set-up process enters the parent user namespace and clones init from it. */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "libpod/runtime/other_internal.h"
#include "libpod/spec/rlimit.h"

static const struct {
	const char *type;
	uint64_t flag;
} namespace_flags[] = {
	{ "user", CLONE_NEWUSER },     { "mount", CLONE_NEWNS },  { "pid", CLONE_NEWPID },
	{ "network", CLONE_NEWNET },   { "uts", CLONE_NEWUTS },	  { "ipc", CLONE_NEWIPC },
	{ "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME },
};

uint64_t namespace_flag(const char *type)
{
	for (size_t k = 0; k < ARRAY_LEN(namespace_flags); k++)
		if (streq(namespace_flags[k].type, type))
			return namespace_flags[k].flag;
	return 0;
}

/* Those that are made; the others are joined (see join.c) or stay the host's. */
static int clone_flags(const struct spec *s, uint64_t *ret, struct cmk_err *err)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < s->n_namespaces; i++) {
		const struct spec_namespace *n = &s->namespaces[i];

		if (!namespace_flag(n->type))
			return cmk_err_set(err, -EOPNOTSUPP, "namespace '%s' is not supported",
					   n->type);
		if (!n->path)
			flags |= namespace_flag(n->type);
	}
	if (!spec_has_namespace(s, "user") || !(flags & CLONE_NEWNS))
		return cmk_err_set(
			err, -EOPNOTSUPP,
			"a container without its own user and mount namespace is not supported");
	/* Made by init itself: its root is the group in which the maker is, and clone3() takes the
	 * caller's, not that of CLONE_INTO_CGROUP. */
	*ret = flags & ~(uint64_t)CLONE_NEWCGROUP;
	return 0;
}

/* The container's map: the spec's, or all that the parent namespace has. */
static void spec_maps(const struct runtime_job *job, struct id_map *uids, struct id_map *gids)
{
	const struct spec *s = job->spec;

	*uids = *gids = (struct id_map){ 0 };
	if (s->n_uid_mappings == 0 && s->n_gid_mappings == 0) {
		(void)userns_identity(job->userns, uids, gids);
		return;
	}
	for (size_t i = 0; i < s->n_uid_mappings; i++)
		id_map_add(uids, s->uid_mappings[i].container_id, s->uid_mappings[i].host_id,
			   s->uid_mappings[i].size);
	for (size_t i = 0; i < s->n_gid_mappings; i++)
		id_map_add(gids, s->gid_mappings[i].container_id, s->gid_mappings[i].host_id,
			   s->gid_mappings[i].size);
}

/* Only who has privilege on the host can go beyond its hard limits; where we cannot, init says so
 * when it sets them. */
void create_raise_rlimits(const struct spec_process *p)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		int res = rlimit_number(p->rlimits[i].type);
		struct rlimit rl;

		if (res < 0 || getrlimit((__rlimit_resource_t)res, &rl) < 0 ||
		    p->rlimits[i].hard <= rl.rlim_max)
			continue;
		rl.rlim_max = p->rlimits[i].hard;
		(void)setrlimit((__rlimit_resource_t)res, &rl);
	}
}

int create_oom_score(const struct spec_process *p, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	cleanup_free char *now = NULL;
	char text[16];
	size_t len = 0;

	if (!p->has_oom_score_adj)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", p->oom_score_adj);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, strlen(text)) > 0)
		return 0;
	/* Only root may make it less likely that the kernel chooses us. */
	if (errno != EACCES)
		return cmk_err_errno(err, "set oom_score_adj to %s", text);
	(void)file_read_at(AT_FDCWD, "/proc/self/oom_score_adj", sizeof(text), &now, &len, NULL);
	log_warn("Requested oom_score_adj=%s is lower than the current one, changing to %.*s", text,
		 now ? (int)strcspn(now, "\n") : 0, now ?: "");
	return 0;
}

static int get_filter(struct runtime_job *job, struct cmk_err *err)
{
	cleanup_close int dir = -1;
	const char *profile = job->spec->seccomp_profile ?: "default";

	if (streq(profile, "unconfined"))
		return 0;
	dir = open_dir_at(job->create->st->root_fd, "seccomp", 0700, NULL);
	return seccomp_filter_get(profile, job->process->caps.bounding, dir, &job->filter, err);
}

static int write_maps(struct runtime_job *job, pid_t pid, struct cmk_err *err)
{
	struct id_map uids, gids;
	int r;

	/* It has them. */
	if (spec_joins_namespace(job->spec, "user"))
		return 0;
	spec_maps(job, &uids, &gids);
	r = userns_write_nested(pid, &uids, &gids, job->userns, err);
	id_map_done(&uids);
	id_map_done(&gids);
	return r < 0 ? cmk_err_wrap(err, r, "map the container's ids") : 0;
}

/* In the set-up process. */
static int create_setup(struct runtime_job *job, struct cmk_err *err)
{
	const struct userns_mapper monitor = { sync_ask_maps, job };
	int run_fd = job->create->st->run_fd, go[2], r;
	uint64_t flags = 0;
	pid_t pid;

	r = clone_flags(job->spec, &flags, err);
	if (r == 0)
		r = job_prepare(job, err);
	if (r == 0)
		r = get_filter(job, err);
	if (r == 0)
		r = create_oom_score(job->process, err);
	if (r < 0)
		return r;
	create_raise_rlimits(job->process);
	*job->stage = STAGE_MOUNTS;
	r = idmapped_prepare(job, err);
	if (r < 0)
		return r;
	*job->stage = STAGE_USERNS;
	r = userns_parent_enter(run_fd, job->userns, &monitor, err);
	if (r == 0)
		r = overlays_refresh(job->spec, err);
	if (r < 0)
		return r;
	r = join_namespaces(job, err);
	if (r == 0)
		r = outside_prepare(job, err);
	if (r == 0)
		r = join_user(job, err);
	if (r < 0)
		return r;
	if (pipe2(go, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	pid = job_clone(job, flags, job->create->cgroup_fd, err);
	if (pid == 0) {
		(void)close(go[1]);
		init_main(job, go[0]);
	}
	if (pid < 0)
		return pid;
	r = write_maps(job, pid, err);
	/* From a joined namespace the run directory may be out of reach: then the monitor does it.
	 */
	if (r == 0 && !spec_joins_namespace(job->spec, "user"))
		r = userns_hint_add(run_fd, pid, true, err);
	/* From here on the container leads to the parent namespace. */
	userns_hint_remove(run_fd, getpid());
	if (r == 0 && write(go[1], "g", 1) != 1)
		r = cmk_err_errno(err, "tell init to go on");
	return r;
}

int runtime_create(const struct runtime_create_args *a, struct runtime_container *ret,
		   struct cmk_err *err)
{
	struct runtime_job job = {
		.create = a,
		.spec = a->spec,
		.process = &a->spec->process,
		.user_text = a->spec->process.user.username,
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
	int r;

	r = storage_userns(a->st, &job.userns, err);
	if (r < 0)
		return r;
	/* Asked for here: whose directory it is cannot be seen from inside. */
	if (a->spec->init)
		job.init_path = xasprintf("%s/cmk-init", process_libexec_dir());
	r = job_run(&job, "cmk-setup", a->other ? other_create_setup : create_setup, ret, err);
	free(job.init_path);
	if (r == 0 && spec_joins_namespace(a->spec, "user"))
		(void)userns_hint_add(a->st->run_fd, ret->pid, false, NULL);
	return r;
}
