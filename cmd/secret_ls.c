// SPDX-License-Identifier: Apache-2.0
#include "base/pattern.h"
#include "cmd/containers.h"
#include "cmd/format.h"

struct secret_ls_args {
	char **filters;
	const char *format;
	bool noheading, quiet;
};

static const struct cmk_option_key secret_ls_keys[] = {
	{ "name", COMPLETE_SECRETS, NULL },
	{ "id", COMPLETE_NONE, NULL },
	{ NULL, COMPLETE_NONE, NULL },
};

/* For completion. */
static const char secret_fields[] = "ID|Name|Driver|CreatedAt|UpdatedAt";

static const struct cmk_option secret_ls_options[] = {
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct secret_ls_args, filters, "KEY=VALUE",
		   "list only what fits (name, id)", .keys = secret_ls_keys),
	CMK_OPT_STRING(0, "format", struct secret_ls_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = secret_fields),
	CMK_OPT_FLAG('n', "noheading", struct secret_ls_args, noheading, "print no line of titles"),
	CMK_OPT_FLAG('q', "quiet", struct secret_ls_args, quiet,
		     "print IDs alone, where there is no --format"),
	CMK_OPT_END(),
};

static int check_filters(char *const *filters, struct cmk_err *err)
{
	for (; filters && *filters; filters++) {
		cleanup_free char *key = xstrndup(*filters, strcspn(*filters, "="));
		cleanup_pattern struct pattern *p = NULL;
		int r;

		if (!strchr(*filters, '='))
			return cmk_err_set(err, -EINVAL,
					   "invalid filter '%s': KEY=VALUE was expected", *filters);
		if (!cmk_option_find_key(secret_ls_keys, key))
			return cmk_err_set(err, -EINVAL, "invalid filter '%s'", key);
		r = pattern_new(*filters + strlen(key) + 1, &p, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool matches(const char *pattern, const char *text)
{
	cleanup_pattern struct pattern *p = NULL;

	return pattern_new(pattern, &p, NULL) == 0 && pattern_matches(p, text, NULL) > 0;
}

static bool fits(char *const *filters, const struct secret *s)
{
	bool asked[2] = { false }, ok[2] = { false };

	for (; filters && *filters; filters++) {
		const char *name = str_after(*filters, "name=");
		const char *id = str_after(*filters, "id=");
		int which = name ? 0 : 1;

		asked[which] = true;
		ok[which] |= name ? matches(name, s->name) : str_after(s->id, id) != NULL;
	}
	return (!asked[0] || ok[0]) && (!asked[1] || ok[1]);
}

static void write_row(struct json_writer *w, const struct secret *s)
{
	char created[48], updated[48];

	format_ago(s->created, created);
	format_ago(s->updated, updated);
	json_write_object(w, NULL);
	json_write_str(w, "ID", s->id);
	json_write_str(w, "Name", s->name);
	json_write_str(w, "Driver", s->driver);
	json_write_str(w, "CreatedAt", created);
	json_write_str(w, "UpdatedAt", updated);
	json_write_end(w, '}');
}

static int secret_ls_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			  char **argv cmk_unused, struct cmk_err *err)
{
	static const struct format_title titles[] = { { "CreatedAt", "CREATED" },
						      { "UpdatedAt", "UPDATED" },
						      { NULL, NULL } };
	const struct secret_ls_args *a = args;
	const char *format = a->quiet && !a->format ? "{{.ID}}" : a->format;
	cleanup_storage struct storage *st = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	struct secret *list = NULL;
	size_t n = 0;
	int r = check_filters(a->filters, err);

	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = secret_list(st, &list, &n, err);
	if (r < 0)
		return r;
	if (!format)
		format = "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}";
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		if (fits(a->filters, &list[i]))
			write_row(&w, &list[i]);
	secret_list_free(list, n);
	return format_print_array(format, &w, titles, a->noheading, err);
}

static const struct cmk_example secret_ls_examples[] = {
	{ "cmk secret ls", "Lists all secrets, without their values" },
	{ "cmk secret ls --filter name=^db --format '{{.Name}}'",
	  "The names that begin with db, alone" },
	{ NULL, NULL },
};
static const char *const secret_ls_aliases[] = { "secret list", NULL };

const struct cmk_command cmk_cmd_secret_ls = {
	.name = "secret ls",
	.aliases = secret_ls_aliases,
	.summary = "List secrets",
	.operands = "",
	.description = "One line for each secret, by name; a filter's name is a regular "
		       "expression, its id the beginning of one.",
	.examples = secret_ls_examples,
	.options = secret_ls_options,
	.args_size = sizeof(struct secret_ls_args),
	.exec = secret_ls_exec,
};
