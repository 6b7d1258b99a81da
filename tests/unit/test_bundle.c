// SPDX-License-Identifier: Apache-2.0
/* Names with a transport, and the lists of images in archives and layouts. */
#include "image/save.h"
#include "image/transport.h"
#include "tests/unit/unit.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ENTRY(more)                                                                              \
	"{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:" HEX \
	"\",\"size\":7" more "}"
#define INDEX(items) "{\"schemaVersion\":2,\"manifests\":[" items "]}"
#define NAMED(name) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define FOR(arch) ",\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\"}"

#define TWO_NAMES                                                        \
	",\"annotations\":{\"org.opencontainers.image.ref.name\":\"1\"," \
	"\"io.containerd.image.name\":\"docker.io/library/x:1\"}"

static const struct platform want = { "linux", "amd64", NULL };

static void is(const char *text, const struct bundle_kind *kind, bool is_dir, const char *path,
	       const char *ref, int64_t index)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct transport_name n = { 0 };

	assert_true(image_has_transport(text));
	if (transport_parse(text, &n, &err) < 0)
		fail_msg("'%s': %s", text, cmk_err_msg(&err));
	assert_ptr_equal(n.kind, kind);
	assert_int_equal(n.is_dir, is_dir);
	assert_string_equal(n.path, path);
	assert_true(streq_null(n.ref, ref));
	assert_int_equal(n.index, index);
	transport_name_done(&n);
}

static void refuse_name(const char *text, int code)
{
	struct transport_name n = { 0 };

	assert_true(image_has_transport(text));
	assert_int_equal(transport_parse(text, &n, NULL), code);
}

static void names(void **state cmk_unused)
{
	is("oci:dir", &bundle_oci, true, "dir", NULL, -1);
	is("oci:/a/b:", &bundle_oci, true, "/a/b", NULL, -1);
	is("oci:dir:name:1", &bundle_oci, true, "dir", "name:1", -1);
	is("oci-archive:a.tar:@2", &bundle_oci, false, "a.tar", NULL, 2);
	is("docker-archive:a.tar:x.org/y:1", &bundle_docker_archive, false, "a.tar", "x.org/y:1",
	   -1);
	is("docker-archive:a.tar:@0", &bundle_docker_archive, false, "a.tar", NULL, 0);
	is("dir:a:b", &bundle_dir, true, "a:b", NULL, -1);
	refuse_name("oci:", -EINVAL);
	refuse_name("oci::name", -EINVAL);
	refuse_name("dir:", -EINVAL);
	refuse_name("docker-archive:a.tar:@", -EINVAL);
	refuse_name("docker-archive:a.tar:@-1", -EINVAL);
	refuse_name("oci:a:@99999999999", -EINVAL);
	refuse_name("docker-daemon:x:1", -EOPNOTSUPP);
	refuse_name("containers-storage:", -EINVAL);
	assert_false(image_has_transport("oci"));
	assert_false(image_has_transport("ocidir:x"));
	assert_false(image_has_transport("docker://x"));
	assert_false(image_has_transport("example.org/dir:1"));
}

static int parse_docker(struct bundle *b, const char *text, struct cmk_err *err)
{
	*b = (struct bundle){ .files.fd = -1 };
	return docker_manifest_parse(b, text, strlen(text), err);
}

static int parse_index(struct bundle *b, const char *text, struct cmk_err *err)
{
	*b = (struct bundle){ .files.fd = -1 };
	return oci_index_parse(b, text, strlen(text), &want, err);
}

static void docker_lists(void **state cmk_unused)
{
	static const char *const bad[][2] = {
		{ "{}", "not an array" },
		{ "[1]", "Config" },
		{ "[{\"Layers\":[]}]", "Config" },
		{ "[{\"Config\":\"\"}]", "Config" },
		{ "[{\"Config\":\"a\",\"Layers\":\"b\"}]", "Layers" },
		{ "[{\"Config\":\"a\",\"RepoTags\":[1]}]", "RepoTags" },
		{ "[{\"Config\":\"a\",\"Config\":\"b\"}]", "manifest.json" },
		{ "[{\"Config\":\"a\"}", "manifest.json" },
	};
	struct bundle b;

	assert_int_equal(parse_docker(&b,
				      "[{\"Config\":\"c.json\",\"RepoTags\":[\"a:1\",\"b:2\"],"
				      "\"Layers\":[\"x.tar\",\"x.tar\"],\"Parent\":\"z\"},"
				      "{\"Config\":\"d\",\"RepoTags\":null,\"Layers\":[]}]",
				      NULL),
			 0);
	assert_int_equal(b.n_images, 2);
	assert_string_equal(b.images[0].config, "c.json");
	assert_string_equal(b.images[0].names[1], "b:2");
	assert_int_equal(strv_len(b.images[0].layers), 2);
	assert_null(b.images[1].names);
	bundle_done(&b);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;

		assert_true(parse_docker(&b, bad[i][0], &err) < 0);
		if (!strstr(cmk_err_msg(&err), bad[i][1]))
			fail_msg("%s: %s", bad[i][0], cmk_err_msg(&err));
		bundle_done(&b);
	}
}

