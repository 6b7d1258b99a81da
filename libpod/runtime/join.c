// SPDX-License-Identifier: Apache-2.0
/*
 * Joining the namespaces of others. The set-up process does it from the parent user namespace,
 * which rules over all containers of the user: a container's own user namespace has no rights over
 * what belongs to another's (user_namespaces(7)).
 */
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "libpod/runtime/internal.h"

static int join_one(const struct runtime_join *j, struct cmk_err *err)
{
	int type = (int)namespace_flag(j->type), code;

	if (setns(j->fd, type) == 0)
		return 0;
	code = -errno;
	if (code == -ESRCH && j->is_pidfd)
		return cmk_err_kind(err, CMK_ERR_STATE, code,
				    "join the %s namespace: its container is not running", j->type);
	(void)cmk_err_set(err, code, "join the %s namespace: %s", j->type, errno_text(-code));
	if (code == -EPERM)
		(void)cmk_err_hint(err, "it must belong to one of your containers");
	return code;
}

int join_namespaces(struct runtime_job *job, struct cmk_err *err)
{
	int r = 0;

	for (size_t i = 0; i < job->create->n_joins && r == 0; i++) {
		const struct runtime_join *j = &job->create->joins[i];

		if (!streq(j->type, "user") && !streq(j->type, "cgroup"))
			r = join_one(j, err);
	}
	return r;
}

static const struct runtime_join *find_join(const struct runtime_job *job, const char *type)
{
	for (size_t i = 0; i < job->create->n_joins; i++)
		if (streq(job->create->joins[i].type, type))
			return &job->create->joins[i];
	return NULL;
}

int join_user(struct runtime_job *job, struct cmk_err *err)
{
	const struct runtime_join *j = find_join(job, "user");

	if (!j)
		return 0;
	/* Others find the parent through us only while we are in it. */
	userns_hint_remove(job->create->st->run_fd, getpid());
	return join_one(j, err);
}

/* After CLONE_INTO_CGROUP, which a process inside a cgroup namespace may not use from a group
 * outside it (option nsdelegate). */
int join_cgroup(struct runtime_job *job, struct cmk_err *err)
{
	const struct runtime_join *j = find_join(job, "cgroup");

	return j ? join_one(j, err) : 0;
}

static uint32_t first_id(const struct spec_id_mapping *m, size_t n)
{
	uint32_t first = n ? m[0].container_id : 0;

	for (size_t i = 0; i < n; i++)
		first = MIN(first, m[i].container_id);
	return first;
}

int join_become_root(const struct spec *s, struct cmk_err *err)
{
	uint32_t uid = first_id(s->uid_mappings, s->n_uid_mappings);
	uint32_t gid = first_id(s->gid_mappings, s->n_gid_mappings);

	if (geteuid() == uid && getegid() == gid)
		return 0;
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return cmk_err_errno(err, "become root of the container");
	return 0;
}
