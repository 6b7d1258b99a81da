// SPDX-License-Identifier: Apache-2.0
#include "image/image.h"
#include "image/registries.h"
#include "image/shortname.h"
#include "tests/unit/unit.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void expect(const char *text, const char *registry, const char *repository, const char *tag,
		   const char *digest)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct image_ref r = { 0 };

	if (image_ref_parse(text, &r, &err) < 0)
		fail_msg("'%s': %s", text, cmk_err_msg(&err));
	if (!streq_null(r.registry, registry) || !streq_null(r.repository, repository) ||
	    !streq_null(r.tag, tag) || !streq_null(r.digest, digest))
		fail_msg("'%s': got %s %s %s %s", text, r.registry, r.repository, r.tag, r.digest);
	image_ref_done(&r);
}

static void refuse(const char *text)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct image_ref r = { 0 };

	if (image_ref_parse(text, &r, &err) != -EINVAL)
		fail_msg("'%s' was taken", text);
	assert_int_equal(err.kind, CMK_ERR_INVALID);
	assert_null(r.repository);
}

static void names(void **state cmk_unused)
{
	expect("alpine", NULL, "alpine", "latest", NULL);
	expect("alpine:3.20", NULL, "alpine", "3.20", NULL);
	expect("library/alpine", NULL, "library/alpine", "latest", NULL);
	expect("docker.io/alpine", "docker.io", "library/alpine", "latest", NULL);
	expect("index.docker.io/a/b:t", "docker.io", "a/b", "t", NULL);
	expect("docker://quay.io/a/b", "quay.io", "a/b", "latest", NULL);
	expect("localhost/x", "localhost", "x", "latest", NULL);
	expect("localhost:5000/x:y", "localhost:5000", "x", "y", NULL);
	expect("[::1]:5000/x", "[::1]:5000", "x", "latest", NULL);
	expect("127.0.0.1:5000/a/b/c@sha256:" HEX, "127.0.0.1:5000", "a/b/c", NULL, "sha256:" HEX);
	expect("a.b/c:t@sha256:" HEX, "a.b", "c", "t", "sha256:" HEX);
	expect("a-b_c__d.e---f", NULL, "a-b_c__d.e---f", "latest", NULL);
	expect("EXAMPLE.com/x", "EXAMPLE.com", "x", "latest", NULL);
}

static void bad_names(void **state cmk_unused)
{
	static const char *const bad[] = {
		"",
		":t",
		"a:",
		"a:b:c",
		"a@",
		"a//b",
		"/a",
		"a/",
		"A",
		"a b",
		"a/../b",
		"../a",
		"a___b",
		"a..b",
		".a",
		"a.",
		"-a/b",
		"a-.b/c",
		"a.b:/c",
		"a.b:x/c",
		"a.b:123456/c",
		"a:.t",
		"a:-t",
		"[::1/x",
		"[zz]/x",
		"a\n",
		"a@sha256:x",
		"a@md5:" HEX,
		"a\xc3\xa9",
		"docker://",
		"a@sha256:../../x",
		"a:t@sha256:" HEX "0",
		HEX,
		"a%2fb",
		"a?b",
		"a#b",
	};
	char longer[400];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuse(bad[i]);
	memset(longer, 'a', sizeof(longer));
	longer[256] = '\0';
	refuse(longer);
	memset(longer, 'a', sizeof(longer));
	longer[1] = ':';
	longer[2 + 129] = '\0';
	refuse(longer);
	longer[2 + 128] = '\0';
	expect(longer, NULL, "a", longer + 2, NULL);
}

/* Each test has its own registries.conf. */
static char conf_path[64];

static void with_conf(const char *text)
{
	FILE *f = fopen(conf_path, "we");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv("CONTAINERS_REGISTRIES_CONF", conf_path, 1), 0);
}

static void expect_candidates(const char *text, const char *want)
{
	cleanup_strbuf struct strbuf got = STRBUF_INIT;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct image_ref r = { 0 }, *list = NULL;
	size_t n = 0;

	assert_int_equal(image_ref_parse(text, &r, NULL), 0);
	if (image_ref_candidates(&r, &list, &n, &err) < 0)
		fail_msg("'%s': %s", text, cmk_err_msg(&err));
	for (size_t i = 0; i < n; i++) {
		cleanup_free char *s = image_ref_str(&list[i]);

		strbuf_addf(&got, "%s%s", i ? " " : "", s);
		image_ref_done(&list[i]);
	}
	free(list);
	image_ref_done(&r);
	assert_string_equal(strbuf_str(&got), want);
}

