// SPDX-License-Identifier: Apache-2.0
/* Templates for --format: parsed, and carried out over a fixed document. */
#include "cmd/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char items[] = "[{\"Id\":\"0123\",\"Names\":[\"a\",\"b\"],\"Size\":2215000,"
				    "\"Labels\":{\"z\":\"1\"},"
				    "\"State\":{\"Pid\":-1,\"Running\":true},\"Empty\":null,\"json "
				    "form\":{\"ID\":\"01\"}}]";
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *text = NULL;

	if (len > 4096)
		return 0;
	text = xstrndup((const char *)data, len);
	if (json_parse(items, sizeof(items) - 1, sizeof(items), &doc, NULL) < 0)
		abort();
	(void)format_items(text, json_root(doc), NULL, false, &out, &err);
	return 0;
}
