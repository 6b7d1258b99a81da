// SPDX-License-Identifier: Apache-2.0
/* Layers of metadata: where a file's data are, and nowhere else. */
#include "storage/meta.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "storage/links.h"
#include "storage/xattr.h"
#include "unit.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct place {
	char dir[64];
	int fd, files, data;
	struct meta_data meta;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->files = open_dir_at(p->fd, "diff", 0755, NULL);
	assert_int_equal(file_replace_at(p->files, "f", "text", 4, 0644, 0, NULL), 0);
	assert_int_equal(meta_data_make(p->fd, HEX, &p->meta, NULL), 0);
	p->data = openat(p->fd, "data", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->data >= 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	(void)close(p->meta.fd);
	(void)close(p->data);
	(void)close(p->files);
	(void)close(p->fd);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	free(p);
	return 0;
}

/* A new empty file, or no attributes in this file system. */
static int new_file(struct place *p, const char *name)
{
	int fd = openat(p->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	assert_true(fd >= 0);
	if (fsetxattr(fd, "user.x", "", 0, 0) < 0)
		skip();
	return fd;
}

static void assert_reads(int fd, const char *want)
{
	char buf[16] = "";

	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(want));
	assert_string_equal(buf, want);
	(void)close(fd);
}

/* FD stands for "f" of the layer, by a link. */
static void point(struct place *p, int fd, char redirect[static META_LINK_MAX])
{
	struct stat st;

	assert_int_equal(fstatat(p->files, "f", &st, 0), 0);
	assert_int_equal(meta_link(&p->meta, p->files, "f", &st, redirect), 0);
	assert_int_equal(meta_point(fd, redirect, st.st_size), 0);
}

