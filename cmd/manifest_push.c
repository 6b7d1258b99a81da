// SPDX-License-Identifier: Apache-2.0
#include "cmd/prune.h"
#include "cmd/push.h"
#include "cmd/registry_rows.h"

struct manifest_push_args {
	struct cmk_push_args push; /* first: the shared rows' offsets are of it */
	bool all, insecure, rm;
	char **add_compression;
};

static const struct cmk_option manifest_push_options[] = {
	CMK_OPT_OF(OPT_CSV, 0, "add-compression", struct manifest_push_args, add_compression,
		   "FORMAT", "add each image once more, compressed so",
		   .words = "gzip|zstd|zstd:chunked", .complete = COMPLETE_WORDS,
		   .conf = "engine.add_compression"),
	CMK_OPT_FLAG(0, "all", struct manifest_push_args, all, "push the instances, too",
		     .def = "true"),
	CMK_OPT_INSECURE(struct manifest_push_args),
	CMK_OPT_FLAG('p', "rm", struct manifest_push_args, rm, "remove the list when it is there",
		     .alias = "purge"),
	CMK_OPT_USE(cmk_push_options),
	CMK_OPT_END(),
};

static int remove_list(struct storage *st, const char *id, const char *text, struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	int r = storage_image_load(st, id, &rec, err);

	if (r == 0)
		r = cmk_image_remove(st, &rec, text, false, err);
	return r < 0 ? cmk_err_wrap(err, r, "removing manifest after push") : 0;
}

static int add_compression(const struct manifest_push_args *a, struct image_push_options *o,
			   struct cmk_err *err)
{
	if (a->add_compression && !a->all)
		return cmk_err_set(err, -EINVAL,
				   "--add-compression adds images: not with --all=false");
	for (char **s = a->add_compression; s && *s; s++) {
		enum layer_compression kind = LAYER_TAR;

		if (layer_compression_parse(*s, &kind) < 0 || kind == LAYER_TAR ||
		    kind > LAYER_ZSTD_CHUNKED)
			return cmk_err_set(err, -EINVAL,
					   "--add-compression '%.40s': gzip, zstd or zstd:chunked",
					   *s);
		if (kind != LAYER_GZIP && o->format == PUSH_DOCKER)
			return cmk_err_set(err, -EINVAL,
					   "docker's format has no layers by zstd: use oci");
		o->add_compression |= 1U << kind;
	}
	return 0;
}

static int manifest_push_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			      struct cmk_err *err)
{
	const struct manifest_push_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *id = NULL, *to = NULL;
	struct image_push_options o;
	int r = cmk_push_fill(&a->push, &o, err);

	if (a->insecure)
		o.tls_verify = 0;
	if (r == 0)
		r = add_compression(a, &o, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0) {
		r = image_list_find(st, argv[0], &id, err);
		if (r == -ENOENT)
			r = cmk_err_wrap(err, r, "retrieving local image from image name %s",
					 argv[0]);
	}
	if (r == 0)
		r = cmk_push_destination(argv[argc - 1], &to, err);
	if (r == 0)
		r = cmk_push_list(st, id, to, a->all, &a->push, &o, err);
	return r == 0 && a->rm ? remove_list(st, id, argv[0], err) : r;
}

static const struct cmk_example manifest_push_examples[] = {
	{ "cmk manifest push app:1 docker://registry.example.org/app:1",
	  "Sends the list and its images there" },
	{ "cmk manifest push --digestfile digest --rm app:1 registry.example.org/app:1",
	  "Keeps the digest that it has there, and no list here" },
	{ "cmk manifest push app:1 oci-archive:app.tar:1",
	  "Writes the list and its images to one file" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_manifest_push = {
	.name = "manifest push",
	.summary = "Send a manifest list to a registry, or write it to files",
	.operands = "LIST [DESTINATION]",
	.description =
		"Sends the images of the list, each under its digest, and then the list under the "
		"name DESTINATION, or without one its own. An image that is not here is copied "
		"from the registry where it was found.\n\nAn image that was pulled keeps its "
		"digest. One that was made here is compressed on the way, or with `--format` "
		"becomes another manifest; then the list has another digest there than "
		"here.\n\nDESTINATION may be a place for files, as for `cmk push`: "
		"`oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]` or `dir:DIR`. Docker's archives hold "
		"no lists.",
	.examples = manifest_push_examples,
	.options = manifest_push_options,
	.args_size = sizeof(struct manifest_push_args),
	.min_operands = 1,
	.max_operands = 2,
	.complete = COMPLETE_IMAGES,
	.exec = manifest_push_exec,
};
