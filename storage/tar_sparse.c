// SPDX-License-Identifier: Apache-2.0
/* Maps of sparse files, in GNU tar's four formats (GNU tar manual, "Storing Sparse Files"). */
#include "base/parse.h"
#include "storage/tar.h"

enum {
	OLD_MAP = 386,
	OLD_MAP_N = 4,
	OLD_EXTENDED = 482,
	OLD_REAL_SIZE = 483,
	EXT_MAP_N = 21,
	EXT_EXTENDED = 504,
	PIECE = 24,
};

int tar_map_add(struct tar_reader *t, uint64_t offset, uint64_t len, struct cmk_err *err)
{
	if (t->n_map >= TAR_SPARSE_MAX)
		return cmk_err_set(err, -EFBIG, "a sparse file of more than %u pieces",
				   TAR_SPARSE_MAX);
	if (t->n_map == t->cap_map) {
		t->cap_map = t->cap_map ? t->cap_map * 2 : 64;
		t->map = xrealloc(t->map, t->cap_map, sizeof(*t->map));
	}
	t->map[t->n_map++] = (struct tar_sparse){ .offset = offset, .len = len };
	return 0;
}

int tar_map_check(struct tar_reader *t, struct cmk_err *err)
{
	uint64_t end = 0, sum = 0;

	if (t->entry.size > INT64_MAX)
		return cmk_err_set(err, -EFBIG, "an impossible size");
	for (size_t i = 0; i < t->n_map; i++) {
		const struct tar_sparse *s = &t->map[i];

		/* In order and apart: what is written is then never more than what was stored. */
		if (s->offset < end || s->offset > INT64_MAX || s->len > INT64_MAX - s->offset ||
		    s->offset + s->len > t->entry.size)
			return cmk_err_set(err, -EBADMSG, "an impossible map of a sparse file");
		end = s->offset + s->len;
		sum += s->len;
	}
	if (sum != t->left)
		return cmk_err_set(err, -EBADMSG,
				   "the map of a sparse file does not match its data");
	return 0;
}

static int old_pieces(struct tar_reader *t, const uint8_t *p, size_t n, struct cmk_err *err)
{
	for (size_t i = 0; i < n && p[0] != 0; i++, p += PIECE) {
		int64_t offset = 0, len = 0;
		int r;

		if (tar_number(p, 12, &offset) < 0 || tar_number(p + 12, 12, &len) < 0 ||
		    offset < 0 || len < 0)
			return cmk_err_set(err, -EBADMSG, "an impossible map of a sparse file");
		r = tar_map_add(t, (uint64_t)offset, (uint64_t)len, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int tar_sparse_old(struct tar_reader *t, const uint8_t *header, struct cmk_err *err)
{
	uint8_t block[TAR_BLOCK];
	int64_t size = 0;
	bool more = header[OLD_EXTENDED] != 0;
	int r;

	if (tar_number(header + OLD_REAL_SIZE, 12, &size) < 0 || size < 0)
		return cmk_err_set(err, -EBADMSG, "an impossible size");
	t->n_map = 0;
	t->entry.is_sparse = true;
	t->entry.size = (uint64_t)size;
	r = old_pieces(t, header + OLD_MAP, OLD_MAP_N, err);
	for (size_t n = 0; r >= 0 && more; n++) {
		if (n > TAR_SPARSE_MAX / EXT_MAP_N)
			return cmk_err_set(err, -EFBIG, "a sparse file of too many pieces");
		r = tar_read(t, block, sizeof(block), err);
		if (r < 0)
			return r;
		more = block[EXT_EXTENDED] != 0;
		r = old_pieces(t, block, EXT_MAP_N, err);
	}
	return r;
}

/* The map in front of the data: decimal numbers, each on a line, in whole blocks. */
struct line_reader {
	struct tar_reader *t;
	char block[TAR_BLOCK];
	size_t at;
};

static int read_line(struct line_reader *l, uint64_t *ret, struct cmk_err *err)
{
	char digits[24];
	size_t n = 0;

	for (;;) {
		char c;

		if (l->at == TAR_BLOCK) {
			int r;

			if (l->t->left < TAR_BLOCK)
				return cmk_err_set(err, -EBADMSG,
						   "the map of a sparse file is cut short");
			r = tar_read(l->t, l->block, TAR_BLOCK, err);
			if (r < 0)
				return r;
			l->t->left -= TAR_BLOCK;
			l->at = 0;
		}
		c = l->block[l->at++];
		if (c == '\n')
			break;
		if (n == sizeof(digits))
			return cmk_err_set(err, -EBADMSG, "an impossible map of a sparse file");
		digits[n++] = c;
	}
	if (parse_u64_n(digits, n, INT64_MAX, ret) < 0)
		return cmk_err_set(err, -EBADMSG, "an impossible map of a sparse file");
	return 0;
}

int tar_sparse_1_0(struct tar_reader *t, struct cmk_err *err)
{
	struct line_reader l = { .t = t, .at = TAR_BLOCK };
	uint64_t n = 0;
	int r;

	if (!t->pax.has_real_size)
		return cmk_err_set(err, -EBADMSG, "a sparse file without a size");
	t->n_map = 0;
	t->entry.is_sparse = true;
	r = read_line(&l, &n, err);
	if (r >= 0 && n > TAR_SPARSE_MAX)
		r = cmk_err_set(err, -EFBIG, "a sparse file of %llu pieces", (unsigned long long)n);
	for (uint64_t i = 0; r >= 0 && i < n; i++) {
		uint64_t offset = 0, len = 0;

		r = read_line(&l, &offset, err);
		if (r >= 0)
			r = read_line(&l, &len, err);
		if (r >= 0)
			r = tar_map_add(t, offset, len, err);
	}
	return r;
}
