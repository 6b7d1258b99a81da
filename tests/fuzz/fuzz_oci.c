// SPDX-License-Identifier: Apache-2.0
/* config.json of a bundle that others made, and the parts of it that `cmk oci` takes alone. What is
 * refused must say why. */
#include "libpod/spec/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct cmk_err e = CMK_ERR_INIT;
	struct bundle *b = NULL;
	struct spec_process p = { 0 };
	struct spec_resources res = { 0 };

	if (bundle_parse("/b", text, size, &b, &e) < 0 && !e.msg)
		abort();
	cmk_err_done(&e);
	(void)bundle_free(b);
	if (bundle_process_parse(text, size, &p, &e) < 0 && !e.msg)
		abort();
	cmk_err_done(&e);
	bundle_process_done(&p);
	if (bundle_resources_parse(text, size, &res, &e) < 0 && !e.msg)
		abort();
	cmk_err_done(&e);
	bundle_resources_done(&res);
	return 0;
}
