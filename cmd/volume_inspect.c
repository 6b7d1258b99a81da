// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/volumes.h"

struct volume_inspect_args {
	bool all;
	const char *format;
};

static const struct cmk_option volume_inspect_options[] = {
	CMK_OPT_FLAG('a', "all", struct volume_inspect_args, all, "show all volumes"),
	CMK_OPT_STRING('f', "format", struct volume_inspect_args, format, "FORMAT",
		       "'json' or a Go template", .def = "json", .fields = cmk_volume_fields),
	CMK_OPT_END(),
};

static int write_all_volumes(struct storage *st, const struct volume_users *users,
			     struct json_writer *w, bool *any, struct cmk_err *err)
{
	struct volume_record *list = NULL;
	size_t n = 0;
	int r = storage_volume_list(st, &list, &n, err);

	for (size_t i = 0; i < n && r == 0; i++)
		cmk_volume_write(w, &list[i], users);
	*any = true;
	storage_volume_list_free(list, n);
	return r;
}

/* What is found is printed; what is not is an error after that. */
static int write_named(struct storage *st, char **argv, const struct volume_users *users,
		       struct json_writer *w, bool *any, struct cmk_err *err)
{
	cleanup_err struct cmk_err first = CMK_ERR_INIT;
	int failed = 0;

	for (; *argv; argv++) {
		cleanup(storage_volume_done) struct volume_record v = { 0 };
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		int r = storage_volume_find(st, *argv, &v, &e);

		if (r == 0) {
			cmk_volume_write(w, &v, users);
			*any = true;
		} else if (failed) {
			cmk_print_error(&e);
		} else {
			failed = cmk_err_move(&first, &e);
		}
	}
	return failed ? cmk_err_move(err, &first) : 0;
}

int cmk_volume_inspect(struct storage *st, bool all, const char *format, char **argv,
		       struct cmk_err *err)
{
	cleanup(volume_users_done) struct volume_users users = { 0 };
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	bool any = false;
	size_t len = 0;
	int failed, r;

	r = volume_users_load(st, &users, err);
	if (r < 0)
		return r;
	json_write_array(&w, NULL);
	failed = all ? write_all_volumes(st, &users, &w, &any, err)
		     : write_named(st, argv, &users, &w, &any, err);
	json_write_end(&w, ']');
	r = json_writer_finish(&w, &text, &len, failed < 0 ? NULL : err);
	/* A template has nothing to say about nothing; JSON is an empty array. */
	if (r == 0 && (any || streq(format, "json")))
		r = format_print(format, text, len, NULL, true, failed < 0 ? NULL : err);
	return failed < 0 ? failed : r;
}

static int volume_inspect_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			       struct cmk_err *err)
{
	const struct volume_inspect_args *a = args;
	cleanup_storage struct storage *st = NULL;
	int r;

	if (a->all == (argc > 0))
		return cmk_err_set(err, -EINVAL, "provide one or more volume names or use --all");
	r = storage_open(g->root, g->runroot, &st, err);
	return r < 0 ? r : cmk_volume_inspect(st, a->all, a->format, argv, err);
}

static const struct cmk_example volume_inspect_examples[] = {
	{ "cmk volume inspect data", "All that is known of a volume, as JSON" },
	{ "cmk volume inspect -f '{{.Mountpoint}}' data", "Where its files are on the host" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_volume_inspect = {
	.name = "volume inspect",
	.summary = "Show volumes in full, as JSON",
	.operands = "[VOLUME...]",
	.description =
		"Prints a JSON array with one object for each volume. A VOLUME is a name, or "
		"the beginning of only one.",
	.examples = volume_inspect_examples,
	.options = volume_inspect_options,
	.args_size = sizeof(struct volume_inspect_args),
	.max_operands = -1,
	.complete = COMPLETE_VOLUMES,
	.exec = volume_inspect_exec,
};
