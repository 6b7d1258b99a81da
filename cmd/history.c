// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "cmd/containers.h"
#include "cmd/format.h"
#include "image/image.h"

#define CREATED_BY_MAX 45
#define HISTORY_MAX (8U << 20)

struct history_args {
	const char *format, *platform;
	bool human, no_trunc, quiet;
};

/* For completion. */
static const char history_fields[] =
	"ID|Created|CreatedSince|CreatedAt|CreatedBy|Size|Comment|Tags";

static const struct cmk_option history_options[] = {
	CMK_OPT_STRING(0, "format", struct history_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = history_fields),
	CMK_OPT_FLAG('H', "human", struct history_args, human,
		     "show times as ages (--human=false: as they are)", .def = "true"),
	CMK_OPT_FLAG(0, "no-trunc", struct history_args, no_trunc,
		     "do not shorten IDs and commands", .alias = "notruncate"),
	CMK_OPT_STRING(0, "platform", struct history_args, platform, "OS/ARCH[/VARIANT]",
		       "of a manifest list, show the image for this platform"),
	CMK_OPT_FLAG('q', "quiet", struct history_args, quiet, "print IDs alone"),
	CMK_OPT_END(),
};

/* One step of an image. */
struct step {
	const char *created, *created_by, *comment; /* borrowed from the configuration */
	const struct image_record *image;	    /* whose last step with files it is, or NULL */
	bool use_id;
	uint64_t size;
};

/* The image that has the first N layers of REC and no more; REC itself before all others. */
static const struct image_record *image_of_layers(const struct image_record *rec, size_t n,
						  const struct image_record *list, size_t n_list)
{
	if (n == rec->n_layers)
		return rec;
	for (size_t i = 0; i < n_list; i++) {
		if (list[i].n_layers == n && image_layers_same(list[i].layers, rec->layers, n))
			return &list[i];
	}
	return NULL;
}

/* Latest first, as it is shown. Each image's ID is given once, to the latest step that has it. */
static struct step *make_steps(const struct image_record *rec, const struct json *history,
			       const struct image_record *list, size_t n_list, size_t *ret_n)
{
	const struct image_record *last = NULL;
	size_t n = 0, layers = rec->n_layers, at;
	struct step *steps;

	json_each (v, history)
		n++;
	steps = xcalloc(n + 1, sizeof(*steps));
	at = n;
	json_each (v, history)
		steps[--at] = (struct step){
			.created = json_str(json_get(v, "created")),
			.created_by = json_str(json_get(v, "created_by")),
			.comment = json_str(json_get(v, "comment")),
			.size = json_bool(json_get(v, "empty_layer"), false) ? 0 : 1,
		};
	for (size_t i = 0; i < n && layers > 0; i++) {
		steps[i].image = image_of_layers(rec, layers, list, n_list);
		steps[i].use_id = steps[i].image && steps[i].image != last;
		last = steps[i].image ?: last;
		/* A history with more layers than there are is not to be believed. */
		if (steps[i].size)
			steps[i].size = rec->layers[--layers].size;
	}
	*ret_n = n;
	return steps;
}

static void write_json_step(struct json_writer *w, const struct step *s)
{
	cleanup_free char *whole = format_whole_seconds(s->created);

	json_write_object(w, NULL);
	json_write_str(w, "id", s->use_id ? s->image->id : "<missing>");
	json_write_str(w, "created", s->created ?: "");
	if (s->created_by)
		json_write_str(w, "CreatedBy", s->created_by);
	if (s->image && s->image->names)
		json_write_strv(w, "tags", s->image->names);
	json_write_u64(w, "size", s->size);
	if (s->comment && *s->comment)
		json_write_str(w, "comment", s->comment);
	json_write_str(w, "Created", whole);
	json_write_end(w, '}');
}

/* Who made the image has chosen the text: in a TABLE it must stay in its cell, and nowhere may it
 * command the terminal. */
static char *plain_text(const char *from, bool table)
{
	char *text = xstrdup(from ?: "");

	text_make_plain(text, table ? NULL : "\t\n", ' ');
	return text;
}

