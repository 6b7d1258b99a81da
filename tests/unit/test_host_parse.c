// SPDX-License-Identifier: Apache-2.0
#include "cmd/host_parse.h"

#include "base/util.h"
#include "tests/unit/unit.h"

static void cpu_is_told_in_hundredths_of_a_percent(void **state cmk_unused)
{
	uint32_t v[HOST_CPU_N] = { 0 };

	assert_true(host_parse_cpu("cpu  2953 17 4671 2376 5 0 3 0 0 0\ncpu0 1 1 1 1\n", v));
	assert_int_equal(v[HOST_CPU_USER], 2953);
	assert_int_equal(v[HOST_CPU_SYSTEM], 4671);
	assert_int_equal(v[HOST_CPU_IDLE], 2376);
	assert_true(host_parse_cpu("cpu 1 0 1 1", v));
	assert_int_equal(v[HOST_CPU_USER], 3333);
	assert_false(host_parse_cpu("cpu 0 0 0 0 9", v));
	assert_false(host_parse_cpu("cpu 1 2", v));
	assert_false(host_parse_cpu("", v));
}

static void uptime_is_as_podman_says_it(void **state cmk_unused)
{
	char buf[80];

	host_format_uptime(59, buf);
	assert_string_equal(buf, "0h 0m 59.00s");
	host_format_uptime(17 * 3600 + 47 * 60 + 23, buf);
	assert_string_equal(buf, "17h 47m 23.00s (Approximately 0.71 days)");
	host_format_uptime(UINT64_MAX, buf);
	assert_true(strlen(buf) < sizeof(buf));
}

#define ENTRY(state, flags, offset, magic)                                                     \
	state "\ninterpreter /usr/bin/qemu\nflags: " flags "\noffset " offset "\nmagic " magic \
	      "\n"                                                                             \
	      "mask ffffffffffffff00fffffffffffffffffeffffff\n"
#define ARM64 "7f454c460201010000000000000000000200b700"
#define S390X "7f454c4602020100000000000000000000020016"
#define MIPS "7f454c4601020100000000000000000000020008"

static void emulators_are_known_by_their_magic(void **state cmk_unused)
{
	assert_string_equal(host_parse_emulator(ENTRY("enabled", "F", "0", ARM64)), "arm64");
	assert_string_equal(host_parse_emulator(ENTRY("enabled", "POCF", "0", S390X)), "s390x");
	assert_string_equal(host_parse_emulator(ENTRY("enabled", "F", "0", MIPS "00")), "mips");
	/* Off, not held open, at another place, cut off, no ELF, unknown. */
	assert_null(host_parse_emulator(ENTRY("disabled", "F", "0", ARM64)));
	assert_null(host_parse_emulator(ENTRY("enabled", "OC", "0", ARM64)));
	assert_null(host_parse_emulator(ENTRY("enabled", "F", "4", ARM64)));
	assert_null(host_parse_emulator(ENTRY("enabled", "F", "0", "7f454c46020101")));
	assert_null(host_parse_emulator(
		ENTRY("enabled", "F", "0", "4d5a4c460201010000000000000000000200b700")));
	assert_null(host_parse_emulator(
		ENTRY("enabled", "F", "0", "7f454c46020101000000000000000000020000ff")));
	assert_null(host_parse_emulator("enabled\ninterpreter /usr/bin/py\nextension .py\n"));
	assert_null(host_parse_emulator("enabled\n"));
	assert_null(host_parse_emulator(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_is_told_in_hundredths_of_a_percent),
		cmocka_unit_test(uptime_is_as_podman_says_it),
		cmocka_unit_test(emulators_are_known_by_their_magic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
