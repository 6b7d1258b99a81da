// SPDX-License-Identifier: Apache-2.0
/*
 * PAX records, "LENGTH KEY=VALUE\n" (POSIX.1-2001, pax(1)), with the vendors' keys for extended
 * attributes and GNU's for sparse files.
 */
#include <ctype.h>
#include <nettle/base64.h>

#include "base/parse.h"
#include "storage/tar.h"
#include "storage/xattr.h"

#define XATTR_VALUE_MAX 65536

void tar_pax_reset(struct tar_reader *t)
{
	t->pax = (struct tar_pax){ 0 };
}

struct record {
	const char *key;
	char *value; /* NUL-ended; may hold NULs before that */
	size_t len;
};

static int bad_value(const struct record *r, struct cmk_err *err)
{
	return cmk_err_set(err, -EBADMSG, "PAX record '%.60s' has the impossible value '%.60s'",
			   r->key, r->value);
}

static int take_u64(const struct record *r, uint64_t *ret, bool *has, struct cmk_err *err)
{
	/* An empty value takes back what a global header set. */
	if (r->len == 0)
		return 0;
	if (strlen(r->value) != r->len || parse_u64(r->value, INT64_MAX, ret) < 0)
		return bad_value(r, err);
	if (has)
		*has = true;
	return 0;
}

static int take_time(const struct record *r, struct tar_pax *pax, struct cmk_err *err)
{
	const char *dot = strchr(r->value, '.');
	bool negative = r->value[0] == '-';
	struct timespec ts = { 0 };
	uint64_t seconds = 0;
	size_t len = dot ? (size_t)(dot - r->value) : r->len;
	long scale = 100000000;

	if (r->len == 0)
		return 0;
	if (strlen(r->value) != r->len ||
	    parse_u64_n(r->value + negative, len - negative, INT64_MAX / 2, &seconds) < 0)
		return bad_value(r, err);
	ts.tv_sec = negative ? -(time_t)seconds : (time_t)seconds;
	for (const char *p = dot ? dot + 1 : ""; *p; p++, scale /= 10) {
		if (!isdigit((unsigned char)*p))
			return bad_value(r, err);
		ts.tv_nsec += (*p - '0') * scale;
	}
	if (negative && ts.tv_nsec > 0) {
		ts.tv_sec--;
		ts.tv_nsec = 1000000000 - ts.tv_nsec;
	}
	pax->mtime = ts;
	pax->has_mtime = true;
	return 0;
}

static int take_name(const struct record *r, struct strbuf *name, bool *has, struct cmk_err *err)
{
	if (r->len == 0)
		return 0;
	if (strlen(r->value) != r->len)
		return cmk_err_set(err, -EBADMSG, "PAX record '%.60s' has a NUL in its value",
				   r->key);
	if (r->len > TAR_NAME_MAX)
		return cmk_err_set(err, -ENAMETOOLONG, "'%.40s…': a name of %zu bytes (at most %d)",
				   r->value, r->len, TAR_NAME_MAX);
	strbuf_reset(name);
	strbuf_add(name, r->value, r->len);
	*has = true;
	return 0;
}

/* Takes NAME and VALUE. */
static int add_xattr(struct tar_reader *t, char *name, char *value, size_t len, struct cmk_err *err)
{
	struct tar_entry *e = &t->entry;

	/* One entry may have many PAX headers. */
	t->pax.xattrs_len += len;
	if (e->n_xattrs >= TAR_XATTRS_MAX || len > XATTR_VALUE_MAX ||
	    t->pax.xattrs_len > TAR_HEADER_MAX) {
		free(name);
		free(value);
		return cmk_err_set(err, -EFBIG, "too many or too large extended attributes");
	}
	for (size_t i = 0; i < e->n_xattrs; i++) {
		if (!streq(e->xattrs[i].name, name))
			continue;
		free(name);
		free(e->xattrs[i].value);
		e->xattrs[i].value = value;
		e->xattrs[i].len = len;
		return 0;
	}
	e->xattrs = xrealloc(e->xattrs, e->n_xattrs + 1, sizeof(*e->xattrs));
	e->xattrs[e->n_xattrs++] = (struct tar_xattr){ .name = name, .value = value, .len = len };
	return 0;
}

/* libarchive writes the name with %XX and the value in base64. */
static char *url_decode(const char *s)
{
	char *out = xstrdup(s), *w = out;

	for (const char *p = s; *p; p++) {
		int hi = *p == '%' ? parse_hex_digit(p[1]) : -1;
		int lo = hi >= 0 ? parse_hex_digit(p[2]) : -1;

		if (lo > 0 || (lo == 0 && hi > 0)) {
			*w++ = (char)(hi << 4 | lo);
			p += 2;
		} else
			*w++ = *p;
	}
	*w = '\0';
	return out;
}

/* libarchive leaves the padding out. OUT has room for LEN bytes. */
static ssize_t base64_decode(const char *s, size_t len, char *out)
{
	struct base64_decode_ctx c;
	size_t n = len;

	while (len > 0 && s[len - 1] == '=')
		len--;
	base64_decode_init(&c);
	return base64_decode_update(&c, &n, (uint8_t *)out, len, s) ? (ssize_t)n : -EINVAL;
}

