// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "cmd/containers.h"

struct cp_args {
	bool archive, follow, overwrite, pause, quiet;
};

static const struct cmk_option cp_options[] = {
	CMK_OPT_FLAG('a', "archive", struct cp_args, archive,
		     "what is copied into a container belongs to its user", .def = "true"),
	CMK_OPT_FLAG('L', "follow-link", struct cp_args, follow,
		     "a source that is a link stands for what it leads to", .def = "true"),
	CMK_OPT_FLAG(0, "overwrite", struct cp_args, overwrite,
		     "let directories and other files replace each other"),
	CMK_OPT_FLAG(0, "pause", struct cp_args, pause,
		     "pause a running container while its files are copied"),
	CMK_OPT_FLAG('q', "quiet", struct cp_args, quiet, "print nothing; nothing ever is"),
	CMK_OPT_END(),
};

/* "CONTAINER:PATH", "PATH" or "-"; a path with a colon in it begins with "/" or ".". */
static int cp_place(struct storage *st, const char *text, int stdio, struct container **ret_c,
		    struct copy_place *ret, struct cmk_err *err)
{
	const char *colon = *text == '.' || *text == '/' ? NULL : strchr(text, ':');
	cleanup_free char *name = NULL;

	*ret = (struct copy_place){ .path = text, .stream_fd = -1 };
	if (streq(text, "-")) {
		ret->stream_fd = fcntl(stdio, F_DUPFD_CLOEXEC, 3);
		return ret->stream_fd < 0 ? cmk_err_errno(err, "standard stream") : 0;
	}
	if (!*text)
		return cmk_err_set(err, -EINVAL, "invalid arguments: you must specify paths");
	if (!colon)
		return 0;
	name = xstrndup(text, (size_t)(colon - text));
	ret->path = colon + 1;
	if (!*name || !*ret->path)
		return cmk_err_set(err, -EINVAL,
				   "invalid arguments: '%s': you must specify a container and a "
				   "path",
				   text);
	if (container_open(st, name, ret_c, err) < 0) {
		if (err->kind != CMK_ERR_NOT_FOUND)
			return err->code;
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				    "container \"%s\" does not exist", name);
	}
	ret->c = *ret_c;
	return 0;
}

static int cp_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		   struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *from_c = NULL;
	cleanup_container struct container *to_c = NULL;
	struct copy_place from = { .stream_fd = -1 }, to = { .stream_fd = -1 };
	const struct cp_args *a = args;
	const struct container_copy_options o = { .archive = a->archive,
						  .follow = a->follow,
						  .overwrite = a->overwrite,
						  .pause = a->pause };
	int r = storage_open(g->root, g->runroot, &st, err);

	(void)argc;
	if (r == 0)
		r = cp_place(st, argv[0], STDIN_FILENO, &from_c, &from, err);
	if (r == 0)
		r = cp_place(st, argv[1], STDOUT_FILENO, &to_c, &to, err);
	if (r == 0 && !from.c && !to.c)
		r = cmk_err_set(
			err, -EINVAL,
			"invalid arguments \"%s\", \"%s\": exactly 1 container expected but "
			"0 specified",
			argv[0], argv[1]);
	if (r == 0)
		r = container_copy(st, &from, &to, &o, err);
	cleanup_close_fn(&from.stream_fd);
	cleanup_close_fn(&to.stream_fd);
	return r;
}

static const char *const cp_aliases[] = { "container cp", NULL };

static const struct cmk_example cp_examples[] = {
	{ "cmk cp site web:/var/www", "Copies the directory \"site\" into the container \"web\"" },
	{ "cmk cp web:/etc/hosts .", "Copies a file out of it" },
	{ "cmk cp site/. web:/var/www", "Copies what is in the directory, without itself" },
	{ "cmk cp web:/var/log - | tar -t", "Writes a directory as a tar archive" },
	{ "tar -cz src | cmk cp - web:/tmp", "Unpacks an archive in the container" },
	{ "cmk cp one:/data two:/data", "Copies from one container to another" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_cp = {
	.name = "cp",
	.aliases = cp_aliases,
	.summary = "Copy files between a container and the host",
	.operands = "[CONTAINER:]SRC|- [CONTAINER:]DEST|-",
	.description =
		"Copies a file or a directory with all that is in it. At least one side is a "
		"container, which may run or not; its volumes and mounts count as its files. A "
		"path in a container that does not begin with / is below its working directory. "
		"A path on the host with a colon in it begins with / or ./ here.\n\n"
		"Where DEST is a directory, SRC is copied into it under its own name; the "
		"contents alone where SRC ends with `/.`. Where DEST does not exist, the copy gets "
		"that name; its directory must exist, and a DEST that ends with / must exist. A "
		"directory cannot be copied onto a file.\n\n"
		"What is copied into a container belongs to the container's user, what is copied "
		"out of it to the caller. Modes, times and extended attributes are kept, devices "
		"and "
		"sockets are left out. Links in a container lead nowhere but into it.\n\n"
		"A SRC of - reads a tar archive (plain, gzip, bzip2, xz or zstd) from standard "
		"input, a DEST "
		"of - writes one to standard output.",
	.examples = cp_examples,
	.options = cp_options,
	.args_size = sizeof(struct cp_args),
	.min_operands = 2,
	.max_operands = 2,
	.complete = COMPLETE_PLACES,
	.exec = cp_exec,
};
