// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

static int rename_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	(void)args;
	(void)argc;
	if (r == 0)
		r = container_open(st, argv[0], &c, err);
	return r < 0 ? r : container_rename(c, argv[1], err);
}

static const char *const rename_aliases[] = { "container rename", NULL };

static const struct cmk_example rename_examples[] = {
	{ "cmk rename web web-old", "frees the name web" },
	{ "cmk rename 3f2a1c shop", "names the container whose ID begins so" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_rename = {
	.name = "rename",
	.aliases = rename_aliases,
	.summary = "Give a container another name",
	.operands = "CONTAINER NAME",
	.description = "The container may run. Its host name stays.",
	.examples = rename_examples,
	.min_operands = 2,
	.max_operands = 2,
	.complete = COMPLETE_CONTAINERS,
	.exec = rename_exec,
};
