// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <nettle/sha2.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "storage/chunked.h"

enum { IN_SIZE = 128 << 10, OUT_SIZE = 256 << 10 };
/* One line of tar-split data: up to 1 MiB of the stream, as base64. */
#define LINE_MAX_LEN ((size_t)4 << 20)

struct join {
	struct toc_join *o;
	struct decoder *decoder; /* of pieces */
	uint8_t *in, *out;
	size_t next; /* tar-split: the entry whose turn it is */
};

static int put(struct join *j, const void *p, size_t len, struct cmk_err *err)
{
	int r = write_all(j->o->out_fd, p, len);

	if (r < 0)
		return cmk_err_set(err, r, "write: %s", errno_text(-r));
	j->o->total += len;
	return 0;
}

/* --- pieces of the blob --- */

/* Takes what comes out of a piece. */
typedef int (*piece_fn)(void *arg, const uint8_t *p, size_t len, struct cmk_err *err);

static int decode_some(struct join *j, struct decoder *d, const uint8_t *in, size_t in_len,
		       piece_fn fn, void *arg, struct cmk_err *err)
{
	for (;;) {
		size_t n = 0, before = in_len;
		int r = decoder_run(d, &in, &in_len, j->out, OUT_SIZE, &n, err);

		if (r == 0 && n > 0)
			r = fn(arg, j->out, n, err);
		if (r < 0)
			return r;
		if (n == 0 && in_len == 0)
			return 0;
		if (n == 0 && in_len == before)
			return cmk_err_set(err, -EBADMSG, "data follows that cannot be read");
	}
}

/* The blob's bytes from OFFSET to END, which are whole members or frames. */
static int decode(struct join *j, uint64_t offset, uint64_t end, piece_fn fn, void *arg,
		  struct cmk_err *err)
{
	int r = 0;

