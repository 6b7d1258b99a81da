// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/containers.h"

struct volume_export_args {
	const char *output;
};

static const struct cmk_option volume_export_options[] = {
	CMK_OPT_STRING('o', "output", struct volume_export_args, output, "FILE",
		       "write to this file instead of standard output", .complete = COMPLETE_FILES),
	CMK_OPT_END(),
};

static int volume_export_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			      char **argv, struct cmk_err *err)
{
	const struct volume_export_args *a = args;
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	cleanup_storage struct storage *st = NULL;
	cleanup_close int fd = -1;
	bool made = false;
	int r = storage_open(g->root, g->runroot, &st, err);

	/* Before a file is made for it. */
	if (r == 0)
		r = volume_find(st, argv[0], &v, err);
	if (r < 0)
		return r;
	if (a->output) {
		made = access(a->output, F_OK) < 0;
		fd = open(a->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd < 0)
			return cmk_err_errno(err, "open '%s'", a->output);
	} else if (isatty(STDOUT_FILENO)) {
		return cmk_err_set(err, -EINVAL,
				   "refusing to export to terminal. Use -o flag or redirect");
	}
	r = volume_export(st, v.name, fd >= 0 ? fd : STDOUT_FILENO, err);
	/* Half an archive looks like a whole one. */
	if (r < 0 && made)
		(void)unlink(a->output);
	return r;
}

static const struct cmk_example volume_export_examples[] = {
	{ "cmk volume export data -o data.tar", "Writes a volume's files to an archive" },
	{ "cmk volume export data | ssh host cmk volume import data -",
	  "Brings them to another host" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_volume_export = {
	.name = "volume export",
	.summary = "Write a volume's files as a tar archive",
	.operands = "VOLUME",
	.description = "Writes the volume's files, with the owners that a container sees, as a tar "
		       "archive: the same files make the same bytes. Links are not followed.",
	.examples = volume_export_examples,
	.options = volume_export_options,
	.args_size = sizeof(struct volume_export_args),
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_VOLUMES,
	.exec = volume_export_exec,
};
