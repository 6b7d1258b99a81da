// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct restart_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	bool running;
	struct cmk_timeout timeout;
	const char *signal;
};

static const struct cmk_option restart_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_USE(cmk_select_cidfile),
	CMK_OPT_USE(cmk_select_filter),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_FLAG(0, "running", struct restart_args, running, "only those that run"),
	CMK_OPT_STRING('s', "signal", struct restart_args, signal, "SIGNAL",
		       "send this signal instead of the container's own"),
	CMK_OPT_OF(OPT_CALLBACK, 't', "time", struct restart_args, timeout, "SECONDS",
		   "wait so long before SIGKILL; -1 waits for ever", .alias = "timeout",
		   .parse = cmk_timeout_parse),
	CMK_OPT_END(),
};

static int restart_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct restart_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (r < 0)
		return r;
	if (a->running && !container_is_active(c))
		return 0;
	r = container_set_stop_signal(c, a->signal, err);
	if (r < 0)
		return r;
	r = container_restart(c, cmk_timeout_ms(&a->timeout), err);
	if (r == 1)
		r = cmk_start_detached(c, err);
	if (r >= 0)
		(void)printf("%s\n", name);
	return r;
}

static int restart_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct restart_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	/* All of them: there is nothing else that it could mean. */
	a->select.all |= a->running && argc == 0 && !a->select.latest && !a->select.cidfiles &&
			 !a->select.filters;
	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, restart_one, a, NULL);
}

static const char *const restart_aliases[] = { "container restart", NULL };

static const struct cmk_example restart_examples[] = {
	{ "cmk restart web", "ends the container web and starts it again" },
	{ "cmk restart -t 0 --running", "kills all that run and starts them again" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_restart = {
	.name = "restart",
	.aliases = restart_aliases,
	.summary = "Stop containers and start them again",
	.operands = "[CONTAINER...]",
	.description =
		"Ends each container as 'cmk stop' does and runs its command again, on the files "
		"that it left. Who is attached stays attached. A container that does not run is "
		"only started; a paused one is refused.",
	.examples = restart_examples,
	.options = restart_options,
	.args_size = sizeof(struct restart_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = restart_exec,
};
