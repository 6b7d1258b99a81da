// SPDX-License-Identifier: Apache-2.0
#include "storage/chunked_write.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <zstd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "storage/tar.h"

enum { PIPE_SIZE = 1 << 20, READ_SIZE = 256 << 10, OUT_SIZE = 256 << 10, LEVEL = 3 };
/* Of the rest of the stream, in one line of tar-split data. */
#define SEGMENT_MAX ((size_t)512 << 10)

struct chunked_writer {
	int in, out; /* the pipe to the thread */
	pthread_t thread;
	bool started;
	encoder_fn fn;
	void *arg;
	struct cmk_err err; /* the thread's */
	struct layer_toc toc;

	struct tar_reader tar;
	struct tar_tap tap;
	uint8_t *buf, *packed;
	bool plain;	  /* there will be no table */
	ZSTD_CCtx *zstd;  /* of the stream */
	bool in_frame;	  /* bytes of it are in an open frame */
	uint64_t at;	  /* bytes written */
	ZSTD_CCtx *split; /* of the tar-split data, whose packed bytes are in SPLIT_OUT */
	struct strbuf split_out;
	uint64_t split_size;
	uint64_t position; /* lines of it */
	struct strbuf segment;
	uint8_t head[TAR_BLOCK]; /* the last bytes that are none of a file's: its header, in the end
				  */
	struct json_writer json;
};

/* --- what goes out --- */

static int put(struct chunked_writer *w, const void *p, size_t len, struct cmk_err *err)
{
	w->at += len;
	return w->fn(w->arg, p, len, err);
}

static int pack(struct chunked_writer *w, ZSTD_CCtx *z, struct strbuf *to, const void *p,
		size_t len, ZSTD_EndDirective end, struct cmk_err *err)
{
	ZSTD_inBuffer in = { .src = p, .size = len };
	size_t left;

	do {
		ZSTD_outBuffer out = { .dst = w->packed, .size = OUT_SIZE };
		int r = 0;

		left = ZSTD_compressStream2(z, &out, &in, end);
		if (ZSTD_isError(left))
			return cmk_err_set(err, -EIO, "compress: %s", ZSTD_getErrorName(left));
		if (to)
			strbuf_add(to, w->packed, out.pos);
		else
			r = put(w, w->packed, out.pos, err);
		if (r < 0)
			return r;
	} while (in.pos < in.size || (end == ZSTD_e_end && left > 0));
	return 0;
}

static int put_stream(struct chunked_writer *w, const void *p, size_t len, struct cmk_err *err)
{
	w->in_frame |= len > 0;
	return pack(w, w->zstd, NULL, p, len, ZSTD_e_continue, err);
}

static int end_frame(struct chunked_writer *w, struct cmk_err *err)
{
	if (!w->in_frame)
		return 0;
	w->in_frame = false;
	return pack(w, w->zstd, NULL, NULL, 0, ZSTD_e_end, err);
}

/* --- tar-split data: a line for each segment and each entry --- */

static int put_line(struct chunked_writer *w, struct json_writer *line, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	json_write_u64(line, "position", w->position++);
	json_write_end(line, '}');
	r = json_writer_finish(line, &text, &len, err);
	if (r < 0)
		return r;
	w->split_size += len;
	return pack(w, w->split, &w->split_out, text, len, ZSTD_e_continue, err);
}

static int flush_segment(struct chunked_writer *w, struct cmk_err *err)
{
	struct json_writer line = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;

	if (w->segment.len == 0)
		return 0;
	text = base64_encoded(w->segment.data, w->segment.len);
	strbuf_reset(&w->segment);
	json_write_object(&line, NULL);
	json_write_u64(&line, "type", 2);
	json_write_str(&line, "payload", text);
	return put_line(w, &line, err);
}

static int put_split_entry(struct chunked_writer *w, const struct tar_entry *e, uint64_t size,
			   uint64_t crc, struct cmk_err *err)
{
	struct json_writer line = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	uint8_t sum[8];

	for (size_t i = 0; i < sizeof(sum); i++)
		sum[i] = (uint8_t)(crc >> (56 - 8 * i));
	text = size > 0 ? base64_encoded(sum, sizeof(sum)) : NULL;
	json_write_object(&line, NULL);
	json_write_u64(&line, "type", 1);
	json_write_str(&line, "name", strbuf_str(&e->path));
	if (size > 0)
		json_write_u64(&line, "size", size);
	json_write_str(&line, "payload", text);
	return put_line(w, &line, err);
}

