// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct wait_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
};

static const struct cmk_option wait_options[] = {
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_END(),
};

static int wait_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err), code = 0;

	(void)arg;
	if (r == 0)
		r = container_wait(c, &code, err);
	if (r == 0) {
		(void)printf("%d\n", code);
		(void)fflush(stdout);
	}
	return r;
}

static int wait_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct wait_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, wait_one, NULL, NULL);
}

static const char *const wait_aliases[] = { "container wait", NULL };

const struct cmk_command cmk_cmd_wait = {
	.name = "wait",
	.aliases = wait_aliases,
	.summary = "Wait until containers have ended, print their exit codes",
	.operands = "[CONTAINER...]",
	.description = "Prints one exit code a line, in the order of the operands: at once for a "
		       "container that does not run, 0 for one that never did.",
	.options = wait_options,
	.args_size = sizeof(struct wait_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = wait_exec,
};
