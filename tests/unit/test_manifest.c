// SPDX-License-Identifier: Apache-2.0
#include "image/manifest.h"
#include "tests/unit/unit.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D "\"digest\":\"sha256:" HEX "\""
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define CONFIG "\"config\":{\"mediaType\":\"" OCI "config.v1+json\"," D ",\"size\":5}"
#define LAYER(type) "{\"mediaType\":\"" type "\"," D ",\"size\":7}"
#define IMAGE(members) "{\"schemaVersion\":2," members "}"

static int parse(const char *text, const char *type, struct manifest *m, struct cmk_err *err)
{
	return manifest_parse(text, strlen(text), type, m, err);
}

static void refuse(const char *text, const char *type, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct manifest m = { 0 };

	if (parse(text, type, &m, &err) == 0)
		fail_msg("'%s' was taken", text);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s': '%s' does not say '%s'", text, cmk_err_msg(&err), why);
}

static void images(void **state cmk_unused)
{
	static const char *const types[][2] = {
		{ OCI "manifest.v1+json", OCI "layer.v1.tar+zstd" },
		{ OCI "manifest.v1+json; charset=utf-8", OCI "layer.v1.tar" },
		{ DOCKER "distribution.manifest.v2+json", DOCKER "image.rootfs.diff.tar.gzip" },
		{ "application/json", OCI "layer.v1.tar+gzip" },
		{ NULL, OCI "layer.v1.tar+gzip" },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		cleanup_free char *text = xasprintf("{\"schemaVersion\":2," CONFIG
						    ",\"layers\":[{\"mediaType\":\"%s\"," D
						    ",\"size\":7}]}",
						    types[i][1]);
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		struct manifest m = { 0 };

		if (parse(text, types[i][0], &m, &err) < 0)
			fail_msg("%s", cmk_err_msg(&err));
		assert_int_equal(m.kind, MANIFEST_IMAGE);
		assert_int_equal(m.n_items, 1);
		assert_int_equal(m.items[0].size, 7);
		assert_string_equal(m.config.digest.hex, HEX);
		manifest_done(&m);
	}
}

