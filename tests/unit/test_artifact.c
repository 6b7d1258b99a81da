// SPDX-License-Identifier: Apache-2.0
#include "image/artifact.h"
#include "unit.h"

#define TYPE(bytes_, type_) \
	assert_string_equal(artifact_detect_type(bytes_, sizeof(bytes_) - 1), type_)

static void types_are_those_of_net_http(void **state cmk_unused)
{
	TYPE("", "text/plain; charset=utf-8");
	TYPE("hello\n", "text/plain; charset=utf-8");
	TYPE("key: value\n\x01", "application/octet-stream");
	TYPE("\0\0\0", "application/octet-stream");
	TYPE("\x1f\x8b\x08\0", "application/x-gzip");
	TYPE("\x1f\x8b", "application/octet-stream");
	TYPE("  <!DOCTYPE html>", "text/html; charset=utf-8");
	TYPE("<a", "text/plain; charset=utf-8");
	TYPE("<a href", "text/html; charset=utf-8");
	TYPE("\n<?xml version", "text/xml; charset=utf-8");
	TYPE("%PDF-1.4", "application/pdf");
	TYPE("\x89PNG\r\n\x1a\n", "image/png");
	TYPE("PK\x03\x04", "application/zip");
}

static const char text[] =
	"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
	"\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"sha256:"
	"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},"
	"\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:"
	"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2,"
	"\"annotations\":{\"org.opencontainers.image.title\":\"../x\"}}]}";

static void an_artifact_is_no_image(void **state cmk_unused)
{
	cleanup(manifest_done) struct manifest m = { 0 }, image = { 0 };

	assert_int_equal(manifest_parse_artifact(text, strlen(text), NULL, &m, NULL), 0);
	assert_int_equal(m.n_items, 1);
	assert_string_equal(m.items[0].title, "../x");
	assert_string_equal(m.items[0].media_type, "a/b");
	assert_true(manifest_parse(text, strlen(text), NULL, &image, NULL) < 0);
}

static void an_index_is_no_artifact(void **state cmk_unused)
{
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":[]}";
	cleanup(manifest_done) struct manifest m = { 0 };

	assert_int_equal(manifest_parse_artifact(index, strlen(index), NULL, &m, NULL),
			 -EOPNOTSUPP);
}

static void size_and_time(void **state cmk_unused)
{
	struct storage_artifact a = { .manifest = (char *)text, .manifest_len = strlen(text) };
	cleanup_free char *created = NULL;
	uint64_t size = 0;

	assert_int_equal(image_artifact_usage(&a, &size, &created, NULL), 0);
	assert_int_equal(size, 2);
	assert_null(created);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_those_of_net_http),
		cmocka_unit_test(an_artifact_is_no_image),
		cmocka_unit_test(an_index_is_no_artifact),
		cmocka_unit_test(size_and_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
