// SPDX-License-Identifier: Apache-2.0
#include "image/lookaside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same bytes as a policy, a signed payload, a signature's file, a keyring, and as what
 * cmk-verify makes of a file of registries.d. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char registry[] = "r.example:5000", repository[] = "a/b", tag[] = "t";
	const struct image_ref ref = { registry, repository, tag, NULL };
	const char *text = (const char *)data;
	struct policy p = { 0 };
	struct policy_image image;
	struct lookaside_conf conf = { 0 };
	struct signature_claim claim = { 0 };
	struct signatures list = { 0 };
	struct strbuf ring = STRBUF_INIT;

	policy_image_docker(&ref, &image);
	if (policy_parse(text, size, &p, NULL) == 0) {
		const struct policy_scope *s = policy_find(&p, &image);

		if (!s || s->n == 0)
			abort();
		for (size_t i = 0; i < s->n; i++)
			(void)policy_identity_matches(&s->list[i].identity, &image,
						      "r.example:5000/a/b:t");
		policy_done(&p);
	}
	(void)signature_claim_parse(text, size, SIGNATURE_TYPE_SIGSTORE, &claim, NULL);
	if (claim.reference)
		(void)policy_identity_matches(&(struct policy_identity){ 0 }, &image,
					      claim.reference);
	signature_claim_done(&claim);
	(void)signatures_add_blob(&list, text, size, NULL);
	signatures_done(&list);
	signature_keyring_add(&ring, text, size);
	strbuf_done(&ring);
	if (lookaside_conf_add(&conf, text, size, NULL) == 0) {
		free(lookaside_base(&conf, &image, true));
		(void)lookaside_attachments(&conf, &image);
	}
	lookaside_conf_done(&conf);
	policy_image_done(&image);
	return 0;
}
