// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct healthcheck_args {
	bool ignore_result;
};

static const struct cmk_option healthcheck_run_options[] = {
	CMK_OPT_FLAG(0, "ignore-result", struct healthcheck_args, ignore_result,
		     "exit with 0 whatever the result is"),
	CMK_OPT_END(),
};

static int healthcheck_run_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
				struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	const struct healthcheck_args *a = args;
	enum health_reply result = HEALTH_REPLY_NONE;
	int r = storage_open(g->root, g->runroot, &st, err);

	(void)argc;
	if (r == 0)
		r = container_open(st, argv[0], &c, err);
	if (r == -ENOENT)
		return cmk_err_wrap(err, r, "unable to look up %s to perform a health check",
				    argv[0]);
	if (r == 0)
		r = container_health_run(c, &result, err);
	if (r < 0 || result == HEALTH_REPLY_HEALTHY)
		return r;
	(void)printf("%s\n", result == HEALTH_REPLY_STARTING ? "starting" : "unhealthy");
	return a->ignore_result ? 0 : 1;
}

static const struct cmk_example healthcheck_run_examples[] = {
	{ "cmk healthcheck run web", "Probe the container 'web' once, now" },
	{ "cmk healthcheck run web || cmk logs --tail 20 web",
	  "See what an unhealthy container has written last" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_healthcheck_run = {
	.name = "healthcheck run",
	.summary = "Run the health check of a container once",
	.operands = "CONTAINER",
	.description =
		"Runs the container's health check now, beside those that its monitor runs by "
		"itself. The result counts as theirs do: it goes into the container's state and "
		"log (`cmk inspect`), and after as many failures in a row as --health-retries "
		"says the action of --health-on-failure is taken.",
	.exit_codes =
		"0 healthy; 1 the check failed, and 'unhealthy' (or 'starting', for a "
		"failed start-up check) is printed; 125 the container is not running, or has no "
		"health check",
	.examples = healthcheck_run_examples,
	.options = healthcheck_run_options,
	.args_size = sizeof(struct healthcheck_args),
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_RUNNING,
	.exec = healthcheck_run_exec,
};
