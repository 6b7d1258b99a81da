// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/process.h"
#include "cmd/containers.h"
#include "libpod/monitor/log_target.h"

struct logs_args {
	struct cmk_select select; /* first */
	bool details, follow, timestamps, names, color;
	const char *since, *until;
	int64_t tail;
};

/* "all" is docker's word for everything. */
static int parse_tail(const struct cmk_option *o, const char *value, void *args,
		      struct cmk_err *err)
{
	struct logs_args *a = args;

	if (streq(value, "all"))
		a->tail = -1;
	else if (parse_i64(value, INT64_MIN, INT64_MAX, &a->tail) < 0)
		return cmk_err_set(err, -EINVAL, "option '--%s': '%s' is no number of lines",
				   o->name, value);
	if (a->tail < 0)
		a->tail = -1;
	return 0;
}

static const struct cmk_option logs_options[] = {
	CMK_OPT_FLAG(0, "color", struct logs_args, color,
		     "show each container's name or ID in a colour of its own"),
	CMK_OPT_FLAG(0, "details", struct logs_args, details,
		     "put before each line what --log-opt labels and env have named"),
	CMK_OPT_FLAG('f', "follow", struct logs_args, follow, "go on until the container ends"),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_FLAG('n', "names", struct logs_args, names,
		     "of several containers: put the name before each line, not the ID"),
	CMK_OPT_STRING(0, "since", struct logs_args, since, "TIME",
		       "only what was written since: a date, or how long ago"),
	CMK_OPT_OF(OPT_CALLBACK, 0, "tail", struct logs_args, tail, "LINES",
		   "only the last lines; -1 or all for everything", .def = "-1",
		   .parse = parse_tail),
	CMK_OPT_FLAG('t', "timestamps", struct logs_args, timestamps,
		     "put the time before each line"),
	CMK_OPT_STRING(0, "until", struct logs_args, until, "TIME",
		       "only what was written before: a date, or how long from now on"),
	CMK_OPT_END(),
};

struct shown_log {
	struct container *c;
	int pidfd; /* the monitor's */
	struct log_stream stream;
	char *name, *prefix, *details;
};

static bool still_running(void *arg)
{
	const struct shown_log *l = arg;
	struct pollfd p = { .fd = l->pidfd, .events = POLLIN };

	return l->pidfd >= 0 && poll(&p, 1, 0) == 0;
}

/* podman's way: what stands before a line is only needed where there are several. */
static char *make_prefix(const struct logs_args *a, const struct container *c, size_t i)
{
	static const int colors[] = { 32, 33, 34, 35, 36, 31 };
	cleanup_free char *id = xstrndup(c->cfg.id, 12);
	const char *text = a->names ? c->cfg.name : id;

	if (a->color)
		return xasprintf("\033[%dm%s\033[0m ", colors[i % ARRAY_LEN(colors)], text);
	return xasprintf("%s ", text);
}

/* As in the query of a URL: no blank, comma or control character of a value is in the way. */
static void add_escaped(struct strbuf *sb, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c && strchr("-_.~", c)))
			strbuf_addc(sb, (char)c);
		else if (c == ' ')
			strbuf_addc(sb, '+');
		else
			strbuf_addf(sb, "%%%02X", c);
	}
}

/* docker's form: KEY=VALUE,KEY=VALUE in the order of the keys, and a blank. */
static char *make_details(const struct container *c)
{
	struct strbuf sb = STRBUF_INIT;
	cleanup_strv char **v = strv_dup(c->cfg.log_details);

	strv_sort(v);
	for (char **d = v; d && *d; d++) {
		size_t n = strcspn(*d, "=");

		if (d > v)
			strbuf_addc(&sb, ',');
		add_escaped(&sb, *d, n);
		strbuf_addc(&sb, '=');
		add_escaped(&sb, *d + n + 1, strlen(*d + n + 1));
	}
	strbuf_addc(&sb, ' ');
	return strbuf_steal(&sb);
}

static int open_log(struct storage *st, const struct logs_args *a, const char *name,
		    const struct log_read_options *o, struct shown_log *l, struct log_source *src,
		    struct cmk_err *err)
{
	bool from_journal;
	struct process_id id;
	int fd = -1, r = container_open(st, name, &l->c, err);

	if (r < 0)
		return r;
	from_journal = container_logs_to_journal(&l->c->cfg);
	if (from_journal)
		r = log_stream_start(l->c->cfg.id, o, &l->stream, err);
	else
		r = fd = container_log_dir(l->c, &l->name, err);
	if (r < 0)
		return r;
	id = (struct process_id){ .pid = (pid_t)l->c->live.monitor_pid,
				  .start_time = l->c->live.monitor_start };
	if (a->follow && id.pid > 0 && l->c->state != CONTAINER_CREATED &&
	    l->c->state != CONTAINER_EXITED && l->c->state != CONTAINER_MONITOR_LOST)
		l->pidfd = process_id_open(&id);
	*src = (struct log_source){ .stream = from_journal ? &l->stream : NULL,
				    .dirfd = fd,
				    .name = l->name,
				    .end_fd = l->pidfd,
				    .still_running = still_running,
				    .arg = l };
	return 0;
}

