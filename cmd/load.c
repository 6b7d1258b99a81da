// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "cmd/commands.h"
#include "cmd/registry_rows.h"
#include "image/image.h"
#include "libpod/events/events.h"

struct load_args {
	const char *input, *signature_policy, *platform;
	bool quiet;
};

static const struct cmk_option load_options[] = {
	CMK_OPT_STRING('i', "input", struct load_args, input, "FILE|URL|DIR",
		       "read the images from there instead of standard input",
		       .complete = COMPLETE_FILES),
	CMK_OPT_FLAG('q', "quiet", struct load_args, quiet, "show no progress"),
	CMK_OPT_STRING(0, "platform", struct load_args, platform, "OS/ARCH[/VARIANT]",
		       "of images for several platforms, load those for this one; others are an "
		       "error"),
	CMK_OPT_SIGNATURE_POLICY(struct load_args),
	CMK_OPT_END(),
};

/* *RET_FD -1: the path itself is to be opened. */
static int open_input(struct storage *st, const struct load_args *a, int *ret_fd,
		      struct cmk_err *err)
{
	struct stat sb;

	if (a->input && image_is_url(a->input))
		return image_download(st, a->input, a->quiet, ret_fd, err);
	if (a->input)
		return stat(a->input, &sb) < 0 ? cmk_err_errno(err, "faccessat %s", a->input) : 0;
	if (isatty(STDIN_FILENO))
		return cmk_err_set(err, -EINVAL,
				   "cannot read from terminal, use command-line redirection or "
				   "the --input flag");
	*ret_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? cmk_err_errno(err, "standard input") : 0;
}

static int load_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
		     char **argv cmk_unused, struct cmk_err *err)
{
	const struct load_args *a = args;
	const struct image_load_options o = { .signature_policy = a->signature_policy,
					      .platform = a->platform,
					      .quiet = a->quiet };
	cleanup_strv char **ids = NULL, **names = NULL;
	const char *path = a->input ? a->input : "standard input";
	cleanup_close int fd = -1;
	struct storage *st = NULL;
	int r;

	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = open_input(st, a, &fd, err);
	if (r == 0)
		r = image_load(st, path, fd, &o, &ids, &names, err);
	for (size_t i = 0; r == 0 && names[i]; i++) {
		event_write_image(st, "loadfromarchive", ids[i], a->input ? a->input : "");
		printf("Loaded image: %s\n", names[i]);
	}
	storage_free(st);
	return r;
}

static const char *const load_aliases[] = { "image load", NULL };

static const struct cmk_example load_examples[] = {
	{ "cmk load -i images.tar", "Puts all images of an archive into the store" },
	{ "ssh host podman save app | cmk load", "Takes an image from another machine" },
	{ "cmk load -q -i https://example.org/app.tar.zst", "Takes one from a web server" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_load = {
	.name = "load",
	.aliases = load_aliases,
	.summary = "Put images from an archive or a directory into the store",
	.operands = "",
	.description =
		"Reads what `docker save`, `podman save` and `skopeo copy` write: a docker "
		"archive, "
		"an OCI archive, the directory of an OCI layout, or one of skopeo's dir:. All "
		"images in it are loaded; their names are printed, or the ID of one without a "
		"name. "
		"A name without a registry gets localhost/. Every digest is verified, and layers "
		"that are here already are not unpacked again.\n\n"
		"Archives may be compressed as a whole with gzip, bzip2, xz or zstd. What is "
		"compressed, or "
		"comes through a pipe, is first copied into the store's directory, to a file that "
		"nothing is left of afterwards; it needs that room for a while.\n\n"
		"One image of several is taken by `cmk pull docker-archive:FILE:NAME`, `cmk pull "
		"oci-archive:FILE:REFERENCE` or, by its place, `FILE:@INDEX`.",
	.options = load_options,
	.args_size = sizeof(struct load_args),
	.examples = load_examples,
	.exec = load_exec,
};
