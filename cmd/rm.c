// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

#define EXIT_CMK_FAILED 125
#define EXIT_NOT_FOUND 1
#define EXIT_RUNNING 2

struct rm_args {
	bool all, force, ignore;
	char **cidfiles;
	int64_t timeout_s;
};

static const struct cmk_option rm_options[] = {
	CMK_OPT_FLAG('a', "all", struct rm_args, all, "remove every container"),
	CMK_OPT_OF(OPT_STRV, 0, "cidfile", struct rm_args, cidfiles, "FILE",
		   "read a container's ID from a file", .complete = COMPLETE_FILES),
	CMK_OPT_FLAG('f', "force", struct rm_args, force,
		     "stop running ones first; no error where a container does not exist"),
	CMK_OPT_FLAG('i', "ignore", struct rm_args, ignore,
		     "no error where a container does not exist"),
	CMK_OPT_OF(OPT_INT, 't', "time", struct rm_args, timeout_s, "SECONDS",
		   "with --force: wait so long before SIGKILL; -1 for what the container says",
		   .def = "-1", .min = -1, .max = INT32_MAX / 1000 - 60),
	CMK_OPT_END(),
};

static int rm_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct rm_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (r == -ENOENT && (a->force || a->ignore || a->all)) {
		cmk_err_done(err);
		return 0;
	}
	if (r == 0)
		r = container_remove(c, a->force, a->timeout_s < 0 ? -1 : a->timeout_s * 1000, err);
	if (r == 0)
		(void)printf("%s\n", name);
	return r;
}

static int rm_failed(const struct cmk_err *err)
{
	if (err->kind == CMK_ERR_NOT_FOUND)
		return EXIT_NOT_FOUND;
	return err->kind == CMK_ERR_IN_USE ? EXIT_RUNNING : EXIT_CMK_FAILED;
}

static int rm_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		   struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct rm_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = cmk_container_names(st, a->all, a->cidfiles, a->ignore || a->force, argc, argv,
					&names, err);
	return r < 0 ? r : cmk_each_name(st, names, rm_one, a, rm_failed);
}

static const char *const rm_aliases[] = { "container rm", NULL };

const struct cmk_command cmk_cmd_rm = {
	.name = "rm",
	.aliases = rm_aliases,
	.summary = "Remove containers",
	.operands = "[CONTAINER...]",
	.description = "Removes containers with all that they have written.",
	.exit_codes = "1 a container does not exist; 2 a container runs and --force is not given; "
		      "125 another failure",
	.options = rm_options,
	.args_size = sizeof(struct rm_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = rm_exec,
};
