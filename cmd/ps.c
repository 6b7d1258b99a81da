// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/ps_filter.h"

#define ID_SHORT 12
#define COMMAND_SHORT 20

struct ps_args {
	bool all, quiet, no_trunc, latest, noheading;
	char **filters;
	const char *format;
	int64_t last;
};

static const struct cmk_option ps_options[] = {
	CMK_OPT_FLAG('a', "all", struct ps_args, all,
		     "show all containers, not only those that run"),
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct ps_args, filters, "KEY=VALUE",
		   "show only those for which this holds"),
	CMK_OPT_STRING(0, "format", struct ps_args, format, "FORMAT", "'json' or a Go template"),
	CMK_OPT_OF(OPT_INT, 'n', "last", struct ps_args, last, "NUMBER",
		   "show the NUMBER newest containers, in any state", .def = "-1", .min = -1,
		   .max = INT32_MAX),
	CMK_OPT_FLAG('l', "latest", struct ps_args, latest,
		     "show the newest container, in any state"),
	CMK_OPT_FLAG(0, "no-trunc", struct ps_args, no_trunc, "show whole IDs and commands"),
	CMK_OPT_FLAG(0, "noheading", struct ps_args, noheading, "leave the headings out"),
	CMK_OPT_FLAG('q', "quiet", struct ps_args, quiet, "show IDs alone"),
	CMK_OPT_END(),
};

static bool is_up(const struct container *c)
{
	return container_is_up(c);
}

static char *short_id(const struct ps_args *a, const struct container *c)
{
	return xstrndup(c->cfg.id, a->no_trunc ? strlen(c->cfg.id) : ID_SHORT);
}

static char *command_text(const struct ps_args *a, const struct container *c)
{
	cleanup_free char *s = strv_join(c->cfg.command, " ");

	if (a->no_trunc || strlen(s) <= COMMAND_SHORT)
		return steal_ptr(&s);
	return xasprintf("%.*s...", COMMAND_SHORT - 3, s);
}

/* "Up 3 seconds", "Exited (137) 2 minutes ago", "Created". */
static char *status_text(const struct container *c)
{
	char span[48] = "";
	int64_t since;

	if (c->state == CONTAINER_CREATED)
		return xstrdup("Created");
	if (c->state == CONTAINER_PAUSED)
		return xstrdup("Paused");
	if (is_up(c)) {
		if (!c->live.started_at || format_parse_time(c->live.started_at, &since) < 0)
			return xstrdup("Up");
		format_duration(MAX(time(NULL) - since, 0), span);
		return xasprintf("Up %s", span);
	}
	/* A monitor that was lost left no time. */
	if (!c->status.finished_at)
		return xasprintf("Exited (%d)", c->status.exit_code);
	format_ago(c->status.finished_at, span);
	return xasprintf("Exited (%d) %s", c->status.exit_code, span);
}

/* "0.0.0.0:8080->80/tcp, 81/tcp": published ports, then those that are only exposed. */
static char *ports_text(const struct container *c)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < c->cfg.n_ports; i++) {
		const struct container_port *p = &c->cfg.ports[i];
		const char *ip = p->host_ip && *p->host_ip ? p->host_ip : "0.0.0.0";

		strbuf_addf(&sb, strchr(ip, ':') ? "%s[%s]:" : "%s%s:", sb.len ? ", " : "", ip);
		if (p->range > 1)
			strbuf_addf(&sb, "%d-%d->%d-%d/%s", p->host_port,
				    p->host_port + p->range - 1, p->container_port,
				    p->container_port + p->range - 1, p->protocol);
		else
			strbuf_addf(&sb, "%d->%d/%s", p->host_port, p->container_port, p->protocol);
	}
	return strbuf_steal(&sb);
}

static const char *image_text(const struct container *c)
{
	if (c->cfg.image_name)
		return c->cfg.image_name;
	return c->cfg.rootfs ? "" : c->cfg.image_id;
}

