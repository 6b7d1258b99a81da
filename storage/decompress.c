// SPDX-License-Identifier: Apache-2.0
/*
 * gzip (RFC 1952, several members after each other as pigz and stargz write), zstd (several
 * frames), and nothing. isa-l's inflate where it is there: about three times as fast as zlib's.
 */
#include <zstd.h>

#include "storage/unpack.h"

#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

struct decoder {
	enum layer_compression kind;
	bool inside; /* a member or frame is open */
	uint64_t n;  /* members or frames begun */
#ifdef HAVE_ISAL
	struct inflate_state inflate;
#else
	z_stream inflate;
#endif
	ZSTD_DStream *zstd;
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
#ifndef HAVE_ISAL
	if (d->kind == LAYER_GZIP)
		(void)inflateEnd(&d->inflate);
#endif
	free(d);
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
	s->avail_in = (uint32_t)MIN(*in_len, (size_t)1 << 30);
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
	s->avail_in = (uInt)MIN(*in_len, (size_t)1 << 30);
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

int decoder_run(struct decoder *d, const uint8_t **in, size_t *in_len, uint8_t *out, size_t cap,
		size_t *ret_len, struct cmk_err *err)
{
	size_t n = MIN(*in_len, cap);

	*ret_len = 0;
	/* A decoder may still hold output when its input has been taken, but only of an open
	 * member. */
	if (*in_len == 0 && !d->inside)
		return 0;
	if (d->kind == LAYER_GZIP)
		return gzip_run(d, in, in_len, out, cap, ret_len, err);
	if (d->kind == LAYER_ZSTD)
		return zstd_run(d, in, in_len, out, cap, ret_len, err);
	memcpy(out, *in, n);
	*in += n;
	*in_len -= n;
	*ret_len = n;
	return 0;
}

int decoder_end(const struct decoder *d, struct cmk_err *err)
{
	if (d->kind == LAYER_TAR || (!d->inside && d->n > 0))
		return 0;
	return cmk_err_set(err, -EBADMSG, "the %s data is cut short",
			   d->kind == LAYER_GZIP ? "gzip" : "zstd");
}
