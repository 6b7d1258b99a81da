// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/frame.h"

#include "tests/unit/unit.h"

static struct detach_scan scan_of(const char *keys)
{
	struct detach_scan s = { 0 };

	assert_int_equal(detach_keys_parse(keys, s.keys, &s.n, NULL), 0);
	return s;
}

/* Feeds IN one byte at a time and as a whole: both pass WANT on and find the keys at the same
 * place. */
static void check_scan(const char *keys, const char *in, const char *want, bool want_found)
{
	for (size_t step = 1; step <= strlen(in); step += strlen(in) - 1 ? strlen(in) - 1 : 1) {
		struct detach_scan s = scan_of(keys);
		uint8_t out[256], part[64];
		size_t n = 0, len = 0;
		bool found = false;

		for (size_t i = 0; i < strlen(in) && !found; i += step) {
			size_t k = MIN(step, strlen(in) - i);

			found = detach_scan_feed(&s, (const uint8_t *)in + i, k, part, &len);
			memcpy(out + n, part, len);
			n += len;
		}
		assert_int_equal(found, want_found);
		assert_int_equal(n, strlen(want));
		assert_memory_equal(out, want, n);
	}
}

static void test_detach_keys_are_parsed(void **state)
{
	uint8_t keys[16];
	size_t n = 9;

	(void)state;
	assert_int_equal(detach_keys_parse("ctrl-p,ctrl-q", keys, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(keys[0], 16);
	assert_int_equal(keys[1], 17);
	assert_int_equal(detach_keys_parse("a,ctrl-@,ctrl-[,ctrl-_", keys, &n, NULL), 0);
	assert_int_equal(n, 4);
	assert_int_equal(keys[1], 0);
	assert_int_equal(keys[2], 27);
	assert_int_equal(keys[3], 31);
	assert_int_equal(detach_keys_parse("", keys, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(detach_keys_parse(",", keys, &n, NULL), -EINVAL);
	assert_int_equal(detach_keys_parse("ab", keys, &n, NULL), -EINVAL);
	assert_int_equal(detach_keys_parse("ctrl-", keys, &n, NULL), -EINVAL);
	assert_int_equal(detach_keys_parse("ctrl-P", keys, &n, NULL), -EINVAL);
	assert_int_equal(detach_keys_parse("\xc3", keys, &n, NULL), -EINVAL);
	assert_int_equal(detach_keys_parse("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", keys, &n, NULL),
			 -EINVAL);
}

static void test_detach_keys_are_found_and_partial_ones_passed_on(void **state)
{
	(void)state;
	check_scan("a,b", "xxab", "xx", true);
	check_scan("a,b", "xxaxb", "xxaxb", false);
	check_scan("a,b", "xaab", "xa", true);
	check_scan("a,a,b", "aaab", "a", true);
	check_scan("a,b,a,c", "ababac", "ab", true);
	check_scan("a,b,a,c", "abababx", "abababx", false);
	check_scan("a", "xyza", "xyz", true);
	check_scan("", "abc", "abc", false);
}

static int feed(struct frame_reader *r, const void *data, size_t len, int *ret_frames)
{
	const uint8_t *p = data;

	while (len > 0) {
		uint8_t *at;
		size_t want = frame_reader_want(r, &at), n = MIN(want, len);
		int rc;

		assert_true(want > 0);
		memcpy(at, p, n);
		p += n;
		len -= n;
		rc = frame_reader_got(r, n);
		if (rc < 0)
			return rc;
		if (rc > 0) {
			(*ret_frames)++;
			frame_reader_next(r);
		}
	}
	return 0;
}

static void test_frames_come_in_any_pieces(void **state)
{
	static uint8_t input[MONITOR_FRAME_MAX];
	const uint8_t stream[] = { FRAME_STDIN, 0,  0,		 0,   3,   0,
				   0,		0,  'a',	 'b', 'c', FRAME_SIGNAL,
				   0,		0,  0,		 1,   0,   0,
				   0,		15, FRAME_STDIN, 0,   0,   0,
				   0,		0,  0,		 0 };
	struct frame_reader r;
	int n = 0;

	(void)state;
	frame_reader_init(&r, input);
	assert_int_equal(feed(&r, stream, sizeof(stream), &n), 0);
	assert_int_equal(n, 3);
	n = 0;
	frame_reader_init(&r, input);
	for (size_t i = 0; i < sizeof(stream); i++)
		assert_int_equal(feed(&r, stream + i, 1, &n), 0);
	assert_int_equal(n, 3);
	assert_memory_equal(input, "abc", 3);
}

static void test_frames_against_the_rules_are_refused(void **state)
{
	static uint8_t input[MONITOR_FRAME_MAX];
	static const uint8_t bad[][8] = {
		{ FRAME_STDIN, 0, 0, 0, 1, 0, 1, 0 },
		{ FRAME_STDIN, 0, 0, 0, 0, 0, 0, 0x80 },
		{ FRAME_SIGNAL, 0, 0, 0, 2, 0, 0, 0 },
		{ FRAME_RESIZE, 0, 0, 0, 0, 0, 0, 0 },
		{ FRAME_ATTACH, 0, 0, 0, 18, 0, 0, 0 },
		{ FRAME_EXIT, 0, 0, 0, 4, 0, 0, 0 },
		{ 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 255, 0, 0, 0, 0, 0, 0, 0 },
	};
	struct frame_reader r;
	int n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		frame_reader_init(&r, input);
		assert_int_equal(feed(&r, bad[i], sizeof(bad[i]), &n), -EBADMSG);
	}
	/* A second input before the first was taken. */
	frame_reader_init(&r, input);
	r.input_busy = true;
	assert_int_equal(feed(&r, (uint8_t[]){ FRAME_STDIN, 0, 0, 0, 1, 0, 0, 0 }, 8, &n),
			 -EBADMSG);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_detach_keys_are_parsed),
		cmocka_unit_test(test_detach_keys_are_found_and_partial_ones_passed_on),
		cmocka_unit_test(test_frames_come_in_any_pieces),
		cmocka_unit_test(test_frames_against_the_rules_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
