// SPDX-License-Identifier: Apache-2.0
#include "cmd/option.h"

#include "tests/unit/unit.h"

struct args {
	bool flag, other;
	const char *name, *mode, *opt, *format;
	char **list, **csv;
	int64_t number, bytes, cpus;
	uint32_t small;
	int tri, called;
};

static int count_call(const struct cmk_option *o, const char *value, void *args,
		      struct cmk_err *err)
{
	struct args *a = args;

	(void)o;
	if (streq(value, "bad"))
		return cmk_err_set(err, -EINVAL, "it is bad");
	a->called++;
	return 0;
}

static const struct cmk_option shared[] = {
	CMK_OPT_OF(OPT_STRV, 'e', "env", struct args, list, "K=V", "a list"),
	CMK_OPT_OF(OPT_CSV, 0, "csv", struct args, csv, "A,B", "a list", .def = "x,y"),
	CMK_OPT_END(),
};
static const struct cmk_option rows[] = {
	CMK_OPT_FLAG('i', "interactive", struct args, flag, "a flag"),
	CMK_OPT_FLAG('t', "tty", struct args, other, "a flag", .excludes = "mode"),
	CMK_OPT_STRING('n', "name", struct args, name, "NAME", "a string", .def = "none",
		       .env = "CMK_TEST_OPTION_NAME"),
	CMK_OPT_STRING(0, "mode", struct args, mode, "MODE", "a word", .words = "fast|slow"),
	CMK_OPT_STRING(0, "color", struct args, opt, "WHEN", "optional", .alias = "colour",
		       .flags = OPT_VALUE_OPTIONAL, .value_if_alone = "always"),
	CMK_OPT_STRING(0, "format", struct args, format, "FORMAT", "a template"),
	CMK_OPT_OF(OPT_INT, 0, "number", struct args, number, "N", "a number", .min = -1,
		   .max = 10),
	CMK_OPT_OF(OPT_UINT32, 0, "small", struct args, small, "N", "a number"),
	CMK_OPT_OF(OPT_BYTES, 'm', "bytes", struct args, bytes, "SIZE", "a size"),
	CMK_OPT_OF(OPT_NANO_CPUS, 0, "cpus", struct args, cpus, "N", "CPUs"),
	CMK_OPT_OF(OPT_TRISTATE, 0, "tri", struct args, tri, NULL, "three states"),
	CMK_OPT_OF(OPT_CALLBACK, 0, "call", struct args, called, "X", "a callback",
		   .parse = count_call),
	CMK_OPT_USE(shared),
	CMK_OPT_END(),
};

struct result {
	struct args a;
	struct cmk_parse p;
	struct cmk_err err;
	int r;
};

/* WORDS, split at blanks; "_" stands for an empty word. */
static struct result *parse(struct result *res, bool stop, const char *words)
{
	static char **argv;
	const struct cmk_option_set set = { rows, &res->a, false };

	strv_free(argv);
	argv = *words ? strv_split(words, ' ') : NULL;
	for (char **w = argv; w && *w; w++)
		if (streq(*w, "_"))
			(*w)[0] = '\0';
	*res = (struct result){ 0 };
	res->r = cmk_parse_options(&set, 1, stop, (int)strv_len(argv), argv, &res->p, &res->err);
	return res;
}

static void done(struct result *res)
{
	cmk_options_done(rows, &res->a);
	cmk_parse_done(&res->p);
	cmk_err_done(&res->err);
}

static void test_defaults_are_there_and_the_environment_is_above_them(void **state)
{
	struct result r;

	(void)state;
	assert_int_equal(parse(&r, false, "")->r, 0);
	assert_string_equal(r.a.name, "none");
	assert_int_equal(strv_len(r.a.csv), 2);
	assert_int_equal(r.a.tri, -1);
	assert_null(r.a.list);
	assert_int_equal(r.p.n_operands, 0);
	done(&r);
	assert_int_equal(setenv("CMK_TEST_OPTION_NAME", "from-env", 1), 0);
	(void)parse(&r, false, "");
	assert_string_equal(r.a.name, "from-env");
	done(&r);
	(void)parse(&r, false, "-n given");
	assert_string_equal(r.a.name, "given");
	done(&r);
	assert_int_equal(unsetenv("CMK_TEST_OPTION_NAME"), 0);
}

