// SPDX-License-Identifier: Apache-2.0
#include "libpod/spec/hooks.h"
#include "tests/unit/unit.h"

#define WHOLE(hook, when, stages) \
	"{\"version\":\"1.0.0\",\"hook\":" hook ",\"when\":" when ",\"stages\":" stages "}"
#define HOOK "{\"path\":\"/bin/true\",\"args\":[\"true\",\"x\"],\"env\":[\"A=b\"],\"timeout\":3}"

static int parse(const char *text, struct hook_file *f, struct cmk_err *err)
{
	return hook_file_parse(text, strlen(text), f, err);
}

static void test_whole(void **state)
{
	struct hook_file f = { 0 };

	(void)state;
	assert_int_equal(
		parse(WHOLE(HOOK, "{\"always\":true,\"commands\":[\"a\"]}", "[\"prestart\"]"), &f,
		      NULL),
		0);
	assert_string_equal(f.hook.path, "/bin/true");
	assert_string_equal(f.hook.args[1], "x");
	assert_string_equal(f.hook.env[0], "A=b");
	assert_true(f.hook.has_timeout);
	assert_int_equal(f.hook.timeout, 3);
	assert_true(f.has_always && f.always);
	assert_string_equal(f.stages[0], "prestart");
	hook_file_done(&f);
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"version\":\"0.1.0\"}",
		WHOLE("{}", "{}", "[]"),
		WHOLE("{\"path\":\"\"}", "{}", "[]"),
		WHOLE("{\"path\":\"relative\"}", "{}", "[]"),
		WHOLE("{\"path\":\"/x\",\"args\":1}", "{}", "[]"),
		WHOLE("{\"path\":\"/x\",\"timeout\":0}", "{}", "[]"),
		WHOLE("{\"path\":\"/x\",\"timeout\":1.5}", "{}", "[]"),
		WHOLE("{\"path\":\"/x\",\"timeout\":99999999999}", "{}", "[]"),
		WHOLE(HOOK, "[]", "[]"),
		WHOLE(HOOK, "{\"hasBindMounts\":\"yes\"}", "[]"),
		WHOLE(HOOK, "{\"commands\":[\"[\"]}", "[]"),
		WHOLE(HOOK, "{\"annotations\":{\"(\":\"x\"}}", "[]"),
		WHOLE(HOOK, "{\"annotations\":{\"x\":1}}", "[]"),
		WHOLE(HOOK, "{}", "\"prestart\""),
		WHOLE(HOOK, "{}", "[\"never\"]"),
		WHOLE(HOOK, "{}", "[\"precreate\"]"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		struct hook_file f = { 0 };

		assert_true(parse(bad[i], &f, &err) < 0);
		assert_non_null(err.msg);
	}
}

static bool match(const char *when, bool binds)
{
	cleanup_free char *text = xasprintf(WHOLE(HOOK, "%s", "[\"poststop\"]"), when);
	char *args[] = { (char *)"/bin/sh", NULL };
	char *notes[] = { (char *)"com.example=yes=no", (char *)"empty=", NULL };
	const struct spec s = { .process.args = args, .annotations = notes };
	struct hook_file f = { 0 };
	bool yes;

	assert_int_equal(parse(text, &f, NULL), 0);
	yes = hook_file_matches(&f, &s, binds, NULL) > 0;
	hook_file_done(&f);
	return yes;
}

static void test_when(void **state)
{
	(void)state;
	assert_true(match("{\"always\":true}", false));
	assert_false(match("{\"always\":false}", false));
	assert_false(match("{}", true));
	assert_true(match("{\"hasBindMounts\":true}", true));
	assert_false(match("{\"hasBindMounts\":true}", false));
	assert_false(match("{\"hasBindMounts\":false}", false));
	assert_true(match("{\"commands\":[\"zsh\",\"/sh$\"]}", false));
	assert_false(match("{\"commands\":[\"^sh\"]}", false));
	assert_true(match("{\"annotations\":{\"^com\":\"^yes=no$\"}}", false));
	assert_true(match("{\"annotations\":{\"^empty$\":\"^$\",\"com\":\"y\"}}", false));
	assert_false(match("{\"annotations\":{\"^empty$\":\"^$\",\"com\":\"x\"}}", false));
	assert_false(match("{\"always\":true,\"commands\":[\"zsh\"]}", false));
}

