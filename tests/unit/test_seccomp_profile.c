// SPDX-License-Identifier: Apache-2.0
#include "libpod/runtime/seccomp_profile.h"

#include <linux/seccomp.h>

#include "tests/unit/unit.h"

static char *caps[] = { (char *)"CAP_CHOWN", (char *)"CAP_SYS_ADMIN", NULL };
static const struct seccomp_host host = {
	.caps = caps, .arch = "SCMP_ARCH_X86_64", .kernel_major = 6, .kernel_minor = 1
};

static int parse(const char *text, struct seccomp_profile *ret, struct cmk_err *err)
{
	return seccomp_profile_parse(text, strlen(text), &host, ret, err);
}

static void test_all_of_the_runtime_spec_s_form(void **state)
{
	struct seccomp_profile p = { 0 };

	(void)state;
	assert_int_equal(
		parse("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38,"
		      "\"architectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_AARCH64\"],"
		      "\"flags\": [\"SECCOMP_FILTER_FLAG_LOG\", \"SECCOMP_FILTER_FLAG_TSYNC\","
		      "\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"],"
		      "\"listenerPath\": \"/run/agent\", \"listenerMetadata\": \"a b\","
		      "\"syscalls\": ["
		      "{\"names\": [\"read\", \"write\"], \"action\": \"SCMP_ACT_ALLOW\"},"
		      "{\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 13,"
		      " \"args\": [{\"index\": 2, \"value\": 18446744073709551615,"
		      " \"valueTwo\": 7, \"op\": \"SCMP_CMP_MASKED_EQ\"},"
		      " {\"index\": 2, \"op\": \"SCMP_CMP_NE\"}]},"
		      "{\"names\": [\"mknod\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}",
		      &p, NULL),
		0);
	assert_int_equal(p.action, SECCOMP_ERRNO);
	assert_int_equal(p.code, 38);
	assert_int_equal(strv_len(p.arches), 2);
	assert_int_equal(p.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	assert_string_equal(p.listener_path, "/run/agent");
	assert_string_equal(p.listener_metadata, "a b");
	assert_true(p.notifies);
	assert_int_equal(p.n_rules, 3);
	assert_string_equal(p.rules[0].names[1], "write");
	assert_int_equal(p.rules[1].code, 13);
	assert_int_equal(p.rules[1].n_args, 2);
	assert_true(p.rules[1].args[0].value == UINT64_MAX);
	assert_true(p.rules[1].args[0].value_two == 7);
	assert_int_equal(p.rules[1].args[0].op, SECCOMP_MASKED_EQ);
	assert_true(p.rules[1].same_index);
	seccomp_profile_done(&p);
}

/* What is written for another runtime is read as the same, without what does not apply here. */
static void test_written_it_reads_the_same(void **state)
{
	static const char text[] =
		"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38,"
		"\"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\","
		"  \"subArchitectures\": [\"SCMP_ARCH_X86\"]}],"
		"\"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"],"
		"\"listenerPath\": \"/run/agent\", \"listenerMetadata\": \"a\","
		"\"syscalls\": ["
		"{\"names\": [\"read\", \"write\"], \"action\": \"SCMP_ACT_ALLOW\"},"
		"{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ALLOW\","
		" \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}},"
		"{\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ERRNO\", \"errno\": \"EPERM\","
		" \"includes\": {\"minKernel\": \"4.8\"},"
		" \"args\": [{\"index\": 2, \"value\": 18446744073709551615,"
		" \"valueTwo\": 7, \"op\": \"SCMP_CMP_MASKED_EQ\"}]},"
		"{\"names\": [\"mknod\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}";
	struct seccomp_profile p = { 0 }, q = { 0 };
	cleanup_free char *out = NULL;
	size_t len;

	(void)state;
	assert_int_equal(parse(text, &p, NULL), 0);
	assert_int_equal(seccomp_profile_text(&p, &host, &out, &len, NULL), 0);
	assert_int_equal(strlen(out), len);
	assert_null(strstr(out, "bpf"));
	assert_int_equal(parse(out, &q, NULL), 0);
	assert_int_equal(q.action, p.action);
	assert_int_equal(q.code, 38);
	assert_string_equal(q.arches[0], "SCMP_ARCH_X86_64");
	assert_string_equal(q.arches[1], "SCMP_ARCH_X86");
	assert_int_equal(q.flags, p.flags);
	assert_string_equal(q.listener_path, "/run/agent");
	assert_int_equal(q.n_rules, 3);
	assert_string_equal(q.rules[0].names[1], "write");
	assert_int_equal(q.rules[1].code, EPERM);
	assert_int_equal(q.rules[1].n_args, 1);
	assert_memory_equal(&q.rules[1].args[0], &p.rules[1].args[0], sizeof(p.rules[1].args[0]));
	assert_int_equal(q.rules[2].action, SECCOMP_NOTIFY);
	seccomp_profile_done(&p);
	seccomp_profile_done(&q);
}

static size_t count(const char *condition)
{
	cleanup_free char *text = xasprintf(
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"name\": "
		"\"read\", \"action\": \"SCMP_ACT_ERRNO\", \"errno\": \"ENOTSUP\", %s}]}",
		condition);
	struct seccomp_profile p = { 0 };
	size_t n;

	assert_int_equal(parse(text, &p, NULL), 0);
	n = p.n_rules;
	if (n == 1)
		assert_int_equal(p.rules[0].code, EOPNOTSUPP);
	seccomp_profile_done(&p);
	return n;
}

