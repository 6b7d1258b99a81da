// SPDX-License-Identifier: Apache-2.0
/* The members of a tar file, by name: where each lies, found out in one pass over the headers. */
#include <fcntl.h>
#include <sys/stat.h>

#include "storage/extract.h"
#include "storage/storage.h"
#include "storage/tar.h"

#define MEMBERS_MAX ((size_t)200000)
#define NAMES_MAX ((size_t)64 << 20) /* bytes of all names */
#define LINKS_MAX 8		     /* after each other */
#define READ_LEN ((size_t)32 << 10)

struct member {
	char *name, *link; /* owned; LINK NULL where it is a file */
	bool from_top; /* LINK is a name of the archive, not a way from the member's directory */
	bool sparse, twice;
	uint64_t offset, size;
};

struct storage_archive {
	struct member *list; /* sorted by name */
	size_t n, cap, text;
};

struct input {
	int fd;
	uint64_t at, end;
	uint8_t buf[READ_LEN];
};

static int fill(void *arg, const uint8_t **ret, size_t *ret_len, struct cmk_err *err)
{
	struct input *in = arg;
	ssize_t n;

	do
		n = in->at < in->end ? pread(in->fd, in->buf, READ_LEN, (off_t)in->at) : 0;
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return cmk_err_errno(err, "read the archive");
	in->at += (uint64_t)n;
	*ret = in->buf;
	*ret_len = (size_t)n;
	return 0;
}

/* "./a//b/" is "a/b"; NULL for one that leads out. */
static char *clean_name(const char *name)
{
	char *out = xmalloc(strlen(name) + 1);

	if (extract_clean_name(name, out) == 0 && *out)
		return out;
	free(out);
	return NULL;
}

/* The name of the member that the link M leads to; NULL where that is out of the archive. */
static char *link_target(const struct member *m)
{
	const char *slash = strrchr(m->name, '/');
	cleanup_free char *path = NULL;

	if (m->from_top)
		return clean_name(m->link);
	if (*m->link == '/')
		return NULL;
	path = xasprintf("%.*s/%s", slash ? (int)(slash - m->name) : 0, m->name, m->link);
	return clean_name(path);
}

static int add_member(struct storage_archive *a, const struct tar_entry *e, uint64_t offset,
		      struct cmk_err *err)
{
	cleanup_free char *name = NULL;
	struct member *m;

	if (e->type != TAR_FILE && e->type != TAR_HARDLINK && e->type != TAR_SYMLINK)
		return 0;
	name = clean_name(strbuf_str(&e->path));
	if (!name)
		return 0;
	a->text += e->path.len + e->link.len;
	if (a->n >= MEMBERS_MAX || a->text > NAMES_MAX)
		return cmk_err_set(err, -EFBIG, "more than %zu files, or %zu bytes of names",
				   MEMBERS_MAX, NAMES_MAX);
	if (a->n == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 64;
		a->list = xrealloc(a->list, a->cap, sizeof(*a->list));
	}
	m = &a->list[a->n++];
	*m = (struct member){
		.name = steal_ptr(&name),
		.link = e->type == TAR_FILE ? NULL : xstrdup(strbuf_str(&e->link)),
		.from_top = e->type == TAR_HARDLINK,
		.sparse = e->is_sparse,
		.offset = offset,
		.size = e->size,
	};
	return 0;
}

static int read_members(struct storage_archive *a, struct tar_reader *t, struct input *in,
			struct cmk_err *err)
{
	int r;

	while ((r = tar_next(t, err)) > 0) {
		uint64_t offset = in->at - t->chunk_len, rest;

		r = add_member(a, &t->entry, offset, err);
		if (r < 0)
			return r;
		if (t->left > in->end - offset)
			return cmk_err_set(err, -EBADMSG, "it ends in the middle of '%.200s'",
					   strbuf_str(&t->entry.path));
		rest = tar_jump(t);
		in->at += MIN(rest, in->end - in->at);
	}
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static void sort_members(struct storage_archive *a)
{
	if (a->n > 1)
		qsort(a->list, a->n, sizeof(*a->list), by_name);
	for (size_t i = 1; i < a->n; i++)
		if (streq(a->list[i - 1].name, a->list[i].name))
			a->list[i - 1].twice = a->list[i].twice = true;
}

int storage_archive_open(int fd, struct storage_archive **ret, struct cmk_err *err)
{
	cleanup(storage_archive_cleanup) struct storage_archive *a = xcalloc(1, sizeof(*a));
	cleanup_free struct input *in = xcalloc(1, sizeof(*in));
	off_t start = lseek(fd, 0, SEEK_CUR);
	struct tar_reader t;
	struct stat sb;
	int r;

	if (start < 0 || fstat(fd, &sb) < 0)
		return cmk_err_errno(err, "look at the archive");
	if (!S_ISREG(sb.st_mode))
		return cmk_err_set(err, -EINVAL, "not a regular file");
	in->fd = fd;
	in->at = (uint64_t)start;
	in->end = MAX((uint64_t)sb.st_size, in->at);
	tar_init(&t, fill, in);
	r = read_members(a, &t, in, err);
	tar_done(&t);
	if (r < 0)
		return r;
	sort_members(a);
	*ret = steal_ptr(&a);
	return 0;
}

struct storage_archive *storage_archive_free(struct storage_archive *a)
{
	if (!a)
		return NULL;
	for (size_t i = 0; i < a->n; i++) {
		free(a->list[i].name);
		free(a->list[i].link);
	}
	free(a->list);
	free(a);
	return NULL;
}

static const struct member *lookup(const struct storage_archive *a, char *name)
{
	const struct member key = { .name = name };

	return a->n ? bsearch(&key, a->list, a->n, sizeof(key), by_name) : NULL;
}

/* What M may be of use for. */
static int check_member(const struct member *m, struct cmk_err *err)
{
	if (m->twice)
		return cmk_err_set(err, -EBADMSG, "two members are called '%.200s'", m->name);
	if (m->sparse)
		return cmk_err_set(err, -EBADMSG, "'%.200s' is a sparse file", m->name);
	return 0;
}

/* The member that the link M leads to. */
static int follow(const struct storage_archive *a, const struct member *m,
		  const struct member **ret, struct cmk_err *err)
{
	cleanup_free char *to = link_target(m);

	if (!to)
		return cmk_err_set(err, -EBADMSG,
				   "'%.200s' is a link out of the archive, to '%.200s'", m->name,
				   m->link);
	*ret = lookup(a, to);
	if (!*ret)
		return cmk_err_set(err, -EBADMSG,
				   "'%.200s' is a link to '%.200s', which is not in the archive",
				   m->name, to);
	return 0;
}

int storage_archive_find(const struct storage_archive *a, const char *name,
			 struct storage_member *ret, struct cmk_err *err)
{
	cleanup_free char *plain = clean_name(name);
	const struct member *m = plain ? lookup(a, plain) : NULL;
	int r = 0;

	if (!m)
		return cmk_err_set(err, -ENOENT, "there is no '%.200s' in the archive", name);
	for (int links = 0; r == 0 && m->link; links++) {
		if (links == LINKS_MAX)
			return cmk_err_set(err, -ELOOP, "'%.200s': too many links", name);
		r = check_member(m, err);
		if (r == 0)
			r = follow(a, m, &m, err);
	}
	if (r == 0)
		r = check_member(m, err);
	if (r == 0)
		*ret = (struct storage_member){ .offset = m->offset, .size = m->size };
	return r;
}
