// SPDX-License-Identifier: Apache-2.0
/* Volumes on disk: names, one winner, removal, records that cannot be read. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "storage/storage.h"
#include "unit.h"

static char root[] = "/tmp/cmk-unit-volume.XXXXXX", run_root[64];

static struct storage *open_storage(void)
{
	struct storage *st = NULL;
	struct cmk_err err = CMK_ERR_INIT;

	if (storage_open(root, run_root, &st, &err) < 0)
		fail_msg("%s", cmk_err_msg(&err));
	return st;
}

static int make(struct storage *st, const char *name)
{
	const struct volume_record v = { .name = (char *)name,
					 .created = (char *)"2026-01-01T00:00:00Z",
					 .driver = (char *)"local" };

	return storage_volume_create(st, &v, false, false, NULL);
}

static void names(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "ä"
	};
	char longest[242];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(storage_volume_name_valid(bad[i]));
	assert_true(storage_volume_name_valid("a"));
	assert_true(storage_volume_name_valid("0_.-Z"));
	memset(longest, 'a', sizeof(longest));
	longest[241] = '\0';
	assert_false(storage_volume_name_valid(longest));
	longest[240] = '\0';
	assert_true(storage_volume_name_valid(longest));
}

static void made_found_removed(void **state)
{
	struct storage *st = open_storage();
	struct volume_record v = { 0 }, *list = NULL;
	size_t n = 0;
	int fd;

	(void)state;
	assert_int_equal(make(st, "one"), 0);
	assert_int_equal(make(st, "one"), -EEXIST);
	assert_int_equal(make(st, "../one"), -EINVAL);
	assert_int_equal(make(st, "onetwo"), 0);
	assert_int_equal(storage_volume_load(st, "on", &v, NULL), -ENOENT);
	assert_int_equal(storage_volume_find(st, "on", &v, NULL), -ENOTUNIQ);
	assert_int_equal(storage_volume_find(st, "", &v, NULL), -ENOENT);
	assert_int_equal(storage_volume_find(st, "../volumes/one", &v, NULL), -ENOENT);
	assert_int_equal(storage_volume_find(st, "onet", &v, NULL), 0);
	assert_string_equal(v.name, "onetwo");
	assert_true(v.needs_copy_up && v.needs_chown);
	storage_volume_done(&v);
	assert_int_equal(storage_volume_find(st, "one", &v, NULL), 0);
	assert_string_equal(v.name, "one");
	storage_volume_done(&v);
	assert_int_equal(storage_volume_list(st, &list, &n, NULL), 0);
	assert_int_equal(n, 2);
	storage_volume_list_free(list, n);
	fd = storage_volume_lock(st, "one", true, NULL);
	assert_true(fd >= 0);
	assert_int_equal(storage_volume_remove(st, "one", false, NULL), 0);
	(void)close(fd);
	assert_int_equal(storage_volume_remove(st, "one", false, NULL), -ENOENT);
	assert_int_equal(storage_volume_lock(st, "one", true, NULL), -ENOENT);
	/* What an earlier removal left is in no later one's way. */
	assert_int_equal(make(st, "one"), 0);
	assert_int_equal(mkdir_p_at(st->tmp_fd, "new-vol-one/_data/x", 0700, NULL), 0);
	assert_int_equal(storage_volume_remove(st, "one", false, NULL), 0);
	assert_int_equal(faccessat(st->tmp_fd, "new-vol-one", F_OK, 0), -1);
	(void)storage_free(st);
}

static void write_record(struct storage *st, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("volumes/%s", name);
	cleanup_close int fd = -1;

	assert_int_equal(mkdir_p_at(st->root_fd, path, 0700, NULL), 0);
	fd = openat(st->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_replace_at(fd, "volume.json", text, strlen(text), 0600, 0, NULL), 0);
}

static void damaged_records(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{ "", -EINVAL },
		{ "{", -EINVAL },
		{ "[]", -EINVAL },
		{ "{\"schema\":1}", -EINVAL },
		{ "{\"schema\":99,\"name\":\"x\",\"created\":\"\",\"driver\":\"\"}", -EOPNOTSUPP },
		{ "{\"schema\":1,\"name\":\"y\",\"created\":\"\",\"driver\":\"\"}", -EBADMSG },
		{ "{\"schema\":1,\"name\":\"x\",\"created\":\"\",\"driver\":7}", -EINVAL },
	};
	struct storage *st = open_storage();
	struct volume_record v = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		write_record(st, "x", cases[i].text);
		assert_int_equal(storage_volume_load(st, "x", &v, NULL), cases[i].code);
	}
	/* Unknown members are no harm. */
	write_record(st, "x",
		     "{\"schema\":1,\"name\":\"x\",\"created\":\"\",\"driver\":\"\",\"new\":[1]}");
	assert_int_equal(storage_volume_load(st, "x", &v, NULL), 0);
	storage_volume_done(&v);
	(void)storage_free(st);
}

/* Another directory has its own volumes, and all that is made on the way. */
static void another_directory(void **state)
{
	cleanup_free char *path = xasprintf("%s.elsewhere/deep", root);
	cleanup_free char *top = xasprintf("%s.elsewhere", root);
	struct volume_record v = { 0 };
	struct storage *plain = open_storage(), *st;

	(void)state;
	storage_set_volume_path(path);
	st = open_storage();
	storage_set_volume_path(NULL);
	assert_string_equal(st->volumes, path);
	assert_int_equal(make(st, "there"), 0);
	assert_int_equal(make(st, "there"), -EEXIST);
	assert_true(storage_volume_exists(st, "there"));
	assert_false(storage_volume_exists(plain, "there"));
	assert_int_equal(storage_volume_load(st, "there", &v, NULL), 0);
	assert_int_equal(strncmp(v.mountpoint, path, strlen(path)), 0);
	assert_int_equal(faccessat(AT_FDCWD, v.mountpoint, F_OK, 0), 0);
	storage_volume_done(&v);
	assert_int_equal(storage_volume_remove(st, "there", false, NULL), 0);
	assert_false(storage_volume_exists(st, "there"));
	(void)storage_free(st);
	(void)storage_free(plain);
	assert_int_equal(remove_tree_at(AT_FDCWD, top, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(made_found_removed),
		cmocka_unit_test(damaged_records),
		cmocka_unit_test(another_directory),
	};
	int r;

	if (!mkdtemp(root))
		return 1;
	(void)snprintf(run_root, sizeof(run_root), "%s.run", root);
	(void)mkdir(run_root, 0700);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)remove_tree_at(AT_FDCWD, root, NULL);
	(void)remove_tree_at(AT_FDCWD, run_root, NULL);
	return r;
}
