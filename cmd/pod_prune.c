// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

struct pod_prune_args {
	bool force;
};

static const struct cmk_option pod_prune_options[] = {
	CMK_OPT_FLAG('f', "force", struct pod_prune_args, force, "do not ask"),
	CMK_OPT_END(),
};

static int pod_prune_exec(const struct cmk_globals *g cmk_unused, void *args, int argc cmk_unused,
			  char **argv cmk_unused, struct cmk_err *err cmk_unused)
{
	const struct pod_prune_args *a = args;

	if (!a->force)
		(void)cmk_confirm("WARNING! This will remove all stopped/exited pods..");
	return 0;
}

static const struct cmk_example pod_prune_examples[] = {
	{ "cmk pod prune -f", "Removes the pods that do not run: none, so far" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_pod_prune = {
	.name = "pod prune",
	.summary = "Remove the pods that do not run",
	.operands = "",
	.description = "Pods are not supported yet, so that there is nothing to remove.",
	.examples = pod_prune_examples,
	.options = pod_prune_options,
	.args_size = sizeof(struct pod_prune_args),
	.exec = pod_prune_exec,
};
