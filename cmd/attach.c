// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "cmd/containers.h"

struct attach_cmd_args {
	struct cmk_select select; /* first: the shared row's offset is of it */
	bool no_stdin, sig_proxy;
	const char *detach_keys;
};

static const struct cmk_option attach_options[] = {
	CMK_OPT_STRING(0, "detach-keys", struct attach_cmd_args, detach_keys, "KEYS",
		       "keys that detach from a terminal, \"\" for none",
		       .conf = "engine.detach_keys"),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_FLAG(0, "no-stdin", struct attach_cmd_args, no_stdin, "do not pass stdin on"),
	CMK_OPT_FLAG(0, "sig-proxy", struct attach_cmd_args, sig_proxy,
		     "pass signals on to the container", .def = "true"),
	CMK_OPT_END(),
};

static int attach_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	const struct attach_cmd_args *a = args;
	struct attach_args attach = { .use_out = true,
				      .sig_proxy = a->sig_proxy,
				      .running = true,
				      .detach_keys = a->detach_keys };
	cleanup_close int fd = -1;
	bool detached = false;
	int code = 0, r = cmk_check_detach_keys(a->detach_keys, err);

	(void)argc;
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_container_or_latest(st, a->select.latest, argv[0], &c, err);
	if (r < 0)
		return r;
	if (!container_is_up(c) || c->state == CONTAINER_PAUSED)
		return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH,
				    "container '%s' is %s: you can only attach to running "
				    "containers",
				    c->cfg.name, container_state_name(c->state));
	if (container_passes_stdio(&c->cfg))
		return cmk_err_kind(err, CMK_ERR_STATE, -EINVAL,
				    "this container is using the '%s' log driver, cannot attach: "
				    "this container is not logging output",
				    c->cfg.log_driver);
	fd = container_connect(st, c->cfg.id, err);
	if (fd < 0)
		return fd;
	attach.fd = fd;
	attach.tty = c->cfg.terminal;
	attach.use_stdin = !a->no_stdin && (c->cfg.interactive || c->cfg.terminal);
	r = monitor_attach(&attach, &code, &detached, err);
	return r < 0 || detached ? r : code;
}

static const struct cmk_example attach_examples[] = {
	{ "cmk attach web", "join the terminal or the output of container web" },
	{ "cmk attach --no-stdin --sig-proxy=false -l", "only look at the latest one's output" },
	{ NULL, NULL },
};

static const char *const attach_aliases[] = { "container attach", NULL };

const struct cmk_command cmk_cmd_attach = {
	.name = "attach",
	.aliases = attach_aliases,
	.summary = "Join the stdio of a running container",
	.operands = "[CONTAINER]",
	.description = "Shows what the container writes from now on, passes on what is typed where "
		       "it was started with --interactive, and ends with its exit code. The detach "
		       "keys leave it running.",
	.examples = attach_examples,
	.options = attach_options,
	.args_size = sizeof(struct attach_cmd_args),
	.max_operands = 1,
	.complete = COMPLETE_RUNNING,
	.exec = attach_exec,
};
