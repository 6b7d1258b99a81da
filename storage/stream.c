// SPDX-License-Identifier: Apache-2.0
/*
 * The reading side of cmk-unpack: a thread that hashes and decompresses while the main thread
 * hashes what comes out and writes files. A ring of buffers stands between them.
 */
#include <fcntl.h>
#include <pthread.h>

#include "base/file.h"
#include "storage/unpack.h"

enum { N_BUFFERS = 4, BUFFER_SIZE = 1 << 20, INPUT_SIZE = 256 << 10 };

struct stream {
	int fd;
	enum layer_compression kind;
	uint64_t want_size; /* of the blob, 0 where unknown */
	bool part; /* WANT_SIZE bytes from OFFSET on, of a file whose position is others' */
	uint64_t offset;
	pthread_t thread;
	bool joined;

	pthread_mutex_t mutex;
	pthread_cond_t cond;
	uint8_t *buf[N_BUFFERS];
	size_t len[N_BUFFERS];
	unsigned int filled, taken; /* counts; filled - taken are ready */
	bool end;		    /* the thread has no more */
	bool stop;		    /* the main thread wants no more */
	bool to_end;		    /* but the digest of the whole blob */
	struct cmk_err err;	    /* the thread's, valid once END */

	/* The thread's. */
	uint8_t *in;
	struct digest_ctx *blob;
	uint64_t blob_size;
	/* The main thread's. */
	bool holding;
	struct digest_ctx *diff;
	uint64_t size;
};

static ssize_t read_part(struct stream *s)
{
	size_t len = (size_t)MIN(s->want_size - s->blob_size, (uint64_t)INPUT_SIZE);
	ssize_t n;

	do
		n = pread(s->fd, s->in, len, (off_t)(s->offset + s->blob_size));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Up to INPUT_SIZE bytes of the blob, hashed: the count, 0 at its end. */
static ssize_t read_input(struct stream *s, struct cmk_err *err)
{
	ssize_t n = s->part ? read_part(s) : read_full(s->fd, s->in, INPUT_SIZE);

	if (n < 0) {
		errno = (int)-n;
		return cmk_err_errno(err, "read the blob");
	}
	if (s->blob)
		digest_update(s->blob, s->in, (size_t)n);
	s->blob_size += (uint64_t)n;
	if (s->want_size && s->blob_size > s->want_size)
		return cmk_err_set(err, -EBADMSG, "the blob is longer than its %llu bytes",
				   (unsigned long long)s->want_size);
	if (n == 0 && s->want_size && s->blob_size < s->want_size)
		return cmk_err_set(err, -EBADMSG, "the blob ends after %llu of %llu bytes",
				   (unsigned long long)s->blob_size,
				   (unsigned long long)s->want_size);
	return n;
}

/* Waits for an empty buffer; NULL where nobody wants one. */
static uint8_t *empty_buffer(struct stream *s)
{
	uint8_t *p = NULL;

	(void)pthread_mutex_lock(&s->mutex);
	while (!s->stop && s->filled - s->taken == N_BUFFERS)
		(void)pthread_cond_wait(&s->cond, &s->mutex);
	if (!s->stop)
		p = s->buf[s->filled % N_BUFFERS];
	(void)pthread_mutex_unlock(&s->mutex);
	return p;
}

static void hand_over(struct stream *s, size_t len)
{
	(void)pthread_mutex_lock(&s->mutex);
	s->len[s->filled % N_BUFFERS] = len;
	s->filled++;
	(void)pthread_cond_broadcast(&s->cond);
	(void)pthread_mutex_unlock(&s->mutex);
}

struct output {
	uint8_t *buf;
	size_t len;
};

/* Everything that IN gives. 1: nobody wants more. */
static int decode(struct stream *s, struct decoder *d, struct output *o, const uint8_t *in,
		  size_t in_len, struct cmk_err *err)
{
	for (;;) {
		size_t n = 0, before = in_len;
		int r;

		if (!o->buf)
			o->buf = empty_buffer(s);
		if (!o->buf)
			return 1;
		r = decoder_run(d, &in, &in_len, o->buf + o->len, BUFFER_SIZE - o->len, &n, err);
		if (r < 0)
			return r;
		o->len += n;
		if (o->len == BUFFER_SIZE) {
			hand_over(s, o->len);
			*o = (struct output){ 0 };
		} else if (in_len == 0 && n == 0) {
			return 0;
		} else if (n == 0 && in_len == before) {
			return cmk_err_set(err, -EBADMSG, "data follows that cannot be read");
		}
	}
}

static int decode_all(struct stream *s, struct cmk_err *err)
{
	struct decoder *d = NULL;
	struct output o = { 0 };
	ssize_t n;
	int r = 0;

	while ((n = read_input(s, err)) > 0) {
		if (!d && s->kind == LAYER_DETECT)
			s->kind = decoder_detect(s->in, (size_t)n);
		if (!d)
			d = decoder_new(s->kind);
		r = decode(s, d, &o, s->in, (size_t)n, err);
		if (r != 0)
			break;
	}
	if (n < 0)
		r = (int)n;
	if (r == 0 && d)
		r = decoder_end(d, err);
	else if (r == 0 && s->kind != LAYER_TAR && s->kind != LAYER_DETECT)
		r = cmk_err_set(err, -EBADMSG, "the blob is empty");
	if (r == 0 && o.len > 0)
		hand_over(s, o.len);
	decoder_free(d);
	return r;
}

static void *run(void *arg)
{
	struct stream *s = arg;
	struct cmk_err err = CMK_ERR_INIT;
	int r = decode_all(s, &err);

	(void)pthread_mutex_lock(&s->mutex);
	s->end = true;
	if (r < 0)
		s->err = err;
	(void)pthread_cond_broadcast(&s->cond);
	while (r != 0 && !s->stop)
		(void)pthread_cond_wait(&s->cond, &s->mutex);
	(void)pthread_mutex_unlock(&s->mutex);
	while (r != 0 && s->to_end && read_input(s, NULL) > 0)
		;
	return NULL;
}

static int start(struct stream *s, struct stream **ret, struct cmk_err *err)
{
	int r;

	s->in = xmalloc(INPUT_SIZE);
	for (size_t i = 0; i < N_BUFFERS; i++)
		s->buf[i] = xmalloc(BUFFER_SIZE);
	(void)pthread_mutex_init(&s->mutex, NULL);
	(void)pthread_cond_init(&s->cond, NULL);
	/* Fewer switches between the downloading process and this one. */
	(void)fcntl(s->fd, F_SETPIPE_SZ, 1 << 20);
	r = pthread_create(&s->thread, NULL, run, s);
	if (r != 0) {
		s->joined = true;
		stream_free(s);
		errno = r;
		return cmk_err_errno(err, "start a thread");
	}
	*ret = s;
	return 0;
}

int stream_start(int fd, enum layer_compression kind, uint64_t blob_size, const uint64_t *offset,
		 struct stream **ret, struct cmk_err *err)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->fd = fd;
	s->kind = kind;
	s->want_size = blob_size;
	s->part = offset != NULL;
	s->offset = offset ? *offset : 0;
	s->blob = digest_new();
	s->diff = digest_new();
	return start(s, ret, err);
}

