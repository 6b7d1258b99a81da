// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "cmd/containers.h"

struct kill_args {
	bool all;
	char **cidfiles;
	const char *signal;
	int sig;
};

static const struct cmk_option kill_options[] = {
	CMK_OPT_FLAG('a', "all", struct kill_args, all, "signal every running container"),
	CMK_OPT_OF(OPT_STRV, 0, "cidfile", struct kill_args, cidfiles, "FILE",
		   "read a container's ID from a file", .complete = COMPLETE_FILES),
	CMK_OPT_STRING('s', "signal", struct kill_args, signal, "SIGNAL",
		       "send this signal: a name, with or without SIG, or a number", .def = "KILL"),
	CMK_OPT_END(),
};

static int kill_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct kill_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (r == 0 && a->all && c->state != CONTAINER_RUNNING)
		return 0;
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

	a->sig = parse_signal(a->signal);
	if (a->sig < 0)
		return cmk_err_set(err, -EINVAL, "signal '%s' is unknown", a->signal);
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_container_names(st, a->all, a->cidfiles, false, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, kill_one, a, NULL);
}

static const char *const kill_aliases[] = { "container kill", NULL };

const struct cmk_command cmk_cmd_kill = {
	.name = "kill",
	.aliases = kill_aliases,
	.summary = "Send a signal to running containers",
	.operands = "[CONTAINER...]",
	.description = "Sends the signal to the first process of each container.",
	.options = kill_options,
	.args_size = sizeof(struct kill_args),
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.exec = kill_exec,
};
