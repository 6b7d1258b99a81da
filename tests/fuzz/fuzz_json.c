// SPDX-License-Identifier: Apache-2.0
/* Whatever parses is written and parsed again: the second text is the first. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *write_text(const struct json_doc *doc)
{
	struct json_writer w = JSON_WRITER_INIT;
	char *text = NULL;

	json_write_value(&w, NULL, json_root(doc));
	if (json_writer_finish(&w, &text, NULL, NULL) < 0)
		abort();
	return text;
}

struct rec {
	char *s, **v, **m, *extra;
	int64_t i;
	uint32_t u;
};
static const struct json_field rec_fields[] = {
	JSON_FIELD(struct rec, s, "s", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct rec, v, "v", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD(struct rec, m, "m", JSON_F_MAP, JSON_OMIT_EMPTY),
	JSON_FIELD(struct rec, i, "i", JSON_F_I64, JSON_OMIT_EMPTY),
	JSON_FIELD(struct rec, u, "u", JSON_F_U32, JSON_OMIT_EMPTY),
	JSON_FIELD(struct rec, extra, NULL, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

static void read_record(const struct json_doc *doc)
{
	struct json_writer w = JSON_WRITER_INIT;
	struct rec rec = { 0 };
	char *text = NULL;

	if (json_read_fields(json_root(doc), rec_fields, &rec, NULL) == 0) {
		json_write_object(&w, NULL);
		json_write_fields(&w, rec_fields, &rec);
		json_write_end(&w, '}');
		if (json_writer_finish(&w, &text, NULL, NULL) < 0)
			abort();
	}
	free(text);
	json_free_fields(rec_fields, &rec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json_doc struct json_doc *doc = NULL, *again = NULL;
	cleanup_free char *first = NULL, *second = NULL;

	if (json_parse((const char *)data, size, 1 << 20, &doc, NULL) < 0)
		return 0;
	first = write_text(doc);
	if (json_parse(first, strlen(first), SIZE_MAX, &again, NULL) < 0)
		abort();
	second = write_text(again);
	if (!streq(first, second))
		abort();
	read_record(doc);
	return 0;
}
