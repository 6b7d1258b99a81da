// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct exists_args {
	bool external;
};

static const struct cmk_option exists_options[] = {
	CMK_OPT_FLAG(0, "external", struct exists_args, external,
		     "look at containers that other tools made in the store, too"),
	CMK_OPT_END(),
};

static int exists_exec(const struct cmk_globals *g, void *args cmk_unused, int argc cmk_unused,
		       char **argv, struct cmk_err *err)
{
	cleanup_container struct container *c = NULL;
	cleanup_storage struct storage *st = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r < 0)
		return r;
	r = container_open(st, argv[0], &c, err);
	if (r == -ENOENT) {
		cmk_err_done(err);
		return 1;
	}
	return r;
}

static const struct cmk_example exists_examples[] = {
	{ "cmk container exists web", "ask whether there is a container of that name" },
	{ "cmk container exists web || cmk create --name web alpine",
	  "make it only where it is not there" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_container_exists = {
	.name = "container exists",
	.summary = "Tell whether a container exists, by the exit code",
	.operands = "CONTAINER",
	.description = "Prints nothing.",
	.exit_codes = "0 where the container exists, 1 where it does not.",
	.examples = exists_examples,
	.options = exists_options,
	.args_size = sizeof(struct exists_args),
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_CONTAINERS,
	.exec = exists_exec,
};
