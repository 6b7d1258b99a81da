// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "image/image.h"

struct artifact_extract_args {
	const char *digest, *title;
};

static const struct cmk_option artifact_extract_options[] = {
	CMK_OPT_STRING(0, "digest", struct artifact_extract_args, digest, "DIGEST",
		       "only the file with this digest"),
	CMK_OPT_STRING(0, "title", struct artifact_extract_args, title, "TITLE",
		       "only the file with this title"),
	CMK_OPT_END(),
};

static int artifact_extract_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
				 char **argv, struct cmk_err *err)
{
	cleanup(storage_artifact_done) struct storage_artifact artifact = { 0 };
	const struct artifact_extract_args *a = args;
	cleanup_storage struct storage *st = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = image_artifact_find(st, argv[0], &artifact, err);
	return r < 0 ? r : image_artifact_extract(st, &artifact, a->title, a->digest, argv[1], err);
}

static const struct cmk_example artifact_extract_examples[] = {
	{ "cmk artifact extract registry.example.org/models/small:1 models/",
	  "All files, into a directory that exists" },
	{ "cmk artifact extract --title README.md small /tmp/readme", "One of them, to a file" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_artifact_extract = {
	.name = "artifact extract",
	.summary = "Copy an artifact's files out of the store",
	.operands = "ARTIFACT PATH",
	.description =
		"Into a directory go all files, each by its title, or by its digest (`sha256-HEX`) "
		"where it has none or `--digest` was given; what has the name there is replaced. "
		"To a file goes one: the only one, or the one that `--title` or `--digest` names. "
		"A title that is more than a plain name, or is there twice, is an error, and "
		"nothing is written then.",
	.examples = artifact_extract_examples,
	.options = artifact_extract_options,
	.args_size = sizeof(struct artifact_extract_args),
	.min_operands = 2,
	.max_operands = 2,
	.complete = COMPLETE_FILES,
	.exec = artifact_extract_exec,
};
