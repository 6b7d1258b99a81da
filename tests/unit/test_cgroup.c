// SPDX-License-Identifier: Apache-2.0
#include "libpod/cgroup/cgroup.h"
#include "libpod/cgroup/stats.h"

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
	static struct spec_device_value disk = { 8, 0, 100 };
	static char *conf[] = { (char *)"hugetlb.2MB.max=0", NULL };
	static const struct {
		struct spec_resources res;
		const char *option, *controller;
	} cases[] = {
		{ { .memory_limit = 1 }, "--memory", "'memory'" },
		{ { .cpu_quota = 1, .cpu_period = 100000 }, "--cpus", "'cpu'" },
		{ { .pids_limit = 1 }, "--pids-limit", "'pids'" },
		{ { .memory_reservation = 1 }, "--memory-reservation", "'memory'" },
		{ { .cpu_quota = 1000 }, "--cpu-quota", "'cpu'" },
		{ { .cpu_period = 1000 }, "--cpu-period", "'cpu'" },
		{ { .cpu_shares = 2 }, "--cpu-shares", "'cpu'" },
		{ { .cpuset_cpus = (char *)"0" }, "--cpuset-cpus", "'cpuset'" },
		{ { .cpuset_mems = (char *)"0" }, "--cpuset-mems", "'cpuset'" },
		{ { .blkio_weight = 10 }, "--blkio-weight", "'io'" },
		{ { .weights = { &disk, 1 } }, "--blkio-weight-device", "'io'" },
		{ { .rates[IO_READ_BPS] = { &disk, 1 } }, "--device-read-bps", "'io'" },
		{ { .rates[IO_WRITE_IOPS] = { &disk, 1 } }, "--device-write-iops", "'io'" },
		{ { .unified = conf }, "--cgroup-conf hugetlb.2MB.max", "'hugetlb'" },
	};
	struct fake *f = *state;
	char *none[] = { (char *)"misc", NULL };

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

static char *all_controllers[] = { (char *)"memory", (char *)"cpu",  (char *)"cpuset",
				   (char *)"io",     (char *)"pids", NULL };

static void touch_all(const struct fake *f)
{
	static const char *const names[] = { "memory.max",  "memory.swap.max", "memory.low",
					     "cpu.max",	    "cpu.weight",      "cpuset.cpus",
					     "cpuset.mems", "pids.max",	       "io.max",
					     "memory.high" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		touch(f->fd, names[i], "");
}

static void test_each_limit_has_its_file(void **state)
{
	struct fake *f = *state;
	struct spec_device_value disk = { 8, 16, 1048576 };
	char *unified[] = { (char *)"memory.high=32M", NULL };
	struct spec_resources res = { .memory_limit = 64 << 20,
				      .memory_swap = 96 << 20,
				      .memory_reservation = 32 << 20,
				      .cpu_period = 50000,
				      .cpu_shares = 1024,
				      .cpuset_cpus = (char *)"0-1",
				      .cpuset_mems = (char *)"0",
				      .pids_limit = -1,
				      .blkio_weight = 500,
				      .unified = unified };

	res.rates[IO_WRITE_BPS] = (struct spec_device_list){ &disk, 1 };
	touch_all(f);
	touch(f->fd, "io.bfq.weight", "");
	assert_int_equal(cgroup_apply(f->fd, &res, all_controllers, NULL), 0);
	assert_file(f->fd, "memory.swap.max", "33554432");
	assert_file(f->fd, "memory.low", "33554432");
	assert_file(f->fd, "cpu.max", "max 50000");
	assert_file(f->fd, "cpu.weight", "39");
	assert_file(f->fd, "cpuset.cpus", "0-1");
	assert_file(f->fd, "cpuset.mems", "0");
	/* A new group has none anyway. */
	assert_file(f->fd, "pids.max", "");
	assert_file(f->fd, "io.bfq.weight", "default 500");
	assert_file(f->fd, "io.max", "8:16 wbps=1048576");
	assert_file(f->fd, "memory.high", "32M");
}

static void test_scales_of_cgroup_v1_are_converted(void **state)
{
	static const struct {
		uint64_t shares;
		const char *weight;
	} cpu[] = {
		{ 2, "1" }, { 512, "20" }, { 1024, "39" }, { 2600, "100" }, { 262144, "10000" }
	};
	static const struct {
		uint32_t weight;
		const char *want;
	} io[] = { { 10, "default 1" }, { 500, "default 4950" }, { 1000, "default 10000" } };
	struct fake *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cpu); i++) {
		struct spec_resources res = { .cpu_shares = cpu[i].shares };

		touch(f->fd, "cpu.weight", "");
		assert_int_equal(cgroup_apply(f->fd, &res, all_controllers, NULL), 0);
		assert_file(f->fd, "cpu.weight", cpu[i].weight);
	}
	for (size_t i = 0; i < ARRAY_LEN(io); i++) {
		struct spec_resources res = { .blkio_weight = io[i].weight };

		touch(f->fd, "io.weight", "");
		assert_int_equal(cgroup_apply(f->fd, &res, all_controllers, NULL), 0);
		assert_file(f->fd, "io.weight", io[i].want);
	}
}

