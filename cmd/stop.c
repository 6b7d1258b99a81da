// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct stop_args {
	bool all, ignore;
	char **cidfiles;
	int64_t timeout_s;
};

static const struct cmk_option stop_options[] = {
	CMK_OPT_FLAG('a', "all", struct stop_args, all, "stop every running container"),
	CMK_OPT_OF(OPT_STRV, 0, "cidfile", struct stop_args, cidfiles, "FILE",
		   "read a container's ID from a file", .complete = COMPLETE_FILES),
	CMK_OPT_FLAG('i', "ignore", struct stop_args, ignore,
		     "no error where a container does not exist"),
	CMK_OPT_OF(OPT_INT, 't', "time", struct stop_args, timeout_s, "SECONDS",
		   "wait so long before SIGKILL; -1 for what the container says", .def = "-1",
		   .alias = "timeout", .min = -1, .max = INT32_MAX / 1000 - 60),
	CMK_OPT_END(),
};

static int stop_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct stop_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (r == -ENOENT && (a->ignore || a->all)) {
		cmk_err_done(err);
		return 0;
	}
	if (r < 0)
		return r;
	r = container_stop(c, a->timeout_s < 0 ? -1 : a->timeout_s * 1000, err);
	/* A --rm container has removed itself. */
	if (r < 0 && r != -ENOENT)
		return r;
	cmk_err_done(err);
	if (!a->all || r == 0)
		(void)printf("%s\n", name);
	return 0;
}

static int stop_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct stop_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = cmk_container_names(st, a->all, a->cidfiles, a->ignore, argc, argv, &names,
					err);
	return r < 0 ? r : cmk_each_name(st, names, stop_one, a, NULL);
}

static const char *const stop_aliases[] = { "container stop", NULL };

const struct cmk_command cmk_cmd_stop = {
	.name = "stop",
	.aliases = stop_aliases,
	.summary = "Stop running containers",
	.operands = "[CONTAINER...]",
	.description = "Sends each container its stop signal (SIGTERM where neither image nor "
		       "options name another), waits, and kills it where it does not end in time. "
		       "A container that does not run is left as it is.",
	.options = stop_options,
	.args_size = sizeof(struct stop_args),
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.exec = stop_exec,
};
