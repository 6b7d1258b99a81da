// SPDX-License-Identifier: Apache-2.0
#include "storage/tar_asm.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "storage/unpack.h"

enum { BUF_SIZE = 256 << 10, CRC_LEN = 8 };
enum { TYPE_FILE = 1, TYPE_SEGMENT = 2 };
#define RESOLVE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

struct assembly {
	int dir_fd;
	tar_join_fn fn;
	void *arg;
	uint64_t line;	    /* the one at hand, from 1 */
	struct strbuf part; /* of a line, whose end has not come */
	uint8_t *buf;
	uint64_t crc[8][256]; /* by table, eight bytes at a time */
};

static void crc_init(struct assembly *a)
{
	for (uint64_t i = 0; i < 256; i++) {
		uint64_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ 0xd800000000000000ULL : v >> 1;
		a->crc[0][i] = v;
	}
	for (size_t n = 1; n < 8; n++)
		for (size_t i = 0; i < 256; i++) {
			uint64_t v = a->crc[n - 1][i];

			a->crc[n][i] = a->crc[0][v & 0xff] ^ v >> 8;
		}
}

static uint64_t crc_add(const struct assembly *a, uint64_t crc, const uint8_t *p, size_t len)
{
	crc = ~crc;
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t v = 0;

		for (size_t i = 0; i < 8; i++)
			crc ^= (uint64_t)p[i] << 8 * i;
		for (size_t i = 0; i < 8; i++)
			v ^= a->crc[7 - i][crc >> 8 * i & 0xff];
		crc = v;
	}
	for (; len > 0; p++, len--)
		crc = a->crc[0][(crc ^ *p) & 0xff] ^ crc >> 8;
	return ~crc;
}

static int damaged(const struct assembly *a, const char *what, struct cmk_err *err)
{
	return cmk_err_set(err, -EBADMSG, "the tar-split record is damaged: line %llu: %s",
			   (unsigned long long)a->line, what);
}

/* The bytes of a member in base64: owned; *RET stays NULL where it is absent or null. */
static int decode(const struct assembly *a, const struct json *v, char **ret, size_t *ret_len,
		  struct cmk_err *err)
{
	const char *text = json_str(v);

	if (!v || v->type == JSON_NULL)
		return 0;
	*ret = text ? base64_decoded(text, v->n, ret_len) : NULL;
	return *ret ? 0 : damaged(a, "it is not base64", err);
}

static int take_segment(struct assembly *a, const struct json *item, struct cmk_err *err)
{
	cleanup_free char *bytes = NULL;
	size_t len = 0;
	int r = decode(a, json_get(item, "payload"), &bytes, &len, err);

	return r == 0 && len > 0 ? a->fn(a->arg, bytes, len, err) : r;
}

/* --- files --- */

static int bad_file(const char *name, const char *what, struct cmk_err *err)
{
	return cmk_err_set(err, -EBADMSG, "the layer's file '%s' is damaged: %s", name, what);
}

static int open_file(const struct assembly *a, const char *name, uint64_t size, struct cmk_err *err)
{
	cleanup_close int fd = open_resolved(
		a->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, RESOLVE);
	struct stat st;

	if (fd < 0)
		return cmk_err_set(err, fd == -ENOENT || fd == -ELOOP ? -EBADMSG : fd,
				   "the layer's file '%s' cannot be read: %s", name,
				   errno_text(-fd));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return bad_file(name, "it is no file", err);
	if ((uint64_t)st.st_size != size)
		return bad_file(name, "it has another length", err);
	return steal_fd(&fd);
}

static int copy_file(struct assembly *a, const char *name, int fd, uint64_t left, uint64_t *crc,
		     struct cmk_err *err)
{
	while (left > 0) {
		ssize_t n = read_full(fd, a->buf, (size_t)MIN(left, (uint64_t)BUF_SIZE));
		int r;

		if (n == -EIO || n == -EUCLEAN || n == 0)
			return bad_file(name, n ? errno_text((int)-n) : "it was cut short", err);
		if (n < 0)
			return cmk_err_set(err, (int)n, "read '%s': %s", name, errno_text((int)-n));
		*crc = crc_add(a, *crc, a->buf, (size_t)n);
		r = a->fn(a->arg, a->buf, (size_t)n, err);
		if (r < 0)
			return r;
		left -= (uint64_t)n;
	}
	return 0;
}

