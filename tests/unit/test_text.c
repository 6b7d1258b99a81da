// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include "base/util.h"
#include "unit.h"

static void assert_plain(const char *from, const char *keep, const char *want)
{
	cleanup_free char *s = xstrdup(from);

	text_make_plain(s, keep, ' ');
	assert_string_equal(s, want);
}

static void controls_are_taken_out(void **state)
{
	(void)state;
	assert_plain("", NULL, "");
	assert_plain("a\033[31mb\x7f", NULL, "a [31mb ");
	assert_plain("a\tb\nc\r", "\t\n", "a\tb\nc ");
	/* U+009B: as UTF-8, and as a byte of its own. */
	assert_plain("x\xc2\x9b"
		     "1my",
		     NULL, "x  1my");
	assert_plain("x\x9b"
		     "1my",
		     NULL, "x 1my");
	/* U+00A0 and up, and the end of a character that was cut, are none. */
	assert_plain("\xc2\xa0\xc3\xa4\xe2\x82\xac", NULL, "\xc2\xa0\xc3\xa4\xe2\x82\xac");
}

static void utf8_is_told(void **state)
{
	(void)state;
	assert_true(text_is_utf8(""));
	assert_true(text_is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
	assert_false(text_is_utf8("a\xff"));
	assert_false(text_is_utf8("\xc0\x80"));
	assert_false(text_is_utf8("\xed\xa0\x80"));
	assert_false(text_is_utf8("\xe2\x82"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(controls_are_taken_out),
		cmocka_unit_test(utf8_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
