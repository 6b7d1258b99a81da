// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/health_state.h"

#include "tests/unit/unit.h"

static struct container_health *configured(const struct health_options *o, const char *image)
{
	struct container_health *h = NULL;
	struct cmk_err err = CMK_ERR_INIT;

	if (health_configure(&h, image, o, &err) < 0)
		fail_msg("%s", cmk_err_msg(&err));
	return h;
}

static void check_test(const char *typed, const char *want)
{
	struct container_health *h = configured(&(struct health_options){ .cmd = typed }, NULL);
	cleanup_free char *got = strv_join(h->test, "|");

	assert_string_equal(got, want);
	(void)health_free(h);
}

static void test_commands_are_lines_or_arrays(void **state)
{
	(void)state;
	check_test("curl -f http://x/ || exit 1", "CMD-SHELL|curl -f http://x/ || exit 1");
	check_test("[\"curl\", \"-f\", \"a b\"]", "CMD|curl|-f|a b");
	check_test("[\"one line\"]", "CMD-SHELL|one line");
	check_test("[\"CMD\", \"a\", \"b\"]", "CMD|a|b");
	check_test("[\"CMD-SHELL\", \"a b\"]", "CMD-SHELL|a b");
	check_test("CMD-SHELL a  b", "CMD-SHELL|a  b");
	check_test("CMD a  b", "CMD|a|b");
	check_test("none", "NONE");
	check_test("[not json", "CMD-SHELL|[not json");
}

static void check_refused(const struct health_options *o, const char *why)
{
	struct container_health *h = NULL;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	assert_true(health_configure(&h, NULL, o, &err) < 0);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s' does not say '%s'", cmk_err_msg(&err), why);
	(void)health_free(h);
}

static void test_bad_options_are_refused(void **state)
{
	(void)state;
	check_refused(&(struct health_options){ .cmd = "" }, "health-cmd");
	check_refused(&(struct health_options){ .cmd = "CMD" }, "health-cmd");
	check_refused(&(struct health_options){ .cmd = "[]" }, "health-cmd");
	check_refused(&(struct health_options){ .cmd = "x", .interval = "soon" },
		      "invalid healthcheck-interval");
	check_refused(&(struct health_options){ .cmd = "x", .interval = "-1s" },
		      "healthcheck-interval");
	check_refused(&(struct health_options){ .cmd = "x", .timeout = "0s" },
		      "healthcheck-timeout must be at least 1 second");
	check_refused(&(struct health_options){ .cmd = "x", .start_period = "-1s" },
		      "healthcheck-start-period must be 0 seconds or greater");
	check_refused(&(struct health_options){ .cmd = "x", .retries = "0" },
		      "healthcheck-retries must be greater than 0");
	check_refused(&(struct health_options){ .cmd = "x", .on_failure = "explode" }, "explode");
	check_refused(&(struct health_options){ .cmd = "x", .max_log_count = "-1" }, "-1");
	check_refused(&(struct health_options){ .cmd = "x", .log_destination = "/no/such" },
		      "/no/such");
	check_refused(&(struct health_options){ .cmd = "x", .no_healthcheck = true },
		      "cannot specify both --no-healthcheck and --health-cmd");
}

static void test_options_stand_above_the_image(void **state)
{
	static const char image[] = "{\"Test\":[\"CMD\",\"probe\"],\"Interval\":5000000000,"
				    "\"Retries\":7,\"StartPeriod\":0}";
	struct container_health *h;

	(void)state;
	h = configured(&(struct health_options){ 0 }, image);
	assert_string_equal(h->test[1], "probe");
	assert_int_equal(h->interval_ns, 5000000000);
	assert_int_equal(h->retries, 7);
	assert_int_equal(h->timeout_ns, 30000000000);
	(void)health_free(h);
	h = configured(&(struct health_options){ .retries = "2", .cmd = "mine" }, image);
	assert_string_equal(h->test[1], "mine");
	assert_int_equal(h->retries, 2);
	assert_int_equal(h->interval_ns, 5000000000);
	(void)health_free(h);
	h = configured(&(struct health_options){ .no_healthcheck = true }, image);
	assert_false(health_enabled(h));
	(void)health_free(h);
	h = configured(&(struct health_options){ 0 }, "{\"Test\":[\"CMD\"]}");
	assert_false(health_enabled(h));
	(void)health_free(h);
	assert_null(configured(&(struct health_options){ 0 }, NULL));
}

