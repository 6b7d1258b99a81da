// SPDX-License-Identifier: Apache-2.0
#include "cmd/manifests.h"

struct manifest_annotate_args {
	struct cmk_manifest_note note; /* first: the shared rows' offsets are of it */
	bool index;
	const char *subject;
};

static const struct cmk_option manifest_annotate_options[] = {
	CMK_OPT_FLAG(0, "index", struct manifest_annotate_args, index,
		     "set the annotations of the list itself"),
	CMK_OPT_STRING(0, "subject", struct manifest_annotate_args, subject, "IMAGE",
		       "say which image the list itself is about", .complete = COMPLETE_IMAGES),
	CMK_OPT_USE(cmk_manifest_note_options),
	CMK_OPT_END(),
};

static int check(const struct manifest_annotate_args *a, int argc, struct cmk_err *err)
{
	const struct cmk_manifest_note *n = &a->note;
	bool index = a->index || a->subject;

	if (!index && argc < 2)
		return cmk_err_set(err, -EINVAL, "say of which instance: a digest, or an image");
	if (index && argc > 1)
		return cmk_err_set(err, -EINVAL,
				   "--index and --subject are of the list, not of an instance");
	if (index && (n->os || n->arch || n->variant || n->os_version || n->os_features ||
		      n->features || (!n->annotations && !a->subject)))
		return cmk_err_set(err, -EINVAL,
				   "--index and --subject go with --annotation alone");
	return 0;
}

static int manifest_annotate_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
				  struct cmk_err *err)
{
	const struct manifest_annotate_args *a = args;
	const struct image_pull_options pull = { .tls_verify = -1 };
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *id = NULL;
	struct image_list_note note;
	int r = check(a, argc, err);

	if (r == 0)
		r = cmk_manifest_note(&a->note, &note, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = image_list_find(st, argv[0], &id, err);
	if (r == 0 && a->subject)
		r = image_list_set_subject(st, id, a->subject, &pull, err);
	if (r == 0 && argc > 1)
		r = image_list_annotate(st, id, argv[1], &note, err);
	else if (r == 0 && note.annotations)
		r = image_list_annotate_index(st, id, note.annotations, err);
	if (r < 0)
		return r;
	printf("%s\n", id);
	return 0;
}

static const struct cmk_example manifest_annotate_examples[] = {
	{ "cmk manifest annotate --arch arm --variant v7 app:1 app:pi",
	  "Says what the image is for" },
	{ "cmk manifest annotate --index --annotation org.opencontainers.image.version=1 app:1",
	  "Sets an annotation of the list" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_manifest_annotate = {
	.name = "manifest annotate",
	.summary = "Change what a manifest list says of an image",
	.operands = "LIST [IMAGE]",
	.description = "IMAGE is the digest of an instance (`cmk manifest inspect` shows them), or "
		       "an image of the local store that is in the list. What no option says stays "
		       "as it is. The list's ID is printed.",
	.examples = manifest_annotate_examples,
	.options = manifest_annotate_options,
	.args_size = sizeof(struct manifest_annotate_args),
	.min_operands = 1,
	.max_operands = 2,
	.complete = COMPLETE_IMAGES,
	.exec = manifest_annotate_exec,
};
