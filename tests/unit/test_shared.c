// SPDX-License-Identifier: Apache-2.0
/* Files of several layers: one inode where they are the same, and never where they are not. */
#include "storage/shared.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "unit.h"

#define SIZE 5000

struct place {
	char dir[64];
	int fd, files;
	int layers[4];
};

static int setup(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->files = open_dir_at(p->fd, "files", 0755, NULL);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		p->layers[i] = open_dir_at(p->fd, names[i], 0755, NULL);
		assert_true(p->layers[i] >= 0);
		assert_int_equal(mkdir_p_at(p->layers[i], "diff/dir", 0755, NULL), 0);
	}
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(p->layers); i++)
		(void)close(p->layers[i]);
	(void)close(p->files);
	(void)close(p->fd);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	free(p);
	return 0;
}

/* What cmk-unpack would tell of a file of SIZE bytes C. */
static void tell(int layer, const char *path, char c)
{
	int fd = openat(layer, SHARED_NEW, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct strbuf text = STRBUF_INIT;
	char data[SIZE];
	struct digest d;

	memset(data, c, sizeof(data));
	digest_of(data, sizeof(data), &d);
	strbuf_addf(&text, "%s %d %s", d.hex, SIZE, path);
	assert_int_equal(write_all(fd, text.data, text.len + 1), 0);
	strbuf_done(&text);
	(void)close(fd);
}

/* The same without telling: PATH below diff/, of SIZE bytes C, and of the time MTIME. */
static void make(int layer, const char *path, char c, time_t mtime)
{
	const struct timespec times[2] = { { mtime, 0 }, { mtime, 0 } };
	cleanup_free char *name = xasprintf("diff/%s", path);
	char data[SIZE];

	memset(data, c, sizeof(data));
	assert_int_equal(file_replace_at(layer, name, data, sizeof(data), 0644, 0, NULL), 0);
	assert_int_equal(utimensat(layer, name, times, 0), 0);
}

static void add(int layer, const char *path, char c, time_t mtime)
{
	make(layer, path, c, mtime);
	tell(layer, path, c);
}

static void share(const struct place *p, size_t layer)
{
	struct cmk_err err = CMK_ERR_INIT;

	if (shared_add(p->files, p->layers[layer], &err) < 0)
		fail_msg("%s", cmk_err_msg(&err));
	assert_int_equal(faccessat(p->layers[layer], SHARED_NEW, F_OK, 0), -1);
}

static struct stat status(int layer, const char *path)
{
	cleanup_free char *name = xasprintf("diff/%s", path);
	struct stat st;

	assert_int_equal(fstatat(layer, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static bool is_one(const struct place *p, const char *path)
{
	return status(p->layers[0], path).st_ino == status(p->layers[1], path).st_ino;
}

static void assert_holds(int layer, const char *path, char c)
{
	cleanup_free char *name = xasprintf("diff/%s", path), *text = NULL;
	size_t len = 0;

	assert_int_equal(file_read_at(layer, name, 1 << 20, &text, &len, NULL), 0);
	assert_int_equal(len, SIZE);
	assert_int_equal(text[0], c);
	assert_int_equal(text[len - 1], c);
}

static size_t n_entries(const struct place *p)
{
	DIR *d = NULL;
	struct dirent *de;
	size_t n = 0;

	assert_int_equal(dir_read(p->files, &d, NULL), 0);
	while ((de = readdir(d)))
		n += de->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

static void equal_files_become_one(void **state)
{
	struct place *p = *state;
	struct stat dir, now;

	for (size_t i = 0; i < 2; i++) {
		add(p->layers[i], "dir/f", 'x', 1000);
		add(p->layers[i], "g", 'y', 2000);
	}
	dir = status(p->layers[1], "dir");
	share(p, 0);
	share(p, 1);
	assert_true(is_one(p, "dir/f"));
	assert_true(is_one(p, "g"));
	assert_int_equal(status(p->layers[0], "g").st_nlink, 3);
	assert_int_equal(n_entries(p), 2);
	/* The directory is as the layer has it. */
	now = status(p->layers[1], "dir");
	assert_memory_equal(&now.st_mtim, &dir.st_mtim, sizeof(now.st_mtim));
	assert_int_equal(faccessat(p->layers[1], "new-link", F_OK, 0), -1);
}

static void other_files_stay_apart(void **state)
{
	struct place *p = *state;
	int fd;

	/* Another time, mode, bytes of the same length. */
	add(p->layers[0], "time", 'x', 1000);
	add(p->layers[1], "time", 'x', 1001);
	add(p->layers[0], "mode", 'x', 1000);
	add(p->layers[1], "mode", 'x', 1000);
	assert_int_equal(fchmodat(p->layers[1], "diff/mode", 0755, 0), 0);
	add(p->layers[0], "bytes", 'x', 1000);
	add(p->layers[1], "bytes", 'y', 1000);
	/* The same bytes under other names: within an image they are not one file. */
	add(p->layers[0], "name", 'x', 1000);
	add(p->layers[0], "dir/name", 'x', 1000);
	add(p->layers[0], "xattr", 'x', 1000);
	add(p->layers[1], "xattr", 'x', 1000);
	fd = openat(p->layers[1], "diff/xattr", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (fsetxattr(fd, "user.x", "1", 1, 0) < 0)
		skip();
	(void)close(fd);
	share(p, 0);
	share(p, 1);
	assert_false(is_one(p, "time"));
	assert_false(is_one(p, "mode"));
	assert_false(is_one(p, "bytes"));
	assert_false(is_one(p, "xattr"));
	assert_int_not_equal(status(p->layers[0], "name").st_ino,
			     status(p->layers[0], "dir/name").st_ino);
}

static void names_of_one_file_stay_one_file(void **state)
{
	struct place *p = *state;

	for (size_t i = 0; i < 2; i++) {
		add(p->layers[i], "f", 'x', 1000);
		assert_int_equal(linkat(p->layers[i], "diff/f", p->layers[i], "diff/dir/link", 0),
				 0);
		share(p, i);
		assert_int_equal(status(p->layers[i], "f").st_nlink, 2);
	}
	assert_int_equal(n_entries(p), 0);
}

static void what_lies_is_not_believed(void **state)
{
	struct place *p = *state;

	/* Told to be what it is not, as a helper that went astray would. */
	make(p->layers[0], "f", 'z', 1000);
	tell(p->layers[0], "f", 'x');
	add(p->layers[1], "f", 'x', 1000);
	add(p->layers[2], "f", 'x', 1000);
	share(p, 0);
	share(p, 1);
	share(p, 2);
	assert_holds(p->layers[0], "f", 'z');
	assert_holds(p->layers[1], "f", 'x');
	/* The true one has taken its place. */
	assert_int_equal(status(p->layers[1], "f").st_ino, status(p->layers[2], "f").st_ino);
}

static void a_damaged_file_is_not_taken(void **state)
{
	struct place *p = *state;
	int fd;

	add(p->layers[0], "f", 'x', 1000);
	share(p, 0);
	fd = openat(p->layers[0], "diff/f", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "!", 1, 4321), 1);
	assert_int_equal(futimens(fd, (struct timespec[]){ { 1000, 0 }, { 1000, 0 } }), 0);
	(void)close(fd);
	for (size_t i = 1; i < 3; i++) {
		add(p->layers[i], "f", 'x', 1000);
		share(p, i);
		assert_holds(p->layers[i], "f", 'x');
	}
	assert_false(is_one(p, "f"));
	assert_int_equal(status(p->layers[1], "f").st_ino, status(p->layers[2], "f").st_ino);
}

static void paths_lead_nowhere_else(void **state)
{
	static const char *const paths[] = {
		"../f", "link/f", "/f", "dir/..", "dir", "absent", "."
	};
	struct place *p = *state;

	make(p->layers[0], "f", 'x', 1000);
	assert_int_equal(renameat(p->layers[0], "diff/f", p->layers[0], "f"), 0);
	assert_int_equal(symlinkat("..", p->layers[0], "diff/link"), 0);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		tell(p->layers[0], paths[i], 'x');
	share(p, 0);
	assert_int_equal(n_entries(p), 0);
}

static void the_last_layer_takes_its_files_along(void **state)
{
	struct place *p = *state;
	struct stat st;

	for (size_t i = 0; i < 2; i++) {
		add(p->layers[i], "f", 'x', 1000);
		share(p, i);
	}
	add(p->layers[2], "g", 'x', 1000);
	share(p, 2);
	assert_int_equal(n_entries(p), 2);
	assert_int_equal(shared_drop_at(p->files, p->layers[0], NULL), 0);
	assert_int_equal(fstatat(p->layers[0], "diff", &st, 0), -1);
	assert_int_equal(fstatat(p->layers[0], SHARED_LIST, &st, 0), 0);
	assert_int_equal(n_entries(p), 2);
	assert_holds(p->layers[1], "f", 'x');
	assert_int_equal(shared_drop_at(p->files, p->layers[1], NULL), 0);
	assert_int_equal(n_entries(p), 1);
	/* Killed on the way: the list is still there, and it is done again. */
	assert_int_equal(shared_drop_at(p->files, p->layers[1], NULL), 0);
	assert_int_equal(shared_drop_at(p->files, p->layers[2], NULL), 0);
	assert_int_equal(n_entries(p), 0);
}

static void a_list_that_is_none_is_refused(void **state)
{
#define SUM "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
		{ SUM " 5 f", sizeof(SUM " 5 f") - 1 }, /* no end */
		{ SUM " 5 ", sizeof(SUM " 5 ") },
		{ SUM " 5", sizeof(SUM " 5") },
		{ SUM " x f", sizeof(SUM " x f") },
		{ SUM " -1 f", sizeof(SUM " -1 f") },
		{ "x" SUM " 5 f", sizeof(SUM " 5 f") },
		{ SUM, sizeof(SUM) },
		{ "", 1 },
	};
	struct shared_item item;
	const char *p = SUM " 5 a b";
	size_t len = strlen(p) + 1;

	(void)state;
	assert_int_equal(shared_parse(&p, &len, &item), 1);
	assert_string_equal(item.path, "a b");
	assert_int_equal(item.size, 5);
	assert_int_equal(shared_parse(&p, &len, &item), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		p = bad[i].text;
		len = bad[i].len;
		assert_int_equal(shared_parse(&p, &len, &item), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(equal_files_become_one, setup, teardown),
		cmocka_unit_test_setup_teardown(other_files_stay_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_one_file_stay_one_file, setup, teardown),
		cmocka_unit_test_setup_teardown(what_lies_is_not_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_not_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(paths_lead_nowhere_else, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_layer_takes_its_files_along, setup,
						teardown),
		cmocka_unit_test(a_list_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
