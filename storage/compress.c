// SPDX-License-Identifier: Apache-2.0
/*
 * gzip (RFC 1952, one member) and zstd by several threads. gzip's blocks are compressed side by
 * side, each with the 32 KiB before it as its dictionary, and put together in order: one input
 * gives one output, however many threads there are. isa-l's deflate where it is there and no high
 * level is asked for, several times as fast as zlib's.
 */
#include <pthread.h>
#include <zlib.h>
#include <zstd.h>

#ifdef HAVE_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#endif

#include "storage/compress.h"

enum {
	BLOCK = 512 << 10,
	WINDOW = 32 << 10,
	THREADS_MAX = 16,
	ZSTD_OUT = 256 << 10,
	ISAL_LEVEL = 2,
	ISAL_LEVEL_MAX = 3,
	GZIP_LEVEL = 6,
	ZSTD_LEVEL = 3,
};

enum block_state { BLOCK_FREE, BLOCK_READY, BLOCK_TAKEN, BLOCK_DONE };

struct block {
	enum block_state state;
	uint8_t *in, *dict, *out;
	size_t in_len, dict_len, out_len, out_cap;
	bool last, failed;
};

struct encoder {
	enum layer_compression kind;
	int level;
	bool isal;
	encoder_fn fn;
	void *arg;
	ZSTD_CCtx *zstd;
	uint8_t *out; /* of zstd */

	/* gzip: a ring of blocks; HEAD is being filled, TAIL is the oldest that has not gone out.
	 */
	pthread_t threads[THREADS_MAX];
	size_t n_threads, n_blocks;
	struct block *blocks;
	uint64_t head, tail;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool stop, begun;
	uint32_t crc;
	uint64_t size;
};

/* --- one block ----------------------------------------------------------------------------------
 */

