// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fcntl.h>

#include "base/file.h"

#include "tests/unit/unit.h"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc = NULL;
	struct cmk_err err = CMK_ERR_INIT;

	if (json_parse(text, strlen(text), 1 << 20, &doc, &err) < 0)
		fail_msg("%s: %s", text, cmk_err_msg(&err));
	return doc;
}

static void assert_refused(const char *text, size_t len, const char *reason)
{
	struct json_doc *doc = NULL;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	assert_int_equal(json_parse(text, len, 1 << 20, &doc, &err), -EINVAL);
	assert_null(doc);
	if (!strstr(err.msg, reason))
		fail_msg("'%s' is not in '%s'", reason, err.msg);
}

static void test_values_are_found_by_key_and_path(void **state)
{
	cleanup_json_doc struct json_doc *doc = parse(
		"{\"a\":{\"b\":{\"c\":\"x\\u00e9\\n\"}},\"n\":[1,true,null,\"s\"],\"e\":{}}");
	const struct json *root = json_root(doc), *n = json_get(root, "n");

	(void)state;
	assert_string_equal(json_str(json_path(root, "a.b.c")), "x\xc3\xa9\n");
	assert_null(json_path(root, "a.x.c"));
	assert_null(json_path(root, "n.b"));
	assert_int_equal(root->n, 3);
	assert_int_equal(n->n, 4);
	assert_true(json_bool(n->first->next, false));
	assert_true(json_bool(n->first, true));
	assert_null(json_str(n->first));
	assert_null(json_get(n, "a"));
	assert_null(json_get(NULL, "a"));
	assert_int_equal(json_get(root, "e")->n, 0);
}