	decoder_restart(j->decoder);
	while (r == 0 && offset < end) {
		ssize_t n = pread(j->o->blob_fd, j->in,
				  (size_t)MIN(end - offset, (uint64_t)IN_SIZE), (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = cmk_err_errno(err, "read the blob");
		else if (n == 0)
			r = cmk_err_set(err, -EBADMSG, "the blob is too short");
		else
			r = decode_some(j, j->decoder, j->in, (size_t)n, fn, arg, err);
		offset += n > 0 ? (uint64_t)n : 0;
	}
	return r < 0 ? r : decoder_end(j->decoder, err);
}

static int put_piece(void *arg, const uint8_t *p, size_t len, struct cmk_err *err)
{
	return put(arg, p, len, err);
}

struct chunk_out {
	struct join *j;
	uint64_t left;
	struct sha256_ctx sha;
};

static int put_chunk_piece(void *arg, const uint8_t *p, size_t len, struct cmk_err *err)
{
	struct chunk_out *o = arg;

	if (len > o->left)
		return cmk_err_set(err, -EBADMSG, "more data than the table of contents tells");
	o->left -= len;
	sha256_update(&o->sha, len, p);
	return put(o->j, p, len, err);
}

static int put_zeros(struct join *j, uint64_t len, struct cmk_err *err)
{
	int r = 0;

	memset(j->out, 0, (size_t)MIN(len, (uint64_t)OUT_SIZE));
	while (r == 0 && len > 0) {
		size_t n = (size_t)MIN(len, (uint64_t)OUT_SIZE);

		r = put(j, j->out, n, err);
		len -= n;
	}
	return r;
}

static int put_chunk(struct join *j, const struct toc_chunk *c, struct cmk_err *err)
{
	struct chunk_out o = { .j = j, .left = c->size };
	uint8_t sum[SHA256_DIGEST_SIZE];
	int r;

	if (c->zeros)
		return put_zeros(j, c->size, err);
	sha256_init(&o.sha);
	r = decode(j, c->offset, c->end, put_chunk_piece, &o, err);
	if (r < 0)
		return r;
	sha256_digest(&o.sha, sizeof(sum), sum);
	if (o.left > 0 || (c->has_sum && memcmp(sum, c->sum, sizeof(sum)) != 0))
		return cmk_err_set(err, -EBADMSG, "its data has another size or digest");
	return 0;
}

/* --- files of the store --- */

/* The first BYTES of the file that was found for E. All of it is read, for its digest. */
static int put_found(struct join *j, const struct toc_entry *e, uint64_t bytes, struct cmk_err *err)
{
	cleanup_close int fd = toc_search_open(j->o->search, e, err);
	uint8_t sum[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;
	uint64_t done = 0;
	int r = fd < 0 ? fd : 0;

	sha256_init(&sha);
	while (r == 0 && done < e->size) {
		ssize_t n = read_full(fd, j->out, (size_t)MIN(e->size - done, (uint64_t)OUT_SIZE));

		if (n <= 0)
			return cmk_err_set(err, n < 0 ? (int)n : -EBADMSG, "read '%s'", e->path);
		sha256_update(&sha, (size_t)n, j->out);
		if (done < bytes)
			r = put(j, j->out, (size_t)MIN((uint64_t)n, bytes - done), err);
		done += (uint64_t)n;
	}
	if (r < 0)
		return r;
	sha256_digest(&sha, sizeof(sum), sum);
	return memcmp(sum, e->sum, sizeof(sum)) == 0
		       ? 0
		       : cmk_err_set(err, -EBADMSG,
				     "the store's file '%s' is damaged: its bytes have another "
				     "digest",
				     e->path);
}

static int put_entry(struct join *j, const struct toc_entry *e, struct cmk_err *err)
{
	int r = 0;

	if (e->path)
		return put_found(j, e, e->size, err);
	for (size_t i = 0; r == 0 && i < e->n; i++)
		r = put_chunk(j, &j->o->toc->chunks[e->first + i], err);
	return r < 0 ? cmk_err_wrap(err, r, "'%s'", e->name) : 0;
}

/* --- with tar-split data (vbatts/tar-split, one JSON object a line) --- */

enum { SPLIT_FILE = 1, SPLIT_SEGMENT = 2 };

static int split_bad(struct cmk_err *err, const char *why)
{
	return cmk_err_set(err, -EBADMSG, "tar-split data: %s", why);
}

static int put_segment(struct join *j, const char *text, struct cmk_err *err)
{
	size_t len = text ? strlen(text) : 0, n = 0;
	cleanup_free char *raw = len > 0 ? base64_decoded(text, len, &n) : NULL;

	if (len > 0 && !raw)
		return split_bad(err, "a payload that is not base64");
	return len > 0 ? put(j, raw, n, err) : 0;
}

/* Files stand there in the order of the table of contents. */
static int put_file(struct join *j, const struct json *v, struct cmk_err *err)
{
	const struct toc *t = j->o->toc;
	const struct toc_entry *e;
	uint64_t size = 0;
	const struct json *n = json_get(v, "size");

	if (n && json_u64(n, INT64_MAX, &size) < 0)
		return split_bad(err, "an impossible size");
	if (j->next == t->n)
		return split_bad(err, "more files than the table of contents has");
	e = &t->entries[j->next++];
	if (size != e->size)
		return split_bad(err, "a file of another size than the table of contents tells");
	return put_entry(j, e, err);
}

static int put_line(struct join *j, const char *line, size_t len, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	uint64_t type = 0;
	int r;

	if (len == 0)
		return 0;
	r = json_parse(line, len, LINE_MAX_LEN, &doc, err);
	if (r < 0)
		return cmk_err_wrap(err, -EBADMSG, "tar-split data");
	if (json_u64(json_get(json_root(doc), "type"), 1000, &type) == 0 && type == SPLIT_FILE)
		return put_file(j, json_root(doc), err);
	if (type == SPLIT_SEGMENT)
		return put_segment(j, json_str(json_get(json_root(doc), "payload")), err);
	return split_bad(err, "an unknown kind of line");
}

/* The decoder's buffer is used again by what a line leads to: lines are kept apart from it. */
struct split {
	struct join *j;
	struct strbuf text;
};

/* Whole lines of what has come. */
static int put_lines(struct split *s, struct cmk_err *err)
{
	size_t done = 0, len = s->text.len;
	const char *end;
	int r = 0;

	while (r == 0 && done < len && (end = memchr(s->text.data + done, '\n', len - done))) {
		size_t n = (size_t)(end - (s->text.data + done));

		r = put_line(s->j, s->text.data + done, n, err);
		done += n + 1;
	}
	if (done > 0) {
		memmove(s->text.data, s->text.data + done, len - done);
		s->text.len = len - done;
		s->text.data[s->text.len] = '\0';
	}
	if (r == 0 && s->text.len > LINE_MAX_LEN)
		r = split_bad(err, "a line that is too long");
	return r;
}

static int on_split(void *arg, const uint8_t *p, size_t len, struct cmk_err *err)
{
	struct split *s = arg;

	strbuf_add(&s->text, p, len);
	return put_lines(s, err);
}

/* Of LEN bytes of FD from OFFSET on. */
static int digest_of_part(int fd, uint64_t offset, uint64_t len, uint8_t *buf, struct digest *ret)
{
	struct digest_ctx *c = digest_new();
	uint64_t done = 0;
	ssize_t n = 1;

	while (done < len && n > 0) {
		n = pread(fd, buf, (size_t)MIN(len - done, (uint64_t)IN_SIZE),
			  (off_t)(offset + done));
		if (n > 0)
			digest_update(c, buf, (size_t)n);
		done += n > 0 ? (uint64_t)n : 0;
	}
	digest_final(c, ret);
	digest_ctx_free(c);
	return n < 0 ? -errno : 0;
}

static int check_split(const struct join *j, struct cmk_err *err)
{
	const struct toc_join *o = j->o;
	struct digest got;
	int r = digest_of_part(o->blob_fd, o->split_offset, o->split_len, j->in, &got);

	if (r < 0)
		return cmk_err_set(err, r, "read the blob: %s", errno_text(-r));
	return streq(got.hex, o->toc->split.hex)
		       ? 0
		       : split_bad(err, "it has another digest than the table of contents tells");
}

static int join_split(struct join *j, struct cmk_err *err)
{
	/* The decoder and its input are of this alone: lines lead to other pieces of the blob. */
	struct join own = { .o = j->o, .in = xmalloc(IN_SIZE), .out = xmalloc(IN_SIZE * 2) };
	struct split s = { .j = j };
	struct decoder *d = decoder_new(LAYER_ZSTD);
	uint64_t done = 0;
	int r = check_split(j, err);

	while (r == 0 && done < j->o->split_len) {
		size_t want = (size_t)MIN(j->o->split_len - done, (uint64_t)IN_SIZE);
		ssize_t n = pread(j->o->blob_fd, own.in, want, (off_t)(j->o->split_offset + done));

		if (n <= 0)
			r = cmk_err_set(err, -EBADMSG, "the blob is too short");
		if (r == 0)
			r = decode_some(&own, d, own.in, (size_t)n, on_split, &s, err);
		done += (uint64_t)MAX(n, (ssize_t)0);
	}
	if (r == 0)
		r = decoder_end(d, err);
	if (r == 0)
		r = put_line(j, strbuf_str(&s.text), s.text.len, err);
	if (r == 0 && j->next < j->o->toc->n)
		r = split_bad(err, "fewer files than the table of contents has");
	decoder_free(d);
	strbuf_done(&s.text);
	free(own.in);
	free(own.out);
	return r;
}

/* --- without --- */

static int join_rest(struct join *j, struct cmk_err *err)
{
	const struct toc *t = j->o->toc;
	uint64_t at = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n; i++) {
		struct layer_range skip;
		uint64_t bytes;

		if (!toc_skips(t, &t->entries[i], &skip, &bytes))
			continue;
		if (at < skip.offset)
			r = decode(j, at, skip.offset, put_piece, j, err);
		if (r == 0)
			r = put_found(j, &t->entries[i], bytes, err);
		at = skip.offset + skip.len;
	}
	return r < 0 || at >= j->o->limit ? r : decode(j, at, j->o->limit, put_piece, j, err);
}

int toc_join(struct toc_join *o, struct cmk_err *err)
{
	bool gzip = o->toc->kind == CHUNKED_ESTARGZ;
	struct join j = { .o = o,
			  .decoder = decoder_new(gzip ? LAYER_GZIP : LAYER_ZSTD),
			  .in = xmalloc(IN_SIZE),
			  .out = xmalloc(OUT_SIZE) };
	int r = o->toc->has_split ? join_split(&j, err) : join_rest(&j, err);

	decoder_free(j.decoder);
	free(j.in);
	free(j.out);
	return r;
}
