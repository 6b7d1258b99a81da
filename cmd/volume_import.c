// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "cmd/containers.h"

static int volume_import_exec(const struct cmk_globals *g, void *args cmk_unused,
			      int argc cmk_unused, char **argv, struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_close int fd = -1;
	int r;

	if (!streq(argv[1], "-")) {
		fd = open(argv[1], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return cmk_err_set(err, -errno, "open %s: %s", argv[1],
					   errno == ENOENT ? "no such file or directory"
							   : errno_text(errno));
	}
	r = storage_open(g->root, g->runroot, &st, err);
	return r < 0 ? r : volume_import(st, argv[0], fd >= 0 ? fd : STDIN_FILENO, err);
}

static const struct cmk_example volume_import_examples[] = {
	{ "cmk volume import data data.tar", "Adds an archive's files to a volume" },
	{ "zcat data.tar.gz | cmk volume import data -", "Reads it from standard input" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_volume_import = {
	.name = "volume import",
	.summary = "Add the files of a tar archive to a volume",
	.operands = "VOLUME FILE|-",
	.description =
		"Reads a tar archive, which may be compressed by gzip, bzip2, xz or zstd, and "
		"makes its files "
		"in the volume, which must exist. Files of the same names are replaced, others "
		"stay. Nothing is written outside the volume, whatever the archive says, and "
		"devices are left out.",
	.examples = volume_import_examples,
	.min_operands = 2,
	.max_operands = 2,
	.complete = COMPLETE_VOLUMES,
	.exec = volume_import_exec,
};
