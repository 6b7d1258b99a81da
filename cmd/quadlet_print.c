// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "cmd/commands.h"
#include "cmd/quadlets.h"

static int quadlet_print_exec(const struct cmk_globals *g cmk_unused, void *args cmk_unused,
			      int argc cmk_unused, char **argv, struct cmk_err *err)
{
	cleanup_quadlets struct quadlet_set set = { 0 };
	cleanup_free char *text = NULL;
	struct quadlet_unit *u;
	size_t len = 0;
	int r = cmk_quadlets_load(&set, err);

	if (r < 0)
		return r;
	u = quadlet_find(&set, argv[0]);
	if (!u)
		return cmk_err_set(err, -ENOENT, "could not locate quadlet '%s'", argv[0]);
	r = file_read_at(AT_FDCWD, u->path, UNITFILE_SIZE_MAX, &text, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "%s", u->path);
	(void)fwrite(text, 1, len, stdout);
	return 0;
}

static const struct cmk_example quadlet_print_examples[] = {
	{ "cmk quadlet print web.container", "Shows the file, as it is on the disk" },
	{ NULL, NULL },
};
static const char *const quadlet_print_aliases[] = { "quadlet cat", NULL };

const struct cmk_command cmk_cmd_quadlet_print = {
	.name = "quadlet print",
	.aliases = quadlet_print_aliases,
	.summary = "Show a quadlet",
	.operands = "QUADLET",
	.description = "Prints the file NAME.container, NAME.volume or NAME.image, "
		       "cmk-systemd.unit(5), without its drop-ins. What systemd makes of it is "
		       "shown by `systemctl --user cat`.",
	.examples = quadlet_print_examples,
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_QUADLETS,
	.exec = quadlet_print_exec,
};
