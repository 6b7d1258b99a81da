// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci.h"

struct exec_args {
	struct oci_globals g; /* first: the shared rows' offsets are of it */
	struct oci_exec e;
	char **env, **caps, **additional_gids;
};

static const struct cmk_option exec_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_OF(OPT_CSV, 'g', "additional-gids", struct exec_args, additional_gids, "GID",
		   "further groups of the process"),
	CMK_OPT_STRING(0, "apparmor", struct exec_args, e.apparmor, "PROFILE",
		       "AppArmor profile of the process"),
	CMK_OPT_OF(OPT_STRV, 'c', "cap", struct exec_args, caps, "CAP",
		   "give the process this capability, too"),
	CMK_OPT_STRING(0, "cgroup", struct exec_args, e.cgroup, "PATH",
		       "run in this group below the container's; / is the container's own"),
	CMK_OPT_STRING(0, "console-socket", struct exec_args, e.console_socket, "SOCKET",
		       "send the terminal to who listens there", .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "cwd", struct exec_args, e.cwd, "DIR",
		       "working directory inside the container"),
	CMK_OPT_FLAG('d', "detach", struct exec_args, e.detach, "return as soon as it runs"),
	CMK_OPT_OF(OPT_STRV, 'e', "env", struct exec_args, env, "NAME=VALUE", "set a variable"),
	CMK_OPT_STRING(0, "exec-wait-fifo", struct exec_args, e.wait_fifo, "FIFO",
		       "execute the process when this is opened for reading",
		       .complete = COMPLETE_FILES),
	CMK_OPT_FLAG(0, "ignore-paused", struct exec_args, e.ignore_paused,
		     "do it in a paused container, too"),
	CMK_OPT_FLAG(0, "no-new-privs", struct exec_args, e.no_new_privs,
		     "the process cannot gain privileges"),
	CMK_OPT_STRING(0, "pid-file", struct exec_args, e.pid_file, "FILE",
		       "write the process's pid to this file", .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "pidfd-socket", struct exec_args, e.pidfd_socket, "SOCKET",
		       "send a pidfd of the process to who listens there",
		       .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_UINT32, 0, "preserve-fds", struct exec_args, e.preserve_fds, "N",
		   "pass N descriptors of the caller on, from 3"),
	CMK_OPT_STRING('p', "process", struct exec_args, e.process_file, "FILE",
		       "the process, in the form of config.json's", .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "process-label", struct exec_args, e.label, "LABEL",
		       "SELinux label of the process"),
	CMK_OPT_FLAG('t', "tty", struct exec_args, e.tty, "give the process a terminal"),
	CMK_OPT_STRING('u', "user", struct exec_args, e.user, "UID[:GID]", "run as this user"),
	CMK_OPT_END(),
};

static int exec_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	struct exec_args *a = args;
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	a->e.id = argv[0];
	a->e.args = argc > 1 ? argv + 1 : NULL;
	a->e.env = a->env;
	a->e.caps = a->caps;
	a->e.additional_gids = a->additional_gids;
	if (r == 0 && !a->e.args && !a->e.process_file)
		r = cmk_err_set(err, -EINVAL, "no command, and no --process");
	if (r == 0)
		r = oci_exec(&set, &a->e, err);
	if (r >= 0)
		return r;
	(void)cmk_oci_end(r, err);
	return EXIT_OCI_EXEC_FAILED;
}

static const struct cmk_example exec_examples[] = {
	{ "cmk oci exec -t web sh", "runs a shell in the container" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_exec = {
	.name = "oci exec",
	.summary = "Run one more process in a container",
	.operands = "CONTAINER [COMMAND [ARG...]]",
	.description = "Runs a process in the namespaces, the control group and under the seccomp "
		       "filter of the container. What no option says is as with its first process.",
	.exit_codes = "The process's own, 128 and the number of the signal that ended it, or 255 "
		      "where it was not started; 0 with `--detach`.",
	.examples = exec_examples,
	.options = exec_options,
	.args_size = sizeof(struct exec_args),
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.exec = exec_exec,
};
