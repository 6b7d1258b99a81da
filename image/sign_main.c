// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-sign: signs by a private key as cosign keeps it. Started by cmk with files that are open.
 *
 *	cmk-sign public		0 is the private key, 3 its passphrase: standard output becomes the
 *				public key (PEM)
 *	cmk-sign sign		the same, and 4 a text: standard output becomes its signature
 *
 * The key is PEM around JSON, which holds the key (PKCS #8) encrypted by NaCl's secretbox, whose
 * key is made of the passphrase by scrypt. Exits with 125 where something is wrong, and says on
 * standard error what.
 *
 * It may: read and write what is open, ask for memory. No file, no socket, no process, no core
 * dump.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sandbox.h"
#include "image/helper.h"

#define KEY_MAX ((size_t)256 << 10)
#define SALT_MAX 1024
/* What scrypt may be made to take: memory is 128 * N * R bytes. */
#define SCRYPT_MEMORY_MAX ((uint64_t)256 << 20)
#define SCRYPT_P_MAX 16

/* --- the key's file --- */

struct box {
	uint64_t n, r, p;
	unsigned char salt[SALT_MAX], nonce[crypto_secretbox_NONCEBYTES], *text;
	size_t salt_len, nonce_len, len;
};

static int decode(const struct json *v, unsigned char *to, size_t max, size_t *ret_len)
{
	const char *end = NULL;

	if (!json_str(v) || sodium_base642bin(to, max, v->text, v->n, NULL, ret_len, &end,
					      sodium_base64_VARIANT_ORIGINAL) < 0)
		return -EINVAL;
	return end == v->text + v->n ? 0 : -EINVAL;
}

static bool is(const struct json *v, const char *want)
{
	const char *text = json_str(v);

	return text && streq(text, want);
}

/* NULL, or what is wrong with it. */
static const char *read_box(const struct json *root, struct box *b)
{
	const struct json *kdf = json_get(root, "kdf"), *params = json_get(kdf, "params");
	const struct json *cipher = json_get(root, "cipher"), *text = json_get(root, "ciphertext");

	if (!is(json_get(kdf, "name"), "scrypt"))
		return "the private key's kdf is not scrypt";
	if (!is(json_get(cipher, "name"), "nacl/secretbox"))
		return "the private key's cipher is not nacl/secretbox";
	if (json_u64(json_get(params, "N"), UINT32_MAX, &b->n) < 0 ||
	    json_u64(json_get(params, "r"), 64, &b->r) < 0 ||
	    json_u64(json_get(params, "p"), SCRYPT_P_MAX, &b->p) < 0 || b->n < 2 ||
	    (b->n & (b->n - 1)) || !b->r || !b->p || 128 * b->n * b->r > SCRYPT_MEMORY_MAX)
		return "the private key's parameters of scrypt are out of range";
	if (decode(json_get(kdf, "salt"), b->salt, sizeof(b->salt), &b->salt_len) < 0 ||
	    decode(json_get(cipher, "nonce"), b->nonce, sizeof(b->nonce), &b->nonce_len) < 0 ||
	    b->nonce_len != sizeof(b->nonce))
		return "the private key's salt or nonce is none";
	b->text = xcalloc(1, KEY_MAX);
	if (decode(text, b->text, KEY_MAX, &b->len) < 0 || b->len < crypto_secretbox_MACBYTES)
		return "the private key's ciphertext is none";
	return NULL;
}

static const char *open_box(const struct box *b, const char *passphrase, size_t passphrase_len,
			    EVP_PKEY **ret)
{
	unsigned char secret[crypto_secretbox_KEYBYTES], *der = xcalloc(1, b->len);
	size_t len = b->len - crypto_secretbox_MACBYTES;
	const unsigned char *at = der;
	PKCS8_PRIV_KEY_INFO *info;
	const char *why = NULL;

	if (crypto_pwhash_scryptsalsa208sha256_ll((const unsigned char *)passphrase, passphrase_len,
						  b->salt, b->salt_len, b->n, (uint32_t)b->r,
						  (uint32_t)b->p, secret, sizeof(secret)) != 0)
		why = "scrypt failed, for want of memory";
	else if (crypto_secretbox_open_easy(der, b->text, b->len, b->nonce, secret) != 0)
		why = "decrypt: the passphrase does not fit the private key";
	sodium_memzero(secret, sizeof(secret));
	if (!why) {
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)len);
		*ret = info ? EVP_PKCS82PKEY(info) : NULL;
		PKCS8_PRIV_KEY_INFO_free(info);
		why = *ret ? NULL : "parsing private key: it is not PKCS #8";
	}
	sodium_memzero(der, b->len);
	free(der);
	return why;
}