static void a_file_stands_for_another(void **state)
{
	struct place *p = *state;
	int a = new_file(p, "a"), b = new_file(p, "b");
	char one[META_LINK_MAX], two[META_LINK_MAX];
	struct stat st, of;

	point(p, a, one);
	assert_int_equal(fstat(a, &of), 0);
	assert_int_equal(of.st_size, 4);
	assert_reads(meta_open(&p->data, 1, a), "text");
	/* Once more, for another map: the same name, asked for or met. */
	for (int i = 0; i < 2; i++) {
		p->meta.is_new = i;
		point(p, b, two);
		assert_string_equal(one, two);
		assert_reads(meta_open(&p->data, 1, b), "text");
	}
	assert_int_equal(fstatat(p->files, "f", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_true(strlen(one) <= META_SHORT);
	(void)close(a);
	(void)close(b);
}

static void links_of_an_earlier_map_are_known(void **state)
{
	struct place *p = *state;
	struct meta_data again;

	assert_true(p->meta.is_new);
	assert_int_equal(meta_data_make(p->fd, HEX, &again, NULL), 0);
	assert_false(again.is_new);
	(void)close(again.fd);
}

static void a_name_of_another_file_is_not_taken_for_it(void **state)
{
	struct place *p = *state;
	int a = new_file(p, "a"), b = new_file(p, "b");
	char one[META_LINK_MAX], two[META_LINK_MAX];

	point(p, a, one);
	/* What a copied store has under this number. */
	assert_int_equal(file_replace_at(p->data, one + 1, "other", 5, 0644, 0, NULL), 0);
	for (int i = 0; i < 2; i++) {
		p->meta.is_new = i;
		point(p, b, two);
		assert_string_not_equal(one, two);
		assert_reads(meta_open(&p->data, 1, b), "text");
	}
	assert_reads(meta_open(&p->data, 1, a), "other");
	(void)close(a);
	(void)close(b);
}

/* Of several data directories the first that has the name. */
static void what_is_no_file_in_one_is_looked_for_in_the_next(void **state)
{
	struct place *p = *state;
	int fd = new_file(p, "a"), dirs[3];

	assert_int_equal(file_replace_at(p->fd, "d", "no directory", 12, 0644, 0, NULL), 0);
	dirs[0] = p->data;
	dirs[1] = p->fd;
	dirs[2] = open_dir_at(p->fd, "more", 0755, NULL);
	(void)close(open_dir_at(dirs[2], "d", 0755, NULL));
	assert_int_equal(file_replace_at(dirs[2], "d/f", "text", 4, 0644, 0, NULL), 0);
	assert_int_equal(meta_mark(fd, "/d/f"), 0);
	assert_reads(meta_open(dirs, 3, fd), "text");
	(void)close(dirs[2]);
	(void)close(fd);
}

static void long_paths_and_those_of_links_are_no_redirects(void **state)
{
	(void)state;
	assert_true(meta_can_be_path("usr/bin/0123456789abcde", 24));
	assert_false(meta_can_be_path("usr/bin/0123456789abcdef", 24));
	assert_true(meta_can_be_path("usr/bin/0123456789abcdef", 255));
	assert_false(meta_can_be_path("e3b0c44298fc1c/x", 255));
	assert_false(meta_can_be_path("e3b0c44298fc1c", 255));
	assert_true(meta_can_be_path("e3b0c44298fc1/x", 255));
	assert_true(meta_can_be_path("e3b0c44298fc1z/x", 255));
}

static void the_room_in_an_inode_is_measured(void **state)
{
	struct place *p = *state;
	int fd = new_file(p, "a");
	char redirect[META_PATH_MAX + 1];
	struct stat st;
	size_t max;

	assert_int_equal(meta_path_max(p->fd, &max), 0);
	assert_true(max == META_SHORT || max == META_PATH_MAX);
	assert_int_equal(faccessat(p->fd, "probe", F_OK, 0), -1);
	assert_int_equal(fremovexattr(fd, "user.x"), 0);
	memset(redirect, 'y', max);
	redirect[max] = '\0';
	assert_int_equal(meta_mark(fd, redirect), 0);
	assert_int_equal(fstat(fd, &st), 0);
	if (max == META_SHORT)
		assert_int_equal(st.st_blocks, 0);
	(void)close(fd);
}

static void nothing_outside_of_the_data_is_opened(void **state)
{
	static const char *const bad[] = { "/../diff/f", "../diff/f", "/link/f", "/", "", "x" };
	struct place *p = *state;
	int dir = openat(p->fd, "data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(symlinkat("../diff", dir, "link"), 0);
	(void)close(dir);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char name[8] = { (char)('a' + (int)i), '\0' };
		int fd = new_file(p, name);

		assert_int_equal(meta_mark(fd, bad[i]), 0);
		assert_true(meta_open(&p->data, 1, fd) < 0);
		(void)close(fd);
	}
}

static void a_file_of_its_own_data_says_so(void **state)
{
	struct place *p = *state;
	int fd = new_file(p, "own");

	assert_int_equal(meta_open(&p->data, 1, fd), -ENODATA);
	(void)close(fd);
}

static void links_are_told_by_device_and_inode(void **state)
{
	struct link_table l = { 0 };
	struct stat st = { .st_dev = 1 };

	(void)state;
	for (ino_t i = 1; i < 1000; i++) {
		st.st_ino = i;
		assert_null(link_first(&l, &st, i == 7 ? "seven" : "x"));
	}
	st.st_ino = 7;
	assert_string_equal(link_first(&l, &st, "again"), "seven");
	st.st_dev = 2;
	assert_null(link_first(&l, &st, "elsewhere"));
	link_table_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_stands_for_another, setup, teardown),
		cmocka_unit_test_setup_teardown(links_of_an_earlier_map_are_known, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_of_another_file_is_not_taken_for_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_no_file_in_one_is_looked_for_in_the_next,
						setup, teardown),
		cmocka_unit_test(long_paths_and_those_of_links_are_no_redirects),
		cmocka_unit_test_setup_teardown(the_room_in_an_inode_is_measured, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_outside_of_the_data_is_opened, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_of_its_own_data_says_so, setup, teardown),
		cmocka_unit_test(links_are_told_by_device_and_inode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
