// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "image/image.h"

struct artifact_add_args {
	char **annotations;
	const char *type, *file_type;
	bool append, replace;
};

static const struct cmk_option artifact_add_options[] = {
	CMK_OPT_OF(OPT_STRV, 0, "annotation", struct artifact_add_args, annotations, "KEY=VALUE",
		   "annotate each of the files"),
	CMK_OPT_FLAG('a', "append", struct artifact_add_args, append,
		     "add the files to the artifact that is here"),
	CMK_OPT_STRING(0, "file-type", struct artifact_add_args, file_type, "TYPE",
		       "media type of the files"),
	CMK_OPT_FLAG(0, "replace", struct artifact_add_args, replace,
		     "an artifact of that name gives way"),
	CMK_OPT_STRING(0, "type", struct artifact_add_args, type, "TYPE",
		       "media type of the artifact"),
	CMK_OPT_END(),
};

static int artifact_add_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			     char **argv, struct cmk_err *err)
{
	const struct artifact_add_args *a = args;
	const struct image_artifact_add o = { .type = a->type,
					      .file_type = a->file_type,
					      .annotations = a->annotations,
					      .append = a->append,
					      .replace = a->replace };
	cleanup_storage struct storage *st = NULL;
	struct digest id;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = image_artifact_add(st, argv[0], argv + 1, &o, &id, err);
	if (r == 0) {
		event_write_artifact(st, "create", id.hex, argv[0]);
		(void)printf("%s\n", id.hex);
	}
	return r;
}

static const struct cmk_example artifact_add_examples[] = {
	{ "cmk artifact add registry.example.org/models/small:1 small.gguf",
	  "Makes an artifact of one file" },
	{ "cmk artifact add --append registry.example.org/models/small:1 README.md",
	  "Adds another to it" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_artifact_add = {
	.name = "artifact add",
	.summary = "Make an artifact of files",
	.operands = "ARTIFACT FILE [FILE...]",
	.description =
		"Copies the files into an OCI artifact of this name and prints the digest of "
		"its manifest. Each keeps the last part of its path as its title, or what an "
		"annotation `org.opencontainers.image.title` says, which no other file of the "
		"artifact may have. `cmk artifact push` sends it to the "
		"registry that the name says.",
	.examples = artifact_add_examples,
	.options = artifact_add_options,
	.args_size = sizeof(struct artifact_add_args),
	.min_operands = 2,
	.max_operands = -1,
	.complete = COMPLETE_FILES,
	.exec = artifact_add_exec,
};