/* MEMBERS of a file of version 0.1.0, for /bin/sh with the annotations com.example=yes and empty.
 */
static bool match_old(const char *members, bool binds)
{
	cleanup_free char *text = xasprintf("{\"hook\":\"/bin/true\",\"stage\":[\"prestart\"]%s}",
					    members);
	char *args[] = { (char *)"/bin/sh", NULL };
	char *notes[] = { (char *)"com.example=yes", (char *)"empty=", NULL };
	const struct spec s = { .process.args = args, .annotations = notes };
	struct hook_file f = { 0 };
	bool yes;

	assert_int_equal(parse(text, &f, NULL), 0);
	assert_string_equal(f.hook.path, "/bin/true");
	assert_string_equal(f.stages[0], "prestart");
	yes = hook_file_matches(&f, &s, binds, NULL) > 0;
	hook_file_done(&f);
	return yes;
}

static void test_old(void **state)
{
	static const char *const bad[] = {
		"{\"hook\":\"x\",\"stages\":[\"prestart\"]}",
		"{\"hook\":\"/x\"}",
		"{\"hook\":\"/x\",\"stages\":[\"never\"]}",
		"{\"hook\":\"/x\",\"stages\":[\"prestart\"],\"cmds\":[\"(\"]}",
		"{\"hook\":\"/x\",\"stages\":[\"prestart\"],\"cmds\":1}",
		"{\"hook\":\"/x\",\"stages\":[\"prestart\"],\"annotations\":[\"(\"]}",
		"{\"hook\":\"/x\",\"stages\":[\"prestart\"],\"hasbindmounts\":1}",
	};
	struct hook_file f = { 0 };

	(void)state;
	assert_false(match_old("", true));
	assert_true(match_old(",\"version\":\"0.1.0\",\"cmds\":[\"zsh\",\"/sh$\"]", false));
	assert_true(match_old(",\"cmd\":[\"sh\"],\"annotation\":[\"no\"]", false));
	assert_false(match_old(",\"cmd\":[\"zsh\"],\"annotations\":[\"no\"]", false));
	assert_true(match_old(",\"cmd\":[\"zsh\"],\"annotations\":[\"^yes$\"]", false));
	assert_true(match_old(",\"hasbindmounts\":true", true));
	assert_false(match_old(",\"hasbindmounts\":true", false));
	assert_int_equal(parse("{\"hook\":\"/x\",\"arguments\":[\"a\"],\"stages\":[\"prestart\"]}",
			       &f, NULL),
			 0);
	assert_string_equal(f.hook.args[0], "/x");
	assert_string_equal(f.hook.args[1], "a");
	hook_file_done(&f);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(parse(bad[i], &f, NULL) < 0);
}

static void test_in_config(void **state)
{
	static const char text[] =
		"{\"ociVersion\":\"1.1.0\",\"hooks\":{\"createRuntime\":[{\"path\":\"/a\","
		"\"timeout\":2},{\"path\":\"/b\",\"args\":[\"b\"]}]}}";
	cleanup_free char *again = NULL;
	struct spec *s = NULL;
	size_t len;

	(void)state;
	assert_int_equal(spec_parse(text, strlen(text), &s, NULL), 0);
	assert_int_equal(s->hooks[HOOK_CREATE_RUNTIME].n, 2);
	assert_int_equal(s->hooks[HOOK_PRESTART].n, 0);
	assert_int_equal(s->hooks[HOOK_CREATE_RUNTIME].list[0].timeout, 2);
	assert_int_equal(spec_text(s, &again, &len, NULL), 0);
	assert_non_null(strstr(again, "\"timeout\":2"));
	spec_free(s);
	s = NULL;
	assert_true(spec_parse("{\"ociVersion\":\"1\",\"hooks\":{\"poststop\":[{\"path\":\"a\"}]}}",
			       58, &s, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	  cmocka_unit_test(test_old),
		cmocka_unit_test(test_bad),	  cmocka_unit_test(test_when),
		cmocka_unit_test(test_in_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
