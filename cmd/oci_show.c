// SPDX-License-Identifier: Apache-2.0
/* oci state, list, ps and events. */
#include <fcntl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "cmd/oci.h"

#define PS_MAX ((size_t)16 << 20)

struct show_args {
	struct oci_globals g; /* first: the shared rows' offsets are of it */
	const char *format, *interval;
	bool quiet, stats;
};

static const char exit_codes[] = "0 on success, 1 on failure.";

static int print_writer(struct json_writer *w, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r = json_writer_finish(w, &text, &len, err);

	if (r == 0)
		(void)fwrite(text, 1, len, stdout);
	return r;
}

static int show_state(const struct oci_settings *set, const char *id, struct cmk_err *err)
{
	struct json_writer w = { .pretty = true };
	struct oci_row row = { 0 };
	int r = oci_state(set, id, &row, err);

	if (r < 0)
		return r;
	json_write_object(&w, NULL);
	oci_state_write(&w, &row);
	json_write_end(&w, '}');
	oci_row_done(&row);
	return print_writer(&w, err);
}

static int state_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		      struct cmk_err *err)
{
	struct show_args *a = args;
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	if (r == 0)
		r = show_state(&set, argv[0], err);
	return cmk_oci_end(r, err);
}

static const struct cmk_option state_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_END(),
};

static const struct cmk_example state_examples[] = {
	{ "cmk oci state web", "prints the container's state as the runtime-spec has it" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_state = {
	.name = "oci state",
	.summary = "Print the state of a container",
	.operands = "CONTAINER",
	.description =
		"Prints the container's state as JSON (runtime-spec, runtime.md): its status "
		"is creating, created, running, paused or stopped.",
	.exit_codes = exit_codes,
	.examples = state_examples,
	.options = state_options,
	.args_size = sizeof(struct show_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = state_exec,
};

static int rows_json(const struct oci_row *rows, size_t n, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		json_write_object(&w, NULL);
		oci_state_write(&w, &rows[i]);
		json_write_end(&w, '}');
	}
	json_write_end(&w, ']');
	return print_writer(&w, err);
}

static void rows_table(const struct oci_row *rows, size_t n)
{
	int id = 4, bundle = 6;

	for (size_t i = 0; i < n; i++) {
		id = MAX(id, (int)strlen(rows[i].id));
		bundle = MAX(bundle, (int)strlen(rows[i].bundle));
	}
	(void)printf("%-*s %-8s %-8s %-*s %-30s %s\n", id, "ID", "PID", "STATUS", bundle, "BUNDLE",
		     "CREATED", "OWNER");
	for (size_t i = 0; i < n; i++)
		(void)printf("%-*s %-8d %-8s %-*s %-30s %s\n", id, rows[i].id, (int)rows[i].pid,
			     oci_status_name(rows[i].status), bundle, rows[i].bundle,
			     rows[i].created ? rows[i].created : "",
			     rows[i].owner ? rows[i].owner : "");
}

static int list_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	struct show_args *a = args;
	struct oci_row *rows = NULL;
	struct oci_settings set;
	size_t n = 0;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = oci_list(&set, &rows, &n, err);
	if (r == 0 && a->quiet)
		for (size_t i = 0; i < n; i++)
			(void)printf("%s\n", rows[i].id);
	else if (r == 0 && streq(a->format, "json"))
		r = rows_json(rows, n, err);
	else if (r == 0)
		rows_table(rows, n);
	for (size_t i = 0; i < n; i++)
		oci_row_done(&rows[i]);
	free(rows);
	return cmk_oci_end(r, err);
}

#define FORMAT_ROW                                                                                 \
	CMK_OPT_STRING('f', "format", struct show_args, format, "FORMAT", "print a table or JSON", \
		       .def = "table", .words = "table|json", .complete = COMPLETE_WORDS)

static const struct cmk_option list_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	FORMAT_ROW,
	CMK_OPT_FLAG('q', "quiet", struct show_args, quiet, "print ids alone"),
	CMK_OPT_END(),
};

