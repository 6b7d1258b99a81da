// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "cmd/containers.h"

struct export_args {
	const char *output;
};

static const struct cmk_option export_options[] = {
	CMK_OPT_STRING('o', "output", struct export_args, output, "FILE",
		       "write to this file instead of standard output", .complete = COMPLETE_FILES),
	CMK_OPT_END(),
};

static int open_output(const char *path, int *ret, bool *ret_made, struct cmk_err *err)
{
	if (!path) {
		if (isatty(STDOUT_FILENO))
			return cmk_err_set(err, -EINVAL,
					   "refusing to export to terminal. Use -o flag or "
					   "redirect");
		*ret = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return *ret < 0 ? cmk_err_errno(err, "standard output") : 0;
	}
	if (strchr(path, ':'))
		return cmk_err_set(err, -EINVAL, "invalid filename (should not contain ':') \"%s\"",
				   path);
	*ret = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	*ret_made = *ret >= 0;
	if (*ret < 0 && errno == EEXIST)
		*ret = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	return *ret < 0 ? cmk_err_errno(err, "open '%s'", path) : 0;
}

static int export_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	const struct export_args *a = args;
	cleanup_close int out = -1;
	bool made = false;
	int r;

	(void)argc;
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = container_open(st, argv[0], &c, err);
	if (r == 0)
		r = open_output(a->output, &out, &made, err);
	if (r < 0)
		return r;
	r = container_export(c, out, err);
	/* Half an archive looks like a whole one. */
	if (r < 0 && made)
		(void)unlink(a->output);
	return r < 0 ? cmk_err_wrap(err, r, "export") : 0;
}

static const char *const export_aliases[] = { "container export", NULL };

static const struct cmk_example export_examples[] = {
	{ "cmk export -o web.tar web", "Writes all files of the container \"web\" to an archive" },
	{ "cmk export web | tar -tv", "Lists them" },
	{ "cmk export web | cmk import - web:flat", "Makes an image of one layer of them" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_export = {
	.name = "export",
	.aliases = export_aliases,
	.summary = "Write a container's files as a tar archive",
	.operands = "CONTAINER",
	.description =
		"Writes the container's root file system as a tar archive: with numeric owners, "
		"extended attributes and holes, sorted by name, so that the same files make the "
		"same bytes. What is mounted in it, volumes among that, is left out. The "
		"container may run. `cmk import` makes an image of the archive.",
	.examples = export_examples,
	.options = export_options,
	.args_size = sizeof(struct export_args),
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_CONTAINERS,
	.exec = export_exec,
};
