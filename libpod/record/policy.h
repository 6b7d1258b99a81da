/* SPDX-License-Identifier: Apache-2.0 */
/* Restart policies (podman-run(1) --restart): pure functions. */
#pragma once

#include "base/err.h"

/* "no", "never", "always", "unless-stopped", "on-failure", "on-failure:N". *RET is the policy's
 * name (owned) or NULL for none; *RET_RETRIES 0 means no limit. Unset on failure. */
int restart_policy_parse(const char *text, char **ret, int64_t *ret_retries, struct cmk_err *err);
/* Whether a container that ended by itself with EXIT_CODE is started again, RESTARTS times having
 * been. POLICY NULL: none. */
bool restart_policy_wants(const char *policy, int64_t retries, int64_t restarts, int exit_code);
/* The pause before the next start: 100 ms, doubled each time up to a minute; a run of ten seconds
 * makes it short again (docker-run(1)). PREVIOUS_MS 0: the first. */
int64_t restart_backoff_ms(int64_t previous_ms, int64_t ran_ms);