static void test_an_image_may_lie(void **state)
{
	static const char *const bad[] = { "{\"Test\":\"probe\"}", "{\"Test\":[1]}",
					   "{\"Test\":[\"CMD\"],\"Interval\":-1}",
					   "{\"Test\":[\"CMD\"],\"Retries\":\"x\"}", "{" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct container_health *h = NULL;

		assert_true(health_configure(&h, bad[i], &(struct health_options){ 0 }, NULL) < 0);
		(void)health_free(h);
	}
}

static void test_actions_need_a_check(void **state)
{
	struct container_health *h = configured(&(struct health_options){ .on_failure = "kill" },
						NULL);
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	(void)state;
	assert_true(health_check_whole(h, &err) < 0);
	assert_string_equal(cmk_err_msg(&err),
			    "cannot set on-failure action to kill without a health check");
	(void)health_free(h);
	h = configured(&(struct health_options){ .startup_cmd = "x" }, NULL);
	assert_true(health_check_whole(h, NULL) < 0);
	(void)health_free(h);
}

/* --- the state --------------------------------------------------------------------------------
 */

static enum health_on_failure result(struct health_state *s, int code, int64_t at_ms)
{
	struct health_result r = {
		.start = xstrdup("a"),
		.end = xstrdup("b"),
		.exit_code = code,
		.output = xstrdup("grün"),
		.began_ms = at_ms,
	};

	return health_state_result(s, &r, at_ms);
}

static void test_it_takes_retries_to_be_unhealthy(void **state)
{
	struct container_health *h = configured(
		&(struct health_options){
			.cmd = "x", .retries = "2", .interval = "10s", .on_failure = "stop" },
		NULL);
	struct health_state s = { 0 };

	(void)state;
	health_state_begin(&s, h, 1000, true);
	assert_int_equal(s.next_ms, 1000);
	assert_string_equal(s.rec.status, "starting");
	assert_int_equal(result(&s, 1, 1500), HEALTH_NOTHING);
	assert_string_equal(s.rec.status, "starting");
	assert_int_equal(s.next_ms, 11500);
	assert_int_equal(result(&s, 0, 11500), HEALTH_NOTHING);
	assert_string_equal(s.rec.status, "healthy");
	assert_int_equal(s.rec.failing_streak, 0);
	assert_int_equal(result(&s, 1, 21500), HEALTH_NOTHING);
	assert_string_equal(s.rec.status, "healthy");
	assert_int_equal(result(&s, -1, 31500), HEALTH_STOP);
	assert_string_equal(s.rec.status, "unhealthy");
	assert_int_equal(s.rec.failing_streak, 2);
	assert_int_equal(result(&s, 0, 41500), HEALTH_NOTHING);
	assert_string_equal(s.rec.status, "healthy");
	health_state_done(&s);
	(void)health_free(h);
}

static void test_the_start_period_forgives_until_the_first_success(void **state)
{
	struct container_health *h = configured(
		&(struct health_options){
			.cmd = "x", .retries = "1", .start_period = "60s", .start_interval = "1s" },
		NULL);
	struct health_state s = { 0 };

	(void)state;
	health_state_begin(&s, h, 1000, true);
	assert_int_equal(result(&s, 1, 2000), HEALTH_NOTHING);
	assert_string_equal(s.rec.status, "starting");
	assert_int_equal(s.rec.failing_streak, 0);
	assert_int_equal(s.next_ms, 3000);
	assert_int_equal(result(&s, 0, 3000), HEALTH_NOTHING);
	assert_string_equal(s.rec.status, "healthy");
	assert_int_equal(s.next_ms, 33000);
	assert_int_equal(result(&s, 1, 4000), HEALTH_NOTHING);
	assert_string_equal(s.rec.status, "unhealthy");
	/* Begun inside, ended outside: it is the beginning that counts. */
	health_state_begin(&s, h, 1000, true);
	assert_int_equal(result(&s, 1, 60999), HEALTH_NOTHING);
	assert_string_equal(s.rec.status, "starting");
	assert_int_equal(result(&s, 1, 61000), HEALTH_NOTHING);
	assert_string_equal(s.rec.status, "unhealthy");
	health_state_done(&s);
	(void)health_free(h);
}

