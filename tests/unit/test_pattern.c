// SPDX-License-Identifier: Apache-2.0
#include "base/pattern.h"

#include "tests/unit/unit.h"

static int fits(const char *pattern, const char *text)
{
	cleanup_pattern struct pattern *p = NULL;
	int r = pattern_new(pattern, &p, NULL);

	return r < 0 ? r : pattern_matches(p, text, NULL);
}

static void what_users_of_go_write(void **state cmk_unused)
{
	assert_int_equal(fits("eb", "web1"), 1);
	assert_int_equal(fits("^eb", "web1"), 0);
	assert_int_equal(fits("^(web|db)\\d{1,3}$", "db22"), 1);
	assert_int_equal(fits("^(web|db)\\d{1,3}$", "db2222"), 0);
	assert_int_equal(fits("(?i)WEB", "web1"), 1);
	assert_int_equal(fits("[[:alpha:]]+?\\z", "web"), 1);
	assert_int_equal(fits("web$", "web\n"), 0);
	assert_int_equal(fits("^h.llo$", "h\xc3\xa4llo"), 1);
	assert_int_equal(fits("", "anything"), 1);
}

static void a_text_that_is_not_utf8_is_searched(void **state cmk_unused)
{
	assert_int_equal(fits("abc", "\xff\xfe"
				     "abc"),
			 1);
	assert_int_equal(fits("\xff", "abc"), -EINVAL);
}

static void what_is_no_expression_is_named(void **state cmk_unused)
{
	static const char *const bad[] = { "(", "a{2,1}", "[z-a]", "*", "(a)\\2", "\\C", NULL };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct pattern *p = NULL;

	for (size_t i = 0; bad[i]; i++)
		assert_int_equal(fits(bad[i], "x"), -EINVAL);
	assert_int_equal(pattern_new("a(b", &p, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "error parsing regexp: "));
	assert_non_null(strstr(err.msg, "`a(b`"));
	assert_null(p);
}

/* regcomp(3) takes gigabytes for it. */
static void what_would_be_huge_is_refused(void **state cmk_unused)
{
	assert_int_equal(fits("((((a{1,250}){1,250}){1,250}){1,250}){1,250}", "a"), -EINVAL);
}

static void a_search_without_end_is_ended(void **state cmk_unused)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_pattern struct pattern *p = NULL;

	assert_int_equal(pattern_new("^(a+)+$", &p, NULL), 0);
	assert_int_equal(
		pattern_matches(p, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", &err),
		-ERANGE);
	assert_non_null(strstr(err.msg, "`^(a+)+$`"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_users_of_go_write),
		cmocka_unit_test(a_text_that_is_not_utf8_is_searched),
		cmocka_unit_test(what_is_no_expression_is_named),
		cmocka_unit_test(what_would_be_huge_is_refused),
		cmocka_unit_test(a_search_without_end_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
