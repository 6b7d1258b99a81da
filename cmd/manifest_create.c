// SPDX-License-Identifier: Apache-2.0
#include "cmd/manifests.h"
#include "cmd/registry_rows.h"

struct manifest_create_args {
	bool all, amend, insecure;
	int tls_verify;
	char **annotations;
};

static const struct cmk_option manifest_create_options[] = {
	CMK_OPT_FLAG(0, "all", struct manifest_create_args, all,
		     "of images that are lists themselves, add all instances"),
	CMK_OPT_FLAG('a', "amend", struct manifest_create_args, amend,
		     "where the list exists, add to it"),
	CMK_OPT_OF(OPT_STRV, 0, "annotation", struct manifest_create_args, annotations, "KEY=VALUE",
		   "set an annotation of the list"),
	CMK_OPT_INSECURE(struct manifest_create_args),
	CMK_OPT_TLS_VERIFY(struct manifest_create_args),
	CMK_OPT_END(),
};

/* *RET_NEW: it has been made, and is to go where an image cannot be added. */
static int create_or_find(struct storage *st, const char *name,
			  const struct manifest_create_args *a, char **ret_id, bool *ret_new,
			  struct cmk_err *err)
{
	int r = image_list_create(st, name, a->annotations, ret_id, err);

	*ret_new = r == 0;
	if (r != -EEXIST || !a->amend)
		return r;
	cmk_err_done(err);
	r = image_list_find(st, name, ret_id, err);
	if (r == 0 && a->annotations)
		r = image_list_annotate_index(st, *ret_id, a->annotations, err);
	return r;
}

static int manifest_create_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
				struct cmk_err *err)
{
	const struct manifest_create_args *a = args;
	const struct image_pull_options pull = { .tls_verify = CMK_TLS_VERIFY(a) };
	const struct image_list_add add = { .all = a->all, .pull = &pull };
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *id = NULL;
	bool is_new = false;
	int r = cmk_manifest_check_annotations(a->annotations, err);

	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = create_or_find(st, argv[0], a, &id, &is_new, err);
	for (int i = 1; r == 0 && i < argc; i++)
		r = image_list_add(st, id, argv[i], &add, err);
	if (r < 0 && is_new)
		(void)storage_image_remove(st, id, NULL);
	if (r < 0)
		return r;
	printf("%s\n", id);
	return 0;
}

static const struct cmk_example manifest_create_examples[] = {
	{ "cmk manifest create localhost/app:1", "Makes an empty list" },
	{ "cmk manifest create app:1 app:amd64 app:arm64", "Makes a list of two images" },
	{ "cmk manifest create --all mirror docker://alpine",
	  "Makes a list of all that the registry's list has" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_manifest_create = {
	.name = "manifest create",
	.summary = "Make a list of images for several platforms",
	.operands = "LIST [IMAGE...]",
	.description = "Makes a manifest list (an OCI image index) in the local store, adds the "
		       "images as `cmk manifest add` does, and prints the list's ID. Where an "
		       "image cannot be added, no list is left.",
	.examples = manifest_create_examples,
	.options = manifest_create_options,
	.args_size = sizeof(struct manifest_create_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.exec = manifest_create_exec,
};
