// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"
#include "image/image.h"
#include "libpod/libpod.h"

static int tag_exec(const struct cmk_globals *g, void *args cmk_unused, int argc, char **argv,
		    struct cmk_err *err)
{
	cleanup_free char *id = NULL;
	struct storage *st = NULL;
	int r;

	/* All names are looked at before the first is given. */
	for (int i = 1; i < argc; i++) {
		cleanup_free char *name = NULL;

		r = image_new_name(argv[i], &name, err);
		if (r < 0)
			return r;
	}
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = image_find_local(st, argv[0], &id, NULL, err);
	for (int i = 1; i < argc && r == 0; i++) {
		cleanup_free char *name = NULL;

		r = image_new_name(argv[i], &name, err);
		if (r == 0)
			r = storage_name_set(st, name, id, err);
		if (r == 0)
			event_write_image(st, "tag", id, name);
	}
	storage_free(st);
	return r;
}

static const char *const tag_aliases[] = { "image tag", NULL };

static const struct cmk_example tag_examples[] = {
	{ "cmk tag alpine localhost/base:1", "Gives the image a second name" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_tag = {
	.name = "tag",
	.aliases = tag_aliases,
	.summary = "Give an image another name",
	.operands = "IMAGE NAME [NAME...]",
	.description = "A name without a registry gets localhost/, one without a tag :latest. A "
		       "name that another image has is taken from it.",
	.min_operands = 2,
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.examples = tag_examples,
	.exec = tag_exec,
};
