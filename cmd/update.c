// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "cmd/containers.h"
#include "cmd/health_options.h"
#include "cmd/limit_options.h"

struct update_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	struct container_update u;
	struct health_options health;
};

static int parse_memory(const struct cmk_option *o, const char *value, void *args,
			struct cmk_err *err)
{
	struct update_args *a = args;
	uint64_t n;

	(void)o;
	if (parse_bytes(value, &n) < 0 || n > INT64_MAX)
		return cmk_err_set(err, -EINVAL, "not a number of bytes");
	a->u.limits.memory = (int64_t)n;
	a->u.limits.has_memory = true;
	return 0;
}

static int parse_cpus(const struct cmk_option *o, const char *value, void *args,
		      struct cmk_err *err)
{
	struct update_args *a = args;

	(void)o;
	if (parse_nano_cpus(value, &a->u.limits.nano_cpus) < 0)
		return cmk_err_set(err, -EINVAL, "not a number of CPUs");
	a->u.limits.has_cpus = true;
	return 0;
}

static int parse_pids(const struct cmk_option *o, const char *value, void *args,
		      struct cmk_err *err)
{
	struct update_args *a = args;

	(void)o;
	if (parse_i64(value, -1, INT32_MAX, &a->u.limits.pids_limit) < 0)
		return cmk_err_set(err, -EINVAL, "not a number of processes");
	a->u.limits.has_pids = true;
	return 0;
}

static const struct cmk_option update_options[] = {
	CMK_OPT_OF(OPT_CALLBACK, 0, "cpus", struct update_args, u, "NUMBER",
		   "at most so many CPUs' time, such as 1.5; 0 for no limit", .parse = parse_cpus),
	CMK_OPT_OF(OPT_STRV, 'e', "env", struct update_args, u.env, "NAME[=VALUE]",
		   "set a variable for later starts and 'cmk exec'"),
	CMK_HEALTH_ROWS(struct update_args, health),
	CMK_OPT_USE(cmk_select_latest),
	CMK_LIMIT_ROWS(struct update_args, u.limits),
	CMK_OPT_OF(OPT_CALLBACK, 'm', "memory", struct update_args, u, "BYTES",
		   "limit the memory, such as 512m; 0 for no limit", .parse = parse_memory),
	CMK_OPT_OF(OPT_CALLBACK, 0, "pids-limit", struct update_args, u, "NUMBER",
		   "limit the number of processes; -1 for no limit", .parse = parse_pids),
	CMK_OPT_STRING(0, "restart", struct update_args, u.restart, "POLICY",
		       "start again after its end: no, on-failure[:N], always, unless-stopped"),
	CMK_OPT_OF(OPT_CSV, 0, "ulimit", struct update_args, u.ulimits, "NAME=SOFT[:HARD]",
		   "set a resource limit for later starts and 'cmk exec'"),
	CMK_OPT_OF(OPT_STRV, 0, "unsetenv", struct update_args, u.unsetenv, "NAME",
		   "remove a variable for later starts and 'cmk exec'"),
	CMK_OPT_END(),
};

static bool given(const struct container_update *u)
{
	return u->restart || opt_limits_given(&u->limits) || u->env || u->unsetenv || u->ulimits;
}

static int update_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct update_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (r == 0 && health_options_given(&a->health))
		r = container_health_update(c, &a->health, err);
	if (r == 0 && (given(&a->u) || !health_options_given(&a->health)))
		r = container_update(c, &a->u, err);
	if (r == 0)
		(void)printf("%s\n", c->cfg.id);
	return r;
}

static int update_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct update_args *a = args;
	int r;

	if (!given(&a->u) && !health_options_given(&a->health))
		return cmk_err_set(err, -EINVAL, "nothing to change: name an option");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, update_one, a, NULL);
}

static const char *const update_aliases[] = { "container update", NULL };

static const struct cmk_example update_examples[] = {
	{ "cmk update --restart always web", "has the container web started again when it ends" },
	{ "cmk update --memory 1g --cpus 2 build", "changes its limits while it runs" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_update = {
	.name = "update",
	.aliases = update_aliases,
	.summary = "Change restart policy, limits and health check of containers",
	.operands = "[CONTAINER...]",
	.description =
		"Limits change at once in a running container, through its control group, and for "
		"later starts; what is not named stays, and 0 takes a limit away. Variables and "
		"ulimits reach the program at "
		"its next start. Prints the IDs.",
	.examples = update_examples,
	.options = update_options,
	.args_size = sizeof(struct update_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = update_exec,
};
