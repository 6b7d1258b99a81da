// SPDX-License-Identifier: Apache-2.0
/* A layer's metadata with the owners of a map, by several threads. */
#include "storage/meta.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "storage/xattr.h"
#include "unit.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define LONG "a/directory/of/a/long/path"

enum { DIRS = 40, FILES = 25 };

struct place {
	char dir[64];
	int fd, layer, files;
	struct id_map_pair map;
};

static void put(struct place *p, const char *path, const char *text)
{
	cleanup_free char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');

	if (slash) {
		*slash = '\0';
		assert_int_equal(mkdir_p_at(p->files, dir, 0755, NULL), 0);
	}
	assert_int_equal(file_replace_at(p->files, path, text, strlen(text), 0644, 0, NULL), 0);
}

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->layer = open_dir_at(p->fd, "layer", 0755, NULL);
	p->files = open_dir_at(p->layer, "diff", 0755, NULL);
	id_map_add(&p->map.uids, geteuid(), geteuid(), 1);
	id_map_add(&p->map.gids, getegid(), getegid(), 1);
	if (fsetxattr(p->files, "user.x", "", 0, 0) < 0)
		skip();
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	id_map_pair_done(&p->map);
	(void)close(p->files);
	(void)close(p->layer);
	(void)close(p->fd);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	free(p);
	return 0;
}

/* The metadata in the new directory NAME: its descriptor, or what went wrong. */
static int build(struct place *p, const char *name, struct cmk_err *err)
{
	struct meta_layer layer = { .fd = p->layer, .hex = HEX };
	cleanup(tree_dir_done) struct tree_dir tree = { 0 };
	struct rootfs_plan plan = { 0 };
	struct stat root;
	int fd = open_dir_at(p->fd, name, 0755, NULL), r;

	strv_add_take(&plan.lower, xasprintf("%s/layer/diff", p->dir));
	assert_int_equal(tree_open(&plan, &tree, NULL), 0);
	assert_int_equal(fstat(p->files, &root), 0);
	r = meta_build(&tree, &layer, &root, &p->map, fd, err);
	rootfs_plan_done(&plan);
	if (r < 0)
		(void)close(fd);
	return r < 0 ? r : fd;
}

