// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cmd/containers.h"

struct diff_args {
	const char *format;
	bool latest;
};

static const struct cmk_option diff_options[] = {
	CMK_OPT_STRING(0, "format", struct diff_args, format, "FORMAT", "print json"),
	CMK_OPT_FLAG('l', "latest", struct diff_args, latest,
		     "act on the container that was made last"),
	CMK_OPT_END(),
};

static const struct cmk_option image_diff_options[] = {
	CMK_OPT_STRING(0, "format", struct diff_args, format, "FORMAT", "print json"),
	CMK_OPT_END(),
};

static void write_kind(struct json_writer *w, const char *key, char *const *changes, char kind)
{
	bool any = false;

	for (char *const *c = changes; c && *c; c++)
		any = any || **c == kind;
	if (!any)
		return;
	json_write_array(w, key);
	for (char *const *c = changes; *c; c++)
		if (**c == kind)
			json_write_str(w, NULL, *c + 1);
	json_write_end(w, ']');
}

static int print_json(char *const *changes, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	w.pretty = true;
	json_write_object(&w, NULL);
	write_kind(&w, "changed", changes, 'C');
	write_kind(&w, "added", changes, 'A');
	write_kind(&w, "deleted", changes, 'D');
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &text, &len, err);
	if (r >= 0)
		(void)fwrite(text, 1, len, stdout);
	return r;
}

static int diff(struct storage *st, const struct diff_args *a, const char *name, const char *other,
		bool images_only, struct cmk_err *err)
{
	cleanup_strv char **changes = NULL;
	int r = container_changes(st, name, other, images_only, &changes, err);

	if (r < 0)
		return r;
	if (a->format)
		return print_json(changes, err);
	for (char **c = changes; c && *c; c++)
		(void)printf("%c %s\n", **c, *c + 1);
	return 0;
}

static int check_format(const struct diff_args *a, struct cmk_err *err)
{
	if (a->format && !streq(a->format, "json"))
		return cmk_err_set(err, -EINVAL, "only supported value for '--format' is 'json'");
	return 0;
}

static int diff_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	const struct diff_args *a = args;
	int r = check_format(a, err);

	if (r == 0 && a->latest && argc > 0)
		r = cmk_err_set(err, -EINVAL, "--latest and containers cannot be used together");
	if (r == 0 && !a->latest && argc == 0)
		r = cmk_err_set(err, -EINVAL,
				"container must be specified: you must provide the "
				"name or ID of a container or image");
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0 && a->latest)
		r = cmk_container_or_latest(st, true, NULL, &c, err);
	if (r < 0)
		return r;
	return diff(st, a, c ? c->cfg.id : argv[0], argc > 1 ? argv[1] : NULL, false, err);
}

static int image_diff_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			   struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	const struct diff_args *a = args;
	int r = check_format(a, err);

	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	return r < 0 ? r : diff(st, a, argv[0], argc > 1 ? argv[1] : NULL, true, err);
}

static const char *const diff_aliases[] = { "container diff", NULL };

static const struct cmk_example diff_examples[] = {
	{ "cmk diff web", "Lists what the container \"web\" has changed in its image's files" },
	{ "cmk diff --format json web", "Prints the same for programs" },
	{ "cmk diff web:2 web:1", "Lists what the image web:2 has otherwise than web:1" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_diff = {
	.name = "diff",
	.aliases = diff_aliases,
	.summary = "List what has changed in a container's files",
	.operands = "CONTAINER|IMAGE [CONTAINER|IMAGE]",
	.description =
		"Lists the paths that differ from the image of which a container was made, of an "
		"image those that its last layer brought, or those in which two of them differ: "
		"`A` was added, `C` was changed, `D` was deleted. Volumes and the files that cmk "
		"itself puts into a container are left out.",
	.examples = diff_examples,
	.options = diff_options,
	.args_size = sizeof(struct diff_args),
	.max_operands = 2,
	.complete = COMPLETE_CONTAINERS,
	.exec = diff_exec,
};

static const struct cmk_example image_diff_examples[] = {
	{ "cmk image diff alpine", "Lists what the image's last layer brought" },
	{ "cmk image diff --format json web:2 web:1", "Prints as JSON in what two images differ" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_diff = {
	.name = "image diff",
	.summary = "List what has changed in an image's files",
	.operands = "IMAGE [IMAGE]",
	.description = "Lists the paths that the image's last layer brought, or in which it "
		       "differs from another image: `A` was added, `C` was changed, `D` was "
		       "deleted.",
	.examples = image_diff_examples,
	.options = image_diff_options,
	.args_size = sizeof(struct diff_args),
	.min_operands = 1,
	.max_operands = 2,
	.complete = COMPLETE_IMAGES,
	.exec = image_diff_exec,
};
