// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/preserve_fds.h"

struct start_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	bool attach, interactive;
	bool among; /* all containers, or all that match: those are left alone that run */
	int sig_proxy;
	const char *detach_keys, *sdnotify;
	const int *fds; /* of socket activation */
	size_t n_fds;
	uint32_t n_listen;
};

static const struct cmk_option start_options[] = {
	CMK_OPT_FLAG(0, "all", struct start_args, select.all, "start all that do not run"),
	CMK_OPT_FLAG('a', "attach", struct start_args, attach,
		     "stay with the container: its output and exit code"),
	CMK_OPT_STRING(0, "detach-keys", struct start_args, detach_keys, "KEYS",
		       "keys that detach from a terminal, \"\" for none",
		       .conf = "engine.detach_keys"),
	CMK_OPT_USE(cmk_select_filter),
	CMK_OPT_FLAG('i', "interactive", struct start_args, interactive,
		     "pass stdin on to the container"),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_STRING(0, "sdnotify", struct start_args, sdnotify, "MODE",
		       "who tells systemd that the service is ready, instead of the container's "
		       "own",
		       .words = "container|conmon|healthy|ignore", .complete = COMPLETE_WORDS),
	CMK_OPT_OF(OPT_TRISTATE, 0, "sig-proxy", struct start_args, sig_proxy, NULL,
		   "with --attach: pass signals on to the container (true)"),
	CMK_OPT_END(),
};

/* It runs already: `start -a` joins it. */
static int attach_running(struct container *c, const struct start_args *a, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct attach_args attach;
	bool detached = false;
	int r, code = 0;

	if (c->state == CONTAINER_PAUSED)
		return cmk_err_kind(err, CMK_ERR_STATE, -EINVAL,
				    "container '%s' is paused and must be in Created or Stopped "
				    "state to be started: container state improper",
				    c->cfg.name);
	if (!a->attach && !a->interactive)
		return 0;
	fd = container_connect(c->st, c->cfg.id, err);
	if (fd < 0)
		return fd;
	attach = (struct attach_args){
		.fd = fd,
		.tty = c->cfg.terminal,
		.use_stdin = a->interactive && c->cfg.interactive,
		.use_out = true,
		.sig_proxy = a->sig_proxy != 0,
		.running = true,
		.detach_keys = a->detach_keys ? a->detach_keys : c->cfg.detach_keys,
	};
	r = monitor_attach(&attach, &code, &detached, err);
	return r < 0 || detached ? r : code;
}

/* The exit code of an attached container, else 0; CMK_RUNS_ALREADY of one that is left alone. */
static int start_container(struct storage *st, const char *name, const struct start_args *a,
			   struct cmk_err *err)
{
	cleanup_container struct container *c = NULL;
	struct cmk_attach attach;
	int r = container_open(st, name, &c, err);

	if (r < 0)
		return r;
	if (a->among && container_is_up(c))
		return CMK_RUNS_ALREADY;
	if (streq_null(a->sdnotify, "healthy") && !health_enabled(c->cfg.health))
		return cmk_err_set(err, -EINVAL,
				   "--sdnotify healthy: container '%s' has no health check",
				   c->cfg.name);
	c->sdnotify = a->sdnotify;
	attach = (struct cmk_attach){
		.use_out = a->attach || a->interactive,
		.use_stdin = a->interactive && c->cfg.interactive,
		.tty = c->cfg.terminal,
		.no_stdout = c->cfg.attach && !strv_has(c->cfg.attach, "stdout"),
		.no_stderr = c->cfg.attach && !strv_has(c->cfg.attach, "stderr"),
		.sig_proxy = a->sig_proxy != 0,
		.detach_keys = a->detach_keys ? a->detach_keys : c->cfg.detach_keys,
	};
	c->preserve_fds = a->fds;
	c->n_preserve_fds = a->n_fds;
	c->n_listen_fds = a->n_listen;
	r = cmk_start_container(c, &attach, err);
	return r == CMK_RUNS_ALREADY ? attach_running(c, a, err) : r;
}

static int start_one(struct storage *st, const char *name, void *arg, struct cmk_err *err)
{
	int r = start_container(st, name, arg, err);

	if (r >= 0 && r != CMK_RUNS_ALREADY)
		(void)printf("%s\n", name);
	return r;
}

/* --- all, or all that match --------------------------------------------------------------------
 */

