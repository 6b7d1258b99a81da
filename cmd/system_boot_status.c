// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

#define EXIT_DISABLED 1

static int boot_status_exec(const struct cmk_globals *g cmk_unused, void *args cmk_unused,
			    int argc cmk_unused, char **argv cmk_unused, struct cmk_err *err)
{
	bool any = false;

	for (int kind = 0; kind < BOOT_N_KINDS; kind++) {
		cleanup_free char *where = NULL;
		int r = boot_is_enabled((enum boot_kind)kind, &where, err);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		any = true;
		(void)printf("enabled: %s (%s)\n", boot_kind_name((enum boot_kind)kind), where);
		if (kind == BOOT_SYSTEMD && !boot_lingers())
			(void)puts("lingering: off, so at the first login, not at boot (run: "
				   "loginctl enable-linger)");
	}
	if (!any)
		(void)puts("disabled");
	return any ? 0 : EXIT_DISABLED;
}

static const struct cmk_example boot_status_examples[] = {
	{ "cmk system boot status", "tells whether containers are started at boot, and by whom" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_system_boot_status = {
	.name = "system boot status",
	.summary = "Tell whether containers are started at boot",
	.operands = "",
	.description = "Prints who starts containers at boot (systemd, cron, OpenRC, runit) and "
		       "where that stands, or `disabled`.",
	.exit_codes = "0 enabled; 1 disabled; 125 cmk failed",
	.examples = boot_status_examples,
	.args_size = 1,
	.exec = boot_status_exec,
};
