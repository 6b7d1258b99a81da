// SPDX-License-Identifier: Apache-2.0
#include "storage/tar_split.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/file.h"
#include "storage/shared.h"

/* Headers of archives are alike: more effort gives little. */
enum { LEVEL = 3, RAW_MAX = 64 << 10, OUT_SIZE = 128 << 10 };

struct piece {
	uint64_t offset, len;
};

struct tar_split {
	struct tar_tap tap;
	int dir_fd, fd;
	ZSTD_CStream *zstd;
	uint8_t *out;
	struct cmk_err err;
	uint64_t total;
	unsigned int n_replaced;
	struct strbuf raw; /* not written yet */
	bool in_file;	   /* the item at hand is one: */
	struct strbuf path;
	struct sha256_ctx sha;
	struct piece *pieces;
	size_t n_pieces, cap_pieces;
	int files_fd; /* SHARED_NEW, once there is a file for it */
	struct strbuf files;
};

static void put(struct tar_split *s, const void *p, size_t len, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = { .src = p, .size = len };
	size_t left;

	do {
		ZSTD_outBuffer out = { .dst = s->out, .size = OUT_SIZE };
		int r;

		if (s->err.code < 0)
			return;
		left = ZSTD_compressStream2(s->zstd, &out, &in, end);
		if (ZSTD_isError(left)) {
			(void)cmk_err_set(&s->err, -EIO, "compress: %s", ZSTD_getErrorName(left));
			return;
		}
		r = write_all(s->fd, s->out, out.pos);
		if (r < 0)
			(void)cmk_err_set(&s->err, r, "write '" TAR_SPLIT_FILE "': %s",
					  errno_text(-r));
	} while (in.pos < in.size || (end == ZSTD_e_end && left > 0));
}

