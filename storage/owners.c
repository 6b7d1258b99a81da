// SPDX-License-Identifier: Apache-2.0
#include "storage/owners.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/parse.h"

enum { WRITE_AT = 64 << 10 };
/* More than a million files of users other than root. */
#define OWNERS_MAX ((size_t)64 << 20)

int owners_begin(int dir_fd, struct owners_writer *ret, struct cmk_err *err)
{
	*ret = (struct owners_writer){ 0 };
	ret->fd = openat(dir_fd, OWNERS_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			 0644);
	return ret->fd < 0 ? cmk_err_errno(err, "create '" OWNERS_FILE "'") : 0;
}

static void flush(struct owners_writer *w)
{
	int r = w->text.len > 0 ? write_all(w->fd, w->text.data, w->text.len) : 0;

	if (r < 0 && w->failed == 0)
		w->failed = r;
	strbuf_reset(&w->text);
}

void owners_note(struct owners_writer *w, uint64_t uid, uint64_t gid, const char *path)
{
	if (uid == 0 && gid == 0)
		return;
	strbuf_addf(&w->text, "%llu %llu %s", (unsigned long long)uid, (unsigned long long)gid,
		    path);
	strbuf_addc(&w->text, '\0');
	if (w->text.len >= WRITE_AT)
		flush(w);
}

int owners_finish(struct owners_writer *w, struct cmk_err *err)
{
	flush(w);
	strbuf_done(&w->text);
	if (close(steal_fd(&w->fd)) < 0 && w->failed == 0)
		w->failed = -errno;
	return w->failed < 0 ? cmk_err_set(err, w->failed, "write '" OWNERS_FILE "': %s",
					   errno_text(-w->failed))
			     : 0;
}

/* ITEM is "UID GID PATH". */
static int parse_item(const char *item, struct owner *ret)
{
	const char *gid = strchr(item, ' '), *path = gid ? strchr(gid + 1, ' ') : NULL;
	uint64_t u = 0, g = 0;

	if (!path || parse_u64_n(item, (size_t)(gid - item), UINT32_MAX - 1, &u) < 0 ||
	    parse_u64_n(gid + 1, (size_t)(path - gid) - 1, UINT32_MAX - 1, &g) < 0)
		return -EBADMSG;
	*ret = (struct owner){ .path = path + 1, .uid = (uint32_t)u, .gid = (uint32_t)g };
	return 0;
}

/* Of two entries of one path the later one counts: it lies behind in the text. */
static int compare_owners(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;
	int r = strcmp(x->path, y->path);

	return r ? r : (x->path > y->path) - (x->path < y->path);
}

int owners_load(int layer_fd, struct owners *ret, struct cmk_err *err)
{
	struct owners o = { 0 };
	size_t len = 0, cap = 0;
	int r = file_read_at(layer_fd, OWNERS_FILE, OWNERS_MAX, &o.text, &len, err);

	for (size_t at = 0; r >= 0 && at < len; at += strlen(o.text + at) + 1) {
		if (o.n == cap) {
			cap = cap ? cap * 2 : 64;
			o.list = xrealloc(o.list, cap, sizeof(*o.list));
		}
		r = parse_item(o.text + at, &o.list[o.n++]);
		if (r < 0)
			(void)cmk_err_set(err, r, "'" OWNERS_FILE "' cannot be read");
	}
	if (r < 0) {
		owners_done(&o);
		return r;
	}
	if (o.n > 1)
		qsort(o.list, o.n, sizeof(*o.list), compare_owners);
	*ret = o;
	return 0;
}

void owners_done(struct owners *o)
{
	free(o->text);
	free(o->list);
	*o = (struct owners){ 0 };
}

void owners_apply(const struct owners *o, const char *path, struct stat *st)
{
	size_t low = 0, high = o->n;

	/* Behind the last one that is not greater. */
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(o->list[mid].path, path) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	st->st_uid = st->st_gid = 0;
	if (low > 0 && streq(o->list[low - 1].path, path)) {
		st->st_uid = o->list[low - 1].uid;
		st->st_gid = o->list[low - 1].gid;
	}
}
