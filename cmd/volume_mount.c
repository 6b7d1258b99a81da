// SPDX-License-Identifier: Apache-2.0
/* `volume mount` and `volume unmount`: a local volume lies on the host all the time. */
#include "cmd/containers.h"

static int mount_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	const char *type, *device;
	const bool *unmount = arg;
	int r = storage_volume_find(st, name, &v, err);

	if (r < 0)
		return r;
	type = strv_env_get(v.options, "type");
	device = strv_env_get(v.options, "device");
	if (type && streq(type, "tmpfs"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "volume '%s' is in the memory of the containers that use it",
				    v.name);
	(void)printf("%s\n", *unmount ? v.name : device ? device : v.mountpoint);
	return 0;
}

static int mount_all(const struct cmk_globals *g, char **argv, bool unmount, struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	return r < 0 ? r : cmk_each_name(st, argv, mount_one, &unmount, NULL);
}

static int volume_mount_exec(const struct cmk_globals *g, void *args cmk_unused,
			     int argc cmk_unused, char **argv, struct cmk_err *err)
{
	return mount_all(g, argv, false, err);
}

static int volume_unmount_exec(const struct cmk_globals *g, void *args cmk_unused,
			       int argc cmk_unused, char **argv, struct cmk_err *err)
{
	return mount_all(g, argv, true, err);
}

static const struct cmk_example volume_mount_examples[] = {
	{ "ls $(cmk volume mount data)", "Lists a volume's files from outside" },
	{ "cp file $(cmk volume mount data)", "Puts a file into it" },
	{ NULL, NULL },
};
static const struct cmk_example volume_unmount_examples[] = {
	{ "cmk volume unmount data", "Says that one is done with it" },
	{ "cmk volume umount data", "The same" },
	{ NULL, NULL },
};
static const char *const volume_unmount_aliases[] = { "volume umount", NULL };

const struct cmk_command cmk_cmd_volume_mount = {
	.name = "volume mount",
	.summary = "Print where a volume's files are",
	.operands = "VOLUME...",
	.description =
		"Prints the directory of each volume. There is nothing to mount: the files lie "
		"on the host all the time. Files of other users of a container belong to "
		"subordinate ids there.",
	.examples = volume_mount_examples,
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_VOLUMES,
	.exec = volume_mount_exec,
};

const struct cmk_command cmk_cmd_volume_unmount = {
	.name = "volume unmount",
	.aliases = volume_unmount_aliases,
	.summary = "The counterpart of 'volume mount'",
	.operands = "VOLUME...",
	.description =
		"Prints the name of each volume, which must exist. Since `volume mount` mounts "
		"nothing, there is nothing else to do.",
	.examples = volume_unmount_examples,
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_VOLUMES,
	.exec = volume_unmount_exec,
};
