/* SPDX-License-Identifier: Apache-2.0 */
/* Who signs the manifests that are pushed, and where their signatures go. */
#pragma once

#include "image/lookaside.h"

/* --- simple signing: gpg, and files --- */

/* What is signed by gpg: the payload of a signature of the type TYPE, of the manifest D under NAME.
 */
int signer_payload(const char *type, const char *name, const struct digest *d, char **ret,
		   size_t *ret_len, struct cmk_err *err);
/* Signs D as IMAGE by the key KEY of GnuPG, into the lookaside BASE. PASSPHRASE NULL: gpg-agent
 * asks for it. */
int signer_simple(const char *key, const char *passphrase, const struct policy_image *image,
		  const char *base, const struct digest *d, struct cmk_err *err);

/* --- all that a push signs by --- */

/* A key of sigstore. */
struct signer_key {
	char *path, *pem, *passphrase;
	size_t pem_len;
	char *public_key; /* PEM */
	char *log;	  /* the URL of one that has to take the signatures in; NULL: none */
};
struct signer {
	const struct image_signing *o;
	struct policy_image image; /* as it is called where it goes */
	char *base;		   /* lookaside, for gpg */
	char *gpg_passphrase;
	struct signer_key *keys;
	size_t n_keys;
};
void signer_done(struct signer *s);
/*
 * Sees to it that all that O (borrowed) names can sign, and that the signatures of TO have a place,
 * before anything is sent: on a terminal it asks for a passphrase that is not given. Of nothing
 * where O names nothing.
 */
int signer_open(const struct image_signing *o, const struct image_ref *to, struct signer *ret,
		struct cmk_err *err);
/* Signs the manifest D, which is in the repository that C is connected to. */
int signer_sign(const struct signer *s, struct client *c, const struct digest *d,
		struct cmk_err *err);
