// SPDX-License-Identifier: Apache-2.0
/* What an image or a user says of health checks and log tags: the first byte says which parser. */
#include "libpod/libpod.h"
#include "libpod/record/health.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void configure(const char *image, const char *cmd)
{
	struct container_health *h = NULL;

	if (health_configure(&h, image, &(struct health_options){ .cmd = cmd }, NULL) == 0 && h) {
		char **argv = health_command(h->test);

		/* What counts as a check has something to run. */
		if (health_enabled(h) && (!argv || !argv[0]))
			abort();
		(void)health_check_whole(h, NULL);
		(void)strv_free(argv);
	}
	(void)health_free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct container_config cfg = { .id = (char *)"0123456789abcdef",
					      .name = (char *)"name" };
	cleanup_free char *text = NULL, *tag = NULL;

	if (size == 0)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	if (data[0] == 'i')
		configure(text, NULL);
	else if (data[0] == 'c')
		configure(NULL, text);
	else
		(void)log_tag_expand(text, &cfg, &tag, NULL);
	return 0;
}