static void print_table(const struct ps_args *a, struct container **list, size_t n)
{
	struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;

	if (!a->noheading)
		strbuf_adds(&text, "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES\n");
	for (size_t i = 0; i < n; i++) {
		const struct container *c = list[i];
		cleanup_free char *id = short_id(a, c), *command = command_text(a, c);
		cleanup_free char *status = status_text(c), *ports = ports_text(c);
		char created[48];

		/* A command with control characters stays in its cell. */
		for (char *p = command; *p; p++) {
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				*p = ' ';
		}
		format_ago(c->cfg.created, created);
		strbuf_addf(&text, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", id, image_text(c), command,
			    created, status, ports, c->cfg.name);
	}
	format_align(strbuf_str(&text), &out);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	strbuf_done(&text);
	strbuf_done(&out);
}

static int64_t unix_time(const char *rfc3339)
{
	int64_t t;

	return rfc3339 && format_parse_time(rfc3339, &t) == 0 ? t : 0;
}

static void write_ports(struct json_writer *w, const struct container *c)
{
	json_write_array(w, "Ports");
	for (size_t i = 0; i < c->cfg.n_ports; i++) {
		const struct container_port *p = &c->cfg.ports[i];

		json_write_object(w, NULL);
		json_write_str(w, "host_ip", p->host_ip ? p->host_ip : "");
		json_write_i64(w, "container_port", p->container_port);
		json_write_i64(w, "host_port", p->host_port);
		json_write_i64(w, "range", MAX(p->range, 1));
		json_write_str(w, "protocol", p->protocol);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

/* Where the binds lie in the container. */
static char **mounts(const struct container *c)
{
	char **v = NULL;

	for (char **b = c->cfg.binds; b && *b; b++) {
		cleanup_strv char **parts = strv_split(*b, ':');

		strv_add(&v, parts[1]);
	}
	return v;
}

static void write_networks(struct json_writer *w, const struct container *c)
{
	json_write_array(w, "Networks");
	if (c->cfg.network)
		json_write_str(w, NULL, c->cfg.network);
	json_write_end(w, ']');
}

static void write_times(struct json_writer *w, const struct container *c)
{
	const char *started = is_up(c) ? c->live.started_at : c->status.started_at;

	json_write_bool(w, "AutoRemove", c->cfg.remove);
	json_write_str(w, "CIDFile", c->cfg.cidfile ? c->cfg.cidfile : "");
	json_write_str(w, "CreatedAt", c->cfg.created);
	json_write_i64(w, "ExitCode", is_up(c) ? 0 : c->status.exit_code);
	json_write_bool(w, "Exited", c->state >= CONTAINER_EXITED);
	json_write_i64(w, "ExitedAt", is_up(c) ? 0 : unix_time(c->status.finished_at));
	json_write_i64(w, "StartedAt", unix_time(started));
	json_write_str(w, "ImageID", c->cfg.image_id ? c->cfg.image_id : "");
	json_write_bool(w, "IsInfra", false);
	json_write_map(w, "Labels", c->cfg.labels);
	json_write_i64(w, "Pid", is_up(c) ? c->live.init_pid : 0);
	json_write_str(w, "Pod", "");
	json_write_str(w, "PodName", "");
	json_write_i64(w, "Restarts", c->status.restarts);
	json_write_str(w, "State", container_state_name(c->state));
}

/* podman's --format json. */
static void write_json(struct json_writer *w, const struct container *c)
{
	cleanup_free char *status = status_text(c);
	cleanup_strv char **at = mounts(c);

	json_write_object(w, NULL);
	write_times(w, c);
	json_write_strv(w, "Command", c->cfg.command);
	json_write_i64(w, "Created", unix_time(c->cfg.created));
	json_write_str(w, "Id", c->cfg.id);
	json_write_str(w, "Image", image_text(c));
	json_write_array(w, "Names");
	json_write_str(w, NULL, c->cfg.name);
	json_write_end(w, ']');
	json_write_strv(w, "Mounts", at);
	write_networks(w, c);
	write_ports(w, c);
	json_write_str(w, "Status", status);
	json_write_end(w, '}');
}

/* What templates see: text where podman's methods give text. */
static void write_template(struct json_writer *w, const struct ps_args *a,
			   const struct container *c)
{
	cleanup_free char *id = short_id(a, c), *command = command_text(a, c);
	cleanup_free char *status = status_text(c), *ports = ports_text(c);
	cleanup_strv char **at = mounts(c);
	cleanup_free char *mounts_text = strv_join(at, ",");
	char ago[48];

	format_ago(c->cfg.created, ago);
	json_write_object(w, NULL);
	write_times(w, c);
	json_write_str(w, "Command", command);
	json_write_str(w, "Created", ago);
	json_write_str(w, "CreatedHuman", ago);
	json_write_str(w, "RunningFor", ago);
	json_write_str(w, "ID", id);
	json_write_str(w, "Id", id);
	json_write_str(w, "Image", image_text(c));
	json_write_str(w, "Names", c->cfg.name);
	json_write_str(w, "Mounts", mounts_text);
	json_write_str(w, "Networks", c->cfg.network ? c->cfg.network : "");
	json_write_str(w, "Ports", ports);
	json_write_str(w, "Status", status);
	json_write_end(w, '}');
}

static int print_format(const struct ps_args *a, struct container **list, size_t n,
			struct cmk_err *err)
{
	static const struct format_title titles[] = {
		{ "ID", "CONTAINER ID" },
		{ "CreatedHuman", "CREATED" },
		{ "RunningFor", "CREATED" },
		{ "CreatedAt", "CREATED AT" },
		{ NULL, NULL },
	};
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *items = NULL;
	size_t len = 0;
	int r;

	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		if (streq(a->format, "json"))
			write_json(&w, list[i]);
		else
			write_template(&w, a, list[i]);
	}
	json_write_end(&w, ']');
	r = json_writer_finish(&w, &items, &len, err);
	return r < 0 ? r : format_print(a->format, items, len, titles, a->noheading, err);
}

/* The containers to show, at the front of LIST; the others are freed. */
static size_t choose(const struct ps_args *a, const struct ps_filter *f, struct container **list,
		     size_t n)
{
	bool all = a->all || a->last >= 0 || ps_filter_wants_all(f);
	size_t limit = a->last >= 0 ? (size_t)a->last : n, kept = 0;

	for (size_t i = 0; i < n; i++) {
		bool keep = kept < limit && (all || is_up(list[i])) && ps_filter_match(f, list[i]);

		if (keep)
			list[kept++] = list[i];
		else
			(void)container_free(list[i]);
	}
	return kept;
}

static int print(const struct ps_args *a, struct container **list, size_t n, struct cmk_err *err)
{
	if (a->quiet) {
		for (size_t i = 0; i < n; i++) {
			cleanup_free char *id = short_id(a, list[i]);

			(void)printf("%s\n", id);
		}
		return 0;
	}
	if (a->format)
		return print_format(a, list, n, err);
	print_table(a, list, n);
	return 0;
}

static int ps_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		   struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	struct container **list = NULL;
	struct ps_filter *filter = NULL;
	struct ps_args *a = args;
	size_t n = 0;
	int r;

	(void)argc;
	(void)argv;
	if (a->quiet && a->format)
		return cmk_err_set(err, -EINVAL, "--quiet and --format exclude each other");
	if (a->latest)
		a->last = 1;
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = ps_filter_new(st, a->filters, &filter, err);
	if (r == 0)
		r = container_list(st, &list, &n, err);
	if (r == 0) {
		n = choose(a, filter, list, n);
		r = print(a, list, n, err);
		container_list_free(list, n);
	}
	(void)ps_filter_free(filter);
	return r;
}

static const char *const ps_aliases[] = { "container ps", "container ls", "container list", NULL };

const struct cmk_command cmk_cmd_ps = {
	.name = "ps",
	.aliases = ps_aliases,
	.summary = "List containers",
	.description =
		"Shows the containers that run, or all. Filters: id, name (a regular expression), "
		"label, label!, status, exited, ancestor, before, since, network, command.",
	.options = ps_options,
	.args_size = sizeof(struct ps_args),
	.exec = ps_exec,
};
