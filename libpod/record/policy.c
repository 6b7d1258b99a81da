// SPDX-License-Identifier: Apache-2.0
#include "libpod/record/policy.h"

#include "base/parse.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 60000
#define BACKOFF_RESET_MS 10000

int restart_policy_parse(const char *text, char **ret, int64_t *ret_retries, struct cmk_err *err)
{
	static const char *const plain[] = { "always", "unless-stopped", "on-failure" };
	const char *count = str_after(text, "on-failure:");
	uint64_t n = 0;

	if (streq(text, "") || streq(text, "no") || streq(text, "never")) {
		*ret = NULL;
		*ret_retries = 0;
		return 0;
	}
	if (count && parse_u64(count, INT32_MAX, &n) < 0)
		return cmk_err_set(err, -EINVAL,
				   "invalid restart policy '%s': '%s' is not a number of retries",
				   text, count);
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (!streq(text, plain[i]) && !(count && streq(plain[i], "on-failure")))
			continue;
		*ret = xstrdup(plain[i]);
		*ret_retries = (int64_t)n;
		return 0;
	}
	if (strchr(text, ':'))
		return cmk_err_set(
			err, -EINVAL,
			"invalid restart policy '%s': restart policy retries can only be "
			"specified with on-failure restart policy",
			text);
	(void)cmk_err_set(err, -EINVAL, "invalid restart policy '%s'", text);
	(void)cmk_err_hint(err, "no, on-failure[:N], always or unless-stopped");
	return -EINVAL;
}

bool restart_policy_wants(const char *policy, int64_t retries, int64_t restarts, int exit_code)
{
	if (!policy)
		return false;
	if (streq(policy, "on-failure"))
		return exit_code != 0 && (retries == 0 || restarts < retries);
	return true;
}

int64_t restart_backoff_ms(int64_t previous_ms, int64_t ran_ms)
{
	if (previous_ms <= 0 || ran_ms >= BACKOFF_RESET_MS)
		return BACKOFF_FIRST_MS;
	return MIN(previous_ms * 2, BACKOFF_MAX_MS);
}
