// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include "base/parse.h"
#include "cmd/containers.h"
#include "cmd/events_filter.h"
#include "cmd/format.h"

#define ID_SHORT 12
#define NS_PER_S 1000000000LL

struct events_args {
	char **filters;
	const char *format, *since, *until;
	bool no_trunc, stream;
};

/* For completion. */
static const char events_fields[] =
	"Action|Actor{ID|Attributes}|Attributes|ContainerExitCode|Details|Error|From|"
	"HealthFailingStreak|HealthLog|HealthStatus|ID|Image|Name|Network|PodID|Scope|"
	"Status|Time|TimeNano|Type";

static const struct cmk_option events_options[] = {
	CMK_OPT_OF(OPT_STRV, 'f', "filter", struct events_args, filters, "KEY=VALUE",
		   "show only events for which this holds", .keys = events_filter_keys),
	CMK_OPT_STRING(0, "format", struct events_args, format, "FORMAT", "'json' or a Go template",
		       .fields = events_fields),
	CMK_OPT_FLAG(0, "no-trunc", struct events_args, no_trunc, "show whole IDs", .def = "true"),
	CMK_OPT_STRING(0, "since", struct events_args, since, "TIME",
		       "begin with what has happened since: a date, or how long ago"),
	CMK_OPT_FLAG(0, "stream", struct events_args, stream,
		     "go on with new events; false: end with the last one", .def = "true"),
	CMK_OPT_STRING(0, "until", struct events_args, until, "TIME",
		       "end there: a date, or a time from now"),
	CMK_OPT_END(),
};

struct printer {
	const struct events_args *a;
	const struct events_filter *filter;
	struct json_writer items; /* of a template, until the next flush */
	size_t n_items;
	struct cmk_err *err;
};

