// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include "tests/unit/unit.h"

static void an_error_crosses_to_another_process(void **state cmk_unused)
{
	cleanup_err struct cmk_err sent = CMK_ERR_INIT, got = CMK_ERR_INIT;
	char wire[CMK_ERR_WIRE_MAX];
	size_t n;

	(void)cmk_err_kind(&sent, CMK_ERR_NOT_FOUND, -ENOENT, "no '%s'", "x");
	(void)cmk_err_hint(&sent, "look elsewhere");
	n = cmk_err_encode(&sent, wire, sizeof(wire));
	assert_int_equal(cmk_err_decode(wire, n, "otherwise", &got), -ENOENT);
	assert_int_equal(got.kind, CMK_ERR_NOT_FOUND);
	assert_string_equal(got.msg, "no 'x'");
	assert_string_equal(got.hint, "look elsewhere");
	assert_int_equal(cmk_err_decode(wire, n, "otherwise", NULL), -ENOENT);
}

/* Its code is that of what is no error at all. */
static void a_bad_message_is_told_in_its_own_words(void **state cmk_unused)
{
	cleanup_err struct cmk_err sent = CMK_ERR_INIT, got = CMK_ERR_INIT;
	char wire[CMK_ERR_WIRE_MAX];
	size_t n;

	(void)cmk_err_set(&sent, -EBADMSG, "this is no archive");
	n = cmk_err_encode(&sent, wire, sizeof(wire));
	assert_int_equal(cmk_err_decode(wire, n, "otherwise", &got), -EBADMSG);
	assert_string_equal(got.msg, "this is no archive");
}

static void what_is_no_error_is_told_otherwise(void **state cmk_unused)
{
	cleanup_err struct cmk_err sent = CMK_ERR_INIT;
	char wire[CMK_ERR_WIRE_MAX];
	size_t n;

	(void)cmk_err_set(&sent, -EIO, "why");
	n = cmk_err_encode(&sent, wire, sizeof(wire));
	for (size_t len = 0; len < n; len++) {
		cleanup_err struct cmk_err got = CMK_ERR_INIT;

		assert_int_equal(cmk_err_decode(wire, len, "otherwise", &got), -EBADMSG);
		assert_string_equal(got.msg, "otherwise");
	}
	wire[0] ^= 1;
	assert_int_equal(cmk_err_decode(wire, n, "otherwise", NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_crosses_to_another_process),
		cmocka_unit_test(a_bad_message_is_told_in_its_own_words),
		cmocka_unit_test(what_is_no_error_is_told_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
