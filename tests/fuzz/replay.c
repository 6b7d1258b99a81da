// SPDX-License-Identifier: Apache-2.0
/* A main for fuzz targets without libFuzzer: runs each file of tests/fuzz/corpus/TARGET (or of the
 * arguments) once. */
#include <fcntl.h>
#include <limits.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dirfd, const char *name)
{
	cleanup_free char *text = NULL;
	uint8_t *exact;
	size_t len = 0;

	if (file_read_at(dirfd, name, 16 << 20, &text, &len, NULL) < 0)
		return 0;
	/* An allocation of the exact size, so that a sanitizer sees a read one byte beyond. */
	exact = xmemdup(text, len);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 1;
}

static int replay_dir(const char *path)
{
	cleanup_dir DIR *d = opendir(path);
	struct dirent *de;
	int n = 0;

	if (!d)
		return 0;
	while ((de = readdir(d)))
		if (de->d_name[0] != '.')
			n += replay_file(dirfd(d), de->d_name);
	return n;
}

int main(int argc, char **argv)
{
	const char *src = getenv("CMK_SRCDIR"), *base = strrchr(argv[0], '/');
	char path[PATH_MAX];
	int n = 0;

	for (int i = 1; i < argc; i++)
		n += replay_file(AT_FDCWD, argv[i]);
	if (argc == 1) {
		(void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", src ? src : ".",
			       base ? base + 1 : argv[0]);
		n = replay_dir(path);
	}
	printf("%d inputs replayed\n", n);
	/* An empty corpus means that nothing was tested. */
	return n > 0 ? 0 : 1;
}
