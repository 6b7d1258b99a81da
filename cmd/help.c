// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"

#include "base/strbuf.h"
#include "cmd/state.h"

#define COLUMN 30
#define WIDTH 80

/* "  -n, --name, --alias NAME", without a line end. */
static void spell_option(const struct cmk_option *o, struct strbuf *sb)
{
	if (o->letter)
		strbuf_addf(sb, "  -%c, --%s", o->letter, o->name);
	else
		strbuf_addf(sb, "      --%s", o->name);
	if (o->alias)
		strbuf_addf(sb, ", --%s", o->alias);
	if (o->arg && (o->flags & OPT_VALUE_OPTIONAL))
		strbuf_addf(sb, "[=%s]", o->arg);
	else if (o->arg)
		strbuf_addf(sb, " %s", o->arg);
}

static void help_row(const struct cmk_option *o)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	spell_option(o, &sb);
	if (sb.len > COLUMN - 2)
		strbuf_addf(&sb, "\n%*s", COLUMN, "");
	else
		strbuf_addf(&sb, "%*s", (int)(COLUMN - sb.len), "");
	strbuf_adds(&sb, o->help);
	if (o->words)
		strbuf_addf(&sb, ": %s", o->words);
	if (o->def && *o->def)
		strbuf_addf(&sb, " (default: %s)", o->def);
	puts(sb.data);
}

static void help_rows(const char *title, const struct cmk_option *rows)
{
	cleanup_free const struct cmk_option **flat = cmk_options_shown(rows);

	if (flat[0])
		printf("\n%s:\n", title);
	for (size_t i = 0; flat[i]; i++)
		help_row(flat[i]);
}

/* Fills lines up to 80 columns; empty lines stay. Texts mark `code` for the man page. */
static void print_text(const char *title, const char *text)
{
	size_t column = 0;

	if (!text)
		return;
	printf("\n%s", title);
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, " \n");

		if (column > 0 && column + 1 + n > WIDTH) {
			printf("\n");
			column = 0;
		}
		if (column > 0)
			column += (size_t)printf(" ");
		for (size_t i = 0; i < n; i++)
			if (p[i] != '`')
				column += putchar(p[i]) != EOF;
		p += n;
		if (p[0] == '\n' && p[1] == '\n') {
			printf("\n\n");
			column = 0;
		}
		p += strspn(p, " \n");
	}
	printf("\n");
}

void cmk_help_command(const struct cmk_command *cmd)
{
	printf("Usage: cmk %s%s%s%s\n\n%s.\n", cmd->name, cmd->options ? " [OPTIONS]" : "",
	       cmd->operands ? " " : "", cmd->operands ? cmd->operands : "", cmd->summary);
	print_text("", cmd->description);
	if (cmd->aliases) {
		printf("\nAlso: ");
		for (const char *const *a = cmd->aliases; *a; a++)
			printf("%scmk %s", a == cmd->aliases ? "" : ", ", *a);
		printf("\n");
	}
	help_rows("Options", cmd->options);
	print_text("Exit codes:\n", cmd->exit_codes);
	printf("\nGlobal options: see 'cmk help'.\n");
}

static void help_line(const char *name, const char *summary)
{
	printf("  %-20s %s\n", name, summary);
}

void cmk_help_group(const char *group)
{
	printf("Usage: cmk %s COMMAND\n\nCommands:\n", group);
	for (const struct cmk_command *const *c = cmk_commands; *c; c++) {
		const char *rest = str_after((*c)->name, group);

		if (rest && *rest == ' ')
			help_line(rest + 1, (*c)->summary);
		for (const char *const *a = (*c)->aliases; a && *a; a++) {
			rest = str_after(*a, group);
			if (rest && *rest == ' ')
				help_line(rest + 1, (*c)->summary);
		}
	}
	printf("\nOptions of a command: cmk %s COMMAND --help\n", group);
}

void cmk_help_all(void)
{
	printf("Usage: cmk [GLOBAL OPTIONS] COMMAND [OPTIONS]\n\n"
	       "Run OCI containers as an ordinary user, with no daemon.\n\nCommands:\n");
	for (const struct cmk_command *const *c = cmk_commands; *c; c++)
		if (!(*c)->hidden)
			help_line((*c)->name, (*c)->summary);
	help_rows("Global options", cmk_global_options);
	printf("\nOptions of a command: cmk COMMAND --help\n");
}

static int help_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	const struct cmk_command *cmd = NULL;
	int r, used = 0;

	(void)g;
	(void)args;
	if (argc == 0) {
		cmk_help_all();
		return 0;
	}
	if (argc == 1 && cmk_command_is_group(argv[0])) {
		cmk_help_group(argv[0]);
		return 0;
	}
	r = cmk_command_find(argc, argv, &cmd, &used, err);
	if (r < 0)
		return cmk_state_explain_command(argc, argv, err) ? -EOPNOTSUPP : r;
	cmk_help_command(cmd);
	return 0;
}

static const struct cmk_example help_examples[] = {
	{ "cmk help run", "Shows what run does and its options" },
	{ "cmk help image", "Lists the commands on images" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_help = {
	.name = "help",
	.summary = "Show what a command does and its options",
	.operands = "[COMMAND]",
	.max_operands = 2,
	.complete = COMPLETE_COMMANDS,
	.examples = help_examples,
	.exec = help_exec,
};
