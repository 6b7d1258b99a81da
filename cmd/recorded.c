// SPDX-License-Identifier: Apache-2.0
#include "cmd/recorded.h"

#include <limits.h>
#include <sys/stat.h>

#include "base/process.h"
#include "cmd/commands.h"

struct rows {
	const struct cmk_option **own, **behind; /* flattened; behind may be NULL */
};

static void recorded_list_free(struct cmk_recorded_option *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)strv_free(list[i].words);
	free(list);
}

void cmk_recorded_done(struct cmk_recorded *r)
{
	recorded_list_free(r->globals, r->n_globals);
	recorded_list_free(r->options, r->n_options);
	*r = (struct cmk_recorded){ 0 };
}

static const struct cmk_option *find(const struct cmk_option **rows, const char *name, size_t len)
{
	for (; rows && *rows; rows++) {
		const struct cmk_option *o = *rows;

		if (strncmp(o->name, name, len) == 0 && !o->name[len])
			return o;
		if (o->alias && strncmp(o->alias, name, len) == 0 && !o->alias[len])
			return o;
	}
	return NULL;
}

static const struct cmk_option *find_letter(const struct cmk_option **rows, char letter)
{
	for (; rows && *rows; rows++)
		if ((*rows)->letter == letter)
			return *rows;
	return NULL;
}

static struct cmk_recorded_option *add(struct cmk_recorded *r, const struct rows *rows,
				       const struct cmk_option *o)
{
	bool global = !rows->behind;
	struct cmk_recorded_option **list, *new;
	size_t *n;

	for (const struct cmk_option **b = rows->behind; b && *b && !global; b++)
		global = *b == o;
	list = global ? &r->globals : &r->options;
	n = global ? &r->n_globals : &r->n_options;
	*list = xrealloc(*list, *n + 1, sizeof(**list));
	new = &(*list)[(*n)++];
	*new = (struct cmk_recorded_option){ .row = o };
	return new;
}

static bool stands_alone(const struct cmk_option *o)
{
	return !cmk_option_takes_value(o) || o->flags & OPT_VALUE_OPTIONAL;
}

/* Both return how many words were used; 0: no such option. */
static int take_long(struct cmk_recorded *r, const struct rows *rows, char *const *argv)
{
	const char *name = argv[0] + 2, *eq = strchrnul(name, '=');
	const struct cmk_option *o = find(rows->own, name, (size_t)(eq - name));
	struct cmk_recorded_option *new;

	o = o ? o : find(rows->behind, name, (size_t)(eq - name));
	if (!o || (!*eq && !stands_alone(o) && !argv[1]))
		return 0;
	new = add(r, rows, o);
	strv_add(&new->words, argv[0]);
	if (*eq)
		new->value = eq + 1;
	if (*eq || stands_alone(o))
		return 1;
	new->value = argv[1];
	strv_add(&new->words, argv[1]);
	return 2;
}

static int take_letters(struct cmk_recorded *r, const struct rows *rows, char *const *argv)
{
	for (const char *l = argv[0] + 1; *l; l++) {
		const struct cmk_option *o = find_letter(rows->own, *l);
		struct cmk_recorded_option *new;
		bool rest;

		o = o ? o : find_letter(rows->behind, *l);
		rest = o && l[1] && (l[1] == '=' || !stands_alone(o));
		if (!o || (!rest && !stands_alone(o) && !argv[1]))
			return 0;
		new = add(r, rows, o);
		strv_add_take(&new->words, rest ? xasprintf("-%s", l) : xasprintf("-%c", *l));
		if (rest) {
			new->value = l[1] == '=' ? l + 2 : l + 1;
			return 1;
		}
		if (stands_alone(o))
			continue;
		new->value = argv[1];
		strv_add(&new->words, argv[1]);
		return 2;
	}
	return 1;
}

/* From *AT on up to the first word that is no option. */
static int take_options(struct cmk_recorded *r, const struct rows *rows, char *const **at,
			struct cmk_err *err)
{
	char *const *argv = *at;

