// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct stop_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	struct cmk_timeout timeout;
	const char *signal;
};

static const struct cmk_option stop_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_USE(cmk_select_cidfile),
	CMK_OPT_USE(cmk_select_filter),
	CMK_OPT_USE(cmk_select_ignore),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_STRING('s', "signal", struct stop_args, signal, "SIGNAL",
		       "send this signal instead of the container's own"),
	CMK_OPT_OF(OPT_CALLBACK, 't', "time", struct stop_args, timeout, "SECONDS",
		   "wait so long before SIGKILL; -1 waits for ever", .alias = "timeout",
		   .parse = cmk_timeout_parse),
	CMK_OPT_END(),
};

static int stop_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct stop_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (r == -ENOENT && (a->select.ignore || a->select.all)) {
		cmk_err_done(err);
		return 0;
	}
	if (r < 0)
		return r;
	r = container_set_stop_signal(c, a->signal, err);
	if (r < 0)
		return r;
	r = container_stop(c, cmk_timeout_ms(&a->timeout), err);
	/* All that can be stopped; told is of the others as well, as podman does. A --rm container
	 * has removed itself. */
	if (r < 0 && r != -ENOENT && !(a->select.all && err->kind == CMK_ERR_STATE))
		return r;
	cmk_err_done(err);
	(void)printf("%s\n", name);
	return 0;
}

static int stop_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct stop_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, stop_one, a, NULL);
}

static const char *const stop_aliases[] = { "container stop", NULL };

static const struct cmk_example stop_examples[] = {
	{ "cmk stop web", "asks the container web to end, and kills it after ten seconds" },
	{ "cmk stop -t 60 db", "gives the container db a minute" },
	{ "cmk stop --all", "stops everything that runs" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_stop = {
	.name = "stop",
	.aliases = stop_aliases,
	.summary = "Stop running containers",
	.operands = "[CONTAINER...]",
	.description =
		"Sends each container its stop signal (SIGTERM where neither image nor options "
		"name another), waits, and kills it where it does not end in time, with a warning. "
		"It is killed at once where its first process cannot receive the signal: process "
		"1 of a pid namespace gets only signals that it has a handler for or waits for.\n"
		"A container that does not run is left as it is. A paused one is refused. A "
		"restart policy does not start a container again that was stopped.",
	.examples = stop_examples,
	.options = stop_options,
	.args_size = sizeof(struct stop_args),
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.exec = stop_exec,
};