static void put_number(struct tar_split *s, uint64_t v)
{
	uint8_t buf[10];
	size_t n = 0;

	do {
		buf[n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v > 0);
	put(s, buf, n, ZSTD_e_continue);
}

static void put_bytes(struct tar_split *s, char kind, const void *p, size_t len)
{
	put(s, &kind, 1, ZSTD_e_continue);
	put_number(s, len);
	put(s, p, len, ZSTD_e_continue);
}

static void flush_raw(struct tar_split *s)
{
	if (s->raw.len > 0)
		put_bytes(s, 'R', s->raw.data, s->raw.len);
	strbuf_reset(&s->raw);
}

static void flush_files(struct tar_split *s)
{
	int r = 0;

	if (s->files.len > 0 && s->files_fd < 0)
		s->files_fd = openat(s->dir_fd, SHARED_NEW,
				     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->files.len > 0)
		r = s->files_fd < 0 ? -errno : write_all(s->files_fd, s->files.data, s->files.len);
	strbuf_reset(&s->files);
	if (r < 0 && s->err.code >= 0)
		(void)cmk_err_set(&s->err, r, "write '" SHARED_NEW "': %s", errno_text(-r));
}

/* A file that other layers may have (shared.h). Not where the layer has replaced some of its own:
 * what the path leads to then is another. */
static void note_file(struct tar_split *s, const uint8_t sum[static SHA256_DIGEST_SIZE])
{
	if (s->n_pieces != 1 || s->pieces[0].offset != 0 || s->pieces[0].len < SHARED_MIN ||
	    s->n_replaced > 0)
		return;
	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
		strbuf_addf(&s->files, "%02x", sum[i]);
	strbuf_addf(&s->files, " %llu %s", (unsigned long long)s->pieces[0].len,
		    strbuf_str(&s->path));
	strbuf_addc(&s->files, '\0');
	if (s->files.len >= RAW_MAX)
		flush_files(s);
}

static void flush_file(struct tar_split *s)
{
	uint8_t sum[SHA256_DIGEST_SIZE];
	uint64_t end = 0;

	if (!s->in_file)
		return;
	s->in_file = false;
	put_bytes(s, 'F', strbuf_str(&s->path), s->path.len);
	put_number(s, s->n_pieces);
	for (size_t i = 0; i < s->n_pieces; i++) {
		put_number(s, s->pieces[i].offset - end);
		put_number(s, s->pieces[i].len);
		end = s->pieces[i].offset + s->pieces[i].len;
	}
	sha256_digest(&s->sha, sizeof(sum), sum);
	put(s, sum, sizeof(sum), ZSTD_e_continue);
	note_file(s, sum);
}

static void on_bytes(void *arg, const void *p, size_t len)
{
	struct tar_split *s = arg;

	flush_file(s);
	s->total += len;
	while (len > 0) {
		size_t n = MIN(len, RAW_MAX - s->raw.len);

		strbuf_add(&s->raw, p, n);
		if (s->raw.len == RAW_MAX)
			flush_raw(s);
		p = (const uint8_t *)p + n;
		len -= n;
	}
}

static void on_data(void *arg, const char *path, uint64_t offset, const void *p, size_t len)
{
	struct tar_split *s = arg;
	struct piece *last;

	flush_raw(s);
	if (!s->in_file) {
		s->in_file = true;
		strbuf_reset(&s->path);
		strbuf_add(&s->path, path, strlen(path));
		sha256_init(&s->sha);
		s->n_pieces = 0;
	}
	sha256_update(&s->sha, len, p);
	s->total += len;
	last = s->n_pieces > 0 ? &s->pieces[s->n_pieces - 1] : NULL;
	if (last && last->offset + last->len == offset) {
		last->len += len;
		return;
	}
	if (s->n_pieces == s->cap_pieces) {
		s->cap_pieces = s->cap_pieces ? s->cap_pieces * 2 : 16;
		s->pieces = xrealloc(s->pieces, s->cap_pieces, sizeof(*s->pieces));
	}
	s->pieces[s->n_pieces++] = (struct piece){ .offset = offset, .len = len };
}

static int on_replace(void *arg, int parent, const char *base, const char *path,
		      struct cmk_err *err)
{
	struct tar_split *s = arg;
	char to[64];

	if (s->n_replaced == 0 && mkdirat(s->dir_fd, TAR_SPLIT_REPLACED, 0755) < 0)
		return cmk_err_errno(err, "create '" TAR_SPLIT_REPLACED "'");
	(void)snprintf(to, sizeof(to), TAR_SPLIT_REPLACED "/%u", s->n_replaced);
	if (renameat(parent, base, s->dir_fd, to) < 0)
		return cmk_err_errno(err, "move away what stood there");
	s->n_replaced++;
	flush_file(s);
	flush_raw(s);
	put_bytes(s, 'X', path, strlen(path));
	return 0;
}

int tar_split_new(int dir_fd, struct tar_split **ret, struct cmk_err *err)
{
	struct tar_split *s;
	int fd = openat(dir_fd, TAR_SPLIT_FILE,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return cmk_err_errno(err, "create '" TAR_SPLIT_FILE "'");
	s = xcalloc(1, sizeof(*s));
	s->dir_fd = dir_fd;
	s->fd = fd;
	s->files_fd = -1;
	s->tap = (struct tar_tap){
		.bytes = on_bytes, .data = on_data, .replace = on_replace, .arg = s
	};
	s->out = xmalloc(OUT_SIZE);
	s->zstd = ZSTD_createCStream();
	if (!s->zstd) {
		tar_split_free(s);
		return cmk_err_set(err, -ENOMEM, "compress");
	}
	(void)ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, LEVEL);
	(void)ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 1);
	put(s, TAR_SPLIT_MAGIC, strlen(TAR_SPLIT_MAGIC), ZSTD_e_continue);
	*ret = s;
	return 0;
}

const struct tar_tap *tar_split_tap(struct tar_split *s)
{
	return &s->tap;
}

int tar_split_finish(struct tar_split *s, struct cmk_err *err)
{
	flush_file(s);
	flush_raw(s);
	put(s, "E", 1, ZSTD_e_continue);
	put_number(s, s->total);
	put(s, NULL, 0, ZSTD_e_end);
	if (s->n_replaced == 0)
		flush_files(s);
	else if (s->files_fd >= 0)
		(void)unlinkat(s->dir_fd, SHARED_NEW, 0);
	return s->err.code < 0 ? cmk_err_move(err, &s->err) : 0;
}

void tar_split_free(struct tar_split *s)
{
	if (!s)
		return;
	(void)ZSTD_freeCStream(s->zstd);
	(void)close(s->fd);
	if (s->files_fd >= 0)
		(void)close(s->files_fd);
	cmk_err_done(&s->err);
	strbuf_done(&s->files);
	strbuf_done(&s->raw);
	strbuf_done(&s->path);
	free(s->pieces);
	free(s->out);
	free(s);
}
