// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct pause_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
};

static const struct cmk_option pause_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_USE(cmk_select_cidfile),
	CMK_OPT_USE(cmk_select_filter),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_END(),
};

static int pause_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct pause_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	/* All that can be. */
	if (a->select.all && (r == -ENOENT || (r == 0 && c->state != CONTAINER_RUNNING))) {
		cmk_err_done(err);
		return 0;
	}
	if (r == 0)
		r = container_pause(c, err);
	if (r == 0)
		(void)printf("%s\n", name);
	return r;
}

static int pause_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		      struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct pause_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, pause_one, a, NULL);
}

static const char *const pause_aliases[] = { "container pause", NULL };

static const struct cmk_example pause_examples[] = {
	{ "cmk pause web", "freezes the container web" },
	{ "cmk pause --all", "freezes everything that runs" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_pause = {
	.name = "pause",
	.aliases = pause_aliases,
	.summary = "Freeze all processes of containers",
	.operands = "[CONTAINER...]",
	.description =
		"Freezes all processes of each container, those of 'cmk exec' included, until 'cmk "
		"unpause': they keep their memory and connections and get no processor time. It "
		"needs a control group, which a session with systemd has. A frozen container can "
		"be killed and removed by force, but neither stopped nor entered.",
	.examples = pause_examples,
	.options = pause_options,
	.args_size = sizeof(struct pause_args),
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.exec = pause_exec,
};