	while (argv[0] && argv[0][0] == '-' && argv[0][1]) {
		int used;

		if (streq(argv[0], "--")) {
			argv++;
			break;
		}
		used = argv[0][1] == '-' ? take_long(r, rows, argv) : take_letters(r, rows, argv);
		if (used == 0)
			return cmk_err_set(err, -EINVAL, "'%s': no option of this version of cmk",
					   argv[0]);
		argv += used;
	}
	*at = argv;
	return 0;
}

static int take_command(struct cmk_recorded *r, char *const **at, struct cmk_err *err)
{
	int used = 0, ret;

	ret = cmk_command_find((int)strv_len((char **)*at), *at, &r->command, &used, err);
	if (ret < 0)
		return ret;
	if (r->command != &cmk_cmd_run && r->command != &cmk_cmd_create)
		return cmk_err_set(err, -EINVAL, "'cmk %s' makes no containers", r->command->name);
	*at += used;
	return 0;
}

int cmk_recorded_parse(char *const *argv, struct cmk_recorded *ret, struct cmk_err *err)
{
	cleanup_free const struct cmk_option **global = cmk_options_flatten(cmk_global_options);
	cleanup_free const struct cmk_option **behind = cmk_options_flatten(
		cmk_global_options_behind);
	cleanup_free const struct cmk_option **own = NULL;
	char *const *at = argv && *argv ? argv + 1 : NULL;
	struct rows rows = { .own = global };
	int r;

	if (!at || !*at)
		return cmk_err_set(err, -EINVAL, "there is no record of the command that made it");
	r = take_options(ret, &rows, &at, err);
	if (r == 0)
		r = take_command(ret, &at, err);
	if (r < 0)
		return r;
	own = cmk_options_flatten(ret->command->options);
	rows = (struct rows){ .own = own, .behind = behind };
	r = take_options(ret, &rows, &at, err);
	if (r < 0)
		return r;
	if (!*at)
		return cmk_err_set(err, -EINVAL, "the command that made it names no image");
	ret->operands = at;
	return 0;
}

const char *cmk_recorded_value(const struct cmk_recorded *r, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < r->n_options; i++)
		if (streq(r->options[i].row->name, name))
			value = r->options[i].value ? r->options[i].value : "true";
	return value;
}

void cmk_recorded_env(const struct cmk_recorded_option *o, char *const *given, char ***to)
{
	bool is_env = o->value && streq(o->row->name, "env") && !strchr(o->value, '=');
	size_t n = is_env ? strcspn(o->value, "*") : 0;

	for (char *const *e = given; is_env && e && *e; e++)
		if (strncmp(*e, o->value, n) == 0 && (o->value[n] == '*' || (*e)[n] == '='))
			strv_env_set(to, *e);
}

char **cmk_recorded_globals(const struct cmk_recorded *r, const char *root, const char *runroot)
{
	static const char *const kept[] = { "cdi-spec-dir", "cgroup-manager", "events-backend",
					    "hooks-dir", "storage-driver" };
	char **words = NULL;

	if (root)
		strv_add_take(&words, xasprintf("--root=%s", root));
	if (runroot)
		strv_add_take(&words, xasprintf("--runroot=%s", runroot));
	for (size_t i = 0; i < r->n_globals; i++)
		for (size_t k = 0; k < ARRAY_LEN(kept); k++)
			if (streq(kept[k], r->globals[i].row->name))
				strv_add_take(&words,
					      xasprintf("--%s=%s", kept[k], r->globals[i].value));
	return words;
}

int cmk_program_path(const char *argv0, char **ret, struct cmk_err *err)
{
	cleanup_free char *found = NULL;
	char self[PATH_MAX];
	ssize_t n;

	if (*argv0 == '/')
		found = xstrdup(argv0);
	else if (!strchr(argv0, '/'))
		found = process_find(argv0, NULL, process_is_own_program);
	if (found && process_is_own_program(found)) {
		*ret = steal_ptr(&found);
		return 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return cmk_err_errno(err, "find cmk's own path");
	self[n] = '\0';
	*ret = xstrdup(self);
	return 0;
}
