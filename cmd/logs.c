// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/process.h"
#include "cmd/containers.h"

struct logs_args {
	bool follow, timestamps, names;
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
	else if (parse_i64(value, -1, INT64_MAX, &a->tail) < 0)
		return cmk_err_set(err, -EINVAL, "option '--%s': '%s' is no number of lines",
				   o->name, value);
	return 0;
}

static const struct cmk_option logs_options[] = {
	CMK_OPT_FLAG('f', "follow", struct logs_args, follow, "go on until the container ends"),
	CMK_OPT_FLAG('n', "names", struct logs_args, names,
		     "put the container's name before each line"),
	CMK_OPT_STRING(0, "since", struct logs_args, since, "TIME",
		       "only what was written since: a date, or how long ago"),
	CMK_OPT_OF(OPT_CALLBACK, 0, "tail", struct logs_args, tail, "LINES",
		   "only the last lines; -1 or all for everything", .def = "-1",
		   .parse = parse_tail),
	CMK_OPT_FLAG('t', "timestamps", struct logs_args, timestamps,
		     "put the time before each line"),
	CMK_OPT_STRING(0, "until", struct logs_args, until, "TIME",
		       "only what was written before: a date, or how long ago"),
	CMK_OPT_END(),
};

struct writer {
	int pidfd; /* the monitor's */
};

static bool still_running(void *arg)
{
	const struct writer *w = arg;
	struct pollfd p = { .fd = w->pidfd, .events = POLLIN };

	return w->pidfd >= 0 && poll(&p, 1, 0) == 0;
}

static int show(struct container *c, const struct log_read_options *o, struct cmk_err *err)
{
	const struct process_id id = { .pid = (pid_t)c->live.monitor_pid,
				       .start_time = c->live.monitor_start };
	cleanup_close int dir_fd = -1, pidfd = -1;
	struct log_read_options mine = *o;
	struct writer w;
	int r;

	if (o->follow && container_is_up(c))
		pidfd = process_id_open(&id);
	w.pidfd = pidfd;
	mine.end_fd = pidfd;
	if (o->prefix)
		mine.prefix = c->cfg.name;
	dir_fd = openat(c->st->containers_fd, c->cfg.id, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dir_fd < 0)
		return cmk_err_errno(err, "open container '%s'", c->cfg.name);
	r = ctr_log_replay(dir_fd, "ctr.log", &mine, STDOUT_FILENO, STDERR_FILENO, still_running,
			   &w, err);
	return r < 0 ? cmk_err_wrap(err, r, "container '%s'", c->cfg.name) : 0;
}

static int show_by_name(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	if (r == 0)
		r = show(c, arg, err);
	/* The reader has seen enough (`| head`). */
	if (r == -EPIPE) {
		cmk_err_done(err);
		return 0;
	}
	return r;
}

static void cmk_noreturn follow_child(struct storage *st, const char *name,
				      const struct log_read_options *o)
{
	char *one[] = { (char *)(uintptr_t)name, NULL };

	_exit(cmk_each_name(st, one, show_by_name, (void *)(uintptr_t)o, NULL));
}

/* Several at once: one process each, so that none waits for another's end. */
static int follow_all(struct storage *st, int n, char **names, const struct log_read_options *o,
		      struct cmk_err *err)
{
	cleanup_free pid_t *pids = xcalloc((size_t)n, sizeof(*pids));
	int code = 0, started = 0, r = 0;

	for (; started < n; started++) {
		pids[started] = process_fork("cmk-logs", PROCESS_DEATH_SIGNAL, NULL, err);
		if (pids[started] == 0)
			follow_child(st, names[started], o);
		if (pids[started] < 0) {
			r = pids[started];
			break;
		}
	}
	for (int i = 0; i < started; i++) {
		int status = process_reap(pids[i]);

		code = MAX(code, status < 0 ? 125 : process_exit_code(status));
	}
	return r < 0 ? r : code;
}

static int logs_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	const struct logs_args *a = args;
	struct log_read_options o = { .follow = a->follow,
				      .timestamps = a->timestamps,
				      .tail = a->tail,
				      .prefix = a->names ? "" : NULL };
	struct timespec ts;
	int64_t now;
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (a->since)
		r = log_time_parse(a->since, now, &o.since_ns, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "option '--since'");
	if (a->until)
		r = log_time_parse(a->until, now, &o.until_ns, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "option '--until'");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	if (argc > 1 && a->follow)
		return follow_all(st, argc, argv, &o, err);
	return cmk_each_name(st, argv, show_by_name, &o, NULL);
}

static const char *const logs_aliases[] = { "container logs", NULL };

const struct cmk_command cmk_cmd_logs = {
	.name = "logs",
	.aliases = logs_aliases,
	.summary = "Show what containers have written",
	.operands = "CONTAINER [CONTAINER...]",
	.description =
		"Replays what the container wrote to stdout and stderr, each to its own stream. "
		"TIME is a date such as 2026-11-21T10:00:00Z, seconds since 1970, or a duration "
		"ago "
		"such as 10m.",
	.options = logs_options,
	.args_size = sizeof(struct logs_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = logs_exec,
};
