// SPDX-License-Identifier: Apache-2.0
#include "cmd/prune.h"
#include "cmd/ps_filter.h"

struct prune_args {
	char **filters;
	bool force;
};

static const struct cmk_option prune_options[] = {
	CMK_OPT_OF(OPT_STRV, 0, "filter", struct prune_args, filters, "KEY=VALUE",
		   "remove only what matches: until, label or label!", .keys = cmk_prune_keys),
	CMK_OPT_FLAG('f', "force", struct prune_args, force, "do not ask"),
	CMK_OPT_END(),
};

static int prune_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
		      char **argv cmk_unused, struct cmk_err *err)
{
	cleanup(cmk_pruned_done) struct cmk_pruned pruned = { 0 };
	cleanup_storage struct storage *st = NULL;
	struct prune_args *a = args;
	struct ps_filter *f = NULL;
	int r = cmk_prune_check_filters(a->filters, err);

	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	/* What is wrong with a filter is said before the question. */
	if (r == 0)
		r = ps_filter_new(st, a->filters, &f, err);
	(void)ps_filter_free(f);
	if (r < 0)
		return r;
	if (!a->force && !cmk_confirm("WARNING! This will remove all non running containers."))
		return 0;
	r = cmk_prune_containers(st, a->filters, &pruned, err);
	cmk_pruned_print(&pruned, NULL);
	return r < 0 ? r : pruned.code;
}

static const struct cmk_example prune_examples[] = {
	{ "cmk container prune", "removes all that do not run, after a question" },
	{ "cmk container prune -f --filter until=24h", "removes those that are older than a day" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_container_prune = {
	.name = "container prune",
	.summary = "Remove all containers that do not run",
	.description = "Removes every container that was created, initialized or has ended, with "
		       "all that it has "
		       "written, and prints its ID. Without --force it asks first.",
	.examples = prune_examples,
	.options = prune_options,
	.args_size = sizeof(struct prune_args),
	.exec = prune_exec,
};
