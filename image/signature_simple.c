// SPDX-License-Identifier: Apache-2.0
/*
 * OpenPGP, by gpgv, which takes the keys of the keyring that it is given as trusted and knows no
 * others. It says by status lines (GnuPG's doc/DETAILS) what it found; its exit code is 0 also
 * where the key has expired or was revoked.
 */
#include "base/base64.h"
#include "image/signature.h"
#include "image/tool.h"

#define STATUS_MAX ((size_t)64 << 10)
/* A small message may hold a large payload, compressed. */
#define PAYLOAD_MAX ((size_t)4 << 20)

static void add_armoured(struct strbuf *ring, const char *body, size_t len)
{
	size_t n = 0;
	cleanup_free char *data = base64_decoded(body, len, &n);

	/* Of a block that is damaged gpgv gets nothing. */
	if (data)
		strbuf_add(ring, data, n);
}

void signature_keyring_add(struct strbuf *ring, const char *data, size_t len)
{
	static const char begin[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
	const char *at = data, *end = data + len;

	if (len > 0 && (data[0] & 0x80)) {
		strbuf_add(ring, data, len);
		return;
	}
	while ((at = memmem(at, (size_t)(end - at), begin, sizeof(begin) - 1))) {
		const char *body, *stop;
		bool crlf;

		at += sizeof(begin) - 1;
		crlf = at < end && *at == '\r';
		/* Headers end at an empty line, the body at its checksum or its last line. */
		body = memmem(at, (size_t)(end - at), crlf ? "\r\n\r\n" : "\n\n", crlf ? 4 : 2);
		if (!body)
			return;
		body += crlf ? 4 : 2;
		for (stop = body; stop < end && !strchr("=-", *stop);) {
			const char *nl = memchr(stop, '\n', (size_t)(end - stop));

			stop = nl ? nl + 1 : end;
		}
		add_armoured(ring, body, (size_t)(stop - body));
		at = stop;
	}
}

static int add_key(void *arg, const char *data, size_t len, struct cmk_err *err cmk_unused)
{
	signature_keyring_add(arg, data, len);
	return 0;
}

/* What gpgv found, by how often it said so. */
struct findings {
	unsigned int plaintext, good, valid, no_key, bad, expired, key_expired, key_revoked;
};

static void count_findings(char *text, struct findings *f)
{
	const struct {
		const char *word;
		unsigned int *count;
	} words[] = {
		{ "PLAINTEXT ", &f->plaintext },
		{ "GOODSIG ", &f->good },
		{ "VALIDSIG ", &f->valid },
		{ "NO_PUBKEY ", &f->no_key },
		{ "BADSIG ", &f->bad },
		{ "EXPSIG ", &f->expired },
		{ "EXPKEYSIG ", &f->key_expired },
		{ "REVKEYSIG ", &f->key_revoked },
	};
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *rest = str_after(line, "[GNUPG:] ");

		for (size_t i = 0; rest && i < ARRAY_LEN(words); i++)
			if (str_after(rest, words[i].word))
				++*words[i].count;
	}
}

static const char *fault(const struct findings *f)
{
	if (f->bad)
		return "it does not fit what it signs";
	if (f->no_key)
		return "it is by a key that the policy does not name";
	if (f->key_revoked)
		return "its key was revoked";
	if (f->key_expired)
		return "its key has expired";
	if (f->expired)
		return "it has expired";
	/* One message, one signature: of more it would be unclear who signed what. */
	if (f->good != 1 || f->valid != 1 || f->plaintext != 1)
		return "it is not a message with one signature";
	return NULL;
}

static int run_gpgv(const struct strbuf *ring, const struct signature *s, int status, int out,
		    char **ret_said, struct cmk_err *err)
{
	char *argv[] = { (char *)"gpgv",
			 /* No key of the user's counts. */
			 (char *)"--homedir", (char *)"/nonexistent", (char *)"--keyring",
			 (char *)"/proc/self/fd/4", (char *)"--status-fd", (char *)"3",
			 (char *)"--output", (char *)"-", NULL };
	cleanup_close int in = tool_file(s->data, s->len, err), keys = -1;
	int r;

	if (in < 0)
		return in;
	keys = tool_file(ring->data, ring->len, err);
	if (keys < 0)
		return keys;
	r = tool_run(argv, (const int[]){ in, out, -1, status, keys }, 5, PAYLOAD_MAX, ret_said,
		     err);
	if (r == -ENOENT)
		(void)cmk_err_hint(err, "install gpgv: it verifies the signatures of signedBy");
	return r;
}

int signature_verify_simple(const struct policy_requirement *q, const struct signature *s,
			    char **ret_payload, size_t *ret_len, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf ring = STRBUF_INIT;
	cleanup_close int status = tool_file("", 0, err), out = tool_file("", 0, err);
	cleanup_free char *said = NULL, *text = NULL;
	struct findings f = { 0 };
	const char *why;
	size_t len = 0;
	int r;

	if (status < 0 || out < 0)
		return MIN(status, out);
	r = signature_each_key(&q->keys, &ring, add_key, err);
	if (r < 0)
		return r;
	if (ring.len == 0)
		return cmk_err_set(err, -EINVAL, "No public keys imported");
	r = run_gpgv(&ring, s, status, out, &said, err);
	if (r < 0)
		return r;
	if (tool_read(status, STATUS_MAX, &text, &len, err) < 0)
		return -EIO;
	count_findings(text, &f);
	why = fault(&f);
	if (r != 0 || why)
		return cmk_err_kind(err, CMK_ERR_DENIED, -EACCES, "Invalid GPG signature: %s",
				    why ? why : said);
	return tool_read(out, PAYLOAD_MAX, ret_payload, ret_len, err);
}
