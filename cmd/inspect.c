// SPDX-License-Identifier: Apache-2.0
#include "cmd/inspect.h"
#include "cmd/containers.h"
#include "cmd/format.h"
#include "image/image.h"

#define EXIT_CMK_FAILED 125

struct inspect_args {
	const char *format, *type;
};

static const struct cmk_option inspect_options[] = {
	CMK_OPT_STRING('f', "format", struct inspect_args, format, "FORMAT",
		       "'json' or a Go template", .def = "json"),
	CMK_OPT_STRING('t', "type", struct inspect_args, type, "TYPE", "look only among these",
		       .def = "all", .words = "all|container|image", .complete = COMPLETE_WORDS),
	CMK_OPT_END(),
};

static int inspect_container(struct storage *st, const char *name, struct json_writer *w,
			     struct cmk_err *err)
{
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	return r < 0 ? r : container_inspect(c, w, err);
}

static int inspect_image(struct storage *st, const char *name, struct json_writer *w,
			 struct cmk_err *err)
{
	cleanup_free char *id = NULL;
	int r = image_resolve_local(st, name, &id, NULL, err);

	return r < 0 ? r : image_inspect(st, id, w, err);
}

/* The object of that name, appended to W: containers come first. */
static int inspect_one(struct storage *st, const char *type, const char *name,
		       struct json_writer *w, struct cmk_err *err)
{
	int r;

	if (streq(type, "image"))
		return inspect_image(st, name, w, err);
	r = inspect_container(st, name, w, err);
	if (r != -ENOENT || streq(type, "container"))
		return r;
	cmk_err_done(err);
	r = inspect_image(st, name, w, err);
	/* What is no image's name at all may have been meant as a container's. */
	if (r != -ENOENT && r != -EINVAL)
		return r;
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "no container or image with name or ID '%s': no such object", name);
}

static int print_found(const struct inspect_args *a, struct json_writer *w, bool any,
		       struct cmk_err *err)
{
	cleanup_free char *items = NULL;
	size_t len = 0;
	int r = json_writer_finish(w, &items, &len, err);

	if (r < 0)
		return r;
	/* A template has nothing to say about nothing; JSON is an empty array. */
	if (!any && !streq(a->format, "json"))
		return 0;
	return format_print(a->format, items, len, NULL, true, err);
}

int cmk_inspect(const struct cmk_globals *g, const char *type, const char *format, char **argv,
		struct cmk_err *err)
{
	const struct inspect_args a = { .format = format, .type = type };
	cleanup_storage struct storage *st = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_err struct cmk_err first = CMK_ERR_INIT;
	bool any = false;
	int r = storage_open(g->root, g->runroot, &st, err), failed = 0;

	if (r < 0)
		return r;
	json_write_array(&w, NULL);
	/* What exists is shown, whatever else was asked for. */
	for (; *argv; argv++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		r = inspect_one(st, type, *argv, &w, &e);
		any |= r >= 0;
		if (r < 0 && failed)
			cmk_print_error(&e);
		else if (r < 0)
			failed = cmk_err_move(&first, &e);
	}
	json_write_end(&w, ']');
	r = print_found(&a, &w, any, err);
	json_writer_done(&w);
	if (r >= 0 && failed)
		r = cmk_err_move(err, &first);
	return r;
}

static int inspect_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			struct cmk_err *err)
{
	const struct inspect_args *a = args;

	(void)argc;
	return cmk_inspect(g, a->type, a->format, argv, err);
}

const struct cmk_command cmk_cmd_inspect = {
	.name = "inspect",
	.summary = "Show containers and images in full, as JSON",
	.operands = "NAME...",
	.description = "Prints a JSON array with one object for each container or image, in the "
		       "order of the operands; of a container and an image of one name, the "
		       "container.",
	.options = inspect_options,
	.args_size = sizeof(struct inspect_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = inspect_exec,
};

struct container_inspect_args {
	const char *format;
};

static const struct cmk_option container_inspect_options[] = {
	CMK_OPT_STRING('f', "format", struct container_inspect_args, format, "FORMAT",
		       "'json' or a Go template", .def = "json"),
	CMK_OPT_END(),
};

static int container_inspect_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
				  struct cmk_err *err)
{
	const struct container_inspect_args *a = args;

	(void)argc;
	return cmk_inspect(g, "container", a->format, argv, err);
}

const struct cmk_command cmk_cmd_container_inspect = {
	.name = "container inspect",
	.summary = "Show containers in full, as JSON",
	.operands = "CONTAINER...",
	.description = "Prints a JSON array with one object for each container.",
	.options = container_inspect_options,
	.args_size = sizeof(struct container_inspect_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = container_inspect_exec,
};
