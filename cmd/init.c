// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct init_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
};

static const struct cmk_option init_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_END(),
};

static int init_container(struct container *c, struct cmk_err *err)
{
	struct rootfs_plan rootfs = { 0 };
	struct spec *spec = NULL;
	int r;

	c->lock_fd = container_lock(c, err);
	if (c->lock_fd < 0)
		return c->lock_fd;
	if (container_is_active(c))
		return cmk_err_kind(err, CMK_ERR_STATE, -EALREADY,
				    "container '%s' has already been created in runtime: container "
				    "state improper",
				    c->cfg.name);
	r = container_prepare_start(c, &spec, &rootfs, err);
	if (r == 0)
		r = container_init(c, spec, &rootfs, err);
	(void)spec_free(spec);
	rootfs_plan_done(&rootfs);
	return r;
}

static int init_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct init_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (r == 0)
		r = init_container(c, err);
	/* All that can be; one that runs has been. */
	if (r < 0 && !(a->select.all && (err->kind == CMK_ERR_STATE || r == -ENOENT)))
		return r;
	cmk_err_done(err);
	if (r != -ENOENT)
		(void)printf("%s\n", name);
	return 0;
}

static int init_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct init_args *a = args;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	return r < 0 ? r : cmk_each_name(st, names, init_one, a, NULL);
}

static const char *const init_aliases[] = { "container init", NULL };

static const struct cmk_example init_examples[] = {
	{ "cmk init web", "makes namespaces and mounts of the container web" },
	{ "cmk init --latest && cmk start --latest", "does so, and then runs its command" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_init = {
	.name = "init",
	.aliases = init_aliases,
	.summary = "Make all of a container but for its command",
	.operands = "[CONTAINER...]",
	.description =
		"Makes the namespaces, mounts and network of containers that were created or "
		"have ended, and leaves them there: their command is executed by 'cmk start'. "
		"Until then others can look at them and set them up from outside.",
	.examples = init_examples,
	.options = init_options,
	.args_size = sizeof(struct init_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = init_exec,
};
