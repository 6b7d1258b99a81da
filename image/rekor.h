/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs of signatures (Rekor): the "bundle" that lies beside a signature of sigstore is an entry of
 * the log, of the kind hashedrekord, and the log's signature of that entry, which it makes when it
 * takes the entry in.
 */
#pragma once

#include "image/signature.h"

/* A bundle, of which nothing is to be believed before the log's signature is verified. */
struct rekor_bundle {
	char *text; /* what the log has signed: the entry as RFC 8785 has it */
	size_t len;
	char *set; /* that signature ("SignedEntryTimestamp") */
	size_t set_len;
	int64_t time;	       /* when the log took it, in seconds since 1970 */
	struct digest payload; /* what is signed, */
	char *signature, *key; /* the signature, and by which key or certificate (DER) */
	size_t signature_len, key_len;
};
void rekor_bundle_done(struct rekor_bundle *b);
int rekor_bundle_parse(const char *text, size_t len, struct rekor_bundle *ret, struct cmk_err *err);
/* The entry is of this payload and this signature. */
int rekor_bundle_check(const struct rekor_bundle *b, const char *payload, size_t len,
		       const char *signature, size_t signature_len, struct cmk_err *err);

/* Has the log at URL (http:// or https://) take in a signature of the payload by KEY (PEM); *RET is
 * the bundle that it gives for it. Blocks. */
int rekor_submit(const char *url, const char *key, const char *payload, size_t len,
		 const char *signature, size_t signature_len, char **ret, struct cmk_err *err);
/* The bytes (owned) of the PEM block that TEXT begins with, whatever kind it is of; NULL where it
 * does not. *RET_REST is what stands behind the block and its line's end. */
char *rekor_pem_decoded(const char *text, size_t *ret_len, const char **ret_rest);
