// SPDX-License-Identifier: Apache-2.0
#include "storage/shared.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "storage/internal.h"

#define NEW_LINK "new-link"
/* Two million files with names of usual length. */
#define LIST_MAX ((size_t)256 << 20)
#define OPEN_FILE (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

/* --- what cmk-unpack tells --- */

int shared_parse(const char **p, size_t *len, struct shared_item *ret)
{
	char hex[DIGEST_HEX_LEN + 1];
	size_t n = strnlen(*p, *len);
	const char *number, *blank;

	if (*len == 0)
		return 0;
	if (n == *len || n <= DIGEST_HEX_LEN + 1 || (*p)[DIGEST_HEX_LEN] != ' ')
		return -EBADMSG;
	memcpy(hex, *p, DIGEST_HEX_LEN);
	hex[DIGEST_HEX_LEN] = '\0';
	number = *p + DIGEST_HEX_LEN + 1;
	blank = strchr(number, ' ');
	if (!blank || !blank[1] || digest_parse_hex(hex, &ret->sum) < 0 ||
	    parse_u64_n(number, (size_t)(blank - number), INT64_MAX, &ret->size) < 0)
		return -EBADMSG;
	ret->path = blank + 1;
	*p += n + 1;
	*len -= n + 1;
	return 1;
}

/* --- files of the new layer --- */

struct file {
	char key[SHARED_KEY_LEN + 1];
	uint64_t size;
	const char *path;
	bool is_shared;
};

struct share {
	int files_fd, layer_fd, diff_fd;
	struct file *files;
	size_t n, cap;
	/* The directory at hand, its path (LEN bytes of a file's), and what its times were. */
	int dir_fd;
	const char *dir;
	size_t dir_len;
	struct stat dir_st;
	bool dir_changed;
};

static void key_of(const struct shared_item *item, const struct stat *st,
		   char ret[static SHARED_KEY_LEN + 1])
{
	cleanup_free char *text = xasprintf(
		"%s %llu %o %u %u %lld.%09ld %s", item->sum.hex, (unsigned long long)item->size,
		(unsigned int)st->st_mode, st->st_uid, st->st_gid, (long long)st->st_mtim.tv_sec,
		st->st_mtim.tv_nsec, item->path);
	struct digest d;

	digest_of(text, strlen(text), &d);
	(void)snprintf(ret, SHARED_KEY_LEN + 1, "%.*s", SHARED_KEY_LEN, d.hex);
}

/* Layers have directories' times in them. */
static int leave_dir(struct share *s, struct cmk_err *err)
{
	const struct timespec times[2] = { s->dir_st.st_atim, s->dir_st.st_mtim };
	int r = 0;

	if (s->dir_fd >= 0 && s->dir_changed && futimens(s->dir_fd, times) < 0)
		r = cmk_err_errno(err, "times of '%.*s'", (int)s->dir_len, s->dir);
	if (s->dir_fd >= 0)
		(void)close(steal_fd(&s->dir_fd));
	s->dir_changed = false;
	return r;
}

/* The directory of PATH stays open, since files of one follow each other. 0: it is none, or a link
 * leads there. */