static void test_swap_as_asked_for(void **state)
{
	static const struct {
		int64_t swap;
		const char *want;
	} cases[] = {
		{ 0, "4096" }, { 8192, "4096" }, { 4096, "0" }, { 6144, "2048" }, { -1, "max" }
	};
	struct fake *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct spec_resources res = { .memory_limit = 4096, .memory_swap = cases[i].swap };

		touch(f->fd, "memory.max", "");
		touch(f->fd, "memory.swap.max", "");
		assert_int_equal(cgroup_apply(f->fd, &res, all_controllers, NULL), 0);
		assert_file(f->fd, "memory.swap.max", cases[i].want);
	}
}

/* Neither is dropped in silence. */
static void test_what_the_kernel_has_not_is_an_error(void **state)
{
	static const struct {
		struct spec_resources res;
		const char *why;
	} cases[] = {
		{ { .memory_limit = 4096, .memory_swap = 5000 }, "does not account swap" },
		{ { .blkio_weight = 100 }, "neither io.weight" },
	};
	struct fake *f = *state;

	touch(f->fd, "memory.max", "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;

		assert_int_equal(cgroup_apply(f->fd, &cases[i].res, all_controllers, &err),
				 -EOPNOTSUPP);
		assert_non_null(strstr(err.msg, cases[i].why));
	}
}