static const struct cmk_example list_examples[] = {
	{ "cmk oci list -q", "prints the ids of all containers below the state directory" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_list = {
	.name = "oci list",
	.summary = "List containers",
	.description = "Lists the containers below the state directory, each with its process, "
		       "status and bundle.",
	.exit_codes = exit_codes,
	.examples = list_examples,
	.options = list_options,
	.args_size = sizeof(struct show_args),
	.exec = list_exec,
};

/* ps(1) knows how processes are shown: the lines of ours are taken out of what it says of all, as
 * runc does, for options such as -e choose processes by themselves. */
static int run_ps(char *const *options, char **ret, struct cmk_err *err)
{
	cleanup_strv char **argv = NULL;
	cleanup_close int from = -1;
	int p[2], r, status;
	size_t len;
	pid_t pid;

	strv_add(&argv, "ps");
	if (!*options)
		strv_add(&argv, "-ef");
	for (char *const *o = options; *o; o++)
		strv_add(&argv, *o);
	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	from = p[0];
	pid = process_fork("cmk-ps", PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid == 0) {
		if (dup2(p[1], STDOUT_FILENO) >= 0)
			(void)execvp("ps", argv);
		_exit(127);
	}
	(void)close(p[1]);
	if (pid < 0)
		return pid;
	r = file_read_fd(from, PS_MAX, ret, &len, err);
	status = process_reap(pid);
	if (r == 0 && status != 0)
		r = cmk_err_set(err, -EINVAL, "'ps' failed: exit code %d",
				process_exit_code(status));
	return r;
}

/* The word at INDEX of LINE; its length in *RET_LEN, 0 where there is none. */
static const char *word_at(const char *line, size_t index, size_t *ret_len)
{
	const char *p = line + strspn(line, " \t");

	while (index-- > 0) {
		p += strcspn(p, " \t");
		p += strspn(p, " \t");
	}
	*ret_len = strcspn(p, " \t");
	return p;
}

/* Which column is that of the process's id; SIZE_MAX: none. */
static size_t pid_column(const char *title)
{
	for (size_t i = 0;; i++) {
		size_t len;
		const char *word = word_at(title, i, &len);

		if (len == 0)
			return SIZE_MAX;
		if (len == 3 && strncmp(word, "PID", 3) == 0)
			return i;
	}
}

static bool is_ours(const char *line, size_t column, const pid_t *pids, size_t n)
{
	uint64_t pid = 0;
	size_t len;
	const char *word = word_at(line, column, &len);

	if (len == 0 || parse_u64_n(word, len, INT32_MAX, &pid) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((uint64_t)pids[i] == pid)
			return true;
	return false;
}

static int ps_table(const pid_t *pids, size_t n, char *const *options, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	char *save = NULL, *line;
	size_t column;
	int r = run_ps(options, &text, err);

	if (r < 0)
		return r;
	line = strtok_r(text, "\n", &save);
	column = line ? pid_column(line) : SIZE_MAX;
	if (column == SIZE_MAX)
		return cmk_err_set(err, -EINVAL, "'ps' shows no column PID with these options");
	(void)printf("%s\n", line);
	while ((line = strtok_r(NULL, "\n", &save)))
		if (is_ours(line, column, pids, n))
			(void)printf("%s\n", line);
	return 0;
}

static int ps_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		   struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	struct show_args *a = args;
	cleanup_free pid_t *pids = NULL;
	struct oci_settings set;
	size_t n = 0;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	if (r == 0)
		r = oci_pids(&set, argv[0], &pids, &n, err);
	if (r == 0 && streq(a->format, "table"))
		return cmk_oci_end(ps_table(pids, n, argv + 1, err), err);
	if (r < 0)
		return cmk_oci_end(r, err);
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		json_write_i64(&w, NULL, pids[i]);
	json_write_end(&w, ']');
	return cmk_oci_end(print_writer(&w, err), err);
}

static const struct cmk_option ps_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	FORMAT_ROW,
	CMK_OPT_END(),
};

static const struct cmk_example ps_examples[] = {
	{ "cmk oci ps -f json web", "prints the pids of the container's processes" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_ps = {
	.name = "oci ps",
	.summary = "Show the processes of a container",
	.operands = "CONTAINER [PS-OPTION...]",
	.description = "Shows the processes of the container as ps(1) does, which gets the further "
		       "words as options, or their pids as JSON.",
	.exit_codes = exit_codes,
	.examples = ps_examples,
	.options = ps_options,
	.args_size = sizeof(struct show_args),
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.exec = ps_exec,
};

static int put_line(const char *text, size_t len, struct cmk_err *err)
{
	if (fwrite(text, 1, len, stdout) != len || fflush(stdout) < 0)
		return cmk_err_errno(err, "write to stdout");
	return 0;
}

static int print_stats(const struct oci_settings *set, const char *id, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r = oci_stats(set, id, &text, &len, err);

	return r == 0 ? put_line(text, len, err) : r;
}

static int print_oom(const char *id, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;

	json_write_object(&w, NULL);
	json_write_str(&w, "type", "oom");
	json_write_str(&w, "id", id);
	json_write_end(&w, '}');
	return print_writer(&w, err) < 0 || fflush(stdout) < 0 ? cmk_err_errno(err, "stdout") : 0;
}

/* Until the container has ended, or was deleted. */
static int print_often(const struct oci_settings *set, const char *id, int64_t interval_ms,
		       struct cmk_err *err)
{
	cleanup(oci_watch_done) struct oci_watch w = OCI_WATCH_INIT;
	int64_t next = time_monotonic_ms();
	int r = oci_watch_open(set, id, &w, err);

	while (r == 0) {
		int64_t left = next - time_monotonic_ms();
		int what;

		if (left <= 0) {
			next = time_monotonic_ms() + interval_ms;
			left = interval_ms;
			r = print_stats(set, id, err);
			if (r < 0)
				break;
		}
		what = oci_watch_wait(&w, left, err);
		if (what < 0 || what & OCI_WATCH_END)
			return MIN(what, 0);
		if (what & OCI_WATCH_OOM)
			r = print_oom(id, err);
	}
	return r;
}

static int events_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	struct show_args *a = args;
	struct oci_settings set;
	int64_t interval_ns = 0;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	if (r == 0 && (parse_duration(a->interval, &interval_ns) < 0 || interval_ns < 1000000))
		r = cmk_err_set(err, -EINVAL, "--interval '%s': not a time such as 5s or 100ms",
				a->interval);
	if (r == 0)
		r = a->stats ? print_stats(&set, argv[0], err)
			     : print_often(&set, argv[0], interval_ns / 1000000, err);
	return cmk_oci_end(r, err);
}

static const struct cmk_option events_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_STRING(0, "interval", struct show_args, interval, "TIME",
		       "time between two lines, such as 1s or 100ms", .def = "5s"),
	CMK_OPT_FLAG(0, "stats", struct show_args, stats, "print one line and end"),
	CMK_OPT_END(),
};

static const struct cmk_example events_examples[] = {
	{ "cmk oci events --stats web", "prints once what the container uses" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_events = {
	.name = "oci events",
	.summary = "Print what a container uses",
	.operands = "CONTAINER",
	.description = "Prints what the container's control group says of CPU, memory, processes, "
		       "disks and pressure, as one line of JSON in the form of runc's, every few "
		       "seconds until its end; and a line of type `oom` where the kernel has "
		       "killed one of its processes for want of memory.",
	.exit_codes = exit_codes,
	.examples = events_examples,
	.options = events_options,
	.args_size = sizeof(struct show_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = events_exec,
};
