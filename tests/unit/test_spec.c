// SPDX-License-Identifier: Apache-2.0
#include "libpod/spec/spec.h"

#include <fcntl.h>

#include "base/file.h"
#include "tests/unit/unit.h"

static struct spec *sample(void)
{
	struct spec *s = spec_new();

	spec_set_defaults(s, false);
	s->hostname = xstrdup("h");
	s->root_path = xstrdup("rootfs");
	strv_add(&s->process.args, "sh");
	strv_add(&s->process.env, "A=b=c");
	s->process.cwd = xstrdup("/w");
	s->process.user.uid = 7;
	s->process.user.additional_gids = xcalloc(2, sizeof(uint32_t));
	s->process.user.additional_gids[1] = 4294967294U;
	s->process.user.n_additional_gids = 2;
	s->process.has_oom_score_adj = true;
	s->process.rows = 24;
	s->process.rlimits = xcalloc(1, sizeof(*s->process.rlimits));
	s->process.rlimits[0] = (struct spec_rlimit){ .type = xstrdup("RLIMIT_CORE"),
						      .hard = UINT64_MAX };
	s->process.n_rlimits = 1;
	s->init = true;
	strv_add(&s->group_add, "audio");
	strv_add(&s->group_add, "5");
	strv_add(&s->annotations, "a.b=c");
	s->resources.memory_limit = 1 << 20;
	s->resources.pids_limit = -1;
	s->resources.cpuset_cpus = xstrdup("0-3");
	s->resources.rates[IO_WRITE_BPS].list = xcalloc(1, sizeof(struct spec_device_value));
	s->resources.rates[IO_WRITE_BPS].list[0] = (struct spec_device_value){ 8, 16, 1 << 20 };
	s->resources.rates[IO_WRITE_BPS].n = 1;
	strv_add(&s->resources.unified, "memory.high=1");
	return s;
}

static void test_what_was_saved_is_loaded(void **state)
{
	struct spec *a = sample(), *b = NULL;
	char *text = NULL, *again = NULL;
	size_t len;

	(void)state;
	assert_int_equal(spec_text(a, &text, &len, NULL), 0);
	assert_int_equal(spec_parse(text, len, &b, NULL), 0);
	assert_string_equal(b->hostname, "h");
	assert_int_equal(b->process.user.n_additional_gids, 2);
	assert_true(b->process.user.additional_gids[1] == 4294967294U);
	assert_true(b->process.has_oom_score_adj);
	assert_int_equal(b->process.oom_score_adj, 0);
	assert_true(b->process.rlimits[0].hard == UINT64_MAX);
	assert_string_equal(b->seccomp_profile, "default");
	assert_true(b->init);
	assert_false(b->keep_groups);
	assert_int_equal(strv_len(b->group_add), 2);
	assert_int_equal(strv_len(b->annotations), 1);
	assert_int_equal(b->resources.pids_limit, -1);
	assert_string_equal(b->resources.cpuset_cpus, "0-3");
	assert_int_equal(b->resources.rates[IO_WRITE_BPS].n, 1);
	assert_int_equal(b->resources.rates[IO_WRITE_BPS].list[0].minor, 16);
	assert_string_equal(b->resources.unified[0], "memory.high=1");
	assert_int_equal(b->n_mounts, a->n_mounts);
	assert_int_equal(spec_text(b, &again, &len, NULL), 0);
	assert_string_equal(text, again);
	free(text);
	free(again);
	spec_free(a);
	spec_free(b);
}

static void test_members_that_cmk_does_not_know_are_kept(void **state)
{
	static const char doc[] = "{\"ociVersion\":\"1.0.2\",\"domainname\":\"x\",\"hooks\":{},"
				  "\"process\":{\"ioPriority\":{\"class\":\"a\"},\"args\":[],"
				  "\"user\":{}},\"linux\":{\"intelRdt\":{\"closID\":\"q\"}}}";
	struct spec *s = NULL;
	char *text = NULL;
	size_t len;

	(void)state;
	assert_int_equal(spec_parse(doc, strlen(doc), &s, NULL), 0);
	assert_int_equal(spec_text(s, &text, &len, NULL), 0);
	assert_non_null(strstr(text, "\"domainname\":\"x\""));
	assert_non_null(strstr(text, "\"ioPriority\":{\"class\":\"a\"}"));
	assert_non_null(strstr(text, "\"closID\":\"q\""));
	free(text);
	spec_free(s);
}