/* WANT: CRC_LEN bytes, or NULL. */
static int take_bytes(struct assembly *a, const char *name, uint64_t size, const char *want,
		      struct cmk_err *err)
{
	cleanup_close int fd = open_file(a, name, size, err);
	uint64_t crc = 0, sum = 0;
	int r = fd < 0 ? fd : copy_file(a, name, fd, size, &crc, err);

	for (size_t i = 0; want && i < CRC_LEN; i++)
		sum = sum << 8 | (uint8_t)want[i];
	if (r == 0 && want && sum != crc)
		return bad_file(name, "its bytes have another checksum", err);
	return r;
}

static int take_file(struct assembly *a, const struct json *item, struct cmk_err *err)
{
	const struct json *plain = json_get(item, "name");
	cleanup_free char *raw = NULL, *sum = NULL;
	size_t raw_len = 0, sum_len = 0;
	const char *name;
	uint64_t size = 0;
	int r = 0;

	if (json_get(item, "size") && json_u64(json_get(item, "size"), INT64_MAX, &size) < 0)
		return damaged(a, "an impossible size", err);
	if (size == 0)
		return 0;
	r = decode(a, json_get(item, "name_raw"), &raw, &raw_len, err);
	if (r == 0)
		r = decode(a, json_get(item, "payload"), &sum, &sum_len, err);
	if (r < 0)
		return r;
	name = raw ? raw : json_str(plain);
	if (!name || !*name || strlen(name) > TAR_NAME_MAX || (raw && strlen(raw) < raw_len))
		return damaged(a, "an impossible name", err);
	if (sum && sum_len != CRC_LEN)
		return damaged(a, "an impossible checksum", err);
	return take_bytes(a, name, size, sum, err);
}

/* --- lines --- */

static int take_line(struct assembly *a, const char *line, size_t len, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	const struct json *item;
	uint64_t type = 0;

	a->line++;
	if (json_parse(line, len, TAR_ASM_LINE_MAX, &doc, &mine) < 0)
		return damaged(a, cmk_err_msg(&mine), err);
	item = json_root(doc);
	if (json_u64(json_get(item, "type"), TYPE_SEGMENT, &type) < 0 || type == 0)
		return damaged(a, "it is neither bytes nor a file", err);
	return type == TYPE_FILE ? take_file(a, item, err) : take_segment(a, item, err);
}

static int take_text(struct assembly *a, const char *p, size_t len, struct cmk_err *err)
{
	int r = 0;

	while (r == 0 && len > 0) {
		const char *end = memchr(p, '\n', len);
		size_t n = end ? (size_t)(end - p) : len;

		if (n > TAR_ASM_LINE_MAX - a->part.len) {
			a->line++;
			return damaged(a, "it is too long", err);
		}
		if (end && a->part.len == 0) {
			r = take_line(a, p, n, err);
		} else {
			strbuf_add(&a->part, p, n);
			if (end)
				r = take_line(a, strbuf_str(&a->part), a->part.len, err);
			if (end)
				strbuf_reset(&a->part);
		}
		n += end != NULL;
		p += n;
		len -= n;
	}
	return r;
}

static int run(struct assembly *a, struct stream *s, struct cmk_err *err)
{
	for (;;) {
		const uint8_t *p = NULL;
		size_t len = 0;
		int r = stream_fill(s, &p, &len, err);

		if (r < 0)
			return cmk_err_wrap(err, r, "the tar-split record");
		if (len == 0)
			break;
		r = take_text(a, (const char *)p, len, err);
		if (r < 0)
			return r;
	}
	if (a->part.len > 0)
		return take_line(a, strbuf_str(&a->part), a->part.len, err);
	return a->line > 0 ? 0 : cmk_err_set(err, -EBADMSG, "the tar-split record is empty");
}

int tar_asm(int dir_fd, int split_fd, tar_join_fn fn, void *arg, struct cmk_err *err)
{
	struct assembly *a = xcalloc(1, sizeof(*a));
	struct stream *s = NULL;
	int r = stream_start_cat(split_fd, &s, err);

	a->dir_fd = dir_fd;
	a->fn = fn;
	a->arg = arg;
	a->buf = xmalloc(BUF_SIZE);
	crc_init(a);
	if (r == 0)
		r = run(a, s, err);
	stream_free(s);
	strbuf_done(&a->part);
	free(a->buf);
	free(a);
	return r;
}
