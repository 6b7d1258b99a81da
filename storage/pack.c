// SPDX-License-Identifier: Apache-2.0
/*
 * From files to a tar stream, sorted by name. Only what lstat(2) says is believed: nothing is
 * followed, and what is opened is compared with what was looked at, since a container may change
 * its files while they are read.
 */
#include "storage/pack.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/userns.h"
#include "storage/internal.h"
#include "storage/meta.h"
#include "storage/xattr.h"

/* Holes of fewer bytes are written as zeros: for them not every reader of tar files is asked to
 * know sparse ones. */
#define HOLES_MIN ((uint64_t)64 << 10)
#define XATTR_LIST_MAX 65536
#define OVERFLOW_ID 65534
#define MQUEUE_MAGIC 0x19800202

void pack_init(struct pack *p, const struct storage_pack_options *o, int out_fd)
{
	*p = (struct pack){ .o = o };
	tar_writer_init(&p->w, out_fd);
}

void pack_done(struct pack *p)
{
	link_table_done(&p->links);
	strbuf_done(&p->path);
	tar_writer_done(&p->w);
}

/* --- one entry --- */

static int write_failed(int r, struct cmk_err *err)
{
	return r < 0 ? cmk_err_set(err, r, "write: %s", errno_text(-r)) : 0;
}

static uint64_t shown_id(const struct id_map *m, uint32_t id)
{
	uint32_t inside = m ? id_map_to_inside(m, id) : id;

	return inside == UINT32_MAX ? OVERFLOW_ID : inside;
}

static void entry_done(struct tar_entry *e)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
	}
	free(e->xattrs);
	strbuf_done(&e->path);
	strbuf_done(&e->link);
}

static void entry_of(const struct pack *p, const struct stat *st, enum tar_type type,
		     struct tar_entry *ret)
{
	*ret = (struct tar_entry){
		.type = type,
		.mode = st->st_mode & 07777,
		.uid = shown_id(p->o->uids, st->st_uid),
		.gid = shown_id(p->o->gids, st->st_gid),
		.mtime = st->st_mtim,
		.size = type == TAR_FILE ? (uint64_t)st->st_size : 0,
	};
	if (p->o->owner_given) {
		ret->uid = p->o->uid;
		ret->gid = p->o->gid;
	}
	strbuf_add(&ret->path, strbuf_str(&p->path), p->path.len);
}

