// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "base/log.h"
#include "cmd/containers.h"
#include "cmd/preserve_fds.h"

/* What scripts tell apart: "cannot run anything there now" from "no such container" (125). */
#define EXIT_NOT_RUNNING 255

struct exec_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	bool detach, interactive, tty, no_session, privileged;
	char **env, **env_files, **preserve_fd;
	uint32_t preserve_fds, wait_s;
	const char *user, *workdir, *detach_keys;
};

static const struct cmk_option exec_options[] = {
	CMK_OPT_USE(cmk_select_cidfile),
	CMK_OPT_FLAG('d', "detach", struct exec_args, detach,
		     "run in the background, print the session's ID"),
	CMK_OPT_STRING(0, "detach-keys", struct exec_args, detach_keys, "KEYS",
		       "keys that detach from a terminal, \"\" for none",
		       .conf = "engine.detach_keys"),
	CMK_OPT_OF(OPT_STRV, 'e', "env", struct exec_args, env, "NAME=VALUE",
		   "set a variable, or copy NAME from the caller"),
	CMK_OPT_OF(OPT_STRV, 0, "env-file", struct exec_args, env_files, "FILE",
		   "read variables from a file", .complete = COMPLETE_FILES),
	CMK_OPT_FLAG('i', "interactive", struct exec_args, interactive, "pass stdin on"),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_FLAG(0, "no-session", struct exec_args, no_session,
		     "leave no trace in inspect and events"),
	CMK_OPT_OF(OPT_CSV, 0, "preserve-fd", struct exec_args, preserve_fd, "FD",
		   "pass this descriptor of the caller on"),
	CMK_OPT_OF(OPT_UINT32, 0, "preserve-fds", struct exec_args, preserve_fds, "N",
		   "pass N descriptors of the caller on, from 3"),
	CMK_OPT_FLAG(0, "privileged", struct exec_args, privileged,
		     "all capabilities and no seccomp filter"),
	CMK_OPT_FLAG('t', "tty", struct exec_args, tty, "give the process a terminal"),
	CMK_OPT_STRING('u', "user", struct exec_args, user, "USER[:GROUP]",
		       "run as this user, by name or number"),
	CMK_OPT_OF(OPT_UINT32, 0, "wait", struct exec_args, wait_s, "SECONDS",
		   "wait so long for the container to be there and to run"),
	CMK_OPT_STRING('w', "workdir", struct exec_args, workdir, "DIR",
		       "working directory inside the container"),
	CMK_OPT_END(),
};

static int exec_attach(const struct exec_args *a, int fd, struct cmk_err *err)
{
	const struct attach_args attach = {
		.fd = fd,
		.tty = a->tty && !a->detach,
		.use_stdin = a->interactive && !a->detach,
		.use_out = !a->detach,
		.sig_proxy = !a->detach,
		.wait_only_started = a->detach,
	};
	bool detached = false;
	int code = 0, r = monitor_attach(&attach, &code, &detached, err);

	if (r < 0)
		return r;
	return detached || a->detach ? 0 : code;
}

static int exec_check(const struct exec_args *a, struct cmk_err *err)
{
	if (a->workdir && *a->workdir != '/')
		return cmk_err_set(err, -EINVAL, "working directory '%s': not an absolute path",
				   a->workdir);
	return cmk_check_detach_keys(a->detach_keys, err);
}

static bool is_running(struct storage *st, const char *name)
{
	cleanup_container struct container *c = NULL;

	return container_open(st, name, &c, NULL) == 0 && c->state == CONTAINER_RUNNING;
}

/* There is nothing that tells of a container that does not exist: each second is looked, as podman
 * does. */
static int wait_running(struct storage *st, const char *name, uint32_t seconds, struct cmk_err *err)
{
	cleanup_close int ticks = cmk_ticks_open(1, err);
	int r = ticks < 0 ? ticks : 1;

	for (uint32_t i = 0; r > 0 && !is_running(st, name); i++) {
		if (i == seconds)
			return cmk_err_set(err, -ETIMEDOUT, "timed out waiting for container: %s",
					   name);
		r = cmk_ticks_wait(ticks, err);
	}
	return MIN(r, 0);
}

