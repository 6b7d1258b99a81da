// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"
#include "image/image.h"

static int image_exists_exec(const struct cmk_globals *g, void *args cmk_unused,
			     int argc cmk_unused, char **argv, struct cmk_err *err)
{
	cleanup_free char *id = NULL;
	struct storage *st = NULL;
	int r;

	r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	r = image_find_local(st, argv[0], &id, NULL, err);
	storage_free(st);
	if (r != -ENOENT)
		return r;
	/* The answer is the exit code alone, as with podman. */
	cmk_err_done(err);
	return 1;
}

static const struct cmk_example image_exists_examples[] = {
	{ "cmk image exists alpine || cmk pull alpine", "Gets the image only where it is absent" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_exists = {
	.name = "image exists",
	.summary = "Tell by the exit code whether an image is here",
	.operands = "IMAGE",
	.exit_codes = "0 where the image is here, 1 where it is not.",
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_IMAGES,
	.examples = image_exists_examples,
	.exec = image_exists_exec,
};
