// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/ps_filter.h"

struct prune_args {
	char **filters;
	bool force;
};

static const struct cmk_option prune_options[] = {
	CMK_OPT_OF(OPT_STRV, 0, "filter", struct prune_args, filters, "KEY=VALUE",
		   "remove only what matches: until, label or label!"),
	CMK_OPT_FLAG('f', "force", struct prune_args, force, "do not ask"),
	CMK_OPT_END(),
};

static int check_filters(char *const *filters, struct cmk_err *err)
{
	for (; filters && *filters; filters++) {
		if (!str_after(*filters, "until=") && !str_after(*filters, "label=") &&
		    !str_after(*filters, "label!="))
			return cmk_err_set(err, -EINVAL,
					   "'%s' is an invalid filter: prune knows until=, label= "
					   "and label!=",
					   *filters);
	}
	return 0;
}

static int prune(struct storage *st, const struct ps_filter *f, struct cmk_err *err)
{
	struct container **list = NULL;
	size_t n = 0;
	int code = 0, r = container_list(st, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		/* What init has made does not run yet. */
		if ((container_is_active(list[i]) && list[i]->state != CONTAINER_INITIALIZED) ||
		    !ps_filter_match(f, list[i]))
			continue;
		if (container_remove(list[i], false, 0, &e) == 0) {
			(void)printf("%s\n", list[i]->cfg.id);
		} else if (e.kind != CMK_ERR_IN_USE) {
			/* What was started meanwhile, or is needed by another, stays. */
			cmk_print_error(&e);
			code = 125;
		}
	}
	container_list_free(list, n);
	return r < 0 ? r : code;
}

static int prune_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		      struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	struct ps_filter *f = NULL;
	struct prune_args *a = args;
	int r = check_filters(a->filters, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = ps_filter_new(st, a->filters, &f, err);
	if (r == 0 &&
	    (a->force || cmk_confirm("WARNING! This will remove all non running containers.")))
		r = prune(st, f, err);
	(void)ps_filter_free(f);
	return r;
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
