// SPDX-License-Identifier: Apache-2.0
/* config.json of a bundle that others made, and the parts of it that `cmk oci` takes alone. What is
 * refused must say why. */
#include "libpod/cgroup/property.h"
#include "libpod/spec/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As of a unit of systemd, whatever it is. */
static void annotation(const char *text)
{
	cleanup_free char *name = xstrndup(text, strcspn(text, "="));
	const char *value = text + strlen(name);
	struct cmk_err e = CMK_ERR_INIT;
	char *property = NULL;

	if (property_of_annotation(name, *value ? value + 1 : value, &property, &e) < 0 && !e.msg)
		abort();
	cmk_err_done(&e);
	free(property);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct cmk_err e = CMK_ERR_INIT;
	struct bundle *b = NULL;
	struct spec_process p = { 0 };
	struct spec_resources res = { 0 };
	struct bundle_memory_check check;

	if (bundle_parse("/b", text, size, &b, &e) < 0 && !e.msg)
		abort();
	cmk_err_done(&e);
	for (char **a = b ? b->spec->annotations : NULL; a && *a; a++)
		annotation(*a);
	if (b && bundle_process_replace(b, text, size, &e) < 0 && !e.msg)
		abort();
	cmk_err_done(&e);
	(void)bundle_free(b);
	(void)bundle_memory_check(text, size, &check);
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
