// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct secret_rm_args {
	bool all, ignore;
};

static const struct cmk_option secret_rm_options[] = {
	CMK_OPT_FLAG('a', "all", struct secret_rm_args, all, "remove every secret"),
	CMK_OPT_FLAG('i', "ignore", struct secret_rm_args, ignore,
		     "no error where a secret does not exist"),
	CMK_OPT_END(),
};

static int rm_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct secret_rm_args *a = arg;
	cleanup(secret_done) struct secret s = { 0 };
	int r = secret_find(st, name, &s, err);

	if (r == 0)
		r = secret_remove(st, &s, err);
	if (r == -ENOENT && (a->ignore || a->all)) {
		cmk_err_done(err);
		return 0;
	}
	if (r == 0) {
		const struct event e = {
			.type = "secret", .status = "remove", .id = s.id, .name = s.name
		};

		event_write(st, &e);
		(void)printf("%s\n", s.id);
	}
	return r;
}

static int secret_rm_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			  struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct secret_rm_args *a = args;
	struct secret *list = NULL;
	size_t n = 0;
	int r;

	if (a->all && argc > 0)
		return cmk_err_set(err, -EINVAL,
				   "`cmk secret rm` takes no arguments with the --all flag");
	if (!a->all && argc == 0)
		return cmk_err_set(err, -EINVAL,
				   "`cmk secret rm` requires one argument, or the --all flag");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	if (!a->all)
		return cmk_each_name(st, argv, rm_one, a, NULL);
	r = secret_list(st, &list, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		strv_add(&names, list[i].name);
	secret_list_free(list, n);
	return names ? cmk_each_name(st, names, rm_one, a, NULL) : 0;
}

static const struct cmk_example secret_rm_examples[] = {
	{ "cmk secret rm password", "Removes a secret" },
	{ "cmk secret rm --all", "Removes every secret" },
	{ NULL, NULL },
};
static const char *const secret_rm_aliases[] = { "secret remove", NULL };

const struct cmk_command cmk_cmd_secret_rm = {
	.name = "secret rm",
	.aliases = secret_rm_aliases,
	.summary = "Remove secrets",
	.operands = "[SECRET...]",
	.description = "Removes secrets and prints their IDs. Running containers keep the value "
		       "that they were started with; others that were given the secret cannot be "
		       "started again without it.",
	.examples = secret_rm_examples,
	.options = secret_rm_options,
	.args_size = sizeof(struct secret_rm_args),
	.max_operands = -1,
	.complete = COMPLETE_SECRETS,
	.exec = secret_rm_exec,
};