static void test_numbers_are_exact(void **state)
{
	cleanup_json_doc struct json_doc *doc = parse(
		"[18446744073709551615,-9223372036854775808,1e3,1.0,-1,18446744073709551616]");
	const struct json *v = json_root(doc)->first;
	uint64_t u = 0;
	int64_t i = 0;

	(void)state;
	assert_int_equal(json_u64(v, UINT64_MAX, &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(json_i64(v, &i), -ERANGE);
	assert_int_equal(json_u64(v, 100, &u), -ERANGE);
	v = v->next;
	assert_int_equal(json_i64(v, &i), 0);
	assert_true(i == INT64_MIN);
	v = v->next;
	assert_int_equal(json_u64(v, UINT64_MAX, &u), -EINVAL);
	assert_int_equal(json_u64(v->next, UINT64_MAX, &u), -EINVAL);
	assert_int_equal(json_u64(v->next->next, UINT64_MAX, &u), -EINVAL);
	assert_int_equal(json_u64(v->next->next->next, UINT64_MAX, &u), -ERANGE);
	assert_int_equal(json_u64(NULL, UINT64_MAX, &u), -EINVAL);
}

static void test_bad_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"[1,]",
		"{\"a\":1,}",
		"[1] 2",
		"[01]",
		"nul",
		"// c\n1",
		"[/*c*/1]",
		"'a'",
		"\"a\nb\"",
		"[-]",
		"\"\xff\"",
		"\"\\x\"",
		"\xef\xbb\xbf{}",
		"{\"a\" 1}",
		"{1:2}",
		"\"\xed\xa0\x80\"",
		"\"\xc0\x80\"",
		"{\"\xf5\":1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(bad[i], strlen(bad[i]), "invalid JSON");
	assert_refused("{\"a\":1,\"b\":2,\"a\":3}", 19, "same key twice");
	assert_refused("\"a\\u0000b\"", 10, "NUL");
	assert_refused("{\"a\\u0000\":1}", 13, "NUL");
	assert_refused("\"a\0b\"", 5, "invalid JSON at byte");
}

static void test_double_keys_are_found_in_large_objects(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	(void)state;
	strbuf_addc(&sb, '{');
	for (int i = 0; i < 5000; i++)
		strbuf_addf(&sb, "\"k%d\":%d,", i, i);
	strbuf_adds(&sb, "\"k77\":0}");
	assert_refused(sb.data, sb.len, "same key twice");
}

static void nested(struct strbuf *sb, int depth)
{
	strbuf_reset(sb);
	for (int i = 0; i < depth; i++)
		strbuf_addc(sb, '[');
	for (int i = 0; i < depth; i++)
		strbuf_addc(sb, ']');
}

static void test_depth_and_size_are_limited(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct json_doc *doc = NULL;

	(void)state;
	nested(&sb, JSON_DEPTH_MAX);
	doc = parse(sb.data);
	json_doc_free(doc);
	doc = NULL;
	nested(&sb, JSON_DEPTH_MAX + 1);
	assert_refused(sb.data, sb.len, "nested too deeply");
	nested(&sb, 500000);
	assert_refused(sb.data, sb.len, "nested too deeply");
	assert_int_equal(json_parse("[1]", 3, 2, &doc, &err), -EFBIG);
	strbuf_reset(&sb);
	strbuf_addc(&sb, '[');
	for (int i = 0; i < 1100000; i++)
		strbuf_adds(&sb, "1,");
	strbuf_adds(&sb, "1]");
	assert_int_equal(json_parse(sb.data, sb.len, 16 << 20, &doc, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "too many values"));
}

static void test_strv_takes_only_strings(void **state)
{
	cleanup_json_doc struct json_doc *doc = parse(
		"{\"a\":[\"x\",\"y\",\"z\"],\"b\":[1],\"c\":{}}");
	cleanup_strv char **v = NULL;

	(void)state;
	assert_int_equal(json_strv(json_get(json_root(doc), "a"), &v), 0);
	assert_int_equal(strv_len(v), 3);
	strv_add(&v, "more");
	strv_add(&v, "and more");
	assert_string_equal(v[4], "and more");
	assert_int_equal(json_strv(json_get(json_root(doc), "b"), &v), -EINVAL);
	assert_int_equal(json_strv(json_get(json_root(doc), "c"), &v), -EINVAL);
	assert_int_equal(strv_len(v), 5);
}

static char *finish(struct json_writer *w)
{
	struct cmk_err err = CMK_ERR_INIT;
	char *text = NULL;

	if (json_writer_finish(w, &text, NULL, &err) < 0)
		fail_msg("%s", cmk_err_msg(&err));
	return text;
}

static void write_sample(struct json_writer *w)
{
	char kv[] = "k=v=w", bare[] = "bare", *const map[] = { kv, bare, NULL };

	json_write_object(w, NULL);
	json_write_str(w, "s", "q\"\\\n\x01\xc3\xa9\xff");
	json_write_str(w, "null", NULL);
	json_write_array(w, "a");
	json_write_u64(w, NULL, UINT64_MAX);
	json_write_i64(w, NULL, -1);
	json_write_bool(w, NULL, true);
	json_write_end(w, ']');
	json_write_strv(w, "e", NULL);
	json_write_map(w, "m", map);
	json_write_end(w, '}');
}

static void test_writer_escapes_and_indents(void **state)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL, *pretty = NULL;

	(void)state;
	write_sample(&w);
	text = finish(&w);
	assert_string_equal(text,
			    "{\"s\":\"q\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\",\"null\":null,"
			    "\"a\":[18446744073709551615,-1,true],\"e\":[],"
			    "\"m\":{\"k\":\"v=w\",\"bare\":\"\"}}\n");
	w.pretty = true;
	json_write_array(&w, NULL);
	json_write_object(&w, NULL);
	json_write_hundredths(&w, "a", 1203);
	json_write_strv(&w, "b", NULL);
	json_write_end(&w, '}');
	json_write_end(&w, ']');
	pretty = finish(&w);
	assert_string_equal(pretty,
			    "[\n    {\n        \"a\": 12.03,\n        \"b\": []\n    }\n]\n");
}

static void test_writer_remembers_its_first_failure(void **state)
{
	char *text = NULL;

	(void)state;
	for (int i = 0; i < 6; i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		struct json_writer w = JSON_WRITER_INIT;

		json_write_object(&w, NULL);
		if (i == 0)
			json_write_str(&w, NULL, "no key");
		if (i == 1)
			json_write_end(&w, ']');
		if (i != 2)
			json_write_end(&w, '}');
		if (i == 3)
			json_write_end(&w, '}');
		if (i == 4)
			json_write_null(&w, NULL);
		if (i == 5)
			json_write_null(&w, "key at the top");
		assert_int_equal(json_writer_finish(&w, &text, NULL, &err), -EINVAL);
		assert_null(text);
	}
}