static int by_xattr_name(const void *a, const void *b)
{
	return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

static void add_xattr(struct tar_entry *e, int fd, const char *stored, const char *name)
{
	ssize_t n = fgetxattr(fd, stored, NULL, 0);
	char *value;

	if (n < 0 || e->n_xattrs >= TAR_XATTRS_MAX)
		return;
	value = xmalloc((size_t)n + 1);
	n = fgetxattr(fd, stored, value, (size_t)n);
	if (n < 0) {
		free(value);
		return;
	}
	e->xattrs = xrealloc(e->xattrs, e->n_xattrs + 1, sizeof(*e->xattrs));
	e->xattrs[e->n_xattrs++] = (struct tar_xattr){ .name = xstrdup(name),
						       .value = value,
						       .len = (size_t)n };
}

static void add_xattrs(struct tar_entry *e, int fd)
{
	static char names[XATTR_LIST_MAX];
	ssize_t n = flistxattr(fd, names, sizeof(names));

	for (const char *s = names; n > 0 && s < names + n; s += strlen(s) + 1) {
		char name[XATTR_NAME_MAX + 1];

		if (xattr_layer_name(s, name))
			add_xattr(e, fd, s, name);
	}
	if (e->n_xattrs > 1)
		qsort(e->xattrs, e->n_xattrs, sizeof(*e->xattrs), by_xattr_name);
}

/* The data of a file with holes: 0 where it counts as one without. */
static size_t find_holes(int fd, const struct stat *st, struct tar_sparse **ret)
{
	uint64_t size = (uint64_t)st->st_size, data = 0, at = 0;
	struct tar_sparse *map = NULL;
	size_t n = 0;

	if ((uint64_t)st->st_blocks * 512 + HOLES_MIN > size)
		return 0;
	while (at < size && n < TAR_SPARSE_MAX) {
		off_t from = lseek(fd, (off_t)at, SEEK_DATA), to;

		if (from < 0 || (uint64_t)from >= size)
			break;
		to = lseek(fd, from, SEEK_HOLE);
		if (to <= from)
			break;
		at = MIN((uint64_t)to, size);
		if ((n & (n - 1)) == 0)
			map = xrealloc(map, n ? n * 2 : 1, sizeof(*map));
		map[n++] = (struct tar_sparse){ (uint64_t)from, at - (uint64_t)from };
		data += at - (uint64_t)from;
	}
	if (n == TAR_SPARSE_MAX || size - data < HOLES_MIN) {
		free(map);
		return 0;
	}
	*ret = map ? map : xcalloc(1, sizeof(*map));
	return n;
}

static int pack_data(struct pack *p, int fd, const struct tar_entry *e, const struct stat *st,
		     struct cmk_err *err)
{
	cleanup_free struct tar_sparse *map = NULL;
	size_t n = find_holes(fd, st, &map);
	int r = tar_write_header(&p->w, e, 0, map, n);

	if (!map)
		return write_failed(r < 0 ? r : tar_write_file(&p->w, fd, 0, e->size), err);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = tar_write_file(&p->w, fd, map[i].offset, map[i].len);
	return write_failed(r, err);
}

static int pack_file(struct pack *p, const struct tree_dir *d, size_t part, const char *name,
		     struct cmk_err *err)
{
	cleanup(entry_done) struct tar_entry e = { 0 };
	cleanup_close int fd = -1, data = -1;
	const char *first = NULL;
	struct stat st;

	fd = tree_open_file(d, name, part, &st, err);
	if (fd < 0)
		return fd;
	entry_of(p, &st, TAR_FILE, &e);
	if (st.st_nlink > 1)
		first = link_first(&p->links, &st, strbuf_str(&p->path));
	if (first) {
		e.type = TAR_HARDLINK;
		e.size = 0;
		strbuf_adds(&e.link, first);
		return write_failed(tar_write_header(&p->w, &e, 0, NULL, 0), err);
	}
	add_xattrs(&e, fd);
	data = d->n_data > 0 ? meta_open(d->data, d->n_data, fd) : -ENODATA;
	if (data < 0 && data != -ENODATA)
		return cmk_err_set(err, data, "open its data: %s", errno_text(-data));
	return pack_data(p, data >= 0 ? data : fd, &e, &st, err);
}

static int pack_other(struct pack *p, int dir, const char *name, const struct stat *st,
		      struct cmk_err *err)
{
	cleanup(entry_done) struct tar_entry e = { 0 };
	const char *first = NULL;
	char target[PATH_MAX];

	if (S_ISSOCK(st->st_mode))
		return 0;
	entry_of(p, st,
		 S_ISLNK(st->st_mode)	 ? TAR_SYMLINK
		 : S_ISFIFO(st->st_mode) ? TAR_FIFO
		 : S_ISCHR(st->st_mode)	 ? TAR_CHAR
					 : TAR_BLOCKDEV,
		 &e);
	if (st->st_nlink > 1)
		first = link_first(&p->links, st, strbuf_str(&p->path));
	if (first) {
		e.type = TAR_HARDLINK;
		strbuf_adds(&e.link, first);
	} else if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

		if (n < 0)
			return cmk_err_errno(err, "read link");
		strbuf_add(&e.link, target, (size_t)n);
	}
	return write_failed(tar_write_header(&p->w, &e, st->st_rdev, NULL, 0), err);
}

/* A mark among a layer's entries: an empty file whose name says it (image-spec layer.md#whiteouts).
 */
static int pack_mark(struct pack *p, const char *prefix, const char *name, struct cmk_err *err)
{
	cleanup(entry_done) struct tar_entry e = { .type = TAR_FILE };

	strbuf_addf(&e.path, "%s%s%s", strbuf_str(&p->path), prefix, name);
	return write_failed(tar_write_header(&p->w, &e, 0, NULL, 0), err);
}

/* --- directories --- */

int pack_names(struct pack *p, const struct tree_dir *d, unsigned int depth, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	size_t len = p->path.len;
	int r = tree_names(d, &names, err);

	for (char **n = names; r >= 0 && n && *n; n++) {
		/* It would be read as a whiteout. */
		if (p->o->marks && str_after(*n, ".wh."))
			continue;
		strbuf_adds(&p->path, *n);
		r = pack_entry(p, d, *n, depth, err);
		p->path.len = len;
		if (p->path.data)
			p->path.data[len] = '\0';
	}
	return r;
}

static int pack_dir_entry(struct pack *p, int fd, struct cmk_err *err)
{
	cleanup(entry_done) struct tar_entry e = { 0 };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return cmk_err_errno(err, "stat");
	entry_of(p, &st, TAR_DIR, &e);
	add_xattrs(&e, fd);
	return write_failed(tar_write_header(&p->w, &e, 0, NULL, 0), err);
}

