// SPDX-License-Identifier: Apache-2.0
/* A tar-split record over a directory with one file, "f" of 9 bytes: what comes out are its
 * segments and that file's bytes, and never more than the record and the file can make. */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/file.h"
#include "storage/tar_asm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int dir = -1;
static char path[] = "/tmp/fuzz_asm.XXXXXX";

static void remove_dir(void)
{
	(void)remove_tree_at(AT_FDCWD, path, NULL);
}

static void make_dir(void)
{
	if (!mkdtemp(path) || atexit(remove_dir) != 0)
		abort();
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || file_replace_at(dir, "f", "123456789", 9, 0600, 0, NULL) < 0 ||
	    symlinkat("/etc/passwd", dir, "link") < 0)
		abort();
}

static int count(void *arg, const void *p, size_t len, struct cmk_err *err)
{
	uint64_t *total = arg;

	(void)p;
	*total += len;
	return *total > 1ULL << 30 ? cmk_err_set(err, -EFBIG, "too much") : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_close int split = memfd_create("split", MFD_CLOEXEC);
	uint64_t total = 0;

	if (dir < 0)
		make_dir();
	if (split < 0 || write_all(split, data, size) < 0 || lseek(split, 0, SEEK_SET) < 0)
		abort();
	if (tar_asm(dir, split, count, &total, &err) == 0 && data[0] == '{' && total > 9 * size)
		abort();
	return 0;
}
