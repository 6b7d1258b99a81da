// SPDX-License-Identifier: Apache-2.0
#include "cmd/images_filter.h"
#include "cmd/prune.h"

struct image_prune_args {
	bool all, build_cache, external, force;
	char **filters;
};

static const struct cmk_option image_prune_options[] = {
	CMK_OPT_FLAG('a', "all", struct image_prune_args, all,
		     "remove also images with a name, that no container uses"),
	CMK_OPT_FLAG(0, "build-cache", struct image_prune_args, build_cache,
		     "remove what builds have cached, too"),
	CMK_OPT_FLAG(0, "external", struct image_prune_args, external,
		     "remove also those that containers of other tools use"),
	CMK_OPT_OF(OPT_STRV, 0, "filter", struct image_prune_args, filters, "KEY=VALUE",
		   "remove only what matches: until, label, label! or dangling",
		   .keys = images_prune_keys),
	CMK_OPT_FLAG('f', "force", struct image_prune_args, force, "do not ask"),
	CMK_OPT_END(),
};

static int image_prune_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			    char **argv cmk_unused, struct cmk_err *err)
{
	cleanup(cmk_pruned_done) struct cmk_pruned pruned = { 0 };
	const struct image_prune_args *a = args;
	cleanup_storage struct storage *st = NULL;
	struct images_filter *f = NULL;
	struct images_world none = { 0 };
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r < 0)
		return r;
	/* What is wrong with a filter is said before the question. */
	none.st = st;
	r = images_filter_parse(&none, a->filters, NULL, true, &f, err);
	images_filter_free(f);
	if (r < 0)
		return r;
	if (!a->force &&
	    !cmk_confirm(a->all ? "WARNING! This command removes all images without at least one "
				  "container associated with them."
				: "WARNING! This command removes all dangling images."))
		return 0;
	r = cmk_prune_images(st, a->all, a->filters, &pruned, err);
	cmk_pruned_print(&pruned, NULL);
	if (r == 0)
		r = cmk_prune_blobs(st, a->filters, &pruned, err);
	return r < 0 ? r : pruned.code;
}

static const struct cmk_example image_prune_examples[] = {
	{ "cmk image prune", "Removes the images that have lost their names, after a question" },
	{ "cmk image prune -a -f --filter until=24h",
	  "Removes what no container uses and is older than a day" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_prune = {
	.name = "image prune",
	.summary = "Remove images that nobody uses",
	.description =
		"Removes the images that have no name and of which no other was made, or "
		"with --all every one, unless a container uses it or it is mounted; and "
		"prints their IDs. The compressed layers that pulls have kept (`cmk pull "
		"--keep-blobs`) go as well, unless a filter is given. Without --force it asks "
		"first.",
	.examples = image_prune_examples,
	.options = image_prune_options,
	.args_size = sizeof(struct image_prune_args),
	.exec = image_prune_exec,
};