static void test_every_spelling_of_a_value(void **state)
{
	static const char *const spellings[] = {
		"--name=v", "--name v", "-n v", "-nv", "-n=v", "-in v", "-inv", "--name x -n v",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		struct result r;

		assert_int_equal(parse(&r, false, spellings[i])->r, 0);
		assert_string_equal(r.a.name, "v");
		assert_int_equal(r.p.n_operands, 0);
		done(&r);
	}
}

static void test_flags_group_and_take_a_value_behind_equals(void **state)
{
	struct result r;

	(void)state;
	assert_int_equal(parse(&r, false, "-it")->r, 0);
	assert_true(r.a.flag && r.a.other);
	done(&r);
	assert_int_equal(parse(&r, false, "-i --interactive=false --tri=no --tty 0")->r, 0);
	assert_false(r.a.flag);
	assert_int_equal(r.a.tri, 0);
	assert_true(r.a.other);
	assert_int_equal(r.p.n_operands, 1);
	done(&r);
	assert_int_equal(parse(&r, false, "--tri")->r, 0);
	assert_int_equal(r.a.tri, 1);
	done(&r);
	assert_int_equal(parse(&r, false, "--interactive=maybe")->r, -EINVAL);
	assert_non_null(strstr(r.err.msg, "not true or false"));
	done(&r);
}

static void test_lists_keep_commas_or_split_at_them(void **state)
{
	struct result r;

	(void)state;
	assert_int_equal(parse(&r, false, "-e A=1,2 --env=B= --csv a,b --csv=c,,d")->r, 0);
	assert_int_equal(strv_len(r.a.list), 2);
	assert_string_equal(r.a.list[0], "A=1,2");
	assert_string_equal(r.a.list[1], "B=");
	assert_int_equal(strv_len(r.a.csv), 4);
	assert_string_equal(r.a.csv[0], "a");
	assert_string_equal(r.a.csv[3], "d");
	done(&r);
}

static void test_operands_end_options_where_the_command_says_so(void **state)
{
	struct result r;

	(void)state;
	assert_int_equal(parse(&r, true, "-i image sh -t --name x")->r, 0);
	assert_true(r.a.flag);
	assert_false(r.a.other);
	assert_int_equal(r.p.n_operands, 5);
	assert_string_equal(r.p.operands[2], "-t");
	assert_null(r.p.operands[5]);
	done(&r);
	assert_int_equal(parse(&r, false, "one -i two")->r, 0);
	assert_true(r.a.flag);
	assert_int_equal(r.p.n_operands, 2);
	done(&r);
	assert_int_equal(parse(&r, false, "-i -- -t - --")->r, 0);
	assert_false(r.a.other);
	assert_int_equal(r.p.n_operands, 3);
	done(&r);
	assert_int_equal(parse(&r, true, "- -t")->r, 0);
	assert_int_equal(r.p.n_operands, 2);
	done(&r);
}

static void test_an_optional_value_needs_the_equals_sign(void **state)
{
	struct result r;

	(void)state;
	assert_int_equal(parse(&r, false, "--color never")->r, 0);
	assert_string_equal(r.a.opt, "always");
	assert_int_equal(r.p.n_operands, 1);
	done(&r);
	assert_int_equal(parse(&r, false, "--colour=never")->r, 0);
	assert_string_equal(r.a.opt, "never");
	done(&r);
}

static void test_numbers_have_ranges(void **state)
{
	struct result r;

	(void)state;
	assert_int_equal(parse(&r, false, "--number -1 --small 7 -m 1.5k --cpus .5")->r, 0);
	assert_int_equal(r.a.number, -1);
	assert_int_equal(r.a.small, 7);
	assert_int_equal(r.a.bytes, 1536);
	assert_int_equal(r.a.cpus, 500000000);
	done(&r);
}

