// SPDX-License-Identifier: Apache-2.0
/* Manifest lists: as texts, in memory, in the store. */
#include <fcntl.h>

#include "base/file.h"
#include "image/list.h"
#include "tests/unit/unit.h"

#define HEX(last) "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde" last
#define D(last) "sha256:" HEX(last)
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker.distribution.manifest."
#define ITEM(last, members)     \
	"{\"mediaType\":\"" OCI \
	"manifest.v1+json\",\"size\":7,\"digest\":\"" D(last) "\"," members "}"
#define AMD "\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}"
#define INDEX(type, items) \
	"{\"schemaVersion\":2,\"mediaType\":\"" type "\",\"manifests\":[" items "]"

static void read_text(const char *text, struct list *l)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (list_read_index(text, strlen(text), l, &err) < 0)
		fail_msg("%s: %s", text, cmk_err_msg(&err));
}

static void refuse(const char *text, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct list l = { 0 };

	assert_true(list_read_index(text, strlen(text), &l, &err) < 0);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s' does not say '%s'", cmk_err_msg(&err), why);
}

static void check_written(const struct list *l, enum image_push_format format, const char *type,
			  const char *want)
{
	cleanup_free char *text = NULL;
	const char *got_type;
	size_t len = 0;

	assert_int_equal(list_write(l, format, &text, &len, &got_type, NULL), 0);
	assert_string_equal(got_type, type);
	text[len - 1] = '\0';
	assert_string_equal(text, want);
}

static void what_is_read_is_written_again(void **state cmk_unused)
{
	static const char oci[] = INDEX(
		OCI "index.v1+json",
		ITEM("0", "\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\","
			  "\"os.version\":\"1\",\"os.features\":[\"a\"],\"variant\":"
			  "\"v7\"},"
			  "\"annotations\":{\"k\":\"v\",\"e\":\"\"},\"artifactType\":"
			  "\"x\"") "," ITEM("1", AMD)) ",\"annotations\":{\"a\":\"b\"}}";
	static const char docker[] = INDEX(
		DOCKER "list.v2+json",
		ITEM("0", "\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\","
			  "\"os.version\":\"1\",\"os.features\":[\"a\"],\"variant\":"
			  "\"v7\"}") "," ITEM("1", AMD)) "}";
	struct list l = { 0 };

	read_text(oci, &l);
	assert_int_equal(l.n, 2);
	check_written(&l, PUSH_AS_IS, OCI "index.v1+json", oci);
	check_written(&l, PUSH_OCI, OCI "index.v1+json", oci);
	check_written(&l, PUSH_DOCKER, DOCKER "list.v2+json", docker);
	list_done(&l);
}

static void the_format_is_the_one_that_has_a_place_for_it(void **state cmk_unused)
{
	static const char features[] = INDEX(
		DOCKER "list.v2+json",
		ITEM("0", "\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\","
			  "\"features\":[\"sse4\"]}")) "}";
	static const char plain[] = INDEX(OCI "index.v1+json", ITEM("0", AMD)) "}";
	struct list l = { 0 };

	check_written(&l, PUSH_AS_IS, DOCKER "list.v2+json", INDEX(DOCKER "list.v2+json", "") "}");
	read_text(features, &l);
	check_written(&l, PUSH_AS_IS, DOCKER "list.v2+json", features);
	check_written(&l, PUSH_OCI, OCI "index.v1+json", plain);
	strv_add(&l.annotations, "a=b");
	check_written(&l, PUSH_DOCKER, DOCKER "list.v2+json", features);
	list_done(&l);
	read_text(plain, &l);
	check_written(&l, PUSH_AS_IS, OCI "index.v1+json", plain);
	list_done(&l);
}

