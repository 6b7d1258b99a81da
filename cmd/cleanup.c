// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "storage/storage.h"

struct cleanup_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	bool remove, remove_image;
};

static const struct cmk_option cleanup_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_FLAG(0, "rm", struct cleanup_args, remove, "remove the container afterwards"),
	CMK_OPT_FLAG(0, "rmi", struct cleanup_args, remove_image,
		     "remove the container and its image afterwards"),
	CMK_OPT_END(),
};

/* Unless another container is made of it. */
static int remove_image(struct storage *st, const struct container *c, struct cmk_err *err)
{
	struct container **list = NULL;
	bool used = false;
	size_t n = 0;
	int r = container_list(st, &list, &n, err);

	for (size_t i = 0; i < n; i++)
		used |= streq_null(list[i]->cfg.image_id, c->cfg.image_id);
	container_list_free(list, n);
	if (r < 0 || used || !c->cfg.image_id)
		return r;
	return storage_image_remove(st, c->cfg.image_id, err);
}

static int cleanup_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct cleanup_args *a = arg;
	cleanup_container struct container *c = NULL;
	cleanup_close int lock = -1;
	int r = container_open(st, name, &c, err);

	if (r < 0)
		return r;
	if (container_is_active(c)) {
		if (a->select.all)
			return 0;
		return cmk_err_kind(err, CMK_ERR_STATE, -EBUSY,
				    "container '%s' is running or paused, refusing to clean up: "
				    "container state improper",
				    c->cfg.name);
	}
	/* Whoever takes the lock repairs what a lost monitor left. */
	lock = container_lock(c, err);
	if (lock < 0)
		return lock;
	(void)close(steal_fd(&lock));
	if (a->remove || a->remove_image)
		r = container_remove(c, false, 0, err);
	if (r == 0 && a->remove_image)
		r = remove_image(st, c, err);
	if (r == 0)
		(void)printf("%s\n", name);
	return r;
}

static int cleanup_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct cleanup_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, cleanup_one, a, NULL);
}

static const struct cmk_example cleanup_examples[] = {
	{ "cmk container cleanup web", "puts right what a lost monitor of web has left" },
	{ "cmk container cleanup --rm --latest", "does so and removes the container made last" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_container_cleanup = {
	.name = "container cleanup",
	.summary = "Put right what an ended container has left",
	.operands = "[CONTAINER...]",
	.description = "A container's monitor cleans up at its end, and the next command where the "
		       "monitor was lost: there is nothing to do by hand. The command is here for "
		       "scripts that know it from podman, and for its options.",
	.examples = cleanup_examples,
	.options = cleanup_options,
	.args_size = sizeof(struct cleanup_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = cleanup_exec,
};