struct part {
	char *name;
	int64_t size;
};
struct sample {
	char *s;
	bool b;
	int64_t i;
	uint64_t u;
	int n;
	uint32_t u32;
	char **strv, **map;
	struct part one, *ptr, *parts;
	size_t n_parts;
	char *extra;
};
static const struct json_field part_fields[] = {
	JSON_FIELD(struct part, name, "name", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct part, size, "size", JSON_F_I64, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};
static const struct json_field lax_fields[] = {
	JSON_FIELD(struct part, name, "name", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};
static const struct json_field sample_fields[] = {
	JSON_FIELD(struct sample, s, "s", JSON_F_STR, 0),
	JSON_FIELD(struct sample, b, "b", JSON_F_BOOL, JSON_OMIT_EMPTY),
	JSON_FIELD(struct sample, i, "i", JSON_F_I64, JSON_OMIT_EMPTY),
	JSON_FIELD(struct sample, u, "u", JSON_F_U64, JSON_OMIT_EMPTY),
	JSON_FIELD(struct sample, n, "n", JSON_F_INT, JSON_OMIT_EMPTY),
	JSON_FIELD(struct sample, u32, "u32", JSON_F_U32, JSON_OMIT_EMPTY),
	JSON_FIELD(struct sample, strv, "strv", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD(struct sample, map, "map", JSON_F_MAP, JSON_OMIT_EMPTY),
	JSON_FIELD_SUB(struct sample, one, "one", JSON_F_OBJ, JSON_OMIT_EMPTY, lax_fields,
		       struct part),
	JSON_FIELD_SUB(struct sample, ptr, "ptr", JSON_F_PTR, JSON_OMIT_EMPTY, part_fields,
		       struct part),
	JSON_FIELD_ARRAY(struct sample, parts, n_parts, "parts", JSON_OMIT_EMPTY, part_fields,
			 struct part),
	JSON_FIELD(struct sample, extra, NULL, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

static void test_records_survive_a_round_trip(void **state)
{
	static const char text[] =
		"{\"s\":\"x\",\"b\":true,\"i\":-5,\"u\":18446744073709551615,\"n\":-2147483648,"
		"\"u32\":4294967295,\"strv\":[\"a\",\"b\"],\"map\":{\"k\":\"v\"},"
		"\"one\":{\"name\":\"o\"},\"ptr\":{\"name\":\"p\",\"size\":3},"
		"\"parts\":[{\"name\":\"q\"},{\"name\":\"r\",\"size\":1}],"
		"\"later\":{\"x\":[1,2.50]},\"also\":\"\\\"\"}\n";
	cleanup_json_doc struct json_doc *doc = parse(text);
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *again = NULL;
	struct sample s = { 0 };

	(void)state;
	assert_int_equal(json_read_fields(json_root(doc), sample_fields, &s, &err), 0);
	assert_int_equal(s.n_parts, 2);
	assert_string_equal(s.parts[1].name, "r");
	assert_string_equal(s.map[0], "k=v");
	assert_int_equal(s.ptr->size, 3);
	json_write_object(&w, NULL);
	json_write_fields(&w, sample_fields, &s);
	json_write_end(&w, '}');
	again = finish(&w);
	assert_string_equal(again, text);
	json_free_fields(sample_fields, &s);
	assert_null(s.parts);
	assert_null(s.extra);
	assert_int_equal(s.n_parts, 0);
}

static void test_empty_members_are_left_out(void **state)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	struct sample s = { 0 };

	(void)state;
	json_write_object(&w, NULL);
	json_write_fields(&w, sample_fields, &s);
	json_write_end(&w, '}');
	text = finish(&w);
	assert_string_equal(text, "{\"s\":null}\n");
}

static void test_wrong_members_are_named(void **state)
{
	static const char *const bad[][2] = {
		{ "{\"s\":1}", "member 's': not a string" },
		{ "{\"b\":0}", "member 'b': not true or false" },
		{ "{\"n\":2147483648}", "member 'n': the number is out of range" },
		{ "{\"u32\":-1}", "member 'u32': not a whole number" },
		{ "{\"i\":1.5}", "member 'i': not a whole number" },
		{ "{\"strv\":[1]}", "member 'strv': not an array of strings" },
		{ "{\"map\":{\"k\":1}}", "member 'map': not an object of strings" },
		{ "{\"one\":[]}", "member 'one': not an object" },
		{ "{\"ptr\":{\"size\":1}}", "member 'ptr': member 'name' is missing" },
		{ "{\"parts\":[{\"name\":\"a\"},{\"name\":null}]}",
		  "member 'parts[1]': member 'name' is missing" },
		{ "{\"parts\":{}}", "member 'parts': not an array" },
		{ "[]", "not an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_json_doc struct json_doc *doc = parse(bad[i][0]);
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		struct sample s = { 0 };

		assert_true(json_read_fields(json_root(doc), sample_fields, &s, &err) < 0);
		assert_string_equal(err.msg, bad[i][1]);
		json_free_fields(sample_fields, &s);
	}
}

static void test_a_second_read_replaces_and_leaks_nothing(void **state)
{
	cleanup_json_doc struct json_doc *a = parse("{\"s\":\"1\",\"parts\":[{\"name\":\"a\"}],"
						    "\"map\":{\"a\":\"b\"},\"x\":1}");
	cleanup_json_doc struct json_doc *b = parse(
		"{\"s\":null,\"parts\":[],\"map\":{},\"strv\":[],\"y\":2}");
	struct sample s = { 0 };

	(void)state;
	assert_int_equal(json_read_fields(json_root(a), sample_fields, &s, NULL), 0);
	assert_string_equal(s.extra, "\"x\":1");
	assert_int_equal(json_read_fields(json_root(b), sample_fields, &s, NULL), 0);
	assert_null(s.s);
	assert_null(s.parts);
	assert_null(s.map);
	assert_string_equal(s.extra, "\"y\":2");
	json_free_fields(sample_fields, &s);
}

static void test_records_in_files(void **state)
{
	char dir[] = "/tmp/test_json.XXXXXX";
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_close int fd = -1;
	struct part in = { (char *)"n", 7 }, out = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(json_save_record(fd, "r.json", part_fields, &in, FILE_EXCL, &err), 0);
	assert_int_equal(json_save_record(fd, "r.json", part_fields, &in, FILE_EXCL, &err),
			 -EEXIST);
	assert_int_equal(json_load_record(fd, "r.json", 100, part_fields, &out, &err), 0);
	assert_string_equal(out.name, "n");
	assert_int_equal(out.size, 7);
	json_free_fields(part_fields, &out);
	assert_int_equal(json_load_record(fd, "r.json", 10, part_fields, &out, &err), -EFBIG);
	assert_int_equal(json_load_record(fd, "none.json", 10, part_fields, &out, &err), -ENOENT);
	assert_int_equal(file_replace_at(fd, "r.json", "{", 1, 0600, 0, &err), 0);
	assert_int_equal(json_load_record(fd, "r.json", 10, part_fields, &out, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "read 'r.json': invalid JSON"));
	assert_int_equal(unlinkat(fd, "r.json", 0), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_found_by_key_and_path),
		cmocka_unit_test(test_numbers_are_exact),
		cmocka_unit_test(test_bad_text_is_refused),
		cmocka_unit_test(test_double_keys_are_found_in_large_objects),
		cmocka_unit_test(test_depth_and_size_are_limited),
		cmocka_unit_test(test_strv_takes_only_strings),
		cmocka_unit_test(test_writer_escapes_and_indents),
		cmocka_unit_test(test_writer_remembers_its_first_failure),
		cmocka_unit_test(test_records_survive_a_round_trip),
		cmocka_unit_test(test_empty_members_are_left_out),
		cmocka_unit_test(test_wrong_members_are_named),
		cmocka_unit_test(test_a_second_read_replaces_and_leaks_nothing),
		cmocka_unit_test(test_records_in_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
