// SPDX-License-Identifier: Apache-2.0
/* Files through a tar stream into another directory, and names at one end of a copy. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "libpod/copy/internal.h"
#include "unit.h"

struct place {
	char dir[64];
	int dirfd, from, to;
	struct cmk_err err;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->dirfd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->from = open_dir_at(p->dirfd, "from", 0755, NULL);
	p->to = open_dir_at(p->dirfd, "to", 0755, NULL);
	assert_true(p->from >= 0 && p->to >= 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	(void)close(p->from);
	(void)close(p->to);
	(void)close(p->dirfd);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	cmk_err_done(&p->err);
	free(p);
	return 0;
}

static void put(int dir, const char *name, const char *text)
{
	assert_int_equal(file_replace_at(dir, name, text, strlen(text), 0644, 0, NULL), 0);
}

static void assert_text(int dir, const char *name, const char *want)
{
	cleanup_free char *text = NULL;

	assert_int_equal(file_read_at(dir, name, 1 << 20, &text, NULL, NULL), 0);
	assert_string_equal(text, want);
}

/* NAME of "from", called AS, into "to". */
static int copy(struct place *p, const char *name, const char *as, bool overwrite)
{
	const struct storage_extract_options x = { .single = true,
						   .overwrite = overwrite,
						   .shown = "/to" };
	const struct storage_pack_options o = { 0 };
	cleanup_close int mem = memfd_create("tar", MFD_CLOEXEC);

	cmk_err_done(&p->err);
	if (storage_pack_entry(p->from, name, as, &o, mem, &p->err) < 0)
		fail_msg("pack: %s", cmk_err_msg(&p->err));
	assert_int_equal(lseek(mem, 0, SEEK_SET), 0);
	return storage_extract(p->to, mem, &x, &p->err);
}

