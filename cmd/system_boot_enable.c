// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "cmd/containers.h"
#include "cmd/recorded.h"

struct boot_enable_args {
	const char *with;
};

static const struct cmk_option boot_enable_options[] = {
	CMK_OPT_STRING(0, "with", struct boot_enable_args, with, "HOW",
		       "who starts it, instead of the first that is here", .words = BOOT_KIND_WORDS,
		       .complete = COMPLETE_WORDS),
	CMK_OPT_END(),
};

static int find_kind(const char *with, enum boot_kind *ret, struct cmk_err *err)
{
	return with ? boot_kind_parse(with, ret) : boot_kind_find(ret, err);
}

static int boot_enable_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			    char **argv cmk_unused, struct cmk_err *err)
{
	const struct boot_enable_args *a = args;
	cleanup_recorded struct cmk_recorded none = { 0 };
	cleanup_strbuf struct strbuf say = STRBUF_INIT;
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *program = NULL;
	cleanup_strv char **globals = NULL;
	enum boot_kind kind = BOOT_SYSTEMD;
	struct boot_command c;
	int r = find_kind(a->with, &kind, err);

	if (r == 0)
		r = cmk_program_path(g->argv[0], &program, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	globals = cmk_recorded_globals(&none, g->root ? st->root : NULL,
				       g->runroot ? st->runroot : NULL);
	c = (struct boot_command){ .program = program, .globals = globals, .root = st->root };
	r = boot_enable(kind, &c, &say, err);
	if (r < 0)
		return r;
	(void)fputs(strbuf_str(&say), stdout);
	if (kind == BOOT_SYSTEMD && !boot_lingers())
		log_warn("lingering is off: containers start at the first login, not at boot, and "
			 "end with the last session (run: loginctl enable-linger)");
	return 0;
}

static const struct cmk_example boot_enable_examples[] = {
	{ "cmk run -d --restart=always --name web nginx && cmk system boot enable",
	  "runs a server, from now on after each boot" },
	{ "cmk system boot enable --with openrc", "prints a script for a system with OpenRC" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_system_boot_enable = {
	.name = "system boot enable",
	.summary = "Start containers at boot, by their restart policy",
	.operands = "",
	.description =
		"From the next boot on, containers with `--restart=always` are started, and those "
		"with `unless-stopped` that nobody had stopped, each after those that it "
		"`--requires`, once these are healthy where they have a health check: once, by "
		"`cmk start --all --filter should-start-on-boot=true` (see cmk-start(1)).\n\n"
		"Where systemd can be reached a unit `cmk-boot.service` does it, of the user's "
		"manager or, for root, of the system's; elsewhere a line `@reboot` in the user's "
		"crontab, whose other lines stay. Where there is OpenRC or runit alone, a script "
		"is "
		"printed, with the place where root has to put it. Done again, it replaces what it "
		"did before.\n\n"
		"A user's manager runs from boot on where lingering is on: `loginctl "
		"enable-linger`.",
	.examples = boot_enable_examples,
	.options = boot_enable_options,
	.args_size = sizeof(struct boot_enable_args),
	.exec = boot_enable_exec,
};
