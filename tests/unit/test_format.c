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
	expect("{{.State}}", "{true 0}\n{false 7}\n");
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
	       "a=2 2215000;z=1 2215000;\n\n");
	expect("{{with .State}}{{.Pid}}{{end}}{{$x := .Size}}/{{$x}}", "0/2215000\n7/0\n");
}

static void more_blocks(void **state cmk_unused)
{
	expect("{{define \"T\"}}[{{.}}]{{end}}{{template \"T\" .Size}}", "[2215000]\n[0]\n");
	expect("{{template \"T\"}}{{define \"T\"}}x{{end}}", "x\nx\n");
	expect("{{block \"B\" .State}}<{{.Pid}}>{{end}}", "<0>\n<7>\n");
	expect("{{block \"B\" .State}}a{{end}}{{define \"B\"}}b{{end}}", "b\nb\n");
	expect("{{range .Names}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a\n\n");
	expect("{{range .Names}}{{if eq . \"a\"}}{{continue}}{{end}}{{.}}{{end}}", "b\n\n");
	expect("{{$n := 0}}{{range .Names}}{{$n = .}}{{end}}{{$n}}", "b\n0\n");
	expect("{{with .Empty}}x{{else with .State}}{{.Pid}}{{else}}y{{end}}", "0\n7\n");
	expect("{{/* }} {{ */}}x{{- /* a */ -}} y", "xy\nxy\n");
	expect("{{range $i, $e := .Names}}{{$i}}{{$e}}{{end}}", "0a1b\n\n");
}

static void numbers_and_printf(void **state cmk_unused)
{
	expect("{{0x10}} {{-5}} {{1_000}} {{1.5}} {{'a'}}",
	       "16 -5 1000 1.5 97\n16 -5 1000 1.5 97\n");
	expect("{{printf \"%5d|%-5s|%x|%05d|%q|%v\" 42 \"a\" 255 7 \"z\" .Names}}",
	       "   42|a    |ff|00007|\"z\"|[a b]\n   42|a    |ff|00007|\"z\"|[]\n");
	expect("{{printf \"%.2f %6.1f %.3s %t %c %o %X %%\" 1.256 -2.25 \"abcdef\" true 65 8 "
	       "\"hi\"}}",
	       "1.26   -2.2 abc true A 10 6869 %\n1.26   -2.2 abc true A 10 6869 %\n");
	expect("{{printf \"%d %s %n\" \"x\"}}",
	       "%!d(string=x) %!s(MISSING) %!n(MISSING)\n%!d(string=x) %!s(MISSING) "
	       "%!n(MISSING)\n");
	expect("{{print \"a\" \"b\" 1 2}}{{println \"a\" 1}}", "ab1 2a 1\n\nab1 2a 1\n\n");
	expect("{{slice .Id 0 2}} {{slice .Names 0 0}}", "01 []\nfe []\n");
	expect("{{html \"<a&b>\"}} {{urlquery \"a b/c\"}}",
	       "&lt;a&amp;b&gt; a+b%2Fc\n&lt;a&amp;b&gt; a+b%2Fc\n");
	expect("{{and 1 0}} {{or 0 2}} {{not true}} {{ge 2 2}} {{eq 1 2 1}}",
	       "0 2 false true true\n0 2 false true true\n");
}

