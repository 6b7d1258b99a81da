// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/volumes.h"

struct volume_ls_args {
	char **filters;
	const char *format;
	bool noheading, quiet;
};

static const struct cmk_option volume_ls_options[] = {
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct volume_ls_args, filters, "KEY=VALUE",
		   "list only what fits (name, driver, label, opt, scope, dangling, anonymous, "
		   "since, until)",
		   .keys = volumes_filter_keys),
	CMK_OPT_STRING(0, "format", struct volume_ls_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = cmk_volume_fields),
	CMK_OPT_FLAG('n', "noheading", struct volume_ls_args, noheading, "print no line of titles"),
	CMK_OPT_FLAG('q', "quiet", struct volume_ls_args, quiet, "print names alone",
		     .excludes = "format"),
	CMK_OPT_END(),
};

static int print_volumes(struct storage *st, const struct volume_ls_args *a,
			 const struct volumes_filter *f, struct cmk_err *err)
{
	static const struct format_title titles[] = { { "Name", "VOLUME NAME" }, { NULL, NULL } };
	cleanup(volume_users_done) struct volume_users users = { 0 };
	struct json_writer w = JSON_WRITER_INIT;
	struct volume_record *list = NULL;
	const char *format = a->quiet ? "{{.Name}}" : format_typed(a->format);
	size_t n = 0, shown = 0;
	int r;

	if (!format)
		format = "table {{.Driver}}\t{{.Name}}";
	r = volume_users_load(st, &users, err);
	if (r == 0)
		r = storage_volume_list(st, &list, &n, err);
	if (r < 0)
		return r;
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		if (!volumes_filter_fits(f, &list[i], &users))
			continue;
		shown++;
		if (streq(format, "json"))
			cmk_volume_write(&w, &list[i], &users);
		else
			cmk_volume_write_row(&w, &list[i], &users);
	}
	storage_volume_list_free(list, n);
	/* As with podman, there are no titles over nothing. */
	return format_print_array(format, &w, titles, a->noheading || shown == 0, err);
}

static int volume_ls_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			  char **argv cmk_unused, struct cmk_err *err)
{
	const struct volume_ls_args *a = args;
	cleanup_storage struct storage *st = NULL;
	struct volumes_filter *f = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = volumes_filter_parse(st, a->filters, false, &f, err);
	if (r == 0)
		r = print_volumes(st, a, f, err);
	volumes_filter_free(f);
	return r;
}

static const struct cmk_example volume_ls_examples[] = {
	{ "cmk volume ls", "Lists all volumes" },
	{ "cmk volume ls -q --filter dangling=true", "The names of those that no container uses" },
	{ "cmk volume ls --format '{{.Name}} {{.Mountpoint}}'", "Where each one lies" },
	{ NULL, NULL },
};
static const char *const volume_ls_aliases[] = { "volume list", NULL };

const struct cmk_command cmk_cmd_volume_ls = {
	.name = "volume ls",
	.aliases = volume_ls_aliases,
	.summary = "List volumes",
	.operands = "",
	.description = "One line for each volume, by name.",
	.examples = volume_ls_examples,
	.options = volume_ls_options,
	.args_size = sizeof(struct volume_ls_args),
	.exec = volume_ls_exec,
};
