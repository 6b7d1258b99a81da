// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cmd/format.h"
#include "cmd/manifests.h"
#include "cmd/registry_rows.h"

#define MANIFEST_TEXT_MAX ((size_t)4 << 20)

struct manifest_inspect_args {
	const char *authfile;
	bool insecure;
	int tls_verify;
};

static const struct cmk_option manifest_inspect_options[] = {
	CMK_OPT_AUTHFILE(struct manifest_inspect_args),
	CMK_OPT_INSECURE(struct manifest_inspect_args),
	CMK_OPT_TLS_VERIFY(struct manifest_inspect_args),
	CMK_OPT_END(),
};

static int print_json(const char *text, size_t len, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	int r = json_parse(text, len, MANIFEST_TEXT_MAX, &doc, err);

	if (r < 0)
		return r;
	w.pretty = true;
	json_write_value(&w, NULL, json_root(doc));
	return format_print_object("json", &w, err);
}

static int manifest_inspect_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
				 char **argv, struct cmk_err *err)
{
	const struct manifest_inspect_args *a = args;
	const struct image_pull_options pull = { .authfile = a->authfile,
						 .tls_verify = CMK_TLS_VERIFY(a) };
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = image_manifest_read(st, argv[0], &pull, &text, &len, err);
	return r < 0 ? r : print_json(text, len, err);
}

static const struct cmk_example manifest_inspect_examples[] = {
	{ "cmk manifest inspect app:1", "Shows the list of the local store" },
	{ "cmk manifest inspect docker://alpine | jq '.manifests[].platform'",
	  "Shows for which platforms the registry has it" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_manifest_inspect = {
	.name = "manifest inspect",
	.summary = "Show a manifest list as JSON",
	.operands = "LIST",
	.description = "A list of the local store, or else what a registry has under that name: a "
		       "list or, with a warning, the manifest of a single image.",
	.examples = manifest_inspect_examples,
	.options = manifest_inspect_options,
	.args_size = sizeof(struct manifest_inspect_args),
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_IMAGES,
	.exec = manifest_inspect_exec,
};