/* Shows what can be shown; the first error is *ERR, the others are printed. */
static int show_all(struct storage *st, const struct logs_args *a, char **names,
		    const struct log_read_options *o, struct cmk_err *err)
{
	size_t n = 0, count = strv_len(names);
	struct log_source *src = xcalloc(count + 1, sizeof(*src));
	struct shown_log *logs = xcalloc(count + 1, sizeof(*logs));
	struct cmk_err first = CMK_ERR_INIT;
	int failed = 0, r;

	for (size_t i = 0; i < count; i++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		logs[i].pidfd = -1;
		logs[i].stream = LOG_STREAM_INIT;
		r = open_log(st, a, names[i], o, &logs[i], &src[n], &e);
		if (r < 0 && failed)
			cmk_print_error(&e);
		else if (r < 0)
			failed = cmk_err_move(&first, &e);
		if (r < 0)
			continue;
		if (count > 1)
			logs[i].prefix = make_prefix(a, logs[i].c, i);
		if (a->details)
			logs[i].details = make_details(logs[i].c);
		src[n].prefix = logs[i].prefix;
		src[n++].details = logs[i].details;
	}
	r = n ? log_show(src, n, o, STDOUT_FILENO, STDERR_FILENO, err) : 0;
	for (size_t i = 0; i < n; i++)
		cleanup_close_fn(&src[i].dirfd);
	for (size_t i = 0; i < count; i++) {
		log_stream_done(&logs[i].stream);
		cleanup_close_fn(&logs[i].pidfd);
		free(logs[i].name);
		free(logs[i].prefix);
		free(logs[i].details);
		(void)container_free(logs[i].c);
	}
	free(src);
	free(logs);
	if (r >= 0 && failed)
		return cmk_err_move(err, &first);
	cmk_err_done(&first);
	return r;
}

static int parse_times(const struct logs_args *a, struct log_read_options *o, struct cmk_err *err)
{
	struct timespec ts;
	int64_t now;
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (a->since)
		r = log_time_parse(a->since, now, &o->since_ns, err);
	if (r < 0)
		return cmk_err_wrap(
			err, r, "parsing --since \"%s\": unable to interpret time value", a->since);
	if (a->until)
		r = log_until_parse(a->until, now, &o->until_ns, err);
	return r < 0 ? cmk_err_wrap(err, r,
				    "parsing --until \"%s\": unable to interpret time value",
				    a->until)
		     : 0;
}

static int logs_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	const struct logs_args *a = args;
	struct log_read_options o = { .follow = a->follow,
				      .timestamps = a->timestamps,
				      .tail = a->tail };
	int r = parse_times(a, &o, err);

	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	if (r < 0)
		return r;
	r = show_all(st, a, names, &o, err);
	/* The reader has seen enough (`| head`). */
	if (r == -EPIPE) {
		cmk_err_done(err);
		return 0;
	}
	return r;
}

static const char *const logs_aliases[] = { "container logs", NULL };

static const struct cmk_example logs_examples[] = {
	{ "cmk logs -f --tail 20 web", "Show the last 20 lines of 'web' and what follows" },
	{ "cmk logs --since 10m -t web", "Show the last ten minutes, with times" },
	{ "cmk logs -n web db", "Show two containers' lines in the order of their times" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_logs = {
	.name = "logs",
	.aliases = logs_aliases,
	.summary = "Show what containers have written",
	.operands = "[CONTAINER...]",
	.description =
		"Replays what the container wrote to stdout and stderr, each to its own stream; of "
		"several containers in the order of the times, each line with the container's ID "
		"(or, with --names, its name) before it. TIME is a date such as "
		"2026-11-21T10:00:00Z (UTC where no zone is given), seconds since 1970, or a "
		"duration: for --since, how long ago; for --until, how long from now on, so that "
		"`--follow --until 10s` ends after ten seconds.\n\n"
		"--follow ends with the container, or with the last of several, and goes on over a "
		"restart by its policy. With rotated logs (`--log-opt max-size`) all files that "
		"are kept are read. --since is found by halving: where the host's clock was set "
		"back, entries from before that moment may be left out.\n\n"
		"--details is docker's: behind the time of each line, and before the line, stand "
		"the labels and variables that `--log-opt labels=` and `--log-opt env=` named when "
		"the container was created, as `KEY=VALUE,KEY=VALUE` in the order of the keys, "
		"escaped as in the query of a URL, and a blank.\n\n"
		"What the log driver `journald` has written is read from the journal: the entries "
		"that processes of this user have sent for the container, as far as the user may "
		"read them (members of the group systemd-journal; or where the journal is "
		"persistent, journald.conf(5)). The journal takes entries a little after they were "
		"written.\n\n"
		"Containers with the log drivers `none` and `passthrough` have no logs.",
	.exit_codes = "0; 125 a container does not exist, or has no logs",
	.examples = logs_examples,
	.options = logs_options,
	.args_size = sizeof(struct logs_args),
	.min_operands = 0,
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = logs_exec,
};
