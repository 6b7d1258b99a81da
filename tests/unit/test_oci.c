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
	assert_string_equal(strv_env_get(b->spec->resources.unified, "hugetlb.2MB.rsvd.max"), "9");
	assert_null(strv_env_get(b->spec->resources.unified, "memory.swap.max"));
	assert_int_equal(b->n_device_rules, 1);
	assert_false(b->device_rules[0].has_major);
	(void)bundle_free(b);
}

static void files_have_the_last_word(void **state)
{
	struct bundle *b = parsed(
		HEAD PROCESS "\"linux\":{\"resources\":{\"cpu\":{\"idle\":1},"
			     "\"memory\":{\"swap\":0},"
			     "\"unified\":{\"cpu.idle\":\"0\",\"hugetlb.2MB.rsvd.max\":\"max\"},"
			     "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9}]},"
			     "\"namespaces\":[" NAMESPACES "]}}");
	char *const *unified = b->spec->resources.unified;

	(void)state;
	assert_string_equal(strv_env_get(unified, "cpu.idle"), "0");
	assert_string_equal(strv_env_get(unified, "hugetlb.2MB.max"), "9");
	assert_string_equal(strv_env_get(unified, "hugetlb.2MB.rsvd.max"), "max");
	assert_string_equal(strv_env_get(unified, "memory.swap.max"), "0");
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
	refused(HEAD PROCESS "\"linux\":{\"namespaces\":[" NAMESPACES "],\"resources\":{"
			     "\"unified\":{\"x\":\"1\"}}}}",
		"CONTROLLER.VALUE `x`");
	refused(HEAD PROCESS "\"linux\":{\"namespaces\":[" NAMESPACES "],\"resources\":{"
			     "\"memory\":{\n\"swap\":5}}}}",
		"line 2: linux.resources.memory.swap: cannot set swap limit without the memory "
		"limit");
	refused(HEAD PROCESS "\"linux\":{\"namespaces\":[" NAMESPACES "],\"resources\":{"
			     "\"memory\":{\"limit\":6,\"swap\":5}}}}",
		"memory+swap limit should be >= memory limit");
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

static void memory_policies_have_names_of_their_own(void **state)
{
#define POLICY(text) \
	HEAD PROCESS "\"linux\":{\"namespaces\":[" NAMESPACES "],\"memoryPolicy\":" text "}}"

	(void)state;
	(void)bundle_free(parsed(POLICY("{}")));
	/* An empty path of a namespace is none. */
	(void)bundle_free(parsed(HEAD PROCESS "\"linux\":{\"namespaces\":[{\"type\":\"mount\","
					      "\"path\":\"\"}]}}"));
	(void)bundle_free(parsed(POLICY("{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-3,7\"}")));
	refused(POLICY("{\"mode\":\"BIND\"}"), "invalid memory policy mode: 'BIND'");
	refused(POLICY("{\"nodes\":\"0\"}"), "invalid memory policy mode: it is missing");
	refused(POLICY("{\"mode\":\"MPOL_BIND\",\"flags\":[\"x\"]}"),
		"invalid memory policy flag: 'x'");
	refused(POLICY("{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-99999\"}"),
		"invalid memory policy nodes: '0-99999'");
}

static void places_inside_the_root_are_known(void **state)
{
	struct bundle *b = parsed(
		HEAD PROCESS "\"mounts\":[{\"destination\":\"/b/rootfs/x\",\"type\":\"tmpfs\"},"
			     "{\"destination\":\"/b/rootfsx\",\"type\":\"tmpfs\"}],"
			     "\"linux\":{\"namespaces\":[" NAMESPACES "]}}");

	(void)state;
	assert_string_equal(b->spec->mounts[0].destination, "/x");
	assert_string_equal(b->spec->mounts[1].destination, "/b/rootfsx");
	assert_string_equal(bundle_inside(b, "/b/rootfs/a/b"), "/a/b");
	assert_null(bundle_inside(b, "/b/rootfs"));
	assert_null(bundle_inside(b, "/b/rootfsx/a"));
	assert_null(bundle_inside(b, NULL));
	(void)bundle_free(b);
}

static void a_process_takes_the_place_of_another(void **state)
{
	static const char
		text[] = "{\"args\":[\"z\"],\"cwd\":\"/\",\"scheduler\":{\"policy\":"
			 "\"SCHED_IDLE\"}}",
		plain[] = "{\"args\":[\"z\"],\"cwd\":\"/\"}",
		bad[] = "{\"args\":[\"z\"],\"cwd\":\"/\",\"ioPriority\":{\"class\":\"X\"}}";
	struct bundle *b = parsed(HEAD "\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"ioPriority\":"
				       "{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":4},"
				       "\"execCPUAffinity\":{\"final\":\"0\"}},"
				       "\"linux\":{\"namespaces\":[" NAMESPACES "]}}");
	struct cmk_err e = CMK_ERR_INIT;

	(void)state;
	assert_int_equal(b->io_priority, 4);
	assert_int_equal(bundle_process_replace(b, text, strlen(text), NULL), 0);
	assert_string_equal(b->spec->process.args[0], "z");
	assert_string_equal(b->scheduler.policy, "SCHED_IDLE");
	assert_null(b->io_class);
	assert_null(b->cpus_final);
	assert_int_equal(b->io_priority, 0);
	assert_int_equal(bundle_process_replace(b, plain, strlen(plain), NULL), 0);
	assert_null(b->scheduler.policy);
	assert_int_equal(bundle_process_replace(b, bad, strlen(bad), &e), -EINVAL);
	assert_non_null(strstr(cmk_err_msg(&e), "process.ioPriority.class: 'X' is unknown"));
	cmk_err_done(&e);
	(void)bundle_free(b);
}

