// SPDX-License-Identifier: Apache-2.0
/* config.json of a bundle: what is accepted must be written and read again as the same. */
#include "libpod/spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec *s = NULL, *again = NULL;
	char *text = NULL;
	size_t len;

	if (spec_parse((const char *)data, size, &s, NULL) < 0)
		return 0;
	if (spec_text(s, &text, &len, NULL) == 0 && spec_parse(text, len, &again, NULL) < 0)
		abort();
	free(text);
	spec_free(s);
	spec_free(again);
	return 0;
}
