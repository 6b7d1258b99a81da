// SPDX-License-Identifier: Apache-2.0
/* One directory of metadata of all layers of an image. Each of its directories is a job (jobs.h).
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "storage/jobs.h"
#include "storage/layer_copy.h"
#include "storage/links.h"
#include "storage/meta.h"
#include "storage/xattr.h"

/* Smaller files take no more as copies than the path to where they are. */
#define COPY_MAX 4096
#define THREADS_MAX 4
#define LINK_LOCKS 32

/* Files of several names, by inode. The lock is held while one is made, so that the next finds it.
 * One for all would have the threads wait for each other: what images have in common (shared.h) has
 * several names, too. */
struct links {
	pthread_mutex_t lock;
	struct link_table table;
};

/* What does not change is read by all threads. */
struct build {
	const struct id_map_pair *map;
	int target;
	const struct tree_dir *tree;
	const struct meta_layer *layers; /* of each of the tree's parts */
	size_t path_max;		 /* of a redirect; meta_path_max() */
	uid_t uid;			 /* of what is made */
	gid_t gid;

	pthread_mutex_t data_lock;
	struct meta_data *data; /* as LAYERS; without a tag: not asked for yet */

	struct links links[LINK_LOCKS];
	pthread_mutex_t attributes_lock; /* layer_copy_attributes() is for one at a time */
};

/* A directory. */
struct dir_job {
	struct job job;
	struct dir_job *parent; /* NULL: the root */
	char *path;		/* below the target */
	size_t name;		/* where in PATH its own begins */
	unsigned int depth;
	struct tree_entry entry; /* of its parent */
	struct stat shown;
	struct tree_dir in; /* the root's is the caller's */
	int out;
};

/* The entry at hand. */
struct entry {
	const struct dir_job *dir;
	const struct tree_part *part;
	const char *path, *name;
	struct stat st, shown; /* as it is, and as it shall be */
};

static size_t layer_of(const struct build *b, const struct tree_part *part)
{
	size_t i = 0;

	while (b->tree->parts[i].layer != part->layer)
		i++;
	return i;
}

static bool is_foreign(const struct build *b, const struct tree_part *part)
{
	return b->layers[layer_of(b, part)].is_foreign;
}

/* Whose the file PATH is: in another's store that is what the layer says. */
static void own(const struct build *b, const struct tree_part *part, const char *path,
		struct stat *st)
{
	const struct meta_layer *l = &b->layers[layer_of(b, part)];

	if (l->owners.text)
		owners_apply(&l->owners, path, st);
}

/* --- a file --- */

/* Where the layer's links are, made when the first one is. */
static int data_of(struct build *b, size_t layer, struct meta_data **ret)
{
	const struct meta_layer *l = &b->layers[layer];
	int r = 0;

	(void)pthread_mutex_lock(&b->data_lock);
	if (!b->data[layer].tag[0])
		r = meta_data_make(l->fd, l->hex, &b->data[layer], NULL);
	(void)pthread_mutex_unlock(&b->data_lock);
	*ret = &b->data[layer];
	return r;
}

/* OUT stands for the file at hand, which lies under the same path in a foreign layer: IN, or -1
 * where we may not read it. -EMLINK where that cannot be said. */
static int point_to_foreign(const struct entry *e, int in, int out)
{
	cleanup_free char *redirect = xasprintf("/%s", e->path);
	int r;

	if (in >= 0 && e->st.st_size <= COPY_MAX)
		return -EMLINK;
	r = meta_point(out, redirect, e->st.st_size);
	/* A long path, and a file system that keeps attributes in one block at most. */
	return in >= 0 && (r == -ENOSPC || r == -E2BIG || r == -ERANGE) ? -EMLINK : r;
}

/* The same for one of our own, by its path or by a link. */
static int point_to_own(struct build *b, const struct entry *e, int out)
{
	char redirect[MAX(META_PATH_MAX + 2, META_LINK_MAX)];
	struct meta_data *data;
	int r = 0;

	if (meta_can_be_path(e->path, b->path_max))
		(void)snprintf(redirect, sizeof(redirect), "/%s", e->path);
	else {
		r = data_of(b, layer_of(b, e->part), &data);
		if (r == 0)
			r = meta_link(data, e->part->fd, e->name, &e->st, redirect);
	}
	return r < 0 ? r : meta_point(out, redirect, e->st.st_size);
}

