// SPDX-License-Identifier: Apache-2.0
/*
 * gzip (RFC 1952, several members after each other as pigz and stargz write), zstd (several
 * frames), xz and bzip2 (several streams), and nothing. isa-l's inflate where it is there: about
 * three times as fast as zlib's.
 */
#include <bzlib.h>
#include <lzma.h>
#include <zstd.h>

#include "storage/unpack.h"

#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

/* A dictionary of 128 MiB, as zstd's largest window is, and what xz's decoder wants beside it. */
#define XZ_MEMORY_MAX ((uint64_t)136 << 20)
#define INPUT_MAX ((size_t)1 << 30) /* of one call: their counts have 32 bits */

struct decoder {
	enum layer_compression kind;
	bool inside; /* a member, frame or stream is open */
	uint64_t n;  /* members, frames or streams begun */
#ifdef HAVE_ISAL
	struct inflate_state inflate;
#else
	z_stream inflate;
#endif
	ZSTD_DStream *zstd;
	lzma_stream xz;
	bz_stream bzip2;
};

struct decoder *decoder_new(enum layer_compression kind)
{
	struct decoder *d = xcalloc(1, sizeof(*d));

	d->kind = kind;
	if (kind == LAYER_ZSTD)
		d->zstd = ZSTD_createDStream();
#ifdef HAVE_ISAL
	isal_inflate_init(&d->inflate);
#else
	if (kind == LAYER_GZIP && inflateInit2(&d->inflate, 15 + 16) != Z_OK)
		abort();
#endif
	return d;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	(void)ZSTD_freeDStream(d->zstd);
	lzma_end(&d->xz);
	(void)BZ2_bzDecompressEnd(&d->bzip2);
#ifndef HAVE_ISAL
	if (d->kind == LAYER_GZIP)
		(void)inflateEnd(&d->inflate);
#endif
	free(d);
}

void decoder_restart(struct decoder *d)
{
	if (d->zstd)
		(void)ZSTD_DCtx_reset(d->zstd, ZSTD_reset_session_only);
	d->inside = false;
	d->n = 0;
}

static int damaged(const char *what, struct cmk_err *err)
{
	return cmk_err_set(err, -EBADMSG, "damaged %s data", what);
}

#ifdef HAVE_ISAL
static int gzip_run(struct decoder *d, const uint8_t **in, size_t *in_len, uint8_t *out, size_t cap,
		    size_t *ret_len, struct cmk_err *err)
{
	struct inflate_state *s = &d->inflate;
	int r;

	if (!d->inside) {
		isal_inflate_reset(s);
		s->crc_flag = ISAL_GZIP;
		d->inside = true;
		d->n++;
	}
	s->next_in = (uint8_t *)*in;
	s->avail_in = (uint32_t)MIN(*in_len, INPUT_MAX);
	*in_len -= s->avail_in;
	s->next_out = out;
	s->avail_out = (uint32_t)cap;
	r = isal_inflate(s);
	*in = s->next_in;
	*in_len += s->avail_in;
	*ret_len = cap - s->avail_out;
	if (r < 0 || r == ISAL_NEED_DICT)
		return damaged("gzip", err);
	if (s->block_state == ISAL_BLOCK_FINISH)
		d->inside = false;
	return 0;
}
#else
static int gzip_run(struct decoder *d, const uint8_t **in, size_t *in_len, uint8_t *out, size_t cap,
		    size_t *ret_len, struct cmk_err *err)
{
	z_stream *s = &d->inflate;
	int r;

	if (!d->inside) {
		(void)inflateReset(s);
		d->inside = true;
		d->n++;
	}
	s->next_in = (uint8_t *)*in;
	s->avail_in = (uInt)MIN(*in_len, INPUT_MAX);
	*in_len -= s->avail_in;
	s->next_out = out;
	s->avail_out = (uInt)cap;
	r = inflate(s, Z_NO_FLUSH);
	*in = s->next_in;
	*in_len += s->avail_in;
	*ret_len = cap - s->avail_out;
	if (r == Z_STREAM_END)
		d->inside = false;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return damaged("gzip", err);
	return 0;
}
#endif

static int zstd_run(struct decoder *d, const uint8_t **in, size_t *in_len, uint8_t *out, size_t cap,
		    size_t *ret_len, struct cmk_err *err)
{
	ZSTD_inBuffer i = { *in, *in_len, 0 };
	ZSTD_outBuffer o = { out, cap, 0 };
	size_t r;

	if (!d->inside)
		d->n++;
	r = ZSTD_decompressStream(d->zstd, &o, &i);
	*in += i.pos;
	*in_len -= i.pos;
	*ret_len = o.pos;
	if (ZSTD_isError(r))
		return cmk_err_set(err, -EBADMSG, "damaged zstd data: %s", ZSTD_getErrorName(r));
	d->inside = r != 0;
	return 0;
}

