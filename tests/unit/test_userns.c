// SPDX-License-Identifier: Apache-2.0
#include "base/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/process.h"
#include "tests/unit/unit.h"

static void start(struct id_map *m, uint32_t own)
{
	*m = (struct id_map){ 0 };
	id_map_add(m, 0, own, 1);
}

static void test_ranges_follow_own_id(void **state)
{
	struct id_map u, g;

	(void)state;
	start(&u, 1000);
	start(&g, 100);
	assert_int_equal(userns_ranges_parse("u 100000 65536\nu 400000 10\ng 5 7\nend\n", &u, &g),
			 0);
	assert_int_equal(u.n, 3);
	assert_int_equal(u.range[1].inside, 1);
	assert_int_equal(u.range[2].inside, 65537);
	assert_int_equal(u.range[2].outside, 400000);
	assert_int_equal(id_map_to_outside(&u, 0), 1000);
	assert_int_equal(id_map_to_outside(&u, 1), 100000);
	assert_int_equal(id_map_to_outside(&u, 65546), 400009);
	assert_int_equal(id_map_to_outside(&u, 65547), UINT32_MAX);
	assert_int_equal(id_map_to_inside(&u, 400009), 65546);
	assert_int_equal(id_map_to_inside(&u, 99999), UINT32_MAX);
	assert_int_equal(g.n, 2);
	id_map_done(&u);
	id_map_done(&g);
}

static void test_bad_ranges_are_refused_or_left_out(void **state)
{
	static const char *const bad[] = { "",
					   "u 1 2\n",
					   "u 1\nend\n",
					   "u 1 2 3\nend\n",
					   "x 1 2\nend\n",
					   "u -1 2\nend\n",
					   "u 1 99999999999\nend\n",
					   "end\nmore",
					   "end",
					   "u 1 2" };
	struct id_map u, g;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		start(&u, 1);
		start(&g, 1);
		assert_int_equal(userns_ranges_parse(bad[i], &u, &g), -EBADMSG);
		id_map_done(&u);
		id_map_done(&g);
	}
	start(&u, 1);
	start(&g, 1);
	assert_int_equal(userns_ranges_parse("u 4294967290 100\nu 7 0\nend\n", &u, &g), 0);
	assert_int_equal(u.n, 1);
	id_map_done(&u);
	id_map_done(&g);
}

static void test_nested_map_is_split_where_the_parent_is(void **state)
{
	struct id_map parent, m = { 0 }, out = { 0 };

	(void)state;
	start(&parent, 1000);
	id_map_add(&parent, 1, 100000, 65536);
	id_map_add(&m, 0, 0, 65537);
	assert_int_equal(id_map_split(&m, &parent, &out), 0);
	assert_int_equal(out.n, 2);
	assert_int_equal(out.range[0].count, 1);
	assert_int_equal(out.range[1].inside, 1);
	assert_int_equal(out.range[1].outside, 1);
	assert_int_equal(out.range[1].count, 65536);
	id_map_done(&out);
	id_map_add(&m, 70000, 70000, 1);
	assert_int_equal(id_map_split(&m, &parent, &out), -EPERM);
	id_map_done(&m);
	id_map_done(&parent);
}

static void test_map_text_round_trips(void **state)
{
	struct id_map m = { 0 };
	char *text;

	(void)state;
	assert_int_equal(id_map_parse("         0       1000          1\n1 100000 65536\n", &m), 0);
	text = id_map_text(&m);
	assert_string_equal(text, "0 1000 1\n1 100000 65536\n");
	free(text);
	id_map_done(&m);
	assert_int_equal(id_map_parse("0 1\n", &m), -EINVAL);
	assert_int_equal(id_map_parse("0 1 2 3\n", &m), -EINVAL);
	assert_int_equal(id_map_parse("a b c\n", &m), -EINVAL);
}

/* --- with the kernel: as whoever runs the tests --- */

