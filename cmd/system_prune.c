// SPDX-License-Identifier: Apache-2.0
#include "base/strbuf.h"
#include "cmd/format.h"
#include "cmd/images_filter.h"
#include "cmd/prune.h"
#include "cmd/ps_filter.h"

struct system_prune_args {
	bool all, build, external, force, volumes;
	char **filters;
};

static const struct cmk_option system_prune_options[] = {
	CMK_OPT_FLAG('a', "all", struct system_prune_args, all,
		     "remove all images that no container uses, not only dangling ones"),
	CMK_OPT_FLAG(0, "build", struct system_prune_args, build,
		     "remove containers of builds, too"),
	CMK_OPT_FLAG(0, "external", struct system_prune_args, external,
		     "remove containers of other tools, and nothing else"),
	CMK_OPT_OF(OPT_STRV, 0, "filter", struct system_prune_args, filters, "KEY=VALUE",
		   "remove only what matches: until, label or label!", .keys = cmk_prune_keys),
	CMK_OPT_FLAG('f', "force", struct system_prune_args, force, "do not ask"),
	CMK_OPT_FLAG(0, "volumes", struct system_prune_args, volumes,
		     "remove the volumes that no container uses, too"),
	CMK_OPT_END(),
};

static bool ask(const struct system_prune_args *a)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "WARNING! This command removes:\n"
			 "\t- all stopped containers\n"
			 "\t- all networks not used by at least one container\n");
	if (a->volumes)
		strbuf_adds(&sb, "\t- all volumes not used by at least one container\n");
	if (a->build)
		strbuf_adds(&sb, "\t- all build containers\n");
	strbuf_adds(&sb, a->all ? "\t- all images without at least one container associated with "
				  "them\n\t- all build cache\n"
				: "\t- all dangling images\n\t- all dangling build cache\n");
	return cmk_confirm(strbuf_str(&sb));
}

/* What is wrong with a filter is said before anything goes: each kind of object has its reader. */
static int check_filters(struct storage *st, char *const *filters, struct cmk_err *err)
{
	const struct images_world none = { .st = st };
	struct images_filter *images = NULL;
	struct ps_filter *containers = NULL;
	int r = cmk_prune_check_filters(filters, err);

	if (r == 0)
		r = ps_filter_new(st, filters, &containers, err);
	if (r == 0)
		r = images_filter_parse(&none, filters, NULL, true, &images, err);
	(void)ps_filter_free(containers);
	images_filter_free(images);
	return r;
}

/* Containers first: they hold volumes and images. */
static int prune(struct storage *st, const struct system_prune_args *a, struct cmk_err *err)
{
	cleanup(cmk_pruned_done) struct cmk_pruned containers = { .count = true };
	cleanup(cmk_pruned_done) struct cmk_pruned volumes = { .count = true };
	cleanup(cmk_pruned_done) struct cmk_pruned images = { .count = true };
	cleanup_strv char **names = NULL;
	char size[32];
	int r = cmk_prune_containers(st, a->filters, &containers, err);

	cmk_pruned_print(&containers, "Deleted Containers");
	if (r == 0 && a->volumes)
		r = cmk_unused_volumes(st, a->filters, &names, err);
	if (r == 0 && names)
		r = cmk_prune_volumes(st, names, &volumes, err);
	cmk_pruned_print(&volumes, "Deleted Volumes");
	if (r == 0)
		r = cmk_prune_images(st, a->all, a->filters, &images, err);
	cmk_pruned_print(&images, "Deleted Images");
	if (r == 0)
		r = cmk_prune_blobs(st, a->filters, &images, err);
	if (r < 0)
		return r;
	format_size_tight(containers.bytes + volumes.bytes + images.bytes, 4, size);
	(void)printf("Total reclaimed space: %s\n", size);
	return MAX(containers.code, MAX(volumes.code, images.code));
}

static int system_prune_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			     char **argv cmk_unused, struct cmk_err *err)
{
	const struct system_prune_args *a = args;
	cleanup_storage struct storage *st = NULL;
	int r;

	if (a->external && (a->all || a->volumes || a->build || a->filters))
		return cmk_err_set(err, -EINVAL,
				   "system prune --external cannot be combined with other options");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = check_filters(st, a->filters, err);
	/* No other tool has containers in this store. */
	if (r < 0 || a->external)
		return r;
	if (!a->force && !ask(a))
		return 0;
	return prune(st, a, err);
}

static const struct cmk_example system_prune_examples[] = {
	{ "cmk system prune", "Removes what is not in use, after a question" },
	{ "cmk system prune -a -f --volumes", "Removes also named images, and volumes" },
	{ "cmk system prune -f --filter until=24h", "Removes only what is older than a day" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_system_prune = {
	.name = "system prune",
	.summary = "Remove what is not in use",
	.description =
		"Removes the containers that do not run, then images that no container uses "
		"(without --all only dangling ones), with --volumes the volumes that no "
		"container uses as well; and the compressed layers that pulls have kept (`cmk pull "
		"--keep-blobs`), unless a filter is given; prints their IDs, and how much was "
		"freed. "
		"Without --force it asks first.",
	.examples = system_prune_examples,
	.options = system_prune_options,
	.args_size = sizeof(struct system_prune_args),
	.exec = system_prune_exec,
};
