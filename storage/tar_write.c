// SPDX-License-Identifier: Apache-2.0
#include "storage/tar_write.h"

#include <sys/sendfile.h>
#include <sys/sysmacros.h>

#include "base/file.h"

/* Fields of a header block (POSIX ustar). */
enum {
	W_NAME = 0,
	W_MODE = 100,
	W_UID = 108,
	W_GID = 116,
	W_SIZE = 124,
	W_MTIME = 136,
	W_CHECKSUM = 148,
	W_TYPE = 156,
	W_LINK = 157,
	W_MAGIC = 257,
	W_MAJOR = 329,
	W_MINOR = 337,
	W_NAME_LEN = 100,
};

#define ID_MAX 07777777ULL
#define SIZE_MAX_OCTAL 077777777777ULL
/* What is gathered before it is written; files of up to this size go through memory. */
#define BUFFER_LEN ((size_t)256 << 10)

static const char zeros[64 << 10];

void tar_writer_init(struct tar_writer *w, int fd)
{
	*w = (struct tar_writer){ .fd = fd };
}

void tar_writer_done(struct tar_writer *w)
{
	strbuf_done(&w->buf);
}

static int flush(struct tar_writer *w)
{
	int r = w->buf.len ? write_all(w->fd, w->buf.data, w->buf.len) : 0;

	strbuf_reset(&w->buf);
	return r;
}

static int add(struct tar_writer *w, const void *p, size_t len)
{
	int r = w->buf.len + len > BUFFER_LEN ? flush(w) : 0;

	if (r < 0)
		return r;
	w->written += len;
	if (len >= BUFFER_LEN)
		return write_all(w->fd, p, len);
	strbuf_add(&w->buf, p, len);
	return 0;
}

static int add_zeros(struct tar_writer *w, uint64_t len)
{
	int r = 0;

	while (r >= 0 && len > 0) {
		size_t n = (size_t)MIN(len, sizeof(zeros));

		r = add(w, zeros, n);
		len -= n;
	}
	return r;
}

/* What was due of the entry before: a caller that failed in between does not come here. */
static int finish_entry(struct tar_writer *w)
{
	int r = add_zeros(w, w->left + w->pad);

	w->left = w->pad = 0;
	return r;
}

static void octal(char *h, size_t at, size_t len, uint64_t v)
{
	h[at + len - 1] = '\0';
	for (size_t i = at + len - 1; i-- > at; v >>= 3)
		h[i] = (char)('0' + (v & 7));
}

static char type_flag(enum tar_type type)
{
	switch (type) {
	case TAR_HARDLINK:
		return '1';
	case TAR_SYMLINK:
		return '2';
	case TAR_CHAR:
		return '3';
	case TAR_BLOCKDEV:
		return '4';
	case TAR_DIR:
		return '5';
	case TAR_FIFO:
		return '6';
	case TAR_FILE:
		break;
	}
	return '0';
}

struct header {
	const char *name, *link; /* cut where they are too long */
	char type;
	uint32_t mode;
	uint64_t uid, gid, size;
	int64_t mtime;
	dev_t rdev;
};

static int write_block(struct tar_writer *w, const struct header *h)
{
	char b[TAR_BLOCK] = { 0 };
	unsigned int sum = 0;

	memcpy(b + W_NAME, h->name, MIN(strlen(h->name), (size_t)W_NAME_LEN));
	octal(b, W_MODE, 8, h->mode);
	octal(b, W_UID, 8, h->uid <= ID_MAX ? h->uid : 0);
	octal(b, W_GID, 8, h->gid <= ID_MAX ? h->gid : 0);
	octal(b, W_SIZE, 12, h->size <= SIZE_MAX_OCTAL ? h->size : 0);
	octal(b, W_MTIME, 12,
	      h->mtime >= 0 && (uint64_t)h->mtime <= SIZE_MAX_OCTAL ? (uint64_t)h->mtime : 0);
	b[W_TYPE] = h->type;
	if (h->link)
		memcpy(b + W_LINK, h->link, MIN(strlen(h->link), (size_t)W_NAME_LEN));
	memcpy(b + W_MAGIC,
	       "ustar\0"
	       "00",
	       8);
	if (h->type == '3' || h->type == '4') {
		octal(b, W_MAJOR, 8, major(h->rdev));
		octal(b, W_MINOR, 8, minor(h->rdev));
	}
	memset(b + W_CHECKSUM, ' ', 8);
	for (size_t i = 0; i < sizeof(b); i++)
		sum += (unsigned char)b[i];
	octal(b, W_CHECKSUM, 7, sum);
	return add(w, b, sizeof(b));
}

