// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

static int boot_disable_exec(const struct cmk_globals *g cmk_unused, void *args cmk_unused,
			     int argc cmk_unused, char **argv cmk_unused, struct cmk_err *err)
{
	bool any = false;

	for (int kind = 0; kind < BOOT_N_KINDS; kind++) {
		cleanup_strbuf struct strbuf say = STRBUF_INIT;
		cleanup_free char *where = NULL;
		int r = boot_is_enabled((enum boot_kind)kind, &where, err);

		if (r > 0)
			r = boot_disable((enum boot_kind)kind, &say, err);
		else if (r == 0)
			continue;
		if (r < 0)
			return r;
		any = true;
		(void)fputs(strbuf_str(&say), stdout);
	}
	if (!any)
		(void)puts("disabled already");
	return 0;
}

static const struct cmk_example boot_disable_examples[] = {
	{ "cmk system boot disable", "starts nothing at boot any more" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_system_boot_disable = {
	.name = "system boot disable",
	.summary = "Start no containers at boot any more",
	.operands = "",
	.description =
		"Removes what `cmk system boot enable` has put in place, whoever does it; of "
		"OpenRC and runit it says what root has to do. Containers that run go on.",
	.examples = boot_disable_examples,
	.args_size = 1,
	.exec = boot_disable_exec,
};
