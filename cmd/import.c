// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "cmd/commands.h"
#include "cmd/registry_rows.h"
#include "image/image.h"
#include "libpod/events/events.h"

struct import_args {
	char **changes;
	const char *signature_policy, *message, *arch, *os, *variant, *platform;
	bool quiet;
};

static const struct cmk_option import_options[] = {
	CMK_OPT_STRING(0, "arch", struct import_args, arch, "ARCH",
		       "architecture of what the image holds, if not the host's"),
	CMK_OPT_OF(OPT_STRV, 'c', "change", struct import_args, changes, "INSTRUCTION",
		   "set a part of the image's configuration"),
	CMK_OPT_STRING('m', "message", struct import_args, message, "TEXT",
		       "comment for the image's history"),
	CMK_OPT_STRING(0, "os", struct import_args, os, "OS",
		       "system of what the image holds, if not linux"),
	CMK_OPT_STRING(0, "platform", struct import_args, platform, "OS/ARCH[/VARIANT]",
		       "system and architecture of what the image holds"),
	CMK_OPT_FLAG('q', "quiet", struct import_args, quiet, "print the image ID alone"),
	CMK_OPT_SIGNATURE_POLICY(struct import_args),
	CMK_OPT_STRING(0, "variant", struct import_args, variant, "VARIANT",
		       "variant of the architecture"),
	CMK_OPT_END(),
};

static int open_tar(struct storage *st, const char *path, bool quiet, int *ret, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct stat sb;

	if (image_is_url(path))
		return image_download(st, path, quiet, ret, err);
	if (streq(path, "-")) {
		if (isatty(STDIN_FILENO))
			return cmk_err_set(err, -EINVAL,
					   "standard input is a terminal: no tar "
					   "file comes from there");
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", path);
	if (fstat(fd, &sb) == 0 && S_ISDIR(sb.st_mode))
		return cmk_err_set(err, -EISDIR, "'%s' is a directory", path);
	*ret = steal_fd(&fd);
	return 0;
}

static int import_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	struct import_args *a = args;
	struct image_import_options o = {
		.changes = a->changes,
		.message = a->message,
		.signature_policy = a->signature_policy,
		.os = a->os,
		.arch = a->arch,
		.variant = a->variant,
		.platform = a->platform,
	};
	cleanup_close int fd = -1;
	cleanup_free char *id = NULL;
	struct event event = { .type = "image", .status = "import" };
	struct storage *st = NULL;
	int r;

	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = open_tar(st, argv[0], a->quiet, &fd, err);
	if (r == 0)
		r = image_import(st, fd, argc > 1 ? argv[1] : NULL, &o, &id, err);
	if (r < 0) {
		(void)cmk_err_wrap(err, r, "import");
	} else {
		event.id = id;
		event.name = argc > 1 ? argv[1] : id;
		event_write(st, &event);
		printf("%s%s\n", a->quiet ? "" : "sha256:", id);
	}
	storage_free(st);
	a->changes = strv_free(a->changes);
	return r;
}

static const char *const import_aliases[] = { "image import", NULL };

static const struct cmk_example import_examples[] = {
	{ "cmk import rootfs.tar.gz localhost/base:1",
	  "Makes an image of an archive of a root file system" },
	{ "tar -C tree -c . | cmk import --change 'CMD [\"/bin/sh\"]' - localhost/tree",
	  "Makes one of a directory, with a command" },
	{ "cmk import https://example.org/rootfs.tar.zst localhost/base:2",
	  "Makes one of an archive on a web server" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_import = {
	.name = "import",
	.aliases = import_aliases,
	.summary = "Make an image of a tar file",
	.operands = "FILE|URL|- [NAME]",
	.description =
		"The tar file (plain, gzip, bzip2, xz or zstd), or standard input for -, becomes "
		"the one "
		"layer of a new image, whose ID is printed. Numbers of owners are kept, devices "
		"are left out. A NAME without a registry gets localhost/.\n\n"
		"A file that begins with http:// or https:// is downloaded first, and is not kept. "
		"The server's certificate is checked, with the authorities of the system and those "
		"in `~/.config/containers/certs.d/HOST:PORT`; a redirect from https to http is "
		"refused, and the variables http_proxy, https_proxy and no_proxy are followed.",
	.options = import_options,
	.args_size = sizeof(struct import_args),
	.min_operands = 1,
	.max_operands = 2,
	.complete = COMPLETE_FILES,
	.examples = import_examples,
	.exec = import_exec,
};
