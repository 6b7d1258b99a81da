// SPDX-License-Identifier: Apache-2.0
/* Compressed data: found out by its first bytes, or taken for what the first byte says. */
#include "storage/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[1 << 16];
	struct decoder *d = decoder_new(decoder_detect(data, size));
	uint64_t total = 0;

	for (;;) {
		size_t n = 0, before = size;

		if (decoder_run(d, &data, &size, out, sizeof(out), &n, NULL) < 0)
			break;
		total += n;
		if ((n == 0 && size == before) || total > 16 << 20)
			break;
	}
	(void)decoder_end(d, NULL);
	decoder_free(d);
	return 0;
}
