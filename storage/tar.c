// SPDX-License-Identifier: Apache-2.0
#include "storage/tar.h"

#include <limits.h>

/* Offsets and lengths in a header block (POSIX ustar). */
enum {
	H_NAME = 0,
	H_MODE = 100,
	H_UID = 108,
	H_GID = 116,
	H_SIZE = 124,
	H_MTIME = 136,
	H_CHECKSUM = 148,
	H_TYPE = 156,
	H_LINK = 157,
	H_MAGIC = 257,
	H_PREFIX = 345,
};

#define SKIPPED_MAX (1ULL << 30)
#define ENTRIES_MAX (16ULL << 20)

void tar_init(struct tar_reader *t, tar_fill_fn fill, void *arg)
{
	*t = (struct tar_reader){ .fill = fill, .fill_arg = arg };
}

static void xattrs_reset(struct tar_entry *e)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
	}
	free(steal_ptr(&e->xattrs));
	e->n_xattrs = 0;
}

void tar_done(struct tar_reader *t)
{
	xattrs_reset(&t->entry);
	strbuf_done(&t->entry.path);
	strbuf_done(&t->entry.link);
	free(steal_ptr(&t->map));
}

static int truncated(struct cmk_err *err)
{
	return cmk_err_set(err, -EBADMSG, "the archive ends in the middle of an entry");
}

/* At least one byte in T->chunk, or T->eof. */
static int need(struct tar_reader *t, struct cmk_err *err)
{
	int r;

	if (t->chunk_len > 0 || t->eof)
		return 0;
	r = t->fill(t->fill_arg, &t->chunk, &t->chunk_len, err);
	if (r < 0)
		return r;
	if (t->chunk_len == 0)
		t->eof = true;
	return 0;
}

static void advance(struct tar_reader *t, size_t n)
{
	if (t->tap)
		t->tap->bytes(t->tap->arg, t->chunk, n);
	t->chunk += n;
	t->chunk_len -= n;
}

/* LEN bytes, or as many as there are: the count. */
static ssize_t read_some(struct tar_reader *t, void *buf, size_t len, struct cmk_err *err)
{
	size_t got = 0;

	while (got < len) {
		size_t n;
		int r = need(t, err);

		if (r < 0)
			return r;
		if (t->eof)
			break;
		n = MIN(len - got, t->chunk_len);
		memcpy((char *)buf + got, t->chunk, n);
		advance(t, n);
		got += n;
	}
	return (ssize_t)got;
}

int tar_read(struct tar_reader *t, void *buf, size_t len, struct cmk_err *err)
{
	ssize_t n = read_some(t, buf, len, err);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : truncated(err);
}

static int skip(struct tar_reader *t, uint64_t n, bool counted, struct cmk_err *err)
{
	if (counted) {
		t->skipped += MIN(n, SKIPPED_MAX + 1);
		if (t->skipped > SKIPPED_MAX)
			return cmk_err_set(err, -EFBIG,
					   "more than 1 GiB of data belongs to no file");
	}
	while (n > 0) {
		size_t part;
		int r = need(t, err);

		if (r < 0)
			return r;
		if (t->eof)
			return 1;
		part = (size_t)MIN(n, (uint64_t)t->chunk_len);
		advance(t, part);
		n -= part;
	}
	return 0;
}

int tar_number(const uint8_t *p, size_t len, int64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	if (p[0] & 0x80) {
		/* GNU: big-endian two's complement, the top bit only marks it. */
		bool negative = p[0] & 0x40;

		v = negative ? UINT64_MAX << 6 | (p[0] & 0x3f) : p[0] & 0x3f;
		for (i = 1; i < len; i++) {
			uint64_t top = v >> 55;

			if (top != (negative ? 0x1ff : 0))
				return -ERANGE;
			v = v << 8 | p[i];
		}
		*ret = (int64_t)v;
		return 0;
	}
	while (i < len && (p[i] == ' ' || p[i] == '\0'))
		i++;
	while (len > i && (p[len - 1] == ' ' || p[len - 1] == '\0'))
		len--;
	for (; i < len; i++) {
		if (p[i] == '\0')
			break;
		if (p[i] < '0' || p[i] > '7' || v > (uint64_t)INT64_MAX >> 3)
			return -EINVAL;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	*ret = (int64_t)v;
	return 0;
}

static bool checksum_ok(const uint8_t *h)
{
	int64_t sum = 0, signed_sum = 0, want = 0;

	if (tar_number(h + H_CHECKSUM, 8, &want) < 0)
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		uint8_t c = i >= H_CHECKSUM && i < H_CHECKSUM + 8 ? ' ' : h[i];

		sum += c;
		signed_sum += (int8_t)c;
	}
	return want == sum || want == signed_sum;
}

