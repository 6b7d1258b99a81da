// SPDX-License-Identifier: Apache-2.0
#include "cmd/top_words.h"

#include "tests/unit/unit.h"

/* The columns with commas, "-" for none. */
static void check(const char *const *words, const char *wanted)
{
	char *list[8] = { 0 };
	cleanup_strv char **columns = NULL;
	cleanup_free char *joined = NULL;

	for (size_t i = 0; words[i]; i++)
		list[i] = (char *)(uintptr_t)words[i];
	columns = top_words_columns(list);
	joined = columns ? strv_join(columns, ",") : xstrdup("-");
	assert_string_equal(joined, wanted);
	for (size_t i = 0; list[i]; i++)
		assert_string_equal(list[i], words[i]);
}
#define CHECK(wanted, ...) check((const char *const[]){ __VA_ARGS__, NULL }, wanted)

static void usual_forms_are_known(void **state cmk_unused)
{
	CHECK("user,pid,ppid,pcpu,stime,tty,time,args", "-ef");
	CHECK("user,pid,pcpu,vsz,rss,tty,state,stime,time,args", "aux");
	CHECK("user,pid,pcpu,vsz,rss,tty,state,stime,time,args", "-aux");
	CHECK("pid,tty,state,time,args", "ax");
	CHECK("pid,tty,time,comm", "-e");
	CHECK("pid,tty,time,comm", "-A");
}

static void lists_have_pss_names(void **state cmk_unused)
{
	CHECK("pid,user,args", "-o", "pid,user,cmd");
	CHECK("pid,comm", "-eo", "pid comm");
	CHECK("pid,pcpu,state", "axo", "pid,%cpu,stat");
	CHECK("pid,args", "-o", "pid", "-o", "command");
	CHECK("pid,args", "-e", "-o", "pid,args");
	CHECK("pid,comm", "-eo 'pid comm'");
	CHECK("pid,nlwp", "-o", "pid,nlwp");
}

static void others_are_not(void **state cmk_unused)
{
	CHECK("-", "");
	CHECK("-", "-");
	CHECK("-", "-o");
	CHECK("-", "-o", "");
	CHECK("-", "-o", "pid,,comm");
	CHECK("-", "-o", "pid=,comm");
	CHECK("-", "-p", "1");
	CHECK("-", "-efL");
	CHECK("-", "auxf");
	CHECK("-", "-Zo", "pid");
	CHECK("-", "--forest");
	CHECK("-", "-o 'pid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_forms_are_known),
		cmocka_unit_test(lists_have_pss_names),
		cmocka_unit_test(others_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