static const char *open_json(const char *text, size_t len, const char *passphrase,
			     size_t passphrase_len, EVP_PKEY **ret)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct box b = { 0 };
	const char *why;

	if (json_parse(text, len, KEY_MAX, &doc, NULL) < 0)
		return "the private key's PEM does not hold JSON";
	why = read_box(json_root(doc), &b);
	if (!why)
		why = open_box(&b, passphrase, passphrase_len, ret);
	free(b.text);
	return why;
}

static const char *open_pem(const char *pem, size_t pem_len, const char *passphrase,
			    size_t passphrase_len, EVP_PKEY **ret)
{
	BIO *bio = BIO_new_mem_buf(pem_len ? pem : "\n", pem_len ? (int)pem_len : 1);
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	const char *why;
	long len = 0;

	if (!bio || PEM_read_bio(bio, &name, &header, &data, &len) != 1)
		why = "the private key is not in PEM";
	else if (!streq(name, "ENCRYPTED SIGSTORE PRIVATE KEY") &&
		 !streq(name, "ENCRYPTED COSIGN PRIVATE KEY"))
		why = "unsupported pem type: the private key is not as cosign and skopeo "
		      "generate-sigstore-key write it";
	else
		why = open_json((const char *)data, (size_t)len, passphrase, passphrase_len, ret);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	(void)BIO_free(bio);
	return why;
}

/* --- what is done with it --- */

static int do_public(EVP_PKEY *key)
{
	BIO *bio = BIO_new_fd(STDOUT_FILENO, BIO_NOCLOSE);
	bool ok = bio && PEM_write_bio_PUBKEY(bio, key) == 1;

	(void)BIO_free(bio);
	return ok ? 0 : helper_fail("cannot write the public key");
}

static int do_sign(EVP_PKEY *key)
{
	const EVP_MD *hash = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	cleanup_free char *text = NULL;
	cleanup_free unsigned char *sig = NULL;
	size_t len = 0, sig_len = 0;
	EVP_MD_CTX *ctx;
	bool ok;

	if (helper_read_all(4, &text, &len) < 0)
		return helper_fail("cannot read what is to be signed");
	ctx = EVP_MD_CTX_new();
	ok = ctx && EVP_DigestSignInit(ctx, NULL, hash, NULL, key) == 1 &&
	     EVP_DigestSign(ctx, NULL, &sig_len, (const unsigned char *)text, len) == 1;
	sig = ok ? xcalloc(1, sig_len) : NULL;
	ok = ok && EVP_DigestSign(ctx, sig, &sig_len, (const unsigned char *)text, len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok && write_all(STDOUT_FILENO, sig, sig_len) == 0 ? 0 : helper_fail("cannot sign");
}

int main(int argc, char **argv)
{
	/* What is open, and nothing else. */
	static const struct sandbox_policy policy = { .rights = 0 };
	struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *pem = NULL, *passphrase = NULL;
	size_t pem_len = 0, passphrase_len = 0;
	bool public = argc == 2 && streq(argv[1], "public");
	EVP_PKEY *key = NULL;
	const char *why;
	int r;

	if (argc != 2 || (!public && !streq(argv[1], "sign"))) {
		(void)fprintf(stderr, "cmk-sign is started by cmk, not by hand\n");
		return HELPER_FAILED;
	}
	/* No configuration of the host's is read: it may load code. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 || sodium_init() < 0)
		return helper_fail("OpenSSL or libsodium cannot be started");
	if (sandbox_enter(&policy, &err) < 0)
		return helper_fail(cmk_err_msg(&err));
	if (helper_read_all(STDIN_FILENO, &pem, &pem_len) < 0 ||
	    helper_read_all(3, &passphrase, &passphrase_len) < 0)
		return helper_fail("cannot read the private key or its passphrase");
	why = open_pem(pem, pem_len, passphrase, passphrase_len, &key);
	sodium_memzero(passphrase, passphrase_len);
	if (!why && !helper_key_is_known(key))
		why = "unsupported key type: it is neither ECDSA, ed25519 nor RSA of 2048 bits or "
		      "more";
	r = why ? helper_fail(why) : public ? do_public(key) : do_sign(key);
	EVP_PKEY_free(key);
	return r;
}
