// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/volumes.h"

#define EXIT_NOT_FOUND 1
#define EXIT_IN_USE 2

struct volume_rm_args {
	bool all, force;
	struct cmk_timeout timeout;
};

static const struct cmk_option volume_rm_options[] = {
	CMK_OPT_FLAG('a', "all", struct volume_rm_args, all, "remove every volume"),
	CMK_OPT_FLAG('f', "force", struct volume_rm_args, force,
		     "remove the containers that use it first; no error where it does not exist"),
	CMK_OPT_OF(OPT_CALLBACK, 't', "time", struct volume_rm_args, timeout, "SECONDS",
		   "with --force: wait so long before SIGKILL", .parse = cmk_timeout_parse),
	CMK_OPT_END(),
};

static int rm_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct volume_rm_args *a = arg;
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	int r = storage_volume_find(st, name, &v, err);

	if (r == 0)
		r = volume_remove(st, v.name, a->force, cmk_timeout_ms(&a->timeout), err);
	if (r == -ENOENT && (a->force || a->all)) {
		cmk_err_done(err);
		return 0;
	}
	if (r == 0)
		(void)printf("%s\n", v.name);
	return r;
}

static int rm_failed(const struct cmk_err *err)
{
	if (err->kind == CMK_ERR_NOT_FOUND)
		return EXIT_NOT_FOUND;
	return err->kind == CMK_ERR_IN_USE ? EXIT_IN_USE : EXIT_CMK_FAILED;
}

static int volume_rm_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			  struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct volume_rm_args *a = args;
	struct volume_record *list = NULL;
	size_t n = 0;
	int r;

	if (a->all == (argc > 0))
		return cmk_err_set(err, -EINVAL, "choose either one or more volumes or all");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	storage_volume_sweep(st);
	if (!a->all)
		return cmk_each_name(st, argv, rm_one, a, rm_failed);
	r = storage_volume_list(st, &list, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		strv_add(&names, list[i].name);
	storage_volume_list_free(list, n);
	return names ? cmk_each_name(st, names, rm_one, a, rm_failed) : 0;
}

static const struct cmk_example volume_rm_examples[] = {
	{ "cmk volume rm data", "Removes a volume that no container uses" },
	{ "cmk volume rm -f data", "Removes it with the containers that use it" },
	{ "cmk volume rm --all", "Removes every volume that no container uses" },
	{ NULL, NULL },
};
static const char *const volume_rm_aliases[] = { "volume remove", NULL };

const struct cmk_command cmk_cmd_volume_rm = {
	.name = "volume rm",
	.aliases = volume_rm_aliases,
	.summary = "Remove volumes",
	.operands = "[VOLUME...]",
	.description = "Removes volumes with all their files. A VOLUME is a name, or the beginning "
		       "of only one.",
	.exit_codes = "1 a volume does not exist; 2 a container uses it and --force is not given; "
		      "125 another failure",
	.examples = volume_rm_examples,
	.options = volume_rm_options,
	.args_size = sizeof(struct volume_rm_args),
	.max_operands = -1,
	.complete = COMPLETE_VOLUMES,
	.exec = volume_rm_exec,
};
