// SPDX-License-Identifier: Apache-2.0
#include "cmd/manifests.h"
#include "cmd/registry_rows.h"

struct manifest_add_args {
	struct cmk_manifest_note note; /* first: the shared rows' offsets are of it */
	const char *authfile, *cert_dir, *creds;
	int tls_verify;
	bool all, insecure;
};

static const struct cmk_option manifest_add_options[] = {
	CMK_OPT_FLAG(0, "all", struct manifest_add_args, all,
		     "of an image that is a list itself, add all instances"),
	CMK_OPT_AUTHFILE(struct manifest_add_args),
	CMK_OPT_CERT_DIR(struct manifest_add_args),
	CMK_OPT_CREDS(struct manifest_add_args),
	CMK_OPT_INSECURE(struct manifest_add_args),
	CMK_OPT_TLS_VERIFY(struct manifest_add_args),
	CMK_OPT_USE(cmk_manifest_note_options),
	CMK_OPT_END(),
};

static int manifest_add_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			     struct cmk_err *err)
{
	const struct manifest_add_args *a = args;
	const struct image_pull_options pull = { .authfile = a->authfile,
						 .creds = a->creds,
						 .cert_dir = a->cert_dir,
						 .tls_verify = CMK_TLS_VERIFY(a) };
	struct image_list_add add = { .all = a->all, .pull = &pull };
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *id = NULL;
	int r = cmk_manifest_note(&a->note, &add.note, err);

	if (r == 0)
		r = image_authfile_check(a->authfile, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = image_list_find(st, argv[0], &id, err);
	for (int i = 1; r == 0 && i < argc; i++)
		r = image_list_add(st, id, argv[i], &add, err);
	if (r < 0)
		return r;
	printf("%s\n", id);
	return 0;
}

static const struct cmk_example manifest_add_examples[] = {
	{ "cmk manifest add app:1 app:arm64", "Adds an image of the local store" },
	{ "cmk manifest add --all app:1 docker://registry.example.org/app:1",
	  "Adds all that the registry's list has" },
	{ "cmk manifest add --arch arm64 --variant v8 app:1 oci-archive:app.tar",
	  "Adds an image from a file, and says what it is for" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_manifest_add = {
	.name = "manifest add",
	.summary = "Add images to a manifest list",
	.operands = "LIST IMAGE [IMAGE...]",
	.description =
		"IMAGE is one of the local store, else one of a registry (`docker://NAME` always "
		"is), of which only the manifest is read now; `cmk manifest push` fetches the rest "
		"from there. With another transport (`oci:`, `oci-archive:`, `docker-archive:`, "
		"`dir:`) it is taken into the local store.\n\nOf an image that is a list itself "
		"the instance for this machine is added, or all with `--all`. One that is in the "
		"list already is replaced. The list's ID is printed.",
	.examples = manifest_add_examples,
	.options = manifest_add_options,
	.args_size = sizeof(struct manifest_add_args),
	.min_operands = 2,
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.exec = manifest_add_exec,
};
