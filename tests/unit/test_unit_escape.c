// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/unit.h"

#include "libpod/unit/unit_escape.h"

static void assert_exec(const char *word, enum unit_escape_flags flags, const char *wanted)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	unit_exec_word(&out, word, flags);
	assert_string_equal(strbuf_str(&out), wanted);
}

static void test_exec_words(void **state cmk_unused)
{
	assert_exec("plain-1.2_3/x:y@z,a=b", 0, "plain-1.2_3/x:y@z,a=b");
	assert_exec("", 0, "\"\"");
	assert_exec("two words", 0, "\"two words\"");
	assert_exec("50%", 0, "50%%");
	assert_exec("$HOME ${x}", 0, "\"$$HOME $${x}\"");
	assert_exec("a\"b'c\\d", 0, "\"a\\\"b'c\\\\d\"");
	assert_exec(";", 0, "\";\"");
	assert_exec("#x", 0, "\"#x\"");
	assert_exec("a#b;c", 0, "a#b;c");
	assert_exec("a\nb\tc\x7f", 0, "\"a\\x0ab\\x09c\\x7f\"");
	assert_exec("gr\xc3\xbc\xc3\x9f", 0, "gr\xc3\xbc\xc3\x9f");
	assert_exec("bad\xff%", 0, "\"bad\\xff%%\"");
}

static void test_flags(void **state cmk_unused)
{
	assert_exec("%t/%n.ctr-id", UNIT_SPECIFIERS, "%t/%n.ctr-id");
	assert_exec("%i$x", UNIT_SPECIFIERS, "%i$$x");
	assert_exec("%i$x", UNIT_VARIABLES, "%%i$x");
	assert_exec("%i$x", UNIT_SPECIFIERS | UNIT_VARIABLES, "%i$x");
}

static void test_others(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	unit_exec_program(&out, "/opt/a b$c%d/cmk");
	assert_string_equal(strbuf_str(&out), "\"/opt/a b$c%%d/cmk\"");
	strbuf_reset(&out);
	unit_word(&out, "A=$b c%", 0);
	assert_string_equal(strbuf_str(&out), "\"A=$b c%%\"");
	strbuf_reset(&out);
	unit_word(&out, "%h/x", UNIT_SPECIFIERS);
	assert_string_equal(strbuf_str(&out), "%h/x");
	strbuf_reset(&out);
	unit_text(&out, "web's \"100%\"\nnew\xff");
	assert_string_equal(strbuf_str(&out), "web's \"100%%\" new ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_words),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
