// SPDX-License-Identifier: Apache-2.0
/* A tree that changes between the look at an entry and its opening. */
#include "storage/tree.h"

#include <fcntl.h>

#include "base/file.h"
#include "unit.h"

struct place {
	char dir[64];
	int fd;
	struct tree_dir tree;
};

static void put(struct place *p, const char *path, const char *text)
{
	assert_int_equal(file_replace_at(p->fd, path, text, strlen(text), 0644, 0, NULL), 0);
}

/* "files" is the tree; what is beside it is not for it to read. */
static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	struct rootfs_plan plan = { .driver = (char *)"vfs" };

	unit_tmpdir(p->dir);
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdir_p_at(p->fd, "files/dir", 0755, NULL), 0);
	assert_int_equal(mkdir_p_at(p->fd, "outside", 0755, NULL), 0);
	put(p, "files/file", "mine");
	put(p, "files/dir/file", "mine");
	put(p, "outside/file", "secret");
	plan.merged = xasprintf("%s/files", p->dir);
	assert_int_equal(tree_open(&plan, &p->tree, NULL), 0);
	free(plan.merged);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	tree_dir_done(&p->tree);
	(void)close(p->fd);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	free(p);
	return 0;
}

/* PATH is a link to TARGET from now on. */
static void swap(struct place *p, const char *path, const char *target)
{
	cleanup_free char *away = xasprintf("%s.away", path);

	assert_int_equal(renameat(p->fd, path, p->fd, away), 0);
	assert_int_equal(symlinkat(target, p->fd, path), 0);
}

static void test_a_directory_that_became_a_link_is_not_entered(void **state)
{
	struct tree_dir in = { 0 };
	struct place *p = *state;
	struct tree_entry e;

	assert_int_equal(tree_lookup(&p->tree, "dir", &e), TREE_FOUND);
	assert_int_equal(tree_enter(&p->tree, "dir", &e, &in, NULL), 0);
	tree_dir_done(&in);
	swap(p, "files/dir", "../outside");
	assert_true(tree_enter(&p->tree, "dir", &e, &in, NULL) < 0);
	assert_int_equal(in.n, 0);
}

static void test_a_file_that_became_something_else_is_not_opened(void **state)
{
	struct place *p = *state;
	struct tree_entry e;
	struct stat st;
	int fd;

	assert_int_equal(tree_lookup(&p->tree, "file", &e), TREE_FOUND);
	fd = tree_open_file(&p->tree, "file", e.part, &st, NULL);
	assert_true(fd >= 0);
	assert_int_equal(st.st_ino, e.st.st_ino);
	(void)close(fd);
	swap(p, "files/file", "../outside/file");
	assert_int_equal(tree_open_file(&p->tree, "file", e.part, &st, NULL), -ELOOP);
	/* Nobody waits for who would write into it. */
	assert_int_equal(unlinkat(p->fd, "files/file", 0), 0);
	assert_int_equal(mkfifoat(p->fd, "files/file", 0600), 0);
	assert_int_equal(tree_open_file(&p->tree, "file", e.part, &st, NULL), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_directory_that_became_a_link_is_not_entered,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_file_that_became_something_else_is_not_opened, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
