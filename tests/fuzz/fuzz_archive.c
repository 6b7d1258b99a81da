// SPDX-License-Identifier: Apache-2.0
/* An archive's members: what is found lies inside of the file. */
#include <sys/mman.h>

#include "base/file.h"
#include "storage/storage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "manifest.json", "index.json", "a/layer.tar", "link" };
	cleanup_close int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct storage_archive *a = NULL;

	if (fd < 0 || write_all(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (storage_archive_open(fd, &a, NULL) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct storage_member m;

		if (storage_archive_find(a, names[i], &m, NULL) == 0 &&
		    (m.offset > size || m.size > size - m.offset))
			abort();
	}
	(void)storage_archive_free(a);
	return 0;
}
