// SPDX-License-Identifier: Apache-2.0
/*
 * `cmk __complete -- WORD... CURRENT`: what may stand in the place of CURRENT, one candidate a line
 * with a tab and a description, then ":nospace" where no blank shall follow it, and a line with
 * ":files", ":dirs" or ":none": what the shell shall add of its own. The scripts of `cmk
 * completion` ask it at each key; it fails silently.
 *
 * `cmk __completeNoDesc WORD... CURRENT` says the same as podman does (the conventions of Go's
 * cobra), for programs that ask either.
 */
#include "cmd/complete.h"
#include "cmd/commands.h"

void cmk_candidate(const struct completion *c, const char *word, const char *description)
{
	if (!str_after(word, c->current))
		return;
	printf("%s%s", c->prefix ? c->prefix : "", word);
	if (!c->no_descriptions)
		printf("\t%s", description ? description : "");
	(void)putchar('\n');
}

void cmk_complete_words(const struct completion *c, const char *words)
{
	for (const char *w = words; w && *w;) {
		size_t n = strcspn(w, "|");
		cleanup_free char *word = xstrndup(w, n);

		cmk_candidate(c, word, NULL);
		w += n + (w[n] == '|');
	}
}

/* First words of commands where GROUP is NULL, else second words behind it. */
static void complete_commands(const struct completion *c, const char *group)
{
	cleanup_strv char **seen = NULL;

	for (const struct cmk_command *const *cmd = cmk_commands; *cmd; cmd++) {
		const char *const *alias = (*cmd)->aliases;

		if ((*cmd)->hidden)
			continue;
		for (const char *name = (*cmd)->name; name; name = alias ? *alias++ : NULL) {
			const char *rest = group ? str_after(name, group) : name;
			cleanup_free char *word = NULL;

			if (!rest || (group && *rest++ != ' '))
				continue;
			word = xstrndup(rest, strcspn(rest, " "));
			if (strv_has(seen, word))
				continue;
			strv_add(&seen, word);
			cmk_candidate(c, word,
				      rest[strlen(word)] ? "More commands" : (*cmd)->summary);
		}
	}
}

static void complete_value(struct completion *c, const struct cmk_globals *g,
			   const struct cmk_option *o)
{
	if (o->keys) {
		cmk_complete_key(g, o->keys, c);
		return;
	}
	if (o->fields) {
		cmk_complete_template(o->fields, c);
		return;
	}
	switch (o->complete) {
	case COMPLETE_FILES:
		c->directive = ":files";
		break;
	case COMPLETE_DIRS:
		c->directive = ":dirs";
		break;
	default:
		cmk_complete_words(c, o->words);
		cmk_complete_names(g, o->complete, c);
		break;
	}
}

static void complete_options(const struct completion *c, const struct cmk_option *rows)
{
	cleanup_free const struct cmk_option **flat = cmk_options_shown(rows);

	for (size_t i = 0; flat[i]; i++) {
		const struct cmk_option *o = flat[i];
		cleanup_free char *name = xasprintf("--%s", o->name);
		cleanup_free char *alias = o->alias ? xasprintf("--%s", o->alias) : NULL;
		char letter[3] = { '-', o->letter, '\0' };

		cmk_candidate(c, name, o->help);
		/* A second spelling only where it is being typed. */
		if (alias && !str_after(name, c->current))
			cmk_candidate(c, alias, o->help);
		if (o->letter && streq(c->current, letter))
			cmk_candidate(c, letter, o->help);
	}
}

static const struct cmk_option *find_row(const struct cmk_option *rows, const char *word)
{
	cleanup_free const struct cmk_option **flat = cmk_options_flatten(rows);
	size_t n = strcspn(word, "=");

	for (size_t i = 0; flat[i]; i++) {
		const struct cmk_option *o = flat[i];
		const char *names[] = { o->name, o->alias };

		for (size_t k = 0; word[1] == '-' && k < ARRAY_LEN(names); k++)
			if (names[k] && strlen(names[k]) + 2 == n &&
			    strncmp(names[k], word + 2, n - 2) == 0)
				return o;
		/* Of grouped letters the last one may want a value. */
		if (word[1] != '-' && o->letter && word[strlen(word) - 1] == o->letter)
			return o;
	}
	return NULL;
}

/* The state of what was typed so far. */
struct typed {
	const struct cmk_command *cmd;
	const struct cmk_option *rows, *pending; /* an option that waits for its value */
	char *group;				 /* "image", "image trust"; owned */
	const char *first_operand;
	int n_operands;
	bool only_operands;
};

static const struct cmk_option *row_of(const struct typed *t, const char *word)
{
	const struct cmk_option *o = find_row(t->rows, word);

	return o || !t->cmd ? o : find_row(cmk_global_options_behind, word);
}

/* Takes the words of a command's name; returns how many there were. */
static int take_command(struct typed *t, int n, char **words)
{
	const struct cmk_command *cmd = NULL;
	cleanup_free char *group = NULL;
	int used = 0;

	if (n > 0 && cmk_command_group(n, words, &group) == n) {
		t->group = steal_ptr(&group);
		return n;
	}
	if (cmk_command_find(n, words, &cmd, &used, NULL) < 0)
		return -ENOENT;
	t->cmd = cmd;
	t->rows = cmd->options;
	return used;
}

