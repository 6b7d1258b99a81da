// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/format.h"
#include "image/image.h"

struct artifact_inspect_args {
	const char *format;
};

static const struct cmk_option artifact_inspect_options[] = {
	CMK_OPT_STRING('f', "format", struct artifact_inspect_args, format, "FORMAT",
		       "print as json or through a Go template", .def = "json"),
	CMK_OPT_END(),
};

static int artifact_inspect_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
				 char **argv, struct cmk_err *err)
{
	cleanup(storage_artifact_done) struct storage_artifact artifact = { 0 };
	const struct artifact_inspect_args *a = args;
	cleanup(json_writer_done) struct json_writer w = { .pretty = true };
	cleanup_storage struct storage *st = NULL;
	int r = format_check(a->format, err);

	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = image_artifact_find(st, argv[0], &artifact, err);
	if (r == 0)
		r = image_artifact_inspect(&artifact, !streq(a->format, "json"), &w, err);
	return r < 0 ? r : format_print_object(a->format, &w, err);
}

static const struct cmk_example artifact_inspect_examples[] = {
	{ "cmk artifact inspect registry.example.org/models/small:1", "Shows the manifest" },
	{ "cmk artifact inspect --format '{{.Digest}}' small", "Its digest alone" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_artifact_inspect = {
	.name = "artifact inspect",
	.summary = "Show an artifact's manifest",
	.operands = "ARTIFACT",
	.description =
		"Prints `Manifest`, `Name` and `Digest` of an artifact that is here, which is "
		"named by its name or the beginning of its digest; a template has "
		"`TotalSizeBytes`, too.",
	.examples = artifact_inspect_examples,
	.options = artifact_inspect_options,
	.args_size = sizeof(struct artifact_inspect_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = artifact_inspect_exec,
};