static void short_names(void **state cmk_unused)
{
	with_conf("");
	expect_candidates("alpine", "docker.io/library/alpine:latest");
	expect_candidates("a/b:1", "docker.io/a/b:1");
	expect_candidates("quay.io/a/b:1", "quay.io/a/b:1");
	with_conf("unqualified-search-registries = ['quay.io', \"docker.io\"]\n"
		  "[aliases]\nal = 'example.com:5000/x/al'\n");
	expect_candidates("alpine:3", "quay.io/alpine:3 docker.io/library/alpine:3");
	expect_candidates("al:3", "example.com:5000/x/al:3");
	expect_candidates("al@sha256:" HEX, "example.com:5000/x/al@sha256:" HEX);
}

static void bad_conf(void **state cmk_unused)
{
	static const char *const bad[][2] = {
		{ "unqualified-search-registries = 'x'\n",
		  "line 1: 'unqualified-search-registries'" },
		{ "[[registry]]\nblocked = true\n", "line 1: registry without" },
		{ "[[registry]]\nprefix = 'a'\ninsecure = 'yes'\n", "line 3: 'insecure'" },
		{ "[registries.search]\nregistries = ['https://x']\n",
		  "'https://x' is no registry" },
		{ "unqualified-search-registries = ['x']\n[registries.block]\nregistries = ['y']\n",
		  "mixing sysregistry v1/v2" },
		{ "[aliases]\na = 3\n", "line 2: alias 'a'" },
		{ "short-name-mode = 'foo'\n", "invalid short-name mode: \"foo\"" },
	};
	struct image_ref r = { 0 }, *list = NULL;
	size_t n = 0;

	assert_int_equal(image_ref_parse("a", &r, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;

		with_conf(bad[i][0]);
		assert_true(image_ref_candidates(&r, &list, &n, &err) < 0);
		if (!strstr(cmk_err_msg(&err), bad[i][1]) || !strstr(cmk_err_msg(&err), conf_path))
			fail_msg("'%s' does not say '%s'", cmk_err_msg(&err), bad[i][1]);
	}
	image_ref_done(&r);
}

static void modes(void **state cmk_unused)
{
	static const struct {
		const char *text;
		enum short_name_mode mode;
	} good[] = {
		{ "", SHORT_NAME_PERMISSIVE },
		{ "short-name-mode = ''\n", SHORT_NAME_PERMISSIVE },
		{ "short-name-mode = 'permissive'\n", SHORT_NAME_PERMISSIVE },
		{ "short-name-mode = 'enforcing'\n", SHORT_NAME_ENFORCING },
		{ "short-name-mode = 'disabled'\n", SHORT_NAME_DISABLED },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct registries_conf c = { 0 };

		assert_int_equal(registries_conf_add(&c, good[i].text, strlen(good[i].text), NULL),
				 0);
		assert_int_equal(c.mode, good[i].mode);
		registries_conf_done(&c);
	}
}

static void expect_edit(const char *text, const char *want)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *got = NULL;

	if (shortname_edit(text, strlen(text), "a", "r.example/a", &got, &err) < 0)
		fail_msg("%s", cmk_err_msg(&err));
	assert_string_equal(got, want);
}

static void chosen_aliases(void **state cmk_unused)
{
	char *got = NULL;

	expect_edit("", "[aliases]\n  \"a\" = \"r.example/a\"\n");
	expect_edit("[aliases]\na = 'x/y'\n'q\"\\' = \"\\u0007\"\n",
		    "[aliases]\n  \"q\\\"\\\\\" = \"\\u0007\"\n  \"a\" = \"r.example/a\"\n");
	assert_int_equal(shortname_edit("aliases = 1", 11, "a", "b", &got, NULL), -EINVAL);
	assert_int_equal(shortname_edit("[", 1, "a", "b", &got, NULL), -EINVAL);
}

static void expect_sources(const struct registries_conf *c, const char *text, const char *want)
{
	cleanup_strbuf struct strbuf got = STRBUF_INIT;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct registry_source *list = NULL;
	struct image_ref r = { 0 };
	size_t n = 0;

	assert_int_equal(image_ref_parse(text, &r, NULL), 0);
	if (registries_sources(c, &r, &list, &n, &err) < 0)
		strbuf_adds(&got, cmk_err_msg(&err));
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&got, "%s%s %s%s%s%s", i ? ", " : "", list[i].registry,
			    list[i].repository, list[i].insecure ? " insecure" : "",
			    streq_null(list[i].tag, r.tag) ? "" : " tag ",
			    streq_null(list[i].tag, r.tag) ? "" : list[i].tag);
	registry_sources_free(list, n);
	image_ref_done(&r);
	assert_string_equal(strbuf_str(&got), want);
}

