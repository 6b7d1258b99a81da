// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct kill_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	const char *signal;
	int sig;
};

static const struct cmk_option kill_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_USE(cmk_select_cidfile),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_STRING('s', "signal", struct kill_args, signal, "SIGNAL",
		       "send this signal: a name, with or without SIG, or a number", .def = "KILL"),
	CMK_OPT_END(),
};

static int kill_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct kill_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (a->select.all && (r == -ENOENT || (r == 0 && !container_is_up(c)))) {
		cmk_err_done(err);
		return 0;
	}
	if (r == 0)
		r = container_kill(c, a->sig, err);
	if (r == 0)
		(void)printf("%s\n", name);
	return r;
}

static int kill_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct kill_args *a = args;
	int r;

	a->sig = container_signal_parse(a->signal, err);
	if (a->sig < 0)
		return a->sig;
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, kill_one, a, NULL);
}

static const char *const kill_aliases[] = { "container kill", NULL };

static const struct cmk_example kill_examples[] = {
	{ "cmk kill web", "kills the container web" },
	{ "cmk kill -s HUP web", "sends SIGHUP to it, for example to have its settings read" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_kill = {
	.name = "kill",
	.aliases = kill_aliases,
	.summary = "Send a signal to running containers",
	.operands = "[CONTAINER...]",
	.description = "Sends the signal to the first process of each container. With KILL, the "
		       "default, a restart policy does not start it again.",
	.examples = kill_examples,
	.options = kill_options,
	.args_size = sizeof(struct kill_args),
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.exec = kill_exec,
};
