// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

static int volume_exists_exec(const struct cmk_globals *g, void *args cmk_unused,
			      int argc cmk_unused, char **argv, struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	cleanup_storage struct storage *st = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r < 0)
		return r;
	r = storage_volume_load(st, argv[0], &v, err);
	if (r != -ENOENT)
		return r;
	/* The answer is the exit code alone, as with podman. */
	cmk_err_done(err);
	return 1;
}

static const struct cmk_example volume_exists_examples[] = {
	{ "cmk volume exists data && echo yes", "Says yes where there is a volume named data" },
	{ "cmk volume exists data || cmk volume create data", "Makes it where it is absent" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_volume_exists = {
	.name = "volume exists",
	.summary = "Tell by the exit code whether a volume exists",
	.operands = "VOLUME",
	.description = "Prints nothing. VOLUME is a whole name.",
	.exit_codes = "0 where the volume exists, 1 where it does not",
	.examples = volume_exists_examples,
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_VOLUMES,
	.exec = volume_exists_exec,
};
