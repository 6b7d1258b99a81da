// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct system_reset_args {
	bool force;
};

static const struct cmk_option system_reset_options[] = {
	CMK_OPT_FLAG('f', "force", struct system_reset_args, force, "do not ask"),
	CMK_OPT_END(),
};

static bool ask(const struct storage *st)
{
	cleanup_free char *text = xasprintf("WARNING! This will remove:\n"
					    "        - all containers\n"
					    "        - all images\n"
					    "        - all secrets\n"
					    "        - all volumes\n"
					    "        - the graphRoot directory: \"%s\"\n"
					    "        - the runRoot directory: \"%s\"",
					    st->root, st->runroot);

	return cmk_confirm(text);
}

/* How many were removed; the first failure in *ERR. */
static int remove_some(struct storage *st, size_t *ret_left, struct cmk_err *err)
{
	struct container **list = NULL;
	size_t n = 0;
	int removed = 0, r = container_list(st, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		list[i]->with_volumes = true;
		/* Nothing is kept, so that nothing has to be waited for. */
		if (container_remove(list[i], true, 0, &e) == 0)
			removed++;
		else if (!err->code)
			(void)cmk_err_move(err, &e);
	}
	container_list_free(list, n);
	*ret_left = n - (size_t)removed;
	return r < 0 ? r : removed;
}

/* Those that others need go only after these: again, as long as one goes. */
static int remove_containers(struct storage *st, struct cmk_err *err)
{
	size_t left = 1;

	while (left > 0) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		int r = remove_some(st, &left, &e);

		if (r < 0 || (r == 0 && left > 0))
			return cmk_err_move(err, &e);
	}
	return 0;
}

static int unmount_images(struct storage *st, struct cmk_err *err)
{
	struct image_record *list = NULL;
	size_t n = 0;
	int r = storage_image_list(st, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = storage_mount_end(st, STORAGE_MOUNT_IMAGE, list[i].id, err);
	storage_image_list_free(list, n);
	return r;
}

static int system_reset_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			     char **argv cmk_unused, struct cmk_err *err)
{
	const struct system_reset_args *a = args;
	cleanup_storage struct storage *st = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r < 0)
		return r;
	if (!a->force && !ask(st))
		return 0;
	r = remove_containers(st, err);
	if (r == 0)
		r = unmount_images(st, err);
	return r < 0 ? r : storage_reset(st, err);
}

static const struct cmk_example system_reset_examples[] = {
	{ "cmk system reset", "Removes everything, after a question" },
	{ "cmk --root /srv/test system reset --force", "Another store, without a question" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_system_reset = {
	.name = "system reset",
	.summary = "Remove all containers, images, volumes and secrets",
	.description =
		"Stops and removes all containers, and then all of the store: images, volumes "
		"with their files, secrets, events, and the data and run directories themselves. "
		"Files there that are not cmk's stay. Without --force it asks first.",
	.examples = system_reset_examples,
	.options = system_reset_options,
	.args_size = sizeof(struct system_reset_args),
	.exec = system_reset_exec,
};