static int open_source(const struct entry *e)
{
	int fd = openat(e->part->fd, e->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* What layer_copy_attributes() does, where there are no extended ones. OUT has the mode but for the
 * set-id bits. */
static int give_owner_and_times(const struct build *b, const struct stat *shown, int out)
{
	const struct timespec times[2] = { shown->st_atim, shown->st_mtim };

	if ((shown->st_uid != b->uid || shown->st_gid != b->gid) &&
	    fchown(out, shown->st_uid, shown->st_gid) < 0)
		return -errno;
	if ((shown->st_mode & 07000) && fchmod(out, shown->st_mode & 07777) < 0)
		return -errno;
	return futimens(out, times) < 0 ? -errno : 0;
}

static int copy_attributes(struct build *b, int in, int out, const struct stat *shown)
{
	int r;

	if (in < 0)
		return layer_copy_attributes(b->map, in, out, shown);
	(void)pthread_mutex_lock(&b->attributes_lock);
	r = layer_copy_attributes(b->map, in, out, shown);
	(void)pthread_mutex_unlock(&b->attributes_lock);
	return r;
}

static int fill_foreign(struct build *b, const struct entry *e, int out)
{
	cleanup_close int in = open_source(e);
	int r = -EMLINK;

	if (in < 0 && in != -EACCES)
		return in;
	if (e->st.st_size > 0)
		r = point_to_foreign(e, in, out);
	else if (in < 0)
		r = 0;
	if (r == -EMLINK)
		r = file_copy_data(in, out);
	if (r < 0)
		return r;
	return in < 0 ? give_owner_and_times(b, &e->shown, out)
		      : copy_attributes(b, in, out, &e->shown);
}

static int fill_own(struct build *b, const struct entry *e, int out)
{
	int r = e->st.st_size > 0 ? point_to_own(b, e, out) : 0;
	cleanup_close int in = -1;
	bool copy = r == -EMLINK;

	if (r < 0 && !copy)
		return r;
	if (!copy && xattr_any_at(e->part->fd, e->name) == 0)
		return give_owner_and_times(b, &e->shown, out);
	in = open_source(e);
	if (in < 0)
		return in;
	r = copy ? file_copy_data(in, out) : 0;
	return r < 0 ? r : copy_attributes(b, in, out, &e->shown);
}

static int make_file(struct build *b, const struct entry *e)
{
	cleanup_close int out = openat(e->dir->out, e->name,
				       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
				       e->shown.st_mode & 0777);

	if (out < 0)
		return -errno;
	return is_foreign(b, e->part) ? fill_foreign(b, e, out) : fill_own(b, e, out);
}

static int build_file(struct build *b, const struct entry *e)
{
	struct links *l = &b->links[e->st.st_ino % LINK_LOCKS];
	const char *first;
	int r = 0;

	if (e->st.st_nlink <= 1)
		return make_file(b, e);
	(void)pthread_mutex_lock(&l->lock);
	first = link_first(&l->table, &e->st, e->path);
	if (!first || linkat(b->target, first, e->dir->out, e->name, 0) < 0)
		r = make_file(b, e);
	(void)pthread_mutex_unlock(&l->lock);
	return r;
}

/* --- a directory --- */

/* Only foreign layers have the directory NAME, and it is not for us to read. */
static bool is_closed(const struct build *b, const struct tree_dir *in, const char *name,
		      size_t first)
{
	for (size_t i = first; i < in->n; i++)
		if (!is_foreign(b, &in->parts[i]) &&
		    faccessat(in->parts[i].fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return false;
	return true;
}

/* Opened when it is its turn: a directory may have many. */
static int open_dir(const struct build *b, struct dir_job *d, struct cmk_err *err)
{
	const struct tree_dir *in = &d->parent->in;
	const char *name = d->path + d->name;
	int r;

	if (d->depth > TREE_DEPTH_MAX)
		return cmk_err_set(err, -ELOOP, "more than %d directories deep", TREE_DEPTH_MAX);
	r = tree_enter(in, name, &d->entry, &d->in, err);
	if (r == -EACCES && is_closed(b, in, name, d->entry.part))
		cmk_err_done(err);
	else if (r < 0)
		return r;
	if (mkdirat(d->parent->out, name, 0700) < 0)
		return cmk_err_errno(err, "make '%s'", d->path);
	d->out = openat(d->parent->out, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return d->out < 0 ? cmk_err_errno(err, "open '%s'", d->path) : 0;
}

static void add_dir(struct jobs *jobs, struct dir_job *parent, const struct entry *e, size_t part)
{
	struct dir_job *d = xcalloc(1, sizeof(*d));

	d->parent = parent;
	d->path = xstrdup(e->path);
	d->name = (size_t)(e->name - e->path);
	d->depth = parent->depth + 1;
	d->entry = (struct tree_entry){ .st = e->st, .part = part };
	d->shown = e->shown;
	d->out = -1;
	jobs_add(jobs, &parent->job, &d->job);
}

static int build_entry(struct build *b, struct jobs *jobs, struct dir_job *d, const char *path,
		       const char *name, struct cmk_err *err)
{
	struct entry e = { .dir = d, .path = path, .name = name };
	struct tree_entry found;
	int r;

	if (tree_lookup(&d->in, name, &found) != TREE_FOUND)
		return 0;
	e.part = &d->in.parts[found.part];
	e.st = e.shown = found.st;
	own(b, e.part, path, &e.shown);
	r = layer_map_owner(b->map, path, &e.shown, err);
	if (r < 0)
		return r;
	if (S_ISDIR(e.st.st_mode)) {
		add_dir(jobs, d, &e, found.part);
		return 0;
	}
	r = S_ISREG(e.st.st_mode) ? build_file(b, &e)
				  : layer_copy_special(e.part->fd, d->out, name, &e.shown);
	return r < 0 ? cmk_err_set(err, r, "'%s': %s", path, errno_text(-r)) : 0;
}

static int run_dir(struct jobs *jobs, struct job *job, void *arg, struct cmk_err *err)
{
	struct dir_job *d = (struct dir_job *)job;
	cleanup_strbuf struct strbuf path = STRBUF_INIT;
	cleanup_strv char **names = NULL;
	int r = d->parent ? open_dir(arg, d, err) : 0;
	size_t len;

	if (r >= 0)
		r = tree_names(&d->in, &names, err);
	strbuf_addf(&path, "%s%s", d->path, *d->path ? "/" : "");
	len = path.len;
	for (char **n = names; r >= 0 && n && *n && !jobs_failed(jobs); n++) {
		path.len = len;
		strbuf_adds(&path, *n);
		r = build_entry(arg, jobs, d, strbuf_str(&path), path.data + len, err);
	}
	return r;
}

/* When all below has its times: making that changes them. */
static int finish_dir(struct job *job, bool failed, void *arg, struct cmk_err *err)
{
	struct dir_job *d = (struct dir_job *)job;
	int in = d->in.n > 0 ? d->in.parts[0].fd : -1, r = 0;

	if (d->parent && !failed) {
		if (in >= 0 && xattr_any_at(in, "") == 0)
			in = -1;
		r = copy_attributes(arg, in, d->out, &d->shown);
		if (r < 0)
			(void)cmk_err_set(err, r, "'%s': %s", d->path, errno_text(-r));
	}
	if (d->parent) {
		tree_dir_done(&d->in);
		cleanup_close_fn(&d->out);
	}
	free(d->path);
	free(d);
	return r;
}

static int build_root(struct build *b, const struct stat *root, struct cmk_err *err)
{
	struct stat st = *root;
	int r;

	own(b, &b->tree->parts[0], "", &st);
	r = layer_map_owner(b->map, "", &st, err);
	if (r < 0)
		return r;
	r = layer_copy_attributes(b->map, b->tree->parts[0].fd, b->target, &st);
	return r < 0 ? cmk_err_set(err, r, "root directory: %s", errno_text(-r)) : 0;
}

/* What is made in the target has the mode that it is made with, and nothing more. */
static int prepare(struct build *b, struct cmk_err *err)
{
	static const char *const acls[] = { "system.posix_acl_default", "system.posix_acl_access" };
	int r;

	for (size_t i = 0; i < ARRAY_LEN(acls); i++)
		if (fremovexattr(b->target, acls[i]) < 0 && errno != ENODATA && errno != EOPNOTSUPP)
			return cmk_err_errno(err, "remove an inherited access control list");
	r = meta_path_max(b->target, &b->path_max);
	return r < 0 ? cmk_err_set(err, r, "extended attributes: %s", errno_text(-r)) : 0;
}

static int build_all(struct build *b, struct cmk_err *err)
{
	static const struct jobs_work work = { .run = run_dir, .finish = finish_dir };
	struct dir_job *root = xcalloc(1, sizeof(*root));
	mode_t mask = umask(0);
	int r;

	root->path = xstrdup("");
	root->in = *b->tree;
	root->out = b->target;
	r = jobs_run(&work, &root->job, jobs_processors(THREADS_MAX), b, err);
	(void)umask(mask);
	return r;
}

static void build_done(struct build *b)
{
	for (size_t i = 0; i < b->tree->n; i++)
		if (b->data[i].tag[0])
			(void)close(b->data[i].fd);
	free(b->data);
	for (size_t i = 0; i < LINK_LOCKS; i++) {
		link_table_done(&b->links[i].table);
		(void)pthread_mutex_destroy(&b->links[i].lock);
	}
	(void)pthread_mutex_destroy(&b->data_lock);
	(void)pthread_mutex_destroy(&b->attributes_lock);
}

int meta_build(const struct tree_dir *tree, const struct meta_layer *layers,
	       const struct stat *root, const struct id_map_pair *map, int target,
	       struct cmk_err *err)
{
	struct build b = { .map = map, .target = target, .tree = tree, .layers = layers };
	int r;

	b.uid = geteuid();
	b.gid = getegid();
	b.data = xcalloc(tree->n, sizeof(*b.data));
	(void)pthread_mutex_init(&b.data_lock, NULL);
	(void)pthread_mutex_init(&b.attributes_lock, NULL);
	for (size_t i = 0; i < LINK_LOCKS; i++)
		(void)pthread_mutex_init(&b.links[i].lock, NULL);
	r = prepare(&b, err);
	if (r >= 0)
		r = build_all(&b, err);
	if (r >= 0)
		r = build_root(&b, root, err);
	build_done(&b);
	return r;
}
