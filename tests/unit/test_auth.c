// SPDX-License-Identifier: Apache-2.0
#include "image/auth.h"
#include "image/challenge.h"
#include "tests/unit/unit.h"

/* "NAME:PASSWORD" each */
static const char file[] = "{\"auths\":{"
			   "\"https://index.docker.io/v1/\":{\"auth\":\"ZG9ja2VyOnB3\"},"
			   "\"reg.example:5000\":{\"auth\":\"YWxsOnB3OndpdGg6Y29sb25z\"},"
			   "\"reg.example:5000/team\":{\"auth\":\"dGVhbTpwdw==\"},"
			   "\"reg.example:5000/team/app\":{\"auth\":\"YXBwOnB3\"},"
			   "\"id.example\":{\"auth\":\"eDp5\",\"identitytoken\":\"tok\"},"
			   "\"bad.example\":{\"auth\":\"!!!\"},"
			   "\"nul.example\":{\"auth\":\"YQA6Yg==\"},"
			   "\"empty.example\":{}},"
			   "\"credHelpers\":{\"helped.example\":\"pass\"}}";

static void expect(const char *registry, const char *repository, const char *user,
		   const char *password)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *helper = NULL;
	struct credentials c = { 0 };
	int r;

	r = auth_file_lookup(file, strlen(file), registry, repository, &c, &helper, &err);
	if (r < 0)
		fail_msg("%s/%s: %s", registry, repository, cmk_err_msg(&err));
	assert_int_equal(r, user ? 1 : 0);
	if (!streq_null(c.user, user) || !streq_null(c.password, password))
		fail_msg("%s/%s: got '%s' '%s'", registry, repository, c.user, c.password);
	credentials_done(&c);
}

static void most_specific_wins(void **state cmk_unused)
{
	expect("docker.io", "library/alpine", "docker", "pw");
	expect("reg.example:5000", "x", "all", "pw:with:colons");
	expect("reg.example:5000", "team/other", "team", "pw");
	expect("reg.example:5000", "team/app", "app", "pw");
	expect("reg.example:5000", "team/application", "team", "pw");
	expect("reg.example:5000", "teams", "all", "pw:with:colons");
	expect("reg.example", "x", NULL, NULL);
	expect("id.example", "x", "<token>", "tok");
	expect("empty.example", "x", NULL, NULL);
}

static void edited(const char *text, const char *key, const struct credentials *c, const char *want)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *got = NULL;
	char *to;
	size_t len = 0;
	int r;

	r = auth_file_edit(text, strlen(text), key, c, &got, &len, &err);
	if (r < 0)
		fail_msg("%s: %s", text, cmk_err_msg(&err));
	assert_int_equal(r, want ? 1 : 0);
	if (!want)
		return;
	/* White space is nobody's business. */
	to = got;
	for (const char *p = got; *p; p++)
		if (*p != ' ' && *p != '\n')
			*to++ = *p;
	*to = '\0';
	assert_string_equal(got, want);
}

static void entries_come_and_go(void **state cmk_unused)
{
	static char name[] = "u", one[] = "p", two[] = "pp", three[] = "";
	const struct credentials c = { name, one }, longer = { name, two }, empty = { name, three };

	edited("", "r", &c, "{\"auths\":{\"r\":{\"auth\":\"dTpw\"}}}");
	edited("", "r", &longer, "{\"auths\":{\"r\":{\"auth\":\"dTpwcA==\"}}}");
	edited("", "r", &empty, "{\"auths\":{\"r\":{\"auth\":\"dTo=\"}}}");
	edited("{\"auths\":null,\"x\":1.0}", "r", &c,
	       "{\"auths\":{\"r\":{\"auth\":\"dTpw\"}},\"x\":1.0}");
	/* In its place, once, whatever it was called before. */
	edited("{\"auths\":{\"a\":{},\"https://r/v1/\":{},\"r\":{},\"r/x\":{}}}", "r", &c,
	       "{\"auths\":{\"a\":{},\"r\":{\"auth\":\"dTpw\"},\"r/x\":{}}}");
	edited("{\"auths\":{\"docker.io\":{}}}", "https://index.docker.io/v1/", &c,
	       "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dTpw\"}}}");
	edited("{\"auths\":{\"r\":{},\"r/x\":{}}}", "r/x", NULL, "{\"auths\":{\"r\":{}}}");
	edited("{\"auths\":{\"r/x\":{}}}", "r", NULL, NULL);
	edited("{\"auths\":{}}", NULL, NULL, NULL);
	edited("{\"auths\":{\"r\":{},\"s\":{}},\"x\":[]}", NULL, NULL, "{\"auths\":{},\"x\":[]}");
	edited("", "r", NULL, NULL);
}