static bool all_zero(const uint8_t *h)
{
	return h[0] == 0 && memcmp(h, h + 1, TAR_BLOCK - 1) == 0;
}

/* 1 with a header block, 0 at the end of the archive. */
static int read_block(struct tar_reader *t, uint8_t *h, struct cmk_err *err)
{
	ssize_t n = read_some(t, h, TAR_BLOCK, err);

	if (n <= 0)
		return (int)n;
	if (n < TAR_BLOCK)
		return truncated(err);
	if (!all_zero(h))
		return checksum_ok(h) ? 1 : cmk_err_set(err, -EBADMSG, "not a tar header");
	n = read_some(t, h, TAR_BLOCK, err);
	if (n <= 0)
		return (int)n;
	if (n < TAR_BLOCK)
		return truncated(err);
	return all_zero(h) ? 0 : cmk_err_set(err, -EBADMSG, "one zero block, then data");
}

static uint32_t padding(uint64_t size)
{
	return (uint32_t)(-size & (TAR_BLOCK - 1));
}

static int header_size(const uint8_t *h, uint64_t *ret, struct cmk_err *err)
{
	int64_t v = 0;

	if (tar_number(h + H_SIZE, 12, &v) < 0 || v < 0)
		return cmk_err_set(err, -EBADMSG, "an entry with an impossible size");
	*ret = (uint64_t)v;
	return 0;
}

/* The body of a header that describes the next one. */
static int read_body(struct tar_reader *t, const uint8_t *h, char **ret, size_t *ret_len,
		     struct cmk_err *err)
{
	cleanup_free char *body = NULL;
	uint64_t size = 0;
	int r;

