// SPDX-License-Identifier: Apache-2.0
/* A file of the Container Device Interface: what the helper makes of it, and what cmk reads of
 * that. */
#include "libpod/option/cdi.h"
#include "libpod/option/cdi_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmk_err err = CMK_ERR_INIT;
	struct cdi_edits edits = { 0 };
	char *json = NULL;
	size_t len = 0;

	/* What cmk reads is what another process said. */
	(void)cdi_parse_edits((const char *)data, size, "0", &edits, NULL);
	cdi_edits_done(&edits);
	if (cdi_spec_to_json((const char *)data, size, &json, &len, &err) < 0) {
		if (!err.msg)
			abort();
		cmk_err_done(&err);
		return 0;
	}
	if (cdi_parse_edits(json, len, "0", &edits, NULL) < 0)
		abort();
	cdi_edits_done(&edits);
	free(json);
	return 0;
}