/* What is in there is no data. */
static bool is_kernel_fs(int fd)
{
	static const unsigned long types[] = {
		PROC_SUPER_MAGIC,   SYSFS_MAGIC,	CGROUP2_SUPER_MAGIC,
		CGROUP_SUPER_MAGIC, DEVPTS_SUPER_MAGIC, SECURITYFS_MAGIC,
		DEBUGFS_MAGIC,	    TRACEFS_MAGIC,	MQUEUE_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if ((unsigned long)fs.f_type == types[i])
			return true;
	return false;
}

static int pack_dir(struct pack *p, const struct tree_dir *in, const char *name,
		    const struct tree_entry *te, unsigned int depth, struct cmk_err *err)
{
	cleanup(tree_dir_done) struct tree_dir d = { 0 };
	int r;

	if (depth >= TREE_DEPTH_MAX)
		return cmk_err_set(err, -ELOOP, "more than %d directories deep", TREE_DEPTH_MAX);
	strbuf_addc(&p->path, '/');
	r = tree_enter(in, name, te, &d, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "'%s'", strbuf_str(&p->path));
	r = pack_dir_entry(p, d.parts[0].fd, err);
	if (r >= 0 && (p->shallow || (p->no_kernel_files && is_kernel_fs(d.parts[0].fd))))
		return 0;
	if (r >= 0 && p->o->marks && tree_is_opaque(&d))
		r = pack_mark(p, ".wh..wh..opq", "", err);
	return r < 0 ? r : pack_names(p, &d, depth + 1, err);
}

int pack_entry(struct pack *p, const struct tree_dir *d, const char *name, unsigned int depth,
	       struct cmk_err *err)
{
	struct tree_entry e;
	int r;

	switch (tree_lookup(d, name, &e)) {
	case TREE_ABSENT:
		return 0;
	case TREE_WHITEOUT:
		if (!p->o->marks)
			return 0;
		p->path.len -= strlen(name);
		p->path.data[p->path.len] = '\0';
		return pack_mark(p, ".wh.", name, err);
	case TREE_FOUND:
		break;
	}
	if (S_ISDIR(e.st.st_mode))
		return pack_dir(p, d, name, &e, depth, err);
	r = S_ISREG(e.st.st_mode) ? pack_file(p, d, e.part, name, err)
				  : pack_other(p, d->parts[e.part].fd, name, &e.st, err);
	return r < 0 ? cmk_err_wrap(err, r, "'%s'", strbuf_str(&p->path)) : 0;
}

/* The directory in which PATH lies, from the root D down. */
static int enter_parent(const struct tree_dir *d, const char *path, struct tree_dir *ret,
			const char **ret_name, struct cmk_err *err)
{
	cleanup(tree_dir_done) struct tree_dir at = { 0 };
	const struct tree_dir *in = d;
	size_t len;

	for (; path[len = strcspn(path, "/")]; path += len + 1) {
		cleanup_free char *name = xstrndup(path, len);
		struct tree_dir next = { 0 };
		struct tree_entry e;
		int r;

		if (tree_lookup(in, name, &e) != TREE_FOUND)
			return cmk_err_set(err, -ENOENT, "'%s' has gone", name);
		r = tree_enter(in, name, &e, &next, err);
		if (r < 0)
			return r;
		tree_dir_done(&at);
		at = next;
		in = &at;
	}
	*ret_name = path;
	*ret = at;
	at = (struct tree_dir){ 0 };
	return 0;
}

static int pack_change(struct pack *p, struct tree_dir *root, const char *change,
		       struct cmk_err *err)
{
	cleanup(tree_dir_done) struct tree_dir at = { 0 };
	const char *path = change + 1, *name = "";
	int r;

	path += *path == '/';
	r = enter_parent(root, path, &at, &name, err);
	if (r < 0)
		return r;
	strbuf_reset(&p->path);
	if (*change == 'D') {
		strbuf_add(&p->path, path, (size_t)(name - path));
		return pack_mark(p, ".wh.", name, err);
	}
	strbuf_adds(&p->path, path);
	return pack_entry(p, at.n ? &at : root, name, 0, err);
}

int pack_changes(struct pack *p, struct tree_dir *d, char *const *changes, struct cmk_err *err)
{
	int r = 0;

	p->shallow = true;
	for (; r >= 0 && changes && *changes; changes++)
		r = pack_change(p, d, *changes, err);
	return r < 0 ? r : write_failed(tar_write_end(&p->w), err);
}

int pack_tree(struct pack *p, struct tree_dir *d, bool with_root, struct cmk_err *err)
{
	int r = 0;

	if (with_root && d->n > 0) {
		size_t len = p->path.len;

		if (len == 0)
			strbuf_adds(&p->path, "./");
		r = pack_dir_entry(p, d->parts[0].fd, err);
		p->path.len = len;
		p->path.data[len] = '\0';
	}
	if (r >= 0)
		r = pack_names(p, d, 0, err);
	return r < 0 ? r : write_failed(tar_write_end(&p->w), err);
}