	r = header_size(h, &size, err);
	if (r < 0)
		return r;
	if (size > TAR_HEADER_MAX)
		return cmk_err_set(err, -EFBIG, "an extended header of %llu bytes (at most %u)",
				   (unsigned long long)size, TAR_HEADER_MAX);
	t->skipped += size;
	body = xmalloc(size + 1);
	r = tar_read(t, body, size, err);
	if (r < 0)
		return r;
	body[size] = '\0';
	r = skip(t, padding(size), true, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(&body);
	*ret_len = size;
	return 0;
}

static int set_name(struct strbuf *sb, const char *s, size_t len, struct cmk_err *err)
{
	if (len > TAR_NAME_MAX)
		return cmk_err_set(err, -ENAMETOOLONG, "'%.40s…': a name of %zu bytes (at most %d)",
				   s, len, TAR_NAME_MAX);
	strbuf_reset(sb);
	strbuf_add(sb, s, len);
	return 0;
}

/* Headers before the entry itself. 1: H is one of them, and was taken. */
static int meta_header(struct tar_reader *t, const uint8_t *h, struct cmk_err *err)
{
	cleanup_free char *body = NULL;
	size_t len = 0;
	int r;

	if (!h[H_TYPE] || !strchr("xXgLK", h[H_TYPE]))
		return 0;
	r = read_body(t, h, &body, &len, err);
	if (r < 0)
		return r;
	switch (h[H_TYPE]) {
	case 'L':
		t->long_name = true;
		r = set_name(&t->entry.path, body, strlen(body), err);
		break;
	case 'K':
		t->long_link = true;
		r = set_name(&t->entry.link, body, strlen(body), err);
		break;
	case 'g':
		/* Global records describe the archive (git writes its commit); layers have no use.
		 */
		break;
	default:
		r = tar_pax_parse(t, body, len, err);
		break;
	}
	return r < 0 ? r : 1;
}

static int header_names(struct tar_reader *t, const uint8_t *h, struct cmk_err *err)
{
	struct tar_entry *e = &t->entry;
	char name[256];
	size_t prefix = 0, len = strnlen((const char *)h + H_NAME, 100);
	int r = 0;

	/* Only POSIX archives have the prefix; GNU's magic is "ustar  ". */
	if (memcmp(h + H_MAGIC, "ustar", 6) == 0)
		prefix = strnlen((const char *)h + H_PREFIX, 155);
	if (prefix > 0) {
		memcpy(name, h + H_PREFIX, prefix);
		name[prefix++] = '/';
	}
	memcpy(name + prefix, h + H_NAME, len);
	if (!t->long_name && !t->pax.has_path)
		r = set_name(&e->path, name, prefix + len, err);
	if (r >= 0 && !t->long_link && !t->pax.has_link)
		r = set_name(&e->link, (const char *)h + H_LINK,
			     strnlen((const char *)h + H_LINK, 100), err);
	if (r >= 0 && e->path.len == 0)
		r = cmk_err_set(err, -EBADMSG, "an entry without a name");
	return r;
}

static int header_numbers(struct tar_reader *t, const uint8_t *h, struct cmk_err *err)
{
	struct tar_entry *e = &t->entry;
	int64_t mode = 0, uid = 0, gid = 0, mtime = 0;
	uint64_t size = 0;
	int r;

	if (tar_number(h + H_MODE, 8, &mode) < 0 || tar_number(h + H_UID, 8, &uid) < 0 ||
	    tar_number(h + H_GID, 8, &gid) < 0 || tar_number(h + H_MTIME, 12, &mtime) < 0)
		return cmk_err_set(err, -EBADMSG, "'%s': a header field is not a number",
				   e->path.data);
	r = header_size(h, &size, err);
	if (r < 0)
		return r;
	e->mode = (uint32_t)mode & 07777;
	e->uid = t->pax.has_uid ? t->pax.uid : (uint64_t)uid;
	e->gid = t->pax.has_gid ? t->pax.gid : (uint64_t)gid;
	e->mtime = t->pax.has_mtime ? t->pax.mtime : (struct timespec){ .tv_sec = mtime };
	e->size = t->pax.has_size ? t->pax.size : size;
	if (e->uid > UINT32_MAX || e->gid > UINT32_MAX)
		return cmk_err_set(err, -EBADMSG, "'%s': an impossible owner", e->path.data);
	if (e->size > INT64_MAX)
		return cmk_err_set(err, -EFBIG, "'%s': an impossible size", e->path.data);
	return 0;
}

static int header_type(struct tar_reader *t, uint8_t type, struct cmk_err *err)
{
	struct tar_entry *e = &t->entry;

	switch (type) {
	case '\0':
		e->type = e->path.data[e->path.len - 1] == '/' ? TAR_DIR : TAR_FILE;
		break;
	case '0':
	case '7':
	case 'S':
		e->type = TAR_FILE;
		break;
	case '1':
		e->type = TAR_HARDLINK;
		break;
	case '2':
		e->type = TAR_SYMLINK;
		break;
	case '3':
		e->type = TAR_CHAR;
		break;
	case '4':
		e->type = TAR_BLOCKDEV;
		break;
	case '5':
		e->type = TAR_DIR;
		break;
	case '6':
		e->type = TAR_FIFO;
		break;
	default:
		return cmk_err_set(err, -EBADMSG, "'%s': an entry of unknown type %d", e->path.data,
				   type);
	}
	if ((e->type == TAR_HARDLINK || e->type == TAR_SYMLINK) && e->link.len == 0)
		return cmk_err_set(err, -EBADMSG, "'%s': a link to nothing", e->path.data);
	return 0;
}

static int start_data(struct tar_reader *t, const uint8_t *h, struct cmk_err *err)
{
	struct tar_entry *e = &t->entry;
	int r = 0;

	/* Whatever their size says, only files have data, as in archive/tar. */
	t->left = e->type == TAR_FILE ? e->size : 0;
	t->pad = padding(t->left);
	if (e->type != TAR_FILE)
		e->size = 0;
	else if (h[H_TYPE] == 'S')
		r = tar_sparse_old(t, h, err);
	else if (t->pax.sparse && t->pax.sparse_major == 1 && t->pax.sparse_minor == 0)
		r = tar_sparse_1_0(t, err);
	else if (t->pax.sparse && t->pax.sparse_major != 0)
		r = cmk_err_set(err, -EBADMSG, "unknown sparse format %llu.%llu",
				(unsigned long long)t->pax.sparse_major,
				(unsigned long long)t->pax.sparse_minor);
	else if (t->pax.sparse)
		e->is_sparse = true;
	if (r >= 0 && e->is_sparse) {
		if (t->pax.has_real_size)
			e->size = t->pax.real_size;
		r = tar_map_check(t, err);
	}
	return r < 0 ? cmk_err_wrap(err, r, "'%s'", e->path.data) : 0;
}

static void entry_reset(struct tar_reader *t)
{
	xattrs_reset(&t->entry);
	tar_pax_reset(t);
	t->entry.is_sparse = false;
	t->long_name = t->long_link = false;
	t->n_map = t->at_map = 0;
	t->map_off = 0;
}

static int skip_rest(struct tar_reader *t, struct cmk_err *err)
{
	int r = skip(t, t->left, true, err);

	if (r < 0)
		return r;
	if (r == 1)
		return truncated(err);
	/* The padding of the last file may be missing. */
	r = skip(t, t->pad, false, err);
	t->left = t->pad = 0;
	return r < 0 ? r : 0;
}

uint64_t tar_jump(struct tar_reader *t)
{
	uint64_t n = t->left + t->pad, here = MIN(n, (uint64_t)t->chunk_len);

	advance(t, (size_t)here);
	t->left = t->pad = 0;
	return n - here;
}

int tar_next(struct tar_reader *t, struct cmk_err *err)
{
	uint8_t h[TAR_BLOCK];
	bool meta = false;
	int r;

	r = skip_rest(t, err);
	if (r < 0)
		return r;
	entry_reset(t);
	for (;;) {
		r = read_block(t, h, err);
		if (r < 0)
			return r;
		if (r == 0)
			return meta ? truncated(err) : 0;
		if (++t->n_entries > ENTRIES_MAX)
			return cmk_err_set(err, -EFBIG, "more than %llu entries", ENTRIES_MAX);
		r = meta_header(t, h, err);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		/* A lone global header may be all that there is. */
		meta = meta || h[H_TYPE] != 'g';
	}
	r = header_names(t, h, err);
	if (r >= 0)
		r = header_numbers(t, h, err);
	if (r >= 0)
		r = header_type(t, h[H_TYPE], err);
	if (r >= 0)
		r = start_data(t, h, err);
	return r < 0 ? r : 1;
}

/* Where the next stored byte belongs, and how many follow it there. */
static bool next_piece(struct tar_reader *t, uint64_t *ret_offset, uint64_t *ret_len)
{
	if (!t->entry.is_sparse) {
		*ret_offset = t->entry.size - t->left;
		*ret_len = t->left;
		return t->left > 0;
	}
	while (t->at_map < t->n_map && t->map_off == t->map[t->at_map].len) {
		t->at_map++;
		t->map_off = 0;
	}
	if (t->at_map == t->n_map)
		return false;
	*ret_offset = t->map[t->at_map].offset + t->map_off;
	*ret_len = t->map[t->at_map].len - t->map_off;
	return true;
}

int tar_data(struct tar_reader *t, const void **ret, size_t *ret_len, uint64_t *ret_offset,
	     struct cmk_err *err)
{
	uint64_t offset = 0, len = 0;
	size_t n;
	int r;

	if (!next_piece(t, &offset, &len))
		return 0;
	r = need(t, err);
	if (r < 0)
		return r;
	if (t->eof)
		return truncated(err);
	n = (size_t)MIN(len, (uint64_t)t->chunk_len);
	*ret = t->chunk;
	*ret_len = n;
	*ret_offset = offset;
	/* Not for the tap: who asked for it tells it. */
	t->chunk += n;
	t->chunk_len -= n;
	t->left -= n;
	t->map_off += n;
	return 1;
}