/* Streams after each other, and the padding between them, are the library's matter. */
static int xz_begin(struct decoder *d, struct cmk_err *err)
{
	lzma_ret r = lzma_stream_decoder(&d->xz, XZ_MEMORY_MAX, LZMA_CONCATENATED);

	if (r != LZMA_OK)
		return cmk_err_set(err, -ENOMEM, "xz: there is no memory");
	d->inside = true;
	d->n++;
	return 0;
}

static int xz_failed(struct decoder *d, lzma_ret r, struct cmk_err *err)
{
	if (r == LZMA_MEMLIMIT_ERROR)
		return cmk_err_set(err, -EFBIG,
				   "the xz data wants %llu MiB of memory, more than the %llu MiB "
				   "that it may have",
				   (unsigned long long)(lzma_memusage(&d->xz) >> 20),
				   (unsigned long long)(XZ_MEMORY_MAX >> 20));
	if (r == LZMA_MEM_ERROR)
		return cmk_err_set(err, -ENOMEM, "xz: there is no memory");
	return damaged("xz", err);
}

static int xz_run(struct decoder *d, const uint8_t **in, size_t *in_len, uint8_t *out, size_t cap,
		  size_t *ret_len, struct cmk_err *err)
{
	int q = d->inside ? 0 : xz_begin(d, err);
	lzma_stream *s = &d->xz;
	lzma_ret r;

	if (q < 0)
		return q;
	s->next_in = *in;
	s->avail_in = *in_len;
	s->next_out = out;
	s->avail_out = cap;
	r = lzma_code(s, LZMA_RUN);
	*in = s->next_in;
	*in_len = s->avail_in;
	*ret_len = cap - s->avail_out;
	/* That it cannot go on without more input is no failure. */
	return r == LZMA_OK || r == LZMA_BUF_ERROR ? 0 : xz_failed(d, r, err);
}

/* The last stream is complete only if nothing follows. */
static void xz_end(struct decoder *d)
{
	d->xz.avail_in = d->xz.avail_out = 0;
	if (d->inside && lzma_code(&d->xz, LZMA_FINISH) == LZMA_STREAM_END)
		d->inside = false;
}

static int bzip2_begin(struct decoder *d, struct cmk_err *err)
{
	(void)BZ2_bzDecompressEnd(&d->bzip2);
	d->bzip2 = (bz_stream){ 0 };
	if (BZ2_bzDecompressInit(&d->bzip2, 0, 0) != BZ_OK)
		return cmk_err_set(err, -ENOMEM, "bzip2: there is no memory");
	d->inside = true;
	d->n++;
	return 0;
}

static int bzip2_run(struct decoder *d, const uint8_t **in, size_t *in_len, uint8_t *out,
		     size_t cap, size_t *ret_len, struct cmk_err *err)
{
	int r = d->inside ? 0 : bzip2_begin(d, err);
	bz_stream *s = &d->bzip2;

	if (r < 0)
		return r;
	s->next_in = (char *)(uintptr_t)*in;
	s->avail_in = (unsigned int)MIN(*in_len, INPUT_MAX);
	*in_len -= s->avail_in;
	s->next_out = (char *)out;
	s->avail_out = (unsigned int)cap;
	r = BZ2_bzDecompress(s);
	*in = (const uint8_t *)s->next_in;
	*in_len += s->avail_in;
	*ret_len = cap - s->avail_out;
	if (r == BZ_STREAM_END)
		d->inside = false;
	else if (r == BZ_MEM_ERROR)
		return cmk_err_set(err, -ENOMEM, "bzip2: there is no memory");
	else if (r != BZ_OK)
		return damaged("bzip2", err);
	return 0;
}

static int plain_run(struct decoder *d cmk_unused, const uint8_t **in, size_t *in_len, uint8_t *out,
		     size_t cap, size_t *ret_len, struct cmk_err *err cmk_unused)
{
	size_t n = MIN(*in_len, cap);

	memcpy(out, *in, n);
	*in += n;
	*in_len -= n;
	*ret_len = n;
	return 0;
}

int decoder_run(struct decoder *d, const uint8_t **in, size_t *in_len, uint8_t *out, size_t cap,
		size_t *ret_len, struct cmk_err *err)
{
	static int (*const run[])(struct decoder *, const uint8_t **, size_t *, uint8_t *, size_t,
				  size_t *, struct cmk_err *) = {
		[LAYER_TAR] = plain_run, [LAYER_GZIP] = gzip_run,   [LAYER_ZSTD] = zstd_run,
		[LAYER_XZ] = xz_run,	 [LAYER_BZIP2] = bzip2_run,
	};

	*ret_len = 0;
	/* A decoder may still hold output when its input has been taken, but only of an open
	 * member. */
	if (*in_len == 0 && !d->inside)
		return 0;
	return run[d->kind](d, in, in_len, out, cap, ret_len, err);
}

int decoder_end(struct decoder *d, struct cmk_err *err)
{
	if (d->kind == LAYER_XZ)
		xz_end(d);
	if (d->kind == LAYER_TAR || (!d->inside && d->n > 0))
		return 0;
	return cmk_err_set(err, -EBADMSG, "the %s data is cut short",
			   layer_compression_name(d->kind));
}