/* The container; *ARGV becomes the command. */
static int exec_target(struct storage *st, const struct exec_args *a, char ***argv,
		       struct container **ret, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	bool named = !a->select.latest && !a->select.cidfiles;
	int r;

	if (a->select.latest && a->select.cidfiles)
		return cmk_err_set(err, -EINVAL, "--latest and --cidfile can not be used together");
	r = cmk_select(st, &a->select, named ? 1 : 0, *argv, &names, err);
	if (r < 0)
		return r;
	*argv += named ? 1 : 0;
	if (a->wait_s)
		r = wait_running(st, names[0], a->wait_s, err);
	if (r < 0)
		return r;
	if (!**argv)
		return cmk_err_set(err, -EINVAL,
				   "must provide a non-empty command to start an exec session: "
				   "invalid argument");
	return container_open(st, names[0], ret, err);
}

static int exec_start(struct container *c, const struct exec_args *a, const struct exec_options *o,
		      struct cmk_err *err)
{
	int tty_fd = a->tty && !a->detach && isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
	cleanup_free char *session = NULL;
	cleanup_close int fd = -1;
	int r;

	r = container_exec(c, o, tty_fd, &fd, &session, err);
	if (r < 0 && err->kind == CMK_ERR_STATE)
		return EXIT_NOT_RUNNING;
	if (r >= 0)
		r = exec_attach(a, fd, err);
	/* There is no command whose exit code this could be; as podman. */
	if (r < 0 && a->detach)
		err->kind = CMK_ERR_OTHER;
	if (r >= 0 && a->detach)
		(void)printf("%s\n", session);
	return r;
}

static int exec_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	cleanup_free int *fds = NULL;
	const struct exec_args *a = args;
	struct exec_options o = {
		.env = a->env,
		.env_files = a->env_files,
		.user = a->user,
		.workdir = a->workdir,
		.detach_keys = a->detach_keys,
		.interactive = a->interactive,
		.tty = a->tty,
		.detach = a->detach,
		.no_session = a->no_session,
		.privileged = a->privileged,
	};
	int r = exec_check(a, err);

	(void)argc;
	if (r == 0)
		r = cmk_preserve_fds(a->preserve_fds, a->preserve_fd, &fds, &o.n_preserve_fds, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = exec_target(st, a, &argv, &c, err);
	if (r < 0)
		return r;
	o.command = argv;
	o.preserve_fds = fds;
	return exec_start(c, a, &o, err);
}

static const struct cmk_example exec_examples[] = {
	{ "cmk exec -it web sh", "a shell in container web" },
	{ "cmk exec -u nobody -w /tmp -e LANG=C web id", "as another user, elsewhere" },
	{ "cmk exec -d web sh -c 'sleep 60; reload'", "in the background; the session's ID" },
	{ NULL, NULL },
};

static const char *const exec_aliases[] = { "container exec", NULL };

const struct cmk_command cmk_cmd_exec = {
	.name = "exec",
	.aliases = exec_aliases,
	.summary = "Run a command in a running container",
	.operands = "[CONTAINER] COMMAND [ARG...]",
	.description = "Runs the command in the container's namespaces and control group, as the "
		       "container's user unless told otherwise. It ends with the container. With "
		       "--latest or --cidfile all operands are the command.",
	.exit_codes = "125 no such container, or cmk failed; 126 the command cannot be executed; "
		      "127 the command or the working directory does not exist (both 125 with "
		      "--detach); 255 the container does not run or is paused; else the command's "
		      "own code, 128+N where signal N ended it",
	.examples = exec_examples,
	.options = exec_options,
	.args_size = sizeof(struct exec_args),
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.complete = COMPLETE_RUNNING,
	.exec = exec_exec,
};