static void hostile(void **state cmk_unused)
{
	cleanup_free char *nested = xmalloc((10 << 20) + 1);

	refuse("", NULL, "manifest");
	refuse("[]", NULL, "not a JSON object");
	refuse("{}", NULL, "schemaVersion");
	/* CVE-2021-41190 */
	refuse(IMAGE(CONFIG ",\"layers\":[],\"manifests\":[]"), NULL, "ambiguous");
	refuse(IMAGE(CONFIG ",\"layers\":[]"), OCI "index.v1+json", "ambiguous");
	refuse(IMAGE("\"manifests\":[]"), OCI "manifest.v1+json", "ambiguous");
	refuse(IMAGE("\"mediaType\":\"" OCI "index.v1+json\",\"manifests\":[]"),
	       OCI "manifest.v1+json", "ambiguous");
	refuse(IMAGE("\"mediaType\":\"" OCI "index.v1+json\",\"layers\":[]"), NULL, "ambiguous");
	/* CVE-2024-3727 */
	refuse(IMAGE("\"config\":{\"mediaType\":\"" OCI "config.v1+json\",\"digest\":"
		     "\"sha256:../../x\",\"size\":5},\"layers\":[]"),
	       NULL, "config");
	refuse("{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, "schema 1");
	refuse(IMAGE(CONFIG ",\"layers\":[]"), DOCKER "distribution.manifest.v1+prettyjws",
	       "schema 1");
	refuse(IMAGE(CONFIG ",\"layers\":[" LAYER(DOCKER "image.rootfs.foreign.diff.tar.gzip") "]"),
	       NULL, "foreign layers");
	refuse(IMAGE(CONFIG ",\"layers\":[" LAYER("text/plain") "]"), NULL, "unknown type");
	refuse(IMAGE(CONFIG ",\"layers\":[{\"mediaType\":\"x\"}]"), NULL, "layers[0]");
	refuse(IMAGE(CONFIG ",\"layers\":[{\"mediaType\":\"" OCI "layer.v1.tar\"," D
			    ",\"size\":-1}]"),
	       NULL, "valid size");
	refuse(IMAGE(CONFIG ",\"layers\":[{\"mediaType\":\"" OCI "layer.v1.tar\"," D
			    ",\"size\":9223372036854775808}]"),
	       NULL, "valid size");
	refuse(IMAGE("\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\"," D
		     ",\"size\":5},\"layers\":[]"),
	       NULL, "artifact");
	refuse(IMAGE("\"mediaType\":\"a/b\",\"layers\":[]"), NULL, "unknown type 'a/b'");
	memset(nested, '[', 10 << 20);
	nested[10 << 20] = '\0';
	refuse(nested, NULL, "manifest");
	nested[100000] = '\0';
	refuse(nested, NULL, "manifest");
}

/* Or the table would be folded into one column. */
/* clang-format off */
#define ENTRY(size, platform)                                             \
	"{\"mediaType\":\"" OCI "manifest.v1+json\"," D ",\"size\":" size \
	",\"platform\":{" platform "}}"
static const char index_text[] = "{\"schemaVersion\":2,\"manifests\":["
	ENTRY("1", "\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v3\"") ","
	ENTRY("2", "\"os\":\"linux\",\"architecture\":\"amd64\"") ","
	ENTRY("3", "\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v5\"") ","
	ENTRY("4", "\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"") ","
	ENTRY("5", "\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"") ","
	ENTRY("6", "\"os\":\"windows\",\"architecture\":\"amd64\"") ","
	"{\"mediaType\":\"" OCI "manifest.v1+json\"," D ",\"size\":7,\"annotations\":{"
	"\"vnd.docker.reference.type\":\"attestation-manifest\"},\"platform\":{\"os\":\"unknown\","
	"\"architecture\":\"unknown\"}}]}";
/* clang-format on */

static void choose(const struct manifest *m, const char *os, const char *arch, const char *variant,
		   uint64_t want)
{
	struct platform p = { os, arch, variant };
	const struct descriptor *d = NULL;
	int r = manifest_choose(m, &p, &d, NULL);

	if (want ? r < 0 || d->size != want : r != -ENOENT)
		fail_msg("%s/%s/%s: %d, %llu", os, arch, variant, r,
			 d ? (unsigned long long)d->size : 0);
}

static void platforms(void **state cmk_unused)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	const struct descriptor *d = NULL;
	struct manifest m = { 0 };

	assert_int_equal(parse(index_text, OCI "index.v1+json", &m, NULL), 0);
	assert_int_equal(m.kind, MANIFEST_INDEX);
	choose(&m, "linux", "amd64", NULL, 2);
	choose(&m, "linux", "amd64", "v3", 1);
	choose(&m, "linux", "amd64", "v2", 0);
	choose(&m, "linux", "arm", NULL, 4);
	choose(&m, "linux", "arm", "v7", 4);
	choose(&m, "linux", "arm", "v5", 3);
	choose(&m, "linux", "arm64", NULL, 5);
	choose(&m, "linux", "arm64", "v8", 5);
	choose(&m, "windows", "amd64", NULL, 6);
	choose(&m, "linux", "riscv64", NULL, 0);
	choose(&m, "unknown", "unknown", NULL, 0);
	assert_int_equal(
		manifest_choose(&m, &(struct platform){ "linux", "s390x", NULL }, &d, &err),
		-ENOENT);
	assert_non_null(strstr(
		cmk_err_msg(&err),
		"architecture \"s390x\", variant \"\", OS \"linux\" (there is linux/amd64/v3, "));
	manifest_done(&m);
}

static void options(void **state cmk_unused)
{
	struct image_platform p = { 0 };

	assert_int_equal(image_platform_parse("linux/arm/v7", NULL, NULL, NULL, &p, NULL), 0);
	assert_string_equal(p.arch, "arm");
	assert_string_equal(p.variant, "v7");
	image_platform_done(&p);
	assert_int_equal(image_platform_parse(NULL, NULL, "aarch64", NULL, &p, NULL), 0);
	assert_string_equal(p.arch, "arm64");
	assert_null(p.os);
	image_platform_done(&p);
	assert_int_equal(image_platform_parse("linux", NULL, NULL, NULL, &p, NULL), -EINVAL);
	assert_int_equal(image_platform_parse("a/b/c/d", NULL, NULL, NULL, &p, NULL), -EINVAL);
	assert_int_equal(image_platform_parse("a/", NULL, "../x", NULL, &p, NULL), -EINVAL);
}

static void config(void **state cmk_unused)
{
	static const char text[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"A=b\"],"
		"\"Cmd\":null,"
		"\"Entrypoint\":[\"/x\",\"y\"],\"Labels\":{\"k\":\"v\"},\"ExposedPorts\":{\"80/"
		"tcp\":{}},"
		"\"User\":\"u\",\"WorkingDir\":\"/"
		"w\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
		"\"sha256:" HEX "\"]}}";
	static const char *const bad[] = {
		"[]",
		"{\"config\":[]}",
		"{\"config\":{\"Env\":{}}}",
		"{\"config\":{\"User\":7}}",
		"{\"config\":{\"Labels\":{\"a\":1}}}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:../../x\"]}}",
		"{\"rootfs\":{\"type\":\"other\"}}",
		"{\"os\":\"a\",\"os\":\"b\"}",
	};
	struct image_config c = { 0 };

	assert_int_equal(image_config_parse(text, strlen(text), &c, NULL), 0);
	assert_string_equal(c.entrypoint[1], "y");
	assert_null(c.cmd);
	assert_string_equal(c.labels[0], "k=v");
	assert_string_equal(c.exposed_ports[0], "80/tcp");
	assert_string_equal(c.diff_ids[0], "sha256:" HEX);
	image_config_done(&c);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (image_config_parse(bad[i], strlen(bad[i]), &c, NULL) >= 0)
			fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images),  cmocka_unit_test(hostile), cmocka_unit_test(platforms),
		cmocka_unit_test(options), cmocka_unit_test(config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