static void docker_lists_are_bounded(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct bundle b;

	strbuf_adds(&sb, "[{\"Config\":\"c\",\"Layers\":[\"l\"");
	for (int i = 0; i < IMAGE_LAYERS_MAX; i++)
		strbuf_adds(&sb, ",\"l\"");
	strbuf_adds(&sb, "]}]");
	assert_int_equal(parse_docker(&b, sb.data, NULL), -E2BIG);
	bundle_done(&b);
	strbuf_reset(&sb);
	strbuf_adds(&sb, "[{\"Config\":\"c\"}");
	for (int i = 0; i < BUNDLE_IMAGES_MAX; i++)
		strbuf_adds(&sb, ",{\"Config\":\"c\"}");
	strbuf_adds(&sb, "]");
	assert_int_equal(parse_docker(&b, sb.data, NULL), -E2BIG);
	bundle_done(&b);
}

static void layouts(void **state cmk_unused)
{
	const struct bundle_image *found = NULL;
	cleanup_strv char **found_names = NULL;
	struct bundle b;

	assert_int_equal(
		parse_index(&b, INDEX(ENTRY(TWO_NAMES) "," ENTRY(NAMED("b")) "," ENTRY("")), NULL),
		0);
	assert_int_equal(b.n_images, 3);
	assert_string_equal(b.images[0].names[0], "docker.io/library/x:1");
	assert_string_equal(b.images[1].names[0], "b");
	assert_null(b.images[2].names);
	assert_int_equal(bundle_oci.choose(&b, "1", &found, &found_names, NULL), 0);
	assert_ptr_equal(found, &b.images[0]);
	assert_int_equal(bundle_oci.choose(&b, "c", &found, &found_names, NULL), -ENOENT);
	bundle_done(&b);
	/* Platforms of one image, and what is none. */
	assert_int_equal(parse_index(&b,
				     INDEX(ENTRY(FOR("arm64")) "," ENTRY(FOR("amd64")) "," ENTRY(
					     ",\"annotations\":{\"vnd.docker.reference.type\":"
					     "\"attestation-manifest\"}")),
				     NULL),
			 0);
	assert_int_equal(b.n_images, 1);
	bundle_done(&b);
	assert_int_equal(parse_index(&b, INDEX(ENTRY(FOR("arm64")) "," ENTRY(FOR("s390x"))), NULL),
			 -ENOENT);
	bundle_done(&b);
	assert_true(parse_index(&b, "{\"schemaVersion\":2}", NULL) < 0);
	bundle_done(&b);
	assert_int_equal(oci_layout_check("{\"imageLayoutVersion\":\"1.0.0\"}", 30, NULL), 0);
	assert_int_equal(oci_layout_check("{\"imageLayoutVersion\":\"2.0.0\"}", 30, NULL),
			 -EOPNOTSUPP);
	assert_true(oci_layout_check("{}", 2, NULL) < 0);
}

/* How many entries it has then; -1 where the old text is refused. */
static int added(const char *old, const char *name)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct save_entry entry = { .name = name, .type = "application/x", .len = 7 };
	cleanup_free char *text = NULL;
	size_t len = 0;

	assert_int_equal(digest_parse_hex(HEX, &entry.digest), 0);
	if (save_index(old, old ? strlen(old) : 0, &entry, &text, &len, NULL) < 0)
		return -1;
	assert_int_equal(json_parse(text, len, len, &doc, NULL), 0);
	return (int)json_get(json_root(doc), "manifests")->n;
}

static void an_index_gets_one_image_more(void **state cmk_unused)
{
	assert_int_equal(added(NULL, NULL), 1);
	assert_int_equal(added(INDEX(""), "a"), 1);
	assert_int_equal(added(INDEX(ENTRY(NAMED("a"))), "b"), 2);
	assert_int_equal(added(INDEX(ENTRY(NAMED("a"))), NULL), 2);
	assert_int_equal(added(INDEX(ENTRY(NAMED("a"))), "a"), 1);
	assert_int_equal(added(INDEX(ENTRY("")), "a"), 1);
	assert_int_equal(added("{}", "a"), -1);
	assert_int_equal(added("{\"manifests\":{}}", "a"), -1);
	assert_int_equal(added("[", "a"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(docker_lists),
		cmocka_unit_test(docker_lists_are_bounded),
		cmocka_unit_test(layouts),
		cmocka_unit_test(an_index_gets_one_image_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
