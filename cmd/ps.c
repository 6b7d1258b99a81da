// SPDX-License-Identifier: Apache-2.0
#include "cmd/ps.h"

#include <unistd.h>

#include "base/log.h"
#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/ps_filter.h"

struct ps_args {
	bool all, external, latest, namespaces, no_trunc, noheading, pod, quiet, size, sync;
	char **filters;
	const char *format, *sort;
	int64_t last;
	uint32_t watch;
};

/* For completion. */
static const char ps_fields[] =
	"AutoRemove|CGROUPNS|CIDFile|Cgroup|Command|Created|CreatedAt|CreatedHuman|"
	"ExitCode|Exited|ExitedAt|ExposedPorts|HealthStatus|ID|IPAddresses|IPC|Image|ImageID|"
	"IsInfra|Labels|"
	"LocalVolumes|MNT|Mounts|NET|Names|Namespaces{Mnt|Cgroup|Ipc|Net|Pidns|Uts|User}|"
	"Networks|PIDNS|Pid|Pod|PodName|Ports|Restarts|RunningFor|Size|StartedAt|State|"
	"Status|USERNS|UTS|User";

static const struct cmk_option ps_options[] = {
	CMK_OPT_FLAG('a', "all", struct ps_args, all,
		     "show all containers, not only those that run"),
	CMK_OPT_FLAG(0, "external", struct ps_args, external,
		     "show containers that other tools made in the store, too", .alias = "storage"),
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct ps_args, filters, "KEY=VALUE",
		   "show only those for which this holds", .keys = ps_filter_keys),
	CMK_OPT_STRING(0, "format", struct ps_args, format, "FORMAT", "'json' or a Go template",
		       .fields = ps_fields),
	CMK_OPT_OF(OPT_INT, 'n', "last", struct ps_args, last, "NUMBER",
		   "show the NUMBER newest containers, in any state", .def = "-1", .min = -1,
		   .max = INT32_MAX),
	CMK_OPT_FLAG('l', "latest", struct ps_args, latest,
		     "show the newest container, in any state"),
	CMK_OPT_FLAG(0, "no-trunc", struct ps_args, no_trunc, "show whole IDs and commands"),
	CMK_OPT_FLAG(0, "noheading", struct ps_args, noheading, "leave the headings out"),
	CMK_OPT_FLAG(0, "ns", struct ps_args, namespaces, "show the namespaces of each container",
		     .alias = "namespace"),
	CMK_OPT_FLAG('p', "pod", struct ps_args, pod, "show the pod of each container"),
	CMK_OPT_FLAG('q', "quiet", struct ps_args, quiet, "show IDs alone"),
	CMK_OPT_FLAG('s', "size", struct ps_args, size, "show what the containers take on disk"),
	CMK_OPT_STRING(0, "sort", struct ps_args, sort, "KEY", "order of the list",
		       .def = "created",
		       .words = "command|created|id|image|names|runningfor|size|status",
		       .complete = COMPLETE_WORDS),
	CMK_OPT_FLAG(0, "sync", struct ps_args, sync, "compare the states with what runs"),
	CMK_OPT_OF(OPT_UINT32, 'w', "watch", struct ps_args, watch, "SECONDS",
		   "show the list again every so often, until ctrl-c"),
	CMK_OPT_END(),
};

/* `{{.Size}}`, with or without blanks. */
static bool names_size(const char *format)
{
	const char *at = strstr(format, ".Size");

	return at && strchr(" }", at[5]) && at[5];
}

static int check_args(struct ps_args *a, struct cmk_err *err)
{
	if (a->last >= 0 && a->latest)
		return cmk_err_set(err, -EINVAL, "last and latest are mutually exclusive");
	if (a->quiet && (a->size || a->namespaces))
		return cmk_err_set(err, -EINVAL, "quiet conflicts with size and namespace");
	if (a->size && a->namespaces)
		return cmk_err_set(err, -EINVAL, "size and namespace options conflict");
	if (a->watch && a->latest)
		return cmk_err_set(err, -EINVAL,
				   "the watch and latest flags cannot be used together");
	for (char *const *f = a->external ? a->filters : NULL; f && *f; f++)
		if (str_after(*f, "annotation=") || str_after(*f, "annotation!="))
			return cmk_err_set(err, -EINVAL,
					   "filter %.*s is not applicable for external containers",
					   (int)strcspn(*f, "="), *f);
	if (a->format && !a->size && names_size(a->format))
		log_warn("Size format requires --size option");
	if (a->latest)
		a->last = 1;
	a->format = format_typed(a->format);
	return 0;
}

/* Not by a format: there may be thousands of lines. */
static void add_cells(struct strbuf *sb, const char *const *cells)
{
	for (bool first = true; *cells; cells++, first = false) {
		if (!first)
			strbuf_addc(sb, '\t');
		strbuf_adds(sb, *cells);
	}
}

