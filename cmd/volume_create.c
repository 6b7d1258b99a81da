// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include "cmd/containers.h"
#include "libpod/record/record.h"

struct volume_create_args {
	char **labels, **options;
	const char *driver, *name;
	bool ignore;
	int64_t uid, gid;
};

static const struct cmk_option volume_create_options[] = {
	CMK_OPT_STRING('d', "driver", struct volume_create_args, driver, "DRIVER",
		       "what looks after the volume: local", .def = "local"),
	CMK_OPT_OF(OPT_INT, 0, "gid", struct volume_create_args, gid, "GID",
		   "group that owns the volume, as a container sees it", .max = UINT32_MAX - 1),
	CMK_OPT_FLAG(0, "ignore", struct volume_create_args, ignore,
		     "no error where there is a volume of the name"),
	CMK_OPT_OF(OPT_STRV, 'l', "label", struct volume_create_args, labels, "KEY[=VALUE]",
		   "set a label"),
	CMK_OPT_STRING(0, "name", struct volume_create_args, name, "NAME",
		       "as NAME alone, in the words of docker's older scripts"),
	CMK_OPT_OF(OPT_STRV, 'o', "opt", struct volume_create_args, options, "KEY=VALUE",
		   "set an option of the driver: type, device, o"),
	CMK_OPT_OF(OPT_INT, 0, "uid", struct volume_create_args, uid, "UID",
		   "user that owns the volume, as a container sees it", .max = UINT32_MAX - 1),
	CMK_OPT_END(),
};

static int volume_create_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			      struct cmk_err *err)
{
	const struct volume_create_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *name = NULL;
	const struct volume_options o = {
		.driver = a->driver,
		.labels = a->labels,
		.options = a->options,
		.uid = (uint32_t)a->uid,
		.gid = (uint32_t)a->gid,
		.ignore = a->ignore,
	};
	const char *wanted = argc > 0 ? argv[0] : a->name;
	int r;

	if (a->name && argc > 0)
		return cmk_err_set(err, -EINVAL, "--name and a NAME cannot be used together");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = volume_create(st, wanted, &o, &name, err);
	if (r == 0)
		(void)printf("%s\n", name);
	return r;
}

static const struct cmk_example volume_create_examples[] = {
	{ "cmk volume create data", "Makes a volume and prints its name" },
	{ "cmk volume create --label app=web --opt type=tmpfs --opt o=size=64m cache",
	  "Makes a volume in memory, which each container gets empty" },
	{ "cmk volume create --opt type=none --opt o=bind --opt device=/srv/files files",
	  "Gives a directory of the host the name of a volume" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_volume_create = {
	.name = "volume create",
	.summary = "Create a volume",
	.operands = "[NAME]",
	.description =
		"Makes a volume, files that outlive containers, and prints its name; without NAME "
		"one of 64 random digits, which `volume prune` takes for anonymous. A container "
		"gets it by `-v NAME:DIR`, which makes it as "
		"well where it is absent.",
	.examples = volume_create_examples,
	.options = volume_create_options,
	.args_size = sizeof(struct volume_create_args),
	.max_operands = 1,
	.exec = volume_create_exec,
};
