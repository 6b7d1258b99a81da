// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"

#include <signal.h>

#include "tests/unit/unit.h"

static void test_numbers_are_whole_and_in_range(void **state)
{
	uint64_t u = 7;
	int64_t i = 7;

	(void)state;
	assert_int_equal(parse_u64("42", 100, &u), 0);
	assert_int_equal(u, 42);
	assert_int_equal(parse_u64("101", 100, &u), -ERANGE);
	assert_int_equal(parse_u64("18446744073709551616", UINT64_MAX, &u), -ERANGE);
	assert_int_equal(parse_u64("", 100, &u), -EINVAL);
	assert_int_equal(parse_u64("1x", 100, &u), -EINVAL);
	assert_int_equal(parse_u64(" 1", 100, &u), -EINVAL);
	assert_int_equal(parse_u64("+1", 100, &u), -EINVAL);
	assert_int_equal(parse_u64("-1", 100, &u), -EINVAL);
	assert_int_equal(u, 42);
	assert_int_equal(parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(parse_i64("--1", INT64_MIN, INT64_MAX, &i), -EINVAL);
}

static void test_bytes_take_suffixes_and_fractions(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(parse_bytes("64m", &v), 0);
	assert_int_equal(v, 64 << 20);
	assert_int_equal(parse_bytes("1.5GiB", &v), 0);
	assert_int_equal(v, 1610612736);
	assert_int_equal(parse_bytes("123", &v), 0);
	assert_int_equal(v, 123);
	assert_int_equal(parse_bytes_decimal("65536k", &v), 0);
	assert_int_equal(v, 65536000);
	assert_int_equal(parse_bytes_decimal("201", &v), 0);
	assert_int_equal(v, 201);
	assert_int_equal(parse_bytes_decimal("1e", &v), -EINVAL);
	assert_int_equal(parse_bytes("12q", &v), -EINVAL);
	assert_int_equal(parse_bytes("m", &v), -EINVAL);
	assert_int_equal(parse_bytes("-1", &v), -EINVAL);
	assert_int_equal(parse_bytes("99999999999t", &v), -ERANGE);
}

static void test_durations_are_go_like(void **state)
{
	int64_t ns = 0;

	(void)state;
	assert_int_equal(parse_duration("1h30m", &ns), 0);
	assert_true(ns == 5400LL * 1000000000);
	assert_int_equal(parse_duration("1.5s", &ns), 0);
	assert_true(ns == 1500000000);
	assert_int_equal(parse_duration("250ms", &ns), 0);
	assert_true(ns == 250000000);
	assert_int_equal(parse_duration("10", &ns), 0);
	assert_true(ns == 10000000000LL);
	assert_int_equal(parse_duration("", &ns), -EINVAL);
	assert_int_equal(parse_duration("1y", &ns), -EINVAL);
}

static void test_signals_by_name_and_number(void **state)
{
	(void)state;
	assert_int_equal(parse_signal("TERM"), SIGTERM);
	assert_int_equal(parse_signal("sigkill"), SIGKILL);
	assert_int_equal(parse_signal("9"), 9);
	assert_int_equal(parse_signal("RTMIN+1"), 35);
	assert_int_equal(parse_signal("0"), -EINVAL);
	assert_int_equal(parse_signal("65"), -EINVAL);
	assert_int_equal(parse_signal("BOGUS"), -EINVAL);
	assert_string_equal(signal_name(SIGTERM), "SIGTERM");
}

static void test_octal_escapes_are_taken_away(void **state)
{
	char text[] = "/a\\040b\\134\\x\\01", none[] = "";

	(void)state;
	parse_unescape_octal(text);
	assert_string_equal(text, "/a b\\\\x\\01");
	parse_unescape_octal(none);
	assert_string_equal(none, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_whole_and_in_range),
		cmocka_unit_test(test_bytes_take_suffixes_and_fractions),
		cmocka_unit_test(test_durations_are_go_like),
		cmocka_unit_test(test_signals_by_name_and_number),
		cmocka_unit_test(test_octal_escapes_are_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
