// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/openat2.h>
#include <nettle/sha2.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "storage/tar_split.h"

enum { IN_SIZE = 128 << 10, OUT_SIZE = 256 << 10 };
/* So many damaged files are told by their names: an error's message has an end. */
#define DAMAGED_MAX 20
#define RESOLVE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

/* What stood at PATH went to replaced/N before the item AT. */
struct moved {
	char *path;
	uint64_t at;
	unsigned int n;
};

struct join {
	int dir_fd, diff_fd, fd;
	bool check, looking; /* LOOKING: for items X only; nothing is told */
	tar_join_fn fn;
	tar_files_fn file; /* is told of files while LOOKING */
	void *arg;
	uint64_t total, item;

	ZSTD_DStream *zstd;
	uint8_t *in, *buf;
	size_t in_pos, in_len, pos, len; /* of BUF: what is decompressed and not taken */
	bool frame_over;

	struct moved *moved; /* by path, then by item */
	size_t n_moved, cap_moved;
	char path[TAR_NAME_MAX + 1];
	struct tar_sparse *pieces;
	size_t n_pieces, cap_pieces;
	uint8_t sum[SHA256_DIGEST_SIZE];

	struct strbuf told; /* CHECK: a line of each file that is damaged */
	size_t n_damaged;
};

/* --- the record --- */

static int damaged(const char *what, struct cmk_err *err)
{
	return cmk_err_set(err, -EBADMSG, "'" TAR_SPLIT_FILE "' is damaged: %s", what);
}

/* At least one byte in BUF. */
static int need(struct join *j, struct cmk_err *err)
{
	while (j->pos == j->len) {
		ZSTD_inBuffer in = { .src = j->in, .size = j->in_len, .pos = j->in_pos };
		ZSTD_outBuffer out = { .dst = j->buf, .size = OUT_SIZE };
		size_t left;

		if (in.pos == in.size) {
			ssize_t n = j->frame_over ? 0 : read_full(j->fd, j->in, IN_SIZE);

			if (n <= 0)
				return n < 0 ? cmk_err_set(err, (int)n, "read '" TAR_SPLIT_FILE "'")
					     : damaged("it ends too early", err);
			in.size = j->in_len = (size_t)n;
			in.pos = 0;
		}
		left = ZSTD_decompressStream(j->zstd, &out, &in);
		if (ZSTD_isError(left))
			return damaged(ZSTD_getErrorName(left), err);
		j->frame_over = left == 0;
		j->in_pos = in.pos;
		j->pos = 0;
		j->len = out.pos;
	}
	return 0;
}

static int get(struct join *j, void *to, size_t len, struct cmk_err *err)
{
	while (len > 0) {
		size_t n;
		int r = need(j, err);

		if (r < 0)
			return r;
		n = MIN(len, j->len - j->pos);
		memcpy(to, j->buf + j->pos, n);
		j->pos += n;
		to = (uint8_t *)to + n;
		len -= n;
	}
	return 0;
}

static int get_number(struct join *j, uint64_t *ret, struct cmk_err *err)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 63; shift += 7) {
		uint8_t c;
		int r = get(j, &c, 1, err);

		if (r < 0)
			return r;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return damaged("an impossible number", err);
}

static int get_path(struct join *j, struct cmk_err *err)
{
	uint64_t n = 0;
	int r = get_number(j, &n, err);

	if (r < 0)
		return r;
	if (n == 0 || n > TAR_NAME_MAX)
		return damaged("an impossible name", err);
	j->path[n] = '\0';
	r = get(j, j->path, n, err);
	return r < 0 ? r : strlen(j->path) < n ? damaged("an impossible name", err) : 0;
}

