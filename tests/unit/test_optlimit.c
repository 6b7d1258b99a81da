// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/optlimit.h"

#include "tests/unit/unit.h"

static void done(struct spec_resources *res)
{
	free(res->cpuset_cpus);
	free(res->cpuset_mems);
	res->unified = strv_free(res->unified);
	free(res->weights.list);
	for (size_t i = 0; i < N_IO_RATES; i++)
		free(res->rates[i].list);
}

static void refuse(const struct opt_limits *l, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct spec_resources res = { 0 };
	int r = opt_limits_put(&res, l, &err);

	done(&res);
	if (r >= 0 || !strstr(err.msg, why))
		fail_msg("%d '%s', not '%s'", r, r < 0 ? err.msg : "", why);
}

#define LIST(text)                              \
	(char *[])                              \
	{                                       \
		(char *)(uintptr_t)(text), NULL \
	}

static void test_bad_values_are_refused(void **state)
{
	const struct {
		struct opt_limits l;
		const char *why;
	} cases[] = {
		{ { .has_memory = true, .memory = 1 }, "--memory: at least 6 MiB" },
		{ { .memory_swap = "8m" }, "set a memory limit when using a memoryswap limit" },
		{ { .has_memory = true, .memory = 8 << 20, .memory_swap = "7m" },
		  "memoryswap limit should be larger than memory limit" },
		{ { .memory_swap = "-2" }, "'-2' for option '--memory-swap'" },
		{ { .memory_reservation = "-1" }, "'-1' for option '--memory-reservation'" },
		{ { .has_memory = true, .memory = 8 << 20, .memory_reservation = "9m" },
		  "--memory-reservation: minimum memory limit" },
		{ { .has_cpus = true, .nano_cpus = 1000000000, .cpu_period = "1000" },
		  "--cpu-period and --cpus cannot be set together" },
		{ { .has_cpus = true, .nano_cpus = 1000000000, .cpu_quota = "1000" },
		  "--cpu-quota and --cpus cannot be set together" },
		{ { .has_cpus = true, .nano_cpus = 1 }, "--cpus: at least 0.01" },
		{ { .cpu_period = "999" }, "--cpu-period: 999 is not between 1000 and 1000000" },
		{ { .cpu_period = "1000001" }, "--cpu-period: 1000001 is not" },
		{ { .cpu_period = "" }, "'' for option '--cpu-period'" },
		{ { .cpu_quota = "999" }, "--cpu-quota: 999 is less than 1000" },
		{ { .cpu_quota = "-2" }, "'-2' for option '--cpu-quota'" },
		{ { .cpu_quota = "99999999999999999999" }, "--cpu-quota: 9999" },
		{ { .cpu_shares = "262145" }, "--cpu-shares: 262145 is not between" },
		{ { .cpu_shares = "1.5" }, "'1.5' for option '--cpu-shares'" },
		{ { .cpuset_cpus = "a" }, "'a' for option '--cpuset-cpus'" },
		{ { .cpuset_cpus = "0-" }, "not a list such as" },
		{ { .cpuset_cpus = "1-0" }, "not a list such as" },
		{ { .cpuset_cpus = "0,,1" }, "not a list such as" },
		{ { .cpuset_cpus = "0," }, "not a list such as" },
		{ { .cpuset_cpus = "0\n" }, "not a list such as" },
		{ { .cpuset_mems = "8192" }, "no number above 8191" },
		{ { .blkio_weight = "9" }, "--blkio-weight: 9 is not between 10 and 1000" },
		{ { .weights = LIST("/dev/null") }, "bad format: '/dev/null'" },
		{ { .weights = LIST("null:10") }, "bad format" },
		{ { .weights = LIST("/dev/null:") }, "bad format" },
		{ { .weights = LIST("/dev/null:9") }, "invalid weight for device: '/dev/null:9'" },
		{ { .weights = LIST("/dev/null:10") }, "/dev/null: not a block device" },
		{ { .weights = LIST("/nosuch:10") }, "device '/nosuch': no such file" },
		{ { .rates[IO_READ_BPS] = LIST("/dev/null:x") }, "invalid rate for device" },
		{ { .rates[IO_READ_BPS] = LIST("/dev/null:-1") }, "invalid rate for device" },
		{ { .rates[IO_READ_IOPS] = LIST("/dev/null:1m") }, "--device-read-iops" },
		{ { .cgroup_conf = LIST("memory.high") }, "KEY=VALUE: 'memory.high' is not" },
		{ { .cgroup_conf = LIST("=1") }, "KEY=VALUE" },
		{ { .cgroup_conf = LIST("memory.high=") }, "KEY=VALUE" },
		{ { .cgroup_conf = LIST("../memory.high=1") }, "not the name of a file" },
		{ { .cgroup_conf = LIST("memory=1") }, "not the name of a file" },
		{ { .cgroup_conf = LIST("memory..high=1") }, "not the name of a file" },
		{ { .cgroup_conf = LIST("cgroup.procs=1") }, "'cgroup.procs' is not a limit" },
		{ { .has_pids = true, .pids_limit = -2 }, "--pids-limit: -2 is below -1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refuse(&cases[i].l, cases[i].why);
}

static void test_swap_follows_the_memory(void **state)
{
	struct opt_limits l = { .has_memory = true, .memory = 64 << 20 };
	struct spec_resources res = { 0 };

	(void)state;
	assert_int_equal(opt_limits_put(&res, &l, NULL), 0);
	assert_int_equal(res.memory_swap, 128 << 20);
	/* An update that does not name it. */
	l.memory = 32 << 20;
	assert_int_equal(opt_limits_put(&res, &l, NULL), 0);
	assert_int_equal(res.memory_swap, 64 << 20);
	/* What was asked for stays, and is no less than the memory. */
	l = (struct opt_limits){ .memory_swap = "40m" };
	assert_int_equal(opt_limits_put(&res, &l, NULL), 0);
	l = (struct opt_limits){ .has_memory = true, .memory = 36 << 20 };
	assert_int_equal(opt_limits_put(&res, &l, NULL), 0);
	assert_int_equal(res.memory_swap, 40 << 20);
	l.memory = 48 << 20;
	assert_int_equal(opt_limits_put(&res, &l, NULL), -EINVAL);
	l.memory_swap = "-1";
	assert_int_equal(opt_limits_put(&res, &l, NULL), 0);
	assert_int_equal(res.memory_swap, -1);
	l = (struct opt_limits){ .has_memory = true };
	assert_int_equal(opt_limits_put(&res, &l, NULL), 0);
	assert_int_equal(res.memory_limit, 0);
	assert_int_equal(res.memory_swap, 0);
}

static void test_zero_takes_a_limit_away(void **state)
{
	struct opt_limits l = { .memory_reservation = "8m",
				.cpu_period = "1000",
				.cpu_quota = "2000",
				.cpu_shares = "1",
				.cpuset_cpus = "0-3,7",
				.cpuset_mems = "0",
				.blkio_weight = "10",
				.cgroup_conf = LIST("memory.high=1") };
	struct spec_resources res = { 0 };

	(void)state;
	assert_true(opt_limits_given(&l));
	assert_int_equal(opt_limits_put(&res, &l, NULL), 0);
	assert_int_equal(res.cpu_shares, 2);
	assert_string_equal(res.cpuset_cpus, "0-3,7");
	assert_int_equal(res.blkio_weight, 10);
	assert_string_equal(res.unified[0], "memory.high=1");
	l = (struct opt_limits){ .memory_reservation = "0",
				 .cpu_period = "0",
				 .cpu_quota = "-1",
				 .cpu_shares = "0",
				 .cpuset_cpus = "",
				 .cpuset_mems = "",
				 .blkio_weight = "0" };
	assert_int_equal(opt_limits_put(&res, &l, NULL), 0);
	assert_int_equal(res.memory_reservation, 0);
	assert_int_equal(res.cpu_period, 0);
	assert_int_equal(res.cpu_quota, 0);
	assert_int_equal(res.cpu_shares, 0);
	assert_null(res.cpuset_cpus);
	assert_null(res.cpuset_mems);
	assert_int_equal(res.blkio_weight, 0);
	done(&res);
	l = (struct opt_limits){ 0 };
	assert_false(opt_limits_given(&l));
}

static void test_no_limit_of_memory_is_less_than_nothing(void **state)
{
	struct spec_resources res = { .memory_limit = -1, .memory_reservation = 8 << 20 };
	struct opt_limits l = { 0 };

	(void)state;
	assert_int_equal(opt_limits_put(&res, &l, NULL), 0);
	assert_int_equal(res.memory_limit, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_values_are_refused),
		cmocka_unit_test(test_swap_follows_the_memory),
		cmocka_unit_test(test_zero_takes_a_limit_away),
		cmocka_unit_test(test_no_limit_of_memory_is_less_than_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
