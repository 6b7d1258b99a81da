// SPDX-License-Identifier: Apache-2.0
#include <nettle/sha2.h>
#include <sys/random.h>

#include "base/file.h"
#include "storage/storage.h"

struct digest_ctx {
	struct sha256_ctx sha;
};

static void to_hex(const uint8_t *bin, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++) {
		hex[2 * i] = digits[bin[i] >> 4];
		hex[2 * i + 1] = digits[bin[i] & 15];
	}
	hex[DIGEST_HEX_LEN] = '\0';
}

int digest_parse_hex(const char *s, struct digest *ret)
{
	if (strlen(s) != DIGEST_HEX_LEN || strspn(s, "0123456789abcdef") != DIGEST_HEX_LEN)
		return -EINVAL;
	memcpy(ret->hex, s, DIGEST_HEX_LEN + 1);
	return 0;
}

int digest_parse(const char *s, struct digest *ret, struct cmk_err *err)
{
	const char *hex = str_after(s, "sha256:");

	if (!hex && (str_after(s, "sha512:") || str_after(s, "sha384:")))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "digest '%.80s': only sha256 is supported", s);
	if (!hex || digest_parse_hex(hex, ret) < 0)
		return cmk_err_set(err, -EINVAL,
				   "digest '%.80s': not 'sha256:' and 64 lower-case hex digits", s);
	return 0;
}

void digest_draw(struct digest *ret)
{
	uint8_t raw[SHA256_DIGEST_SIZE];

	while (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		;
	to_hex(raw, ret->hex);
}

void digest_of(const void *data, size_t len, struct digest *ret)
{
	struct digest_ctx c;

	sha256_init(&c.sha);
	digest_update(&c, data, len);
	digest_final(&c, ret);
}

int digest_of_fd(int fd, struct digest *ret)
{
	enum { SIZE = 256 << 10 };
	cleanup_free uint8_t *buf = xmalloc(SIZE);
	struct digest_ctx c;
	ssize_t n;

	sha256_init(&c.sha);
	while ((n = read_full(fd, buf, SIZE)) > 0)
		digest_update(&c, buf, (size_t)n);
	if (n < 0)
		return (int)n;
	digest_final(&c, ret);
	return 0;
}

const char *digest_str(const struct digest *d, char buf[static 72])
{
	(void)snprintf(buf, 72, "sha256:%s", d->hex);
	return buf;
}

struct digest_ctx *digest_new(void)
{
	struct digest_ctx *c = xmalloc(sizeof(*c));

	sha256_init(&c->sha);
	return c;
}

void digest_update(struct digest_ctx *c, const void *data, size_t len)
{
	sha256_update(&c->sha, len, data);
}

void digest_final(struct digest_ctx *c, struct digest *ret)
{
	uint8_t bin[SHA256_DIGEST_SIZE];

	sha256_digest(&c->sha, sizeof(bin), bin);
	to_hex(bin, ret->hex);
}

void digest_ctx_free(struct digest_ctx *c)
{
	free(c);
}
