// SPDX-License-Identifier: Apache-2.0
/* config.json of others. */
#include "libpod/spec/bundle.h"
#include "tests/unit/unit.h"

#define HEAD "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
#define PROCESS "\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"},"
#define NAMESPACES "{\"type\":\"mount\"},{\"type\":\"ipc\"}"

static struct bundle *parsed(const char *text)
{
	struct cmk_err e = CMK_ERR_INIT;
	struct bundle *b = NULL;

	if (bundle_parse("/b", text, strlen(text), &b, &e) < 0)
		fail_msg("%s", cmk_err_msg(&e));
	return b;
}

static void refused(const char *text, const char *why)
{
	struct cmk_err e = CMK_ERR_INIT;
	struct bundle *b = NULL;

	assert_int_equal(bundle_parse("/b", text, strlen(text), &b, &e), -EINVAL);
	if (!strstr(cmk_err_msg(&e), why))
		fail_msg("'%s' is not in '%s'", why, cmk_err_msg(&e));
	cmk_err_done(&e);
}

static void paths_are_of_the_bundle(void **state)
{
	struct bundle *b = parsed(HEAD PROCESS
				  "\"mounts\":[{\"destination\":\"x\",\"type\":\"bind\","
				  "\"source\":\"s\"},{\"destination\":\"/y\",\"type\":\"tmpfs\","
				  "\"source\":\"t\"}],"
				  "\"linux\":{\"namespaces\":[" NAMESPACES "]}}");

	(void)state;
	assert_string_equal(b->rootfs, "/b/rootfs");
	assert_string_equal(b->spec->mounts[0].destination, "/x");
	assert_string_equal(b->spec->mounts[0].source, "/b/s");
	assert_string_equal(b->spec->mounts[1].source, "t");
	(void)bundle_free(b);
}

static void annotations_of_ours_do_not_act(void **state)
{
	struct bundle *b = parsed(HEAD PROCESS "\"annotations\":{\"dev.cmk.init\":\"true\","
					       "\"dev.cmk.seccomp\":\"unconfined\"},"
					       "\"linux\":{\"namespaces\":[" NAMESPACES "]}}");

	(void)state;
	assert_false(b->spec->init);
	assert_null(b->spec->seccomp_profile);
	assert_int_equal(strv_len(b->spec->annotations), 2);
	(void)bundle_free(b);
}

static void limits_of_v1_go_the_way_of_files(void **state)
{
	struct bundle *b = parsed(HEAD PROCESS
				  "\"linux\":{\"resources\":{\"cpu\":{\"burst\":7,\"idle\":1},"
				  "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9}],"
				  "\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
				  "\"namespaces\":[" NAMESPACES "]}}");

	(void)state;
	assert_string_equal(strv_env_get(b->spec->resources.unified, "cpu.max.burst"), "7");
	assert_string_equal(strv_env_get(b->spec->resources.unified, "cpu.idle"), "1");
	assert_string_equal(strv_env_get(b->spec->resources.unified, "hugetlb.2MB.max"), "9");
	assert_int_equal(b->n_device_rules, 1);
	assert_false(b->device_rules[0].has_major);
	(void)bundle_free(b);
}

static void mistakes_are_told_by_line_and_field(void **state)
{
	(void)state;
	refused("{", "config.json");
	refused("[]", "config.json: line 1: the document: not an object");
	refused(HEAD PROCESS "\n\"linux\":{\"namespaces\":[{\"type\":\n7}]}}",
		"line 3: linux.namespaces[0].type: not a string");
	refused(HEAD PROCESS "\n\"linux\":{\"namespaces\":[{}]}}",
		"line 2: linux.namespaces[0].type: is missing");
	refused(HEAD PROCESS "\"linux\":{\"namespaces\":[" NAMESPACES ",{\"type\":\"x\"}]}}",
		"linux.namespaces[2].type: unknown namespace 'x'");
	refused(HEAD PROCESS "\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}}",
		"linux.namespaces: a container without its own mount namespace");
	refused(HEAD "\"process\":{\"args\":[\"a\"],\"cwd\":\"x\"},\"linux\":{\"namespaces\":"
		     "[" NAMESPACES "]}}",
		"process.cwd: 'x' is not absolute");
	refused(HEAD PROCESS "\"linux\":{\"namespaces\":[" NAMESPACES "],\"scheduler\":{},"
			     "\"intelRdt\":{\"closID\":\"a\"}}}",
		"linux.intelRdt: resctrl is not supported");
	refused(HEAD PROCESS "\"linux\":{\"namespaces\":[" NAMESPACES "],\"timeOffsets\":{"
			     "\"boottime\":{\"secs\":1}}}}",
		"linux.timeOffsets: without");
	refused(HEAD PROCESS "\"linux\":{\"namespaces\":[" NAMESPACES "],\"resources\":{"
			     "\"devices\":[{\"access\":\"x\"}]}}}",
		"linux.resources.devices[0].access");
}

static void what_says_nothing_is_not_refused(void **state)
{
	struct bundle *b = parsed(HEAD PROCESS
				  "\"windows\":{},\"linux\":{\"intelRdt\":{},\"mountLabel\":\"\","
				  "\"resources\":{\"memory\":{\"disableOOMKiller\":false}},"
				  "\"namespaces\":[" NAMESPACES "]}}");

	(void)state;
	(void)bundle_free(b);
}

static void a_process_alone_is_checked(void **state)
{
	static const char good[] = "{\"args\":[\"a\"],\"cwd\":\"/\"}", bad[] = "{\"args\":3}";
	struct cmk_err e = CMK_ERR_INIT;
	struct spec_process p = { 0 };

	(void)state;
	assert_int_equal(bundle_process_parse(good, strlen(good), &p, &e), 0);
	assert_int_equal(p.user.umask, 0022);
	bundle_process_done(&p);
	assert_int_equal(bundle_process_parse(bad, strlen(bad), &p, &e), -EINVAL);
	assert_non_null(strstr(cmk_err_msg(&e), "line 1: args: not an array"));
	bundle_process_done(&p);
	cmk_err_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_of_the_bundle),
		cmocka_unit_test(annotations_of_ours_do_not_act),
		cmocka_unit_test(limits_of_v1_go_the_way_of_files),
		cmocka_unit_test(mistakes_are_told_by_line_and_field),
		cmocka_unit_test(what_says_nothing_is_not_refused),
		cmocka_unit_test(a_process_alone_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