static void print_table(const struct ps_args *a, const struct ps_item *items, size_t n)
{
	struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;

	if (!a->noheading)
		strbuf_addf(&text,
			    "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES%s%s\n",
			    a->pod ? "\tPOD ID\tPODNAME" : "", a->size ? "\tSIZE" : "");
	for (size_t i = 0; i < n; i++) {
		const struct container *c = items[i].c;
		cleanup_free char *id = ps_id(&items[i]), *command = ps_command(&items[i]);
		cleanup_free char *status = ps_status(c), *ports = ps_ports(c);
		char created[48];

		format_ago(c->cfg.created, created);
		add_cells(&text, (const char *const[]){ id, ps_image(c), command, created, status,
							ports, c->cfg.name, NULL });
		/* No container is in one. */
		if (a->pod)
			strbuf_adds(&text, "\t\t");
		if (a->size) {
			cleanup_free char *size = ps_size(&items[i]);

			strbuf_addf(&text, "\t%s", size);
		}
		strbuf_addc(&text, '\n');
	}
	format_align(strbuf_str(&text), &out);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	strbuf_done(&text);
	strbuf_done(&out);
}

static const char *format_of(const struct ps_args *a)
{
	if (a->format)
		return a->format;
	return a->namespaces ? "table {{.ID}}\t{{.Names}}\t{{.Pid}}\t{{.CGROUPNS}}\t{{.IPC}}\t"
			       "{{.MNT}}\t{{.NET}}\t{{.PIDNS}}\t{{.USERNS}}\t{{.UTS}}"
			     : NULL;
}

static int print_format(const struct ps_args *a, const struct ps_item *items, size_t n,
			struct cmk_err *err)
{
	static const struct format_title titles[] = {
		{ "ID", "CONTAINER ID" },
		{ "Id", "CONTAINER ID" },
		{ "CreatedHuman", "CREATED" },
		{ "Pid", "PID" },
		{ "PodName", "PODNAME" },
		{ "Pod", "POD ID" },
		{ "CIDFile", "CIDFILE" },
		{ "IPAddresses", "IP ADDRESSES" },
		{ "HealthStatus", "HEALTH STATUS" },
		{ NULL, NULL },
	};
	const char *format = format_of(a);
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		if (streq(format, "json"))
			ps_write_json(&w, &items[i]);
		else
			ps_write_template(&w, &items[i]);
	}
	return format_print_array(format, &w, titles, a->noheading, err);
}

/* The containers to show, at the front of LIST; the others are freed. */
static size_t choose(const struct ps_args *a, const struct ps_filter *f, struct container **list,
		     size_t n)
{
	bool all = a->all || a->last >= 0 || ps_filter_wants_all(f);
	size_t limit = a->last >= 0 ? (size_t)a->last : n, kept = 0;

	for (size_t i = 0; i < n; i++) {
		bool keep = kept < limit && (all || container_is_up(list[i])) &&
			    ps_filter_match(f, list[i]);

		if (keep)
			list[kept++] = list[i];
		else
			(void)container_free(list[i]);
	}
	return kept;
}

typedef int (*compare_fn)(const struct ps_item *a, const struct ps_item *b);

static int compare_texts(char *a, char *b)
{
	int order = strcmp(a, b);

	free(a);
	free(b);
	return order;
}

static int by_command(const struct ps_item *a, const struct ps_item *b)
{
	return compare_texts(strv_join(a->c->cfg.command, " "), strv_join(b->c->cfg.command, " "));
}

static int by_id(const struct ps_item *a, const struct ps_item *b)
{
	return strcmp(a->c->cfg.id, b->c->cfg.id);
}

static int by_image(const struct ps_item *a, const struct ps_item *b)
{
	return strcmp(ps_image(a->c), ps_image(b->c));
}

static int by_name(const struct ps_item *a, const struct ps_item *b)
{
	return strcmp(a->c->cfg.name, b->c->cfg.name);
}

static int by_start(const struct ps_item *a, const struct ps_item *b)
{
	return strcmp(ps_started(a->c), ps_started(b->c));
}

static int by_size(const struct ps_item *a, const struct ps_item *b)
{
	return (a->rootfs_size > b->rootfs_size) - (a->rootfs_size < b->rootfs_size);
}

static int by_status(const struct ps_item *a, const struct ps_item *b)
{
	return compare_texts(ps_status(a->c), ps_status(b->c));
}

static const struct {
	const char *key;
	compare_fn fn;
} orders[] = {
	{ "command", by_command },  { "id", by_id },
	{ "image", by_image },	    { "names", by_name },
	{ "runningfor", by_start }, { "size", by_size },
	{ "status", by_status },
};

static compare_fn order; /* for qsort(3); NULL: by creation alone */

static int compare_items(const void *pa, const void *pb)
{
	const struct ps_item *a = pa, *b = pb;
	int r = order ? order(a, b) : 0;

	if (r == 0)
		r = strcmp(a->c->cfg.created, b->c->cfg.created);
	return r ? r : by_id(a, b);
}

