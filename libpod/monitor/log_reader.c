// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/log_reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "libpod/monitor/log_internal.h"

/* A killed rotation leaves one number out. */
#define GAP_MAX 2
#define FILES_MAX 10000

void log_reader_init(struct log_reader *r, int dirfd, const char *name)
{
	*r = (struct log_reader){ .dirfd = dirfd, .name = name, .buf = xmalloc(LOG_BLOCK) };
}

void log_reader_init_stream(struct log_reader *r, int fd)
{
	log_reader_init(r, -1, NULL);
	r->is_stream = true;
	r->files = xcalloc(1, sizeof(*r->files));
	r->files[0].fd = fd;
	r->n_files = 1;
}

void log_reader_done(struct log_reader *r)
{
	for (size_t i = 0; i < r->n_files && !r->is_stream; i++)
		(void)close(r->files[i].fd);
	free(r->files);
	free(r->buf);
	*r = (struct log_reader){ 0 };
}

/* --- the files ---------------------------------------------------------------------------------
 */

static bool is_known(const struct log_file *files, size_t n, const struct stat *st)
{
	for (size_t i = 0; i < n; i++)
		if (files[i].dev == st->st_dev && files[i].ino == st->st_ino)
			return true;
	return false;
}

/* The file of that number; -1 where there is none, or none that can be read. */
static int open_number(struct log_reader *r, uint32_t number, struct stat *st, struct cmk_err *err)
{
	char name[LOG_NAME_MAX];
	int fd;

	log_file_name(name, r->name, number);
	fd = openat(r->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -1 : cmk_err_errno(err, "open log '%s'", name);
	if (fstat(fd, st) < 0 || (!S_ISREG(st->st_mode) && !S_ISCHR(st->st_mode))) {
		(void)close(fd);
		return cmk_err_set(err, -EINVAL, "open log '%s': not a regular file", name);
	}
	if (S_ISCHR(st->st_mode)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/*
 * Adds the files that are newer than those that are open. From the newest on: a rotation meanwhile
 * gives a file a higher number, under which it is met again, and none is missed.
 */
static int open_new(struct log_reader *r, struct cmk_err *err)
{
	struct log_file *fresh = NULL;
	size_t n = 0, had = r->n_files;
	uint32_t gap = 0;
	int failed = 0;

	for (uint32_t i = 0; i < FILES_MAX && gap <= GAP_MAX; i++) {
		struct stat st;
		int fd = open_number(r, i, &st, err);

		if (fd < -1) {
			failed = fd;
			break;
		}
		gap = fd < 0 ? gap + 1 : 0;
		if (fd < 0)
			continue;
		if (is_known(r->files, had, &st)) {
			(void)close(fd);
			break;
		}
		if (is_known(fresh, n, &st)) {
			(void)close(fd);
			continue;
		}
		fresh = xrealloc(fresh, n + 1, sizeof(*fresh));
		fresh[n++] = (struct log_file){ .fd = fd, .dev = st.st_dev, .ino = st.st_ino };
	}
	r->files = xrealloc(r->files, had + n + 1, sizeof(*r->files));
	while (n > 0)
		r->files[r->n_files++] = fresh[--n];
	free(fresh);
	return failed;
}

/* The name leads to another file than the last one that is open. */
static bool was_rotated(const struct log_reader *r)
{
	const struct log_file *f = &r->files[r->n_files - 1];
	struct stat st;

	return fstatat(r->dirfd, r->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_ino != f->ino || st.st_dev != f->dev);
}

/* The file at AT is read to its end: 1 where there is more to read, elsewhere or here. */
static int next_file(struct log_reader *r)
{
	int n;

	if (r->is_stream) {
		r->ended = true;
		return 0;
	}
	if (r->at + 1 >= r->n_files) {
		if (r->n_files > 0 && !was_rotated(r))
			return 0;
		/* Between our last look and the rotation something may have been written. */
		if (r->n_files > 0 && !r->last_seen) {
			r->last_seen = true;
			return 1;
		}
		n = (int)r->n_files;
		if (open_new(r, NULL) < 0 || (int)r->n_files == n)
			return 0;
		if (n == 0)
			return 1;
	}
	r->at++;
	r->last_seen = false;
	r->skipping = false;
	return 1;
}

/* --- entries -----------------------------------------------------------------------------------
 */

static int fill(struct log_reader *r)
{
	ssize_t n;

	if (r->n_files == 0)
		return next_file(r);
	memmove(r->buf, r->buf + r->pos, r->len - r->pos);
	r->len -= r->pos;
	r->pos = 0;
	if (r->len == LOG_BLOCK) {
		r->skipping = true;
		r->len = 0;
	}
	do
		n = read(r->files[r->at].fd, r->buf + r->len, LOG_BLOCK - r->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n > 0) {
		r->len += (size_t)n;
		r->last_seen = false;
		return 1;
	}
	n = next_file(r);
	/* A torn line at the end of a file that is over is none. */
	if (n > 0 && !r->last_seen)
		r->len = 0;
	return (int)n;
}

int log_reader_next(struct log_reader *r)
{
	if (r->has)
		return 1;
	for (;;) {
		char *p = r->buf + r->pos, *nl = memchr(p, '\n', r->len - r->pos);
		int n;

		if (!nl) {
			n = fill(r);
			if (n <= 0)
				return n;
			continue;
		}
		r->pos = (size_t)(nl - r->buf) + 1;
		if (!r->skipping && log_entry_parse(p, (size_t)(nl - p), &r->cur) == 0) {
			r->line = p;
			r->has = true;
			return 1;
		}
		r->skipping = false;
	}
}

/* --- where to begin ----------------------------------------------------------------------------
 */

struct place {
	size_t file;
	off_t offset;
};

/* Whether the line in [p, end) ends a line of output. A line whose head cannot be seen counts. */
static bool ends_output_line(const char *p, const char *end)
{
	struct log_entry e;

	return log_entry_parse(p, (size_t)(end - p), &e) < 0 || !e.partial;
}

struct tail_search {
	int64_t wanted, lines;
	bool at_end; /* nothing has been seen yet: the last line may lack its end */
};

/*
 * Offset of the first entry of the last lines, found from the end: the time does not grow with the
 * size of the log. 1 where it is in this file, 0 where it begins in an older one. BUF holds the
 * block at BASE and, behind it, the part of the line that goes on in the block read before.
 */
static int find_tail(int fd, off_t size, struct tail_search *t, off_t *ret)
{
	cleanup_free char *buf = xmalloc((size_t)LOG_BLOCK * 2);
	size_t len = 0; /* bytes at buf: from base to the end of the line under way */
	off_t base = size;

	while (base > 0) {
		size_t n = (size_t)MIN(base, (off_t)LOG_BLOCK), end;

		if (len > LOG_BLOCK)
			len = LOG_BLOCK; /* a line too long to be ours */
		memmove(buf + n, buf, len);
		base -= (off_t)n;
		if (pread(fd, buf, n, base) != (ssize_t)n)
			return -EIO;
		len += n;
		/* Lines end at buf[end], which is a newline or the end of the file. */
		end = len;
		for (;;) {
			char *nl = end > 0 ? memrchr(buf, '\n', end) : NULL;
			size_t start = nl ? (size_t)(nl - buf) + 1 : 0;

			if (!nl && base > 0)
				break;
			if (start < end &&
			    (ends_output_line(buf + start, buf + end) || t->at_end)) {
				if (t->lines == t->wanted) {
					*ret = base + (off_t)end + 1;
					return 1;
				}
				t->lines++;
				t->at_end = false;
			}
			if (!nl)
				break;
			end = (size_t)(nl - buf);
		}
		len = end;
	}
	return 0;
}

static int seek_tail(struct log_reader *r, int64_t tail, struct place *ret)
{
	struct tail_search t = { .wanted = tail, .at_end = true };

	*ret = (struct place){ 0 };
	for (size_t i = r->n_files; i > 0; i--) {
		struct stat st;
		off_t at = 0;
		int n;

		if (fstat(r->files[i - 1].fd, &st) < 0)
			return -errno;
		if (tail == 0) {
			*ret = (struct place){ i - 1, st.st_size };
			return 0;
		}
		n = find_tail(r->files[i - 1].fd, st.st_size, &t, &at);
		if (n < 0)
			return n;
		if (n > 0) {
			*ret = (struct place){ i - 1, at };
			return 0;
		}
	}
	return 0;
}

/* The first entry that begins in [from, from + a block): its place and time; 0 where none does. */
static int entry_behind(int fd, char *buf, off_t from, off_t *ret_at, int64_t *ret_time)
{
	ssize_t n = pread(fd, buf, LOG_BLOCK, from);
	char *p = buf, *end = buf + MAX(n, (ssize_t)0), *nl;

	if (n < 0)
		return -errno;
	/* The middle of a line, but at the beginning of the file. */
	if (from > 0) {
		p = memchr(buf, '\n', (size_t)(end - buf));
		if (!p)
			return 0;
		p++;
	}
	for (; (nl = memchr(p, '\n', (size_t)(end - p))) != NULL; p = nl + 1) {
		struct log_entry e;

		if (log_entry_parse(p, (size_t)(nl - p), &e) < 0)
			continue;
		*ret_at = from + (p - buf);
		*ret_time = e.time_ns;
		return 1;
	}
	return 0;
}

/* By halving: a place in the file of SIZE bytes before which all is older than SINCE. */
static int find_since(int fd, char *buf, off_t size, int64_t since_ns, off_t *ret)
{
	off_t lo = 0, hi = size;

	while (hi - lo > LOG_BLOCK) {
		off_t mid = lo + (hi - lo) / 2, at = 0;
		int64_t t = 0;
		int n = entry_behind(fd, buf, mid, &at, &t);

		if (n < 0)
			return n;
		if (n > 0 && t < since_ns && at < hi)
			lo = at;
		else
			hi = mid;
	}
	*ret = lo;
	return 0;
}

static int seek_since(struct log_reader *r, int64_t since_ns, struct place *ret)
{
	*ret = (struct place){ 0 };
	for (size_t i = r->n_files; i > 0; i--) {
		struct stat st;
		int64_t t = 0;
		off_t at = 0;
		int fd = r->files[i - 1].fd, n = entry_behind(fd, r->buf, 0, &at, &t);

		if (n < 0 || fstat(fd, &st) < 0)
			return n < 0 ? n : -errno;
		/* A newer file whose first entry is late enough: it begins in this one or before.
		 */
		if (i > 1 && (n == 0 || t >= since_ns))
			continue;
		n = find_since(fd, r->buf, st.st_size, since_ns, &at);
		*ret = (struct place){ i - 1, at };
		return n;
	}
	return 0;
}

static bool is_later(const struct place *a, const struct place *b)
{
	return a->file > b->file || (a->file == b->file && a->offset > b->offset);
}

int log_reader_start(struct log_reader *r, const struct log_read_options *o, struct cmk_err *err)
{
	struct place from = { 0 }, since = { 0 };
	int n;

	if (r->is_stream)
		return 0;
	n = open_new(r, err);
	if (n < 0)
		return n;
	if (o->tail >= 0)
		n = seek_tail(r, o->tail, &from);
	if (n == 0 && o->since_ns)
		n = seek_since(r, o->since_ns, &since);
	if (n < 0)
		return cmk_err_set(err, n, "read log '%s': %s", r->name, errno_text(-n));
	if (is_later(&since, &from))
		from = since;
	r->at = from.file;
	if (r->n_files && lseek(r->files[r->at].fd, from.offset, SEEK_SET) < 0)
		return cmk_err_errno(err, "read log '%s'", r->name);
	return 0;
}
