// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "cmd/commands.h"
#include "cmd/containers.h"
#include "cmd/quadlets.h"

struct quadlet_rm_args {
	bool all, force, ignore, reload;
};

static const struct cmk_option quadlet_rm_options[] = {
	CMK_OPT_FLAG('a', "all", struct quadlet_rm_args, all, "remove every quadlet"),
	CMK_OPT_FLAG('f', "force", struct quadlet_rm_args, force, "stop units that run"),
	CMK_OPT_FLAG('i', "ignore", struct quadlet_rm_args, ignore,
		     "no error where a quadlet does not exist"),
	CMK_OPT_RELOAD_SYSTEMD(struct quadlet_rm_args),
	CMK_OPT_END(),
};

struct rm_run {
	const struct quadlet_rm_args *args;
	struct quadlet_set set;
	char **states, **dirs; /* owned */
};

static bool is_active(const char *state)
{
	return str_after(state, "active/") || str_after(state, "activating/") ||
	       str_after(state, "reloading/") || str_after(state, "deactivating/");
}

/* -EBUSY where its unit runs and may not be stopped. */
static int stop_unit(const struct rm_run *run, const char *name, struct cmk_err *err)
{
	for (size_t i = 0; i < run->set.n; i++) {
		const struct quadlet_unit *u = run->set.units[i];
		const char *const words[] = { "stop", "--", u->service, NULL };

		if (!streq(u->name, name) || !is_active(run->states[i]))
			continue;
		if (!run->args->force) {
			(void)cmk_err_set(err, -EBUSY, "the unit '%s' of '%s' is %s", u->service,
					  name, run->states[i]);
			(void)cmk_err_hint(err, "stop it, or use --force");
			return -EBUSY;
		}
		return quadlet_systemctl(run->set.user, words, err);
	}
	return 0;
}

/* The files that go with NAME: it alone, what came with it, or the app that it is of or that it
 * is. */
static char **files_of(int dir, const char *name, char **ret_app)
{
	char **files = NULL;

	*ret_app = quadlet_app_of(dir, name);
	if (!*ret_app && (files = quadlet_list_read(dir, QUADLET_APP, name)))
		*ret_app = xstrdup(name);
	else if (*ret_app)
		files = quadlet_list_read(dir, QUADLET_APP, *ret_app);
	else
		files = quadlet_list_read(dir, QUADLET_ASSETS, name);
	if (!*ret_app && !strv_has(files, name))
		strv_add(&files, name);
	return files;
}

static int remove_files(int dir, char *const *files, struct cmk_err *err)
{
	for (; *files; files++)
		if (unlinkat(dir, *files, 0) < 0 && errno != ENOENT)
			return cmk_err_errno(err, "remove '%s'", *files);
	return 0;
}

static int rm_in(const struct rm_run *run, int dir, const char *name, struct cmk_err *err)
{
	cleanup_free char *app = NULL;
	cleanup_strv char **files = files_of(dir, name, &app);
	int r = 0;

	for (char **f = files; r == 0 && *f; f++)
		r = stop_unit(run, *f, err);
	if (r == 0)
		r = remove_files(dir, files, err);
	if (r == 0 && app)
		r = quadlet_list_remove(dir, QUADLET_APP, app, err);
	else if (r == 0)
		r = quadlet_list_remove(dir, QUADLET_ASSETS, name, err);
	for (char **f = files; r == 0 && *f; f++)
		if (quadlet_kind_of(*f) >= 0)
			(void)printf("%s\n", *f);
	return r;
}

/* It is in DIR, as a file or an app. */
static bool is_in(int dir, const char *name)
{
	cleanup_strv char **app = quadlet_list_read(dir, QUADLET_APP, name);

	return quadlet_is_file_name(name) &&
	       (app || (quadlet_kind_of(name) >= 0 &&
			faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0));
}

/* "shop" of ".shop.app", owned; NULL where NAME is no such list's. */
static char *app_in(const char *name)
{
	const char *end = strrchr(name, '.');

	if (*name != '.' || end == name || !streq(end, ".app"))
		return NULL;
	return xstrndup(name + 1, (size_t)(end - name - 1));
}

static int rm_one(struct storage *st cmk_unused, const char *name, void *arg, struct cmk_err *err)
{
	const struct rm_run *run = arg;
	const struct quadlet_unit *u;
	cleanup_free char *app = app_in(name);

	/* An app also by the name of its list. */
	name = app ?: name;

	for (char **d = run->dirs; d && *d; d++) {
		cleanup_close int dir = open(*d, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0 && is_in(dir, name))
			return rm_in(run, dir, name, err);
	}
	if (run->args->ignore || run->args->all)
		return 0;
	u = quadlet_find(&run->set, name);
	if (u)
		return cmk_err_set(err, -EPERM,
				   "'%s' is not where `cmk quadlet install` puts it: '%s'", name,
				   u->path);
	return cmk_err_set(err, -ENOENT, "could not locate quadlet '%s'", name);
}

/* All that are in the directories for what is installed. */
static char **all_names(const struct rm_run *run)
{
	char **names = NULL;

	for (size_t i = 0; i < run->set.n; i++) {
		const struct quadlet_unit *u = run->set.units[i];
		size_t len = (size_t)(strrchr(u->path, '/') - u->path);

		for (char **d = run->dirs; d && *d; d++)
			if (strlen(*d) == len && strncmp(*d, u->path, len) == 0)
				strv_add(&names, u->name);
	}
	return names;
}

static int quadlet_rm_exec(const struct cmk_globals *g cmk_unused, void *args, int argc,
			   char **argv, struct cmk_err *err)
{
	const struct quadlet_rm_args *a = args;
	struct rm_run run = { .args = a };
	cleanup_strv char **names = NULL;
	int r;

	if (a->all == (argc > 0))
		return cmk_err_set(err, -EINVAL,
				   a->all ? "no arguments are needed with --all"
					  : "at least one quadlet has to be named");
	r = cmk_quadlets_load(&run.set, err);
	if (r == 0) {
		run.dirs = quadlet_install_dirs(run.set.user);
		run.states = quadlet_states(&run.set);
		names = a->all ? all_names(&run) : strv_dup(argv);
		r = names ? cmk_each_name(NULL, names, rm_one, &run, NULL) : 0;
	}
	if (r >= 0 && a->reload && names)
		cmk_quadlets_reload(run.set.user);
	quadlet_set_done(&run.set);
	(void)strv_free(run.dirs);
	(void)strv_free(run.states);
	return r;
}

static const struct cmk_example quadlet_rm_examples[] = {
	{ "cmk quadlet rm web.container", "Removes a quadlet whose unit does not run" },
	{ "cmk quadlet rm --force shop", "Stops and removes all that was installed from the "
					 "directory shop" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_quadlet_rm = {
	.name = "quadlet rm",
	.summary = "Remove quadlets",
	.operands = "[QUADLET...]",
	.description =
		"Removes files that `cmk quadlet install` has put in their place, and what came "
		"with them. What was installed from one directory is an application: with one of "
		"its quadlets, or by its name NAME or .NAME.app, all of it goes. Drop-ins "
		"stay.\n\nA quadlet that cannot be removed does not keep the others from being "
		"removed.",
	.examples = quadlet_rm_examples,
	.options = quadlet_rm_options,
	.args_size = sizeof(struct quadlet_rm_args),
	.max_operands = -1,
	.complete = COMPLETE_QUADLETS,
	.exec = quadlet_rm_exec,
};
