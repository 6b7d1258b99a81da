// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct unpause_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
};

static const struct cmk_option unpause_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_USE(cmk_select_cidfile),
	CMK_OPT_USE(cmk_select_filter),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_END(),
};

static int unpause_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct unpause_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	/* All that can be. */
	if (a->select.all && (r == -ENOENT || (r == 0 && c->state != CONTAINER_PAUSED))) {
		cmk_err_done(err);
		return 0;
	}
	if (r == 0)
		r = container_unpause(c, err);
	if (r == 0)
		(void)printf("%s\n", name);
	return r;
}

static int unpause_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct unpause_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, unpause_one, a, NULL);
}

static const char *const unpause_aliases[] = { "container unpause", NULL };

static const struct cmk_example unpause_examples[] = {
	{ "cmk unpause web", "lets the container web go on" },
	{ "cmk unpause --all", "lets all go on that are paused" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_unpause = {
	.name = "unpause",
	.aliases = unpause_aliases,
	.summary = "Thaw containers that were paused",
	.operands = "[CONTAINER...]",
	.description = "Lets the processes of containers go on that 'cmk pause' has frozen.",
	.examples = unpause_examples,
	.options = unpause_options,
	.args_size = sizeof(struct unpause_args),
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.exec = unpause_exec,
};
