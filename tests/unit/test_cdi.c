// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/cdi.h"
#include "libpod/option/cdi_spec.h"
#include "tests/unit/unit.h"

static void test_names(void **state)
{
	(void)state;
	assert_true(cdi_name_valid("nvidia.com/gpu=all"));
	assert_true(cdi_name_valid("vendor.com/class=mig1:0"));
	assert_true(cdi_name_valid("a/b=0"));
	assert_false(cdi_name_valid("vendor.com/class="));
	assert_false(cdi_name_valid("vendor.com=x"));
	assert_false(cdi_name_valid("/dev/x=y"));
	assert_false(cdi_name_valid("1vendor/c=x"));
	assert_false(cdi_name_valid("vendor./c=x"));
	assert_false(cdi_name_valid("v/c/d=x"));
	assert_false(cdi_name_valid("v/c=x-"));
	assert_false(cdi_name_valid("v/c=a b"));
	assert_false(cdi_name_valid(""));
}

#define HEAD "cdiVersion: 0.8.0\nkind: v.com/c\ndevices:\n"

static void test_yaml_and_json_are_one(void **state)
{
	static const char *const texts[] = {
		HEAD "- name: x\n  containerEdits:\n    env: [A=1]\n    deviceNodes:\n    - path: "
		     "/dev/a\n      hostPath: /dev/b\n      type: c\n      major: 1\n      "
		     "fileMode: 0666\n    hooks:\n    - {hookName: poststop, path: /bin/x, "
		     "timeout: 5}\n    additionalGids: [7]\n",
		"{\"cdiVersion\": \"0.8.0\",\t\"kind\": \"v.com/c\", \"devices\": [{\"name\": "
		"\"x\","
		"\"containerEdits\": {\"env\": [\"A=1\"], \"deviceNodes\": [{\"path\": \"/dev/a\","
		"\"hostPath\": \"\\/dev\\/b\", \"type\": \"c\", \"major\": 1, \"fileMode\": 438}],"
		"\"hooks\": [{\"hookName\": \"poststop\", \"path\": \"/bin/x\", \"timeout\": 5}],"
		"\"additionalGids\": [7]}}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		cleanup_free char *json = NULL;
		struct cdi_edits e = { 0 };
		size_t len = 0;

		if (cdi_spec_to_json(texts[i], strlen(texts[i]), &json, &len, &err) < 0)
			fail_msg("%zu: %s", i, err.msg);
		assert_int_equal(cdi_parse_edits(json, len, "x", &e, NULL), 0);
		assert_string_equal(e.env[0], "A=1");
		assert_string_equal(e.nodes[0].host_path, "/dev/b");
		assert_true(e.nodes[0].has_major && !e.nodes[0].has_minor);
		assert_string_equal(e.hooks[0].name, "poststop");
		assert_int_equal(e.hooks[0].hook.timeout, 5);
		assert_int_equal(e.gids[0], 7);
		cdi_edits_done(&e);
	}
}

static void test_errors_name_line_and_field(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "it is empty" },
		{ "a: [\n", "line 2" },
		{ "{\n\"cdiVersion\": \"1.0.0\",\n\"kind\": }x", "line 3" },
		{ "- a\n", "line 1: : it is not an object" },
		{ "cdiVersion: 9.0.0\nkind: a/b\n", "line 1: cdiVersion: version '9.0.0'" },
		{ "kind: a/b\ndevices: []\n", "cdiVersion: it is missing" },
		{ "cdiVersion: 1.0.0\nkind: ab\ndevices:\n- {name: x, containerEdits: {}}\n",
		  "line 2: kind: 'ab' is not of the form" },
		{ "cdiVersion: 1.0.0\nkind: a/b\ndevices: []\n", "devices: there is no device" },
		{ HEAD "- name: x\n", "line 4: devices[0].containerEdits: it is missing" },
		{ HEAD "- {name: x, containerEdits: {}}\n- {name: x, containerEdits: {}}\n",
		  "line 5: devices: 'x' is there twice" },
		{ HEAD "- name: x\n  what: 1\n  containerEdits: {}\n",
		  "line 5: devices[0].what: there is no such field" },
		{ HEAD "- name: a b\n  containerEdits: {}\n", "devices[0].name: 'a b' is not" },
		{ HEAD "- name: x\n  name: y\n", "line 5: 'name' is there twice" },
		{ HEAD "- &a {name: x, containerEdits: {}}\n- *a\n", "anchors and aliases" },
#define EDITS(text) HEAD "- name: x\n  containerEdits:\n    " text "\n"
		{ EDITS("env: [A]"),
		  "line 6: devices[0].containerEdits.env: 'A' is not of the form" },
		{ EDITS("env: A=b"), "containerEdits.env: it is not a list" },
		{ EDITS("deviceNodes: [{}]"), "deviceNodes[0].path: it is missing" },
		{ EDITS("deviceNodes: [{path: x}]"),
		  "deviceNodes[0].path: 'x' is not an absolute" },
		{ EDITS("deviceNodes: [{path: /x, type: z}]"), "deviceNodes[0].type: 'z' is not" },
		{ EDITS("deviceNodes: [{path: /x, major: \"1\"}]"), "major: it is not a number" },
		{ EDITS("deviceNodes: [{path: /x, major: -1}]"), "major: -1 is not from 0" },
		{ EDITS("deviceNodes: [{path: /x, permissions: rx}]"), "'rx' is not made of" },
		{ EDITS("mounts: [{hostPath: /x}]"), "mounts[0].containerPath: it is missing" },
		{ EDITS("hooks: [{hookName: x, path: /y}]"), "hooks[0].hookName: 'x' is not" },
		{ EDITS("hooks: [{hookName: prestart, path: y}]"), "hooks[0].path: 'y' is not an" },
		{ EDITS("additionalGids: [-1]"), "additionalGids[0]: -1 is not" },
		{ EDITS("netDevices: []"), "containerEdits.netDevices: there is no such field" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		char *json = NULL;
		size_t len;

		assert_true(cdi_spec_to_json(bad[i].text, strlen(bad[i].text), &json, &len, &err) <
			    0);
		if (!strstr(err.msg, bad[i].why))
			fail_msg("'%s' is not in '%s'", bad[i].why, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_yaml_and_json_are_one),
		cmocka_unit_test(test_errors_name_line_and_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