static int get_pieces(struct join *j, struct cmk_err *err)
{
	uint64_t n = 0, end = 0;
	int r = get_number(j, &n, err);

	if (r == 0 && n > TAR_SPARSE_MAX)
		return damaged("too many pieces", err);
	if (n > j->cap_pieces) {
		j->cap_pieces = n;
		j->pieces = xrealloc(j->pieces, n, sizeof(*j->pieces));
	}
	for (j->n_pieces = 0; r == 0 && j->n_pieces < n; j->n_pieces++) {
		struct tar_sparse *p = &j->pieces[j->n_pieces];
		uint64_t gap = 0;

		r = get_number(j, &gap, err);
		if (r == 0)
			r = get_number(j, &p->len, err);
		if (r == 0 && (gap > INT64_MAX - end || p->len > INT64_MAX - end - gap))
			r = damaged("an impossible piece", err);
		p->offset = end + gap;
		end = p->offset + p->len;
	}
	return r;
}

/* --- what goes out --- */

static int tell(struct join *j, const void *p, size_t len, struct cmk_err *err)
{
	j->total += len;
	return j->looking ? 0 : j->fn(j->arg, p, len, err);
}

static int join_raw(struct join *j, struct cmk_err *err)
{
	uint64_t left = 0;
	int r = get_number(j, &left, err);

	while (r == 0 && left > 0) {
		size_t n;

		r = need(j, err);
		if (r < 0)
			break;
		n = (size_t)MIN(left, (uint64_t)(j->len - j->pos));
		r = tell(j, j->buf + j->pos, n, err);
		j->pos += n;
		left -= n;
	}
	return r;
}

static int compare_moved(const void *a, const void *b)
{
	const struct moved *x = a, *y = b;

	return strcmp(x->path, y->path) ?: (x->at > y->at) - (x->at < y->at);
}

/* The first move of PATH (LEN bytes of it) after the item at hand; NULL where it stayed. */
static const struct moved *move_of(const struct join *j, const char *path, size_t len)
{
	size_t low = 0, high = j->n_moved;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct moved *m = &j->moved[mid];
		int c = strncmp(m->path, path, len) ?: m->path[len] != '\0';

		if (c < 0 || (c == 0 && m->at <= j->item))
			low = mid + 1;
		else
			high = mid;
	}
	if (low == j->n_moved || strncmp(j->moved[low].path, path, len) != 0 ||
	    j->moved[low].path[len] != '\0')
		return NULL;
	return &j->moved[low];
}

/* Where the file at hand lies now: itself or a directory above it may have been moved later. */
static int open_file(const struct join *j, struct cmk_err *err)
{
	const struct moved *first = NULL;
	cleanup_free char *path = NULL;
	size_t first_len = 0;
	int fd;

	for (const char *p = j->path; j->n_moved > 0 && p; p = strchr(p + 1, '/')) {
		const char *end = strchrnul(*p == '/' ? p + 1 : p, '/');
		const struct moved *m = move_of(j, j->path, (size_t)(end - j->path));

		if (m && (!first || m->at < first->at)) {
			first = m;
			first_len = (size_t)(end - j->path);
		}
	}
	if (first)
		path = xasprintf(TAR_SPLIT_REPLACED "/%u%s", first->n, j->path + first_len);
	fd = open_resolved(first ? j->dir_fd : j->diff_fd, path ?: j->path,
			   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, RESOLVE);
	if (fd < 0)
		return cmk_err_set(err, fd == -ENOENT ? -EBADMSG : fd,
				   "the layer's file '%s' cannot be read: %s", j->path,
				   errno_text(-fd));
	return fd;
}

