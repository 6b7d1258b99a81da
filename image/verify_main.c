// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-verify: what cmk needs of OpenSSL and of libyaml. Started by cmk with files that are open.
 *
 *	cmk-verify yaml		standard input is YAML, standard output becomes the same in JSON
 *	cmk-verify signature	0 is a public key (PEM), 3 a text, 4 its signature: exits with 0
 *				where they fit, with 1 where they do not
 *
 * Exits with 125 where the input is bad, and says on standard error why.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <yaml.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sandbox.h"

#define INPUT_MAX ((size_t)4 << 20)
#define DEPTH_MAX 32
enum { VERIFIED = 0, NOT_VERIFIED = 1, FAILED = 125 };

static int fail(const char *text)
{
	/* Neither dprintf(3) nor fstat(2): the sandbox has no way from a descriptor to its file. */
	(void)write_all(STDERR_FILENO, text, strlen(text));
	(void)write_all(STDERR_FILENO, "\n", 1);
	return FAILED;
}

/* --- signatures --- */

static int read_all(int fd, char **ret, size_t *ret_len)
{
	char *buf = xcalloc(1, INPUT_MAX + 1);
	ssize_t n = read_full(fd, buf, INPUT_MAX + 1);

	*ret = buf;
	if (n < 0 || (size_t)n > INPUT_MAX)
		return -EFBIG;
	*ret_len = (size_t)n;
	return 0;
}

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

static bool key_is_known(const EVP_PKEY *key)
{
	int id = EVP_PKEY_get_base_id(key);

	if (id == EVP_PKEY_RSA)
		return EVP_PKEY_get_bits(key) >= 2048;
	return id == EVP_PKEY_EC || id == EVP_PKEY_ED25519;
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

static int do_signature(void)
{
	cleanup_free char *pem = NULL, *text = NULL, *sig = NULL;
	size_t pem_len = 0, len = 0, sig_len = 0;
	EVP_PKEY *key;
	BIO *bio;
	int r;

	if (read_all(STDIN_FILENO, &pem, &pem_len) < 0 || read_all(3, &text, &len) < 0 ||
	    read_all(4, &sig, &sig_len) < 0)
		return fail("cannot read key, text or signature");
	bio = BIO_new_mem_buf(pem, (int)pem_len);
	key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	(void)BIO_free(bio);
	if (!key)
		return fail("parsing public key: it is not a public key in PEM");
	r = key_is_known(key) ? verify(key, text, len, sig, sig_len)
			      : fail("parsing public key: it is neither ECDSA, ed25519 nor RSA of "
				     "2048 bits or more");
	EVP_PKEY_free(key);
	return r;
}

/* --- YAML --- */

struct convert {
	yaml_parser_t parser;
	struct json_writer out;
	const char *why;
};

/* What YAML 1.1 makes of a word without quotes. */
static void write_scalar(struct json_writer *w, const char *key, const yaml_event_t *e)
{
	static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes", "YES",
					   "on",   "On",   "ON",   "y",	  "Y" };
	static const char *const no[] = { "false", "False", "FALSE", "no", "No", "NO",
					  "off",   "Off",   "OFF",   "n",  "N" };
	const char *text = (const char *)e->data.scalar.value;

	if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag) {
		if (!*text || streq(text, "~") || streq(text, "null")) {
			json_write_null(w, key);
			return;
		}
		for (size_t i = 0; i < ARRAY_LEN(yes); i++)
			if (streq(text, yes[i]) || streq(text, no[i])) {
				json_write_bool(w, key, streq(text, yes[i]));
				return;
			}
	}
	json_write_strn(w, key, text, e->data.scalar.length);
}

static int next_event(struct convert *c, yaml_event_t *e)
{
	if (yaml_parser_parse(&c->parser, e))
		return 0;
	c->why = c->parser.problem ? c->parser.problem : "it is not YAML";
	return -EINVAL;
}

static int write_node(struct convert *c, const char *key, const yaml_event_t *e, int depth);

static int write_list(struct convert *c, const char *key, int depth)
{
	int r = 0;

	json_write_array(&c->out, key);
	for (bool end = false; !end && r == 0;) {
		yaml_event_t e;

		r = next_event(c, &e);
		if (r < 0)
			return r;
		end = e.type == YAML_SEQUENCE_END_EVENT;
		if (!end)
			r = write_node(c, NULL, &e, depth);
		yaml_event_delete(&e);
	}
	json_write_end(&c->out, ']');
	return r;
}

