// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

static int secret_exists_exec(const struct cmk_globals *g, void *args cmk_unused,
			      int argc cmk_unused, char **argv, struct cmk_err *err)
{
	cleanup(secret_done) struct secret s = { 0 };
	cleanup_storage struct storage *st = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r < 0)
		return r;
	r = secret_find(st, argv[0], &s, err);
	if (r != -ENOENT)
		return r;
	/* The answer is the exit code alone, as with podman. */
	cmk_err_done(err);
	return 1;
}

static const struct cmk_example secret_exists_examples[] = {
	{ "cmk secret exists password && echo yes", "Says yes where there is such a secret" },
	{ "cmk secret exists token || cmk secret create --env token TOKEN",
	  "Makes it where it is absent" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_secret_exists = {
	.name = "secret exists",
	.summary = "Tell by the exit code whether a secret exists",
	.operands = "SECRET",
	.description = "Prints nothing. SECRET is a name, an ID, or the beginning of one.",
	.exit_codes = "0 where the secret exists, 1 where it does not",
	.examples = secret_exists_examples,
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_SECRETS,
	.exec = secret_exists_exec,
};
