// SPDX-License-Identifier: Apache-2.0
#include "image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct platform want = { "linux", "amd64", NULL };
	const struct descriptor *d = NULL;
	struct image_config config = { 0 };
	struct manifest m = { 0 };

	if (manifest_parse((const char *)data, size, NULL, &m, NULL) == 0) {
		if (m.kind == MANIFEST_INDEX)
			(void)manifest_choose(&m, &want, &d, NULL);
		manifest_done(&m);
	}
	if (manifest_parse_artifact((const char *)data, size, NULL, &m, NULL) == 0)
		manifest_done(&m);
	if (image_config_parse((const char *)data, size, &config, NULL) == 0)
		image_config_done(&config);
	return 0;
}
