// SPDX-License-Identifier: Apache-2.0
#include "cmd/manifests.h"

static int manifest_exists_exec(const struct cmk_globals *g, void *args cmk_unused,
				int argc cmk_unused, char **argv, struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *id = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r < 0)
		return r;
	r = image_find_local(st, argv[0], &id, NULL, err);
	if (r == 0)
		return storage_is_list(st, id) ? 0 : 1;
	if (r != -ENOENT)
		return r;
	/* The answer is the exit code alone, as with podman. */
	cmk_err_done(err);
	return 1;
}

static const struct cmk_example manifest_exists_examples[] = {
	{ "cmk manifest exists app:1 || cmk manifest create app:1",
	  "Makes the list where it is absent" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_manifest_exists = {
	.name = "manifest exists",
	.summary = "Tell by the exit code whether a manifest list exists",
	.operands = "LIST",
	.description = "Prints nothing. An image that is no list does not count.",
	.exit_codes = "0 where the list exists, 1 where it does not",
	.examples = manifest_exists_examples,
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_IMAGES,
	.exec = manifest_exists_exec,
};
