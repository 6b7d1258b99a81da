// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-chunked: makes a layer's tar stream of parts of its blob and of files of other layers; see
 * chunked.h.
 *
 * It is started inside the parent user namespace, since files belong to subordinate ids. Before it
 * reads the first byte it has the layers' directory as its root, no_new_privs, the capabilities to
 * read any file, and a seccomp filter without writing to files.
 *
 * It may: read files below that directory (Landlock), write to what is open. No socket, no process.
 */
#include <signal.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "storage/chunked.h"
#include "storage/confine.h"

#define ESTARGZ_TOC "stargz.index.json"

struct chunked {
	pid_t parent;
	uint64_t blob_size;
	struct layer_toc where;
	struct toc toc;
	struct toc_search *search;
};

static int parse_args(struct chunked *c, int argc, char **argv, struct cmk_err *err)
{
	uint64_t parent = 0;

	if (argc != CHUNKED_N_ARGS || parse_u64(argv[CHUNKED_ARG_PARENT], INT32_MAX, &parent) < 0 ||
	    parse_u64(argv[CHUNKED_ARG_SIZE], INT64_MAX, &c->blob_size) < 0 ||
	    digest_parse_hex(argv[CHUNKED_ARG_TOC], &c->where.digest) < 0 ||
	    parse_u64(argv[CHUNKED_ARG_TOC_OFFSET], c->blob_size, &c->where.place.offset) < 0 ||
	    parse_u64(argv[CHUNKED_ARG_TOC_LEN], c->blob_size - c->where.place.offset,
		      &c->where.place.len) < 0 ||
	    parse_u64(argv[CHUNKED_ARG_SPLIT_OFFSET], c->blob_size, &c->where.split.offset) < 0 ||
	    parse_u64(argv[CHUNKED_ARG_SPLIT_LEN], c->blob_size - c->where.split.offset,
		      &c->where.split.len) < 0)
		return cmk_err_set(err, -EINVAL, CHUNKED_PROGRAM " is started by cmk itself");
	c->parent = (pid_t)parent;
	c->where.kind = streq(argv[CHUNKED_ARG_KIND], "estargz") ? CHUNKED_ESTARGZ : CHUNKED_ZSTD;
	if (c->where.place.len > LAYER_TOC_MAX)
		return cmk_err_set(err, -EFBIG, "a table of contents of %llu bytes",
				   (unsigned long long)c->where.place.len);
	return 0;
}

/* --- the table of contents --- */

static int read_packed(const struct chunked *c, uint8_t **ret, struct cmk_err *err)
{
	size_t len = (size_t)c->where.place.len;
	cleanup_free uint8_t *p = xmalloc(len + 1);
	ssize_t n;

	if (lseek(CHUNKED_BLOB_FD, (off_t)c->where.place.offset, SEEK_SET) < 0)
		return cmk_err_errno(err, "read the blob");
	n = read_full(CHUNKED_BLOB_FD, p, len);
	if (n != (ssize_t)len)
		return cmk_err_set(err, n < 0 ? (int)n : -EBADMSG, "read the table of contents");
	*ret = steal_ptr(&p);
	return 0;
}

/* At most LAYER_TOC_MAX bytes. */
static int unpack(enum layer_compression kind, const uint8_t *in, size_t len, struct strbuf *out,
		  struct cmk_err *err)
{
	struct decoder *d = decoder_new(kind);
	size_t n = 0;
	int r;

	do {
		size_t before = len;
		uint8_t *to = (uint8_t *)strbuf_reserve(out, 256 << 10);

		r = decoder_run(d, &in, &len, to, 256 << 10, &n, err);
		out->len += r == 0 ? n : 0;
		out->data[out->len] = '\0';
		if (r == 0 && out->len > LAYER_TOC_MAX)
			r = cmk_err_set(err, -EFBIG, "a table of contents of more than %zu MiB",
					LAYER_TOC_MAX >> 20);
		if (r == 0 && n == 0 && len == before)
			break;
	} while (r == 0);
	if (r == 0)
		r = decoder_end(d, err);
	decoder_free(d);
	return r;
}

static int check_digest(const struct chunked *c, const void *p, size_t len, struct cmk_err *err)
{
	struct digest got;

	digest_of(p, len, &got);
	return streq(got.hex, c->where.digest.hex)
		       ? 0
		       : cmk_err_set(err, -EBADMSG,
				     "the table of contents has another digest than the manifest "
				     "tells");
}

struct memory {
	const struct strbuf *text;
	bool read;
};

static int fill_memory(void *arg, const uint8_t **ret, size_t *ret_len,
		       cmk_unused struct cmk_err *err)
{
	struct memory *m = arg;

	*ret = (const uint8_t *)m->text->data;
	*ret_len = m->read ? 0 : m->text->len;
	m->read = true;
	return 0;
}

