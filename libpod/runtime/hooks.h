/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "libpod/runtime/seccomp.h"
#include "libpod/spec/spec.h"

/* What a hook is told on its stdin (runtime-spec runtime.md#state). */
struct hook_state {
	const char *id, *status, *bundle;
	pid_t pid; /* in the runtime's pid namespace; 0: none */
	/* How they run: */
	char *const *env; /* of those that have none of their own; NULL: as ours */
	const struct seccomp_filter *filter; /* NULL: as we */
};
/* Its members, in an object of W's; S: whose annotations. */
void hook_state_write(struct json_writer *w, const struct spec *s, const struct hook_state *state);
/* Calls the hooks of STAGE one after the other, in the calling process's namespaces and with its
 * rights, until one fails: CMK_ERR_CANNOT_EXEC with what it said. Blocks as long as they take, or
 * their timeouts; nothing but stdin, stdout and stderr is inherited. */
int hooks_run(const struct spec *s, enum spec_hook_stage stage, const struct hook_state *state,
	      struct cmk_err *err);
