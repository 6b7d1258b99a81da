// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/ps_filter.h"

#define EXIT_NOT_FOUND 1
#define EXIT_RUNNING 2

struct rm_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	bool force, depend, volumes;
	struct cmk_timeout timeout;
};

static const struct cmk_option rm_options[] = {
	CMK_OPT_USE(cmk_select_all),
	CMK_OPT_USE(cmk_select_cidfile),
	CMK_OPT_FLAG(0, "depend", struct rm_args, depend,
		     "remove the containers that need it as well"),
	CMK_OPT_OF(OPT_STRV, 0, "filter", struct rm_args, select.filters, "KEY=VALUE",
		   "act on the containers that match, as with 'cmk ps'", .keys = ps_filter_keys),
	CMK_OPT_FLAG('f', "force", struct rm_args, force,
		     "stop running ones first; no error where a container does not exist"),
	CMK_OPT_USE(cmk_select_ignore),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_OF(OPT_CALLBACK, 't', "time", struct rm_args, timeout, "SECONDS",
		   "with --force: wait so long before SIGKILL; -1 waits for ever",
		   .parse = cmk_timeout_parse),
	CMK_OPT_FLAG('v', "volumes", struct rm_args, volumes,
		     "remove their anonymous volumes as well"),
	CMK_OPT_END(),
};

/* Those that need it first. */
static int remove_one(struct container *c, const struct rm_args *a, struct cmk_err *err)
{
	cleanup_strv char **ids = NULL;

	if (a->depend || a->select.all)
		ids = container_dependents(c->st, c->cfg.id);
	for (char **id = ids; id && *id; id++) {
		cleanup_container struct container *other = NULL;
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		int r = container_open(c->st, *id, &other, &e);

		if (r == 0)
			r = remove_one(other, a, &e);
		if (r < 0 && r != -ENOENT)
			return cmk_err_move(err, &e);
		if (r == 0)
			(void)printf("%s\n", *id);
	}
	c->with_volumes = a->volumes;
	return container_remove(c, a->force, cmk_timeout_ms(&a->timeout), err);
}

/* Of a record; what a newer cmk has written is none. */
static bool is_damage(int error)
{
	return error == -EBADMSG || error == -EINVAL || error == -EFBIG || error == -ELOOP ||
	       error == -EACCES;
}

static int not_found(const char *name, int code, struct cmk_err *err)
{
	cmk_err_done(err);
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, code,
			    "no container with ID or name \"%s\" found: no such container", name);
}

/* As podman: where one of them is not there, none is removed. */
static int find_all(struct storage *st, char *const *names, struct cmk_err *err)
{
	for (char *const *name = names; *name; name++) {
		cleanup_container struct container *c = NULL;
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		int r = container_open(st, *name, &c, &e);

		if (r == -ENOENT)
			return not_found(*name, r, err);
	}
	return 0;
}

static int rm_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	const struct rm_args *a = arg;
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (r == -ENOENT && (a->force || a->select.ignore || a->select.all)) {
		cmk_err_done(err);
		return 0;
	}
	if (r == -ENOENT)
		return not_found(name, r, err);
	if (r == 0) {
		r = remove_one(c, a, err);
	} else if (a->force && is_damage(r)) {
		cmk_err_done(err);
		r = container_remove_damaged(st, name, err);
	}
	if (r == 0)
		(void)printf("%s\n", name);
	return r;
}

static int rm_failed(const struct cmk_err *err)
{
	if (err->kind == CMK_ERR_NOT_FOUND)
		return EXIT_NOT_FOUND;
	/* It runs; -EEXIST is of what depends on it. */
	return err->kind == CMK_ERR_IN_USE && err->code == -EBUSY ? EXIT_RUNNING : EXIT_CMK_FAILED;
}

static int rm_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		   struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct rm_args *a = args;
	int r;

	if (a->timeout.given && !a->force)
		return cmk_err_set(err, -EINVAL,
				   "--force option must be specified to use the --time option");
	a->select.ignore |= a->force;
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	if (r == 0 && argc > 1 && !a->select.ignore && find_all(st, names, err) < 0)
		return EXIT_NOT_FOUND;
	return r < 0 ? r : cmk_each_name(st, names, rm_one, a, rm_failed);
}

static const char *const rm_aliases[] = { "container rm", "container remove", NULL };

static const struct cmk_example rm_examples[] = {
	{ "cmk rm web", "removes the container web, which does not run" },
	{ "cmk rm -f web", "stops it first" },
	{ "cmk rm --filter status=exited --filter label=test",
	  "removes all that have ended and carry the label test" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_rm = {
	.name = "rm",
	.aliases = rm_aliases,
	.summary = "Remove containers",
	.operands = "[CONTAINER...]",
	.description =
		"Removes containers with all that they have written. Where one of several does not "
		"exist, none is removed, unless --ignore or --force is given.",
	.examples = rm_examples,
	.exit_codes = "1 a container does not exist; 2 a container runs and --force is not given; "
		      "125 another failure",
	.options = rm_options,
	.args_size = sizeof(struct rm_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = rm_exec,
};