struct start_many {
	struct storage *st;
	struct start_args *a;
	int code;
};

static int start_among(void *arg, const char *id, bool wanted, struct cmk_err *err)
{
	const struct start_many *m = arg;
	cleanup_container struct container *c = NULL;
	int r;

	if (wanted)
		return start_one(m->st, id, m->a, err);
	r = container_open(m->st, id, &c, err);
	if (r < 0)
		return r;
	/* A service has one main process. */
	c->sdnotify = "ignore";
	return cmk_start_detached(c, err);
}

static void start_failed(void *arg, const char *id, int code, struct cmk_err *err)
{
	struct start_many *m = arg;

	if (!err->msg)
		(void)cmk_err_set(err, code, "'%s': %s", id, errno_text(-code));
	cmk_print_error(err);
	m->code = EXIT_CMK_FAILED;
}

static int start_many(struct storage *st, char *const *ids, struct start_args *a)
{
	struct start_many m = { .st = st, .a = a };
	const struct container_starter ops = { start_among, start_failed, &m };

	container_start_ordered(st, ids, &ops);
	return m.code;
}

static int check_start(const struct start_args *a, int argc, struct cmk_err *err)
{
	const char *why = NULL;

	if (a->select.all && (argc > 0 || a->select.latest))
		why = "either start all containers or the container(s) provided in the arguments";
	else if (a->attach && a->select.all)
		why = "you cannot start and attach all containers at once";
	else if (a->attach && argc > 1)
		why = "you cannot start and attach multiple containers at once";
	else if (a->sig_proxy == 1 && !a->attach)
		why = "you cannot use sig-proxy without --attach: invalid argument";
	else if (argc == 0 && !a->select.all && !a->select.latest && !a->select.filters)
		why = "start requires at least one argument";
	if (why)
		return cmk_err_set(err, -EINVAL, "%s", why);
	return cmk_check_detach_keys(a->detach_keys, err);
}

static int start_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		      struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	struct start_args *a = args;
	cleanup_free int *fds = NULL;
	int r = check_start(a, argc, err);

	a->select.filter_names = true;
	a->among = !a->attach && !a->interactive &&
		   (a->select.all || (a->select.filters && argc == 0));
	if (r == 0)
		r = cmk_listen_fds(&a->n_listen, err);
	if (r == 0)
		r = cmk_preserve_fds(a->n_listen, NULL, &fds, &a->n_fds, err);
	a->fds = fds;
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	if (r == 0 && a->n_listen && strv_len(names) != 1)
		r = cmk_err_set(err, -EINVAL,
				"LISTEN_FDS: the sockets are for one container, not for %zu",
				strv_len(names));
	if (r < 0)
		return r;
	if (a->among)
		return start_many(st, names, a);
	if (!a->attach && !a->interactive)
		return cmk_each_name(st, names, start_one, a, NULL);
	if (strv_len(names) > 1)
		return cmk_err_set(err, -EINVAL, "only one container can be attached to");
	r = names ? start_container(st, names[0], a, err) : 0;
	/* Whatever kept the command from running, the code is none of its own; as podman. */
	return r < 0 ? EXIT_CMK_FAILED : r;
}

static const char *const start_aliases[] = { "container start", NULL };

static const struct cmk_example start_examples[] = {
	{ "cmk start web", "runs the command of the container web again" },
	{ "cmk start -ai shell", "starts the container shell and types into it" },
	{ "cmk start --all --filter restart-policy=always",
	  "after a reboot, starts what shall always run" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_start = {
	.name = "start",
	.aliases = start_aliases,
	.summary = "Start containers that were created or have ended",
	.operands = "[CONTAINER...]",
	.description =
		"Runs the command of each container again, on the files that it left. Sockets "
		"of socket activation are handed on as `cmk run` does, to one container.\n\n"
		"What a container requires is started before it. With `--all`, or a filter and no "
		"names, one that requires a container with a health check waits until that is "
		"healthy, while the others are started. Where that is unhealthy, ends, or takes "
		"longer than its own numbers allow (the start period, one more than its retries of "
		"interval and timeout, and 30 s) the one that requires it is not started.",
	.examples = start_examples,
	.exit_codes = "with --attach the command's own code; 125 cmk failed, or the command could "
		      "not be run",
	.options = start_options,
	.args_size = sizeof(struct start_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = start_exec,
};