static void resources_alone_are_those_of_the_whole(void **state)
{
	static const char good[] = "{\"cpu\":{\"idle\":1,\"burst\":5},\"memory\":{\"limit\":7,"
				   "\"swap\":8,\"checkBeforeUpdate\":true}}",
			  undone[] = "{\"memory\":{\n\"swappiness\":1}}",
			  bad[] = "{\"rdma\":{\"a\":{\"hcaHandles\":\"x\"}}}", plain[] = "{}";
	struct spec_resources res = { 0 };
	struct bundle_memory_check m;
	struct cmk_err e = CMK_ERR_INIT;

	(void)state;
	assert_int_equal(bundle_resources_parse(good, strlen(good), &res, NULL), 0);
	assert_string_equal(strv_env_get(res.unified, "cpu.idle"), "1");
	assert_string_equal(strv_env_get(res.unified, "cpu.max.burst"), "5");
	bundle_resources_done(&res);
	assert_true(bundle_memory_check(good, strlen(good), &m));
	assert_int_equal(m.limit, 7);
	assert_int_equal(m.swap, 8);
	assert_false(bundle_memory_check(plain, strlen(plain), &m));
	assert_int_equal(bundle_resources_parse(undone, strlen(undone), &res, &e), -EINVAL);
	assert_non_null(strstr(cmk_err_msg(&e), "line 2: memory.swappiness: "));
	cmk_err_done(&e);
	bundle_resources_done(&res);
	assert_int_equal(bundle_resources_parse(bad, strlen(bad), &res, &e), -EINVAL);
	assert_non_null(strstr(cmk_err_msg(&e), "rdma.a.hcaHandles: not a number"));
	cmk_err_done(&e);
	bundle_resources_done(&res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_of_the_bundle),
		cmocka_unit_test(annotations_of_ours_do_not_act),
		cmocka_unit_test(limits_of_v1_go_the_way_of_files),
		cmocka_unit_test(files_have_the_last_word),
		cmocka_unit_test(mistakes_are_told_by_line_and_field),
		cmocka_unit_test(what_says_nothing_is_not_refused),
		cmocka_unit_test(a_process_alone_is_checked),
		cmocka_unit_test(memory_policies_have_names_of_their_own),
		cmocka_unit_test(places_inside_the_root_are_known),
		cmocka_unit_test(a_process_takes_the_place_of_another),
		cmocka_unit_test(resources_alone_are_those_of_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