static void test_bad_documents_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"ociVersion\":1}",
		"{\"ociVersion\":\"1\",\"mounts\":[{}]}",
		"{\"ociVersion\":\"1\",\"mounts\":[{\"destination\":\"rel\"}]}",
		"{\"ociVersion\":\"1\",\"process\":{\"user\":{\"uid\":4294967296}}}",
		"{\"ociVersion\":\"1\",\"process\":{\"user\":{\"uid\":-1}}}",
		"{\"ociVersion\":\"1\",\"process\":{\"user\":{\"umask\":1024}}}",
		"{\"ociVersion\":\"1\",\"process\":{\"user\":{\"additionalGids\":[1,\"x\"]}}}",
		"{\"ociVersion\":\"1\",\"process\":{\"consoleSize\":{\"height\":65536}}}",
		"{\"ociVersion\":\"1\",\"linux\":{\"namespaces\":[{\"path\":\"/x\"}]}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cmk_err err = CMK_ERR_INIT;
		struct spec *s = NULL;

		assert_true(spec_parse(bad[i], strlen(bad[i]), &s, &err) < 0);
		assert_null(s);
		assert_non_null(err.msg);
		cmk_err_done(&err);
	}
}

static void test_capabilities_are_added_and_dropped(void **state)
{
	struct spec *s = sample();
	struct cmk_err err = CMK_ERR_INIT;
	const char *add[] = { "net_raw", "CAP_SYS_TIME", NULL }, *drop[] = { "CHOWN", NULL };
	const char *all[] = { "all", NULL }, *bad[] = { "CAP_NONSENSE", NULL };
	char **caps = NULL;

	(void)state;
	assert_true(spec_caps_mask(s->process.caps.bounding) == 0x800405fb);
	assert_int_equal(spec_apply_caps(s, (char **)add, (char **)drop, &err), 0);
	caps = s->process.caps.bounding;
	assert_true(strv_has(caps, "CAP_NET_RAW") && strv_has(caps, "CAP_SYS_TIME"));
	assert_false(strv_has(caps, "CAP_CHOWN"));
	assert_int_equal(spec_apply_caps(s, (char **)bad, NULL, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "CAP_NONSENSE"));
	assert_int_equal(spec_apply_caps(s, (char **)drop, (char **)all, &err), 0);
	assert_int_equal(strv_len(s->process.caps.effective), 1);
	assert_int_equal(spec_apply_caps(s, (char **)all, (char **)drop, &err), 0);
	assert_int_equal(strv_len(s->process.caps.permitted), 40);
	assert_null(s->process.caps.inheritable);
	cmk_err_done(&err);
	spec_free(s);
}

static void test_host_network_binds_sys(void **state)
{
	struct spec *s = spec_new();
	bool bound = false;

	(void)state;
	spec_set_defaults(s, true);
	assert_false(spec_has_namespace(s, "network"));
	assert_true(spec_has_namespace(s, "pid"));
	for (size_t i = 0; i < s->n_mounts; i++)
		if (streq(s->mounts[i].destination, "/sys"))
			bound = streq(s->mounts[i].type, "bind") &&
				strv_has(s->mounts[i].options, "rro");
	assert_true(bound);
	spec_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_saved_is_loaded),
		cmocka_unit_test(test_members_that_cmk_does_not_know_are_kept),
		cmocka_unit_test(test_bad_documents_are_refused),
		cmocka_unit_test(test_capabilities_are_added_and_dropped),
		cmocka_unit_test(test_host_network_binds_sys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
