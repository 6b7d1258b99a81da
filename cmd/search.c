// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/format.h"
#include "cmd/registry_rows.h"
#include "image/image.h"

#define DESCRIPTION_SHOWN 44

struct search_args {
	const char *authfile, *cert_dir, *creds, *format;
	char **filters;
	uint32_t limit;
	bool compatible, list_tags, no_trunc;
	int tls_verify;
};

static const struct cmk_option_key search_keys[] = {
	{ "is-automated", COMPLETE_WORDS, "true|false" },
	{ "is-official", COMPLETE_WORDS, "true|false" },
	{ "stars", COMPLETE_NONE, NULL },
	{ NULL, COMPLETE_NONE, NULL },
};

/* For completion. */
static const char search_fields[] = "Index|Name|Description|Stars|Official|Automated|Tag";

static const struct cmk_option search_options[] = {
	CMK_OPT_AUTHFILE(struct search_args),
	CMK_OPT_CERT_DIR(struct search_args),
	CMK_OPT_FLAG(0, "compatible", struct search_args, compatible,
		     "show stars and what is official and automated, as docker does"),
	CMK_OPT_CREDS(struct search_args),
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct search_args, filters, "KEY=VALUE",
		   "list only what fits (stars, is-official, is-automated)", .keys = search_keys),
	CMK_OPT_STRING(0, "format", struct search_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = search_fields),
	CMK_OPT_OF(OPT_UINT32, 0, "limit", struct search_args, limit, "N",
		   "list at most N of each registry", .def = "25", .min = 0, .max = 100000),
	CMK_OPT_FLAG(0, "list-tags", struct search_args, list_tags,
		     "list the tags of the image TERM"),
	CMK_OPT_FLAG(0, "no-trunc", struct search_args, no_trunc, "do not shorten descriptions"),
	CMK_OPT_TLS_VERIFY(struct search_args),
	CMK_OPT_END(),
};

/* What is wanted; -1: either. */
struct wanted {
	int64_t stars;
	int official, automated;
};

/* As podman reads it: everything but "false" is true. */
static int yes_or_no(const char *value)
{
	return !(value && streq(value, "false"));
}

static int parse_filter(const char *text, struct wanted *w, struct cmk_err *err)
{
	cleanup_free char *key = xstrndup(text, strcspn(text, "="));
	const char *value = strchr(text, '=');

	value = value ? value + 1 : NULL;
	if (streq(key, "is-official")) {
		w->official = yes_or_no(value);
	} else if (streq(key, "is-automated")) {
		w->automated = yes_or_no(value);
	} else if (!streq(key, "stars")) {
		return cmk_err_set(err, -EINVAL, "invalid filter type \"%s\"", text);
	} else if (!value) {
		return cmk_err_set(err, -EINVAL, "invalid filter \"%s\", should be stars=<value>",
				   text);
	} else if (parse_i64(value, INT64_MIN, INT64_MAX, &w->stars) < 0) {
		return cmk_err_set(err, -EINVAL,
				   "incorrect value type for stars filter: \"%s\" is not a number",
				   value);
	}
	return 0;
}

static bool fits(const struct wanted *w, const struct image_found *f)
{
	return f->stars >= w->stars && (w->official < 0 || f->official == w->official) &&
	       (w->automated < 0 || f->automated == w->automated);
}

/* Cut where a character ends. */
static char *shortened(const char *s)
{
	size_t len = 0, n;

	if (strlen(s) <= DESCRIPTION_SHOWN)
		return xstrdup(s);
	while ((n = MAX(text_utf8_len(s + len, strlen(s + len)), (size_t)1)) <=
	       DESCRIPTION_SHOWN - len)
		len += n;
	while (len > 0 && s[len - 1] == ' ')
		len--;
	return xasprintf("%.*s...", (int)len, s);
}

static void write_row(struct json_writer *w, const struct image_found *f, bool json, bool no_trunc)
{
	cleanup_free char *description = json || no_trunc ? xstrdup(f->description)
							  : shortened(f->description);
	const char *official = f->official ? "[OK]" : "", *automated = f->automated ? "[OK]" : "";

	json_write_object(w, NULL);
	json_write_str(w, "Index", f->index);
	json_write_str(w, "Name", f->name);
	json_write_str(w, "Description", description);
	json_write_i64(w, "Stars", f->stars);
	json_write_str(w, "Official", official);
	json_write_str(w, "Automated", automated);
	json_write_str(w, "Tag", f->tag ? f->tag : "");
	if (!json) {
		/* What docker's templates say. */
		json_write_i64(w, "StarCount", f->stars);
		json_write_str(w, "IsOfficial", official);
		json_write_str(w, "IsAutomated", automated);
	}
	json_write_end(w, '}');
}

