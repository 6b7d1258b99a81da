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

/* What a newcomer looks for first; a command that stands nowhere here is among the others. */
static const struct section {
	const char *title;
	const char *const *names;
} sections[] = {
	{ "Getting started", (const char *const[]){ "run", "ps", "logs", "exec", "stop", "rm",
						    "pull", "images", NULL } },
	{ "Containers",
	  (const char *const[]){ "create", "start",  "restart", "kill",	  "pause",  "unpause",
				 "wait",   "attach", "inspect", "port",	  "top",    "stats",
				 "events", "cp",     "diff",	"commit", "export", "rename",
				 "update", "init",   NULL } },
	{ "Images",
	  (const char *const[]){ "build", "push", "rmi", "tag", "untag", "history", "save", "load",
				 "import", "search", "login", "logout", NULL } },
	{ "This host and cmk",
	  (const char *const[]){ "info", "doctor", "version", "help", "completion", NULL } },
};

static const struct cmk_command *find_name(const char *name)
{
	for (const struct cmk_command *const *c = cmk_commands; *c; c++)
		if (!(*c)->hidden && streq((*c)->name, name))
			return *c;
	return NULL;
}

static bool in_a_section(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++)
		for (const char *const *n = sections[i].names; *n; n++)
			if (streq(*n, name))
				return true;
	return false;
}

static void help_sections(void)
{
	bool others = false;

	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		printf("\n%s:\n", sections[i].title);
		for (const char *const *n = sections[i].names; *n; n++) {
			const struct cmk_command *c = find_name(*n);

			if (c)
				help_line(c->name, c->summary);
		}
	}
	for (const struct cmk_command *const *c = cmk_commands; *c; c++) {
		if ((*c)->hidden || strchr((*c)->name, ' ') || in_a_section((*c)->name))
			continue;
		if (!others)
			printf("\nOther commands:\n");
		others = true;
		help_line((*c)->name, (*c)->summary);
	}
}

static void add_group_word(char ***words, const char *name, const char *group)
{
	const char *rest = str_after(name, group);

	if (rest && *rest == ' ' && !strv_has(*words, rest + 1))
		strv_add(words, rest + 1);
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "  volume   create, exists, inspect, …", with line breaks. */
static void help_words(const char *group, char *const *words)
{
	size_t column = (size_t)printf("  %-12s", group);
	const size_t indent = column;

	for (; *words; words++) {
		size_t n = strlen(*words) + 1;

		if (column + n + 1 > WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		}
		column += (size_t)printf(" %s%s", *words, words[1] ? "," : "");
	}
	printf("\n");
}

/* The first words of two-word commands, each with what may follow. */
static void help_groups(void)
{
	cleanup_strv char **groups = NULL;

	for (const struct cmk_command *const *c = cmk_commands; *c; c++) {
		const char *space = strchr((*c)->name, ' ');
		cleanup_free char *group = NULL;

		if ((*c)->hidden || !space)
			continue;
		group = xstrndup((*c)->name, (size_t)(space - (*c)->name));
		if (!strv_has(groups, group))
			strv_add_take(&groups, steal_ptr(&group));
	}
	printf("\nBy what they are about (cmk GROUP COMMAND):\n");
	for (char **g = groups; g && *g; g++) {
		cleanup_strv char **words = NULL;

		for (const struct cmk_command *const *c = cmk_commands; *c; c++) {
			if ((*c)->hidden)
				continue;
			add_group_word(&words, (*c)->name, *g);
			for (const char *const *a = (*c)->aliases; a && *a; a++)
				add_group_word(&words, *a, *g);
		}
		qsort(words, strv_len(words), sizeof(*words), compare_words);
		help_words(*g, words);
	}
}

void cmk_help_all(void)
{
	printf("Usage: cmk [GLOBAL OPTIONS] COMMAND [OPTIONS]\n\n"
	       "Run OCI containers as an ordinary user, with no daemon.\n\n"
	       "  cmk run -it alpine sh             a shell in a new container\n"
	       "  cmk run -d --name web -p 8080:80 docker.io/library/httpd\n"
	       "                                    a web server in the background\n"
	       "  cmk logs -f web                   what it writes\n"
	       "  cmk rm -f web                     away with it\n");
	help_sections();
	help_groups();
	help_rows("Global options", cmk_global_options);
	printf("\nOptions of a command: cmk COMMAND --help\n");
}

static int help_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	const struct cmk_command *cmd = NULL;
	cleanup_free char *group = NULL;
	int r, used = 0;

	(void)g;
	(void)args;
	if (argc == 0) {
		cmk_help_all();
		return 0;
	}
	if (cmk_command_group(argc, argv, &group) == argc) {
		cmk_help_group(group);
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
	.max_operands = 3,
	.complete = COMPLETE_COMMANDS,
	.examples = help_examples,
	.exec = help_exec,
};