/* The CRC-64 of ISO 3309, as tar-split has it. */
static uint64_t crc64(uint64_t crc, const uint8_t *p, size_t len)
{
	static uint64_t table[256];

	for (uint64_t i = 0; !table[1] && i < 256; i++) {
		uint64_t v = 255 - i;

		for (int k = 0; k < 8; k++)
			v = v & 1 ? v >> 1 ^ 0xd800000000000000ULL : v >> 1;
		table[255 - i] = v;
	}
	crc = ~crc;
	while (len-- > 0)
		crc = table[(uint8_t)crc ^ *p++] ^ crc >> 8;
	return ~crc;
}

/* --- the table of contents --- */

/* Bytes that are none of a file's. The first failure is kept. */
static void on_bytes(void *arg, const void *p, size_t len)
{
	struct chunked_writer *w = arg;
	size_t tail = MIN(len, sizeof(w->head));
	const uint8_t *from = p;

	if (w->err.code < 0)
		return;
	memmove(w->head, w->head + tail, sizeof(w->head) - tail);
	memcpy(w->head + sizeof(w->head) - tail, from + len - tail, tail);
	if (put_stream(w, p, len, &w->err) < 0)
		return;
	while (len > 0) {
		size_t n = MIN(len, SEGMENT_MAX - w->segment.len);

		strbuf_add(&w->segment, from, n);
		if (w->segment.len == SEGMENT_MAX && flush_segment(w, &w->err) < 0)
			return;
		from += n;
		len -= n;
	}
}

/* Records of other times, and comments: a reader holds the table against all of the stream. */
static bool has_other_records(const struct strbuf *s)
{
	static const char *const words[] = { " atime=", " ctime=", " comment=", " LIBARCHIVE." };

	for (size_t i = 0; s->len > 0 && i < ARRAY_LEN(words); i++)
		if (memmem(s->data, s->len, words[i], strlen(words[i])))
			return true;
	return false;
}

