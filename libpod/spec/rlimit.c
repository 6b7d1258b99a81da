// SPDX-License-Identifier: Apache-2.0
#include "libpod/spec/rlimit.h"

#include <sys/resource.h>

#define NOFILE_MOST 1048576
#define NPROC_MOST 4194304

static const struct {
	const char *name;
	int number;
} limits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

int rlimit_number(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		if (streq(limits[i].name, type))
			return limits[i].number;
	return -EINVAL;
}

static int set_one(const struct spec_rlimit *l, struct cmk_err *err)
{
	struct rlimit rl = { .rlim_cur = l->soft, .rlim_max = l->hard }, old;
	int res = rlimit_number(l->type);

	if (res < 0)
		return cmk_err_set(err, res, "unknown resource limit '%s'", l->type);
	if (setrlimit((__rlimit_resource_t)res, &rl) == 0)
		return 0;
	(void)cmk_err_errno(err, "set %s to %llu:%llu", l->type, (unsigned long long)l->soft,
			    (unsigned long long)l->hard);
	if (errno == EPERM && getrlimit((__rlimit_resource_t)res, &old) == 0)
		(void)cmk_err_hint(err,
				   "your own hard limit is %llu, and an unprivileged user cannot "
				   "go beyond it (see limits.conf(5))",
				   (unsigned long long)old.rlim_max);
	return err ? err->code : -EPERM;
}

static bool has_limit(const struct spec_process *p, const char *type)
{
	for (size_t i = 0; i < p->n_rlimits; i++)
		if (streq(p->rlimits[i].type, type))
			return true;
	return false;
}

/* Open files and processes: up to the hard limit, within what podman gives. Found anew at each
 * start and exec, which may come from a session with less than that in which the container was
 * made. */
static void raise_default(const struct spec_process *p, const char *type, rlim_t most)
{
	__rlimit_resource_t res = (__rlimit_resource_t)rlimit_number(type);
	struct rlimit rl;

	if (has_limit(p, type) || getrlimit(res, &rl) < 0)
		return;
	rl.rlim_cur = MIN(rl.rlim_max, most);
	(void)setrlimit(res, &rl);
}

int rlimits_set(const struct spec_process *p, struct cmk_err *err)
{
	raise_default(p, "RLIMIT_NOFILE", NOFILE_MOST);
	raise_default(p, "RLIMIT_NPROC", NPROC_MOST);
	return rlimits_set_named(p, err);
}

int rlimits_set_named(const struct spec_process *p, struct cmk_err *err)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		int r = set_one(&p->rlimits[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

void rlimits_add_own(struct spec_process *p)
{
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		struct rlimit rl;

		if (has_limit(p, limits[i].name) ||
		    getrlimit((__rlimit_resource_t)limits[i].number, &rl) < 0)
			continue;
		p->rlimits = xrealloc(p->rlimits, p->n_rlimits + 1, sizeof(*p->rlimits));
		p->rlimits[p->n_rlimits++] = (struct spec_rlimit){ .type = xstrdup(limits[i].name),
								   .soft = rl.rlim_cur,
								   .hard = rl.rlim_max };
	}
}
