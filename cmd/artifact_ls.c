// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/images_filter.h"

struct artifact_ls_args {
	const char *format;
	bool no_trunc, noheading, quiet;
};

/* For completion. */
static const char artifact_fields[] = "Created|CreatedAt|Digest|Repository|Size|Tag|VirtualSize";

static const struct cmk_option artifact_ls_options[] = {
	CMK_OPT_STRING(0, "format", struct artifact_ls_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = artifact_fields),
	CMK_OPT_FLAG(0, "no-trunc", struct artifact_ls_args, no_trunc, "print whole digests"),
	CMK_OPT_FLAG('n', "noheading", struct artifact_ls_args, noheading,
		     "print no line of titles"),
	CMK_OPT_FLAG('q', "quiet", struct artifact_ls_args, quiet, "print digests alone"),
	CMK_OPT_END(),
};

static void write_row(struct json_writer *w, const struct storage_artifact *a, bool no_trunc)
{
	cleanup_free char *digest = xstrndup(a->id.hex, no_trunc ? DIGEST_HEX_LEN : 12);
	cleanup_free char *created = NULL, *repository = NULL, *tag = NULL, *at = NULL;
	cleanup_err struct cmk_err why = CMK_ERR_INIT;
	char bytes[32], ago[48];
	uint64_t size = 0;

	if (image_artifact_usage(a, &size, &created, &why) < 0) {
		log_warn("artifact '%s': %s: not listed", a->name, cmk_err_msg(&why));
		return;
	}
	images_split_name(a->name, &repository, &tag);
	format_size_tight(size, 4, bytes);
	format_ago(created ?: "", ago);
	at = format_go_time(created ?: "");
	json_write_object(w, NULL);
	json_write_str(w, "Digest", digest);
	json_write_str(w, "Repository", repository);
	json_write_str(w, "Size", bytes);
	json_write_str(w, "Tag", tag);
	json_write_str(w, "Created", ago);
	json_write_str(w, "CreatedAt", at);
	json_write_u64(w, "VirtualSize", size);
	json_write_end(w, '}');
}

static int artifact_ls_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			    char **argv cmk_unused, struct cmk_err *err)
{
	const struct artifact_ls_args *a = args;
	cleanup_storage struct storage *st = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	struct storage_artifact *list = NULL;
	const char *format = a->format;
	size_t n = 0;
	int r;

	if (a->quiet && format)
		return cmk_err_set(err, -EINVAL, "quiet and format flags cannot be used together");
	if (!format)
		format = a->quiet ? "{{.Digest}}"
				  : "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.Created}}\t"
				    "{{.Size}}";
	r = format_check(format, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = storage_artifact_list(st, &list, &n, err);
	if (r < 0)
		return r;
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		write_row(&w, &list[i], a->no_trunc);
	storage_artifact_list_free(list, n);
	return format_print_array(format, &w, NULL, a->noheading, err);
}

static const struct cmk_example artifact_ls_examples[] = {
	{ "cmk artifact ls", "Lists the artifacts that are here" },
	{ "cmk artifact ls --format '{{.Repository}}:{{.Tag}}'", "Their names alone" },
	{ NULL, NULL },
};
static const char *const artifact_ls_aliases[] = { "artifact list", NULL };

const struct cmk_command cmk_cmd_artifact_ls = {
	.name = "artifact ls",
	.aliases = artifact_ls_aliases,
	.summary = "List artifacts",
	.operands = "",
	.description = "One line for each name of an artifact, with the digest of its manifest and "
		       "the size of its files.",
	.examples = artifact_ls_examples,
	.options = artifact_ls_options,
	.args_size = sizeof(struct artifact_ls_args),
	.exec = artifact_ls_exec,
};
