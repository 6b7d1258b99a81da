// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "image/image.h"

struct artifact_rm_args {
	bool all, ignore;
};

static const struct cmk_option artifact_rm_options[] = {
	CMK_OPT_FLAG('a', "all", struct artifact_rm_args, all, "remove every artifact"),
	CMK_OPT_FLAG('i', "ignore", struct artifact_rm_args, ignore,
		     "an artifact that is not here is no error"),
	CMK_OPT_END(),
};

static int rm_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	cleanup(storage_artifact_done) struct storage_artifact artifact = { 0 };
	const struct artifact_rm_args *a = arg;
	int r = image_artifact_find(st, name, &artifact, err);

	if (r == 0)
		r = storage_artifact_remove(st, artifact.name, err);
	if (r == -ENOENT && (a->ignore || a->all)) {
		cmk_err_done(err);
		return 0;
	}
	if (r == 0) {
		event_write_artifact(st, "remove", artifact.id.hex, artifact.name);
		(void)printf("Deleted: %s\n", artifact.id.hex);
	}
	return r;
}

static int artifact_rm_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			    struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	struct storage_artifact *list = NULL;
	cleanup_strv char **names = NULL;
	struct artifact_rm_args *a = args;
	size_t n = 0;
	int r;

	if (a->all && argc > 0)
		return cmk_err_set(err, -EINVAL,
				   "when using the --all switch, you may not pass any artifact "
				   "names or digests");
	if (!a->all && argc == 0)
		return cmk_err_set(err, -EINVAL,
				   "at least one artifact name or digest must be specified");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	if (!a->all)
		return cmk_each_name(st, argv, rm_one, a, NULL);
	r = storage_artifact_list(st, &list, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		strv_add(&names, list[i].name);
	storage_artifact_list_free(list, n);
	return r < 0 ? r : cmk_each_name(st, names, rm_one, a, NULL);
}

static const struct cmk_example artifact_rm_examples[] = {
	{ "cmk artifact rm registry.example.org/models/small:1", "Removes one by its name" },
	{ "cmk artifact rm --all", "Removes every artifact" },
	{ NULL, NULL },
};
static const char *const artifact_rm_aliases[] = { "artifact remove", NULL };

const struct cmk_command cmk_cmd_artifact_rm = {
	.name = "artifact rm",
	.aliases = artifact_rm_aliases,
	.summary = "Remove artifacts",
	.operands = "[ARTIFACT...]",
	.description =
		"Takes the name away, and the artifact with its last one. It may be given by "
		"the beginning of its digest, too.",
	.examples = artifact_rm_examples,
	.options = artifact_rm_options,
	.args_size = sizeof(struct artifact_rm_args),
	.max_operands = -1,
	.exec = artifact_rm_exec,
};
