// SPDX-License-Identifier: Apache-2.0
/* oci state, list, ps and events. */
#include <poll.h>

#include "base/process.h"
#include "cmd/oci.h"

struct show_args {
	struct oci_globals g; /* first: the shared rows' offsets are of it */
	const char *format;
	bool quiet, stats;
	uint32_t interval_s;
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
	return cmk_oci_end(&a->g, r, err);
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
	struct json_writer w = { .pretty = true };

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
	(void)printf("%-*s %-8s %-8s %-*s %-30s %s\n", id, "NAME", "PID", "STATUS", bundle,
		     "BUNDLE", "CREATED", "OWNER");
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
	return cmk_oci_end(&a->g, r, err);
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

/* ps(1) knows how processes are shown: the lines of ours are taken out of it, as runc does. */
static int ps_table(const pid_t *pids, size_t n, char *const *options, struct cmk_err *err)
{
	cleanup_strv char **argv = NULL;
	cleanup_free char *list = xstrdup("");

	strv_add(&argv, "ps");
	if (!*options)
		strv_add(&argv, "-f");
	for (char *const *o = options; *o; o++)
		strv_add(&argv, *o);
	for (size_t i = 0; i < n; i++) {
		char *longer = xasprintf("%s%s%d", list, i ? "," : "", (int)pids[i]);

		free(list);
		list = longer;
	}
	strv_add(&argv, "-p");
	strv_add(&argv, n ? list : "0");
	(void)fflush(stdout);
	(void)execvp("ps", argv);
	return cmk_err_errno(err, "execute 'ps'");
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
		r = ps_table(pids, n, argv + 1, err);
	if (r < 0)
		return cmk_oci_end(&a->g, r, err);
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		json_write_i64(&w, NULL, pids[i]);
	json_write_end(&w, ']');
	return cmk_oci_end(&a->g, print_writer(&w, err), err);
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

static int print_stats(const struct oci_settings *set, const char *id, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r = oci_stats(set, id, &text, &len, err);

	if (r == 0 && (fwrite(text, 1, len, stdout) != len || fflush(stdout) < 0))
		r = cmk_err_errno(err, "write to stdout");
	return r;
}

/* Until the container has ended. */
static int print_often(const struct oci_settings *set, const char *id, uint32_t seconds,
		       struct cmk_err *err)
{
	for (;;) {
		struct oci_row row = { 0 };
		int r = oci_state(set, id, &row, err);
		enum oci_status status = row.status;

		oci_row_done(&row);
		if (r < 0 || status == OCI_STOPPED)
			return r;
		r = print_stats(set, id, err);
		if (r < 0)
			return r;
		(void)poll(NULL, 0, (int)seconds * 1000);
	}
}

static int events_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	struct show_args *a = args;
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	if (r == 0)
		r = a->stats ? print_stats(&set, argv[0], err)
			     : print_often(&set, argv[0], a->interval_s, err);
	return cmk_oci_end(&a->g, r, err);
}

static const struct cmk_option events_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_OF(OPT_UINT32, 0, "interval", struct show_args, interval_s, "SECONDS",
		   "time between two lines", .def = "5", .min = 1, .max = 86400),
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
		       "seconds until its end.",
	.exit_codes = exit_codes,
	.examples = events_examples,
	.options = events_options,
	.args_size = sizeof(struct show_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = events_exec,
};