static void test_bad_words_give_one_clear_line(void **state)
{
	static const char *const bad[][2] = {
		{ "--nme x", "unknown flag: --nme" },
		{ "--nme=x", "unknown flag: --nme" },
		{ "-ix", "unknown shorthand flag: 'x' in -ix" },
		{ "--", NULL },
		{ "--=x", "unknown flag: --" },
		{ "--name", "flag needs an argument: --name" },
		{ "-in", "flag needs an argument: 'n' in -in" },
		{ "--mode fas", "invalid value 'fas' for option '--mode': not one of fast|slow" },
		{ "--mode fast|slow", "not one of" },
		{ "--mode _", "not one of" },
		{ "--number 11", "not in -1..10" },
		{ "--number 1x", "not a whole number" },
		{ "--number _", "not a whole number" },
		{ "--small -1",
		  "invalid argument \"-1\" for \"--small\" flag: not a whole number" },
		{ "--small 4294967296", "out of range" },
		{ "-m 12q", "not a size" },
		{ "-m -1", "invalid value '-1' for option '--bytes'" },
		{ "--cpus two", "not a number of CPUs" },
		{ "--call bad", "invalid value 'bad' for option '--call': it is bad" },
		{ "-t --mode fast", "options '--tty' and '--mode' cannot be used together" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct result r;

		(void)parse(&r, false, bad[i][0]);
		if (!bad[i][1]) {
			assert_int_equal(r.r, 0);
		} else {
			assert_true(r.r < 0);
			if (!strstr(r.err.msg, bad[i][1]))
				fail_msg("%s: '%s'", bad[i][0], r.err.msg);
		}
		done(&r);
	}
}

static void test_a_slip_gets_a_hint(void **state)
{
	struct result r;

	(void)state;
	assert_true(parse(&r, false, "--nmae=x")->r < 0);
	assert_string_equal(r.p.unknown, "--nmae");
	assert_string_equal(r.err.hint, "did you mean '--name'?");
	done(&r);
	assert_true(parse(&r, false, "--something-else")->r < 0);
	assert_null(r.err.hint);
	done(&r);
	assert_true(cmk_is_near("vesion", "version"));
	assert_false(cmk_is_near("run", "rmi"));
}

static void test_a_second_table_takes_what_the_first_does_not(void **state)
{
	static const struct cmk_option behind[] = {
		CMK_OPT_STRING('n', "root", struct args, mode, "DIR", "d", .def = "reset"),
		CMK_OPT_END(),
	};
	char a0[] = "--root=/x", a1[] = "-nv", *argv[] = { a0, a1, NULL };
	struct args a = { 0 }, b = { .mode = "kept" };
	const struct cmk_option_set sets[] = { { rows, &a, false }, { behind, &b, true } };
	struct cmk_parse p = { 0 };

	(void)state;
	assert_int_equal(cmk_parse_options(sets, 2, false, 0, argv, &p, NULL), 0);
	assert_string_equal(b.mode, "kept");
	cmk_parse_done(&p);
	cmk_options_done(rows, &a);
	assert_int_equal(cmk_parse_options(sets, 2, false, 2, argv, &p, NULL), 0);
	assert_string_equal(b.mode, "/x");
	assert_string_equal(a.name, "v");
	cmk_parse_done(&p);
	cmk_options_done(rows, &a);
}

static void test_a_bad_table_is_found(void **state)
{
	static const struct cmk_option twice[] = {
		CMK_OPT_FLAG(0, "net", struct args, flag, "a"),
		CMK_OPT_FLAG(0, "network", struct args, flag, "b", .alias = "net"),
		CMK_OPT_END(),
	};
	static const struct cmk_option letter[] = {
		CMK_OPT_FLAG('a', "all", struct args, flag, "a"),
		CMK_OPT_FLAG('a', "any", struct args, flag, "b"),
		CMK_OPT_END(),
	};
	static const struct cmk_option stop[] = {
		CMK_OPT_FLAG('a', "all", struct args, flag, "Everything."),
		CMK_OPT_END(),
	};
	static const struct cmk_option def[] = {
		CMK_OPT_STRING(0, "m", struct args, name, "M", "m", .words = "a|b", .def = "c"),
		CMK_OPT_END(),
	};
	const struct cmk_option *const tables[] = { twice, letter, stop, def };

	(void)state;
	assert_null(cmk_options_check(rows));
	assert_null(cmk_options_check(NULL));
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		cleanup_free char *bad = cmk_options_check(tables[i]);

		assert_non_null(bad);
	}
}

