// SPDX-License-Identifier: Apache-2.0
/* oci start, kill, delete, pause and resume. */
#include "base/parse.h"
#include "cmd/oci.h"

struct manage_args {
	struct oci_globals g; /* first: the shared rows' offsets are of it */
	bool all, force, regex;
};

static const char exit_codes[] = "0 on success, 1 on failure.";

static const struct cmk_option plain_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_END(),
};

static int start_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		      struct cmk_err *err)
{
	struct manage_args *a = args;
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	if (r == 0)
		r = oci_start(&set, argv[0], err);
	return cmk_oci_end(r, err);
}

static const struct cmk_example start_examples[] = {
	{ "cmk oci start web", "lets the process of a created container go" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_start = {
	.name = "oci start",
	.summary = "Start the process of a created container",
	.operands = "CONTAINER",
	.description =
		"Lets the process of a container that `cmk oci create` has made go. Where it "
		"cannot be executed, that is said here.",
	.exit_codes = exit_codes,
	.examples = start_examples,
	.options = plain_options,
	.args_size = sizeof(struct manage_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = start_exec,
};

static int kill_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	struct manage_args *a = args;
	const char *signal = argc > 1 ? argv[1] : "TERM";
	/* 0 only asks whether it could be sent (kill(2)). */
	int sig = streq(signal, "0") ? 0 : parse_signal(signal);
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	if (r == 0 && sig < 0)
		r = cmk_err_set(err, -EINVAL, "unknown signal '%s'", signal);
	if (r == 0)
		r = a->regex ? oci_kill_matching(&set, argv[0], sig, a->all, err)
			     : oci_kill(&set, argv[0], sig, a->all, err);
	return cmk_oci_end(r, err);
}

static const struct cmk_option kill_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_FLAG('a', "all", struct manage_args, all,
		     "send it to every process of the container"),
	CMK_OPT_FLAG('r', "regex", struct manage_args, regex,
		     "CONTAINER is a regular expression: send it to all that run and match"),
	CMK_OPT_END(),
};

static const struct cmk_example kill_examples[] = {
	{ "cmk oci kill web KILL", "ends the container's first process" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_kill = {
	.name = "oci kill",
	.summary = "Send a signal to a container",
	.operands = "CONTAINER [SIGNAL]",
	.description = "Sends the signal, a name with or without SIG or a number, to the "
		       "container's first process; TERM where none is named.",
	.exit_codes = exit_codes,
	.examples = kill_examples,
	.options = kill_options,
	.args_size = sizeof(struct manage_args),
	.min_operands = 1,
	.max_operands = 2,
	.exec = kill_exec,
};

static int delete_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	struct manage_args *a = args;
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	if (r == 0)
		r = a->regex ? oci_delete_matching(&set, argv[0], a->force, err)
			     : oci_delete(&set, argv[0], a->force, err);
	return cmk_oci_end(r, err);
}

static const struct cmk_option delete_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_FLAG('f', "force", struct manage_args, force,
		     "kill what runs; no error where it is not there"),
	CMK_OPT_FLAG('r', "regex", struct manage_args, regex,
		     "CONTAINER is a regular expression: delete all that match"),
	CMK_OPT_END(),
};

static const struct cmk_example delete_examples[] = {
	{ "cmk oci delete --force web", "takes away what is left of a container, dead or alive" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_delete = {
	.name = "oci delete",
	.summary = "Delete a container that has ended",
	.operands = "CONTAINER",
	.description = "Takes away the container's state and its control group, and calls its "
		       "poststop hooks. The bundle stays as it is.",
	.exit_codes = exit_codes,
	.examples = delete_examples,
	.options = delete_options,
	.args_size = sizeof(struct manage_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = delete_exec,
};

static int freeze(const struct cmk_globals *g, void *args, const char *id, bool pause,
		  struct cmk_err *err)
{
	struct manage_args *a = args;
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	if (r == 0)
		r = oci_pause(&set, id, pause, err);
	return cmk_oci_end(r, err);
}

static int pause_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		      struct cmk_err *err)
{
	(void)argc;
	return freeze(g, args, argv[0], true, err);
}

static int resume_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	(void)argc;
	return freeze(g, args, argv[0], false, err);
}

static const struct cmk_example pause_examples[] = {
	{ "cmk oci pause web", "stops all processes of the container where they are" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_pause = {
	.name = "oci pause",
	.summary = "Freeze the processes of a container",
	.operands = "CONTAINER",
	.description = "Freezes all processes of the container by its control group, until "
		       "`cmk oci resume`.",
	.exit_codes = exit_codes,
	.examples = pause_examples,
	.options = plain_options,
	.args_size = sizeof(struct manage_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = pause_exec,
};

static const struct cmk_example resume_examples[] = {
	{ "cmk oci resume web", "lets a paused container go on" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_resume = {
	.name = "oci resume",
	.summary = "Let a paused container go on",
	.operands = "CONTAINER",
	.description = "Thaws the processes that `cmk oci pause` has frozen.",
	.exit_codes = exit_codes,
	.examples = resume_examples,
	.options = plain_options,
	.args_size = sizeof(struct manage_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = resume_exec,
};
