// SPDX-License-Identifier: Apache-2.0
/* `mount` and `unmount` of containers. */
#include "cmd/containers.h"
#include "cmd/mounts.h"

struct mount_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	const char *format;
	bool no_trunc;
};

static const struct cmk_option mount_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_STRING(0, "format", struct mount_args, format, "FORMAT",
		       "print what is mounted as json"),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_FLAG(0, "no-trunc", struct mount_args, no_trunc, "do not shorten IDs",
		     .alias = "notruncate"),
	CMK_OPT_END(),
};

static int mount_one(struct storage *st, const char *name, void *arg cmk_unused,
		     struct cmk_err *err)
{
	cleanup_container struct container *c = NULL;
	cleanup_free char *path = NULL;
	int r = container_open(st, name, &c, err);

	if (r == 0)
		r = container_mount(c, &path, err);
	if (r == 0)
		(void)printf("%s\n", path);
	return r;
}

static void write_one(struct storage *st, const struct storage_mounted *m, bool json, bool no_trunc,
		      struct json_writer *w)
{
	cleanup_container struct container *c = NULL;
	cleanup_free char *id = no_trunc || json ? xstrdup(m->id) : xstrndup(m->id, 12);
	char *names[2] = { NULL };

	if (container_open(st, m->id, &c, NULL) == 0)
		names[0] = c->cfg.name;
	json_write_object(w, NULL);
	json_write_str(w, "id", id);
	json_write_strv(w, "Names", names);
	json_write_str(w, "mountpoint", m->path);
	json_write_end(w, '}');
}

static int print_mounted(struct storage *st, bool json, bool no_trunc, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	struct storage_mounted *list = NULL;
	size_t n = 0;
	int r = storage_mount_list(st, STORAGE_MOUNT_CONTAINER, &list, &n, err);

	if (r < 0)
		return r;
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		write_one(st, &list[i], json, no_trunc, &w);
	storage_mounted_free(list, n);
	return cmk_mounts_print(&w, json, "table {{.id}}\t{{.mountpoint}}", err);
}

static int mount_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		      struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	const struct mount_args *a = args;
	bool json = false, some = argc > 0 || a->select.all || a->select.latest;
	int r = cmk_mounts_format(a->format, &json, err);

	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = storage_mount_check(st, "mount", err);
	if (r == 0 && some)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	if (r == 0 && some && !json)
		return cmk_each_name(st, names, mount_one, NULL, NULL);
	if (r == 0 && some)
		return cmk_err_set(err, -EINVAL,
				   "--format is about the list of what is mounted, "
				   "not for containers to be mounted");
	return r < 0 ? r : print_mounted(st, json, a->no_trunc, err);
}

static const char *const mount_aliases[] = { "container mount", NULL };

static const struct cmk_example mount_examples[] = {
	{ "cmk unshare sh -c 'ls $(cmk mount web)'", "Looks into the root directory of web" },
	{ "cmk mount", "Within `cmk unshare`: lists what is mounted" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_mount = {
	.name = "mount",
	.aliases = mount_aliases,
	.summary = "Mount the root file systems of containers",
	.operands = "[CONTAINER...]",
	.description =
		"Mounts the root file system of each container and prints where; without "
		"containers it lists what is mounted. It works only within `cmk unshare`, in "
		"whose mount namespace the files are then seen, as root of the user namespace in "
		"which they have their owners; the mounts end with it. A container that is "
		"mounted can be started, and one that runs can be mounted: it is the same file "
		"system. Its volumes are not mounted.",
	.examples = mount_examples,
	.options = mount_options,
	.args_size = sizeof(struct mount_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = mount_exec,
};

/* --- unmount --- */

struct unmount_args {
	struct cmk_select select; /* first, as above */
	bool force;
};

static const struct cmk_option unmount_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_FLAG('f', "force", struct unmount_args, force,
		     "unmount it although it was mounted several times"),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_END(),
};

static int unmount_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	cleanup_container struct container *c = NULL;
	const struct unmount_args *a = arg;
	int r = container_open(st, name, &c, err);

	if (r == 0)
		r = container_unmount(c, a->force, err);
	/* One that was not mounted is no error, and named only where it was asked for. */
	if (r == 0 || (r > 0 && !a->select.all))
		(void)printf("%s\n", name);
	return r < 0 ? r : 0;
}

static int unmount_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct unmount_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = storage_mount_check(st, "unmount", err);
	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, unmount_one, a, NULL);
}

static const char *const unmount_aliases[] = { "umount", "container unmount", "container umount",
					       NULL };

static const struct cmk_example unmount_examples[] = {
	{ "cmk unmount web", "Takes one mount of web back" },
	{ "cmk unmount --all --force", "Unmounts all containers of this session" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_unmount = {
	.name = "unmount",
	.aliases = unmount_aliases,
	.summary = "Unmount the root file systems of containers",
	.operands = "[CONTAINER...]",
	.description = "Within `cmk unshare`: takes back what `cmk mount` has done there. A "
		       "container that was mounted several times stays mounted until it was "
		       "unmounted as often, or --force is given.",
	.examples = unmount_examples,
	.options = unmount_options,
	.args_size = sizeof(struct unmount_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = unmount_exec,
};
