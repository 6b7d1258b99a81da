// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/volumes.h"

struct volume_prune_args {
	bool all, force;
	char **filters;
};

static const struct cmk_option volume_prune_options[] = {
	CMK_OPT_FLAG('a', "all", struct volume_prune_args, all,
		     "remove named volumes, too, which is what happens without it as well"),
	CMK_OPT_OF(OPT_STRV, 0, "filter", struct volume_prune_args, filters, "KEY=VALUE",
		   "remove only what fits, as 'volume ls --filter'"),
	CMK_OPT_FLAG('f', "force", struct volume_prune_args, force, "do not ask"),
	CMK_OPT_END(),
};

/* The names of those that no container uses. */
static int find_unused(struct storage *st, const struct volumes_filter *f, char ***ret,
		       struct cmk_err *err)
{
	cleanup(volume_users_done) struct volume_users users = { 0 };
	struct volume_record *list = NULL;
	size_t n = 0;
	int r = volume_users_load(st, &users, err);

	if (r == 0)
		r = storage_volume_list(st, &list, &n, err);
	for (size_t i = 0; i < n; i++)
		if (volume_users_of(&users, list[i].name, NULL) == 0 &&
		    volumes_filter_fits(f, &list[i], &users))
			strv_add(ret, list[i].name);
	storage_volume_list_free(list, n);
	return r;
}

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

static int prune(struct storage *st, char *const *names)
{
	int failed = 0;

	for (; names && *names; names++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		/* 1: a container has come to use it meanwhile. */
		int r = volume_remove_unused(st, *names, true, NULL, &e);

		if (r == 0) {
			(void)printf("%s\n", *names);
		} else if (r < 0 && r != -ENOENT) {
			cmk_print_error(&e);
			failed = 125;
		}
	}
	return failed;
}

static int volume_prune_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			     char **argv cmk_unused, struct cmk_err *err)
{
	const struct volume_prune_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct volumes_filter *f = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = volumes_filter_parse(st, a->filters, true, &f, err);
	if (r == 0)
		r = find_unused(st, f, &names, err);
	volumes_filter_free(f);
	if (r < 0)
		return r;
	if (!a->force && !ask(names))
		return 0;
	storage_volume_sweep(st);
	r = prune(st, names);
	if (r == 0)
		volume_event(st, "prune", NULL);
	return r;
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
