// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"
#include "image/rekor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same bytes as a bundle, as the entry in a good one, as PEM, and as a signature in a file,
 * with its annotations. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_free char *body = base64_encoded(data, size), *entry = NULL, *pem = NULL;
	struct strbuf blob = STRBUF_INIT;
	struct signatures list = { 0 };
	struct rekor_bundle b = { 0 };
	const char *rest = NULL;
	size_t n = 0;

	if (rekor_bundle_parse((const char *)data, size, &b, NULL) == 0) {
		if (b.len != strlen(b.text) || b.time < 0 || !b.key || !b.signature || !b.set)
			abort();
		(void)rekor_bundle_check(&b, "", 0, "", 0, NULL);
	}
	rekor_bundle_done(&b);
	entry = xasprintf("{\"SignedEntryTimestamp\":\"\",\"Payload\":{\"body\":\"%s\","
			  "\"integratedTime\":1,\"logIndex\":1,\"logID\":\"a\"}}",
			  body);
	(void)rekor_bundle_parse(entry, strlen(entry), &b, NULL);
	rekor_bundle_done(&b);
	pem = rekor_pem_decoded(text, &n, &rest);
	if (pem && (rest < text || rest > text + strlen(text)))
		abort();
	strbuf_add(&blob, "\0sigstore-json\n", 15);
	strbuf_add(&blob, data, size);
	(void)signatures_add_blob(&list, blob.data, blob.len, NULL);
	for (size_t i = 0; i < list.n; i++)
		if (list.list[i].bundle)
			(void)rekor_bundle_parse(list.list[i].bundle, strlen(list.list[i].bundle),
						 &b, NULL);
	rekor_bundle_done(&b);
	signatures_done(&list);
	strbuf_done(&blob);
	return 0;
}
