// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-verify: what cmk needs of OpenSSL and of libyaml. Started by cmk with files that are open.
 *
 *	cmk-verify yaml		standard input is YAML, standard output becomes the same in JSON
 *	cmk-verify signature	0 is a public key (PEM), 3 a text, 4 its signature: exits with 0
 *				where they fit, with 1 where they do not
 *	cmk-verify certificate TIME EMAIL HOST ISSUER
 *				0 are authorities (PEM), 3 is a certificate (DER), 4 are
 *				those between them (PEM): standard output becomes its
 *				public key (PEM), where it is good at TIME (seconds since
 *				1970, "": now), of this EMAIL, HOST and ISSUER ("": any);
 *				else exits with 1, and says why as below
 *
 * Exits with 125 where the input is bad, and says on standard error why.
 *
 * It may: read and write what is open, ask for memory. No file, no socket, no process.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/sandbox.h"
#include "image/verify_helper.h"

/* --- signatures --- */

/* ECDSA and RSA (PKCS #1, v1.5) are of the text's SHA-256, as cosign makes them; ed25519 hashes by
 * itself. */
static const EVP_MD *hash_for(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_EC:
	case EVP_PKEY_RSA:
		return EVP_sha256();
	default:
		return NULL;
	}
}

static int verify(EVP_PKEY *key, const char *text, size_t len, const char *sig, size_t sig_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -1;

	if (ctx && EVP_DigestVerifyInit(ctx, NULL, hash_for(key), NULL, key) == 1)
		r = EVP_DigestVerify(ctx, (const unsigned char *)sig, sig_len,
				     (const unsigned char *)text, len);
	EVP_MD_CTX_free(ctx);
	return r == 1 ? VERIFIED : NOT_VERIFIED;
}

static int do_signature(char **args cmk_unused)
{
	cleanup_free char *pem = NULL, *text = NULL, *sig = NULL;
	size_t pem_len = 0, len = 0, sig_len = 0;
	EVP_PKEY *key;
	BIO *bio;
	int r;

	if (helper_read_all(STDIN_FILENO, &pem, &pem_len) < 0 ||
	    helper_read_all(3, &text, &len) < 0 || helper_read_all(4, &sig, &sig_len) < 0)
		return helper_fail("cannot read key, text or signature");
	bio = BIO_new_mem_buf(pem, (int)pem_len);
	key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	(void)BIO_free(bio);
	if (!key)
		return helper_fail("parsing public key: it is not a public key in PEM");
	r = helper_key_is_known(key)
		    ? verify(key, text, len, sig, sig_len)
		    : helper_fail("parsing public key: it is neither ECDSA, ed25519 nor RSA of "
				  "2048 bits or more");
	EVP_PKEY_free(key);
	return r;
}

static const struct {
	const char *word;
	int n_args;
	int (*run)(char **args);
} commands[] = {
	{ "yaml", 0, verify_yaml },
	{ "signature", 0, do_signature },
	{ "certificate", 4, verify_certificate },
};

int main(int argc, char **argv)
{
	/* What is open, and nothing else. */
	static const struct sandbox_policy policy = { .rights = 0 };
	struct cmk_err err = CMK_ERR_INIT;
	size_t i = 0;

	while (i < ARRAY_LEN(commands) && (argc < 2 || !streq(argv[1], commands[i].word)))
		i++;
	if (i == ARRAY_LEN(commands) || argc != 2 + commands[i].n_args) {
		(void)fprintf(stderr, "cmk-verify is started by cmk, not by hand\n");
		return HELPER_FAILED;
	}
	/* No configuration of the host's is read: it may load code. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return helper_fail("OpenSSL cannot be started");
	if (sandbox_enter(&policy, &err) < 0)
		return helper_fail(cmk_err_msg(&err));
	return commands[i].run(argv + 2);
}
