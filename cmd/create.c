// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/create_options.h"

static const struct cmk_option create_options[] = {
	CMK_OPT_USE(cmk_create_options),
	CMK_OPT_END(),
};

static int create_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	struct rootfs_plan rootfs = { 0 };
	struct create_args *a = args;
	struct spec *spec = NULL;
	int r;

	(void)argc;
	r = cmk_create_finish(a, g, argv, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = container_create(st, &a->o, &c, &spec, &rootfs, err);
	if (r < 0)
		return r;
	(void)printf("%s\n", c->cfg.id);
	(void)spec_free(spec);
	rootfs_plan_done(&rootfs);
	return 0;
}

static const char *const create_aliases[] = { "container create", NULL };

static const struct cmk_example create_examples[] = {
	{ "cmk create --name web -p 8080:80 nginx",
	  "Makes the container, to be started later with cmk start web" },
	{ "cmk start -a $(cmk create alpine date)", "Makes one, runs it and shows what it writes" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_create = {
	.name = "create",
	.aliases = create_aliases,
	.summary = "Create a container without starting it",
	.operands = "IMAGE [COMMAND [ARG...]]",
	.description = "As 'cmk run', but the container is only made, and its ID printed; 'cmk "
		       "start' runs it.",
	.options = create_options,
	.args_size = sizeof(struct create_args),
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.complete = COMPLETE_IMAGES,
	.examples = create_examples,
	.exec = create_exec,
};