static void test_a_startup_check_comes_first(void **state)
{
	struct container_health *h = configured(
		&(struct health_options){ .cmd = "x",
					  .startup_cmd = "y",
					  .startup_success = "2",
					  .startup_retries = "3",
					  .startup_interval = "2s" },
		NULL);
	struct health_state s = { 0 };

	(void)state;
	health_state_begin(&s, h, 1000, true);
	assert_string_equal(health_state_test(&s)[1], "y");
	assert_int_equal(result(&s, 0, 1000), HEALTH_NOTHING);
	assert_int_equal(result(&s, 1, 3000), HEALTH_NOTHING);
	assert_int_equal(s.next_ms, 5000);
	assert_int_equal(result(&s, 0, 5000), HEALTH_NOTHING);
	assert_true(s.in_startup);
	assert_int_equal(result(&s, 0, 7000), HEALTH_NOTHING);
	assert_false(s.in_startup);
	assert_string_equal(health_state_test(&s)[1], "x");
	assert_string_equal(s.rec.status, "starting");
	assert_int_equal(s.next_ms, 7000);
	health_state_begin(&s, h, 1000, true);
	assert_int_equal(result(&s, 1, 1000), HEALTH_NOTHING);
	assert_int_equal(result(&s, 1, 3000), HEALTH_NOTHING);
	assert_int_equal(result(&s, 1, 5000), HEALTH_RESTART);
	health_state_done(&s);
	(void)health_free(h);
}

static void test_what_is_kept_is_bounded(void **state)
{
	struct container_health *h = configured(&(struct health_options){ .cmd = "x",
									  .interval = "disable",
									  .max_log_count = "2",
									  .max_log_size = "3" },
						NULL);
	struct health_state s = { 0 };

	(void)state;
	health_state_begin(&s, h, 1000, true);
	assert_int_equal(s.next_ms, 0);
	for (int i = 0; i < 3; i++)
		(void)result(&s, i, 1000);
	assert_int_equal(s.rec.n_log, 2);
	assert_int_equal(s.rec.log[0].exit_code, 1);
	assert_int_equal(s.rec.log[1].exit_code, 2);
	/* "grü" has four bytes: no half of a character. */
	assert_string_equal(s.rec.log[1].output, "gr");
	assert_int_equal(s.next_ms, 0);
	health_state_done(&s);
	(void)health_free(h);
}

static void test_what_runs(void **state)
{
	cleanup_strv char **shell = strv_split("CMD-SHELL|a|b", '|');
	cleanup_strv char **plain = strv_split("CMD|a|b", '|');
	cleanup_strv char **none = strv_split("NONE", '|');
	cleanup_strv char **one = health_command(shell);
	cleanup_strv char **two = health_command(plain);

	(void)state;
	assert_string_equal(one[0], "/bin/sh");
	assert_string_equal(one[2], "a b");
	assert_string_equal(two[0], "a");
	assert_int_equal(strv_len(two), 2);
	assert_null(health_command(none));
	assert_null(health_command(NULL));
}

static void test_it_settles_in_bounded_time(void **state)
{
	struct container_health h = {
		.interval_ns = 1000000000,
		.timeout_ns = 2000000000,
		.start_period_ns = 5000000000,
		.retries = 4,
	};

	(void)state;
	assert_int_equal(health_settles_ms(&h), (5 + 5 * 3 + 30) * 1000);
	h.retries = 0;
	assert_int_equal(health_settles_ms(&h), (5 + 4 * 3 + 30) * 1000);
	h.startup_test = (char *[]){ (char *)"CMD", (char *)"x", NULL };
	h.startup_interval_ns = h.startup_timeout_ns = 10000000000;
	h.startup_success = 2;
	assert_int_equal(health_settles_ms(&h), (5 + 4 * 3 + 3 * 20 + 30) * 1000);
	/* Numbers that nobody has time for. */
	h.interval_ns = INT64_MAX - 1;
	h.startup_retries = INT32_MAX;
	assert_int_equal(health_settles_ms(&h), (INT64_MAX / 1000000000 + 30) * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands_are_lines_or_arrays),
		cmocka_unit_test(test_bad_options_are_refused),
		cmocka_unit_test(test_options_stand_above_the_image),
		cmocka_unit_test(test_an_image_may_lie),
		cmocka_unit_test(test_actions_need_a_check),
		cmocka_unit_test(test_it_takes_retries_to_be_unhealthy),
		cmocka_unit_test(test_the_start_period_forgives_until_the_first_success),
		cmocka_unit_test(test_a_startup_check_comes_first),
		cmocka_unit_test(test_what_is_kept_is_bounded),
		cmocka_unit_test(test_it_settles_in_bounded_time),
		cmocka_unit_test(test_what_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
