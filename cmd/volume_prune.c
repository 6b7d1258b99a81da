// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "cmd/prune.h"
#include "cmd/volumes.h"

struct volume_prune_args {
	bool all, force, dry_run;
	char **filters;
};

static const struct cmk_option_key prune_keys[] = {
	{ "all", COMPLETE_WORDS, "true|false" },
	{ "after", COMPLETE_VOLUMES, NULL },
	{ "anonymous", COMPLETE_WORDS, "true|false" },
	{ "label", COMPLETE_NONE, NULL },
	{ "label!", COMPLETE_NONE, NULL },
	{ "since", COMPLETE_VOLUMES, NULL },
	{ "until", COMPLETE_NONE, NULL },
	{ NULL, COMPLETE_NONE, NULL },
};

static const struct cmk_option volume_prune_options[] = {
	CMK_OPT_FLAG('a', "all", struct volume_prune_args, all, "remove named volumes, too"),
	CMK_OPT_FLAG(0, "dry-run", struct volume_prune_args, dry_run, "only name them"),
	CMK_OPT_OF(OPT_STRV, 0, "filter", struct volume_prune_args, filters, "KEY=VALUE",
		   "remove only what fits, as 'volume ls --filter'; all=true is --all",
		   .keys = prune_keys),
	CMK_OPT_FLAG('f', "force", struct volume_prune_args, force, "do not ask"),
	CMK_OPT_END(),
};

static bool ask(bool all, char *const *names)
{
	cleanup_free char *list = strv_join(names, "\n"), *text = NULL;
	const char *warning = all ? "WARNING! This will remove all volumes not used by at least "
				    "one container. The following volumes will be removed:"
				  : "WARNING! This will remove anonymous local volumes not used by "
				    "at least one container. The following volumes will be "
				    "removed:";

	if (!names || !*names) {
		(void)printf("%s\nNo dangling %svolumes found\n", warning, all ? "" : "anonymous ");
		return false;
	}
	text = xasprintf("%s\n%s", warning, list);
	return cmk_confirm(text);
}

/* The filters of `volume ls`, owned; of all=BOOL the last counts, as --all. */
static int split_filters(const struct volume_prune_args *a, char ***ret, bool *all,
			 struct cmk_err *err)
{
	for (char *const *f = a->filters; f && *f; f++) {
		const char *value = str_after(*f, "all=");

		if (!value)
			strv_add(ret, *f);
		else if (parse_bool(value, all) < 0)
			return cmk_err_set(err, -EINVAL,
					   "filter '%s': '%s' is not a valid value: must be true "
					   "or false",
					   *f, value);
	}
	*all = *all || a->all;
	return 0;
}

/* As podman: with --force or --dry-run a filter chooses among the named ones as well; where it asks
 * only --all does. */
static int find_unused(struct storage *st, const struct volume_prune_args *a, bool *ret_all,
		       char ***ret, struct cmk_err *err)
{
	static const char anonymous[] = "anonymous=true";
	cleanup_strv char **filters = NULL;
	bool all = false;
	int r = split_filters(a, &filters, &all, err);

	if (r < 0)
		return r;
	if (!all && (!filters || !(a->force || a->dry_run)))
		strv_add(&filters, anonymous);
	*ret_all = all;
	return cmk_unused_volumes(st, filters, ret, err);
}

static int volume_prune_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			     char **argv cmk_unused, struct cmk_err *err)
{
	cleanup(cmk_pruned_done) struct cmk_pruned pruned = { 0 };
	const struct volume_prune_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	bool all = false;
	int r;

	if (a->force && a->dry_run)
		return cmk_err_set(err, -EINVAL, "--force and --dry-run cannot be used together");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = find_unused(st, a, &all, &names, err);
	if (r < 0)
		return r;
	if (a->dry_run) {
		if (names && *names)
			(void)printf("Volumes that would be pruned:\n");
		for (char **n = names; n && *n; n++)
			(void)printf("%s\n", *n);
		return 0;
	}
	if (!a->force && !ask(all, names))
		return 0;
	r = cmk_prune_volumes(st, names, &pruned, err);
	cmk_pruned_print(&pruned, NULL);
	return r < 0 ? r : pruned.code;
}

static const struct cmk_example volume_prune_examples[] = {
	{ "cmk volume prune",
	  "Removes the anonymous volumes that no container uses, after a question" },
	{ "cmk volume prune -a -f --filter label=temporary",
	  "Named ones as well, of those with a label, without a question" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_volume_prune = {
	.name = "volume prune",
	.summary = "Remove the volumes that no container uses",
	.operands = "",
	.description = "Removes, and names, the anonymous volumes that no container uses, running "
		       "or not; with --all the named ones as well. Filters leave only those that "
		       "fit; with --force or --dry-run they choose among the named ones, too, "
		       "without --all. Without --force the volumes are named first, with a "
		       "question.",
	.examples = volume_prune_examples,
	.options = volume_prune_options,
	.args_size = sizeof(struct volume_prune_args),
	.exec = volume_prune_exec,
};
