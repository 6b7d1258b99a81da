// SPDX-License-Identifier: Apache-2.0
/* Streams from parts of blobs: what tables of contents may say, and that what is put together is
 * the stream that it was. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "storage/chunked.h"
#include "storage/compress.h"
#include "storage/tar_split.h"
#include "unit.h"

#include <nettle/base64.h>

#define SUM "sha256:0000000000000000000000000000000000000000000000000000000000000001"
#define FILE_A "{\"type\":\"reg\",\"name\":\"a\",\"size\":5,\"digest\":\"" SUM "\""
#define LIMIT 1000

static int parse(const char *entries, enum layer_chunking kind, struct toc *t, struct cmk_err *err)
{
	cleanup_free char *text = xasprintf("{\"version\":1,\"entries\":[%s]}", entries);

	return toc_parse(text, strlen(text), kind, LIMIT, t, err);
}

static void refuses(const char *entries, enum layer_chunking kind, const char *why)
{
	struct toc t = { 0 };
	struct cmk_err err = CMK_ERR_INIT;

	assert_true(parse(entries, kind, &t, &err) < 0);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s': '%s' does not say '%s'", entries, cmk_err_msg(&err), why);
	cmk_err_done(&err);
}

static void test_bad_tables(void **state)
{
	(void)state;
	refuses("{\"type\":\"reg\"}", CHUNKED_ZSTD, "without type or name");
	refuses("{\"type\":\"odd\",\"name\":\"a\"}", CHUNKED_ZSTD, "unknown type");
	refuses("{\"type\":\"dir\",\"name\":\"../a\"}", CHUNKED_ZSTD, "leads out");
	refuses("{\"type\":\"dir\",\"name\":\"a/\"},{\"type\":\"reg\",\"name\":\"./a\"}",
		CHUNKED_ZSTD, "twice");
	refuses("{\"type\":\"reg\",\"name\":\"a\",\"size\":-1}", CHUNKED_ZSTD, "impossible 'size'");
	refuses("{\"type\":\"reg\",\"name\":\"a\",\"size\":9223372036854775808}", CHUNKED_ZSTD,
		"impossible 'size'");
	refuses("{\"type\":\"reg\",\"name\":\"a\",\"size\":5}", CHUNKED_ZSTD, "without a digest");
	refuses(FILE_A ",\"offset\":1000,\"endOffset\":1001}", CHUNKED_ZSTD, "beyond");
	refuses(FILE_A ",\"offset\":10,\"endOffset\":1001}", CHUNKED_ZSTD, "impossible place");
	refuses(FILE_A ",\"offset\":10,\"endOffset\":10}", CHUNKED_ZSTD, "impossible place");
	refuses(FILE_A ",\"offset\":10,\"endOffset\":20,\"chunkSize\":6}", CHUNKED_ZSTD,
		"impossible size");
	refuses(FILE_A ",\"offset\":10,\"endOffset\":20,\"chunkSize\":4}", CHUNKED_ZSTD,
		"not the whole file");
	refuses(FILE_A ",\"offset\":10,\"endOffset\":20,\"chunkSize\":4},{\"type\":\"chunk\","
		       "\"name\":\"b\"}",
		CHUNKED_ZSTD, "no file");
	refuses(FILE_A ",\"offset\":10,\"endOffset\":20,\"chunkSize\":4},{\"type\":\"chunk\","
		       "\"name\":\"a\","
		       "\"chunkOffset\":3,\"offset\":12}",
		CHUNKED_ZSTD, "do not follow");
	refuses(FILE_A ",\"offset\":10,\"endOffset\":20,\"chunkSize\":4},{\"type\":\"chunk\","
		       "\"name\":\"a\","
		       "\"chunkOffset\":4,\"offset\":10}",
		CHUNKED_ZSTD, "overlaps");
	refuses(FILE_A
		",\"offset\":10,\"endOffset\":30},{\"type\":\"reg\",\"name\":\"b\",\"size\":1,"
		"\"digest\":\"" SUM "\",\"offset\":20,\"endOffset\":40}",
		CHUNKED_ZSTD, "overlaps");
	refuses(FILE_A ",\"offset\":10,\"chunkType\":\"odd\"}", CHUNKED_ZSTD, "unknown kind");
	refuses(FILE_A ",\"offset\":10,\"innerOffset\":3}", CHUNKED_ESTARGZ, "innerOffset");
}

/* --- a blob with its parts, and a store with one file --- */

#define HERE 300000  /* bytes of the file that the store has */
#define THERE 200000 /* bytes of the one that it has not, in two chunks */
#define CUT 120000
#define LAYER "1111111111111111111111111111111111111111111111111111111111111111"