static void test_keys_are_whole_words_before_the_sign(void **state)
{
	static const struct cmk_option_key keys[] = {
		{ "label", COMPLETE_NONE, NULL },
		{ "label!", COMPLETE_NONE, NULL },
		{ "status", COMPLETE_WORDS, "created|running" },
		{ NULL, COMPLETE_NONE, NULL },
	};

	(void)state;
	assert_ptr_equal(cmk_option_find_key(keys, "label=a=b"), &keys[0]);
	assert_ptr_equal(cmk_option_find_key(keys, "label!=a"), &keys[1]);
	assert_ptr_equal(cmk_option_find_key(keys, "status"), &keys[2]);
	assert_null(cmk_option_find_key(keys, "stat=x"));
	assert_null(cmk_option_find_key(keys, "statuses=x"));
	assert_null(cmk_option_find_key(keys, "=label"));
	assert_null(cmk_option_find_key(keys, ""));
	assert_true(cmk_option_is_word(keys[2].words, "running"));
	assert_false(cmk_option_is_word(keys[2].words, "run"));
	assert_false(cmk_option_is_word(keys[2].words, "created|running"));
	assert_false(cmk_option_is_word(keys[2].words, ""));
	assert_false(cmk_option_is_word(NULL, "running"));
}

static void test_blanks_around_json_count_for_nothing(void **state)
{
	static const char *const cases[][2] = {
		{ "json", "json" },
		{ " json\n", "json" },
		{ "{{json}}", "{{json .}}" },
		{ " {{ json }} ", "{{json .}}" },
		{ "{{json .}}", "{{json .}}" },
		{ " {{json .A}}", " {{json .A}}" },
		{ "{{json", "{{json" },
		{ "json . }}", "json . }}" },
		{ "{{json }} x", "{{json }} x" },
		{ "jsonx", "jsonx" },
		{ "", "" },
		{ "{{", "{{" },
	};
	const struct cmk_option_set set = { rows, NULL, false };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char option[] = "--format", *value = xstrdup(cases[i][0]);
		char *argv[] = { option, value, NULL };
		struct args a = { 0 };
		struct cmk_option_set mine = set;
		struct cmk_parse p = { 0 };

		mine.args = &a;
		assert_int_equal(cmk_parse_options(&mine, 1, false, 2, argv, &p, NULL), 0);
		assert_string_equal(a.format, cases[i][1]);
		cmk_options_done(rows, &a);
		cmk_parse_done(&p);
		free(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_there_and_the_environment_is_above_them),
		cmocka_unit_test(test_every_spelling_of_a_value),
		cmocka_unit_test(test_flags_group_and_take_a_value_behind_equals),
		cmocka_unit_test(test_lists_keep_commas_or_split_at_them),
		cmocka_unit_test(test_operands_end_options_where_the_command_says_so),
		cmocka_unit_test(test_an_optional_value_needs_the_equals_sign),
		cmocka_unit_test(test_numbers_have_ranges),
		cmocka_unit_test(test_bad_words_give_one_clear_line),
		cmocka_unit_test(test_a_slip_gets_a_hint),
		cmocka_unit_test(test_a_second_table_takes_what_the_first_does_not),
		cmocka_unit_test(test_a_bad_table_is_found),
		cmocka_unit_test(test_keys_are_whole_words_before_the_sign),
		cmocka_unit_test(test_blanks_around_json_count_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