static int write_member(struct convert *c, const yaml_event_t *key, int depth)
{
	yaml_event_t value;
	int r;

	if (key->type != YAML_SCALAR_EVENT || key->data.scalar.anchor) {
		c->why = "keys have to be plain words";
		return -EINVAL;
	}
	r = next_event(c, &value);
	if (r < 0)
		return r;
	r = write_node(c, (const char *)key->data.scalar.value, &value, depth);
	yaml_event_delete(&value);
	return r;
}

static int write_map(struct convert *c, const char *key, int depth)
{
	int r = 0;

	json_write_object(&c->out, key);
	for (bool end = false; !end && r == 0;) {
		yaml_event_t e;

		r = next_event(c, &e);
		if (r < 0)
			return r;
		end = e.type == YAML_MAPPING_END_EVENT;
		if (!end)
			r = write_member(c, &e, depth);
		yaml_event_delete(&e);
	}
	json_write_end(&c->out, '}');
	return r;
}

static int write_node(struct convert *c, const char *key, const yaml_event_t *e, int depth)
{
	if (depth > DEPTH_MAX) {
		c->why = "it is nested too deep";
		return -EINVAL;
	}
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		write_scalar(&c->out, key, e);
		return 0;
	case YAML_SEQUENCE_START_EVENT:
		return write_list(c, key, depth + 1);
	case YAML_MAPPING_START_EVENT:
		return write_map(c, key, depth + 1);
	case YAML_ALIAS_EVENT:
		/* A few of them are a great many values. */
		c->why = "aliases (*name) are not supported";
		return -EINVAL;
	default:
		c->why = "it is not one document";
		return -EINVAL;
	}
}

/* One document, or nothing but comments. */
static int write_stream(struct convert *c)
{
	bool written = false, end = false;
	int r = 0;

	while (!end && r == 0) {
		yaml_event_t e;

		r = next_event(c, &e);
		if (r < 0)
			return r;
		end = e.type == YAML_STREAM_END_EVENT;
		if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT &&
		    e.type != YAML_DOCUMENT_END_EVENT && !end) {
			if (written)
				c->why = "it is more than one document";
			r = written ? -EINVAL : write_node(c, NULL, &e, 0);
			written = true;
		}
		yaml_event_delete(&e);
	}
	if (r == 0 && !written)
		json_write_null(&c->out, NULL);
	return r;
}

static int do_yaml(void)
{
	struct convert c = { 0 };
	cleanup_free char *text = NULL, *json = NULL;
	size_t len = 0, json_len = 0, line;
	int r;

	if (read_all(STDIN_FILENO, &text, &len) < 0)
		return fail("cannot read it");
	if (!yaml_parser_initialize(&c.parser))
		return fail("libyaml cannot be started");
	yaml_parser_set_input_string(&c.parser, (const unsigned char *)text, len);
	r = write_stream(&c);
	line = c.parser.mark.line + 1;
	yaml_parser_delete(&c.parser);
	if (r < 0) {
		cleanup_free char *why = xasprintf("line %zu: %s", line, c.why);

		json_writer_done(&c.out);
		return fail(why);
	}
	if (json_writer_finish(&c.out, &json, &json_len, NULL) < 0 ||
	    write_all(STDOUT_FILENO, json, json_len) < 0)
		return fail("cannot write it");
	return 0;
}

int main(int argc, char **argv)
{
	/* What is open, and nothing else. */
	static const struct sandbox_policy policy = { .rights = 0 };
	struct cmk_err err = CMK_ERR_INIT;
	bool yaml = argc == 2 && streq(argv[1], "yaml");

	if (argc != 2 || (!yaml && !streq(argv[1], "signature"))) {
		(void)fprintf(stderr, "cmk-verify is started by cmk, not by hand\n");
		return FAILED;
	}
	/* No configuration of the host's is read: it may load code. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return fail("OpenSSL cannot be started");
	if (sandbox_enter(&policy, &err) < 0)
		return fail(cmk_err_msg(&err));
	return yaml ? do_yaml() : do_signature();
}