static int write_time(struct json_writer *w, const struct timespec *t)
{
	char text[64], part[16] = "";
	struct tm tm;
	size_t n;

	if (!gmtime_r(&t->tv_sec, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return -EINVAL;
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	if (t->tv_nsec) {
		(void)snprintf(part, sizeof(part), ".%09ld", t->tv_nsec);
		for (size_t k = strlen(part); part[k - 1] == '0'; k--)
			part[k - 1] = '\0';
	}
	(void)snprintf(text + n, sizeof(text) - n, "%sZ", part);
	json_write_str(w, "modtime", text);
	return tm.tm_year < 0 ? -EINVAL : 0;
}

static void write_number(struct json_writer *w, const char *key, uint64_t v)
{
	if (v)
		json_write_u64(w, key, v);
}

/* A field of the header that the reader does not keep. */
static uint64_t header_number(struct chunked_writer *w, size_t at, size_t len)
{
	int64_t v = 0;

	if (tar_number(w->head + at, len, &v) < 0 || v < 0)
		w->plain = true;
	return (uint64_t)MAX(v, (int64_t)0);
}

static void write_xattrs(struct json_writer *w, const struct tar_entry *e)
{
	if (e->n_xattrs == 0)
		return;
	json_write_object(w, "xattrs");
	for (size_t i = 0; i < e->n_xattrs; i++) {
		cleanup_free char *text = base64_encoded(e->xattrs[i].value, e->xattrs[i].len);

		json_write_str(w, e->xattrs[i].name, text);
	}
	json_write_end(w, '}');
}

static void write_entry(struct chunked_writer *w, const struct tar_entry *e)
{
	static const char *const types[] = {
		[TAR_FILE] = "reg",  [TAR_HARDLINK] = "hardlink", [TAR_SYMLINK] = "symlink",
		[TAR_CHAR] = "char", [TAR_BLOCKDEV] = "block",	  [TAR_DIR] = "dir",
		[TAR_FIFO] = "fifo",
	};
	struct json_writer *j = &w->json;
	bool device = e->type == TAR_CHAR || e->type == TAR_BLOCKDEV;

	json_write_object(j, NULL);
	json_write_str(j, "type", types[e->type]);
	json_write_str(j, "name", strbuf_str(&e->path));
	if (e->link.len > 0)
		json_write_str(j, "linkName", e->link.data);
	write_number(j, "mode", header_number(w, 100, 8));
	write_number(j, "size", e->type == TAR_FILE ? e->size : 0);
	write_number(j, "uid", e->uid);
	write_number(j, "gid", e->gid);
	if (write_time(j, &e->mtime) < 0)
		w->plain = true;
	write_number(j, "devMajor", device ? header_number(w, 329, 8) : 0);
	write_number(j, "devMinor", device ? header_number(w, 337, 8) : 0);
	write_xattrs(j, e);
}

static int put_data(struct chunked_writer *w, const struct tar_entry *e, struct cmk_err *err)
{
	uint64_t from, offset, size = e->type == TAR_FILE ? e->size : 0, crc = 0;
	struct sha256_ctx sha;
	const void *p;
	size_t len;
	int r = size > 0 ? end_frame(w, err) : 0;

	from = w->at;
	sha256_init(&sha);
	while (r == 0 && (r = tar_data(&w->tar, &p, &len, &offset, err)) > 0) {
		sha256_update(&sha, len, p);
		crc = crc64(crc, p, len);
		r = put_stream(w, p, len, err);
	}
	if (r == 0 && size > 0)
		r = end_frame(w, err);
	if (r == 0 && size > 0) {
		uint8_t sum[SHA256_DIGEST_SIZE];
		char text[8 + 2 * SHA256_DIGEST_SIZE] = "sha256:";

		sha256_digest(&sha, sizeof(sum), sum);
		for (size_t i = 0; i < sizeof(sum); i++)
			(void)snprintf(text + 7 + 2 * i, 3, "%02x", sum[i]);
		json_write_str(&w->json, "digest", text);
		json_write_u64(&w->json, "offset", from);
		json_write_u64(&w->json, "endOffset", w->at);
	}
	json_write_end(&w->json, '}');
	return r < 0 ? r : put_split_entry(w, e, size, crc, err);
}

static int put_entries(struct chunked_writer *w, struct cmk_err *err)
{
	int r;

	while ((r = tar_next(&w->tar, err)) > 0) {
		const struct tar_entry *e = &w->tar.entry;

		w->plain |= e->is_sparse || has_other_records(&w->segment) ||
			    !text_is_utf8(strbuf_str(&e->path)) ||
			    !text_is_utf8(strbuf_str(&e->link));
		r = flush_segment(w, err);
		write_entry(w, e);
		if (r == 0)
			r = put_data(w, e, err);
		if (r == 0 && w->err.code < 0)
			r = w->err.code;
		if (r < 0)
			return r;
	}
	return r;
}

/* --- the end --- */

static int put_frame(struct chunked_writer *w, const void *p, size_t len, struct layer_range *ret,
		     struct cmk_err *err)
{
	uint8_t head[8] = { 0x50, 0x2a, 0x4d, 0x18 };
	int r;

	for (size_t i = 0; i < 4; i++)
		head[4 + i] = (uint8_t)(len >> (8 * i));
	r = put(w, head, sizeof(head), err);
	*ret = (struct layer_range){ .offset = w->at, .len = len };
	return r < 0 ? r : put(w, p, len, err);
}

static int put_footer(struct chunked_writer *w, const struct layer_toc *t, struct cmk_err *err)
{
	const uint64_t numbers[] = { t->place.offset, t->place.len, t->size,	  1,
				     t->split.offset, t->split.len, t->split_size };
	uint8_t footer[64];
	struct layer_range where;

	for (size_t i = 0; i < sizeof(numbers); i++)
		footer[i] = (uint8_t)(numbers[i / 8] >> (8 * (i % 8)));
	memcpy(footer + sizeof(numbers), "GNUlInUx", 8);
	return put_frame(w, footer, sizeof(footer), &where, err);
}

static int put_tables(struct chunked_writer *w, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf packed = STRBUF_INIT;
	struct layer_toc t = { .kind = CHUNKED_ZSTD };
	cleanup_free char *text = NULL;
	struct digest split;
	size_t len = 0;
	char buf[72];
	int r = pack(w, w->split, &w->split_out, NULL, 0, ZSTD_e_end, err);

	if (r < 0)
		return r;
	digest_of(w->split_out.data, w->split_out.len, &split);
	json_write_end(&w->json, ']');
	json_write_str(&w->json, "tarSplitDigest", digest_str(&split, buf));
	json_write_end(&w->json, '}');
	r = json_writer_finish(&w->json, &text, &len, err);
	if (r == 0)
		r = pack(w, w->zstd, &packed, text, len, ZSTD_e_end, err);
	if (r < 0)
		return r;
	digest_of(packed.data, packed.len, &t.digest);
	t.size = len;
	t.split_size = w->split_size;
	r = put_frame(w, packed.data, packed.len, &t.place, err);
	if (r == 0)
		r = put_frame(w, w->split_out.data, w->split_out.len, &t.split, err);
	if (r == 0)
		r = put_footer(w, &t, err);
	w->toc = t;
	return r;
}

static int fill(void *arg, const uint8_t **ret, size_t *ret_len, struct cmk_err *err)
{
	struct chunked_writer *w = arg;
	ssize_t n = read_full(w->in, w->buf, READ_SIZE);

	if (n < 0)
		return cmk_err_set(err, (int)n, "read the stream");
	*ret = w->buf;
	*ret_len = (size_t)n;
	return 0;
}

static int write_all_of_it(struct chunked_writer *w, struct cmk_err *err)
{
	const uint8_t *p = NULL;
	size_t len = 1;
	int r = put_entries(w, err);

	if (r == 0)
		on_bytes(w, w->tar.chunk, w->tar.chunk_len);
	while (r == 0 && len > 0 && (r = fill(w, &p, &len, err)) == 0)
		on_bytes(w, p, len);
	if (r == 0)
		r = flush_segment(w, err);
	if (r == 0)
		r = end_frame(w, err);
	if (r == 0 && !w->plain && w->err.code == 0)
		r = put_tables(w, err);
	return r;
}

static void *work(void *arg)
{
	struct cmk_err err = CMK_ERR_INIT;
	struct chunked_writer *w = arg;
	int r = write_all_of_it(w, &err);

	if (r < 0 && w->err.code == 0)
		(void)cmk_err_move(&w->err, &err);
	cmk_err_done(&err);
	/* Whoever writes shall see that nobody reads. */
	(void)close(steal_fd(&w->in));
	return NULL;
}

static ZSTD_CCtx *new_zstd(int level)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();

	if (!z)
		abort();
	(void)ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level < 0 ? LEVEL : level);
	return z;
}