struct fixture {
	char dir[64];
	int layers, blob;
	uint64_t at; /* the blob's end */
	struct strbuf stream, entries, lines;
	uint8_t *here, *there;
};

static int collect(void *arg, const void *p, size_t len, struct cmk_err *err)
{
	(void)err;
	strbuf_add(arg, p, len);
	return 0;
}

/* Adds P, compressed, to the blob; where it begins. */
static uint64_t add_part(struct fixture *f, enum layer_compression kind, const void *p, size_t len)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct encoder *e = NULL;
	uint64_t at = f->at;

	assert_int_equal(encoder_new(kind, -1, 1, collect, &out, &e, NULL), 0);
	assert_int_equal(encoder_put(e, p, len, NULL), 0);
	assert_int_equal(encoder_finish(e, NULL), 0);
	encoder_free(e);
	assert_int_equal(pwrite(f->blob, out.data, out.len, (off_t)at), out.len);
	f->at += out.len;
	return at;
}

static void add_segment(struct fixture *f, const char *text)
{
	char out[1024] = "";

	assert_true(BASE64_ENCODE_RAW_LENGTH(strlen(text)) < sizeof(out));
	base64_encode_raw(out, strlen(text), (const uint8_t *)text);
	strbuf_adds(&f->stream, text);
	strbuf_addf(&f->lines, "{\"type\":2,\"payload\":\"%s\",\"position\":0}\n", out);
}

static void add_file(struct fixture *f, const char *name, const uint8_t *p, size_t len)
{
	strbuf_add(&f->stream, p, len);
	strbuf_addf(&f->lines, "{\"type\":1,\"name\":\"%s\",\"size\":%zu,\"payload\":\"AAAA\"}\n",
		    name, len);
}

/* The layer's directory, with its one file and what is kept beside it. */
static void make_store(struct fixture *f, const uint8_t *p, size_t len)
{
	cleanup_close int layer = -1, diff = -1, file = -1;
	struct tar_split *split = NULL;
	const struct tar_tap *tap;

	f->layers = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->layers >= 0);
	assert_int_equal(mkdirat(f->layers, "other", 0755), 0);
	assert_int_equal(mkdirat(f->layers, LAYER, 0755), 0);
	layer = openat(f->layers, LAYER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(layer, "diff", 0755), 0);
	diff = openat(layer, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file = openat(diff, "old", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write_all(file, p, len), 0);
	assert_int_equal(tar_split_new(layer, &split, NULL), 0);
	tap = tar_split_tap(split);
	tap->bytes(tap->arg, "head", 4);
	tap->data(tap->arg, "old", 0, p, len);
	assert_int_equal(tar_split_finish(split, NULL), 0);
	tar_split_free(split);
}

static const char *sum_of(const uint8_t *p, size_t len, char buf[static 72])
{
	struct digest d;

	digest_of(p, len, &d);
	return digest_str(&d, buf);
}

static void begin(struct fixture *f)
{
	uint32_t x = 1;

	*f = (struct fixture){ .blob = memfd_create("blob", MFD_CLOEXEC) };
	unit_tmpdir(f->dir);
	f->here = xmalloc(HERE);
	f->there = xmalloc(THERE);
	for (size_t i = 0; i < HERE; i++)
		f->here[i] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
	for (size_t i = 0; i < THERE; i++)
		f->there[i] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
	make_store(f, f->here, HERE);
}

static void end(struct fixture *f)
{
	(void)close(f->layers);
	(void)close(f->blob);
	assert_int_equal(remove_tree_at(AT_FDCWD, f->dir, NULL), 0);
	strbuf_done(&f->stream);
	strbuf_done(&f->entries);
	strbuf_done(&f->lines);
	free(f->here);
	free(f->there);
}

/* What is in no planned range becomes junk: nothing else may be read. */
static uint64_t keep_only(struct fixture *f, const struct layer_range *list, size_t n,
			  uint64_t limit)
{
	static char junk[1 << 16];
	uint64_t at = 0, kept = 0;

	memset(junk, 'J', sizeof(junk));
	for (size_t i = 0; i <= n; i++) {
		uint64_t to = i < n ? list[i].offset : limit;

		while (at < to) {
			size_t len = (size_t)MIN(to - at, (uint64_t)sizeof(junk));

			assert_int_equal(pwrite(f->blob, junk, len, (off_t)at), len);
			at += len;
		}
		if (i == n)
			break;
		at = list[i].offset + list[i].len;
		kept += list[i].len;
	}
	return kept;
}