static void hostile_indexes(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf many = STRBUF_INIT;

	refuse("[]", "manifest list");
	refuse("{\"manifests\":7}", "manifests");
	refuse("{\"manifests\":[{}]}", "mediaType");
	refuse("{\"manifests\":[{\"mediaType\":\"x\",\"digest\":\"sha256:../x\",\"size\":1}]}",
	       "instance 1");
	refuse("{\"manifests\":[{\"mediaType\":\"x\",\"digest\":\"" D("0") "\",\"size\":-1}]}",
	       "size");
	refuse("{\"manifests\":[{\"mediaType\":\"x\",\"digest\":\"" D(
		       "0") "\",\"size\":9223372036854775808}]}",
	       "size");
	refuse("{\"manifests\":[" ITEM("0", "\"platform\":[]") "]}", "platform");
	refuse("{\"manifests\":[" ITEM("0", "\"annotations\":{\"a=b\":\"c\"}") "]}", "annotations");
	strbuf_adds(&many, "{\"manifests\":[" ITEM("0", AMD));
	for (int i = 0; i < IMAGE_INDEX_MAX; i++)
		strbuf_adds(&many, "," ITEM("0", AMD));
	strbuf_adds(&many, "]}");
	refuse(strbuf_str(&many), "more than 1000");
}

static void configs(void **state cmk_unused)
{
	static const char text[] =
		"{\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\","
		"\"config\":{},\"os.version\":\"10\"}";
	struct list_instance i = { 0 };

	assert_int_equal(list_read_config(text, strlen(text), &i.platform, NULL), 0);
	assert_string_equal(i.platform.arch, "arm64");
	assert_string_equal(i.platform.variant, "v8");
	assert_string_equal(i.platform.os_version, "10");
	list_instance_done(&i);
	assert_int_equal(list_read_config("{\"os\":7}", 8, &i.platform, NULL), -EINVAL);
}

static void an_instance_stands_once(void **state cmk_unused)
{
	struct list l = { 0 }, other = { 0 };

	read_text("{\"manifests\":[" ITEM("0", AMD) "," ITEM("1", AMD) "]}", &l);
	read_text("{\"manifests\":[" ITEM("0", "\"annotations\":{\"k\":\"v\"}") "]}", &other);
	assert_int_equal(list_append(&l, &other.items[0], NULL), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.items[0].digest, D("1"));
	assert_string_equal(l.items[1].annotations[0], "k=v");
	list_remove(&l, list_instance_by_digest(&l, D("1")));
	assert_int_equal(l.n, 1);
	assert_null(list_instance_by_digest(&l, D("1")));
	assert_non_null(list_instance_by_digest(&l, D("0")));
	list_done(&l);
	list_done(&other);
}

/* --- in the store --- */

struct place {
	char dir[64];
	struct storage *st;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	cleanup_free char *root = NULL, *run = NULL;