/* "2026-11-21 10:00:00.5 +0000 UTC": as Go writes a time of this host's zone. */
static void print_time(int64_t ns)
{
	time_t t = (time_t)(ns / NS_PER_S);
	int fraction = (int)(ns % NS_PER_S), digits = 9;
	char date[32], zone[32];
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return;
	(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	(void)strftime(zone, sizeof(zone), "%z %Z", &tm);
	while (digits > 0 && fraction % 10 == 0) {
		fraction /= 10;
		digits--;
	}
	if (digits > 0)
		printf("%s.%0*d %s", date, digits, fraction, zone);
	else
		printf("%s %s", date, zone);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void print_details(const struct event *e)
{
	printf(" (image=%s, name=%s", or_empty(e->image), or_empty(e->name));
	if (e->health_status)
		printf(", health_status=%s", e->health_status);
	for (char *const *a = e->attributes; a && *a; a++)
		printf(", %s", *a);
	printf(")");
}

/* What stands behind time, type and status depends on the type. */
static void print_text(const struct printer *p, const struct event *e)
{
	int id_len = p->a->no_trunc ? (int)strlen(or_empty(e->id)) : ID_SHORT;
	const char *id = or_empty(e->id);

	print_time(e->time_ns);
	printf(" %s %s", e->type, e->status);
	if (streq(e->type, "container") || streq(e->type, "pod")) {
		printf(" %.*s", id_len, id);
		print_details(e);
	} else if (streq(e->type, "network")) {
		printf(" %.*s (container=%.*s, name=%s)", id_len, id, id_len, id,
		       or_empty(e->network ? e->network : e->name));
	} else if (streq(e->type, "image")) {
		printf(" %.*s %s", id_len, id, or_empty(e->name));
	} else if (streq(e->type, "secret")) {
		printf(" %.*s", id_len, id);
	} else if (e->name) {
		printf(" %s", e->name);
	}
	if (e->error)
		printf(" %s", e->error);
	printf("\n");
}

static void write_attributes(struct json_writer *w, const struct event *e)
{
	if (e->attributes && *e->attributes)
		json_write_map(w, "Attributes", e->attributes);
	else
		json_write_null(w, "Attributes");
}

static void write_given(struct json_writer *w, const char *key, const char *s)
{
	if (s)
		json_write_str(w, key, s);
}

/* podman's --format json: what is empty is left out. */
static void write_json(struct json_writer *w, const char *key, const struct event *e)
{
	json_write_object(w, key);
	if (e->has_exit_code)
		json_write_i64(w, "ContainerExitCode", e->exit_code);
	write_given(w, "ID", e->id);
	write_given(w, "Image", e->image);
	write_given(w, "Name", e->name);
	write_given(w, "network", e->network);
	json_write_str(w, "Status", e->status);
	json_write_i64(w, "time", e->time_ns / NS_PER_S);
	json_write_i64(w, "timeNano", e->time_ns);
	json_write_str(w, "Type", e->type);
	write_given(w, "health_status", e->health_status);
	write_given(w, "Error", e->error);
	write_attributes(w, e);
	json_write_end(w, '}');
}

static void write_health(struct json_writer *w, const struct event *e)
{
	const char *streak = e->health_status ? strv_env_get(e->attributes, "health_failing_streak")
					      : NULL;
	const char *log = e->health_status ? strv_env_get(e->attributes, "health_log") : NULL;
	int64_t n = 0;

	if (streak && parse_i64(streak, 0, INT64_MAX, &n) < 0)
		n = 0;
	json_write_str(w, "HealthStatus", or_empty(e->health_status));
	json_write_i64(w, "HealthFailingStreak", n);
	json_write_str(w, "HealthLog", or_empty(log));
}

/* Owned: what docker calls the event. */
static char *docker_action(const struct event *e)
{
	static const struct {
		const char *status, *docker, *type; /* NULL: of every type */
	} words[] = {
		{ "died", "die", NULL },	   { "exec", "exec_start", NULL },
		{ "exec_died", "exec_die", NULL }, { "remove", "delete", "image" },
		{ "remove", "destroy", NULL },
	};

	if (e->health_status)
		return xasprintf("health_status: %s", e->health_status);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(words[i].status, e->status) &&
		    (!words[i].type || streq(words[i].type, e->type)))
			return xstrdup(words[i].docker);
	return xstrdup(e->status);
}

/* What templates for docker ask for beside. */
static void write_docker(struct json_writer *w, const struct event *e)
{
	cleanup_strv char **attributes = strv_dup(e->attributes);
	cleanup_free char *image = xasprintf("image=%s", or_empty(e->image));
	cleanup_free char *name = xasprintf("name=%s", or_empty(e->name));
	cleanup_free char *code = xasprintf("exitCode=%d", e->exit_code);
	cleanup_free char *action = docker_action(e);

	if (e->image)
		strv_env_set(&attributes, image);
	if (e->name)
		strv_env_set(&attributes, name);
	if (e->has_exit_code)
		strv_env_set(&attributes, code);
	json_write_str(w, "Action", action);
	json_write_str(w, "From", or_empty(e->image));
	json_write_str(w, "Scope", "local");
	json_write_object(w, "Actor");
	json_write_str(w, "ID", or_empty(e->id));
	json_write_map(w, "Attributes", attributes);
	json_write_end(w, '}');
}

static void write_template(struct json_writer *w, const struct event *e)
{
	json_write_object(w, NULL);
	if (e->has_exit_code)
		json_write_i64(w, "ContainerExitCode", e->exit_code);
	else
		json_write_null(w, "ContainerExitCode");
	json_write_str(w, "ID", or_empty(e->id));
	json_write_str(w, "Image", or_empty(e->image));
	json_write_str(w, "Name", or_empty(e->name));
	json_write_str(w, "Network", or_empty(e->network));
	json_write_str(w, "Status", e->status);
	json_write_i64(w, "Time", e->time_ns / NS_PER_S);
	json_write_i64(w, "TimeNano", e->time_ns);
	json_write_str(w, "Type", e->type);
	write_health(w, e);
	json_write_str(w, "Error", or_empty(e->error));
	json_write_str(w, "PodID", "");
	write_attributes(w, e);
	json_write_object(w, "Details");
	json_write_str(w, "PodID", "");
	write_attributes(w, e);
	json_write_end(w, '}');
	write_docker(w, e);
	write_json(w, FORMAT_JSON_FORM, e);
	json_write_end(w, '}');
}

static int take(const struct event *e, void *arg)
{
	struct printer *p = arg;

	if (!events_filter_match(p->filter, e))
		return 0;
	if (!p->a->format) {
		print_text(p, e);
		return 0;
	}
	if (p->n_items++ == 0)
		json_write_array(&p->items, NULL);
	if (streq(p->a->format, "json"))
		write_json(&p->items, NULL, e);
	else
		write_template(&p->items, e);
	return 0;
}

/* Each event on its line, as soon as it is there. */
static int flush(void *arg)
{
	struct printer *p = arg;
	int r = 0;

	if (p->n_items) {
		r = format_print_array(streq(p->a->format, "json") ? "{{json .}}" : p->a->format,
				       &p->items, NULL, true, p->err);
		p->items = JSON_WRITER_INIT;
		p->n_items = 0;
	}
	if (r == 0 && (fflush(stdout) < 0 || ferror(stdout)))
		return -EPIPE;
	return r;
}

/* As podman: a duration means ago for --since, from now for --until. */
static int parse_times(const struct events_args *a, struct event_query *q, struct cmk_err *err)
{
	struct timespec ts;
	int64_t now;
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	now = (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
	if (a->since)
		r = log_time_parse(a->since, now, &q->since_ns, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "option '--since'");
	if (!a->until)
		return 0;
	r = log_until_parse(a->until, now, &q->until_ns, err);
	return r < 0 ? cmk_err_wrap(err, r, "option '--until'") : 0;
}

/* A template is looked at before anything is waited for. */
static int check_format(const struct events_args *a, struct cmk_err *err)
{
	if (!a->format || streq(a->format, "json"))
		return 0;
	return format_check(a->format, err);
}

static int events_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	const struct events_args *a = args;
	struct event_query q = { .from_start = a->since || a->until || !a->stream,
				 .follow = a->stream,
				 .hangup_fd = STDOUT_FILENO };
	cleanup_storage struct storage *st = NULL;
	struct events_filter *filter = NULL;
	struct printer p = { .a = a, .err = err };
	int r;

	(void)argc;
	(void)argv;
	if (streq(g->events_backend, "none"))
		return cmk_err_set(err, -EINVAL, "cannot read events with the \"none\" backend");
	r = events_filter_new(a->filters, &filter, err);
	if (r == 0)
		r = parse_times(a, &q, err);
	if (r == 0)
		r = check_format(a, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	p.filter = filter;
	if (r == 0)
		r = events_read(st, &q, take, flush, &p, err);
	json_writer_done(&p.items);
	(void)events_filter_free(filter);
	/* The reader has seen enough: main ends as it does for every command. */
	if (r == -EPIPE) {
		cmk_err_done(err);
		return 0;
	}
	return r;
}

static const char *const events_aliases[] = { "system events", NULL };

static const struct cmk_example events_examples[] = {
	{ "cmk events", "show what happens from now on, until ctrl-c" },
	{ "cmk events --since 1h --stream=false", "show what has happened in the last hour" },
	{ "cmk events -f type=container -f event=died --format '{{.Name}} {{.ContainerExitCode}}'",
	  "tell of each container that ends, with its exit code" },
	{ "cmk events --since 2026-11-21T10:00:00Z --until 10m --format json",
	  "show what was since then and will be in the next ten minutes, as JSON, one event a "
	  "line" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_events = {
	.name = "events",
	.aliases = events_aliases,
	.summary = "Show what happens to containers and images",
	.description =
		"Without --since and --until only new events are shown. A duration such as `10m` "
		"means ago for --since, and from now for --until; other times are dates as in RFC "
		"3339 or seconds since 1970.\n\n"
		"Filters: container, image, pod, volume, network, secret (a name, or the beginning "
		"of an ID), event (or status), type, label; and docker's scope (local), config, "
		"daemon, node, plugin and service, of which there are no events. docker's words "
		"for events (die, destroy, delete, exec_create, exec_start, exec_die) count as "
		"well, and are what `.Action` prints in templates.\n\n"
		"A container of which a process was killed for want of memory has the event oom "
		"before died, as in docker.\n\n"
		"The events of the user are kept in a file of at most 1 MiB and the one before it; "
		"older ones are forgotten.",
	.examples = events_examples,
	.options = events_options,
	.args_size = sizeof(struct events_args),
	.exec = events_exec,
};
