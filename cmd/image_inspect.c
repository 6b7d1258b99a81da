// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/format.h"
#include "cmd/images_filter.h"
#include "image/image.h"

struct image_inspect_args {
	const char *format, *platform;
};

/* For completion. */
static const char image_fields[] =
	"Id|Digest|RepoTags|RepoDigests|Parent|Comment|Created|Config{Env|Cmd|Labels}|"
	"Version|Author|Architecture|Os|Size|VirtualSize|GraphDriver{Name|Data}|RootFS{"
	"Type|Layers}|Labels|Annotations|ManifestType|User|History|NamesHistory";

static const struct cmk_option image_inspect_options[] = {
	CMK_OPT_STRING('f', "format", struct image_inspect_args, format, "FORMAT",
		       "print as json or through a Go template", .def = "json",
		       .fields = image_fields),
	CMK_OPT_STRING(0, "platform", struct image_inspect_args, platform, "OS/ARCH[/VARIANT]",
		       "of a manifest list, show the image for this platform"),
	CMK_OPT_END(),
};

int cmk_settle_for(struct storage *st, const char *id, const char *format, struct cmk_err *err)
{
	static const char *const names[] = { "Digest", "RootFS", NULL };
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r = format_may_print(format, names) ? image_settle(st, id, &mine) : 0;

	/* Of another's store it is shown as it is there. */
	return r < 0 && r != -EROFS ? cmk_err_move(err, &mine) : 0;
}

/* What is found is printed; what is not is an error after that. */
static int inspect_all(struct storage *st, const struct image_inspect_args *a, int argc,
		       char **argv, struct json_writer *w, struct cmk_err *err)
{
	struct cmk_err first = CMK_ERR_INIT;

	json_write_array(w, NULL);
	for (int i = 0; i < argc; i++) {
		cleanup_err struct cmk_err mine = CMK_ERR_INIT;
		cleanup_free char *id = NULL;
		int r;

		r = image_find_platform(st, argv[i], a->platform, &id, NULL, &mine);
		if (r == 0)
			r = cmk_settle_for(st, id, a->format, &mine);
		if (r == 0)
			r = image_inspect(st, id, w, &mine);
		if (r < 0 && first.code)
			log_error("%s", cmk_err_msg(&mine));
		else if (r < 0)
			(void)cmk_err_move(&first, &mine);
	}
	json_write_end(w, ']');
	return first.code ? cmk_err_move(err, &first) : 0;
}

static int image_inspect_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			      struct cmk_err *err)
{
	const struct image_inspect_args *a = args;
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	struct storage *st = NULL;
	size_t len = 0;
	int found, r;

	r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	found = inspect_all(st, a, argc, argv, &w, err);
	storage_free(st);
	r = json_writer_finish(&w, &text, &len, found < 0 ? NULL : err);
	if (r == 0)
		r = format_print(a->format, text, len, NULL, false, found < 0 ? NULL : err);
	return found < 0 ? found : r;
}

static const struct cmk_example image_inspect_examples[] = {
	{ "cmk image inspect alpine", "Shows all that is known of the image, as JSON" },
	{ "cmk image inspect --format '{{.Config.Entrypoint}}' alpine", "Shows one part of it" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_inspect = {
	.name = "image inspect",
	.summary = "Show all that is known of images",
	.operands = "IMAGE [IMAGE...]",
	.options = image_inspect_options,
	.args_size = sizeof(struct image_inspect_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.examples = image_inspect_examples,
	.exec = image_inspect_exec,
};
