// SPDX-License-Identifier: Apache-2.0
#include "image/listing.h"
#include "tests/unit/unit.h"

static void next_is(const char *link, const char *want)
{
	cleanup_free char *got = listing_next(link);

	if (!streq_null(got, want))
		fail_msg("%s: got '%s'", link, got);
}

static void links(void **state cmk_unused)
{
	next_is("</v2/_catalog?last=b&n=2>; rel=\"next\"", "/v2/_catalog?last=b&n=2");
	next_is("</v2/_catalog?last=b&n=2>;rel=next", "/v2/_catalog?last=b&n=2");
	next_is("</a>", "/a");
	next_is("</a>; rel=prev, </b>; rel=\"next\"", "/b");
	next_is("</a>; rel=prev", NULL);
	next_is("<https://evil.example:99/v2/x>; rel=\"next\"", "/v2/x");
	next_is("<https://evil.example>; rel=\"next\"", NULL);
	next_is("<x>; rel=\"next\"", NULL);
	next_is("</a b>; rel=\"next\"", NULL);
	next_is("</a\r\nX: y>; rel=\"next\"", NULL);
	next_is("</a#b>", NULL);
	next_is("</a", NULL);
	next_is("", NULL);
	next_is("next", NULL);
}

static int add(const char *text, char ***list, size_t *n)
{
	return listing_strings(text, strlen(text), "tags", list, n, NULL);
}

static void strings(void **state cmk_unused)
{
	static const char *const bad[] = { "", "[", "{\"tags\":1}", "{\"tags\":[1]}" };
	cleanup_strv char **list = NULL;
	size_t n = 0;

	assert_int_equal(add("{\"tags\":[\"a\",\"b\"]}", &list, &n), 0);
	assert_int_equal(add("{\"tags\":[\"\\u001b[c\"]}", &list, &n), 0);
	assert_int_equal(add("{\"tags\":null}", &list, &n), 0);
	assert_int_equal(add("{}", &list, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(strv_len(list), 3);
	assert_string_equal(list[1], "b");
	assert_string_equal(list[2], " [c");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(add(bad[i], &list, &n), -EINVAL);
	assert_int_equal(n, 3);
}

static void results(void **state cmk_unused)
{
	static const char text[] = "{\"results\":[{\"description\":\"nameless\"},"
				   "{\"name\":\"a\\nb\",\"star_count\":7,\"is_official\":true}]}";
	struct image_found *found = NULL;
	size_t n = 0;

	assert_int_equal(listing_results(text, strlen(text), &found, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(found[0].name, "a b");
	assert_string_equal(found[0].description, "");
	assert_int_equal(found[0].stars, 7);
	assert_true(found[0].official);
	assert_false(found[0].automated);
	image_found_free(found, n);
	assert_int_equal(listing_results("{}", 2, &found, &n, NULL), -EINVAL);
}

static void escapes(void **state cmk_unused)
{
	cleanup_free char *s = listing_escape("a Z-._~/&=\xc3\xa9%");

	assert_string_equal(s, "a%20Z-._~%2F%26%3D%C3%A9%25");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links),
		cmocka_unit_test(strings),
		cmocka_unit_test(results),
		cmocka_unit_test(escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
