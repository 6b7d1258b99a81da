// SPDX-License-Identifier: Apache-2.0
#include "base/toml.h"
#include "tests/unit/unit.h"

static struct toml *parse(const char *text)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct toml *t = NULL;

	if (toml_parse(text, strlen(text), &t, &err) < 0)
		fail_msg("'%s': %s", text, cmk_err_msg(&err));
	return t;
}

static void expect_str(const char *text, const char *want)
{
	cleanup_toml struct toml *t = parse(text);
	const char *got = NULL;

	assert_int_equal(toml_get_str(t, "a", &got, NULL), 0);
	assert_non_null(got);
	assert_string_equal(got, want);
}

static void refuse(const char *text, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct toml *t = NULL;

	if (toml_parse(text, strlen(text), &t, &err) != -EINVAL)
		fail_msg("'%s' was taken", text);
	assert_null(t);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s': '%s' does not say '%s'", text, cmk_err_msg(&err), why);
}

static void strings(void **state cmk_unused)
{
	expect_str("a = \"b\"", "b");
	expect_str("a = 'b\\n' # c", "b\\n");
	expect_str("\"a\"=\"\\t\\\"\\u00e9\\U0001F600\"", "\t\"\xc3\xa9\xf0\x9f\x98\x80");
	expect_str("a = \"\"\"\nx\ny \\\n   z\"\"\"\r\n", "x\ny z");
	expect_str("a = '''x'''''", "x''");
	expect_str("a = \"\"", "");
}

static void structure(void **state cmk_unused)
{
	cleanup_toml struct toml *t = parse("# top\n"
					    "n = -12\nyes = true\nx.y.z = 'deep'\nf = 1.5\n"
					    "list = [ 'a', # one\n 'b',\n]\n"
					    "[t]\nk = { i = 'in', j = [1, 2] }\n"
					    "[[r]]\nv = '1'\n[[r.m]]\nw = '2'\n[[r]]\nv = '3'\n");
	const struct toml *r = toml_get(t, "r"), *in;
	cleanup_strv char **list = NULL;
	const char *s = NULL;
	bool yes = false;

	assert_int_equal(toml_get(t, "n")->integer, -12);
	assert_int_equal(toml_get_bool(t, "yes", &yes, NULL), 0);
	assert_true(yes);
	assert_int_equal(toml_get_strv(t, "list", &list, NULL), 0);
	assert_int_equal(strv_len(list), 2);
	assert_string_equal(list[1], "b");
	in = toml_get(toml_get(toml_get(t, "x"), "y"), "z");
	assert_string_equal(in->text, "deep");
	in = toml_get(toml_get(t, "t"), "k");
	assert_int_equal(toml_get_str(in, "i", &s, NULL), 0);
	assert_string_equal(s, "in");
	assert_int_equal(r->type, TOML_ARRAY);
	assert_string_equal(toml_get(toml_get(r->first, "m")->first, "w")->text, "2");
	assert_string_equal(toml_get(r->last, "v")->text, "3");
	assert_int_equal(r->last->line, 15);
}

static void errors(void **state cmk_unused)
{
	char deep[64] = "a = ";
	cleanup_toml struct toml *t = parse("a = 1\nb = ['x', 2]\n");
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_strv char **v = NULL;
	const char *s = NULL;

	refuse("a = 1\na = 2\n", "line 2: key given twice");
	refuse("a = 'x\n'", "line 1: string without its end");
	refuse("a = \"\"\"x", "string without its end");
	refuse("a = \"\\q\"", "unknown escape");
	refuse("a = \"\\u0000\"", "no character");
	refuse("a = \"\\ud800\"", "no character");
	refuse("a = \"\x01\"", "control character");
	refuse("a = [1 2]", "',' or ']'");
	refuse("a = {b = 1 c = 2}", "',' or '}'");
	refuse("a", "'=' was expected");
	refuse("= 1", "a key was expected");
	refuse("a = ", "a value was expected");
	refuse("a = yes", "text without quotes");
	refuse("a = 1 b = 2", "end of line");
	refuse("[a]\n[a]\n", "line 2: table given twice");
	refuse("a = [1]\n[[a]]\n", "already has a value");
	refuse("a = {}\n[a.b]\n", "already has a value");
	refuse("[a\n", "']' was expected");
	memset(deep + 4, '[', 40);
	refuse(deep, "too deep");
	assert_int_equal(toml_get_str(t, "a", &s, &err), -EINVAL);
	assert_string_equal(cmk_err_msg(&err), "line 1: 'a' is not a string");
	assert_int_equal(toml_get_strv(t, "b", &v, NULL), -EINVAL);
	assert_int_equal(toml_get_str(t, "none", &s, NULL), 0);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),
		cmocka_unit_test(structure),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
