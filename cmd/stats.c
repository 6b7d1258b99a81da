// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/stats.h"

struct stats_args {
	bool all, latest, no_reset, no_stream, no_trunc;
	const char *format;
	int64_t interval;
};

/* For completion. */
static const char stats_fields[] =
	"AVGCPU|AvgCPU|BlockIO|CPU|CPUPerc|CPUPressure|Container|ContainerID|ID|IOPressure|MemPerc|"
	"MemPressure|MemUsage|MemUsageBytes|Name|NetIO|PIDS|Pressure{CPU|Memory|IO}|UpTime";

static const struct cmk_option stats_options[] = {
	CMK_OPT_FLAG('a', "all", struct stats_args, all,
		     "show all containers, not only those that run"),
	CMK_OPT_STRING(0, "format", struct stats_args, format, "FORMAT", "'json' or a Go template",
		       .fields = stats_fields),
	CMK_OPT_OF(OPT_INT, 'i', "interval", struct stats_args, interval, "SECONDS",
		   "time between two readings", .def = "5", .min = 1, .max = 86400),
	CMK_OPT_FLAG('l', "latest", struct stats_args, latest, "show the newest container"),
	CMK_OPT_FLAG(0, "no-reset", struct stats_args, no_reset,
		     "do not clear the screen between two readings"),
	CMK_OPT_FLAG(0, "no-stream", struct stats_args, no_stream, "show one reading and end"),
	CMK_OPT_FLAG(0, "no-trunc", struct stats_args, no_trunc, "show whole IDs"),
	CMK_OPT_END(),
};

/* What was read the time before, by container. */
struct history {
	struct stats_sample *list;
	size_t n;
};

static const struct stats_sample *find_before(const struct history *h, const char *id)
{
	for (size_t i = 0; i < h->n; i++)
		if (streq(h->list[i].id, id))
			return &h->list[i];
	return NULL;
}

static void history_done(struct history *h)
{
	for (size_t i = 0; i < h->n; i++)
		stats_sample_done(&h->list[i]);
	free(h->list);
	*h = (struct history){ 0 };
}

/* The containers of one reading: those that are named, or that run now. */
static int choose(struct storage *st, const struct stats_args *a, char **names, bool first,
		  struct container ***ret, size_t *ret_n, struct cmk_err *err)
{
	struct container **list = NULL;
	size_t n = 0, kept = 0;
	int r = 0;

	if (!*names && !a->latest) {
		r = container_list(st, &list, &n, err);
		/* Oldest first, as ps. */
		for (size_t i = 0; i < n / 2; i++) {
			struct container *c = list[i];

			list[i] = list[n - 1 - i];
			list[n - 1 - i] = c;
		}
		for (size_t i = 0; i < n; i++) {
			if (a->all || container_is_up(list[i]))
				list[kept++] = list[i];
			else
				(void)container_free(list[i]);
		}
	} else {
		size_t n_names = strv_len(names);

		list = xcalloc(n_names + 1, sizeof(struct container *));
		if (a->latest)
			r = cmk_container_latest(st, &list[kept++], err);
		for (size_t i = 0; i < n_names && r == 0; i++) {
			r = container_open(st, names[i], &list[kept], err);
			kept += r == 0;
			/* Removed while we watched it. */
			if (r == -ENOENT && !first) {
				cmk_err_done(err);
				r = 0;
			}
		}
		kept -= r < 0 && a->latest;
	}
	if (r < 0) {
		container_list_free(list, kept);
		return r;
	}
	*ret = list;
	*ret_n = kept;
	return 0;
}

static const char usual[] = "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t"
			    "{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}\t{{.UpTime}}\t{{.AVGCPU}}";

