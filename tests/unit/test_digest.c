// SPDX-License-Identifier: Apache-2.0
#include "storage/storage.h"
#include "unit.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void digest_of_known_data(void **state)
{
	struct digest d;

	(void)state;
	digest_of("", 0, &d);
	assert_string_equal(d.hex, EMPTY);
	digest_of("abc", 3, &d);
	assert_string_equal(d.hex, ABC);
}

static void digest_in_pieces_starts_again_after_final(void **state)
{
	struct digest_ctx *c = digest_new();
	struct digest d;
	char buf[72];

	(void)state;
	digest_update(c, "a", 1);
	digest_update(c, "bc", 2);
	digest_final(c, &d);
	assert_string_equal(d.hex, ABC);
	digest_final(c, &d);
	assert_string_equal(d.hex, EMPTY);
	digest_ctx_free(c);
	assert_string_equal(digest_str(&d, buf), "sha256:" EMPTY);
}

static void digest_text_that_could_become_a_path_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"sha256:",
		EMPTY,
		"sha256:../../x",
		"sha256:" EMPTY "0",
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8",
		"sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
		"SHA256:" EMPTY,
		"sha256:" EMPTY "\n",
		"md5:d41d8cd98f00b204e9800998ecf8427e",
		"sha256:/3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	};
	struct digest d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(digest_parse(bad[i], &d, NULL), -EINVAL);
	assert_int_equal(digest_parse("sha512:00", &d, NULL), -EOPNOTSUPP);
	assert_int_equal(digest_parse("sha256:" EMPTY, &d, NULL), 0);
	assert_string_equal(d.hex, EMPTY);
	assert_int_equal(digest_parse_hex("..", &d), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_of_known_data),
		cmocka_unit_test(digest_in_pieces_starts_again_after_final),
		cmocka_unit_test(digest_text_that_could_become_a_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
