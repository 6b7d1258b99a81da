// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "cmd/containers.h"

#define CONFIG_MAX (4U << 20)

struct commit_args {
	char **changes;
	const char *author, *message, *format, *iidfile, *config;
	bool pause, no_pause, quiet, squash, include_volumes;
};

static const struct cmk_option commit_options[] = {
	CMK_OPT_STRING('a', "author", struct commit_args, author, "TEXT", "who made the image"),
	CMK_OPT_OF(OPT_STRV, 'c', "change", struct commit_args, changes, "INSTRUCTION",
		   "set a part of the image's configuration"),
	CMK_OPT_STRING(0, "config", struct commit_args, config, "FILE",
		       "merge this JSON into the image's configuration",
		       .complete = COMPLETE_FILES),
	CMK_OPT_STRING('f', "format", struct commit_args, format, "FORMAT",
		       "format of the image: oci, or docker"),
	CMK_OPT_STRING(0, "iidfile", struct commit_args, iidfile, "FILE",
		       "write the image's ID to this file", .complete = COMPLETE_FILES),
	CMK_OPT_FLAG(0, "include-volumes", struct commit_args, include_volumes,
		     "the container's volumes become volumes of the image"),
	CMK_OPT_STRING('m', "message", struct commit_args, message, "TEXT",
		       "comment for the image's history"),
	CMK_OPT_FLAG(0, "no-pause", struct commit_args, no_pause,
		     "as --pause=false, in docker's words", .excludes = "pause"),
	CMK_OPT_FLAG('p', "pause", struct commit_args, pause,
		     "pause the container while its files are read", .def = "true"),
	CMK_OPT_FLAG('q', "quiet", struct commit_args, quiet, "print nothing but the image's ID"),
	CMK_OPT_FLAG('s', "squash", struct commit_args, squash,
		     "make one layer of all that the container's file system holds"),
	CMK_OPT_END(),
};

/* Words of podman, which scripts look for. */
static int commit_format(const struct commit_args *a, bool *ret_docker, struct cmk_err *err)
{
	const char *format = a->format ? a->format : a->message ? "docker" : "oci";

	*ret_docker = streq(format, "docker");
	if (!*ret_docker && !streq(format, "oci"))
		return cmk_err_set(err, -EINVAL, "unrecognized image format \"%s\"", format);
	if (!*ret_docker && a->message)
		return cmk_err_set(err, -EINVAL,
				   "messages are only compatible with the docker image format (-f "
				   "docker)");
	return 0;
}

static int write_iidfile(const char *path, const char *id, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "failed to write image ID: open '%s'", path);
	r = write_all(fd, id, strlen(id));
	return r < 0 ? cmk_err_set(err, r, "failed to write image ID: '%s': %s", path,
				   errno_text(-r))
		     : 0;
}

static int commit_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	const struct commit_args *a = args;
	struct container_commit_options o = {
		.name = argc > 1 ? argv[1] : NULL,
		.changes = a->changes,
		.author = a->author,
		.message = a->message,
		.pause = a->pause && !a->no_pause,
		.squash = a->squash,
		.quiet = a->quiet,
		.include_volumes = a->include_volumes,
	};
	cleanup_free char *id = NULL, *config = NULL;
	int r = commit_format(a, &o.docker_format, err);

	if (r == 0 && a->config) {
		r = file_read_at(AT_FDCWD, a->config, CONFIG_MAX, &config, &o.config_len, err);
		o.config = config;
	}
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = container_open(st, argv[0], &c, err);
	if (r == 0)
		r = container_commit(c, &o, &id, err);
	if (r == 0 && a->iidfile)
		r = write_iidfile(a->iidfile, id, err);
	if (r < 0)
		return r;
	(void)printf("%s\n", id);
	return 0;
}

static const char *const commit_aliases[] = { "container commit", NULL };

static const struct cmk_example commit_examples[] = {
	{ "cmk commit web web:patched",
	  "Makes the image localhost/web:patched of the container \"web\"" },
	{ "cmk commit -c 'CMD [\"httpd\", \"-f\"]' -c 'EXPOSE 80' -a 'Ann' web web:2",
	  "Changes what the image starts, and names its author" },
	{ "cmk commit --pause=false -q web", "Reads the files while the container goes on, and "
					     "prints the new image's ID alone" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_commit = {
	.name = "commit",
	.aliases = commit_aliases,
	.summary = "Make an image of a container",
	.operands = "CONTAINER [IMAGE]",
	.description =
		"Makes an image of what the container was made of and, as one more layer, of what "
		"it has changed since, and prints the image's ID. Volumes and other mounts are "
		"left out. The container may run; it is paused meanwhile unless told otherwise. "
		"Environment, command, labels, ports, user and working directory are those of the "
		"container. An IMAGE name without a registry gets localhost/.\n\n"
		"Where more than some megabytes have been changed, they are not read: the files of "
		"a container that does not run become the layer as they lie there, and those of "
		"one "
		"that runs share their data with it where the file system can (XFS, Btrfs). The "
		"digests of such an image are made when they are first asked for, by push, save, "
		"inspect or images --digests, which then takes longer, and stay what they are. The "
		"ID that commit prints is the image's in this store for as long as it exists. In "
		"another store it has, as all images do, the digest of its configuration for its "
		"ID, and is found by that here, too. What is small, files with owners of a map of "
		"their own (--userns), --squash and other storage drivers are read at once.",
	.examples = commit_examples,
	.options = commit_options,
	.args_size = sizeof(struct commit_args),
	.min_operands = 1,
	.max_operands = 2,
	.complete = COMPLETE_CONTAINERS,
	.exec = commit_exec,
};