static bool deflate_zlib(const struct encoder *e, struct block *b)
{
	z_stream z = { 0 };
	bool ok;

	if (deflateInit2(&z, e->level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	if (b->dict_len > 0)
		(void)deflateSetDictionary(&z, b->dict, (uInt)b->dict_len);
	z.next_in = b->in;
	z.avail_in = (uInt)b->in_len;
	z.next_out = b->out;
	z.avail_out = (uInt)b->out_cap;
	ok = deflate(&z, b->last ? Z_FINISH : Z_SYNC_FLUSH) == (b->last ? Z_STREAM_END : Z_OK) &&
	     z.avail_in == 0 && z.avail_out > 0;
	b->out_len = b->out_cap - z.avail_out;
	(void)deflateEnd(&z);
	return ok;
}

#ifdef HAVE_ISAL
static bool deflate_isal(const struct encoder *e, struct block *b)
{
	static const uint32_t sizes[] = { ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
					  ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT };
	cleanup_free uint8_t *memory = xmalloc(sizes[e->level]);
	cleanup_free struct isal_zstream *z = xmalloc(sizeof(*z));

	isal_deflate_init(z);
	z->level = (uint32_t)e->level;
	z->level_buf = memory;
	z->level_buf_size = sizes[e->level];
	z->flush = b->last ? NO_FLUSH : SYNC_FLUSH;
	z->end_of_stream = b->last;
	if (b->dict_len > 0 && isal_deflate_set_dict(z, b->dict, (uint32_t)b->dict_len) != COMP_OK)
		return false;
	z->next_in = b->in;
	z->avail_in = (uint32_t)b->in_len;
	z->next_out = b->out;
	z->avail_out = (uint32_t)b->out_cap;
	if (isal_deflate(z) != COMP_OK)
		return false;
	b->out_len = b->out_cap - z->avail_out;
	return z->avail_in == 0 && z->avail_out > 0;
}
#endif

static bool deflate_block(const struct encoder *e, struct block *b)
{
#ifdef HAVE_ISAL
	if (e->isal)
		return deflate_isal(e, b);
#endif
	return deflate_zlib(e, b);
}

static uint32_t checksum(uint32_t crc, const uint8_t *p, size_t len)
{
#ifdef HAVE_ISAL
	return crc32_gzip_refl(crc, p, len);
#else
	return (uint32_t)crc32(crc, p, (uInt)len);
#endif
}

/* --- threads ------------------------------------------------------------------------------------
 */

static struct block *block_at(struct encoder *e, uint64_t i)
{
	return &e->blocks[i % e->n_blocks];
}

static struct block *take_block(struct encoder *e)
{
	for (uint64_t i = e->tail; i < e->head; i++) {
		struct block *b = block_at(e, i);

		if (b->state == BLOCK_READY)
			return b;
	}
	return NULL;
}

static void *work(void *arg)
{
	struct encoder *e = arg;

	(void)pthread_mutex_lock(&e->mutex);
	while (!e->stop) {
		struct block *b = take_block(e);

		if (!b) {
			(void)pthread_cond_wait(&e->cond, &e->mutex);
			continue;
		}
		b->state = BLOCK_TAKEN;
		(void)pthread_mutex_unlock(&e->mutex);
		b->failed = !deflate_block(e, b);
		(void)pthread_mutex_lock(&e->mutex);
		b->state = BLOCK_DONE;
		(void)pthread_cond_broadcast(&e->cond);
	}
	(void)pthread_mutex_unlock(&e->mutex);
	return NULL;
}

/* The oldest block goes out. */
static int drain_one(struct encoder *e, struct cmk_err *err)
{
	struct block *b = block_at(e, e->tail);
	int r;

	(void)pthread_mutex_lock(&e->mutex);
	while (b->state != BLOCK_DONE)
		(void)pthread_cond_wait(&e->cond, &e->mutex);
	(void)pthread_mutex_unlock(&e->mutex);
	if (b->failed)
		return cmk_err_set(err, -EIO, "compress a block of gzip");
	r = e->fn(e->arg, b->out, b->out_len, err);
	b->state = BLOCK_FREE;
	b->in_len = b->dict_len = 0;
	e->tail++;
	return r;
}

/* The block at the head is full, or the last one. */
static int hand_over(struct encoder *e, bool last, struct cmk_err *err)
{
	struct block *b = block_at(e, e->head), *next;
	int r = 0;

	b->last = last;
	e->crc = checksum(e->crc, b->in, b->in_len);
	e->size += b->in_len;
	if (!last && e->head + 1 - e->tail == e->n_blocks)
		r = drain_one(e, err);
	if (r < 0)
		return r;
	if (!last) {
		next = block_at(e, e->head + 1);
		next->dict_len = MIN(b->in_len, (size_t)WINDOW);
		memcpy(next->dict, b->in + b->in_len - next->dict_len, next->dict_len);
	}
	(void)pthread_mutex_lock(&e->mutex);
	b->state = BLOCK_READY;
	e->head++;
	(void)pthread_cond_broadcast(&e->cond);
	(void)pthread_mutex_unlock(&e->mutex);
	return 0;
}

static int gzip_begin(struct encoder *e, struct cmk_err *err)
{
	/* No name, no time, system 255: the same bytes for the same input (RFC 1952, 2.3). */
	static const uint8_t header[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };

	e->begun = true;
	return e->fn(e->arg, header, sizeof(header), err);
}

static int gzip_put(struct encoder *e, const uint8_t *p, size_t len, struct cmk_err *err)
{
	int r = e->begun ? 0 : gzip_begin(e, err);

	while (r >= 0 && len > 0) {
		struct block *b = block_at(e, e->head);
		size_t n = MIN(len, BLOCK - b->in_len);

		memcpy(b->in + b->in_len, p, n);
		b->in_len += n;
		p += n;
		len -= n;
		if (b->in_len == BLOCK)
			r = hand_over(e, false, err);
	}
	return r;
}

static int gzip_finish(struct encoder *e, struct cmk_err *err)
{
	uint8_t trailer[8];
	int r = e->begun ? 0 : gzip_begin(e, err);

	if (r >= 0)
		r = hand_over(e, true, err);
	while (r >= 0 && e->tail < e->head)
		r = drain_one(e, err);
	for (size_t i = 0; i < 4; i++) {
		trailer[i] = (uint8_t)(e->crc >> (8 * i));
		trailer[4 + i] = (uint8_t)(e->size >> (8 * i));
	}
	return r < 0 ? r : e->fn(e->arg, trailer, sizeof(trailer), err);
}

static int gzip_start(struct encoder *e, size_t threads, struct cmk_err *err)
{
	e->n_blocks = 2 * threads + 1;
	e->blocks = xcalloc(e->n_blocks, sizeof(*e->blocks));
	for (size_t i = 0; i < e->n_blocks; i++) {
		struct block *b = &e->blocks[i];

		b->out_cap = BLOCK + BLOCK / 8 + 4096;
		b->in = xmalloc(BLOCK);
		b->dict = xmalloc(WINDOW);
		b->out = xmalloc(b->out_cap);
	}
	for (; e->n_threads < threads; e->n_threads++) {
		int r = pthread_create(&e->threads[e->n_threads], NULL, work, e);

		if (r != 0 && e->n_threads == 0)
			return cmk_err_set(err, -r, "start a thread: %s", errno_text(r));
		if (r != 0)
			break;
	}
	return 0;
}

/* --- zstd ---------------------------------------------------------------------------------------
 */

static int zstd_put(struct encoder *e, const void *p, size_t len, ZSTD_EndDirective end,
		    struct cmk_err *err)
{
	ZSTD_inBuffer in = { .src = p, .size = len };
	size_t left;

	do {
		ZSTD_outBuffer out = { .dst = e->out, .size = ZSTD_OUT };
		int r;

		left = ZSTD_compressStream2(e->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			return cmk_err_set(err, -EIO, "compress: %s", ZSTD_getErrorName(left));
		r = e->fn(e->arg, e->out, out.pos, err);
		if (r < 0)
			return r;
	} while (in.pos < in.size || (end == ZSTD_e_end && left > 0));
	return 0;
}

static int zstd_start(struct encoder *e, size_t threads, struct cmk_err *err)
{
	e->zstd = ZSTD_createCCtx();
	e->out = xmalloc(ZSTD_OUT);
	if (!e->zstd)
		return cmk_err_set(err, -ENOMEM, "compress");
	(void)ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel, e->level);
	(void)ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_checksumFlag, 1);
	/* A library without threads refuses this, and does it alone. */
	(void)ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_nbWorkers, (int)threads);
	return 0;
}