/* The group GROUP of a parent that looks like a delegated one. */
static void test_an_update_writes_what_differs(void **state)
{
	struct fake *f = *state, group = { "", -1 };
	struct spec_device_value old_disks[] = { { 8, 0, 10 }, { 8, 16, 20 } },
				 new_disks[] = { { 8, 0, 10 } };
	struct spec_resources before = { .memory_limit = 64 << 20,
					 .memory_swap = 128 << 20,
					 .cpu_shares = 2,
					 .pids_limit = 50 },
			      after = { .cpu_shares = 262144, .pids_limit = 50 };

	before.rates[IO_READ_IOPS] = (struct spec_device_list){ old_disks, 2 };
	after.rates[IO_READ_IOPS] = (struct spec_device_list){ new_disks, 1 };
	touch(f->fd, "cgroup.controllers", "cpuset cpu io memory pids\n");
	touch(f->fd, "cgroup.subtree_control", "cpuset cpu io memory pids\n");
	assert_int_equal(mkdirat(f->fd, "group", 0755), 0);
	group.fd = openat(f->fd, "group", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	touch_all(&group);
	assert_int_equal(cgroup_update(f->path, "/group", &before, &after, NULL), 0);
	assert_file(group.fd, "memory.max", "max");
	assert_file(group.fd, "memory.swap.max", "max");
	assert_file(group.fd, "cpu.weight", "10000");
	assert_file(group.fd, "pids.max", "");
	assert_file(group.fd, "io.max", "8:16 riops=max");
	/* One file is missing: the one that was written before is as it was. */
	assert_int_equal(unlinkat(group.fd, "cpu.weight", 0), 0);
	touch(group.fd, "memory.max", "");
	after.memory_limit = 32 << 20;
	assert_true(cgroup_update(f->path, "/group", &before, &after, NULL) < 0);
	assert_file(group.fd, "memory.max", "67108864");
	(void)close(group.fd);
}

/* Where no systemd gives an answer: in the files of the scope, of whichever scheduler. */
static void test_weights_are_the_scopes_as_well(void **state)
{
	struct fake *f = *state, scope = { "", -1 }, group = { "", -1 };
	struct spec_device_value disk = { .major = 8, .minor = 0, .value = 1000 };
	struct spec_resources before = { .cpu_shares = 2, .blkio_weight = 10 },
			      after = { .cpu_shares = 262144, .blkio_weight = 500 };

	assert_int_equal(setenv("XDG_RUNTIME_DIR", f->path, 1), 0);
	assert_int_equal(unsetenv("DBUS_SESSION_BUS_ADDRESS"), 0);
	assert_int_equal(mkdirat(f->fd, "cmk-x.scope", 0755), 0);
	scope.fd = openat(f->fd, "cmk-x.scope", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	touch(scope.fd, "cgroup.controllers", "cpu io\n");
	touch(scope.fd, "cgroup.subtree_control", "cpu io\n");
	touch(scope.fd, "cpu.weight", "");
	touch(scope.fd, "io.bfq.weight", "");
	touch(scope.fd, "io.weight", "");
	assert_int_equal(mkdirat(scope.fd, "container", 0755), 0);
	group.fd = openat(scope.fd, "container", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	touch_all(&group);
	touch(group.fd, "io.bfq.weight", "");
	assert_int_equal(cgroup_update(f->path, "/cmk-x.scope/container", &before, &after, NULL),
			 0);
	assert_file(group.fd, "cpu.weight", "10000");
	assert_file(scope.fd, "cpu.weight", "10000");
	assert_file(group.fd, "io.bfq.weight", "default 500");
	assert_file(scope.fd, "io.bfq.weight", "default 500");
	assert_file(scope.fd, "io.weight", "");
	/* What stays is not written; without a file of bfq's in the scale of io.weight. */
	touch(scope.fd, "cpu.weight", "");
	assert_int_equal(unlinkat(scope.fd, "io.bfq.weight", 0), 0);
	before = after;
	after.blkio_weight = 0;
	assert_int_equal(cgroup_update(f->path, "/cmk-x.scope/container", &before, &after, NULL),
			 0);
	assert_file(scope.fd, "cpu.weight", "");
	assert_file(scope.fd, "io.weight", "default 100");
	/* That of one device, too, there and gone again. */
	before = after;
	after.weights = (struct spec_device_list){ .list = &disk, .n = 1 };
	touch(scope.fd, "io.weight", "");
	assert_int_equal(cgroup_update(f->path, "/cmk-x.scope/container", &before, &after, NULL),
			 0);
	assert_file(scope.fd, "io.weight", "8:0 10000");
	touch(scope.fd, "io.weight", "");
	assert_int_equal(cgroup_update(f->path, "/cmk-x.scope/container", &after, &before, NULL),
			 0);
	assert_file(scope.fd, "io.weight", "8:0 default");
	(void)close(group.fd);
	(void)close(scope.fd);
}

static void test_cpus_that_are_not_there_are_an_error(void **state)
{
	struct fake *f = *state;
	struct cgroup_delegation d = { .path = (char *)"/x",
				       .controllers = all_controllers,
				       .fd = f->fd };
	struct spec_resources res = { .cpuset_cpus = (char *)"1-2" };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	touch(f->fd, "cpuset.cpus.effective", "0-1\n");
	assert_int_equal(cgroup_check_limits(&d, &res, &err), -EINVAL);
	assert_non_null(
		strstr(err.msg, "--cpuset-cpus: '1-2' is not available: there is 0-1 here"));
	res.cpuset_cpus = (char *)"0,1";
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

static void test_pressure_is_read_from_the_groups_files(void **state)
{
	static const char *const bad[] = { "", "some", "some avg10=x", "some avg10=1.5 avg60=",
					   "some avg10=0.00 avg60=0.00 avg300=0.00 total=-1" };
	struct fake *f = *state;
	struct cgroup_stats s;
	struct cgroup_pressure p = { 0 };

	touch(f->fd, "memory.pressure",
	      "some avg10=12.34 avg60=1.05 avg300=100.00 total=77\n"
	      "full avg10=0.01 avg60=0.00 avg300=0.00 total=18446744073709551615\n");
	touch(f->fd, "cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
	cgroup_stats_read(f->fd, &s);
	assert_true(s.pressure[PRESSURE_MEMORY].has);
	assert_int_equal(s.pressure[PRESSURE_MEMORY].some.avg10, 1234);
	assert_int_equal(s.pressure[PRESSURE_MEMORY].some.avg60, 105);
	assert_int_equal(s.pressure[PRESSURE_MEMORY].some.avg300, 10000);
	assert_int_equal(s.pressure[PRESSURE_MEMORY].full.avg10, 1);
	assert_true(s.pressure[PRESSURE_MEMORY].full.total == UINT64_MAX);
	assert_int_equal(s.pressure[PRESSURE_CPU].some.total, 5);
	assert_int_equal(s.pressure[PRESSURE_CPU].full.total, 0);
	assert_false(s.pressure[PRESSURE_IO].has);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(cgroup_pressure_parse(bad[i], &p));
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
		cmocka_unit_test_setup_teardown(test_each_limit_has_its_file, make_fake, drop_fake),
		cmocka_unit_test_setup_teardown(test_scales_of_cgroup_v1_are_converted, make_fake,
						drop_fake),
		cmocka_unit_test_setup_teardown(test_swap_as_asked_for, make_fake, drop_fake),
		cmocka_unit_test_setup_teardown(test_what_the_kernel_has_not_is_an_error, make_fake,
						drop_fake),
		cmocka_unit_test_setup_teardown(test_an_update_writes_what_differs, make_fake,
						drop_fake),
		cmocka_unit_test_setup_teardown(test_weights_are_the_scopes_as_well, make_fake,
						drop_fake),
		cmocka_unit_test_setup_teardown(test_cpus_that_are_not_there_are_an_error,
						make_fake, drop_fake),
		cmocka_unit_test(test_limits_without_any_delegation_say_why),
		cmocka_unit_test_setup_teardown(test_pressure_is_read_from_the_groups_files,
						make_fake, drop_fake),
		cmocka_unit_test_setup_teardown(test_oom_kills_come_from_memory_events, make_fake,
						drop_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