/* "LENGTH KEY=VALUE\n", where the length counts its own digits. */
static void add_record(struct strbuf *sb, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3, total = rest, digits;

	do {
		digits = 1;
		for (size_t n = total; n >= 10; n /= 10)
			digits++;
		if (total == rest + digits)
			break;
		total = rest + digits;
	} while (true);
	strbuf_addf(sb, "%zu %s=", total, key);
	strbuf_add(sb, value, len);
	strbuf_addc(sb, '\n');
}

static void add_text(struct strbuf *sb, const char *key, const char *value)
{
	add_record(sb, key, value, strlen(value));
}

static void add_number(struct strbuf *sb, const char *key, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	add_text(sb, key, text);
}

static void add_time(struct strbuf *sb, const struct timespec *t)
{
	long long seconds = t->tv_sec;
	long nsec = t->tv_nsec;
	char text[40];

	if (seconds >= 0 && (uint64_t)seconds <= SIZE_MAX_OCTAL && nsec == 0)
		return;
	/* -1.25 is tv_sec -2 and tv_nsec 750000000. */
	if (seconds < 0 && nsec > 0) {
		seconds++;
		nsec = 1000000000 - nsec;
	}
	(void)snprintf(text, sizeof(text), "%s%lld.%09ld", t->tv_sec < 0 && seconds == 0 ? "-" : "",
		       seconds, nsec);
	if (nsec == 0)
		text[strcspn(text, ".")] = '\0';
	add_text(sb, "mtime", text);
}

static void pax_records(struct strbuf *sb, const struct tar_entry *e, uint64_t stored, bool sparse)
{
	const char *path = strbuf_str(&e->path), *link = strbuf_str(&e->link);

	if (sparse) {
		add_text(sb, "GNU.sparse.major", "1");
		add_text(sb, "GNU.sparse.minor", "0");
		add_text(sb, "GNU.sparse.name", path);
		add_number(sb, "GNU.sparse.realsize", e->size);
	} else if (strlen(path) > W_NAME_LEN)
		add_text(sb, "path", path);
	if (strlen(link) > W_NAME_LEN)
		add_text(sb, "linkpath", link);
	if (stored > SIZE_MAX_OCTAL)
		add_number(sb, "size", stored);
	if (e->uid > ID_MAX)
		add_number(sb, "uid", e->uid);
	if (e->gid > ID_MAX)
		add_number(sb, "gid", e->gid);
	add_time(sb, &e->mtime);
	for (size_t i = 0; i < e->n_xattrs; i++) {
		cleanup_free char *key = xasprintf("SCHILY.xattr.%s", e->xattrs[i].name);

		add_record(sb, key, e->xattrs[i].value, e->xattrs[i].len);
	}
}

static const char *last_part(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	return path + len;
}

static int write_pax(struct tar_writer *w, const struct tar_entry *e, uint64_t stored, bool sparse)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	cleanup_free char *name = NULL;
	struct header h = { .type = 'x', .mode = 0644 };
	int r;

	pax_records(&sb, e, stored, sparse);
	if (sb.len == 0)
		return 0;
	name = xasprintf("PaxHeaders.0/%s", last_part(strbuf_str(&e->path)));
	h.name = name;
	h.size = sb.len;
	r = write_block(w, &h);
	if (r >= 0)
		r = add(w, sb.data, sb.len);
	return r < 0 ? r : add_zeros(w, -sb.len % TAR_BLOCK);
}