static int join(struct fixture *f, enum layer_chunking kind, const char *split_sum, uint64_t limit,
		uint64_t split_at, struct strbuf *out, uint64_t *kept, struct cmk_err *err)
{
	cleanup_free char *text = xasprintf(
		"{\"version\":1,\"entries\":[%s],\"tarSplitDigest\":\"%s\"}",
		strbuf_str(&f->entries), split_sum);
	cleanup_close int to = memfd_create("out", MFD_CLOEXEC);
	cleanup_free struct layer_range *list = NULL;
	struct toc_search *search = NULL;
	struct toc t = { 0 };
	struct toc_join j = { .blob_fd = f->blob, .out_fd = to, .toc = &t, .limit = limit };
	size_t n = 0;
	int r = toc_parse(text, strlen(text), kind, limit, &t, err);

	if (r < 0)
		return r;
	assert_int_equal(toc_search(f->layers, &t, &search, err), 0);
	toc_plan(&t, limit, &list, &n);
	*kept = keep_only(f, list, n, limit);
	j.search = search;
	j.split_offset = split_at;
	j.split_len = f->at - split_at;
	r = toc_join(&j, err);
	if (r == 0) {
		char *got = NULL;

		assert_int_equal(lseek(to, 0, SEEK_SET), 0);
		assert_int_equal(file_read_fd(to, 1 << 20, &got, &out->len, NULL), 0);
		out->data = got;
	}
	toc_search_free(search);
	toc_done(&t);
	return r;
}

/* The blob of two files, the second in two chunks, with a third of zeros. */
static void make_blob(struct fixture *f, enum layer_compression kind)
{
	char a[72], b[72], c[72];
	uint64_t p[6];

	add_segment(f, "header of here");
	(void)add_part(f, kind, "header of here", 14);
	p[0] = add_part(f, kind, f->here, HERE);
	p[1] = f->at;
	add_file(f, "new/here", f->here, HERE);
	add_segment(f, "header of there");
	(void)add_part(f, kind, "header of there", 15);
	p[2] = add_part(f, kind, f->there, CUT);
	p[3] = add_part(f, kind, f->there + CUT, THERE - CUT);
	p[4] = f->at;
	add_file(f, "there", f->there, THERE);
	add_segment(f, "the end");
	(void)add_part(f, kind, "the end", 7);
	strbuf_addf(&f->entries,
		    "{\"type\":\"reg\",\"name\":\"new/"
		    "here\",\"size\":%d,\"digest\":\"%s\",\"offset\":%llu,"
		    "\"endOffset\":%llu},",
		    HERE, sum_of(f->here, HERE, a), (unsigned long long)p[0],
		    (unsigned long long)p[1]);
	strbuf_addf(&f->entries,
		    "{\"type\":\"reg\",\"name\":\"there\",\"size\":%d,\"digest\":\"%s\",\"offset\":"
		    "%llu,"
		    "\"endOffset\":%llu,\"chunkSize\":%d,\"chunkDigest\":\"%s\"},",
		    THERE, sum_of(f->there, THERE, a), (unsigned long long)p[2],
		    (unsigned long long)p[4], CUT, sum_of(f->there, CUT, b));
	strbuf_addf(&f->entries,
		    "{\"type\":\"chunk\",\"name\":\"there\",\"offset\":%llu,\"chunkOffset\":%d,"
		    "\"chunkSize\":%d,\"chunkDigest\":\"%s\"}",
		    (unsigned long long)p[3], CUT, THERE - CUT,
		    sum_of(f->there + CUT, THERE - CUT, c));
}

static void expect(struct fixture *f, const char *split_sum, uint64_t limit, uint64_t split_at,
		   enum layer_chunking kind)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct cmk_err err = CMK_ERR_INIT;
	uint64_t kept = 0;

	if (join(f, kind, split_sum, limit, split_at, &out, &kept, &err) < 0)
		fail_msg("%s", cmk_err_msg(&err));
	assert_int_equal(out.len, f->stream.len);
	assert_memory_equal(out.data, f->stream.data, out.len);
	assert_true(kept >= THERE && kept < THERE + 65536);
}

static void test_without_split(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	make_blob(&f, LAYER_ZSTD);
	expect(&f, "", f.at, f.at, CHUNKED_ZSTD);
	end(&f);
}

static uint64_t add_split(struct fixture *f, char sum[static 72])
{
	uint64_t at = add_part(f, LAYER_ZSTD, f->lines.data, f->lines.len);
	cleanup_free uint8_t *p = xmalloc(f->at - at);

	assert_int_equal(pread(f->blob, p, f->at - at, (off_t)at), f->at - at);
	(void)sum_of(p, f->at - at, sum);
	return at;
}

static void test_with_split(void **state)
{
	struct fixture f;
	uint64_t at;
	char sum[72];

	(void)state;
	begin(&f);
	make_blob(&f, LAYER_ZSTD);
	at = add_split(&f, sum);
	expect(&f, sum, at, at, CHUNKED_ZSTD);
	end(&f);
}

