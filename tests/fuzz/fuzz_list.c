// SPDX-License-Identifier: Apache-2.0
/* An index of others as a list of ours: what is written of it must be read as one again. */
#include <assert.h>

#include "image/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_as(const struct list *l, enum image_push_format format)
{
	struct list again = { 0 };
	struct manifest m = { 0 };
	cleanup_free char *text = NULL;
	const char *type;
	size_t len = 0;

	if (list_write(l, format, &text, &len, &type, NULL) < 0)
		return;
	assert(manifest_parse(text, len, type, &m, NULL) == 0);
	assert(m.kind == MANIFEST_INDEX && m.n_items == l->n);
	assert(list_read_index(text, len, &again, NULL) == 0 && again.n == l->n);
	manifest_done(&m);
	list_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct list_instance config = { 0 };
	struct list l = { 0 };

	if (list_read_index((const char *)data, size, &l, NULL) == 0) {
		write_as(&l, PUSH_AS_IS);
		write_as(&l, PUSH_OCI);
		write_as(&l, PUSH_DOCKER);
		list_done(&l);
	}
	if (list_read_config((const char *)data, size, &config.platform, NULL) == 0)
		list_instance_done(&config);
	return 0;
}