/* Decimal numbers, each on a line, in whole blocks, in front of the data. */
static void sparse_map(struct strbuf *sb, const struct tar_entry *e, const struct tar_sparse *map,
		       size_t n)
{
	bool hole_at_end = n == 0 || map[n - 1].offset + map[n - 1].len < e->size;

	strbuf_addf(sb, "%zu\n", n + hole_at_end);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(sb, "%llu\n%llu\n", (unsigned long long)map[i].offset,
			    (unsigned long long)map[i].len);
	/* As GNU tar ends its map. */
	if (hole_at_end)
		strbuf_addf(sb, "%llu\n0\n", (unsigned long long)e->size);
	strbuf_add(sb, zeros, -sb->len % TAR_BLOCK);
}

int tar_write_header(struct tar_writer *w, const struct tar_entry *e, dev_t rdev,
		     const struct tar_sparse *map, size_t n)
{
	cleanup_strbuf struct strbuf head = STRBUF_INIT;
	cleanup_free char *sparse_name = NULL;
	struct header h = {
		.name = strbuf_str(&e->path),
		.link = e->type == TAR_SYMLINK || e->type == TAR_HARDLINK ? strbuf_str(&e->link)
									  : NULL,
		.type = type_flag(e->type),
		.mode = e->mode & 07777,
		.uid = e->uid,
		.gid = e->gid,
		.mtime = e->mtime.tv_sec,
		.rdev = rdev,
	};
	int r = finish_entry(w);

	if (e->type == TAR_FILE)
		h.size = e->size;
	if (map) {
		sparse_map(&head, e, map, n);
		h.size = head.len;
		for (size_t i = 0; i < n; i++)
			h.size += map[i].len;
		h.name = sparse_name = xasprintf("GNUSparseFile.0/%s", last_part(h.name));
	}
	if (r >= 0)
		r = write_pax(w, e, h.size, map);
	if (r >= 0)
		r = write_block(w, &h);
	if (r >= 0 && head.len)
		r = add(w, head.data, head.len);
	w->left = h.size - head.len;
	w->pad = (uint32_t)(-h.size % TAR_BLOCK);
	return r;
}

int tar_write_data(struct tar_writer *w, const void *p, size_t len)
{
	len = (size_t)MIN(len, w->left);
	w->left -= len;
	return add(w, p, len);
}

static int through_memory(struct tar_writer *w, int fd, uint64_t offset, uint64_t len)
{
	int r = 0;

	while (r >= 0 && len > 0) {
		size_t want = (size_t)MIN(len, BUFFER_LEN - 1);
		ssize_t n;

		/* Read to where it will be written from. */
		if (w->buf.len + want > BUFFER_LEN)
			r = flush(w);
		if (r < 0)
			return r;
		n = pread(fd, strbuf_reserve(&w->buf, want), want, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return add_zeros(w, len);
		w->buf.len += (size_t)n;
		w->buf.data[w->buf.len] = '\0';
		w->written += (size_t)n;
		offset += (size_t)n;
		len -= (size_t)n;
	}
	return r;
}

int tar_write_file(struct tar_writer *w, int fd, uint64_t offset, uint64_t len)
{
	off_t at = (off_t)offset;
	int r;

	len = MIN(len, w->left);
	w->left -= len;
	if (len < BUFFER_LEN)
		return through_memory(w, fd, offset, len);
	r = flush(w);
	while (r >= 0 && len > 0) {
		ssize_t n = sendfile(w->fd, fd, &at, (size_t)MIN(len, (uint64_t)1 << 30));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL)
			return through_memory(w, fd, (uint64_t)at, len);
		if (n < 0)
			return -errno;
		if (n == 0)
			return add_zeros(w, len);
		w->written += (size_t)n;
		len -= (size_t)n;
	}
	return r;
}

int tar_write_elsewhere(struct tar_writer *w)
{
	w->written += w->left;
	w->left = 0;
	return flush(w);
}

int tar_write_end(struct tar_writer *w)
{
	int r = finish_entry(w);

	if (r >= 0)
		r = add_zeros(w, (uint64_t)2 * TAR_BLOCK);
	return r < 0 ? r : flush(w);
}
