// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"
#include "cmd/format.h"
#include "cmd/images_filter.h"
#include "image/image.h"
#include "libpod/libpod.h"

struct images_args {
	bool all, digests, no_trunc, noheading, quiet;
	const char *format, *sort;
	char **filters;
};

static const struct cmk_option images_options[] = {
	CMK_OPT_FLAG('a', "all", struct images_args, all, "list all images, unnamed ones as well"),
	CMK_OPT_FLAG(0, "digests", struct images_args, digests, "show the manifests' digests"),
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct images_args, filters, "KEY=VALUE",
		   "list only what fits (reference, dangling, label, id, digest, before, since)"),
	CMK_OPT_STRING(0, "format", struct images_args, format, "FORMAT",
		       "print as json or through a Go template"),
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
	struct row r = { .image = image };
	const char *slash = name ? strrchr(name, '/') : NULL;
	const char *colon = name ? strrchr(slash ? slash : name, ':') : NULL;

	(void)format_parse_time(image->created, &r.created);
	r.repository = name ? xstrndup(name, colon ? (size_t)(colon - name) : strlen(name)) : NULL;
	r.tag = colon ? xstrdup(colon + 1) : NULL;
	if (!name && image->repo_digests && *image->repo_digests)
		r.repository = xstrndup(*image->repo_digests, strcspn(*image->repo_digests, "@"));
	if (!r.repository)
		r.repository = xstrdup("<none>");
	if (!r.tag)
		r.tag = xstrdup("<none>");
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

static uint64_t count_containers(struct container *const *list, size_t n, const char *id)
{
	uint64_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += streq_null(list[i]->cfg.image_id, id);
	return count;
}

/* What both forms have; the labels cost a look into the config, so only where they may be shown. */
static void write_common(struct json_writer *w, struct storage *st, const struct row *row,
			 bool labels, uint64_t containers)
{
	struct image_config cfg = { 0 };

	json_write_str(w, "ParentId", "");
	json_write_strv(w, "RepoDigests", row->image->repo_digests);
	json_write_u64(w, "Containers", containers);
	json_write_strv(w, "Names", row->image->names);
	json_write_str(w, "Digest",
		       row->image->manifest_digest && *row->image->manifest_digest
			       ? row->image->manifest_digest
			       : "<none>");
	json_write_strv(w, "History", row->image->names);
	json_write_str(w, "Arch", row->image->architecture ? row->image->architecture : "");
	json_write_str(w, "Os", row->image->os ? row->image->os : "");
	json_write_bool(w, "Dangling", !row->image->names || !*row->image->names);
	json_write_bool(w, "ReadOnly", false);
	json_write_bool(w, "IsManifestList", false);
	if (labels && image_config_load(st, row->image->id, &cfg, NULL) == 0) {
		json_write_map(w, "Labels", cfg.labels);
		image_config_done(&cfg);
	} else {
		json_write_null(w, "Labels");
	}
}

static void write_json_row(struct json_writer *w, struct storage *st, const struct row *row,
			   uint64_t containers)
{
	json_write_object(w, NULL);
	json_write_str(w, "Id", row->image->id);
	json_write_null(w, "RepoTags");
	json_write_u64(w, "Size", row->image->size);
	json_write_u64(w, "SharedSize", 0);
	json_write_u64(w, "VirtualSize", row->image->size);
	json_write_i64(w, "Created", row->created);
	json_write_str(w, "CreatedAt", row->image->created ? row->image->created : "");
	write_common(w, st, row, true, containers);
	json_write_end(w, '}');
}

static void write_table_row(struct json_writer *w, struct storage *st, const struct row *row,
			    bool no_trunc, bool labels, uint64_t containers)
{
	cleanup_free char *id = no_trunc ? xasprintf("sha256:%s", row->image->id)
					 : xstrndup(row->image->id, 12);
	cleanup_free char *created_at = format_go_time(row->image->created);
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
	write_common(w, st, row, labels, containers);
	json_write_end(w, '}');
}

static int print_rows(struct storage *st, const struct images_args *a, const struct row *rows,
		      size_t n, struct cmk_err *err)
{
	static const struct format_title titles[] = { { "ID", "IMAGE ID" },
						      { "Id", "IMAGE ID" },
						      { "CreatedSince", "CREATED" },
						      { "CreatedAt", "CREATED AT" },
						      { NULL, NULL } };
	const char *format = a->format;
	struct container **containers = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	size_t len = 0, n_containers = 0;
	int r;

	if (a->quiet)
		format = "{{.ID}}";
	else if (!format && a->digests)
		format = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}"
			 "\t{{.Size}}";
	else if (!format)
		format = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
	if (a->format)
		(void)container_list(st, &containers, &n_containers, NULL);
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		uint64_t used = count_containers(containers, n_containers, rows[i].image->id);
		bool seen = i > 0 && rows[i].image == rows[i - 1].image;

		/* IDs alone and JSON: each image once, whatever its names. */
		for (size_t j = 0; j < i && !seen; j++)
			seen = rows[i].image == rows[j].image;
		if (seen && (a->quiet || streq(format, "json")))
			continue;
		if (streq(format, "json"))
			write_json_row(&w, st, &rows[i], used);
		else
			write_table_row(&w, st, &rows[i], a->no_trunc, a->format != NULL, used);
	}
	json_write_end(&w, ']');
	container_list_free(containers, n_containers);
	r = json_writer_finish(&w, &text, &len, err);
	return r < 0 ? r : format_print(format, text, len, titles, a->noheading, err);
}

static int list_images(struct storage *st, const struct images_args *a, const char *pattern,
		       struct cmk_err *err)
{
	struct images_filter filter = { 0 };
	struct image_record *list = NULL;
	struct row *rows = NULL;
	size_t n = 0, n_rows = 0;
	int r;

	r = storage_image_list(st, &list, &n, err);
	if (r < 0)
		return r;
	r = images_filter_parse(st, a->filters, pattern, &filter, err);
	for (size_t i = 0; i < n && r == 0; i++) {
		char *const *names = list[i].names;

		if (!images_filter_image(&filter, st, &list[i]))
			continue;
		if (!names || !*names) {
			rows = xrealloc(rows, n_rows + 1, sizeof(*rows));
			rows[n_rows++] = make_row(&list[i], NULL);
		}
		for (; names && *names; names++) {
			if (!images_filter_name(&filter, *names))
				continue;
			rows = xrealloc(rows, n_rows + 1, sizeof(*rows));
			rows[n_rows++] = make_row(&list[i], *names);
		}
	}
	sort_key = a->sort;
	if (n_rows)
		qsort(rows, n_rows, sizeof(*rows), compare_rows);
	if (r == 0)
		r = print_rows(st, a, rows, n_rows, err);
	rows_free(rows, n_rows);
	images_filter_done(&filter);
	storage_image_list_free(list, n);
	return r;
}

static int images_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	struct images_args *a = args;
	struct storage *st = NULL;
	int r;

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
