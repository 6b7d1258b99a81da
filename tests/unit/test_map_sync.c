// SPDX-License-Identifier: Apache-2.0
/* Which id maps are on the disk, and what becomes of those that a power cut has left hollow. */
#include "storage/map_sync.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "storage/internal.h"
#include "unit.h"

#define MARK "user.cmk.unsynced"
#define PATH "layers/l/meta-1"

struct place {
	char dir[64];
	char *root, *run;
	struct storage *st;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->root = xasprintf("%s/data", p->dir);
	p->run = xasprintf("%s/run", p->dir);
	assert_int_equal(storage_open(p->root, p->run, &p->st, NULL), 0);
	assert_int_equal(mkdirat(p->st->layers_fd, "l", 0700), 0);
	if (setxattr(p->dir, "user.x", "", 0, 0) < 0)
		skip();
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	storage_free(p->st);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	free(p->root);
	free(p->run);
	free(p);
	return 0;
}

/* A new map with a file that says which, under its name where none is there. */
static void make(struct place *p, const char *which, bool marked)
{
	cleanup_close int fd = -1;
	char tmp[32];

	assert_int_equal(storage_tmp_make(p->st, tmp, &fd, NULL), 0);
	assert_int_equal(file_replace_at(fd, which, "", 0, 0644, 0, NULL), 0);
	if (marked)
		assert_int_equal(map_mark(fd, NULL), 0);
	assert_int_equal(map_name_it(p->st, tmp, PATH, NULL), 0);
	assert_true(faccessat(p->st->tmp_fd, tmp, F_OK, 0) < 0);
}

static bool has(struct place *p, const char *name)
{
	cleanup_free char *path = xasprintf(PATH "/%s", name);

	return faccessat(p->st->root_fd, path, F_OK, 0) == 0;
}

/* The power went. */
static void cut(struct place *p)
{
	cleanup_close int fd = openat(p->st->root_fd, PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(fsetxattr(fd, MARK, "another boot", 12, XATTR_REPLACE), 0);
}

static void a_map_is_as_its_mark_says(void **state)
{
	struct place *p = *state;

	assert_int_equal(map_state(p->st, PATH), MAP_ABSENT);
	make(p, "a", true);
	assert_int_equal(map_state(p->st, PATH), MAP_UNSYNCED);
	cut(p);
	assert_int_equal(map_state(p->st, PATH), MAP_HOLLOW);
}

static void one_without_a_mark_is_on_the_disk(void **state)
{
	struct place *p = *state;

	make(p, "a", false);
	assert_int_equal(map_state(p->st, PATH), MAP_SYNCED);
	assert_int_equal(map_sync(p->st, PATH, NULL), 0);
	assert_int_equal(map_state(p->st, PATH), MAP_SYNCED);
}

static void who_waits_for_the_disk_takes_the_mark_away(void **state)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct place *p = *state;

	assert_int_equal(map_sync(p->st, PATH, &err), -ENOENT);
	make(p, "a", true);
	assert_int_equal(map_sync(p->st, PATH, NULL), 0);
	assert_int_equal(map_state(p->st, PATH), MAP_SYNCED);
}

static void it_goes_by_itself_behind_a_command(void **state)
{
	struct place *p = *state;

	make(p, "a", true);
	map_sync_later(p->st, PATH);
	for (int i = 0; i < 6000 && map_state(p->st, PATH) == MAP_UNSYNCED; i++)
		(void)poll(NULL, 0, 10);
	assert_int_equal(map_state(p->st, PATH), MAP_SYNCED);
}

static void the_first_of_two_stays(void **state)
{
	struct place *p = *state;

	make(p, "a", true);
	make(p, "b", true);
	assert_true(has(p, "a") && !has(p, "b"));
}

static void a_hollow_one_makes_room(void **state)
{
	struct place *p = *state;

	make(p, "a", true);
	cut(p);
	make(p, "b", false);
	assert_true(!has(p, "a") && has(p, "b"));
	assert_int_equal(map_state(p->st, PATH), MAP_SYNCED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_map_is_as_its_mark_says, setup, teardown),
		cmocka_unit_test_setup_teardown(one_without_a_mark_is_on_the_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(who_waits_for_the_disk_takes_the_mark_away, setup,
						teardown),
		cmocka_unit_test_setup_teardown(it_goes_by_itself_behind_a_command, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_first_of_two_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hollow_one_makes_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
