// SPDX-License-Identifier: Apache-2.0
/* Copies of files, by whatever way there is. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "unit.h"

#define SIZE (3 << 20)

struct place {
	char dir[64];
	int in, out;
};

static int open_in(const struct place *p, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", p->dir, name);

	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->in = open_in(p, "in");
	p->out = open_in(p, "out");
	assert_true(p->in >= 0 && p->out >= 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	(void)close(p->in);
	(void)close(p->out);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	free(p);
	return unsetenv("CMK_TEST_NO_CLONE");
}

/* Something at 100, a hole, something at 2 MiB, and a hole up to the end. */
static void fill(int fd)
{
	assert_int_equal(pwrite(fd, "begin", 5, 100), 5);
	assert_int_equal(pwrite(fd, "end", 3, 2 << 20), 3);
	assert_int_equal(ftruncate(fd, SIZE), 0);
}

static void assert_same(const struct place *p)
{
	cleanup_free char *a = xcalloc(1, SIZE + 1), *b = xcalloc(1, SIZE + 1);
	struct stat in, out;

	assert_int_equal(fstat(p->in, &in), 0);
	assert_int_equal(fstat(p->out, &out), 0);
	assert_int_equal(out.st_size, in.st_size);
	assert_int_equal(pread(p->in, a, SIZE, 0), in.st_size);
	assert_int_equal(pread(p->out, b, SIZE, 0), in.st_size);
	assert_memory_equal(a, b, (size_t)in.st_size);
	/* Where the file system keeps holes, they are kept. */
	if (in.st_blocks * 512 < SIZE / 2)
		assert_true(out.st_blocks * 512 < SIZE / 2);
}

static void holes_stay_holes(void **state)
{
	struct place *p = *state;

	assert_int_equal(setenv("CMK_TEST_NO_CLONE", "1", 1), 0);
	assert_int_equal(file_clone(p->in, p->out), -EOPNOTSUPP);
	fill(p->in);
	assert_int_equal(file_copy_data(p->in, p->out), 0);
	assert_same(p);
}

static void by_the_best_way(void **state)
{
	struct place *p = *state;

	fill(p->in);
	assert_int_equal(file_copy_data(p->in, p->out), 0);
	assert_same(p);
}

/* Neither shared nor copied by the kernel: from a file system to another kind of file. */
static void through_memory(void **state)
{
	struct place *p = *state;
	int memory = memfd_create("copy", MFD_CLOEXEC);

	assert_true(memory >= 0);
	fill(memory);
	(void)close(p->in);
	p->in = memory;
	assert_int_equal(file_copy_data(p->in, p->out), 0);
	assert_same(p);
}

static void nothing(void **state)
{
	struct place *p = *state;

	assert_int_equal(file_copy_data(p->in, p->out), 0);
	assert_same(p);
}

static void what_cannot_be_read(void **state)
{
	struct place *p = *state;

	fill(p->in);
	assert_int_equal(setenv("CMK_TEST_NO_CLONE", "1", 1), 0);
	assert_true(file_copy_data(p->in, -1) < 0);
	assert_true(file_copy_data(-1, p->out) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(holes_stay_holes, setup, teardown),
		cmocka_unit_test_setup_teardown(by_the_best_way, setup, teardown),
		cmocka_unit_test_setup_teardown(through_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