/* As podman, the oldest first. */
static void sort_items(const char *key, struct ps_item *items, size_t n)
{
	order = NULL;
	for (size_t i = 0; i < ARRAY_LEN(orders); i++)
		if (streq(orders[i].key, key))
			order = orders[i].fn;
	if (n)
		qsort(items, n, sizeof(*items), compare_items);
}

/* What is only worked out where it is shown: namespaces and sizes. */
static int fill_items(struct storage *st, const struct ps_args *a, struct container **list,
		      size_t n, struct ps_item *items, struct cmk_err *err)
{
	const char *format = format_of(a);
	bool json = format && strstr(format, "json"), ns = a->namespaces;

	for (size_t i = 0; format && i < ps_n_namespaces && !ns; i++)
		ns = strstr(format, ps_namespaces[i].field) || strstr(format, "Namespaces") ||
		     strstr(format, "Cgroup");
	for (size_t i = 0; i < n; i++)
		items[i] = (struct ps_item){ .c = list[i],
					     .no_trunc = a->no_trunc,
					     .with_namespaces = ns,
					     .with_line = json };
	return a->size || streq(a->sort, "size") ? ps_fill_sizes(st, items, n, err) : 0;
}

static int print_items(const struct ps_args *a, const struct ps_item *items, size_t n,
		       struct cmk_err *err)
{
	if (format_of(a))
		return print_format(a, items, n, err);
	if (!a->quiet)
		print_table(a, items, n);
	for (size_t i = 0; a->quiet && i < n; i++) {
		cleanup_free char *id = ps_id(&items[i]);

		(void)printf("%s\n", id);
	}
	return 0;
}

static int show(struct storage *st, const struct ps_args *a, const struct ps_filter *filter,
		struct cmk_err *err)
{
	cleanup_free struct ps_item *items = NULL;
	struct container **list = NULL;
	size_t n = 0;
	int r = container_list(st, &list, &n, err);

	if (r < 0)
		return r;
	n = choose(a, filter, list, n);
	items = xcalloc(n + 1, sizeof(*items));
	r = fill_items(st, a, list, n, items, err);
	if (r >= 0) {
		sort_items(a->sort, items, n);
		r = print_items(a, items, n, err);
	}
	container_list_free(list, n);
	return r;
}

/* Ends with ctrl-c, or when nobody reads any more. */
static int watch(struct storage *st, const struct ps_args *a, const struct ps_filter *filter,
		 struct cmk_err *err)
{
	cleanup_close int timer = cmk_ticks_open(a->watch, err);
	int r;

	if (timer < 0)
		return timer;
	do {
		if (isatty(STDOUT_FILENO))
			(void)fputs("\033[H\033[2J", stdout);
		r = show(st, a, filter, err);
		if (r < 0 || fflush(stdout) < 0 || ferror(stdout))
			return r;
		r = cmk_ticks_wait(timer, err);
	} while (r > 0);
	return r;
}

static int ps_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		   struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	struct ps_filter *filter = NULL;
	struct ps_args *a = args;
	int r = check_args(a, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = ps_filter_new(st, a->filters, &filter, err);
	if (r == 0)
		r = a->watch ? watch(st, a, filter, err) : show(st, a, filter, err);
	(void)ps_filter_free(filter);
	return r;
}

static const char *const ps_aliases[] = { "container ps", "container ls", "container list", NULL };

static const struct cmk_example ps_examples[] = {
	{ "cmk ps -a", "list all containers, those that have ended as well" },
	{ "cmk ps -a --filter status=exited --filter exited=0 -q",
	  "print the IDs of the containers that ended well" },
	{ "cmk ps --format 'table {{.Names}} {{.Status}} {{.Ports}}'", "choose the columns" },
	{ "cmk ps --filter label=app=web --filter name=^db",
	  "list the containers with that label whose name begins with db" },
	{ "cmk ps --watch 2", "show the list again every two seconds" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_ps = {
	.name = "ps",
	.aliases = ps_aliases,
	.summary = "List containers",
	.description =
		"Shows the containers that run, or all, the oldest first.\n\n"
		"Filters: `id` (a beginning, or a regular expression), `name` and `command` "
		"(regular expressions), `label`, `label!`, `annotation`, `annotation!`, `status`, "
		"`exited`, `ancestor` (an "
		"image "
		"or one that it was built on), `before` and `since` (a container), `until` (a "
		"time, "
		"or how long ago), `volume` (a name, a path, or `SOURCE:DESTINATION`), `network`, "
		"`pod`, "
		"`health`, `restart-policy`, `should-start-on-boot`, and docker's `expose` and "
		"`publish` (a port of the container, or of the host: PORT[-PORT][/tcp|/udp]) and "
		"`is-task` (of a swarm, which none is). "
		"A name matches with and without docker's slash before it.\n\n"
		"`{{json .}}` prints one line for each container as docker does, `--format json` "
		"podman's array.",
	.examples = ps_examples,
	.options = ps_options,
	.args_size = sizeof(struct ps_args),
	.exec = ps_exec,
};