static void fails(struct fixture *f, const char *sum, uint64_t at, const char *why)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct cmk_err err = CMK_ERR_INIT;
	uint64_t kept = 0;

	assert_int_equal(join(f, CHUNKED_ZSTD, sum, at, at, &out, &kept, &err), -EBADMSG);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s' does not say '%s'", cmk_err_msg(&err), why);
	cmk_err_done(&err);
}

static void test_bad_parts(void **state)
{
	struct fixture f;
	uint64_t at;
	char sum[72];

	(void)state;
	/* Another digest of the record. */
	begin(&f);
	make_blob(&f, LAYER_ZSTD);
	at = add_split(&f, sum);
	fails(&f, SUM, at, "another digest");
	end(&f);
	/* A file more, a file less, another size than the table has. */
	for (int i = 0; i < 3; i++) {
		begin(&f);
		make_blob(&f, LAYER_ZSTD);
		if (i == 0)
			add_file(&f, "more", f.here, HERE);
		if (i == 1)
			strbuf_reset(&f.lines);
		if (i == 2) {
			strbuf_reset(&f.lines);
			add_file(&f, "new/here", f.here, 1);
		}
		at = add_split(&f, sum);
		fails(&f, sum, at, i == 0 ? "more files" : i == 1 ? "fewer files" : "another size");
		end(&f);
	}
	/* The store's file was changed. */
	begin(&f);
	make_blob(&f, LAYER_ZSTD);
	at = add_split(&f, sum);
	{
		cleanup_close int fd = openat(f.layers, LAYER "/diff/old", O_WRONLY | O_CLOEXEC);

		assert_int_equal(pwrite(fd, "X", 1, 1000), 1);
	}
	fails(&f, sum, at, "damaged");
	end(&f);
}

/* In an eStargz what follows a file's data is in the member of its last chunk: of a file that is
 * here that one is read all the same. */
static void test_estargz(void **state)
{
	cleanup_strbuf struct strbuf last = STRBUF_INIT;
	struct fixture f;
	uint64_t p[2];
	char sum[72];

	(void)state;
	begin(&f);
	(void)add_part(&f, LAYER_GZIP, "header", 6);
	p[0] = add_part(&f, LAYER_GZIP, f.here, HERE - 1000);
	strbuf_add(&last, f.here + HERE - 1000, 1000);
	strbuf_adds(&last, "next header");
	p[1] = add_part(&f, LAYER_GZIP, last.data, last.len);
	(void)add_part(&f, LAYER_GZIP, f.there, THERE);
	strbuf_adds(&f.stream, "header");
	strbuf_add(&f.stream, f.here, HERE);
	strbuf_adds(&f.stream, "next header");
	strbuf_add(&f.stream, f.there, THERE);
	strbuf_addf(
		&f.entries,
		"{\"type\":\"reg\",\"name\":\"here\",\"size\":%d,\"digest\":\"%s\",\"offset\":%llu,"
		"\"chunkSize\":%d},{\"type\":\"chunk\",\"name\":\"here\",\"offset\":%llu,"
		"\"chunkOffset\":%d}",
		HERE, sum_of(f.here, HERE, sum), (unsigned long long)p[0], HERE - 1000,
		(unsigned long long)p[1], HERE - 1000);
	expect(&f, "", f.at, f.at, CHUNKED_ESTARGZ);
	end(&f);
}

static void test_footer(void **state)
{
	uint8_t footer[ESTARGZ_FOOTER] = { 0x1f, 0x8b, 8,  4, 0,   0,	0,  0,
					   0,	 255,  26, 0, 'S', 'G', 22, 0 };
	struct layer_range r;

	(void)state;
	memcpy(footer + 16, "00000000000003e8STARGZ", 22);
	assert_int_equal(storage_estargz_footer(footer, 2000, &r, NULL), 0);
	assert_int_equal(r.offset, 1000);
	assert_int_equal(r.len, 2000 - 51 - 1000);
	assert_int_equal(storage_estargz_footer(footer, 1000, &r, NULL), -EBADMSG);
	footer[16] = 'f';
	assert_int_equal(storage_estargz_footer(footer, 2000, &r, NULL), -EBADMSG);
	footer[16] = 'x';
	assert_int_equal(storage_estargz_footer(footer, 2000, &r, NULL), -EBADMSG);
	footer[16] = '0';
	footer[32] = 's';
	assert_int_equal(storage_estargz_footer(footer, 2000, &r, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_tables), cmocka_unit_test(test_without_split),
		cmocka_unit_test(test_with_split), cmocka_unit_test(test_bad_parts),
		cmocka_unit_test(test_estargz),	   cmocka_unit_test(test_footer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
