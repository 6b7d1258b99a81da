/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of images: OpenPGP messages (container-signature(5), "simple signing") and what cosign
 * writes (a payload, and beside it a signature by one key). Nothing in them is to be believed
 * before it is verified; then the payload says of which manifest and under which name.
 */
#pragma once

#include "image/client.h"
#include "image/policy.h"

#define SIGNATURE_MAX ((size_t)4 << 20)
#define SIGNATURES_MAX 128

struct signature {
	bool sigstore;
	char *data; /* the message, or the payload */
	size_t len;
	/* Of sigstore, NULL where it is missing: the signature of the payload, a certificate for
	 * its key and those between that and its authority (PEM), and what a log says of it (JSON).
	 */
	char *base64, *certificate, *chain, *bundle;
};
struct signatures {
	struct signature *list;
	size_t n;
};
void signatures_done(struct signatures *s);
/* A new one at the end of the list, with a copy of DATA. */
struct signature *signatures_add(struct signatures *s, const char *data, size_t len);
/* One as it lies in a file, of a lookaside or of a directory: skopeo's form of either. */
int signatures_add_blob(struct signatures *s, const char *blob, size_t len, struct cmk_err *err);

/* Takes the ANNOTATIONS (may be NULL) of a signature of sigstore. */
void signature_take_annotations(struct signature *s, const struct json *annotations);

#define SIGNATURE_TYPE_SIMPLE "atomic container signature"
#define SIGNATURE_TYPE_SIGSTORE "cosign container image signature"
/* What is signed. */
struct signature_claim {
	char *digest;	 /* of the manifest */
	char *reference; /* how its signer calls it */
};
void signature_claim_done(struct signature_claim *c);
/* Reads a verified payload that calls itself TYPE; what is not known in it is refused. */
int signature_claim_parse(const char *text, size_t len, const char *type,
			  struct signature_claim *ret, struct cmk_err *err);

/* OBJ, called WHAT, is an object of exactly the N members MEMBERS. */
int signature_exact_members(const struct json *obj, const char *what, const char *const *members,
			    size_t n, struct cmk_err *err);

/* --- signature_simple.c --- */

/* Adds the keys in DATA, an OpenPGP keyring with or without armour, to RING. */
void signature_keyring_add(struct strbuf *ring, const char *data, size_t len);
/* Verifies S by one of the keys of Q, through gpgv; its payload is owned. */
int signature_verify_simple(const struct policy_requirement *q, const struct signature *s,
			    char **ret_payload, size_t *ret_len, struct cmk_err *err);

/* --- signature_sigstore.c --- */

/* Verifies S by what Q asks for, through cmk-verify. */
int signature_verify_sigstore(const struct policy_requirement *q, const struct signature *s,
			      struct cmk_err *err);

/* --- attachment.c --- */

#define ATTACHED_SIGNATURE "dev.cosignproject.cosign/signature"
#define ATTACHED_CERTIFICATE "dev.sigstore.cosign/certificate"
#define ATTACHED_CHAIN "dev.sigstore.cosign/chain"
#define ATTACHED_BUNDLE "dev.sigstore.cosign/bundle"
/* Adds what cosign attached to the manifest D in the repository that C is connected to. */
int signatures_fetch_attached(struct client *c, const struct digest *d, struct signatures *s,
			      struct cmk_err *err);
/* Attaches S to the manifest D there, beside what is attached to it. */
int signature_attach(struct client *c, const struct digest *d, const struct signature *s,
		     struct cmk_err *err);

/* --- keys --- */

/* Calls EACH with every one of K, until one returns something else than 0, which is returned. */
int signature_each_key(const struct policy_keys *k, void *arg,
		       int (*each)(void *arg, const char *data, size_t len, struct cmk_err *err),
		       struct cmk_err *err);