struct fixture {
	char dir[64];
	int run_fd;
	struct userns_config c;
};

static int setup(void **state)
{
	static struct fixture f;

	(void)setenv("CMK_LIBEXECDIR", getenv("CMK_BUILDDIR") ?: ".", 1);
	(void)snprintf(f.dir, sizeof(f.dir), "/tmp/cmk-test-userns-XXXXXX");
	if (!mkdtemp(f.dir))
		return -1;
	f.run_fd = open(f.dir, O_DIRECTORY | O_CLOEXEC);
	*state = &f;
	return userns_config_load(f.run_fd, &f.c, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	userns_config_done(&f->c);
	(void)close(f->run_fd);
	return remove_tree_at(AT_FDCWD, f->dir, NULL);
}

static bool userns_works(void)
{
	pid_t pid = process_fork("probe", 0, NULL, NULL);

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
	return process_reap(pid) == 0;
}

static int report_ids(void *arg, struct cmk_err *err)
{
	struct stat st;

	(void)err;
	if (geteuid() != 0)
		return -1;
	assert_int_equal(stat(arg, &st), 0);
	return (int)st.st_uid + 100;
}

static int fail_with_words(void *arg, struct cmk_err *err)
{
	return cmk_err_set(err, -EXDEV, "no way: %s", (const char *)arg);
}

static void test_work_runs_as_root_of_the_parent_namespace(void **state)
{
	struct fixture *f = *state;
	struct cmk_err err = CMK_ERR_INIT;
	char word[] = "x";

	if (!userns_works())
		skip();
	assert_int_equal(userns_run(f->run_fd, &f->c, true, report_ids, f->dir, &err), 100);
	assert_int_equal(userns_run(f->run_fd, &f->c, false, fail_with_words, word, &err), -EXDEV);
	assert_string_equal(cmk_err_msg(&err), "no way: x");
	cmk_err_done(&err);
}

static void test_a_damaged_cache_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct userns_config c = { 0 };
	char *before = NULL, *after = NULL;
	size_t n;

	assert_int_equal(file_read_at(f->run_fd, "subid-cache", 65536, &before, &n, NULL), 0);
	assert_int_equal(userns_config_load(f->run_fd, &c, NULL), 0);
	if (c.mode != USERNS_ONE_TO_ONE)
		assert_true(c.from_cache);
	userns_config_done(&c);
	before[n - 2] ^= 1;
	assert_int_equal(file_replace_at(f->run_fd, "subid-cache", before, n, 0600, 0, NULL), 0);
	before[n - 2] ^= 1;
	c = (struct userns_config){ 0 };
	assert_int_equal(userns_config_load(f->run_fd, &c, NULL), 0);
	assert_false(c.from_cache);
	assert_int_equal(c.uids.n, f->c.uids.n);
	userns_config_done(&c);
	assert_int_equal(file_read_at(f->run_fd, "subid-cache", 65536, &after, NULL, NULL), 0);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* What the first process does once it is in the parent namespace and has said which that is. */
static void stay(void)
{
}

/* As a hostile container's init may: its own namespace is no longer the one that we made. */
static void go_deeper(void)
{
	if (unshare(CLONE_NEWUSER) < 0)
		_exit(1);
}

static void cmk_noreturn enter_and_tell(struct fixture *f, int out, void (*then)(void), int go)
{
	char link[64] = "", c = 0;

	if (userns_parent_enter(f->run_fd, &f->c, NULL, NULL) < 0 ||
	    readlink("/proc/self/ns/user", link, sizeof(link) - 1) < 0)
		_exit(1);
	then();
	if (write(out, link, sizeof(link)) != sizeof(link))
		_exit(1);
	_exit(go < 0 || read(go, &c, 1) == 0 ? 0 : 1);
}

static void second_joins_first(struct fixture *f, void (*then)(void))
{
	char a[64] = "", b[64] = "";
	int go[2], out[2];
	pid_t pid, pid2;

	if (!userns_works())
		skip();
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = process_fork("first", 0, NULL, NULL);
	if (pid == 0) {
		(void)close(go[1]);
		enter_and_tell(f, out[1], then, go[0]);
	}
	(void)close(go[0]);
	assert_int_equal(read(out[0], a, sizeof(a)), sizeof(a));
	pid2 = process_fork("second", 0, NULL, NULL);
	if (pid2 == 0)
		enter_and_tell(f, out[1], stay, -1);
	assert_int_equal(read(out[0], b, sizeof(b)), sizeof(b));
	(void)close(go[1]);
	assert_string_equal(a, b);
	assert_int_equal(process_reap(pid), 0);
	assert_int_equal(process_reap(pid2), 0);
	(void)close(out[0]);
	(void)close(out[1]);
}

static int look_around(void *arg, struct cmk_err *err cmk_unused)
{
	const struct fixture *f = arg;
	struct userns_config c = { 0 };
	struct process_id session = { 0 };
	int r;

	if (userns_config_load(f->run_fd, &c, NULL) < 0 || c.mode != USERNS_INSIDE ||
	    c.uids.range[0].inside != c.uids.range[0].outside)
		return 1;
	userns_config_done(&c);
	/* There is nothing to enter, and no hint is left for that. */
	c.mode = USERNS_INSIDE;
	r = userns_parent_enter(f->run_fd, &c, NULL, NULL);
	if (r < 0 || userns_session(f->run_fd, &session) < 0 || session.pid != getpid())
		return 2;
	/* A mount namespace of which no hint knows is no session. */
	userns_hint_remove(f->run_fd, getpid());
	if (userns_session(f->run_fd, &session) != -ESRCH || userns_is_parent(f->run_fd))
		return 3;
	return 0;
}

static void test_who_is_inside_knows_it(void **state)
{
	struct fixture *f = *state;
	struct process_id session;

	if (!userns_works())
		skip();
	assert_int_equal(userns_run(f->run_fd, &f->c, true, look_around, f, NULL), 0);
	assert_false(userns_is_parent(f->run_fd));
	assert_int_equal(userns_session(f->run_fd, &session), -ESRCH);
}

static void test_a_bad_hint_is_none(void **state)
{
	static const char *const bad[] = { "x", "1.", "1.x", ".1", "1.2.3", "-1" };
	struct fixture *f = *state;
	char name[32];

	(void)mkdirat(f->run_fd, "userns", 0700);
	(void)snprintf(name, sizeof(name), "userns/%d", (int)getpid());
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(symlinkat(bad[i], f->run_fd, name), 0);
		assert_false(userns_is_parent(f->run_fd));
		assert_int_equal(unlinkat(f->run_fd, name, 0), 0);
	}
}

static void test_the_second_joins_the_first(void **state)
{
	second_joins_first(*state, stay);
}

static void test_a_process_that_went_deeper_leads_to_the_parent_still(void **state)
{
	second_joins_first(*state, go_deeper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges_follow_own_id),
		cmocka_unit_test(test_bad_ranges_are_refused_or_left_out),
		cmocka_unit_test(test_nested_map_is_split_where_the_parent_is),
		cmocka_unit_test(test_map_text_round_trips),
		cmocka_unit_test(test_work_runs_as_root_of_the_parent_namespace),
		cmocka_unit_test(test_a_damaged_cache_is_asked_for_again),
		cmocka_unit_test(test_who_is_inside_knows_it),
		cmocka_unit_test(test_a_bad_hint_is_none),
		cmocka_unit_test(test_the_second_joins_the_first),
		cmocka_unit_test(test_a_process_that_went_deeper_leads_to_the_parent_still),
	};

	/* A child that dies early must not leave us waiting. */
	(void)alarm(60);
	return cmocka_run_group_tests(tests, setup, teardown);
}