static void cut(char *text, size_t max)
{
	size_t n = max - 3;

	if (strlen(text) <= max)
		return;
	/* Not in the middle of a character. */
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	memcpy(text + n, "...", sizeof("..."));
}

static void write_step(struct json_writer *w, const struct step *s, const struct history_args *a)
{
	const char *id = s->use_id ? s->image->id : "<missing>";
	cleanup_free char *short_id = xstrndup(id, a->no_trunc ? strlen(id) : 12);
	bool table = !a->format || str_after(a->format, "table ");
	cleanup_free char *by = plain_text(s->created_by, table);
	cleanup_free char *comment = plain_text(s->comment, table);
	cleanup_free char *at = format_whole_seconds(s->created), *go = format_go_time(at);
	char size[32], ago[48];

	if (!a->no_trunc)
		cut(by, CREATED_BY_MAX);
	format_size(s->size, size);
	format_ago(s->created, ago);
	json_write_object(w, NULL);
	json_write_str(w, "ID", short_id);
	json_write_str(w, "Created", a->human ? ago : at);
	json_write_str(w, "CreatedSince", a->human ? ago : at);
	/* As `images` has it. */
	json_write_str(w, "CreatedAt", go);
	json_write_str(w, "CreatedBy", by);
	json_write_str(w, "Size", size);
	json_write_str(w, "Comment", comment);
	json_write_strv(w, "Tags", s->image ? s->image->names : NULL);
	json_write_end(w, '}');
}

static int print_steps(const struct step *steps, size_t n, const struct history_args *a,
		       struct cmk_err *err)
{
	static const struct format_title titles[] = { { "CreatedBy", "CREATED BY" },
						      { "CreatedAt", "CREATED AT" },
						      { "CreatedSince", "CREATED" },
						      { NULL, NULL } };
	const char *format = a->quiet ? "{{.ID}}" : a->format;
	struct json_writer w = JSON_WRITER_INIT;
	bool json = format && streq(format, "json");

	if (!format)
		format = "table {{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		if (json)
			write_json_step(&w, &steps[i]);
		else
			write_step(&w, &steps[i], a);
	}
	return format_print_array(format, &w, titles, false, err);
}

static int show(struct storage *st, const char *id, const struct history_args *a,
		struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free struct step *steps = NULL;
	struct image_config cfg = { 0 };
	struct image_record *list = NULL;
	size_t n_list = 0, n = 0;
	int r = storage_image_load(st, id, &rec, err);

	if (r == 0)
		r = image_config_load(st, id, &cfg, err);
	if (r == 0 && cfg.history_json)
		r = json_parse(cfg.history_json, strlen(cfg.history_json), HISTORY_MAX, &doc, err);
	if (r == 0)
		r = storage_image_list(st, &list, &n_list, err);
	if (r == 0) {
		steps = make_steps(&rec, doc ? json_root(doc) : NULL, list, n_list, &n);
		r = print_steps(steps, n, a, err);
	}
	storage_image_list_free(list, n_list);
	image_config_done(&cfg);
	return r;
}

static int history_exec(const struct cmk_globals *g, void *args, int argc cmk_unused, char **argv,
			struct cmk_err *err)
{
	struct history_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *id = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	a->format = format_typed(a->format);
	if (r == 0)
		r = image_resolve_platform(st, argv[0], a->platform, &id, NULL, err);
	return r < 0 ? r : show(st, id, a, err);
}

static const char *const history_aliases[] = { "image history", NULL };

static const struct cmk_example history_examples[] = {
	{ "cmk history alpine", "Shows the steps by which the image was made" },
	{ "cmk history --no-trunc --format '{{.CreatedBy}}' alpine", "Shows whole commands alone" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_history = {
	.name = "history",
	.aliases = history_aliases,
	.summary = "Show how an image was made",
	.operands = "IMAGE",
	.description =
		"One line for each step, the latest first, with what it added in bytes. The ID of "
		"an image stands at the step that it ends with, `<missing>` where no image "
		"that is here does.",
	.options = history_options,
	.args_size = sizeof(struct history_args),
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_IMAGES,
	.examples = history_examples,
	.exec = history_exec,
};