/* One object for each image: neighbours have the same name. */
static void write_tags(struct json_writer *w, const struct image_found *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !streq(list[i].name, list[i - 1].name)) {
			json_write_object(w, NULL);
			json_write_str(w, "Name", list[i].name);
			json_write_array(w, "Tags");
		}
		json_write_str(w, NULL, list[i].tag);
		if (i + 1 == n || !streq(list[i].name, list[i + 1].name)) {
			json_write_end(w, ']');
			json_write_end(w, '}');
		}
	}
}

static const char *format_of(const struct search_args *a)
{
	const char *format = format_typed(a->format);

	if (format)
		return format;
	if (a->list_tags)
		return "table {{.Name}}\t{{.Tag}}";
	if (a->compatible)
		return "table {{.Name}}\t{{.Description}}\t{{.Stars}}\t{{.Official}}\t"
		       "{{.Automated}}";
	return "table {{.Name}}\t{{.Description}}";
}

static int print_found(const struct search_args *a, const struct wanted *wanted,
		       const struct image_found *list, size_t n, struct cmk_err *err)
{
	static const struct format_title titles[] = { { "StarCount", "STARS" },
						      { "IsOfficial", "OFFICIAL" },
						      { "IsAutomated", "AUTOMATED" },
						      { NULL, NULL } };
	const char *format = format_of(a);
	struct json_writer w = JSON_WRITER_INIT;
	size_t shown = 0;

	json_write_array(&w, NULL);
	if (a->list_tags && streq(format, "json")) {
		write_tags(&w, list, n);
		shown = n;
	}
	for (size_t i = 0; i < n && !(a->list_tags && streq(format, "json")); i++) {
		if (!fits(wanted, &list[i]))
			continue;
		write_row(&w, &list[i], streq(format, "json"), a->no_trunc);
		shown++;
	}
	/* Finding nothing prints nothing, not even titles. */
	if (shown == 0)
		json_writer_done(&w);
	return shown == 0 ? 0 : format_print_array(format, &w, titles, false, err);
}

static int search_exec(const struct cmk_globals *g cmk_unused, void *args, int argc cmk_unused,
		       char **argv, struct cmk_err *err)
{
	const struct search_args *a = args;
	struct image_search_options o = {
		.authfile = a->authfile,
		.creds = a->creds,
		.cert_dir = a->cert_dir,
		.tls_verify = a->tls_verify,
		.limit = a->limit,
	};
	struct wanted wanted = { .official = -1, .automated = -1 };
	struct image_found *list = NULL;
	size_t n = 0;
	int r = 0;

	if (a->list_tags && a->filters && *a->filters)
		return cmk_err_set(err, -EINVAL, "filters are not applicable to list tags result");
	for (char **f = a->filters; f && *f && r == 0; f++)
		r = parse_filter(*f, &wanted, err);
	if (r == 0)
		r = format_check(format_of(a), err);
	if (r == 0)
		r = image_authfile_check(a->authfile, err);
	if (r == 0)
		r = a->list_tags ? image_search_tags(argv[0], &o, &list, &n, err)
				 : image_search(argv[0], &o, &list, &n, err);
	if (r < 0)
		return r;
	r = print_found(a, &wanted, list, n, err);
	image_found_free(list, n);
	return r;
}

static const char *const search_aliases[] = { "image search", NULL };

static const struct cmk_example search_examples[] = {
	{ "cmk search --limit 3 fedora", "Three of each registry" },
	{ "cmk search registry.example.org/", "All that one registry has" },
	{ "cmk search --list-tags docker.io/library/alpine", "The tags of an image" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_search = {
	.name = "search",
	.aliases = search_aliases,
	.summary = "Look for images in registries",
	.operands = "TERM",
	.description =
		"Prints the images whose names, or what else the registry looks at, hold TERM. "
		"Asks "
		"the registry that TERM begins with (registry.example.org/TERM), or else all in "
		"which short names are searched (registries.conf), docker.io where there is none. "
		"Nothing after the `/` finds everything.\n\nA registry without a search of its own "
		"is asked for the list of its repositories, which many do not give. That an image "
		"is not found says nothing: `pull` tells. A registry that does not answer is a "
		"warning where another has found something.",
	.options = search_options,
	.args_size = sizeof(struct search_args),
	.min_operands = 1,
	.max_operands = 1,
	.examples = search_examples,
	.exec = search_exec,
};
