// SPDX-License-Identifier: Apache-2.0
/* Instructions of --change, one a line: what is taken can be written and read again. */
#include "image/changes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	struct image_config c = { .architecture = xstrdup("amd64"), .os = xstrdup("linux") };
	struct image_config back = { 0 };
	cleanup_strv char **lines = strv_split(text, '\n');
	cleanup_free char *json = NULL;
	size_t len = 0;

	for (char **l = lines; *l; l++)
		(void)change_apply(*l, &c, NULL);
	if (config_write(&c, "by", text, &json, &len, NULL) < 0 ||
	    image_config_parse(json, len, &back, NULL) < 0)
		abort();
	image_config_done(&c);
	image_config_done(&back);
	return 0;
}
