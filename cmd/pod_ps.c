// SPDX-License-Identifier: Apache-2.0
#include "cmd/format.h"
#include "cmd/option.h"

struct pod_ps_args {
	char **filters;
	const char *format, *sort;
	bool ids, names, status, latest, namespaces, no_trunc, noheading, quiet;
};

static const char pod_fields[] =
	"Cgroup|ContainerIds|ContainerNames|ContainerStatuses|Created|ID|Id|InfraID|InfraId|Label|"
	"Labels|Name|Namespace|Networks|NumberOfContainers|Restarts|Status";

static const struct cmk_option_key pod_ps_keys[] = {
	{ "ctr-ids", COMPLETE_CONTAINERS, NULL },
	{ "ctr-names", COMPLETE_CONTAINERS, NULL },
	{ "ctr-number", COMPLETE_NONE, NULL },
	{ "ctr-status", COMPLETE_WORDS, "created|running|paused|stopped|exited|unknown" },
	{ "id", COMPLETE_NONE, NULL },
	{ "label", COMPLETE_NONE, NULL },
	{ "label!", COMPLETE_NONE, NULL },
	{ "name", COMPLETE_NONE, NULL },
	{ "network", COMPLETE_NONE, NULL },
	{ "status", COMPLETE_WORDS, "stopped|running|paused|exited|dead|created|degraded" },
	{ "until", COMPLETE_NONE, NULL },
	{ NULL, COMPLETE_NONE, NULL },
};

static const struct cmk_option pod_ps_options[] = {
	CMK_OPT_FLAG(0, "ctr-ids", struct pod_ps_args, ids, "show the IDs of the containers"),
	CMK_OPT_FLAG(0, "ctr-names", struct pod_ps_args, names, "show the names of the containers"),
	CMK_OPT_FLAG(0, "ctr-status", struct pod_ps_args, status,
		     "show the states of the containers"),
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct pod_ps_args, filters, "KEY=VALUE",
		   "list only what fits", .keys = pod_ps_keys),
	CMK_OPT_STRING(0, "format", struct pod_ps_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = pod_fields),
	CMK_OPT_FLAG('l', "latest", struct pod_ps_args, latest, "list only what was made last"),
	CMK_OPT_FLAG(0, "no-trunc", struct pod_ps_args, no_trunc, "print whole IDs"),
	CMK_OPT_FLAG('n', "noheading", struct pod_ps_args, noheading, "print no line of titles"),
	CMK_OPT_FLAG(0, "ns", struct pod_ps_args, namespaces, "show namespaces"),
	CMK_OPT_FLAG('q', "quiet", struct pod_ps_args, quiet, "print IDs alone"),
	CMK_OPT_STRING(0, "sort", struct pod_ps_args, sort, "KEY", "column to sort by",
		       .def = "created", .words = "created|id|name|number|status",
		       .complete = COMPLETE_WORDS),
	CMK_OPT_END(),
};

static const char *table_of(const struct pod_ps_args *a, char **ret)
{
	bool any = a->ids || a->names || a->status;

	*ret = xasprintf("table {{.Id}}\t{{.Name}}\t{{.Status}}\t{{.Created}}\t{{.InfraID}}"
			 "%s%s%s%s%s",
			 a->ids ? "\t{{.ContainerIds}}" : "",
			 a->names ? "\t{{.ContainerNames}}" : "",
			 a->status ? "\t{{.ContainerStatuses}}" : "",
			 a->namespaces ? "\t{{.Cgroup}}\t{{.Namespace}}" : "",
			 any ? "" : "\t{{.NumberOfContainers}}");
	return *ret;
}

static int pod_ps_exec(const struct cmk_globals *g cmk_unused, void *args, int argc cmk_unused,
		       char **argv cmk_unused, struct cmk_err *err)
{
	static const struct format_title titles[] = {
		{ "Id", "POD ID" },
		{ "ID", "POD ID" },
		{ "NumberOfContainers", "# OF CONTAINERS" },
		{ "InfraID", "INFRA ID" },
		{ "ContainerIds", "IDS" },
		{ "ContainerNames", "NAMES" },
		{ "ContainerStatuses", "STATUS" },
		{ "Namespace", "NAMESPACES" },
		{ NULL, NULL },
	};
	const struct pod_ps_args *a = args;
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *table = NULL;
	const char *format = format_typed(a->format);

	if (a->quiet && a->format)
		return cmk_err_set(err, -EINVAL, "quiet and format cannot be used together");
	for (char *const *f = a->filters; f && *f; f++) {
		if (!strchr(*f, '='))
			return cmk_err_set(err, -EINVAL,
					   "filter input must be in the form of filter=value: %s "
					   "is invalid",
					   *f);
		if (!cmk_option_find_key(pod_ps_keys, *f))
			return cmk_err_set(err, -EINVAL, "%.*s is an invalid filter",
					   (int)strcspn(*f, "="), *f);
	}
	if (a->quiet)
		return 0;
	json_write_array(&w, NULL);
	return format_print_array(format ?: table_of(a, &table), &w, titles, a->noheading, err);
}

static const char *const pod_ps_aliases[] = { "pod ls", "pod list", NULL };
static const struct cmk_example pod_ps_examples[] = {
	{ "cmk pod ps", "The line of titles: there is no pod so far" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_pod_ps = {
	.name = "pod ps",
	.aliases = pod_ps_aliases,
	.summary = "List pods",
	.operands = "",
	.description = "Pods are not supported yet, so that the list is empty.",
	.examples = pod_ps_examples,
	.options = pod_ps_options,
	.args_size = sizeof(struct pod_ps_args),
	.exec = pod_ps_exec,
};
