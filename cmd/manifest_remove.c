// SPDX-License-Identifier: Apache-2.0
#include "cmd/manifests.h"

static int manifest_remove_exec(const struct cmk_globals *g, void *args cmk_unused,
				int argc cmk_unused, char **argv, struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *id = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = image_list_find(st, argv[0], &id, err);
	if (r < 0)
		return r;
	r = image_list_remove(st, id, argv[1], err);
	if (r < 0)
		return cmk_err_wrap(err, r, "removing from manifest list %s", argv[0]);
	printf("%s\n", id);
	return 0;
}

static const struct cmk_example manifest_remove_examples[] = {
	{ "cmk manifest remove app:1 app:arm64", "Takes an image out of the list" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_manifest_remove = {
	.name = "manifest remove",
	.summary = "Take an image out of a manifest list",
	.operands = "LIST IMAGE",
	.description =
		"IMAGE is the digest of an instance (`cmk manifest inspect` shows them), or "
		"an image of the local store that is in the list; it stays there. The list's "
		"ID is printed.",
	.examples = manifest_remove_examples,
	.min_operands = 2,
	.max_operands = 2,
	.complete = COMPLETE_IMAGES,
	.exec = manifest_remove_exec,
};
