// SPDX-License-Identifier: Apache-2.0
#include "image/auth.h"
#include "image/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* auth.json, and what a registry says about authentication. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size), *helper = NULL;
	struct credentials c = { 0 };
	struct challenge ch = { 0 };
	const struct credentials who = { (char *)"user", (char *)"password" };
	char *s = NULL;
	size_t len = 0;

	(void)auth_file_lookup((const char *)data, size, "r.example", "a/b", &c, &helper, NULL);
	credentials_done(&c);
	if (auth_file_edit((const char *)data, size, "r.example", &who, &s, &len, NULL) > 0) {
		/* What we write can be read, and taken out again. */
		cleanup_free char *again = NULL;

		if (auth_file_edit(s, len, "r.example", NULL, &again, &len, NULL) != 1)
			abort();
	}
	free(steal_ptr(&s));
	challenge_parse(text, &ch);
	challenge_done(&ch);
	if (token_parse((const char *)data, size, &s, NULL) == 0)
		free(s);
	free(registry_error_text((const char *)data, size));
	(void)retry_after_parse(text, 0);
	return 0;
}
