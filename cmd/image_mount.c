// SPDX-License-Identifier: Apache-2.0
/* `image mount` and `image unmount`. */
#include "cmd/containers.h"
#include "cmd/images_filter.h"
#include "cmd/mounts.h"

struct image_mount_args {
	bool all;
	const char *format;
};

static const struct cmk_option image_mount_options[] = {
	CMK_OPT_FLAG('a', "all", struct image_mount_args, all, "mount all images"),
	CMK_OPT_STRING(0, "format", struct image_mount_args, format, "FORMAT",
		       "print what is mounted as json"),
	CMK_OPT_END(),
};

static void write_mounted(struct storage *st, const char *id, const char *path,
			  struct json_writer *w)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	char *digests[2] = { NULL };
	bool known = storage_image_load(st, id, &rec, NULL) == 0;

	digests[0] = known ? rec.manifest_digest : NULL;
	json_write_object(w, NULL);
	json_write_str(w, "id", id);
	json_write_strv(w, "Names", digests);
	json_write_strv(w, "Repositories", rec.names);
	json_write_str(w, "mountpoint", path);
	json_write_end(w, '}');
}

struct image_mount_job {
	struct json_writer w;
	bool single; /* the path alone is printed */
};

static int image_mount_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	cleanup_free char *id = NULL, *full = NULL, *path = NULL;
	struct image_mount_job *j = arg;
	int r = image_resolve_local(st, name, &id, &full, err);

	if (r == 0)
		r = storage_image_mount(st, id, &path, err);
	if (r < 0)
		return r;
	event_write_image(st, "mount", id, full ?: id);
	if (j->single)
		(void)printf("%s\n", path);
	else
		write_mounted(st, id, path, &j->w);
	return 0;
}

static int write_list(struct storage *st, struct json_writer *w, struct cmk_err *err)
{
	struct storage_mounted *list = NULL;
	size_t n = 0;
	int r = storage_mount_list(st, STORAGE_MOUNT_IMAGE, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		write_mounted(st, list[i].id, list[i].path, w);
	storage_mounted_free(list, n);
	return r;
}

static int check_operands(bool all, int argc, struct cmk_err *err)
{
	if (all && argc > 0)
		return cmk_err_set(err, -EINVAL,
				   "when using the --all switch, you may not pass any image names "
				   "or IDs");
	return 0;
}

static int image_mount_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			    struct cmk_err *err)
{
	const struct image_mount_args *a = args;
	struct image_mount_job j = { 0 };
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **ids = NULL;
	int code = 0, r = check_operands(a->all, argc, err);
	bool json = false;

	if (r == 0)
		r = cmk_mounts_format(a->format, &json, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = storage_mount_check(st, "image mount", err);
	if (r == 0 && a->all)
		r = images_all_ids(st, &ids, err);
	if (r < 0)
		return r;
	j.single = argc == 1 && !json;
	json_write_array(&j.w, NULL);
	if (argc > 0 || a->all)
		code = cmk_each_name(st, a->all ? ids : argv, image_mount_one, &j, NULL);
	else
		r = write_list(st, &j.w, err);
	if (r == 0)
		r = cmk_mounts_print(&j.w, json,
				     "table {{if .Repositories}}{{index .Repositories 0}}{{else}}"
				     "{{.id}}{{end}}\t{{.mountpoint}}",
				     err);
	return r < 0 ? r : code;
}

static const struct cmk_example image_mount_examples[] = {
	{ "cmk unshare sh -c 'ls $(cmk image mount alpine)'", "Looks into an image" },
	{ "cmk image mount --format json", "Within `cmk unshare`: shows what is mounted" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_mount = {
	.name = "image mount",
	.summary = "Mount the root file systems of images",
	.operands = "[IMAGE...]",
	.description = "Mounts the root file system of each image, read-only, and prints where; "
		       "without images it lists what is mounted. It works only within `cmk "
		       "unshare`, in whose mount namespace the files are then seen; the mounts end "
		       "with it.",
	.options = image_mount_options,
	.args_size = sizeof(struct image_mount_args),
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.examples = image_mount_examples,
	.exec = image_mount_exec,
};

/* --- unmount --- */

struct image_unmount_args {
	bool all, force;
};

static const struct cmk_option image_unmount_options[] = {
	CMK_OPT_FLAG('a', "all", struct image_unmount_args, all, "unmount all images"),
	CMK_OPT_FLAG('f', "force", struct image_unmount_args, force,
		     "unmount it although it was mounted several times"),
	CMK_OPT_END(),
};

static int image_unmount_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct image_unmount_args *a = arg;
	cleanup_free char *id = NULL, *full = NULL;
	int r = image_resolve_local(st, name, &id, &full, err);

	if (r == 0)
		r = storage_mount_drop(st, STORAGE_MOUNT_IMAGE, id, a->force, err);
	if (r == 0)
		event_write_image(st, "unmount", id, full ?: id);
	/* One that was not mounted is no error, and named only where it was asked for. */
	if (r == 0 || (r > 0 && !a->all))
		(void)printf("%s\n", id);
	return r < 0 ? r : 0;
}

static int image_unmount_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			      struct cmk_err *err)
{
	struct image_unmount_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **ids = NULL;
	int r = check_operands(a->all, argc, err);

	if (r == 0 && !a->all && argc == 0)
		r = cmk_err_set(err, -EINVAL, "image name or ID must be specified");
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = storage_mount_check(st, "image unmount", err);
	if (r == 0 && a->all)
		r = images_all_ids(st, &ids, err);
	return r < 0 ? r : cmk_each_name(st, a->all ? ids : argv, image_unmount_one, a, NULL);
}

static const char *const image_unmount_aliases[] = { "image umount", NULL };

static const struct cmk_example image_unmount_examples[] = {
	{ "cmk image unmount alpine", "Takes one mount of the image back" },
	{ "cmk image umount --all --force", "Unmounts all images of this session" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_unmount = {
	.name = "image unmount",
	.aliases = image_unmount_aliases,
	.summary = "Unmount the root file systems of images",
	.operands = "[IMAGE...]",
	.description = "Within `cmk unshare`: takes back what `cmk image mount` has done there, "
		       "and prints the image's ID. An image that was mounted several times stays "
		       "mounted until it was unmounted as often, or --force is given.",
	.options = image_unmount_options,
	.args_size = sizeof(struct image_unmount_args),
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.examples = image_unmount_examples,
	.exec = image_unmount_exec,
};