static int take_xattr(struct tar_reader *t, const struct record *r, const char *name, bool encoded,
		      struct cmk_err *err)
{
	cleanup_free char *value = NULL;
	ssize_t n;

	if (!encoded)
		return add_xattr(t, xstrdup(name), xmemdup(r->value, r->len + 1), r->len, err);
	value = xmalloc(r->len + 1);
	n = base64_decode(r->value, r->len, value);
	if (n < 0)
		return bad_value(r, err);
	return add_xattr(t, url_decode(name), steal_ptr(&value), (size_t)n, err);
}

/* Format 0.1: "offset,length,offset,length". */
static int take_map(struct tar_reader *t, const struct record *r, struct cmk_err *err)
{
	const char *p = r->value;
	int q = 0;

	t->n_map = 0;
	while (q >= 0 && *p) {
		uint64_t v[2];

		for (int i = 0; i < 2; i++) {
			size_t len = strcspn(p, ",");

			if (parse_u64_n(p, len, INT64_MAX, &v[i]) < 0 || (i == 0 && !p[len]))
				return bad_value(r, err);
			p += len + (p[len] == ',');
		}
		q = tar_map_add(t, v[0], v[1], err);
	}
	return q;
}

static int take_sparse(struct tar_reader *t, const struct record *r, const char *key,
		       struct cmk_err *err)
{
	struct tar_pax *pax = &t->pax;
	uint64_t v = 0;
	int q;

	pax->sparse = true;
	if (streq(key, "map"))
		return take_map(t, r, err);
	if (streq(key, "name"))
		return take_name(r, &t->entry.path, &pax->has_path, err);
	q = take_u64(r, &v, NULL, err);
	if (q < 0)
		return q;
	if (streq(key, "size") || streq(key, "realsize")) {
		pax->real_size = v;
		pax->has_real_size = true;
	} else if (streq(key, "major"))
		pax->sparse_major = v;
	else if (streq(key, "minor"))
		pax->sparse_minor = v;
	else if (streq(key, "offset")) {
		pax->pending_offset = v;
		pax->has_pending = true;
	} else if (streq(key, "numbytes")) {
		if (!pax->has_pending)
			return bad_value(r, err);
		pax->has_pending = false;
		return tar_map_add(t, pax->pending_offset, v, err);
	}
	return 0;
}

static int take_record(struct tar_reader *t, const struct record *r, struct cmk_err *err)
{
	struct tar_pax *pax = &t->pax;
	const char *rest;

	if (streq(r->key, "path"))
		/* GNU writes a name for readers that know nothing of sparse files. */
		return pax->sparse && pax->has_path
			       ? 0
			       : take_name(r, &t->entry.path, &pax->has_path, err);
	if (streq(r->key, "linkpath"))
		return take_name(r, &t->entry.link, &pax->has_link, err);
	if (streq(r->key, "size"))
		return take_u64(r, &pax->size, &pax->has_size, err);
	if (streq(r->key, "uid"))
		return take_u64(r, &pax->uid, &pax->has_uid, err);
	if (streq(r->key, "gid"))
		return take_u64(r, &pax->gid, &pax->has_gid, err);
	if (streq(r->key, "mtime"))
		return take_time(r, pax, err);
	rest = str_after(r->key, "SCHILY.xattr.");
	if (rest)
		return take_xattr(t, r, rest, false, err);
	rest = str_after(r->key, "LIBARCHIVE.xattr.");
	if (rest)
		return take_xattr(t, r, rest, true, err);
	rest = str_after(r->key, "GNU.sparse.");
	if (rest)
		return take_sparse(t, r, rest, err);
	/* POSIX: what is not known is ignored. */
	return 0;
}

int tar_pax_parse(struct tar_reader *t, char *text, size_t len, struct cmk_err *err)
{
	char *p = text, *end = text + len;

	while (p < end) {
		size_t digits = 0;
		uint64_t rec_len = 0;
		struct record rec;
		char *eq, *next;
		int r;

		while (p + digits < end && isdigit((unsigned char)p[digits]))
			digits++;
		if (parse_u64_n(p, digits, len, &rec_len) < 0 || rec_len > (uint64_t)(end - p) ||
		    rec_len < digits + 4 || p[digits] != ' ' || p[rec_len - 1] != '\n')
			return cmk_err_set(err, -EBADMSG, "a damaged PAX header");
		next = p + rec_len;
		next[-1] = '\0';
		rec.key = p + digits + 1;
		eq = memchr(rec.key, '=', (size_t)(next - 1 - rec.key));
		if (!eq || eq == rec.key)
			return cmk_err_set(err, -EBADMSG, "a PAX record without a key");
		*eq = '\0';
		rec.value = eq + 1;
		rec.len = (size_t)(next - 1 - rec.value);
		r = take_record(t, &rec, err);
		if (r < 0)
			return r;
		p = next;
	}
	return 0;
}
