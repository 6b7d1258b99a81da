// SPDX-License-Identifier: Apache-2.0
#include "libpod/unit/unitfile.h"
#include "tests/unit/unit.h"

#define cleanup_unitfile cleanup(unitfile_done)

static void parse(struct unitfile *u, const char *text)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (unitfile_parse(u, "a.container", text, strlen(text), &err) < 0)
		fail_msg("'%s': %s", text, cmk_err_msg(&err));
}

static void refuse(const char *text, const char *why)
{
	cleanup_unitfile struct unitfile u = { 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (unitfile_parse(&u, "a.container", text, strlen(text), &err) == 0)
		fail_msg("'%s' was taken", text);
	assert_string_equal(cmk_err_msg(&err), why);
}

static void lines_keep_their_place(void **state cmk_unused)
{
	cleanup_unitfile struct unitfile u = { 0 };

	parse(&u, "# a comment\n[A]\n  Key = a value  \r\n\n; another\n[B]\nKey=\n");
	assert_int_equal(u.n, 2);
	assert_string_equal(u.lines[0].section, "A");
	assert_string_equal(u.lines[0].key, "Key");
	assert_string_equal(u.lines[0].value, "a value");
	assert_string_equal(u.lines[0].file, "a.container");
	assert_int_equal(u.lines[0].line, 3);
	assert_string_equal(u.lines[1].section, "B");
	assert_string_equal(u.lines[1].value, "");
	assert_int_equal(u.lines[1].line, 7);
}

static void lines_go_on(void **state cmk_unused)
{
	cleanup_unitfile struct unitfile u = { 0 };

	parse(&u, "[A]\nK=one \\\n# not of it\n  ; nor this\n   two\\\nthree\nL=a\\\\\nM=end\\");
	assert_int_equal(u.n, 3);
	assert_string_equal(u.lines[0].value, "one  two three");
	assert_int_equal(u.lines[0].line, 2);
	assert_string_equal(u.lines[1].value, "a\\\\");
	assert_int_equal(u.lines[1].line, 7);
	assert_string_equal(u.lines[2].value, "end");
	/* As a line of text that an editor has padded. */
	parse(&u, "[A]\nN=one \\ \t\n  two \\\\ \nO=1\n");
	assert_string_equal(u.lines[3].value, "one  two \\\\");
	assert_string_equal(u.lines[4].key, "O");
}

static void what_is_wrong_has_its_line(void **state cmk_unused)
{
	cleanup_unitfile struct unitfile u = { 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *huge = NULL;

	refuse("[A]\nx\n", "a.container:2: a line is 'KEY=VALUE'");
	refuse("[A]\n=x\n", "a.container:2: a line is 'KEY=VALUE'");
	refuse("[A]\n \\\n=x\n", "a.container:2: a line is 'KEY=VALUE'");
	refuse("\nK=v\n", "a.container:2: it stands before the first section");
	refuse("[A\n", "a.container:1: a section is '[NAME]'");
	refuse("[]\n", "a.container:1: a section is '[NAME]'");
	refuse("[A]]\n", "a.container:1: a section is '[NAME]'");
	refuse("[A]\nK=\xff\n", "a.container:2: that is not UTF-8");
	assert_true(unitfile_parse(&u, "f", "[A]\n\0", 5, &err) < 0);
	huge = xcalloc(1, UNITFILE_SIZE_MAX + 1);
	assert_int_equal(unitfile_parse(&u, "f", huge, UNITFILE_SIZE_MAX + 1, NULL), -EFBIG);
}

static void too_many_lines(void **state cmk_unused)
{
	cleanup_unitfile struct unitfile u = { 0 };
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "[A]\n");
	for (int i = 0; i <= UNITFILE_LINES_MAX; i++)
		strbuf_adds(&sb, "K=\n");
	assert_int_equal(unitfile_parse(&u, "f", sb.data, sb.len, NULL), -EINVAL);
}

static void an_empty_value_forgets(void **state cmk_unused)
{
	cleanup_unitfile struct unitfile u = { 0 };
	const struct unitfile_line *l;
	size_t pos = 0;

	parse(&u, "[A]\nK=1\nK=2\nL=9\nK=\nM=x\nM=\n");
	assert_null(unitfile_next(&u, "A", "K", &pos));
	assert_null(unitfile_last(&u, "A", "K"));
	assert_null(unitfile_last(&u, "A", "M"));
	/* A drop-in. */
	parse(&u, "[B]\nK=no\n[A]\nK=3\nK=4\n");
	pos = 0;
	l = unitfile_next(&u, "A", "K", &pos);
	assert_string_equal(l->value, "3");
	l = unitfile_next(&u, "A", "K", &pos);
	assert_string_equal(l->value, "4");
	assert_null(unitfile_next(&u, "A", "K", &pos));
	assert_string_equal(unitfile_value(&u, "A", "K"), "4");
	assert_string_equal(unitfile_value(&u, "A", "L"), "9");
}

static void split(const char *value, enum unitfile_split how, const char *want)
{
	cleanup_strv char **v = NULL;
	cleanup_free char *got = NULL;

	if (unitfile_split(value, how, &v) < 0)
		fail_msg("'%s' was refused", value);
	got = strv_join(v, "|");
	if (!streq(got ?: "", want))
		fail_msg("'%s' is '%s', not '%s'", value, got, want);
}

static void words(void **state cmk_unused)
{
	cleanup_strv char **v = NULL;

	split("", UNITFILE_WORDS, "");
	split("  a\tb  ", UNITFILE_WORDS, "a|b");
	split("a\"b c\"d 'e \"f'", UNITFILE_WORDS, "ab cd|e \"f");
	split("a '' \"\"", UNITFILE_WORDS, "a||");
	split("a\\nb c\\ d", UNITFILE_WORDS, "a\\nb|c\\|d");
	split("a\\nb \\x41\\102\\u00e4\\U0001f600 'c\\'d' \\s", UNITFILE_ARGS,
	      "a\nb|AB\xc3\xa4\xf0\x9f\x98\x80|c'd| ");
	split("\\$x \\q %h ${A}", UNITFILE_ARGS, "\\$x|\\q|%h|${A}");
	assert_int_equal(unitfile_split("'a", UNITFILE_WORDS, &v), -EINVAL);
	assert_int_equal(unitfile_split("\"a\\\"", UNITFILE_ARGS, &v), -EINVAL);
	assert_int_equal(unitfile_split("\\x00", UNITFILE_ARGS, &v), -EINVAL);
	assert_int_equal(unitfile_split("\\xff", UNITFILE_ARGS, &v), -EINVAL);
	assert_int_equal(unitfile_split("\\ud800", UNITFILE_ARGS, &v), -EINVAL);
	assert_int_equal(unitfile_split("\\777", UNITFILE_ARGS, &v), -EINVAL);
	assert_int_equal(unitfile_split("\\UFFFFFFFF", UNITFILE_ARGS, &v), -EINVAL);
}

static void unit_names(void **state cmk_unused)
{
	static const char *const good[] = { "a.service", "a@.service", "a@b.service", "-.slice",
					    "a\\x2db.target" };
	static const char *const bad[] = {
		"",	     "a",	    ".service",	   "a/b.service",      "../a.service",
		"@.service", "a b.service", "a%i.service", "\xc3\xa4.service", "a.container"
	};
	cleanup_free char *longer = xasprintf("%0300d.service", 0);

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!unitfile_is_unit_name(good[i]))
			fail_msg("'%s' is one", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (unitfile_is_unit_name(bad[i]))
			fail_msg("'%s' is none", bad[i]);
	assert_false(unitfile_is_unit_name(longer));
}

static void written_by_section(void **state cmk_unused)
{
	cleanup_unitfile struct unitfile u = { 0 };
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	parse(&u, "[A]\nK=1\n[B]\nL=2\n");
	parse(&u, "[A]\nK=3\n");
	unitfile_add(&u, "B", "M", "x y");
	unitfile_add(&u, "B", "N", "end\\");
	unitfile_add(&u, "B", "O", "1");
	unitfile_write(&u, &sb);
	assert_string_equal(strbuf_str(&sb), "[A]\nK=1\nK=3\n\n[B]\nL=2\nM=x y\nN=end\\ \nO=1\n");
}

static void literal_text(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	unitfile_literal(&sb, "/a%b/$c");
	assert_string_equal(strbuf_str(&sb), "/a%%b/$$c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_keep_their_place),
		cmocka_unit_test(lines_go_on),
		cmocka_unit_test(what_is_wrong_has_its_line),
		cmocka_unit_test(too_many_lines),
		cmocka_unit_test(an_empty_value_forgets),
		cmocka_unit_test(words),
		cmocka_unit_test(unit_names),
		cmocka_unit_test(written_by_section),
		cmocka_unit_test(literal_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
