// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/process.h"
#include "cmd/containers.h"

struct unshare_args {
	bool rootless_netns;
};

static const struct cmk_option unshare_options[] = {
	CMK_OPT_FLAG(0, "rootless-netns", struct unshare_args, rootless_netns,
		     "join the network namespace of user-defined networks, too",
		     .alias = "rootless-cni"),
	CMK_OPT_END(),
};

/* From here on this process is the session: it stays the same one when it becomes the command. */
static int enter(struct storage *st, struct cmk_err *err)
{
	const struct userns_config *config;
	int r = storage_userns(st, &config, err);

	if (r >= 0)
		r = userns_parent_enter(st->run_fd, config, NULL, err);
	if (r >= 0)
		r = userns_hint_add(st->run_fd, getpid(), true, err);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0)
		return cmk_err_errno(err, "make a mount namespace");
	/* What the host mounts later is seen here, but not the other way round. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return cmk_err_errno(err, "keep mounts from the host");
	return 0;
}

static int become(char **argv, struct cmk_err *err)
{
	(void)fflush(NULL);
	process_reset_signals();
	(void)execvp(argv[0], argv);
	if (errno == ENOENT)
		return cmk_err_kind(err, CMK_ERR_CMD_NOT_FOUND, -ENOENT,
				    strchr(argv[0], '/')
					    ? "exec '%s': no such file or directory"
					    : "exec '%s': executable file not found in $PATH",
				    argv[0]);
	return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -errno, "exec '%s': %s", argv[0],
			    errno_text(errno));
}

static int unshare_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			struct cmk_err *err)
{
	const struct unshare_args *a = args;
	char *shell[2] = { getenv("SHELL"), NULL };
	cleanup_storage struct storage *st = NULL;
	int r;

	if (a->rootless_netns)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "--rootless-netns: there is no network namespace to join "
				    "without user-defined networks, which cmk has not yet");
	if (argc == 0 && (!shell[0] || !*shell[0]))
		return cmk_err_set(err, -EINVAL, "no command specified and no $SHELL specified");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0 && (setenv("CONTAINERS_GRAPHROOT", st->root, 1) < 0 ||
		       setenv("CONTAINERS_RUNROOT", st->runroot, 1) < 0))
		r = cmk_err_errno(err, "set the environment");
	if (r == 0)
		r = enter(st, err);
	if (r == 0)
		r = become(argc > 0 ? argv : shell, err);
	if (st)
		userns_hint_remove(st->run_fd, getpid());
	return r;
}

static const struct cmk_example unshare_examples[] = {
	{ "cmk unshare", "Gives a shell" },
	{ "cmk unshare cat /proc/self/uid_map", "Shows which ids there are" },
	{ "cmk unshare chown -R 1000:1000 data", "Gives files to user 1000 of containers" },
	{ "cmk unshare sh -c 'ls $(cmk mount web)'", "Looks into the container web" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_unshare = {
	.name = "unshare",
	.summary = "Run a command with the ids that containers have",
	.operands = "[COMMAND [ARG...]]",
	.description =
		"Runs the command, or the shell of $SHELL, as root of the user namespace of all "
		"containers: the user's own files belong to root there, and those of subordinate "
		"ids to the ids that containers see. It has a mount namespace of its own, in "
		"which `cmk mount` and `cmk image mount` work; what is mounted there ends with "
		"it. CONTAINERS_GRAPHROOT and CONTAINERS_RUNROOT name the data and run "
		"directories. Nothing is gained that the user has no right to.",
	.exit_codes = "the command's own; 127 where it is not found, 126 where it cannot be "
		      "executed, 125 for another failure before that",
	.examples = unshare_examples,
	.options = unshare_options,
	.args_size = sizeof(struct unshare_args),
	.max_operands = -1,
	.stop_at_operand = true,
	.complete = COMPLETE_FILES,
	.exec = unshare_exec,
};
