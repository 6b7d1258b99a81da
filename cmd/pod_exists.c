// SPDX-License-Identifier: Apache-2.0
#include "cmd/option.h"

static int pod_exists_exec(const struct cmk_globals *g cmk_unused, void *args cmk_unused,
			   int argc cmk_unused, char **argv cmk_unused,
			   struct cmk_err *err cmk_unused)
{
	return 1;
}

static const struct cmk_example pod_exists_examples[] = {
	{ "cmk pod exists web || echo no", "Says no" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_pod_exists = {
	.name = "pod exists",
	.summary = "Tell by the exit code whether a pod exists",
	.operands = "POD",
	.description = "Prints nothing. Pods are not supported yet, so that there is none.",
	.exit_codes = "0 where the pod exists, 1 where it does not",
	.examples = pod_exists_examples,
	.min_operands = 1,
	.max_operands = 1,
	.exec = pod_exists_exec,
};