static int join_piece(struct join *j, int fd, const struct tar_sparse *p, struct sha256_ctx *sha,
		      uint8_t *buf, struct cmk_err *err)
{
	uint64_t done = 0;

	while (done < p->len) {
		ssize_t n = pread(fd, buf, (size_t)MIN(p->len - done, (uint64_t)OUT_SIZE),
				  (off_t)(p->offset + done));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EIO || errno == EUCLEAN))
			return cmk_err_set(err, -EBADMSG,
					   "the layer's file '%s' is damaged: it cannot be read: "
					   "%s",
					   j->path, errno_text(errno));
		if (n < 0)
			return cmk_err_errno(err, "read '%s'", j->path);
		if (n == 0)
			return cmk_err_set(err, -EBADMSG,
					   "the layer's file '%s' is damaged: it is shorter than "
					   "it was",
					   j->path);
		if (j->check)
			sha256_update(sha, (size_t)n, buf);
		r = tell(j, buf, (size_t)n, err);
		if (r < 0)
			return r;
		done += (uint64_t)n;
	}
	return 0;
}

static int join_data(struct join *j, struct cmk_err *err)
{
	uint8_t sum[SHA256_DIGEST_SIZE];
	cleanup_free uint8_t *buf = NULL;
	cleanup_close int fd = open_file(j, err);
	struct sha256_ctx sha;
	struct stat st;
	int r = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return cmk_err_set(err, -EBADMSG, "the layer's file '%s' is damaged: it is no file",
				   j->path);
	buf = xmalloc(OUT_SIZE);
	sha256_init(&sha);
	for (size_t i = 0; r == 0 && i < j->n_pieces; i++)
		r = join_piece(j, fd, &j->pieces[i], &sha, buf, err);
	if (r < 0 || !j->check)
		return r;
	sha256_digest(&sha, sizeof(sum), sum);
	if (memcmp(sum, j->sum, sizeof(sum)) != 0)
		return cmk_err_set(err, -EBADMSG,
				   "the layer's file '%s' is damaged: its bytes have another "
				   "digest",
				   j->path);
	return 0;
}

/* Whoever checks wants to know all of them. */
static int note_damaged(struct join *j, struct cmk_err *err)
{
	/* A line each, whatever the layer calls its files. */
	if (err && err->msg)
		text_make_plain(err->msg, NULL, '?');
	if (j->n_damaged++ < DAMAGED_MAX)
		strbuf_addf(&j->told, "%s%s", j->told.len > 0 ? "\n" : "", cmk_err_msg(err));
	cmk_err_done(err);
	return 0;
}

static int tell_damaged(const struct join *j, struct cmk_err *err)
{
	if (j->n_damaged > DAMAGED_MAX)
		return cmk_err_set(err, -EBADMSG, "%s\nand %zu more files are damaged",
				   strbuf_str(&j->told), j->n_damaged - DAMAGED_MAX);
	return cmk_err_set(err, -EBADMSG, "%s", strbuf_str(&j->told));
}

static int join_file(struct join *j, struct cmk_err *err)
{
	int r = get_path(j, err);

	if (r == 0)
		r = get_pieces(j, err);
	if (r == 0)
		r = get(j, j->sum, sizeof(j->sum), err);
	if (r == 0 && j->file && j->n_pieces == 1 && j->pieces[0].offset == 0)
		r = j->file(j->arg, j->path, j->pieces[0].len, j->sum, err);
	if (r < 0 || j->looking)
		return r;
	r = join_data(j, err);
	return r == -EBADMSG && j->check ? note_damaged(j, err) : r;
}

static int join_move(struct join *j, struct cmk_err *err)
{
	int r = get_path(j, err);

	if (r < 0 || !j->looking)
		return r;
	if (j->n_moved == j->cap_moved) {
		j->cap_moved = j->cap_moved ? j->cap_moved * 2 : 16;
		j->moved = xrealloc(j->moved, j->cap_moved, sizeof(*j->moved));
	}
	j->moved[j->n_moved] = (struct moved){ .path = xstrdup(j->path),
					       .at = j->item,
					       .n = (unsigned int)j->n_moved };
	j->n_moved++;
	return 0;
}

