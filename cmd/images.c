// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/format.h"
#include "cmd/images_filter.h"
#include "image/image.h"
#include "libpod/libpod.h"

struct images_args {
	bool all, digests, history, no_trunc, noheading, quiet;
	const char *format, *sort;
	char **filters;
};

/* For completion. */
static const char images_fields[] =
	"ID|Repository|Tag|RepoTags|RepoDigests|Digest|Names|Created|CreatedSince|"
	"CreatedAt|CreatedTime|Size|VirtualSize|SharedSize|History|ParentId|Containers|"
	"Arch|Os|Dangling|IsDangling|ReadOnly|IsReadOnly|IsManifestList|Labels";

static const struct cmk_option images_options[] = {
	CMK_OPT_FLAG('a', "all", struct images_args, all,
		     "list also unnamed images of which others were made"),
	CMK_OPT_FLAG(0, "digests", struct images_args, digests, "show the manifests' digests"),
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct images_args, filters, "KEY=VALUE",
		   "list only what fits (reference, dangling, label, before, since, until…)",
		   .keys = images_filter_keys),
	CMK_OPT_STRING(0, "format", struct images_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = images_fields),
	CMK_OPT_FLAG(0, "history", struct images_args, history,
		     "show the names that each image has and had"),
	CMK_OPT_FLAG(0, "no-trunc", struct images_args, no_trunc, "do not shorten IDs"),
	CMK_OPT_FLAG('n', "noheading", struct images_args, noheading, "print no line of titles"),
	CMK_OPT_FLAG('q', "quiet", struct images_args, quiet, "print IDs alone"),
	CMK_OPT_STRING(0, "sort", struct images_args, sort, "KEY", "order of the list",
		       .def = "created", .words = "created|id|repository|size|tag"),
	CMK_OPT_END(),
};

/* One line of the table: an image under one of its names. */
struct row {
	const struct image_record *image;
	char *repository, *tag;
	int64_t created;
};

static void rows_free(struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(rows[i].repository);
		free(rows[i].tag);
	}
	free(rows);
}

static struct row make_row(const struct image_record *image, const char *name)
{
	char *const *digest = image->repo_digests;
	struct row r = { .image = image };

	(void)format_parse_time(image->created, &r.created);
	images_split_name(name, &r.repository, &r.tag);
	if (!name && digest && *digest) {
		free(r.repository);
		r.repository = xstrndup(*digest, strcspn(*digest, "@"));
	}
	return r;
}

static const char *sort_key;

static int compare_rows(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;
	int order = 0;

	if (streq(sort_key, "id"))
		order = strcmp(a->image->id, b->image->id);
	else if (streq(sort_key, "repository"))
		order = strcmp(a->repository, b->repository);
	else if (streq(sort_key, "tag"))
		order = strcmp(a->tag, b->tag);
	else if (streq(sort_key, "size"))
		order = (a->image->size > b->image->size) - (a->image->size < b->image->size);
	if (order == 0)
		order = (a->created < b->created) - (a->created > b->created);
	if (order == 0)
		order = strcmp(a->repository, b->repository);
	return order ? order : strcmp(a->tag, b->tag);
}

/* What JSON and templates have. */
static void write_common(struct json_writer *w, const struct images_world *world,
			 const struct row *row)
{
	const char *digest = storage_image_digest(row->image);
	struct image_config cfg = { 0 };

	json_write_str(w, "ParentId", images_parent(world, row->image) ?: "");
	json_write_strv(w, "RepoDigests", row->image->repo_digests);
	json_write_u64(w, "Containers", images_count_containers(world, row->image->id));
	json_write_strv(w, "Names", row->image->names);
	json_write_str(w, "Digest", digest && *digest ? digest : "<none>");
	json_write_str(w, "Arch", row->image->architecture ? row->image->architecture : "");
	json_write_str(w, "Os", row->image->os ? row->image->os : "");
	json_write_bool(w, "Dangling", images_is_dangling(world, row->image));
	json_write_bool(w, "ReadOnly", row->image->read_only);
	json_write_bool(w, "IsManifestList", row->image->is_list);
	if (image_config_load(world->st, row->image->id, &cfg, NULL) == 0) {
		json_write_map(w, "Labels", cfg.labels);
		image_config_done(&cfg);
	} else {
		json_write_null(w, "Labels");
	}
}

