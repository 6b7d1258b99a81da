// SPDX-License-Identifier: Apache-2.0
#include "image/registries.h"
#include "image/shortname.h"
#include "storage/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct registries_conf c = { 0 };
	struct storage_conf storage = { 0 };
	struct registry_source *list = NULL;
	char registry[] = "r.example", repository[] = "a/b", tag[] = "t";
	struct image_ref ref = { registry, repository, tag, NULL };
	char *text = NULL;
	size_t n = 0;

	(void)registries_conf_add(&c, (const char *)data, size, NULL);
	if (registries_sources(&c, &ref, &list, &n, NULL) == 0)
		registry_sources_free(list, n);
	registries_conf_done(&c);
	(void)storage_conf_add(&storage, (const char *)data, size, NULL);
	storage_conf_done(&storage);
	if (shortname_edit((const char *)data, size, "short", "r.example/a/b", &text, NULL) == 0) {
		/* What we write, we can read. */
		if (registries_conf_add(&c, text, strlen(text), NULL) < 0 ||
		    !streq_null(strv_env_get(c.aliases, "short"), "r.example/a/b"))
			abort();
		free(text);
		registries_conf_done(&c);
	}
	return 0;
}
