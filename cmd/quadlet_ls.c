// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fnmatch.h>

#include "cmd/commands.h"
#include "cmd/format.h"
#include "cmd/quadlets.h"

struct quadlet_ls_args {
	char **filters;
	const char *format;
};

static const struct cmk_option_key quadlet_ls_keys[] = {
	{ "name", COMPLETE_QUADLETS, NULL },
	{ "status", COMPLETE_NONE, NULL },
	{ NULL, COMPLETE_NONE, NULL },
};

/* For completion. */
static const char quadlet_fields[] = "App|Name|Path|Status|UnitName";

static const struct cmk_option quadlet_ls_options[] = {
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct quadlet_ls_args, filters, "KEY=VALUE",
		   "list only what fits (name, status)", .keys = quadlet_ls_keys),
	CMK_OPT_STRING(0, "format", struct quadlet_ls_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = quadlet_fields),
	CMK_OPT_END(),
};

static int check_filters(char *const *filters, struct cmk_err *err)
{
	for (; filters && *filters; filters++)
		if (!strchr(*filters, '=') || !cmk_option_find_key(quadlet_ls_keys, *filters))
			return cmk_err_set(err, -EINVAL,
					   "invalid filter '%s': name=PATTERN or status=STATUS was "
					   "expected",
					   *filters);
	return 0;
}

/* Of those of a key one has to fit. */
static bool fits(char *const *filters, const char *name, const char *status)
{
	bool asked[2] = { false }, ok[2] = { false };

	for (; filters && *filters; filters++) {
		const char *pattern = str_after(*filters, "name=");
		const char *want = str_after(*filters, "status=");
		int which = pattern ? 0 : 1;

		asked[which] = true;
		ok[which] |= pattern ? fnmatch(pattern, name, 0) == 0 : streq(want, status);
	}
	return (!asked[0] || ok[0]) && (!asked[1] || ok[1]);
}

static char *app_of(const struct quadlet_unit *u)
{
	cleanup_free char *dir = xstrndup(u->path, (size_t)(strrchr(u->path, '/') - u->path));
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *app = fd < 0 ? NULL : quadlet_app_of(fd, u->name);

	return app ? app : xstrdup("");
}

static void write_row(struct json_writer *w, const struct quadlet_unit *u, const char *status)
{
	cleanup_free char *app = app_of(u);

	json_write_object(w, NULL);
	json_write_str(w, "Name", u->name);
	json_write_str(w, "UnitName", u->service ?: "");
	json_write_str(w, "Path", u->path);
	json_write_str(w, "Status", status);
	json_write_str(w, "App", app);
	json_write_end(w, '}');
}

/* As podman's: also a template of the user's own has the titles as its first line. */
static bool titles_are_a_row(const char *format)
{
	return format && !streq(format, "json") && !str_after(format, "table ") &&
	       !strstr(format, "{{json");
}

static void write_titles(struct json_writer *w, const struct format_title *titles)
{
	json_write_object(w, NULL);
	for (; titles->field; titles++)
		json_write_str(w, titles->field, titles->title);
	json_write_end(w, '}');
}

static int quadlet_ls_exec(const struct cmk_globals *g cmk_unused, void *args, int argc cmk_unused,
			   char **argv cmk_unused, struct cmk_err *err)
{
	static const struct format_title titles[] = {
		{ "Name", "NAME" },	{ "UnitName", "UNIT NAME" }, { "Path", "PATH ON DISK" },
		{ "Status", "STATUS" }, { "App", "APPLICATION" },    { NULL, NULL }
	};
	const struct quadlet_ls_args *a = args;
	cleanup_quadlets struct quadlet_set set = { 0 };
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_strv char **states = NULL;
	int r = check_filters(a->filters, err);

	if (r == 0)
		r = cmk_quadlets_load(&set, err);
	if (r < 0)
		return r;
	states = quadlet_states(&set);
	json_write_array(&w, NULL);
	if (titles_are_a_row(a->format))
		write_titles(&w, titles);
	for (size_t i = 0; i < set.n; i++)
		if (fits(a->filters, set.units[i]->name, states[i]))
			write_row(&w, set.units[i], states[i]);
	return format_print_array(
		a->format ?: "table {{.Name}}\t{{.UnitName}}\t{{.Path}}\t{{.Status}}\t{{.App}}", &w,
		titles, false, err);
}

static const struct cmk_example quadlet_ls_examples[] = {
	{ "cmk quadlet ls", "Lists all quadlets, with the state of their units" },
	{ "cmk quadlet ls --filter name='web*' --format '{{.UnitName}}'",
	  "The units of those whose names begin with web, behind a line of titles" },
	{ NULL, NULL },
};
static const char *const quadlet_ls_aliases[] = { "quadlet list", NULL };

const struct cmk_command cmk_cmd_quadlet_ls = {
	.name = "quadlet ls",
	.aliases = quadlet_ls_aliases,
	.summary = "List quadlets",
	.operands = "",
	.description =
		"One line for each file from which systemd gets a unit, cmk-systemd.unit(5), "
		"wherever it is. Before those of a template, too, there is a line of titles, as "
		"podman has it; not with `{{json .}}`.\n\nThe status is systemd's, "
		"`active/running` or "
		"`inactive/dead`; `Not loaded` where systemd knows of no such unit, because the "
		"file is refused or systemd has not read its units again; `loaded template` of a "
		"template; `unknown` where no systemd runs for the user.",
	.examples = quadlet_ls_examples,
	.options = quadlet_ls_options,
	.args_size = sizeof(struct quadlet_ls_args),
	.exec = quadlet_ls_exec,
};