int stream_start_cat(int fd, struct stream **ret, struct cmk_err *err)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->fd = fd;
	s->kind = LAYER_DETECT;
	return start(s, ret, err);
}

int stream_fill(void *stream, const uint8_t **ret, size_t *ret_len, struct cmk_err *err)
{
	struct stream *s = stream;
	size_t len = 0;
	bool failed = false;

	(void)pthread_mutex_lock(&s->mutex);
	if (s->holding) {
		s->taken++;
		s->holding = false;
		(void)pthread_cond_broadcast(&s->cond);
	}
	while (!s->end && s->filled == s->taken)
		(void)pthread_cond_wait(&s->cond, &s->mutex);
	if (s->filled != s->taken) {
		*ret = s->buf[s->taken % N_BUFFERS];
		len = s->len[s->taken % N_BUFFERS];
		s->holding = true;
	} else
		failed = s->err.code < 0;
	(void)pthread_mutex_unlock(&s->mutex);
	if (failed)
		return cmk_err_move(err, &s->err);
	if (len > 0 && s->diff)
		digest_update(s->diff, *ret, len);
	s->size += len;
	*ret_len = len;
	return 0;
}

int stream_drain(struct stream *s, const struct tar_tap *tap, struct cmk_err *err)
{
	/* As much as may stand between two entries: more would only be made to keep us busy. */
	const uint64_t limit = s->size + (1ULL << 30);

	for (;;) {
		const uint8_t *p;
		size_t len = 0;
		int r = stream_fill(s, &p, &len, err);

		if (r < 0 || len == 0)
			return r;
		tap->bytes(tap->arg, p, len);
		if (s->size > limit)
			return cmk_err_set(err, -EFBIG, "more than 1 GiB follows the archive");
	}
}

void stream_finish(struct stream *s, bool to_end, struct unpack_result *ret)
{
	(void)pthread_mutex_lock(&s->mutex);
	s->stop = true;
	s->to_end = to_end;
	(void)pthread_cond_broadcast(&s->cond);
	(void)pthread_mutex_unlock(&s->mutex);
	if (!s->joined)
		(void)pthread_join(s->thread, NULL);
	s->joined = true;
	if (s->diff)
		digest_final(s->diff, &ret->diff_id);
	if (s->blob)
		digest_final(s->blob, &ret->blob_digest);
	ret->size = s->size;
	ret->blob_size = s->blob_size;
}

void stream_free(struct stream *s)
{
	struct unpack_result unused;

	if (!s)
		return;
	if (!s->joined)
		stream_finish(s, false, &unused);
	cmk_err_done(&s->err);
	for (size_t i = 0; i < N_BUFFERS; i++)
		free(s->buf[i]);
	free(s->in);
	digest_ctx_free(s->blob);
	digest_ctx_free(s->diff);
	(void)pthread_mutex_destroy(&s->mutex);
	(void)pthread_cond_destroy(&s->cond);
	free(s);
}
