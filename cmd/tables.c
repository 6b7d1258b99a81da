// SPDX-License-Identifier: Apache-2.0
/* `cmk __tables`: the option tables as tab-separated text, for the tests that compare them with
 * help, man pages, completions and docs/commands.tsv. Fails where a table is not sound. */
#include "cmd/commands.h"

static int print_rows(const char *command, const struct cmk_option *rows, struct cmk_err *err)
{
	cleanup_free const struct cmk_option **flat = cmk_options_flatten(rows);
	cleanup_free char *bad = cmk_options_check(rows);

	if (bad)
		return cmk_err_set(err, -EINVAL, "options of '%s': %s", command, bad);
	for (size_t i = 0; flat[i]; i++) {
		const struct cmk_option *o = flat[i];

		printf("%s\t--%s\t%c\t%s\t%s\n", command, o->name, o->letter ? o->letter : '-',
		       o->alias ? o->alias : "-", o->flags & OPT_HIDDEN ? "hidden" : "-");
	}
	return 0;
}

static void print_command(const char *name, const char *what, bool hidden)
{
	printf("%s\t-\t-\t%s\t%s\n", name, what, hidden ? "hidden" : "-");
}

static int tables_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	int r = print_rows("(global)", cmk_global_options, err);

	(void)g;
	(void)args;
	(void)argc;
	(void)argv;
	for (const struct cmk_command *const *c = cmk_commands; *c && r == 0; c++) {
		print_command((*c)->name, "-", (*c)->hidden);
		for (const char *const *a = (*c)->aliases; a && *a; a++)
			print_command(*a, (*c)->name, (*c)->hidden);
		r = print_rows((*c)->name, (*c)->options, err);
	}
	return r;
}

const struct cmk_command cmk_cmd_tables = {
	.name = "__tables",
	.summary = "Print the option tables",
	.hidden = true,
	.exec = tables_exec,
};
