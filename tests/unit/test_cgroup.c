// SPDX-License-Identifier: Apache-2.0
#include "libpod/cgroup/cgroup.h"

#include <fcntl.h>

#include "base/file.h"
#include "tests/unit/unit.h"

/* A directory that looks like a group: what is written to its files can be read back. */
struct fake {
	char path[32];
	int fd;
};

static void touch(int dirfd, const char *name, const char *text)
{
	assert_int_equal(file_replace_at(dirfd, name, text, strlen(text), 0644, 0, NULL), 0);
}

static int make_fake(void **state)
{
	struct fake *f = xcalloc(1, sizeof(*f));

	(void)snprintf(f->path, sizeof(f->path), "/tmp/cmk-test-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->fd >= 0);
	*state = f;
	return 0;
}

static int drop_fake(void **state)
{
	struct fake *f = *state;

	(void)close(f->fd);
	assert_int_equal(remove_tree_at(AT_FDCWD, f->path, NULL), 0);
	free(f);
	return 0;
}

static void assert_file(int dirfd, const char *name, const char *want)
{
	cleanup_free char *text = NULL;

	assert_int_equal(file_read_at(dirfd, name, 4096, &text, NULL, NULL), 0);
	assert_string_equal(text, want);
}

static void test_limits_are_written_in_the_kernels_words(void **state)
{
	struct fake *f = *state;
	char *all[] = { (char *)"memory", (char *)"cpu", (char *)"pids", NULL };
	struct spec_resources res = {
		.memory_limit = 64 << 20, .cpu_quota = 50000, .cpu_period = 100000, .pids_limit = 50
	};

	touch(f->fd, "memory.max", "");
	touch(f->fd, "memory.swap.max", "");
	touch(f->fd, "cpu.max", "");
	touch(f->fd, "pids.max", "");
	assert_int_equal(cgroup_apply(f->fd, &res, all, NULL), 0);
	assert_file(f->fd, "memory.max", "67108864");
	assert_file(f->fd, "memory.swap.max", "67108864");
	assert_file(f->fd, "cpu.max", "50000 100000");
	assert_file(f->fd, "pids.max", "50");
}

static void test_memory_without_swap_accounting(void **state)
{
	struct fake *f = *state;
	char *all[] = { (char *)"memory", NULL };
	struct spec_resources res = { .memory_limit = 4096 };

	touch(f->fd, "memory.max", "");
	assert_int_equal(cgroup_apply(f->fd, &res, all, NULL), 0);
	assert_file(f->fd, "memory.max", "4096");
	assert_int_equal(faccessat(f->fd, "memory.swap.max", F_OK, 0), -1);
}

static void test_a_missing_controller_is_named(void **state)
{
	static const struct {
		struct spec_resources res;
		const char *option, *controller;
	} cases[] = {
		{ { .memory_limit = 1 }, "--memory", "'memory'" },
		{ { .cpu_quota = 1, .cpu_period = 1 }, "--cpus", "'cpu'" },
		{ { .pids_limit = 1 }, "--pids-limit", "'pids'" },
	};
	struct fake *f = *state;
	char *none[] = { (char *)"io", NULL };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cgroup_delegation d = { .path = (char *)"/x", .controllers = none };
		cleanup_err struct cmk_err err = CMK_ERR_INIT;

		assert_int_equal(cgroup_apply(f->fd, &cases[i].res, none, &err), -EOPNOTSUPP);
		assert_int_equal(err.kind, CMK_ERR_UNSUPPORTED);
		assert_non_null(strstr(err.msg, cases[i].option));
		assert_non_null(strstr(err.msg, cases[i].controller));
		assert_non_null(strstr(err.hint, "Delegate="));
		assert_int_equal(cgroup_check_limits(&d, &cases[i].res, NULL), -EOPNOTSUPP);
	}
}

static void test_limits_without_any_delegation_say_why(void **state)
{
	struct cgroup_delegation d = { .why = (char *)"no cgroup v2 hierarchy is mounted" };
	struct spec_resources res = { .memory_limit = 1 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	(void)state;
	assert_int_equal(cgroup_check_limits(&d, &res, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "no cgroup v2"));
	res.memory_limit = 0;
	assert_int_equal(cgroup_check_limits(&d, &res, NULL), 0);
}

static void test_oom_kills_come_from_memory_events(void **state)
{
	struct fake *f = *state;
	uint64_t n = 0;

	assert_int_equal(cgroup_oom_kills(f->fd, &n), -ENOENT);
	touch(f->fd, "memory.events",
	      "low 0\nhigh 0\nmax 12\noom 2\noom_kill 3\noom_group_kill 0\n");
	assert_int_equal(cgroup_oom_kills(f->fd, &n), 0);
	assert_int_equal(n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_limits_are_written_in_the_kernels_words,
						make_fake, drop_fake),
		cmocka_unit_test_setup_teardown(test_memory_without_swap_accounting, make_fake,
						drop_fake),
		cmocka_unit_test_setup_teardown(test_a_missing_controller_is_named, make_fake,
						drop_fake),
		cmocka_unit_test(test_limits_without_any_delegation_say_why),
		cmocka_unit_test_setup_teardown(test_oom_kills_come_from_memory_events, make_fake,
						drop_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