/* An eStargz's table is the only entry of an archive. */
static int unwrap(const struct strbuf *archive, struct strbuf *out, struct cmk_err *err)
{
	struct memory m = { .text = archive };
	struct tar_reader t;
	const void *p;
	uint64_t offset;
	size_t len;
	int r;

	tar_init(&t, fill_memory, &m);
	r = tar_next(&t, err);
	if (r > 0 && (t.entry.type != TAR_FILE || t.entry.is_sparse ||
		      !streq(strbuf_str(&t.entry.path), ESTARGZ_TOC)))
		r = 0;
	if (r == 0)
		r = cmk_err_set(err, -EBADMSG, "no '" ESTARGZ_TOC "' where it should be");
	while (r > 0 && (r = tar_data(&t, &p, &len, &offset, err)) > 0)
		strbuf_add(out, p, len);
	tar_done(&t);
	return r;
}

/* Where in the blob the last byte of the stream comes from: what follows of a zstd:chunked blob
 * decompresses to nothing. */
static uint64_t stream_end(const struct chunked *c)
{
	uint64_t first = c->where.place.offset;

	if (c->where.kind == CHUNKED_ESTARGZ)
		return c->blob_size;
	if (c->where.split.len > 0)
		first = MIN(first, c->where.split.offset);
	/* A skippable frame's own head. */
	return first - MIN(first, (uint64_t)8);
}

static int read_toc(struct chunked *c, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT, inner = STRBUF_INIT;
	bool gzip = c->where.kind == CHUNKED_ESTARGZ;
	const struct strbuf *json = gzip ? &inner : &text;
	cleanup_free uint8_t *packed = NULL;
	int r = read_packed(c, &packed, err);

	if (r == 0 && !gzip)
		r = check_digest(c, packed, (size_t)c->where.place.len, err);
	if (r == 0)
		r = unpack(gzip ? LAYER_GZIP : LAYER_ZSTD, packed, (size_t)c->where.place.len,
			   &text, err);
	if (r == 0 && gzip)
		r = unwrap(&text, &inner, err);
	if (r == 0 && gzip)
		r = check_digest(c, inner.data, inner.len, err);
	if (r == 0)
		r = toc_parse(strbuf_str(json), json->len, c->where.kind,
			      MIN(stream_end(c), c->where.place.offset), &c->toc, err);
	/* Each needs the other: without its digest it could be anybody's. */
	c->toc.has_split &= c->where.split.len > 0;
	return r;
}

/* --- the work --- */

static int tell_plan(const struct chunked *c, struct cmk_err *err)
{
	struct chunked_plan plan = { .magic = CHUNKED_PLAN_MAGIC };
	cleanup_free struct layer_range *list = NULL;
	size_t n = 0;
	int r;

	toc_plan(&c->toc, stream_end(c), &list, &n);
	plan.n_ranges = n;
	r = write_all(CHUNKED_RESULT_FD, &plan, sizeof(plan));
	if (r == 0)
		r = write_all(CHUNKED_RESULT_FD, list, n * sizeof(*list));
	return r < 0 ? cmk_err_set(err, r, "tell what is wanted") : 0;
}

/* Until the ranges are here. 0 where they are not wanted any more. */
static bool wait_for_ranges(void)
{
	char c;

	return read_full(STDIN_FILENO, &c, 1) == 1;
}

static int join(struct chunked *c, struct chunked_result *res, struct cmk_err *err)
{
	struct toc_join j = {
		.blob_fd = CHUNKED_BLOB_FD,
		.out_fd = STDOUT_FILENO,
		.toc = &c->toc,
		.search = c->search,
		.limit = stream_end(c),
		.split_offset = c->where.split.offset,
		.split_len = c->where.split.len,
	};
	int r = toc_join(&j, err);

	res->size = j.total;
	return r;
}

int main(int argc, char **argv)
{
	struct chunked_result res = { .magic = CHUNKED_RESULT_MAGIC };
	struct chunked c = { 0 };
	struct cmk_err err = CMK_ERR_INIT;
	int r = parse_args(&c, argc, argv, &err);

	(void)signal(SIGPIPE, SIG_IGN);
	if (r >= 0)
		r = confine_reader(c.parent, CHUNKED_DIR_FD, 0, &err);
	if (r >= 0)
		r = read_toc(&c, &err);
	if (r >= 0)
		r = toc_search(CHUNKED_DIR_FD, &c.toc, &c.search, &err);
	if (r >= 0)
		r = tell_plan(&c, &err);
	if (r >= 0 && !wait_for_ranges())
		_exit(1);
	if (r >= 0)
		r = join(&c, &res, &err);
	if (r < 0) {
		if (err.msg)
			text_make_plain(err.msg, NULL, '?');
		cmk_err_send(CHUNKED_RESULT_FD, &err);
		_exit(1);
	}
	/* Not through exit(): a leak check cannot work in here, without /proc. */
	_exit(write_all(CHUNKED_RESULT_FD, &res, sizeof(res)) < 0);
}
