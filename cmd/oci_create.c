// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci.h"

struct create_args {
	struct oci_globals g; /* first: the shared rows' offsets are of it */
	struct oci_create c;
	bool detach, keep;
};

static const struct cmk_option shared_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_STRING('b', "bundle", struct create_args, c.bundle, "DIR",
		       "directory of the bundle (.)", .complete = COMPLETE_DIRS),
	CMK_OPT_STRING('f', "config", struct create_args, c.config, "FILE",
		       "read this file instead of config.json", .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "console-socket", struct create_args, c.console_socket, "SOCKET",
		       "send the terminal to who listens there", .complete = COMPLETE_FILES),
	CMK_OPT_FLAG(0, "no-mount-fallback", struct create_args, c.no_mount_fallback,
		     "fail where a bind mount cannot be as its options say"),
	CMK_OPT_FLAG(0, "no-new-keyring", struct create_args, c.no_new_keyring,
		     "keep the caller's session keyring"),
	CMK_OPT_FLAG(0, "no-pivot", struct create_args, c.no_pivot,
		     "move the root instead of pivot_root(2)"),
	CMK_OPT_STRING(0, "pid-file", struct create_args, c.pid_file, "FILE",
		       "write the process's pid to this file", .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "pidfd-socket", struct create_args, c.pidfd_socket, "SOCKET",
		       "send a pidfd of the process to who listens there",
		       .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_UINT32, 0, "preserve-fds", struct create_args, c.preserve_fds, "N",
		   "pass N descriptors of the caller on, from 3"),
	CMK_OPT_END(),
};

static int create_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	struct create_args *a = args;
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	a->c.id = argv[0];
	if (r == 0)
		r = oci_create(&set, &a->c, err);
	return cmk_oci_end(r, err);
}

static const struct cmk_option create_options[] = {
	CMK_OPT_USE(shared_options),
	CMK_OPT_END(),
};

static const struct cmk_example create_examples[] = {
	{ "cmk oci create -b /srv/bundle web",
	  "makes a container of the bundle, up to the point where its process would start" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_create = {
	.name = "oci create",
	.summary = "Make a container from a bundle",
	.operands = "CONTAINER",
	.description = "Makes the container that the bundle's `config.json` describes, with its "
		       "namespaces, mounts and limits. Its process waits for `cmk oci start`; no "
		       "process of cmk stays. What of `config.json` is not supported is an error "
		       "that names the line and the field.\n\n"
		       "The container's stdin, stdout and stderr are the caller's, or a terminal "
		       "that is sent to `--console-socket`.",
	.exit_codes = "0 on success, 1 on failure.",
	.examples = create_examples,
	.options = create_options,
	.args_size = sizeof(struct create_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = create_exec,
};

static int run_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		    struct cmk_err *err)
{
	struct create_args *a = args;
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	a->c.id = argv[0];
	if (r == 0)
		r = oci_run(&set, &a->c, a->detach, a->keep, err);
	return cmk_oci_end(r, err);
}

static const struct cmk_option run_options[] = {
	CMK_OPT_USE(shared_options),
	CMK_OPT_FLAG('d', "detach", struct create_args, detach, "return as soon as it runs"),
	CMK_OPT_FLAG(0, "keep", struct create_args, keep, "do not delete it at its end"),
	CMK_OPT_END(),
};

static const struct cmk_example run_examples[] = {
	{ "cmk oci run -b /srv/bundle job", "runs the bundle and ends with its exit code" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_run = {
	.name = "oci run",
	.summary = "Make a container from a bundle, start it and wait for its end",
	.operands = "CONTAINER",
	.description = "Does what `cmk oci create` and `cmk oci start` do, passes signals on, "
		       "copies between the caller's terminal and the container's where it has one, "
		       "and deletes the container at its end.",
	.exit_codes = "The process's own, 128 and the number of the signal that ended it, or 1 "
		      "where it was not started.",
	.examples = run_examples,
	.options = run_options,
	.args_size = sizeof(struct create_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = run_exec,
};