static void a_tree_arrives_as_it_was(void **state)
{
	const struct timespec old[2] = { { 1000, 0 }, { 1000000000, 123456789 } };
	struct place *p = *state;
	char link[8] = "";
	struct stat st;
	int holes;

	assert_int_equal(mkdirat(p->from, "d", 0750), 0);
	assert_int_equal(mkdirat(p->from, "d/empty", 0700), 0);
	put(p->from, "d/file", "text");
	assert_int_equal(fchmodat(p->from, "d/file", 04751, 0), 0);
	assert_int_equal(linkat(p->from, "d/file", p->from, "d/hard", 0), 0);
	assert_int_equal(symlinkat("file", p->from, "d/soft"), 0);
	assert_int_equal(mkfifoat(p->from, "d/fifo", 0640), 0);
	put(p->from, "d/.wh.file", "no mark here");
	put(p->from, "d/holes", "x");
	holes = openat(p->from, "d/holes", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(holes, 1 << 20), 0);
	(void)close(holes);
	assert_int_equal(utimensat(p->from, "d/file", old, 0), 0);
	assert_int_equal(copy(p, "d", "other", false), 0);
	assert_text(p->to, "other/file", "text");
	assert_text(p->to, "other/.wh.file", "no mark here");
	assert_int_equal(fstatat(p->to, "other/file", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04751);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(fstatat(p->to, "other", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fstatat(p->to, "other/fifo", &st, 0), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(fstatat(p->to, "other/holes", &st, 0), 0);
	assert_int_equal(st.st_size, 1 << 20);
	assert_true(st.st_blocks < 100);
	assert_int_equal(readlinkat(p->to, "other/soft", link, sizeof(link)), 4);
}

static void contents_alone(void **state)
{
	struct place *p = *state;

	assert_int_equal(mkdirat(p->from, "d", 0700), 0);
	put(p->from, "d/file", "text");
	assert_int_equal(copy(p, "d", NULL, false), 0);
	assert_text(p->to, "file", "text");
	assert_int_equal(copy(p, ".", NULL, false), 0);
	assert_text(p->to, "d/file", "text");
}

static void directories_are_merged_and_files_replaced(void **state)
{
	struct place *p = *state;

	assert_int_equal(mkdirat(p->from, "d", 0700), 0);
	put(p->from, "d/new", "new");
	put(p->from, "d/both", "new");
	assert_int_equal(mkdirat(p->to, "d", 0700), 0);
	put(p->to, "d/old", "old");
	put(p->to, "away", "old");
	assert_int_equal(symlinkat("../away", p->to, "d/both"), 0);
	assert_int_equal(copy(p, "d", "d", false), 0);
	assert_text(p->to, "d/old", "old");
	assert_text(p->to, "d/new", "new");
	assert_text(p->to, "d/both", "new");
	/* Not through the link. */
	assert_text(p->to, "away", "old");
}

static void kinds_change_only_when_asked(void **state)
{
	struct place *p = *state;

	put(p->from, "x", "file");
	assert_int_equal(mkdirat(p->to, "x", 0700), 0);
	put(p->to, "x/keep", "k");
	assert_int_equal(copy(p, "x", "x", false), -EEXIST);
	assert_non_null(strstr(p->err.msg, "error creating \"/to/x\": "));
	assert_non_null(strstr(p->err.msg, ": file exists"));
	assert_text(p->to, "x/keep", "k");
	assert_int_equal(copy(p, "x", "x", true), 0);
	assert_text(p->to, "x", "file");
	assert_int_equal(unlinkat(p->from, "x", 0), 0);
	assert_int_equal(mkdirat(p->from, "x", 0700), 0);
	assert_int_equal(copy(p, "x", "x", false), -EEXIST);
	assert_int_equal(copy(p, "x", "x", true), 0);
	assert_int_equal(faccessat(p->to, "x/.", F_OK, 0), 0);
}

static void links_in_the_target_lead_nowhere_out(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(mkdirat(p->from, "d", 0700), 0);
	put(p->from, "d/planted", "x");
	assert_int_equal(mkdirat(p->dirfd, "outside", 0700), 0);
	assert_int_equal(symlinkat("../outside", p->to, "d"), 0);
	assert_int_equal(copy(p, "d", "d", false), -EEXIST);
	assert_int_equal(fstatat(p->dirfd, "outside/planted", &st, 0), -1);
}

/* --- names --- */

static struct copy_path resolve(int root, const char *path, bool follow)
{
	struct copy_path r = { .parent = -1 };
	int q = copy_path_resolve(root, path, follow, false, &r);

	if (q < 0)
		fail_msg("'%s': %s", path, strerror(-q));
	return r;
}

static void expect_name(int root, const char *path, bool follow, const char *name, bool exists)
{
	struct copy_path r = resolve(root, path, follow);

	assert_string_equal(r.name, name);
	assert_int_equal(r.exists, exists);
	copy_path_done(&r);
}

static void expect_failure(int root, const char *path, int code)
{
	struct copy_path r = { .parent = -1 };

	assert_int_equal(copy_path_resolve(root, path, true, false, &r), code);
}

static void names_are_taken_inside_the_root(void **state)
{
	struct place *p = *state;
	struct copy_path r;

	assert_int_equal(mkdirat(p->from, "d", 0700), 0);
	put(p->from, "d/f", "x");
	put(p->dirfd, "secret", "x");
	assert_int_equal(symlinkat("/d/f", p->from, "absolute"), 0);
	assert_int_equal(symlinkat("../../../../secret", p->from, "up"), 0);
	assert_int_equal(symlinkat("d", p->from, "dir"), 0);
	assert_int_equal(symlinkat("/d/made", p->from, "dangling"), 0);
	assert_int_equal(symlinkat("loop", p->from, "loop"), 0);
	expect_name(p->from, "/d/f", true, "f", true);
	expect_name(p->from, "d//f", true, "f", true);
	expect_name(p->from, "/absolute", true, "f", true);
	expect_name(p->from, "/absolute", false, "absolute", true);
	expect_name(p->from, "/dir", true, "d", true);
	expect_name(p->from, "/dir/", false, "d", true);
	expect_name(p->from, "/dir/f", true, "f", true);
	expect_name(p->from, "/dangling", true, "made", false);
	expect_name(p->from, "/none", true, "none", false);
	expect_name(p->from, "/", true, ".", true);
	expect_name(p->from, "/../../..", true, ".", true);
	expect_name(p->from, "/d/.", true, ".", true);
	expect_name(p->from, "/d/..", true, ".", true);
	/* Up from the root is the root: no such file there. */
	expect_name(p->from, "/up", true, "secret", false);
	expect_name(p->from, "/../secret", true, "secret", false);
	expect_failure(p->from, "/none/f", -ENOENT);
	expect_failure(p->from, "/none/", -ENOENT);
	expect_failure(p->from, "/dangling/", -ENOENT);
	expect_failure(p->from, "/d/f/", -ENOTDIR);
	expect_failure(p->from, "/d/f/x", -ENOTDIR);
	expect_failure(p->from, "/loop", -ELOOP);
	expect_failure(p->from, "", -ENOENT);
	r = resolve(p->from, "/dangling", true);
	put(r.parent, r.name, "made");
	copy_path_done(&r);
	assert_text(p->from, "d/made", "made");
}

static void which_paths_mean_contents(void **state cmk_unused)
{
	static const char *const yes[] = { ".", "..", "/", "//", "x/.", "/x/y/.", "x/..", "./." };
	static const char *const no[] = { "x", "x/", "/x", "x.", "x/y.", "x/..y", "...", "./x" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (!copy_path_is_contents(yes[i]))
			fail_msg("'%s'", yes[i]);
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (copy_path_is_contents(no[i]))
			fail_msg("'%s'", no[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_tree_arrives_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(contents_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(directories_are_merged_and_files_replaced, setup,
						teardown),
		cmocka_unit_test_setup_teardown(kinds_change_only_when_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(links_in_the_target_lead_nowhere_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(names_are_taken_inside_the_root, setup, teardown),
		cmocka_unit_test(which_paths_mean_contents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
