// SPDX-License-Identifier: Apache-2.0
#include "cmd/conf.h"
#include "cmd/option.h"
#include "tests/unit/unit.h"

static void add(const char *text)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (cmk_conf_add(text, strlen(text), &err) < 0)
		fail_msg("'%s': %s", text, cmk_err_msg(&err));
}

static void refuse(const char *text, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (cmk_conf_add(text, strlen(text), &err) != -EINVAL)
		fail_msg("'%s' was taken", text);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s': '%s' does not say '%s'", text, cmk_err_msg(&err), why);
	cmk_conf_done();
}

static void expect_list(const char *name, const char *want)
{
	cleanup_free char *got = NULL;
	char *const *list = cmk_conf_list(name);

	got = xstrdup("");
	for (; list && *list; list++) {
		char *longer = xasprintf("%s%s ", got, *list);

		free(got);
		got = longer;
	}
	assert_string_equal(got, want);
}

static void scalars(void **state cmk_unused)
{
	add("[containers]\ninit = true\npids_limit = 1000\ntz = 'UTC'\n");
	assert_string_equal(cmk_conf_text("containers.init"), "true");
	assert_string_equal(cmk_conf_text("containers.pids_limit"), "1000");
	assert_string_equal(cmk_conf_text("containers.tz"), "UTC");
	assert_null(cmk_conf_text("containers.umask"));
	/* Key by key: what a later file does not say stays. */
	add("[containers]\ninit = false\n");
	assert_string_equal(cmk_conf_text("containers.init"), "false");
	assert_string_equal(cmk_conf_text("containers.tz"), "UTC");
	cmk_conf_done();
	assert_null(cmk_conf_text("containers.init"));
}

static void what_is_so_anyway(void **state cmk_unused)
{
	add("[containers]\nnetns = 'private'\ntz = ''\n");
	assert_null(cmk_conf_text("containers.netns"));
	assert_null(cmk_conf_text("containers.tz"));
	add("[containers]\nnetns = 'priv'\n");
	assert_string_equal(cmk_conf_text("containers.netns"), "priv");
	add("[containers]\nnetns = 'private|bridge'\n");
	assert_string_equal(cmk_conf_text("containers.netns"), "private|bridge");
	cmk_conf_done();
}

static void lists(void **state cmk_unused)
{
	add("[containers]\nenv = ['A=1', 'B=2']\n");
	expect_list("containers.env", "A=1 B=2 ");
	add("[containers]\nenv = ['C=3']\n");
	expect_list("containers.env", "C=3 ");
	/* Wherever it stands, and for later files too. */
	add("[containers]\nenv = [{append=true}, 'D=4']\n");
	add("[containers]\nenv = ['E=5']\n");
	expect_list("containers.env", "C=3 D=4 E=5 ");
	add("[containers]\nenv = [{append=true}]\n");
	expect_list("containers.env", "C=3 D=4 E=5 ");
	add("[containers]\nenv = ['F=6', {append=false}]\n");
	expect_list("containers.env", "F=6 ");
	add("[containers]\nenv = []\n");
	expect_list("containers.env", "");
	cmk_conf_done();
}

static void wrong_types(void **state cmk_unused)
{
	refuse("[containers]\n\ninit = 'yes'\n", "line 3: 'init' is not true or false");
	refuse("[containers]\npids_limit = true\n", "'pids_limit' is not a whole number");
	refuse("[containers]\nenv = 'A=1'\n", "'env' is not an array of strings");
	refuse("[containers]\nenv = [['A=1']]\n", "'env' is not an array of strings");
	refuse("[containers]\nenv = [{append='x'}]\n", "'append' is not true or false");
}

static void unknown_is_passed_over(void **state cmk_unused)
{
	add("top = 1\n[containers]\nfuture = [1, 2.5]\n[containers.sub]\ninit = 1\n[other]\n"
	    "init = 5\n[[list]]\ninit = 1\n");
	assert_null(cmk_conf_text("containers.init"));
	assert_int_equal(cmk_conf_check(NULL), 0);
	cmk_conf_done();
}

static void isolation_is_refused(void **state cmk_unused)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	add("[engine]\nno_pivot_root = false\n");
	assert_int_equal(cmk_conf_check(&err), 0);
	add("[engine]\nno_pivot_root = true\n");
	assert_int_equal(cmk_conf_check(&err), -EOPNOTSUPP);
	cmk_conf_done();
}

struct args {
	const char *tz;
	char **annotations, **volumes;
	int64_t pids;
	bool init;
};

static void defaults_of_options(void **state cmk_unused)
{
	static const struct cmk_option rows[] = {
		CMK_OPT_FLAG(0, "init", struct args, init, "a flag", .conf = "containers.init"),
		CMK_OPT_STRING(0, "tz", struct args, tz, "ZONE", "a string", .def = "local",
			       .conf = "containers.tz"),
		CMK_OPT_OF(OPT_INT, 0, "pids", struct args, pids, "N", "a number", .def = "1",
			   .conf = "containers.pids_limit"),
		CMK_OPT_OF(OPT_STRV, 0, "annotation", struct args, annotations, "A", "added",
			   .conf = "containers.annotations", .flags = OPT_CONF_ADDED),
		CMK_OPT_OF(OPT_CSV, 0, "volume", struct args, volumes, "V", "replaced",
			   .conf = "containers.volumes"),
		CMK_OPT_END(),
	};
	char *argv[] = { (char *)"--annotation=c", (char *)"--volume=v,w", NULL };
	struct args a = { 0 }, b = { 0 };
	const struct cmk_option_set bare = { rows, &a, false }, given = { rows, &b, false };
	struct cmk_parse p = { 0 };

	add("[containers]\ninit = true\npids_limit = 7\nannotations = ['a', 'b']\n"
	    "volumes = ['x,y:z']\n");
	assert_int_equal(cmk_parse_options(&bare, 1, false, 0, argv + 2, &p, NULL), 0);
	cmk_parse_done(&p);
	assert_true(a.init);
	assert_string_equal(a.tz, "local");
	assert_int_equal(a.pids, 7);
	assert_int_equal(strv_len(a.annotations), 2);
	assert_string_equal(a.volumes[0], "x,y:z");
	assert_int_equal(cmk_parse_options(&given, 1, false, 2, argv, &p, NULL), 0);
	cmk_parse_done(&p);
	assert_int_equal(strv_len(b.annotations), 3);
	assert_string_equal(b.annotations[2], "c");
	assert_int_equal(strv_len(b.volumes), 2);
	assert_string_equal(b.volumes[0], "v");
	cmk_options_done(rows, &a);
	cmk_options_done(rows, &b);
	cmk_conf_done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars),
		cmocka_unit_test(what_is_so_anyway),
		cmocka_unit_test(lists),
		cmocka_unit_test(wrong_types),
		cmocka_unit_test(unknown_is_passed_over),
		cmocka_unit_test(isolation_is_refused),
		cmocka_unit_test(defaults_of_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
