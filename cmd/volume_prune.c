// SPDX-License-Identifier: Apache-2.0
#include "cmd/prune.h"
#include "cmd/volumes.h"

struct volume_prune_args {
	bool all, force, dry_run;
	char **filters;
};

static const struct cmk_option volume_prune_options[] = {
	CMK_OPT_FLAG('a', "all", struct volume_prune_args, all,
		     "remove named volumes, too, which is what happens without it as well"),
	CMK_OPT_FLAG(0, "dry-run", struct volume_prune_args, dry_run, "only name them"),
	CMK_OPT_OF(OPT_STRV, 0, "filter", struct volume_prune_args, filters, "KEY=VALUE",
		   "remove only what fits, as 'volume ls --filter'", .keys = volumes_filter_keys),
	CMK_OPT_FLAG('f', "force", struct volume_prune_args, force, "do not ask"),
	CMK_OPT_END(),
};

static bool ask(char *const *names)
{
	cleanup_free char *list = strv_join(names, "\n"), *text = NULL;

	if (!names || !*names) {
		(void)fprintf(stderr, "No dangling volumes found\n");
		return false;
	}
	text = xasprintf("WARNING! This will remove all volumes not used by at least one "
			 "container. The following volumes will be removed:\n%s",
			 list);
	return cmk_confirm(text);
}

static int volume_prune_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			     char **argv cmk_unused, struct cmk_err *err)
{
	cleanup(cmk_pruned_done) struct cmk_pruned pruned = { 0 };
	const struct volume_prune_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	int r;

	if (a->force && a->dry_run)
		return cmk_err_set(err, -EINVAL, "--force and --dry-run cannot be used together");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_unused_volumes(st, a->filters, &names, err);
	if (r < 0)
		return r;
	if (a->dry_run) {
		if (names && *names)
			(void)printf("Volumes that would be pruned:\n");
		for (char **n = names; n && *n; n++)
			(void)printf("%s\n", *n);
		return 0;
	}
	if (!a->force && !ask(names))
		return 0;
	r = cmk_prune_volumes(st, names, &pruned, err);
	cmk_pruned_print(&pruned, NULL);
	return r < 0 ? r : pruned.code;
}

static const struct cmk_example volume_prune_examples[] = {
	{ "cmk volume prune", "Removes every volume that no container uses, after a question" },
	{ "cmk volume prune -f --filter label=temporary",
	  "Those with a label, without a question" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_volume_prune = {
	.name = "volume prune",
	.summary = "Remove the volumes that no container uses",
	.operands = "",
	.description = "Removes, and names, all volumes that no container uses, running or not; "
		       "with filters only those that fit. Without --force they are named first, "
		       "with a question.",
	.examples = volume_prune_examples,
	.options = volume_prune_options,
	.args_size = sizeof(struct volume_prune_args),
	.exec = volume_prune_exec,
};