static void broken_files(void **state cmk_unused)
{
	static const char *const bad[] = { "", "[", "{\"auths\":{\"a\":{\"auth\":1}" };
	cleanup_free char *helper = NULL;
	struct credentials c = { 0 };

	assert_int_equal(
		auth_file_lookup(file, strlen(file), "bad.example", "x", &c, &helper, NULL),
		-EINVAL);
	assert_int_equal(
		auth_file_lookup(file, strlen(file), "nul.example", "x", &c, &helper, NULL),
		-EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(auth_file_lookup(bad[i], strlen(bad[i]), "a", "x", &c, &helper, NULL) <
			    0);
	assert_null(c.user);
	assert_null(helper);
}

static void helpers(void **state cmk_unused)
{
	static const char store[] = "{\"credsStore\":\"desktop\"}";
	struct credentials c = { 0 };
	char *helper = NULL;

	assert_int_equal(
		auth_file_lookup(file, strlen(file), "helped.example", "x", &c, &helper, NULL), 0);
	assert_string_equal(helper, "pass");
	free(steal_ptr(&helper));
	assert_int_equal(auth_file_lookup(store, strlen(store), "any", "x", &c, &helper, NULL), 0);
	assert_string_equal(helper, "desktop");
	free(helper);
}

static void creds_option(void **state cmk_unused)
{
	struct credentials c = { 0 };

	assert_int_equal(credentials_parse("u:p:q", &c, NULL), 0);
	assert_string_equal(c.user, "u");
	assert_string_equal(c.password, "p:q");
	credentials_done(&c);
	assert_int_equal(credentials_parse(":p", &c, NULL), -EINVAL);
}

static void challenges(void **state cmk_unused)
{
	struct challenge c = { 0 };

	challenge_parse("Bearer realm=\"https://auth.x/token\",service=\"reg\\\"istry\", "
			"scope=\"repository:a/b:pull,push\"",
			&c);
	assert_true(c.bearer);
	assert_false(c.basic);
	assert_string_equal(c.realm, "https://auth.x/token");
	assert_string_equal(c.service, "reg\"istry");
	assert_string_equal(c.scope, "repository:a/b:pull,push");
	challenge_done(&c);
	challenge_parse("Basic realm=\"r\", bearer REALM=https://y/t ,error=insufficient_scope",
			&c);
	assert_true(c.basic);
	assert_true(c.bearer);
	assert_string_equal(c.realm, "https://y/t");
	assert_string_equal(c.error, "insufficient_scope");
	challenge_done(&c);
	challenge_parse("Bearer realm=\"unended", &c);
	assert_true(c.bearer);
	assert_null(c.realm);
	challenge_parse("=,=;\"", &c);
	challenge_parse("", &c);
	challenge_done(&c);
}

static void answers(void **state cmk_unused)
{
	static const char good[] = "{\"token\":\"\",\"access_token\":\"abc.def\"}";
	static const char split[] = "{\"token\":\"a\\r\\nX: y\"}";
	static const char error[] =
		"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\\u001b[31m\"}]}";
	char *s = NULL;

	assert_int_equal(token_parse(good, strlen(good), &s, NULL), 0);
	assert_string_equal(s, "abc.def");
	free(steal_ptr(&s));
	/* A token becomes a header line. */
	assert_int_equal(token_parse(split, strlen(split), &s, NULL), -EINVAL);
	assert_int_equal(token_parse("{}", 2, &s, NULL), -EINVAL);
	s = registry_error_text(error, strlen(error));
	assert_string_equal(s, "no [31m");
	free(s);
	assert_null(registry_error_text("<html>", 6));
	assert_int_equal(retry_after_parse("17", 0), 17);
	assert_int_equal(retry_after_parse("Thu, 01 Jan 1970 00:01:40 GMT", 40), 60);
	assert_int_equal(retry_after_parse("Thu, 01 Jan 1970 00:01:40 GMT", 400), 0);
	assert_int_equal(retry_after_parse("soon", 0), -1);
	assert_int_equal(retry_after_parse("-5", 0), -1);
	assert_int_equal(retry_after_parse(NULL, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(most_specific_wins),
		cmocka_unit_test(entries_come_and_go),
		cmocka_unit_test(broken_files),
		cmocka_unit_test(helpers),
		cmocka_unit_test(creds_option),
		cmocka_unit_test(challenges),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
