// SPDX-License-Identifier: Apache-2.0
#include "cmd/format.h"
#include "tests/unit/unit.h"

static const char data[] = "[{\"Id\":\"0123456789abcdef\",\"Names\":[\"a\",\"b\"],\"Size\":2215000,"
			   "\"Labels\":{\"z\":\"1\","
			   "\"a\":\"2\"},\"State\":{\"Running\":true,\"Pid\":0},\"Empty\":null},"
			   "{\"Id\":\"fe\",\"Names\":[],\"Size\":0,\"Labels\":{},\"State\":{"
			   "\"Running\":false,\"Pid\":7},"
			   "\"Empty\":null}]";

static int run(const char *template, char **ret, struct cmk_err *err)
{
	static const struct format_title titles[] = { { "Id", "IMAGE ID" }, { NULL, NULL } };
	cleanup_json_doc struct json_doc *doc = NULL;
	struct strbuf out = STRBUF_INIT;
	int r;

	assert_int_equal(json_parse(data, strlen(data), 1 << 20, &doc, NULL), 0);
	r = format_items(template, json_root(doc), titles, false, &out, err);
	*ret = strbuf_steal(&out);
	return r;
}

static void expect(const char *template, const char *want)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *got = NULL;

	if (run(template, &got, &err) < 0)
		fail_msg("'%s': %s", template, cmk_err_msg(&err));
	assert_string_equal(got, want);
}

static void refuse(const char *template, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *got = NULL;

	assert_true(run(template, &got, &err) < 0);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s': '%s' does not say '%s'", template, cmk_err_msg(&err), why);
}

static void fields_and_literals(void **state cmk_unused)
{
	expect("{{.Id}}", "0123456789abcdef\nfe\n");
	expect("{{.ID}}", "0123456789abcdef\nfe\n");
	expect("<{{ .State.Pid }}>\\t{{.State.Running}}", "<0>\ttrue\n<7>\tfalse\n");
	expect("{{.Names}} {{.Labels}} {{.Empty}}", "[a b] map[a:2 z:1] <nil>\n[] map[] <nil>\n");
	expect("{{.Labels.none}}", "<no value>\n<no value>\n");
	expect("x{{- 1 -}} y{{/* no */}}z", "x1yz\nx1yz\n");
	expect("{{\"}}\"}}", "}}\n}}\n");
}

static void tables(void **state cmk_unused)
{
	expect("table {{.Id}}\\t{{.Size}}",
	       "IMAGE ID          SIZE\n0123456789abcdef  2215000\nfe                0\n");
	expect("table {{truncate .Id 4}}\\t{{json .State}}\\t{{.Empty}}",
	       "IMAGE ID    STATE                      EMPTY\n"
	       "0123        {\"Running\":true,\"Pid\":0}   <nil>\n"
	       "fe          {\"Running\":false,\"Pid\":7}  <nil>\n");
}

static void functions(void **state cmk_unused)
{
	expect("{{json .Names}}", "[\"a\",\"b\"]\n[]\n");
	expect("{{join .Names \",\"}}", "a,b\n\n");
	expect("{{.Id | upper | printf \"%-4s|\"}}", "0123456789ABCDEF|\nFE  |\n");
	expect("{{index .Labels \"z\"}}{{len .Names}}", "12\n0\n");
	expect("{{range split .Id \"3\"}}[{{.}}]{{end}}", "[012][456789abcdef]\n[fe]\n");
	expect("{{eq .Id \"fe\"}} {{not .Names}} {{lt .Size 5}}",
	       "false false false\ntrue true true\n");
	expect("{{.Label \"z\"}}", "1\n\n");
}

static void blocks(void **state cmk_unused)
{
	expect("{{if .State.Running}}up{{else if eq .State.Pid 7}}seven{{else}}down{{end}}",
	       "up\nseven\n");
	expect("{{range .Names}}{{.}};{{else}}none{{end}}", "a;b;\nnone\n");
	expect("{{range $k, $v := .Labels}}{{$k}}={{$v}} {{$.Size}};{{end}}",
	       "z=1 2215000;a=2 2215000;\n\n");
	expect("{{with .State}}{{.Pid}}{{end}}{{$x := .Size}}/{{$x}}", "0/2215000\n7/0\n");
}

static void bad_templates(void **state cmk_unused)
{
	char deep[400];

	refuse("{{.Nope}}", "no field '.Nope'");
	refuse("{{.Id.Nope}}", "without fields");
	refuse("{{.Id", "'}}' is missing");
	refuse("{{if .Id}}x", "'end' is missing");
	refuse("{{end}}", "without its 'if'");
	refuse("{{nosuch .Id}}", "function 'nosuch'");
	refuse("{{}}", "a value is missing");
	refuse("{{join .Names}}", "wrong number of arguments");
	refuse("{{printf \"%n\" 1}}", "printf knows");
	refuse("{{index .Names 9}}", "out of range");
	refuse("{{(.Id}}", "')' was expected");
	memset(deep, '(', sizeof(deep));
	memcpy(deep, "{{", 2);
	memcpy(deep + sizeof(deep) - 3, "}}", 3);
	refuse(deep, "too deep");
}

static void sizes_and_times(void **state cmk_unused)
{
	char buf[48];
	int64_t t = 0;

	format_size(2215000, buf);
	assert_string_equal(buf, "2.21 MB");
	format_size(999, buf);
	assert_string_equal(buf, "999 B");
	format_size(999999, buf);
	assert_string_equal(buf, "1 MB");
	format_duration(90, buf);
	assert_string_equal(buf, "About a minute");
	format_duration(3 * 86400, buf);
	assert_string_equal(buf, "3 days");
	assert_int_equal(format_parse_time("1970-01-02T00:00:01.25Z", &t), 0);
	assert_int_equal(t, 86401);
	assert_int_equal(format_parse_time("1970-01-01T01:00:00+01:00", &t), 0);
	assert_int_equal(t, 0);
	assert_int_equal(format_parse_time("1970-01-01T01:00:00", &t), -EINVAL);
	assert_int_equal(format_parse_time("today, at some hour", &t), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_literals), cmocka_unit_test(tables),
		cmocka_unit_test(functions),	       cmocka_unit_test(blocks),
		cmocka_unit_test(bad_templates),       cmocka_unit_test(sizes_and_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
