// SPDX-License-Identifier: Apache-2.0
#include "cmd/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Twice, as two files: what the first one left must stand the second. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int i = 0; i < 2; i++)
		(void)cmk_conf_add((const char *)data, size, NULL);
	for (const struct conf_key *k = cmk_conf_keys; k->name; k++) {
		(void)cmk_conf_text(k->name);
		for (char *const *s = cmk_conf_list(k->name); s && *s; s++)
			if (k->type != CONF_LIST && k->type != CONF_TABLE)
				abort();
	}
	cmk_conf_done();
	return 0;
}