static int enter_dir(struct share *s, const char *path, const char **ret_base, struct cmk_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	cleanup_free char *dir = NULL;
	int r;

	*ret_base = slash ? slash + 1 : path;
	if (s->dir_fd >= 0 && s->dir_len == len && memcmp(s->dir, path, len) == 0)
		return 1;
	r = leave_dir(s, err);
	if (r < 0)
		return r;
	dir = len > 0 ? xstrndup(path, len) : xstrdup(".");
	s->dir = path;
	s->dir_len = len;
	s->dir_fd = open_resolved(s->diff_fd, dir, O_RDONLY | O_DIRECTORY, 0,
				  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	if (s->dir_fd >= 0 && fstat(s->dir_fd, &s->dir_st) < 0)
		(void)close(steal_fd(&s->dir_fd));
	return s->dir_fd >= 0 && **ret_base && !is_dot(*ret_base);
}

/* A file of several names is one already, and stays so. */
static int add_file(struct share *s, const struct shared_item *item, struct cmk_err *err)
{
	const char *base;
	struct stat st;
	int r = enter_dir(s, item->path, &base, err);

	if (r <= 0)
		return r;
	if (fstatat(s->dir_fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_nlink != 1 || (uint64_t)st.st_size != item->size)
		return 0;
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 256;
		s->files = xrealloc(s->files, s->cap, sizeof(*s->files));
	}
	s->files[s->n] = (struct file){ .size = item->size, .path = item->path };
	key_of(item, &st, s->files[s->n++].key);
	return 0;
}

static int add_files(struct share *s, const char *text, size_t len, struct cmk_err *err)
{
	struct shared_item item;
	int r;

	while ((r = shared_parse(&text, &len, &item)) > 0) {
		r = add_file(s, &item, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? cmk_err_set(err, r, "'" SHARED_NEW "' cannot be read") : leave_dir(s, err);
}

/* ALL: also those that are not shared (yet). */
static int write_list(const struct share *s, bool all, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < s->n; i++)
		if (all || s->files[i].is_shared)
			strbuf_addf(&text, "%s %llu\n", s->files[i].key,
				    (unsigned long long)s->files[i].size);
	return file_replace_at(s->layer_fd, SHARED_LIST, strbuf_str(&text), text.len, 0644, 0, err);
}

/* --- two files --- */

static bool same_xattrs(int a, int b)
{
	static char names[2][65536], values[2][65536];
	ssize_t n = flistxattr(a, names[0], sizeof(names[0]));

	if (n != flistxattr(b, names[1], sizeof(names[1])) ||
	    (n > 0 && memcmp(names[0], names[1], (size_t)n) != 0))
		return false;
	for (const char *p = names[0]; n > 0 && p < names[0] + n; p += strlen(p) + 1) {
		ssize_t len = fgetxattr(a, p, values[0], sizeof(values[0]));

		if (len < 0 || len != fgetxattr(b, p, values[1], sizeof(values[1])) ||
		    memcmp(values[0], values[1], (size_t)len) != 0)
			return false;
	}
	return true;
}

static bool same_status(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_size == b->st_size && a->st_dev == b->st_dev &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool same_bytes(int a, int b)
{
	static char buf[2][128 << 10];
	ssize_t n;

	while ((n = read_full(a, buf[0], sizeof(buf[0]))) > 0)
		if (read_full(b, buf[1], sizeof(buf[1])) != n ||
		    memcmp(buf[0], buf[1], (size_t)n) != 0)
			return false;
	return n == 0 && read_full(b, buf[1], 1) == 0;
}

/* --- sharing --- */

/* What is there is damaged, of other attributes, or has all the links that a file can have. */
static bool take_its_place(struct share *s, const char *base, const char *key)
{
	return unlinkat(s->files_fd, key, 0) == 0 &&
	       linkat(s->dir_fd, base, s->files_fd, key, 0) == 0;
}

/* BASE becomes another name of the entry KEY, whose status is THEIRS. -EMLINK. */
static int become(struct share *s, const char *base, const char *key, const struct stat *theirs)
{
	struct stat st;

	(void)unlinkat(s->layer_fd, NEW_LINK, 0);
	if (linkat(s->files_fd, key, s->layer_fd, NEW_LINK, 0) < 0)
		return -errno;
	s->dir_changed = true;
	/* Another unpacking may have put something else there since. */
	if (fstatat(s->layer_fd, NEW_LINK, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_ino != theirs->st_ino || renameat(s->layer_fd, NEW_LINK, s->dir_fd, base) < 0) {
		(void)unlinkat(s->layer_fd, NEW_LINK, 0);
		return -EAGAIN;
	}
	return 0;
}

static bool share_file(struct share *s, const char *base, const char *key)
{
	cleanup_close int ours = -1, theirs = -1;
	struct stat a, b;
	int r;

	if (linkat(s->dir_fd, base, s->files_fd, key, 0) == 0)
		return true;
	if (errno != EEXIST)
		return false;
	ours = openat(s->dir_fd, base, OPEN_FILE);
	theirs = openat(s->files_fd, key, OPEN_FILE);
	if (ours < 0 || theirs < 0 || fstat(ours, &a) < 0 || fstat(theirs, &b) < 0)
		return false;
	if (!same_status(&a, &b) || !same_xattrs(ours, theirs) || !same_bytes(ours, theirs))
		return take_its_place(s, base, key);
	r = become(s, base, key, &b);
	return r == -EMLINK ? take_its_place(s, base, key) : r == 0;
}

static int share_files(struct share *s, size_t *ret_left, struct cmk_err *err)
{
	int r = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct file *f = &s->files[i];
		const char *base;

		r = enter_dir(s, f->path, &base, err);
		if (r < 0)
			return r;
		f->is_shared = r > 0 && share_file(s, base, f->key);
		*ret_left += !f->is_shared;
	}
	return leave_dir(s, err);
}

int shared_add(int files_fd, int layer_fd, struct cmk_err *err)
{
	cleanup_close int diff = openat(layer_fd, "diff",
					O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct share s = { files_fd, layer_fd, diff, .dir_fd = -1 };
	cleanup_free char *text = NULL;
	size_t len = 0, left = 0;
	int r = file_read_at(layer_fd, SHARED_NEW, LIST_MAX, &text, &len, err);

	/* Only small files, or more of them than anybody has. */
	if (r == -ENOENT || r == -EFBIG) {
		cmk_err_done(err);
		return 0;
	}
	if (r >= 0)
		r = add_files(&s, text, len, err);
	if (r >= 0)
		r = write_list(&s, true, err);
	if (r >= 0)
		r = share_files(&s, &left, err);
	if (r >= 0 && left > 0)
		r = write_list(&s, false, err);
	if (s.dir_fd >= 0)
		(void)close(s.dir_fd);
	free(s.files);
	if (r >= 0 && unlinkat(layer_fd, SHARED_NEW, 0) < 0)
		r = cmk_err_errno(err, "remove '" SHARED_NEW "'");
	return r < 0 ? cmk_err_wrap(err, r, "share files between layers") : 0;
}

/* --- the list, and removal --- */

static int drop_contents(void *arg, struct cmk_err *err)
{
	const int *layer_fd = arg;
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = dir_read(*layer_fd, &d, err);

	while (r >= 0 && (de = readdir(d)))
		if (!is_dot(de->d_name) && !streq(de->d_name, SHARED_LIST))
			r = remove_tree_at(*layer_fd, de->d_name, err);
	return r;
}

void shared_each(int layer_fd, void (*fn)(void *arg, const char *key, uint64_t size), void *arg)
{
	cleanup_free char *text = NULL;
	size_t len = 0;

	if (file_read_at(layer_fd, SHARED_LIST, LIST_MAX, &text, &len, NULL) < 0)
		return;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		char *number = line + SHARED_KEY_LEN + 1;
		uint64_t size = 0;

		if (end <= number || number[-1] != ' ' ||
		    strspn(line, "0123456789abcdef") != SHARED_KEY_LEN ||
		    parse_u64_n(number, (size_t)(end - number), INT64_MAX, &size) < 0)
			continue;
		number[-1] = '\0';
		fn(arg, line, size);
	}
}

static void forget_one(void *files_fd, const char *key, cmk_unused uint64_t size)
{
	const int *files = files_fd;
	struct stat st;

	if (fstatat(*files, key, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 1)
		(void)unlinkat(*files, key, 0);
}

int shared_drop_at(int files_fd, int layer_fd, struct cmk_err *err)
{
	int r = drop_contents(&layer_fd, err);

	if (r >= 0)
		shared_each(layer_fd, forget_one, &files_fd);
	return r;
}

int shared_drop(struct storage *st, const char *name, struct cmk_err *err)
{
	cleanup_close int layer = openat(st->tmp_fd, name,
					 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_close int files = -1;
	const struct userns_config *config;
	int r;

	if (layer < 0 || faccessat(layer, SHARED_LIST, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	files = openat(st->root_fd, SHARED_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = drop_contents(&layer, err);
	if (r == -EACCES || r == -EPERM) {
		r = storage_userns(st, &config, err);
		if (r >= 0)
			r = userns_run(st->run_fd, config, false, drop_contents, &layer, err);
	}
	if (r >= 0 && files >= 0)
		shared_each(layer, forget_one, &files);
	return r;
}

void shared_sweep(struct storage *st)
{
	cleanup_close int files = openat(st->root_fd, SHARED_DIR,
					 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	struct stat sb;

	if (files < 0 || dir_read(files, &d, NULL) < 0)
		return;
	while ((de = readdir(d)))
		if (!is_dot(de->d_name) &&
		    fstatat(files, de->d_name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(sb.st_mode) && sb.st_nlink == 1) {
			log_debug("remove '%s/" SHARED_DIR "/%s'", st->root, de->d_name);
			(void)unlinkat(files, de->d_name, 0);
		}
}

/* --- what is shared --- */

struct listing {
	struct storage_shared_file *list;
	size_t n, cap, layer;
};

static void list_one(void *arg, const char *key, uint64_t size)
{
	struct listing *l = arg;
	struct storage_shared_file *f;

	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 1024;
		l->list = xrealloc(l->list, l->cap, sizeof(*l->list));
	}
	f = &l->list[l->n++];
	*f = (struct storage_shared_file){ .layer = l->layer, .size = size };
	memcpy(f->key, key, SHARED_KEY_LEN);
}

static int compare_files(const void *a, const void *b)
{
	const struct storage_shared_file *x = a, *y = b;
	int r = memcmp(x->key, y->key, SHARED_KEY_LEN);

	return r ? r : (x->layer > y->layer) - (x->layer < y->layer);
}

/* Only those of several layers stay. */
static void drop_single(struct listing *l)
{
	size_t kept = 0;

	for (size_t i = 0, end; i < l->n; i = end) {
		for (end = i + 1; end < l->n && streq(l->list[i].key, l->list[end].key); end++)
			;
		for (size_t k = i; end - i > 1 && k < end; k++)
			l->list[kept++] = l->list[k];
	}
	l->n = kept;
}

void storage_shared_files(struct storage *st, const char *const *diff_ids, size_t n,
			  struct storage_shared_file **ret, size_t *ret_n)
{
	struct listing l = { 0 };

	for (l.layer = 0; l.layer < n; l.layer++) {
		cleanup_close int fd = -1;
		struct digest id;

		if (digest_parse(diff_ids[l.layer], &id, NULL) == 0)
			fd = openat(st->layers_fd, id.hex,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0)
			shared_each(fd, list_one, &l);
	}
	if (l.n > 1)
		qsort(l.list, l.n, sizeof(*l.list), compare_files);
	drop_single(&l);
	*ret = l.list;
	*ret_n = l.n;
}