/* What PATH in META stands for, found as the kernel does it. */
static void assert_shows(struct place *p, int meta, const char *path, const char *want)
{
	cleanup_close int file = openat(meta, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), data = -1;
	int dirs[2] = { openat(p->layer, "data", O_PATH | O_CLOEXEC), p->files };
	struct stat was, is;
	char buf[16] = "";

	assert_true(file >= 0);
	data = dirs[0] < 0 ? meta_open(dirs + 1, 1, file) : meta_open(dirs, 2, file);
	cleanup_close_fn(&dirs[0]);
	assert_true(data >= 0);
	assert_int_equal(read(data, buf, sizeof(buf) - 1), strlen(want));
	assert_string_equal(buf, want);
	assert_int_equal(fstatat(p->files, path, &was, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fstat(file, &is), 0);
	assert_int_equal(is.st_mode, was.st_mode);
	assert_int_equal(is.st_size, was.st_size);
	assert_int_equal(is.st_mtim.tv_sec, was.st_mtim.tv_sec);
	assert_int_equal(is.st_mtim.tv_nsec, was.st_mtim.tv_nsec);
}

static nlink_t links_of(int dir, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_nlink;
}

static void each_file_of_a_wide_tree_is_there(void **state)
{
	struct place *p = *state;
	char path[64], text[16];
	int meta;

	for (int i = 0; i < DIRS * FILES; i++) {
		(void)snprintf(path, sizeof(path), "%s/d%d/s%d/f%d", i % 2 ? "x" : LONG, i % DIRS,
			       i % 3, i);
		(void)snprintf(text, sizeof(text), "%d", i);
		put(p, path, text);
	}
	meta = build(p, "meta", NULL);
	assert_true(meta >= 0);
	for (int i = 0; i < DIRS * FILES; i++) {
		(void)snprintf(path, sizeof(path), "%s/d%d/s%d/f%d", i % 2 ? "x" : LONG, i % DIRS,
			       i % 3, i);
		(void)snprintf(text, sizeof(text), "%d", i);
		assert_shows(p, meta, path, text);
		assert_int_equal(links_of(meta, path), 1);
	}
	(void)close(meta);
}

/* Directories have their times though files were made in them. */
static void directories_are_as_they_were(void **state)
{
	static const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	struct place *p = *state;
	struct stat st;
	int meta;

	put(p, "a/b/c", "text");
	assert_int_equal(fchmodat(p->files, "a/b", 01777, 0), 0);
	assert_int_equal(fchmodat(p->files, "a", 0500, 0), 0);
	assert_int_equal(utimensat(p->files, "a/b", times, 0), 0);
	assert_int_equal(utimensat(p->files, "a", times, 0), 0);
	meta = build(p, "meta", NULL);
	assert_true(meta >= 0);
	assert_int_equal(fstatat(meta, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0500);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(fstatat(meta, "a/b", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(st.st_mtim.tv_nsec, 7);
	(void)close(meta);
	assert_int_equal(fchmodat(p->files, "a", 0700, 0), 0);
	assert_int_equal(fchmodat(p->fd, "meta/a", 0700, 0), 0);
}

static void modes_and_attributes_are_kept(void **state)
{
	static const mode_t modes[] = { 0, 0444, 0666, 02755, 04711, 07777 };
	struct place *p = *state;
	mode_t mask = umask(027);
	char path[16], value[16] = "";
	int meta;

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		(void)snprintf(path, sizeof(path), "f%zu", i);
		put(p, path, "text");
		assert_int_equal(fchmodat(p->files, path, modes[i], 0), 0);
	}
	put(p, "attr", "text");
	meta = openat(p->files, "attr", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	assert_int_equal(fsetxattr(meta, "user.key", "value", 5, 0), 0);
	(void)close(meta);
	meta = build(p, "meta", NULL);
	assert_true(meta >= 0);
	assert_int_equal(umask(mask), 027);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct stat st;

		(void)snprintf(path, sizeof(path), "f%zu", i);
		assert_int_equal(fstatat(meta, path, &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, modes[i]);
		assert_int_equal(st.st_size, 4);
	}
	assert_shows(p, meta, "attr", "text");
	(void)close(meta);
	(void)snprintf(path, sizeof(path), "meta/attr");
	meta = openat(p->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	assert_int_equal(fgetxattr(meta, "user.key", value, sizeof(value)), 5);
	assert_string_equal(value, "value");
	(void)close(meta);
}

/* For each map: that our own link is one more name does not make the file one of several. */
static void hard_links_stay_and_none_is_invented(void **state)
{
	static const char *const maps[] = { "one", "two" };
	struct place *p = *state;
	char path[64];

	put(p, "short", "text");
	put(p, LONG "/alone", "alone");
	put(p, LONG "/first", "first");
	for (int i = 0; i < DIRS; i++) {
		(void)snprintf(path, sizeof(path), LONG "/d%d", i);
		assert_int_equal(mkdirat(p->files, path, 0755), 0);
		(void)snprintf(path, sizeof(path), LONG "/d%d/second", i);
		assert_int_equal(linkat(p->files, LONG "/first", p->files, path, 0), 0);
	}
	assert_int_equal(linkat(p->files, "short", p->files, LONG "/short", 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		int meta = build(p, maps[i], NULL);

		assert_true(meta >= 0);
		assert_shows(p, meta, LONG "/alone", "alone");
		assert_shows(p, meta, LONG "/d7/second", "first");
		assert_shows(p, meta, "short", "text");
		assert_shows(p, meta, LONG "/short", "text");
		assert_int_equal(links_of(meta, LONG "/alone"), 1);
		assert_int_equal(links_of(meta, LONG "/d7/second"), DIRS + 1);
		assert_int_equal(links_of(meta, "short"), 2);
		(void)close(meta);
	}
	assert_int_equal(links_of(p->files, LONG "/first"), DIRS + 2);
}

/* What looks like our own links is none, and is not taken for one. */
static void a_path_like_that_of_a_link_is_safe(void **state)
{
	struct place *p = *state;
	char link[META_LINK_MAX];
	struct meta_data data;
	const char *path = link + 1;
	struct stat st;
	int meta;

	put(p, LONG "/victim", "victim");
	assert_int_equal(fstatat(p->files, LONG "/victim", &st, 0), 0);
	assert_int_equal(meta_data_make(p->layer, HEX, &data, NULL), 0);
	assert_int_equal(meta_link(&data, p->files, LONG "/victim", &st, link), 0);
	(void)close(data.fd);
	put(p, path, "attacker");
	meta = build(p, "meta", NULL);
	assert_true(meta >= 0);
	assert_shows(p, meta, path, "attacker");
	assert_shows(p, meta, LONG "/victim", "victim");
	(void)close(meta);
}

static void an_owner_that_the_map_lacks_is_told(void **state)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct place *p = *state;
	char path[64];

	for (int i = 0; i < DIRS * FILES; i++) {
		(void)snprintf(path, sizeof(path), "d%d/f%d", i % DIRS, i);
		put(p, path, "text");
	}
	p->map.uids.range[0].inside++;
	assert_int_equal(build(p, "meta", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "insufficient UIDs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_file_of_a_wide_tree_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(directories_are_as_they_were, setup, teardown),
		cmocka_unit_test_setup_teardown(modes_and_attributes_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(hard_links_stay_and_none_is_invented, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_path_like_that_of_a_link_is_safe, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_owner_that_the_map_lacks_is_told, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
