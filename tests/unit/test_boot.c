// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/unit.h"

#include "libpod/unit/boot.h"
#include "libpod/unit/generate.h"

#define BLOCK(line) "# cmk system boot: begin\n" line "\n# cmk system boot: end\n"

static void assert_edit(const char *text, const char *line, const char *wanted, bool wanted_had)
{
	bool had = !wanted_had;
	cleanup_free char *got = boot_cron_edit(text, line, &had);

	assert_string_equal(got, wanted);
	assert_int_equal(had, wanted_had);
}

static void test_crontab(void **state cmk_unused)
{
	assert_edit("", "x", BLOCK("x"), false);
	assert_edit("a\n\nb", "x", "a\n\nb\n" BLOCK("x"), false);
	assert_edit(BLOCK("x"), "x", BLOCK("x"), true);
	assert_edit("a\n" BLOCK("x\ny") "b\n", "z", "a\nb\n" BLOCK("z"), true);
	assert_edit("a\n" BLOCK("x") "b\n" BLOCK("y"), NULL, "a\nb\n", true);
	/* Without an end nothing of it is taken for ours. */
	assert_edit("# cmk system boot: begin\nmine\n", NULL, "# cmk system boot: begin\nmine\n",
		    false);
	assert_edit("# cmk system boot: end\n", NULL, "# cmk system boot: end\n", false);
	assert_edit(" " BLOCK("x"), NULL, " " BLOCK("x"), false);
}

static void test_shell(void **state cmk_unused)
{
	char *globals[] = { (char *)"--root=/a b", (char *)"it's", (char *)"", NULL };
	const struct boot_command c = { .program = "/usr/bin/cmk", .globals = globals };
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	boot_shell_command(&out, &c);
	assert_string_equal(strbuf_str(&out),
			    "/usr/bin/cmk '--root=/a b' 'it'\\''s' '' start --all "
			    "--filter=should-start-on-boot=true");
}

static void test_names(void **state cmk_unused)
{
	enum boot_kind kind;

	assert_int_equal(boot_kind_parse("cron", &kind), 0);
	assert_int_equal(kind, BOOT_CRON);
	assert_int_equal(boot_kind_parse("cronx", &kind), -EINVAL);
	assert_true(unit_name_valid("a-b_c:d.e\\x2d@%i.service"));
	assert_true(unit_name_valid("x.target"));
	assert_false(unit_name_valid(".service"));
	assert_false(unit_name_valid("service"));
	assert_false(unit_name_valid("a b.service"));
	assert_false(unit_name_valid("a/b.service"));
	assert_false(unit_name_valid("-M.service\n"));
	assert_false(unit_option_stays("rm"));
	assert_true(unit_option_stays("volume"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crontab),
		cmocka_unit_test(test_shell),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