static void go_stops_where_it_is_decided(void **state cmk_unused)
{
	/* The last words would fail. */
	expect("{{and .Empty (index .Names 7)}}|{{or .Id (slice .Id 9 99)}}",
	       "<nil>|0123456789abcdef\n<nil>|fe\n");
	refuse("{{and .Id (slice .Id 9 99)}}", "slice");
	expect("{{if and .State .State.Running}}y{{else}}n{{end}}", "y\nn\n");
	expect("{{range 3}}{{.}}{{end}} {{range $i := 2}}<{{$i}}>{{end}}{{range "
	       "0}}x{{else}}-{{end}}",
	       "012 <0><1>-\n012 <0><1>-\n");
	expect("{{range 5}}{{if eq . 1}}{{continue}}{{end}}{{if eq . "
	       "3}}{{break}}{{end}}{{.}}{{end}}",
	       "02\n02\n");
	refuse("{{range 10001}}{{end}}", "range can't iterate over 10001");
	refuse("{{range $i, $v := 3}}{{end}}", "range can't iterate over 3");
	expect("{{js \"it's <b>\\\\ = \\\"1\\\"\"}}",
	       "it\\'s \\u003Cb\\u003E\\\\ \\u003D \\\"1\\\"\n"
	       "it\\'s \\u003Cb\\u003E\\\\ \\u003D \\\"1\\\"\n");
}

static void bad_templates(void **state cmk_unused)
{
	char deep[400];

	refuse("{{.Nope}}", "template: 1:3: can't evaluate field Nope");
	refuse("a\n {{.Id.Nope}}", "template: 2:4: can't evaluate field Nope");
	refuse("table {{.Id}} {{.Nope}}", "template: 1:17: can't evaluate field Nope");
	refuse("{{.Id", "unclosed action");
	refuse("{{\"x}}", "unclosed action");
	refuse("{{if .Id}}x", "unexpected EOF");
	refuse("{{define \"x\"}}x", "unexpected EOF");
	refuse("{{end}}", "template: 1:8: unexpected {{end}}");
	refuse("{{else}}", "unexpected {{else}}");
	refuse("{{if}}{{end}}", "missing value for if");
	refuse("{{range}}{{end}}", "missing value for range");
	refuse("{{nosuch .Id}}", "template: 1:3: function \"nosuch\" not defined");
	refuse("{{.Id | nosuch}}", "template: 1:9: function \"nosuch\" not defined");
	refuse("{{}}", "missing value");
	refuse("{{$x}}", "undefined variable \"$x\"");
	refuse("{{$x = 1}}", "undefined variable \"$x\"");
	refuse("{{join .Names}}", "wrong number of args for join: want 2 got 1");
	refuse("{{len .Id .Id}}", "wrong number of args for len: want 1 got 2");
	refuse("{{len .Size}}", "len of type int");
	refuse("{{index .Names 9}}", "out of range");
	refuse("{{slice .Id 9 3}}", "out of range");
	refuse("{{slice .Size}}", "can't slice");
	refuse("{{(.Id}}", "')' was expected");
	refuse("{{.Id \"a\"}}", ".Id is not a method but has arguments");
	refuse("{{range .Id}}{{end}}", "range can't iterate");
	refuse("{{template \"a\"}}", "template \"a\" not defined");
	refuse("{{define \"a\"}}{{template \"a\"}}{{end}}{{template \"a\"}}",
	       "maximum template depth");
	refuse("{{break}}", "outside of range");
	refuse("{{1a}}", "bad number syntax");
	refuse("{{0x}}", "bad number syntax");
	refuse("{{lt .Id 1}}", "incompatible types");
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

static void what_may_be_printed(void **state cmk_unused)
{
	static const char *const names[] = { "Digest", "RootFS", NULL };

	assert_true(format_may_print("json", names));
	assert_true(format_may_print("{{json .}}", names));
	assert_true(format_may_print("{{.}}", names));
	assert_true(format_may_print("{{.RootFS.Layers}}", names));
	assert_true(format_may_print("{{.Id}} {{ .Digest }}", names));
	assert_true(format_may_print("{{range .Names}}{{.}}{{end}}", names));
	assert_false(format_may_print("{{.Id}}", names));
	assert_false(format_may_print("table {{.Id}}\t{{.Config.Cmd}}", names));
}

static void yaml(const char *json, const char *want)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	assert_int_equal(json_parse(json, strlen(json), 1 << 20, &doc, NULL), 0);
	format_yaml(json_root(doc), &out);
	assert_string_equal(strbuf_str(&out), want);
}