static void locations_and_mirrors(void **state cmk_unused)
{
	static const char text[] =
		"[[registry]]\n"
		"prefix = 'example.com'\nlocation = 'real.example.com:5000/sub'\n"
		"[[registry.mirror]]\nlocation = 'm1.local'\ninsecure = true\n"
		"[[registry.mirror]]\nlocation = 'm2.local/x'\n"
		"pull-from-mirror = 'digest-only'\n"
		"[[registry]]\nprefix = 'example.com/bad'\nblocked = true\n"
		"[[registry]]\nprefix = '*.wild.org'\ninsecure = true\n"
		"[[registry]]\nlocation = 'a.b:1'\ninsecure = true\n";
	struct registries_conf c = { 0 };

	assert_int_equal(registries_conf_add(&c, text, strlen(text), NULL), 0);
	expect_sources(&c, "example.com/a/b",
		       "m1.local a/b insecure, real.example.com:5000 sub/a/b");
	expect_sources(&c, "example.com/a@sha256:" HEX,
		       "m1.local a insecure, m2.local x/a, real.example.com:5000 sub/a");
	expect_sources(&c, "example.com/bad/x",
		       "registry 'example.com/bad' is blocked in registries.conf");
	expect_sources(&c, "example.com/badly",
		       "m1.local badly insecure, real.example.com:5000 "
		       "sub/badly");
	expect_sources(&c, "x.wild.org/y", "x.wild.org y insecure");
	expect_sources(&c, "wild.org/y", "wild.org y");
	expect_sources(&c, "a.b:1/y", "a.b:1 y insecure");
	expect_sources(&c, "a.b:12/y", "a.b:12 y");
	registries_conf_done(&c);
}

static void prefixes_with_a_tag(void **state cmk_unused)
{
	static const char text[] = "[[registry]]\nprefix = 'a.b/c/d:1'\nblocked = true\n"
				   "[[registry]]\nprefix = 'a.b/c/d:2'\nlocation = 'x.y/z:new'\n"
				   "[[registry]]\nprefix = 'a.b/c/d:3'\nlocation = 'x.y/z'\n"
				   "[[registry]]\nprefix = 'a.b/c/d@sha256:" HEX
				   "'\nblocked = true\n"
				   "[[registry]]\nprefix = 'a.b'\nlocation = 'x.y:5000/b'\n";
	struct registries_conf c = { 0 };

	assert_int_equal(registries_conf_add(&c, text, strlen(text), NULL), 0);
	expect_sources(&c, "a.b/c/d:1", "registry 'a.b/c/d:1' is blocked in registries.conf");
	expect_sources(&c, "a.b/c/d:2", "x.y z tag new");
	expect_sources(&c, "a.b/c/d:3", "x.y z");
	expect_sources(&c, "a.b/c/d:12", "x.y:5000 b/c/d");
	expect_sources(&c, "a.b/c/d@sha256:" HEX,
		       "registry 'a.b/c/d@sha256:" HEX "' is blocked in registries.conf");
	expect_sources(&c, "a.b/c/e@sha256:" HEX, "x.y:5000 b/c/e");
	registries_conf_done(&c);
}

static void version_1(void **state cmk_unused)
{
	static const char text[] = "[registries.search]\nregistries = ['r1.com', 'r2.com/']\n"
				   "[registries.insecure]\nregistries = ['r3.com']\n"
				   "[registries.block]\nregistries = ['r4.com']\n";
	struct registries_conf c = { 0 };

	with_conf(text);
	expect_candidates("a:1", "r1.com/a:1 r2.com/a:1");
	assert_int_equal(registries_conf_add(&c, text, strlen(text), NULL), 0);
	expect_sources(&c, "r3.com/a", "r3.com a insecure");
	expect_sources(&c, "r4.com/a", "registry 'r4.com' is blocked in registries.conf");
	registries_conf_done(&c);
}

static int make_path(void **state cmk_unused)
{
	int fd;

	(void)snprintf(conf_path, sizeof(conf_path), "/tmp/cmk-test-conf-XXXXXX");
	fd = mkstemp(conf_path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state cmk_unused)
{
	return unlink(conf_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(short_names),
		cmocka_unit_test(bad_conf),
		cmocka_unit_test(modes),
		cmocka_unit_test(chosen_aliases),
		cmocka_unit_test(prefixes_with_a_tag),
		cmocka_unit_test(version_1),
		cmocka_unit_test(locations_and_mirrors),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
