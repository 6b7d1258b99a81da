// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "image/image.h"

struct image_scp_args {
	bool quiet;
};

static const struct cmk_option image_scp_options[] = {
	CMK_OPT_FLAG('q', "quiet", struct image_scp_args, quiet, "print nothing"),
	CMK_OPT_END(),
};

static int image_scp_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			  struct cmk_err *err)
{
	const struct image_scp_args *a = args;
	cleanup_strv char **ids = NULL, **names = NULL;
	cleanup_storage struct storage *st = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = image_scp(st, argv[0], argc > 1 ? argv[1] : NULL, a->quiet, &ids, &names, err);
	for (size_t i = 0; r == 0 && names && names[i]; i++) {
		event_write_image(st, "loadfromarchive", ids[i], names[i]);
		if (!a->quiet)
			(void)printf("Loaded image: %s\n", names[i]);
	}
	return r < 0 ? cmk_err_wrap(err, r, "image scp") : 0;
}

static const struct cmk_example image_scp_examples[] = {
	{ "cmk image scp alpine user@host::", "Copies the image to another machine" },
	{ "cmk image scp user@host:2222::app", "Takes one from there" },
	{ "cmk image scp one::app two::",
	  "Copies it from one machine to another, through this one" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_scp = {
	.name = "image scp",
	.summary = "Copy an image between machines by ssh",
	.operands = "[HOST::]IMAGE [HOST::[IMAGE]]",
	.description =
		"HOST is `[USER@]HOST[:PORT]`, or a name that ssh_config(5) knows; what has none "
		"is "
		"of this machine. The image goes through `ssh` as an archive of docker's, written "
		"by "
		"`save` and read by `load` at the two ends; nothing is stored on the way. On the "
		"other machine that is cmk, or podman where there is no cmk. An image after the "
		"destination's `::` is the name that it gets.\n\nBetween users of one machine: "
		"`cmk "
		"save IMAGE | sudo -iu USER cmk load`.",
	.examples = image_scp_examples,
	.options = image_scp_options,
	.args_size = sizeof(struct image_scp_args),
	.min_operands = 1,
	.max_operands = 2,
	.complete = COMPLETE_IMAGES,
	.exec = image_scp_exec,
};