static int take_words(struct typed *t, const char **root, int n, char **words)
{
	for (int i = 0; i < n; i++) {
		char *w = words[i];

		if (t->pending) {
			if (streq(t->pending->name, "root"))
				root[0] = w;
			if (streq(t->pending->name, "runroot"))
				root[1] = w;
			t->pending = NULL;
		} else if (w[0] == '-' && w[1] && !t->only_operands) {
			const struct cmk_option *o = row_of(t, w);

			t->only_operands = streq(w, "--");
			if (o && cmk_option_takes_value(o) && !strchr(w, '=') &&
			    !(o->flags & OPT_VALUE_OPTIONAL))
				t->pending = o;
		} else if (!t->cmd) {
			int used = take_command(t, n - i, words + i);

			if (used < 0)
				return used;
			i += used - 1;
		} else {
			if (t->n_operands++ == 0)
				t->first_operand = w;
			t->only_operands |= t->cmd->stop_at_operand;
		}
	}
	return 0;
}

static void complete_operand(struct completion *c, const struct cmk_globals *g,
			     const struct typed *t)
{
	bool more = t->cmd->max_operands < 0 || t->n_operands < t->cmd->max_operands;

	if (t->cmd->stop_at_operand && t->n_operands > 0)
		c->directive = ":files";
	else if (t->cmd->complete == COMPLETE_COMMANDS)
		complete_commands(c, t->first_operand);
	else if (more && t->cmd->complete == COMPLETE_FILES)
		c->directive = ":files";
	else if (more && t->cmd->complete == COMPLETE_DIRS)
		c->directive = ":dirs";
	else if (more && t->cmd->complete == COMPLETE_PLACES)
		cmk_complete_place(g, c);
	else if (more)
		cmk_complete_names(g, t->cmd->complete, c);
}

static void complete(struct completion *c, struct cmk_globals *g, struct typed *t)
{
	const char *eq = strchr(c->current, '=');
	cleanup_free char *prefix = NULL;

	if (t->pending) {
		complete_value(c, g, t->pending);
	} else if (!t->only_operands && c->current[0] == '-' && eq) {
		const struct cmk_option *o = row_of(t, c->current);

		prefix = xstrndup(c->current, (size_t)(eq + 1 - c->current));
		c->prefix = prefix;
		c->current = eq + 1;
		if (o)
			complete_value(c, g, o);
		c->prefix = NULL;
	} else if (!t->only_operands && c->current[0] == '-') {
		complete_options(c, t->rows);
		if (t->cmd)
			complete_options(c, cmk_global_options_behind);
	} else if (t->cmd) {
		complete_operand(c, g, t);
	} else {
		complete_commands(c, t->group);
	}
}

static void complete_at(struct completion *c, const struct cmk_globals *g, int argc, char **argv)
{
	const char *root[2] = { g->root, g->runroot };
	struct typed t = { .rows = cmk_global_options };
	struct cmk_globals with_root = *g;

	c->current = argv[argc - 1];
	c->directive = ":none";
	if (take_words(&t, root, argc - 1, argv) == 0) {
		with_root.root = root[0];
		with_root.runroot = root[1];
		complete(c, &with_root, &t);
	}
	free(t.group);
}

static int complete_exec(const struct cmk_globals *g, void *args cmk_unused, int argc, char **argv,
			 struct cmk_err *err cmk_unused)
{
	struct completion c = { 0 };

	complete_at(&c, g, argc, argv);
	if (c.nospace)
		puts(":nospace");
	puts(c.directive);
	return 0;
}

/* cobra's directives: a number at the end, and its name on stderr. */
static int complete_no_desc_exec(const struct cmk_globals *g, void *args cmk_unused, int argc,
				 char **argv, struct cmk_err *err cmk_unused)
{
	struct completion c = { .no_descriptions = true };
	bool files, dirs;

	complete_at(&c, g, argc, argv);
	files = streq(c.directive, ":files");
	dirs = streq(c.directive, ":dirs");
	(void)printf(":%d\n", (c.nospace ? 2 : 0) + (files ? 0 : dirs ? 16 : 4));
	(void)fprintf(stderr, "Completion ended with directive: %s%s%s\n",
		      c.nospace ? "ShellCompDirectiveNoSpace" : "", c.nospace && !files ? ", " : "",
		      dirs	   ? "ShellCompDirectiveFilterDirs"
		      : !files	   ? "ShellCompDirectiveNoFileComp"
		      : !c.nospace ? "ShellCompDirectiveDefault"
				   : "");
	return 0;
}

const struct cmk_command cmk_cmd_complete = {
	.name = "__complete",
	.summary = "List what may stand at a place of the command line",
	.operands = "-- WORD... CURRENT",
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.hidden = true,
	.exec = complete_exec,
};

const struct cmk_command cmk_cmd_complete_no_desc = {
	.name = "__completeNoDesc",
	.summary = "List what may stand at a place of the command line, as podman does",
	.operands = "WORD... CURRENT",
	.min_operands = 1,
	.max_operands = -1,
	.no_options = true,
	.hidden = true,
	.exec = complete_no_desc_exec,
};