static void write_json_row(struct json_writer *w, const struct images_world *world,
			   const struct row *row)
{
	cleanup_strv char **history = storage_image_name_history(world->st, row->image);

	json_write_object(w, NULL);
	json_write_str(w, "Id", row->image->id);
	json_write_null(w, "RepoTags");
	json_write_u64(w, "Size", row->image->size);
	json_write_u64(w, "SharedSize", 0);
	json_write_u64(w, "VirtualSize", row->image->size);
	json_write_i64(w, "Created", row->created);
	json_write_str(w, "CreatedAt", row->image->created ? row->image->created : "");
	json_write_strv(w, "History", history);
	json_write_str(w, "Repository", row->repository);
	json_write_str(w, "Tag", row->tag);
	write_common(w, world, row);
	json_write_end(w, '}');
}

/* What the columns of the table are made of. */
static void write_columns(struct json_writer *w, const struct images_world *world,
			  const struct row *row, const struct images_args *a)
{
	cleanup_strv char **names = a->history ? storage_image_name_history(world->st, row->image)
					       : NULL;
	cleanup_free char *history = names ? strv_join(names, ", ") : NULL;
	const char *digest = storage_image_digest(row->image);
	char id[72], size[32], ago[48];

	(void)snprintf(id, sizeof(id), a->no_trunc ? "sha256:%s" : "%.12s", row->image->id);
	json_write_object(w, NULL);
	json_write_str(w, "ID", id);
	if (!a->quiet) {
		format_size(row->image->size, size);
		format_ago(row->image->created, ago);
		json_write_str(w, "Repository", row->repository);
		json_write_str(w, "Tag", row->tag);
		json_write_str(w, "CreatedSince", ago);
		json_write_str(w, "Size", size);
		json_write_str(w, "Digest", digest && *digest ? digest : "<none>");
		json_write_str(w, "History", history ?: "");
		json_write_bool(w, "ReadOnly", row->image->read_only);
	}
	json_write_end(w, '}');
}

/* What a template may ask for. */
static void write_row(struct json_writer *w, const struct images_world *world,
		      const struct row *row, const struct images_args *a)
{
	cleanup_strv char **names = storage_image_name_history(world->st, row->image);
	cleanup_free char *history = strv_join(names, ", ");
	cleanup_free char *id = a->no_trunc ? xasprintf("sha256:%s", row->image->id)
					    : xstrndup(row->image->id, 12);
	cleanup_free char *whole = format_whole_seconds(row->image->created);
	cleanup_free char *created_at = format_go_time(whole);
	char size[32], ago[48];

	format_size(row->image->size, size);
	format_ago(row->image->created, ago);
	json_write_object(w, NULL);
	json_write_str(w, "ID", id);
	json_write_str(w, "Id", row->image->id);
	json_write_str(w, "Repository", row->repository);
	json_write_str(w, "Tag", row->tag);
	json_write_strv(w, "RepoTags", row->image->names);
	json_write_str(w, "Created", ago);
	json_write_str(w, "CreatedSince", ago);
	json_write_str(w, "CreatedAt", created_at);
	json_write_str(w, "CreatedTime", created_at);
	json_write_str(w, "Size", size);
	json_write_u64(w, "VirtualSize", row->image->size);
	json_write_str(w, "SharedSize", "0 B");
	json_write_str(w, "History", history ?: "");
	json_write_bool(w, "IsDangling", images_is_dangling(world, row->image));
	json_write_bool(w, "IsReadOnly", row->image->read_only);
	write_common(w, world, row);
	json_write_end(w, '}');
}

/* Owned. The last column is there where an image is in an additional store. */
static char *table_of(const struct images_args *a, const struct row *rows, size_t n)
{
	bool read_only = false;

	if (a->quiet || a->format)
		return xstrdup(a->quiet ? "{{.ID}}" : a->format);
	for (size_t i = 0; i < n; i++)
		read_only |= rows[i].image->read_only;
	return xasprintf("table {{.Repository}}\t{{.Tag}}\t%s{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
			 "%s%s",
			 a->digests ? "{{.Digest}}\t" : "", a->history ? "\t{{.History}}" : "",
			 read_only ? "\t{{.ReadOnly}}" : "");
}

static int print_rows(const struct images_world *world, const struct images_args *a,
		      const struct row *rows, size_t n, struct cmk_err *err)
{
	static const struct format_title titles[] = {
		{ "ID", "IMAGE ID" },	       { "Id", "IMAGE ID" },  { "CreatedSince", "CREATED" },
		{ "CreatedAt", "CREATED AT" }, { "ReadOnly", "R/O" }, { NULL, NULL }
	};
	cleanup_free char *format = table_of(a, rows, n);
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		bool seen = false;

		/* IDs alone and JSON: each image once, whatever its names. */
		for (size_t j = i; j-- > 0 && !seen;)
			seen = rows[i].image == rows[j].image;
		if (seen && (a->quiet || streq(format, "json")))
			continue;
		if (streq(format, "json"))
			write_json_row(&w, world, &rows[i]);
		else if (a->format && !a->quiet)
			write_row(&w, world, &rows[i], a);
		else
			write_columns(&w, world, &rows[i], a);
	}
	return format_print_array(format, &w, titles, a->noheading, err);
}