	unit_tmpdir(p->dir);
	root = xasprintf("%s/data", p->dir);
	run = xasprintf("%s/run", p->dir);
	assert_int_equal(storage_open(root, run, &p->st, NULL), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	storage_free(p->st);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	free(p);
	return 0;
}

static int add_one(struct list *l, void *arg, struct cmk_err *err)
{
	struct list from = { 0 };
	int r;

	read_text(arg, &from);
	r = list_append(l, &from.items[0], err);
	list_done(&from);
	return r;
}

static void a_list_keeps_its_id_and_what_is_said_of_it(void **state)
{
	struct place *p = *state;
	cleanup_free char *manifest = NULL, *config = NULL;
	struct image_record *images = NULL;
	size_t n_images = 0;
	char *annotations[] = { (char *)"a=b", NULL };
	char text[] = "{\"manifests\":[" ITEM("0", AMD) "]}";
	struct list l = { 0 };
	struct digest id;
	size_t len = 0;

	assert_int_equal(list_new(p->st, annotations, &id, NULL), 0);
	assert_true(storage_is_list(p->st, id.hex));
	assert_int_equal(list_edit(p->st, id.hex, add_one, text, NULL), 0);
	assert_int_equal(list_load(p->st, id.hex, &l, NULL), 0);
	assert_string_equal(l.rec.id, id.hex);
	assert_string_equal(l.annotations[0], "a=b");
	assert_int_equal(l.n, 1);
	assert_string_equal(l.items[0].platform.arch, "amd64");
	assert_int_equal(storage_image_list(p->st, &images, &n_images, NULL), 0);
	assert_int_equal(n_images, 1);
	assert_null(list_image_in(images, n_images, &l.items[0]));
	storage_image_list_free(images, n_images);
	assert_int_equal(storage_image_manifest(p->st, id.hex, &manifest, &len, NULL), 0);
	digest_of(manifest, len, &id);
	assert_string_equal(str_after(l.rec.manifest_digest, "sha256:"), id.hex);
	assert_int_equal(strv_len(l.rec.digests), 1);
	assert_int_equal(storage_image_config(p->st, l.rec.id, &config, &len, NULL), -ENOENT);
	list_done(&l);
}

/* The image that it was made of, else any that has its digest; never a list. */
static void an_instance_is_an_image(void **state)
{
	char *digests[] = { (char *)"sha256:0", (char *)"sha256:1", NULL };
	struct image_record images[] = {
		{ .id = (char *)"a", .digests = digests, .is_list = true },
		{ .id = (char *)"b", .digests = digests },
		{ .id = (char *)"c", .digests = digests },
		{ .id = (char *)"d" },
	};
	struct list_instance i = { .digest = (char *)"sha256:1", .image = (char *)"c" };

	(void)state;
	assert_string_equal(list_image_in(images, 4, &i), "c");
	i.image = (char *)"d";
	assert_string_equal(list_image_in(images, 4, &i), "b");
	i.image = NULL;
	assert_string_equal(list_image_in(images, 4, &i), "b");
	i.digest = (char *)"sha256:2";
	assert_null(list_image_in(images, 4, &i));
}

/* Somebody else adds an instance while the first one is about to. */
struct race {
	struct storage *st;
	const char *id;
	int calls;
};

static int add_while_another_adds(struct list *l, void *arg, struct cmk_err *err)
{
	char mine[] = "{\"manifests\":[" ITEM("0", AMD) "]}";
	char other[] = "{\"manifests\":[" ITEM("1", AMD) "]}";
	struct race *race = arg;

	if (race->calls++ == 0)
		assert_int_equal(list_edit(race->st, race->id, add_one, other, NULL), 0);
	return add_one(l, mine, err);
}

static void a_change_that_lost_is_made_again(void **state)
{
	struct place *p = *state;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct list l = { 0 };
	struct digest id;
	struct race race = { .st = p->st, .id = id.hex };

	assert_int_equal(list_new(p->st, NULL, &id, NULL), 0);
	assert_int_equal(list_edit(p->st, id.hex, add_while_another_adds, &race, &err), 0);
	assert_int_equal(race.calls, 2);
	assert_null(err.msg);
	assert_int_equal(list_load(p->st, id.hex, &l, NULL), 0);
	assert_int_equal(l.n, 2);
	list_done(&l);
}

static void what_is_no_list_is_refused(void **state)
{
	struct place *p = *state;
	struct image_record rec = { .id = (char *)HEX("f"), .schema = 1 };
	struct list l = { 0 };

	assert_int_equal(list_load(p->st, HEX("e"), &l, NULL), -ENOENT);
	assert_int_equal(storage_image_put(p->st, &rec, "{}", 2, "{}", 2, NULL), 0);
	assert_false(storage_is_list(p->st, HEX("f")));
	assert_int_equal(list_load(p->st, HEX("f"), &l, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_written_again),
		cmocka_unit_test(the_format_is_the_one_that_has_a_place_for_it),
		cmocka_unit_test(hostile_indexes),
		cmocka_unit_test(configs),
		cmocka_unit_test(an_instance_stands_once),
		cmocka_unit_test(an_instance_is_an_image),
		cmocka_unit_test_setup_teardown(a_list_keeps_its_id_and_what_is_said_of_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_change_that_lost_is_made_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_list_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