static int print(const struct stats_args *a, const struct history *now,
		 const struct history *before, struct cmk_err *err)
{
	static const struct format_title titles[] = {
		{ "ID", "ID" },
		{ "Container", "CONTAINER ID" },
		{ "ContainerID", "CONTAINER ID" },
		{ "CPUPerc", "CPU %" },
		{ "CPU", "CPU %" },
		{ "MemUsage", "MEM USAGE / LIMIT" },
		{ "MemUsageBytes", "MEM USAGE / LIMIT" },
		{ "MemPerc", "MEM %" },
		{ "NetIO", "NET IO" },
		{ "BlockIO", "BLOCK IO" },
		{ "CPUPressure", "CPU PRESSURE" },
		{ "MemPressure", "MEM PRESSURE" },
		{ "IOPressure", "IO PRESSURE" },
		{ "PIDS", "PIDS" },
		{ "PIDs", "PIDS" },
		{ "UpTime", "CPU TIME" },
		{ "Up", "CPU TIME" },
		{ "AVGCPU", "AVG CPU %" },
		{ "AvgCPU", "AVG CPU %" },
		{ NULL, NULL },
	};
	const char *format = format_typed(a->format) ?: usual;
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	for (size_t i = 0; i < now->n; i++) {
		const struct stats_sample *s = &now->list[i];
		const struct stats_sample *b = find_before(before, s->id);

		if (streq(format, "json"))
			stats_write_json(&w, NULL, s, b, a->no_trunc);
		else
			stats_write_template(&w, s, b, a->no_trunc);
	}
	return format_print_array(format, &w, titles, false, err);
}

/* One reading; AFTER it H holds it. 1: there is nothing left to watch. */
static int show(struct storage *st, const struct stats_args *a, char **names, bool first,
		struct history *h, struct cmk_err *err)
{
	struct container **list = NULL;
	struct history now = { 0 };
	size_t n = 0;
	int r = choose(st, a, names, first, &list, &n, err);

	if (r < 0)
		return r;
	now.list = xcalloc(n + 1, sizeof(*now.list));
	for (; now.n < n; now.n++)
		stats_sample_take(list[now.n], &now.list[now.n]);
	container_list_free(list, n);
	if (!first && n == 0 && (*names || a->latest)) {
		history_done(&now);
		return 1;
	}
	if (!first && !a->no_reset && isatty(STDOUT_FILENO))
		(void)fputs("\033[H\033[2J", stdout);
	r = print(a, &now, h, err);
	history_done(h);
	*h = now;
	return r;
}

static int stream(struct storage *st, const struct stats_args *a, char **names, struct history *h,
		  struct cmk_err *err)
{
	cleanup_close int timer = cmk_ticks_open(a->interval, err);
	int r;

	if (timer < 0)
		return timer;
	while ((r = cmk_ticks_wait(timer, err)) > 0) {
		r = show(st, a, names, false, h, err);
		if (r != 0 || fflush(stdout) < 0 || ferror(stdout))
			return r < 0 ? r : 0;
	}
	return r;
}

static int stats_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		      struct cmk_err *err)
{
	const struct stats_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup(history_done) struct history h = { 0 };
	int r;

	if ((a->all ? 1 : 0) + (a->latest ? 1 : 0) + (argc > 0 ? 1 : 0) > 1)
		return cmk_err_set(err, -EINVAL,
				   "--all, --latest and containers cannot be used together");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = show(st, a, argv, true, &h, err);
	if (r < 0 || a->no_stream)
		return r;
	if (fflush(stdout) < 0)
		return 0;
	return stream(st, a, argv, &h, err);
}

static const char *const stats_aliases[] = { "container stats", NULL };

static const struct cmk_example stats_examples[] = {
	{ "cmk stats", "show what the running containers use, every five seconds, until ctrl-c" },
	{ "cmk stats --no-stream web db", "show it once, for two containers" },
	{ "cmk stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}}'",
	  "choose what is printed" },
	{ "cmk stats --no-stream --format 'table {{.Name}} {{.MemPressure}} {{.IOPressure}}'",
	  "show which containers wait for memory or for the disk" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_stats = {
	.name = "stats",
	.aliases = stats_aliases,
	.summary = "Show what containers use of CPU, memory, network and disk",
	.operands = "[CONTAINER...]",
	.description =
		"The first reading shows the use of CPU since the container was started, later "
		"ones that since the one before; 100 % is one CPU. `--` stands where the host does "
		"not tell: memory needs the memory controller, disk the io controller, delegated "
		"to the user (see `cmk doctor`). The network of the host is not counted as the "
		"container's.\n\n"
		"How much of the time its processes waited for CPU, memory or disk (the kernel's "
		"pressure stall information) is in `--format json` as `pressure`, and in templates "
		"as `.CPUPressure`, `.MemPressure`, `.IOPressure` (of the last ten seconds: some "
		"of "
		"them, and all at once) and `.Pressure.Memory.Full.Avg60` and such (`CPU`, "
		"`Memory`, `IO`; `Some`, `Full`; `Avg10`, `Avg60`, `Avg300`, `Total` in "
		"microseconds).",
	.examples = stats_examples,
	.options = stats_options,
	.args_size = sizeof(struct stats_args),
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.exec = stats_exec,
};