struct rows {
	struct row *list;
	size_t n;
};

static void add_row(struct rows *rows, const struct image_record *image, const char *name)
{
	rows->list = xrealloc(rows->list, rows->n + 1, sizeof(*rows->list));
	rows->list[rows->n++] = make_row(image, name);
}

/* Steps on the way to other images are shown only where they are asked for. */
static bool is_hidden(const struct images_world *world, const struct images_args *a,
		      const struct image_record *image)
{
	for (char *const *f = a->filters; f && *f; f++)
		if (str_after(*f, "intermediate="))
			return false;
	return !a->all && images_is_intermediate(world, image);
}

static void add_rows(const struct images_world *world, const struct images_args *a,
		     const struct images_filter *filter, struct rows *rows)
{
	for (size_t i = 0; i < world->n_images; i++) {
		const struct image_record *image = &world->images[i];

		if (!images_filter_image(filter, image) || is_hidden(world, a, image))
			continue;
		if (!image->names || !*image->names)
			add_row(rows, image, NULL);
		for (char *const *name = image->names; name && *name; name++)
			if (images_filter_name(filter, *name))
				add_row(rows, image, *name);
	}
	sort_key = a->sort;
	if (rows->n)
		qsort(rows->list, rows->n, sizeof(*rows->list), compare_rows);
}

/* Digests of images that nobody has asked for until now. One of which they cannot be had is listed
 * without. */
static int settle_images(struct storage *st, struct image_record **list, size_t *n,
			 struct cmk_err *err)
{
	bool any = false;

	for (size_t i = 0; i < *n; i++) {
		cleanup_err struct cmk_err why = CMK_ERR_INIT;
		const struct image_record *image = &(*list)[i];

		if (!image->pending || image->read_only)
			continue;
		any = true;
		if (image_settle(st, image->id, &why) < 0)
			log_warn("%s", cmk_err_msg(&why));
	}
	if (!any)
		return 0;
	storage_image_list_free(*list, *n);
	*list = NULL;
	*n = 0;
	return storage_image_list(st, list, n, err);
}

static bool wants_digests(const struct images_args *a)
{
	static const char *const names[] = { "Digest", NULL };

	return !a->quiet && (a->digests || (a->format && format_may_print(a->format, names)));
}

static int list_images(struct storage *st, const struct images_args *a, const char *pattern,
		       struct cmk_err *err)
{
	struct images_filter *filter = NULL;
	struct container **containers = NULL;
	struct image_record *list = NULL;
	struct images_world world = { .st = st };
	struct rows rows = { 0 };
	int r = storage_image_list(st, &list, &world.n_images, err);

	if (r == 0 && wants_digests(a))
		r = settle_images(st, &list, &world.n_images, err);
	if (r < 0)
		return r;
	if (a->format || images_filter_wants_containers(a->filters))
		r = container_list(st, &containers, &world.n_containers, err);
	world.images = list;
	world.family = image_family_new(st, list, world.n_images);
	world.containers = containers;
	if (r == 0)
		r = images_filter_parse(&world, a->filters, pattern, false, &filter, err);
	if (r == 0) {
		add_rows(&world, a, filter, &rows);
		r = print_rows(&world, a, rows.list, rows.n, err);
	}
	rows_free(rows.list, rows.n);
	images_filter_free(filter);
	container_list_free(containers, world.n_containers);
	(void)image_family_free(world.family);
	storage_image_list_free(list, world.n_images);
	return r;
}

static int images_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	struct images_args *a = args;
	struct storage *st = NULL;
	int r;

	a->format = format_typed(a->format);
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = list_images(st, a, argc > 0 ? argv[0] : NULL, err);
	storage_free(st);
	a->filters = strv_free(a->filters);
	return r;
}

static const char *const images_aliases[] = { "image list", "image ls", NULL };

static const struct cmk_example images_examples[] = {
	{ "cmk images", "Lists all images" },
	{ "cmk images --filter dangling=true -q",
	  "Prints the IDs of those that have lost their names" },
	{ "cmk images --format '{{.Repository}}:{{.Tag}} {{.Size}}'",
	  "Prints names and sizes only" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_images = {
	.name = "images",
	.aliases = images_aliases,
	.summary = "List the images that are here",
	.operands = "[NAME]",
	.description = "One line for each name of an image; NAME (a repository, with or without "
		       "registry and tag, or a pattern of * and ?) lists only what fits.",
	.options = images_options,
	.args_size = sizeof(struct images_args),
	.max_operands = 1,
	.complete = COMPLETE_IMAGES,
	.examples = images_examples,
	.exec = images_exec,
};
