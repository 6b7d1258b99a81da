// SPDX-License-Identifier: Apache-2.0
/* Whose a layer's files are, as cmk-unpack tells it and another user's cmk reads it. */
#include "storage/owners.h"

#include <fcntl.h>

#include "base/file.h"
#include "unit.h"

struct place {
	char dir[64];
	int fd;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	(void)close(p->fd);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	free(p);
	return 0;
}

static void assert_owner(const struct owners *o, const char *path, uid_t uid, gid_t gid)
{
	struct stat st = { .st_uid = 65534, .st_gid = 65534 };

	owners_apply(o, path, &st);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
}

static void what_was_noted_is_read(void **state)
{
	struct place *p = *state;
	struct owners_writer w;
	struct owners o = { 0 };

	assert_int_equal(owners_load(p->fd, &o, NULL), -ENOENT);
	assert_int_equal(owners_begin(p->fd, &w, NULL), 0);
	owners_note(&w, 5, 6, "var/b c");
	owners_note(&w, 0, 0, "root");
	owners_note(&w, 0, 8, "var");
	owners_note(&w, 7, 7, "twice");
	owners_note(&w, 9, 9, "");
	owners_note(&w, 10, 10, "twice");
	for (unsigned int i = 0; i < 10000; i++) {
		cleanup_free char *path = xasprintf("many/%u", i);

		owners_note(&w, i + 1, 1, path);
	}
	assert_int_equal(owners_finish(&w, NULL), 0);
	assert_int_equal(owners_load(p->fd, &o, NULL), 0);
	assert_owner(&o, "var/b c", 5, 6);
	assert_owner(&o, "root", 0, 0);
	assert_owner(&o, "var", 0, 8);
	assert_owner(&o, "", 9, 9);
	assert_owner(&o, "twice", 10, 10);
	assert_owner(&o, "many/9999", 10000, 1);
	assert_owner(&o, "zzz", 0, 0);
	owners_done(&o);
}

static void a_file_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = { "5",	     "5 6",  "x 6 a",
					   "-1 6 a", "5  a", "4294967295 0 a",
					   " 5 6 a" };
	struct place *p = *state;
	struct owners o = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
			file_replace_at(p->fd, OWNERS_FILE, bad[i], strlen(bad[i]), 0644, 0, NULL),
			0);
		assert_int_equal(owners_load(p->fd, &o, NULL), -EBADMSG);
	}
	/* An end that was cut off is one. */
	assert_int_equal(file_replace_at(p->fd, OWNERS_FILE, "5 6 a", 5, 0644, 0, NULL), 0);
	assert_int_equal(owners_load(p->fd, &o, NULL), 0);
	assert_owner(&o, "a", 5, 6);
	owners_done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_noted_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_none_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