int chunked_writer_new(int level, encoder_fn fn, void *arg, struct chunked_writer **ret,
		       struct cmk_err *err)
{
	struct chunked_writer *w;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	w = xcalloc(1, sizeof(*w));
	w->in = p[0];
	w->out = p[1];
	w->fn = fn;
	w->arg = arg;
	w->buf = xmalloc(READ_SIZE);
	w->packed = xmalloc(OUT_SIZE);
	w->zstd = new_zstd(level);
	w->split = new_zstd(level);
	w->tap = (struct tar_tap){ .bytes = on_bytes, .arg = w };
	tar_init(&w->tar, fill, w);
	w->tar.tap = &w->tap;
	json_write_object(&w->json, NULL);
	json_write_u64(&w->json, "version", 1);
	json_write_array(&w->json, "entries");
	r = pthread_create(&w->thread, NULL, work, w);
	w->started = r == 0;
	if (r != 0) {
		chunked_writer_free(w);
		return cmk_err_set(err, -r, "start a thread: %s", errno_text(r));
	}
	*ret = w;
	return 0;
}

static int join(struct chunked_writer *w)
{
	if (w->out >= 0)
		(void)close(steal_fd(&w->out));
	if (w->started)
		(void)pthread_join(w->thread, NULL);
	w->started = false;
	return w->err.code;
}

int chunked_writer_put(struct chunked_writer *w, const void *p, size_t len, struct cmk_err *err)
{
	int r = write_all(w->out, p, len);

	if (r == 0)
		return 0;
	/* The thread knows why. */
	return join(w) < 0 ? cmk_err_move(err, &w->err)
			   : cmk_err_set(err, r, "compress: %s", errno_text(-r));
}

int chunked_writer_finish(struct chunked_writer *w, struct layer_toc *ret, struct cmk_err *err)
{
	if (join(w) < 0)
		return cmk_err_move(err, &w->err);
	*ret = w->toc;
	return 0;
}

void chunked_writer_free(struct chunked_writer *w)
{
	if (!w)
		return;
	(void)join(w);
	if (w->in >= 0)
		(void)close(w->in);
	cmk_err_done(&w->err);
	tar_done(&w->tar);
	(void)ZSTD_freeCCtx(w->zstd);
	(void)ZSTD_freeCCtx(w->split);
	strbuf_done(&w->split_out);
	strbuf_done(&w->segment);
	json_writer_done(&w->json);
	free(w->buf);
	free(w->packed);
	free(w);
}