/* From the magic to the last item. */
static int join_items(struct join *j, struct cmk_err *err)
{
	char magic[sizeof(TAR_SPLIT_MAGIC) - 1];
	uint64_t total = 0;
	int r = get(j, magic, sizeof(magic), err);

	if (r < 0)
		return r;
	if (memcmp(magic, TAR_SPLIT_MAGIC, sizeof(magic)) != 0)
		return damaged("it is none", err);
	for (j->item = 0;; j->item++) {
		char kind = '\0';

		r = get(j, &kind, 1, err);
		if (r < 0)
			return r;
		switch (kind) {
		case 'R':
			r = join_raw(j, err);
			break;
		case 'F':
			r = join_file(j, err);
			break;
		case 'X':
			r = join_move(j, err);
			break;
		case 'E':
			r = get_number(j, &total, err);
			if (r == 0 && !j->looking && !j->n_damaged && total != j->total)
				r = damaged("another length", err);
			return r;
		default:
			return damaged("an unknown item", err);
		}
		if (r < 0)
			return r;
	}
}

static int rewind_record(struct join *j, struct cmk_err *err)
{
	j->in_pos = j->in_len = j->pos = j->len = 0;
	j->frame_over = false;
	j->total = 0;
	(void)ZSTD_initDStream(j->zstd);
	return lseek(j->fd, 0, SEEK_SET) < 0 ? cmk_err_errno(err, "read '" TAR_SPLIT_FILE "'") : 0;
}

/* Where anything was moved, the moves are looked for first. */
static int run(struct join *j, struct cmk_err *err)
{
	struct stat st;
	int r = 0;

	if (fstatat(j->dir_fd, TAR_SPLIT_REPLACED, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		j->looking = true;
		r = join_items(j, err);
		if (j->n_moved > 0)
			qsort(j->moved, j->n_moved, sizeof(*j->moved), compare_moved);
		j->looking = false;
		if (r == 0)
			r = rewind_record(j, err);
	}
	return r < 0 ? r : join_items(j, err);
}

static void done(struct join *j)
{
	strbuf_done(&j->told);
	(void)ZSTD_freeDStream(j->zstd);
	free(j->in);
	free(j->buf);
	free(j->pieces);
	for (size_t i = 0; i < j->n_moved; i++)
		free(j->moved[i].path);
	free(j->moved);
}

static void begin(struct join *j)
{
	j->zstd = ZSTD_createDStream();
	j->in = xmalloc(IN_SIZE);
	j->buf = xmalloc(OUT_SIZE);
}

int tar_join(int dir_fd, bool check, tar_join_fn fn, void *arg, struct cmk_err *err)
{
	cleanup_close int diff = openat(dir_fd, "diff",
					O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_close int fd = openat(dir_fd, TAR_SPLIT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct join j = {
		.dir_fd = dir_fd, .diff_fd = diff, .fd = fd, .check = check, .fn = fn, .arg = arg
	};
	int r;

	if (diff < 0)
		return cmk_err_errno(err, "the layer's files");
	if (fd < 0 && errno == ENOENT)
		return cmk_err_set(err, -ENODATA,
				   "nothing was kept of this layer from which its stream could "
				   "be made again");
	if (fd < 0)
		return cmk_err_errno(err, "open '" TAR_SPLIT_FILE "'");
	begin(&j);
	r = run(&j, err);
	if (r == 0 && j.n_damaged > 0)
		r = tell_damaged(&j, err);
	done(&j);
	return r;
}

int tar_split_files(int dir_fd, tar_files_fn fn, void *arg, struct cmk_err *err)
{
	cleanup_close int fd = openat(dir_fd, TAR_SPLIT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct join j = { .dir_fd = dir_fd, .fd = fd, .looking = true, .file = fn, .arg = arg };
	struct stat st;
	int r;

	if (fstatat(dir_fd, TAR_SPLIT_REPLACED, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (fd < 0)
		return cmk_err_errno(err, "open '" TAR_SPLIT_FILE "'");
	begin(&j);
	r = join_items(&j, err);
	done(&j);
	return r;
}