/* --- all kinds ----------------------------------------------------------------------------------
 */

int encoder_new(enum layer_compression kind, int level, size_t threads, encoder_fn fn, void *arg,
		struct encoder **ret, struct cmk_err *err)
{
	struct encoder *e = xcalloc(1, sizeof(*e));
	int r = 0;

	e->kind = kind;
	e->fn = fn;
	e->arg = arg;
	e->level = level;
	(void)pthread_mutex_init(&e->mutex, NULL);
	(void)pthread_cond_init(&e->cond, NULL);
	threads = MAX((size_t)1, MIN(threads, (size_t)THREADS_MAX));
#ifdef HAVE_ISAL
	e->isal = level <= ISAL_LEVEL_MAX;
	if (level < 0)
		e->level = ISAL_LEVEL;
#else
	if (level < 0)
		e->level = GZIP_LEVEL;
#endif
	if (kind == LAYER_ZSTD && level < 0)
		e->level = ZSTD_LEVEL;
	if (kind == LAYER_GZIP)
		r = gzip_start(e, threads, err);
	else if (kind == LAYER_ZSTD)
		r = zstd_start(e, threads, err);
	if (r < 0) {
		encoder_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

int encoder_put(struct encoder *e, const void *p, size_t len, struct cmk_err *err)
{
	switch (e->kind) {
	case LAYER_GZIP:
		return gzip_put(e, p, len, err);
	case LAYER_ZSTD:
		return zstd_put(e, p, len, ZSTD_e_continue, err);
	default:
		return e->fn(e->arg, p, len, err);
	}
}

int encoder_finish(struct encoder *e, struct cmk_err *err)
{
	switch (e->kind) {
	case LAYER_GZIP:
		return gzip_finish(e, err);
	case LAYER_ZSTD:
		return zstd_put(e, NULL, 0, ZSTD_e_end, err);
	default:
		return 0;
	}
}

void encoder_free(struct encoder *e)
{
	if (!e)
		return;
	(void)pthread_mutex_lock(&e->mutex);
	e->stop = true;
	(void)pthread_cond_broadcast(&e->cond);
	(void)pthread_mutex_unlock(&e->mutex);
	for (size_t i = 0; i < e->n_threads; i++)
		(void)pthread_join(e->threads[i], NULL);
	for (size_t i = 0; i < e->n_blocks; i++) {
		free(e->blocks[i].in);
		free(e->blocks[i].dict);
		free(e->blocks[i].out);
	}
	free(e->blocks);
	(void)ZSTD_freeCCtx(e->zstd);
	free(e->out);
	(void)pthread_mutex_destroy(&e->mutex);
	(void)pthread_cond_destroy(&e->cond);
	free(e);
}