static void yaml_keeps_texts_texts(void **state cmk_unused)
{
	yaml("{\"a\":1.5,\"b\":true,\"c\":null,\"d\":\"\",\"e\":[],\"f\":{}}",
	     "a: 1.5\nb: true\nc: null\nd: \"\"\ne: []\nf: {}\n");
	yaml("{\"a\":{\"l\":[\"p\",\"q\"],\"m\":[{\"i\":0,\"j\":{\"k\":1}},{\"i\":2}]}}",
	     "a:\n  l:\n  - p\n  - q\n  m:\n  - i: 0\n    j:\n      k: 1\n  - i: 2\n");
	/* Readers would take them for something else. */
	yaml("{\"a\":\"12\",\"b\":\"true\",\"c\":\"1.5\",\"d\":\"No\",\"e\":\"2024-01-02\","
	     "\"f\":\"0x1f\",\"g\":\"~\",\"h\":\"1e3\"}",
	     "a: \"12\"\nb: \"true\"\nc: \"1.5\"\nd: \"No\"\ne: \"2024-01-02\"\nf: \"0x1f\"\n"
	     "g: \"~\"\nh: \"1e3\"\n");
	yaml("{\"a\":\"x: y\",\"b\":\"x #y\",\"c\":\"- x\",\"d\":\"say \\\"x\\\": "
	     "\\\\\",\"e\":\"x:\","
	     "\"f\":\"x\\u001b\\ny\"}",
	     "a: \"x: y\"\nb: \"x #y\"\nc: \"- x\"\nd: \"say \\\"x\\\": \\\\\"\ne: \"x:\"\n"
	     "f: \"x\\x1b\\x0ay\"\n");
	yaml("{\"a\":\"4.3.1\",\"b\":\"/var/a-b\",\"c\":\"17h 4m 2.00s (0.7 days)\",\"d\":\"a:b\"}",
	     "a: 4.3.1\nb: /var/a-b\nc: 17h 4m 2.00s (0.7 days)\nd: a:b\n");
}

/* As podman's: members that info leaves out, and names that are not those of its JSON. */
static void fields_of_info(void **state cmk_unused)
{
	static const char info[] =
		"[{\"host\":{\"security\":{\"capabilities\":\"CAP_KILL\"},\"distribution\":{},"
		"\"idMappings\":{\"uidmap\":[{\"container_id\":1,\"host_id\":2,\"size\":3}]}},"
		"\"plugins\":{\"authorization\":null},\"registries\":{},\"store\":{"
		"\"graphOptions\":{}}}]";
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	assert_int_equal(json_parse(info, strlen(info), 1 << 20, &doc, NULL), 0);
	assert_int_equal(
		format_items(
			"{{.Host.Security.DefaultCapabilities}} {{.Host.Distribution.Variant}} "
			"{{.Host.FreeLocks}} {{.Host.RuntimeInfo}} "
			"{{.Host.EmulatedArchitectures}} {{.Plugins.Authorization}} "
			"{{.Registries}} {{.Store.GraphOptions}}"
			"{{range .Host.IDMappings.UIDMap}} {{.ContainerID}} {{.HostID}}{{end}}",
			json_root(doc), NULL, true, &out, NULL),
		0);
	assert_string_equal(strbuf_str(&out), "CAP_KILL  <nil> map[] [] [] map[] map[] 1 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_literals),
		cmocka_unit_test(tables),
		cmocka_unit_test(functions),
		cmocka_unit_test(blocks),
		cmocka_unit_test(more_blocks),
		cmocka_unit_test(numbers_and_printf),
		cmocka_unit_test(go_stops_where_it_is_decided),
		cmocka_unit_test(what_may_be_printed),
		cmocka_unit_test(bad_templates),
		cmocka_unit_test(sizes_and_times),
		cmocka_unit_test(yaml_keeps_texts_texts),
		cmocka_unit_test(fields_of_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