static void test_conditions_of_the_engines_form(void **state)
{
	(void)state;
	assert_int_equal(count("\"includes\": {}, \"excludes\": null"), 1);
	assert_int_equal(count("\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_CHOWN\"]}"), 1);
	assert_int_equal(count("\"includes\": {\"caps\": [\"CAP_CHOWN\", \"CAP_BPF\"]}"), 0);
	assert_int_equal(count("\"excludes\": {\"caps\": [\"CAP_BPF\", \"CAP_CHOWN\"]}"), 0);
	assert_int_equal(count("\"excludes\": {\"caps\": [\"CAP_BPF\"]}"), 1);
	assert_int_equal(count("\"includes\": {\"arches\": [\"arm64\", \"amd64\"]}"), 1);
	assert_int_equal(count("\"includes\": {\"arches\": [\"s390x\", \"nosuch\"]}"), 0);
	assert_int_equal(count("\"excludes\": {\"arches\": [\"amd64\"]}"), 0);
	assert_int_equal(count("\"includes\": {\"minKernel\": \"4.8\"}"), 1);
	assert_int_equal(count("\"includes\": {\"minKernel\": \"6.1\"}"), 1);
	assert_int_equal(count("\"includes\": {\"minKernel\": \"6.10\"}"), 0);
	assert_int_equal(count("\"excludes\": {\"minKernel\": \"5.0\"}"), 0);
	assert_int_equal(count("\"excludes\": {\"minKernel\": \"7.0\"}"), 1);
}

static void test_arch_map_gives_the_native_one_s(void **state)
{
	struct seccomp_profile p = { 0 };

	(void)state;
	assert_int_equal(parse("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [], "
			       "\"archMap\": ["
			       "{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": "
			       "[\"SCMP_ARCH_X32\"]}, {\"architecture\": \"SCMP_ARCH_S390X\","
			       "\"subArchitectures\": [\"SCMP_ARCH_S390\"]}]}",
			       &p, NULL),
			 0);
	assert_int_equal(strv_len(p.arches), 1);
	assert_string_equal(p.arches[0], "SCMP_ARCH_X32");
	seccomp_profile_done(&p);
}

static void test_errors_name_line_and_field(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "{\n\"defaultAction\": \"SCMP_ACT_ALLOW\",\n,}", "line 3" },
		{ "[]", "not a JSON object" },
		{ "{}", "line 1: defaultAction: there is none" },
		{ "{\n\n\"defaultAction\": \"allow\"}",
		  "line 3: defaultAction: 'allow' is not an" },
		{ "{\"defaultAction\": 3}", "defaultAction: it is not a string" },
		{ "{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}", "cannot be the default" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"defaultErrnoRet\": 1}",
		  "defaultErrnoRet: SCMP_ACT_ALLOW takes no error number" },
		{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 4096}",
		  "4096 is not an error number" },
		{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"EWHAT\"}",
		  "defaultErrno: 'EWHAT' is not the name" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n\"architectures\": [\n\"x\"]}",
		  "line 3: architectures: 'x' is not an architecture" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\"],"
		  "\"archMap\": [{\"architecture\": \"SCMP_ARCH_X86\"}]}",
		  "both there" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"X\"]}",
		  "'X' is not a flag" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"a\"}",
		  "not an absolute path" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerMetadata\": \"a\"}",
		  "listenerMetadata: there is no 'listenerPath'" },
#define RULE(members)                                                                 \
	"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"name\": \"read\"," \
	"\"action\": \"SCMP_ACT_LOG\"},\n{" members "}]}"
		{ RULE("\"action\": \"SCMP_ACT_LOG\""),
		  "line 2: syscalls[1].names: there is no system call" },
		{ RULE("\"names\": [], \"action\": \"SCMP_ACT_LOG\""), "there is no system call" },
		{ RULE("\"names\": [1], \"action\": \"SCMP_ACT_LOG\""), "not a string" },
		{ RULE("\"names\": [\"a\"], \"name\": \"b\", \"action\": \"SCMP_ACT_LOG\""),
		  "'name' and 'names' are both" },
		{ RULE("\"names\": [\"a\"]"), "syscalls[1].action: there is none" },
		{ RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": -1"),
		  "syscalls[1].errnoRet: -1 is not" },
		{ RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 1,"
		       "\"errno\": \"ENOSYS\""),
		  "two error numbers" },
		{ RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 6,"
		       "\"op\": \"SCMP_CMP_EQ\"}]"),
		  "syscalls[1].args[0].index: 6 is not a number from 0 to 5" },
		{ RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"op\": "
		       "\"SCMP_CMP_EQ\"}, {\"op\": \"EQ\"}]"),
		  "syscalls[1].args[1].op: 'EQ' is not an operator" },
		{ RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"value\": "
		       "18446744073709551616, \"op\": \"SCMP_CMP_EQ\"}]"),
		  "args[0].value: 18446744073709551616 is not" },
		{ RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"args\": {}"),
		  "args: it is not a list" },
		{ RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"includes\": "
		       "{\"minKernel\": \"4\"}"),
		  "minKernel: '4' is not of the form" },
		{ RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_NOTIFY\""),
		  "listenerPath: SCMP_ACT_NOTIFY needs one" },
		{ RULE("\"names\": [\"sendmsg\"], \"action\": \"SCMP_ACT_NOTIFY\""),
		  "'sendmsg' cannot" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [7]}", "not an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		struct seccomp_profile p = { 0 };

		assert_true(parse(bad[i].text, &p, &err) < 0);
		if (!strstr(err.msg, bad[i].why))
			fail_msg("'%s' is not in '%s'", bad[i].why, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_the_runtime_spec_s_form),
		cmocka_unit_test(test_written_it_reads_the_same),
		cmocka_unit_test(test_conditions_of_the_engines_form),
		cmocka_unit_test(test_arch_map_gives_the_native_one_s),
		cmocka_unit_test(test_errors_name_line_and_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
