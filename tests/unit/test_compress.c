// SPDX-License-Identifier: Apache-2.0
/* What is compressed comes out again, and the same whatever the number of threads. */
#include <bzlib.h>
#include <lzma.h>

#include "storage/compress.h"
#include "storage/unpack.h"
#include "tests/unit/unit.h"

static int collect(void *arg, const void *p, size_t len, struct cmk_err *err)
{
	(void)err;
	strbuf_add(arg, p, len);
	return 0;
}

/* Bytes that compress, and some that do not. */
static void make_text(struct strbuf *sb, size_t len)
{
	uint32_t x = 12345;

	while (sb->len < len) {
		x = x * 1103515245 + 12345;
		if (x & 0x8000)
			strbuf_addf(sb, "line %u of some text\n", (x >> 16) & 1023);
		else
			strbuf_add(sb, &x, sizeof(x));
	}
}

static void compress(const struct strbuf *in, enum layer_compression kind, int level,
		     size_t threads, size_t piece, struct strbuf *out)
{
	struct encoder *e = NULL;

	strbuf_reset(out);
	assert_int_equal(encoder_new(kind, level, threads, collect, out, &e, NULL), 0);
	for (size_t i = 0; i < in->len; i += piece)
		assert_int_equal(encoder_put(e, in->data + i, MIN(piece, in->len - i), NULL), 0);
	assert_int_equal(encoder_finish(e, NULL), 0);
	encoder_free(e);
}

static void decompress(const struct strbuf *in, enum layer_compression kind, struct strbuf *out)
{
	struct decoder *d = decoder_new(kind);
	const uint8_t *p = (const uint8_t *)in->data;
	size_t left = in->len, n;

	strbuf_reset(out);
	do {
		uint8_t buf[4096];

		assert_int_equal(decoder_run(d, &p, &left, buf, sizeof(buf), &n, NULL), 0);
		strbuf_add(out, buf, n);
	} while (n > 0 || left > 0);
	assert_int_equal(decoder_end(d, NULL), 0);
	decoder_free(d);
}

static void round_trip(size_t len)
{
	static const int levels[] = { -1, 1, 3, 5, 9 };
	static const enum layer_compression kinds[] = { LAYER_GZIP, LAYER_ZSTD };
	cleanup_strbuf struct strbuf text = STRBUF_INIT, one = STRBUF_INIT, three = STRBUF_INIT,
				     back = STRBUF_INIT;

	make_text(&text, len);
	text.len = len;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
			compress(&text, kinds[k], levels[i], 1, 100000, &one);
			compress(&text, kinds[k], levels[i], 3, 777, &three);
			assert_int_equal(one.len, three.len);
			assert_memory_equal(one.data, three.data, one.len);
			assert_true(len < 10000 || one.len < len);
			decompress(&one, kinds[k], &back);
			assert_int_equal(back.len, len);
			if (len > 0)
				assert_memory_equal(back.data, text.data, len);
		}
}

static void all_comes_back(void **state cmk_unused)
{
	round_trip(1000);
	round_trip(3000000);
}

static void at_the_edges(void **state cmk_unused)
{
	round_trip(0);
	round_trip(512 << 10);
	round_trip(2 * (512 << 10) + 1);
}

static int refuse(void *arg, const void *p, size_t len, struct cmk_err *err)
{
	(void)arg;
	(void)p;
	(void)len;
	return cmk_err_set(err, -EPIPE, "nobody reads");
}

static void a_failed_write_is_told(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct encoder *e = NULL;
	int r = 0;

	make_text(&text, 1 << 20);
	assert_int_equal(encoder_new(LAYER_GZIP, -1, 2, refuse, NULL, &e, NULL), 0);
	for (int i = 0; i < 20 && r == 0; i++)
		r = encoder_put(e, text.data, text.len, NULL);
	assert_int_equal(r, -EPIPE);
	encoder_free(e);
}

/* One stream, of what nobody here writes. */
static void add_stream(struct strbuf *out, enum layer_compression kind, const struct strbuf *text)
{
	size_t cap = text->len + 10000, pos = 0;
	unsigned int len = (unsigned int)cap;
	cleanup_free uint8_t *buf = xmalloc(cap);

	if (kind == LAYER_XZ)
		assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL,
							 (const uint8_t *)text->data, text->len,
							 buf, &pos, cap),
				 LZMA_OK);
	else
		assert_int_equal(BZ2_bzBuffToBuffCompress((char *)buf, &len, text->data,
							  (unsigned int)text->len, 1, 0, 0),
				 BZ_OK);
	strbuf_add(out, buf, kind == LAYER_XZ ? pos : len);
}

/* In pieces of LEN bytes; how it ends. */
static int read_pieces(struct decoder *d, const struct strbuf *in, size_t len, struct strbuf *out)
{
	strbuf_reset(out);
	for (size_t at = 0; at < in->len; at += len) {
		const uint8_t *p = (const uint8_t *)in->data + at;
		size_t left = MIN(len, in->len - at), n;
		uint8_t buf[1000];
		int r;

		do {
			r = decoder_run(d, &p, &left, buf, sizeof(buf), &n, NULL);
			if (r < 0)
				return r;
			strbuf_add(out, buf, n);
		} while (n > 0 || left > 0);
	}
	return decoder_end(d, NULL);
}

static void xz_and_bzip2_are_read(void **state cmk_unused)
{
	static const enum layer_compression kinds[] = { LAYER_XZ, LAYER_BZIP2 };
	static const size_t lens[] = { 1, 7, 1 << 20 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT, packed = STRBUF_INIT, back = STRBUF_INIT;

	make_text(&text, 50000);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct decoder *d = decoder_new(kinds[k]);

		strbuf_reset(&packed);
		add_stream(&packed, kinds[k], &text);
		add_stream(&packed, kinds[k], &text);
		assert_int_equal(decoder_detect((uint8_t *)packed.data, packed.len), kinds[k]);
		for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
			decoder_restart(d);
			assert_int_equal(read_pieces(d, &packed, lens[i], &back), 0);
			assert_int_equal(back.len, 2 * text.len);
			assert_memory_equal(back.data, text.data, text.len);
			assert_memory_equal(back.data + text.len, text.data, text.len);
		}
		/* In the middle of the second. */
		packed.len -= 20;
		decoder_restart(d);
		assert_int_equal(read_pieces(d, &packed, 1000, &back), -EBADMSG);
		decoder_free(d);
	}
}

/* After a failure, too. */
static void a_decoder_is_used_again(void **state cmk_unused)
{
	static const enum layer_compression kinds[] = { LAYER_GZIP, LAYER_ZSTD };
	cleanup_strbuf struct strbuf text = STRBUF_INIT, packed = STRBUF_INIT, back = STRBUF_INIT;

	make_text(&text, 50000);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct decoder *d = decoder_new(kinds[k]);
		size_t len;

		compress(&text, kinds[k], -1, 1, text.len, &packed);
		len = packed.len;
		packed.len = len / 2;
		assert_int_equal(read_pieces(d, &packed, 1000, &back), -EBADMSG);
		packed.len = len;
		decoder_restart(d);
		assert_int_equal(read_pieces(d, &packed, 1000, &back), 0);
		assert_int_equal(back.len, text.len);
		decoder_free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_comes_back),	   cmocka_unit_test(at_the_edges),
		cmocka_unit_test(a_failed_write_is_told),  cmocka_unit_test(xz_and_bzip2_are_read),
		cmocka_unit_test(a_decoder_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
