// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"
#include "image/podman.h"

#define RECORDS_MAX ((size_t)128 << 20)
#define LOCK_WAIT_MS (60 * 1000)
/* No link is followed: who may write there could lead us anywhere. */
#define RESOLVE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

static const char *const drivers[] = { "overlay", "vfs" };

static void image_done(struct podman_image *i)
{
	free(i->id);
	free(i->digest);
	free(i->manifest);
	free(i->layer);
	free(i->metadata);
	i->names = strv_free(i->names);
	i->data = strv_free(i->data);
}

void podman_store_free(struct podman_store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_images; i++)
		image_done(&s->images[i]);
	for (size_t i = 0; i < s->n_layers; i++) {
		free(s->layers[i].id);
		free(s->layers[i].parent);
	}
	for (size_t i = 0; i < s->n_roots; i++) {
		struct podman_root *r = &s->roots[i];

		for (size_t k = 0; k < ARRAY_LEN(r->locks); k++)
			cleanup_close_fn(&r->locks[k]);
		cleanup_close_fn(&r->fd);
		free(r->path);
	}
	free(s->images);
	free(s->layers);
	free(s->roots);
	free(s->shown);
	free(s);
}

/* --- files --- */

static int open_in(const struct podman_root *root, const char *path, struct cmk_err *err)
{
	cleanup_close int fd = open_resolved(root->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
					     RESOLVE);
	struct stat st;

	if (fd < 0)
		return cmk_err_set(err, fd, "'%s/%s': %s", root->path, path,
				   fd == -ELOOP ? "there is a symbolic link" : errno_text(-fd));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return cmk_err_set(err, -EBADMSG, "'%s/%s' is no file", root->path, path);
	return steal_fd(&fd);
}

static int read_in(const struct podman_root *root, const char *path, size_t max, char **ret,
		   size_t *ret_len, struct cmk_err *err)
{
	cleanup_close int fd = open_in(root, path, err);
	int r;

	if (fd < 0)
		return fd;
	r = file_read_fd(fd, max, ret, ret_len, err);
	return r < 0 ? cmk_err_wrap(err, r, "'%s/%s'", root->path, path) : 0;
}

/* The document of a list of records; NULL where there is no file. */
static int read_records(const struct podman_root *root, const char *path, struct json_doc **ret,
			struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = read_in(root, path, RECORDS_MAX, &text, &len, &mine);

	if (r == -ENOENT || (r == 0 && len == 0))
		return 0;
	if (r < 0)
		return cmk_err_move(err, &mine);
	r = json_parse(text, len, RECORDS_MAX, ret, err);
	if (r == 0 && json_root(*ret)->type != JSON_ARRAY)
		r = cmk_err_set(err, -EBADMSG, "it is no list");
	return r < 0 ? cmk_err_wrap(err, -EBADMSG, "'%s/%s' is damaged", root->path, path) : 0;
}

static int damaged(const struct podman_root *root, const char *what, size_t at, struct cmk_err *err)
{
	return cmk_err_set(err, -EBADMSG, "'%s/%s-%s/%s.json' is damaged: record %zu", root->path,
			   root->driver, what, what, at);
}

/* *RET, owned, is the member KEY of the record V: hex digits of an ID, or NULL where it is absent
 * or empty. */
static int get_id(const struct json *v, const char *key, char **ret)
{
	const char *text = json_str(json_get(v, key));
	struct digest d;

	if (!text || !*text)
		return json_get(v, key) && !text ? -EINVAL : 0;
	if (digest_parse_hex(text, &d) < 0)
		return -EINVAL;
	*ret = xstrdup(text);
	return 0;
}

static int read_image(const struct json *v, struct podman_image *i)
{
	const char *digest = json_str(json_get(v, "digest"));
	const char *manifest = json_str(json_get(json_get(v, "big-data-digests"), "manifest"));

	if (get_id(v, "id", &i->id) < 0 || !i->id || get_id(v, "layer", &i->layer) < 0 ||
	    json_strv(json_get(v, "names"), &i->names) < 0 ||
	    json_strv(json_get(v, "big-data-names"), &i->data) < 0)
		return -EINVAL;
	i->digest = digest && *digest ? xstrdup(digest) : NULL;
	i->manifest = manifest && *manifest ? xstrdup(manifest) : NULL;
	i->metadata = xstrdup_null(json_str(json_get(v, "metadata")));
	return 0;
}

/* The list of WHAT that ROOT holds, to be added to N that there may be MAX of; *RET is NULL where
 * there is none. */
static int read_list(const struct podman_root *root, const char *what, size_t n, size_t max,
		     struct json_doc **ret, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s-%s/%s.json", root->driver, what, what);
	int r = read_records(root, path, ret, err);

	if (r < 0 || !*ret || json_root(*ret)->n <= max - n)
		return r;
	return cmk_err_set(err, -E2BIG, "'%s': more than %zu %s", root->path, max, what);
}

static int read_images(struct podman_store *s, const struct podman_root *root, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const struct json *list;
	int r = read_list(root, "images", s->n_images, PODMAN_IMAGES_MAX, &doc, err);

	if (r < 0 || !doc)
		return r;
	list = json_root(doc);
	s->images = xrealloc(s->images, s->n_images + list->n + 1, sizeof(*s->images));
	json_each (v, list) {
		struct podman_image *i = &s->images[s->n_images++];

		*i = (struct podman_image){ .root = root };
		if (read_image(v, i) < 0)
			return damaged(root, "images", s->n_images, err);
	}
	return 0;
}

static int read_layers(struct podman_store *s, const struct podman_root *root, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const struct json *list;
	int r = read_list(root, "layers", s->n_layers, PODMAN_LAYERS_MAX, &doc, err);

	if (r < 0 || !doc)
		return r;
	list = json_root(doc);
	s->layers = xrealloc(s->layers, s->n_layers + list->n + 1, sizeof(*s->layers));
	json_each (v, list) {
		struct podman_layer *l = &s->layers[s->n_layers++];

		*l = (struct podman_layer){ .root = root };
		l->incomplete = json_bool(json_path(v, "flags.incomplete"), false);
		if (get_id(v, "id", &l->id) < 0 || !l->id || get_id(v, "parent", &l->parent) < 0)
			return damaged(root, "layers", s->n_layers, err);
	}
	return 0;
}

/* --- locks --- */

static int lock_wait_ms(void)
{
#ifdef CMK_TEST_HOOKS
	const char *text = getenv("CMK_TEST_LOCK_MS");
	uint64_t ms;

	if (text && parse_u64(text, LOCK_WAIT_MS, &ms) == 0)
		return (int)ms;
#endif
	return LOCK_WAIT_MS;
}

/* The lock belongs to the open file, so that a child can wait for it in our place. */
static int wait_for_lock(int fd, struct flock *lock, struct cmk_err *err)
{
	cleanup_close int pidfd = -1;
	struct pollfd p = { .events = POLLIN };
	pid_t pid = process_fork("cmk-wait", PROCESS_DEATH_SIGNAL, &pidfd, err);
	int n;

	if (pid == 0)
		_exit(fcntl(fd, F_OFD_SETLKW, lock) < 0 ? 1 : 0);
	if (pid < 0)
		return pid;
	p.fd = pidfd;
	do
		n = poll(&p, 1, lock_wait_ms());
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		(void)process_pidfd_signal(pidfd, SIGKILL);
	if (process_reap(pid) == 0)
		return 0;
	return cmk_err_kind(err, CMK_ERR_IN_USE, -EBUSY,
			    "another program has kept it locked for %d s", lock_wait_ms() / 1000);
}

static int take_lock(const struct podman_root *root, const char *path, int *ret,
		     struct cmk_err *err)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_close int fd = open_in(root, path, &mine);
	int r = 0;

	/* Nobody has written there yet, or it is a read-only store. */
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return cmk_err_move(err, &mine);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return cmk_err_errno(err, "lock '%s/%s'", root->path, path);
		log_debug("waiting for '%s/%s'", root->path, path);
		r = wait_for_lock(fd, &lock, err);
	}
	if (r < 0)
		return cmk_err_wrap(err, r, "lock '%s/%s'", root->path, path);
	*ret = steal_fd(&fd);
	return 0;
}

static int lock_root(struct podman_root *root, struct cmk_err *err)
{
	cleanup_free char *layers = xasprintf("%s-layers/layers.lock", root->driver);
	cleanup_free char *images = xasprintf("%s-images/images.lock", root->driver);
	const char *const paths[] = { "storage.lock", layers, images };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(paths); i++)
		r = take_lock(root, paths[i], &root->locks[i], err);
	return r;
}

/* --- the store --- */

static bool has_images(int fd, const char *driver)
{
	cleanup_free char *path = xasprintf("%s-images", driver);
	struct stat st;

	return fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static const char *known_driver(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(drivers); i++)
		if (streq(drivers[i], name))
			return drivers[i];
	return NULL;
}

/* WANTED (may be NULL) is what storage.conf says, or the first root's. */
static const char *choose_driver(int fd, const char *wanted)
{
	const char *known = known_driver(wanted);

	if (known && has_images(fd, known))
		return known;
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (has_images(fd, drivers[i]))
			return drivers[i];
	return NULL;
}

/* 1 where there is none at PATH. */
static int add_root(struct podman_store *s, const char *path, const char *driver,
		    struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct podman_root *root = &s->roots[s->n_roots];

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (fd < 0)
		return cmk_err_errno(err, "open Podman's store '%s'", path);
	*root = (struct podman_root){ .driver = choose_driver(fd, driver),
				      .locks = { -1, -1, -1 } };
	if (!root->driver)
		return 1;
	root->fd = steal_fd(&fd);
	root->path = xstrdup(path);
	s->n_roots++;
	return 0;
}

static int none_there(const struct storage_podman *p, struct cmk_err *err)
{
	(void)cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			   "'%.300s' is no store of Podman's: there is neither overlay-images nor "
			   "vfs-images",
			   p->roots[0]);
	(void)cmk_err_hint(err,
			   "containers-storage:[DRIVER@ROOT]IMAGE names another; `podman info` "
			   "says where it is (graphRoot)");
	return -ENOENT;
}

static int open_roots(struct podman_store *s, const struct storage_podman *p, bool forced,
		      struct cmk_err *err)
{
	const char *driver = p->driver;
	int r = 0;

	if (forced && driver && !known_driver(driver))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "stores of the driver '%.40s' are not supported: there are "
				    "overlay and vfs",
				    driver);
	s->roots = xcalloc(strv_len(p->roots) + 1, sizeof(*s->roots));
	for (char **path = p->roots; *path; path++) {
		r = add_root(s, *path, driver, err);
		if (r < 0)
			return r;
		if (r == 1)
			log_debug("'%s' is no store of Podman's", *path);
		if (s->n_roots > 0)
			driver = s->roots[0].driver;
	}
	if (s->n_roots == 0 || (forced && p->driver && !streq(s->roots[0].driver, p->driver)))
		return none_there(p, err);
	s->shown = xasprintf("containers-storage:[%s@%s]", s->roots[0].driver, s->roots[0].path);
	return 0;
}

static int read_all(struct podman_store *s, struct cmk_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_roots; i++) {
		r = lock_root(&s->roots[i], err);
		if (r == 0)
			r = read_layers(s, &s->roots[i], err);
		if (r == 0)
			r = read_images(s, &s->roots[i], err);
	}
	return r;
}

/* Options say how Podman mounts; of them only where further images are counts for who reads. */
static void add_options(const char *text, struct storage_podman *p)
{
	cleanup_strv char **list = strv_split(text, ',');

	for (char **o = list; o && *o; o++) {
		const char *value = strchr(*o, '=');
		cleanup_free char *key = xstrndup(*o, strcspn(*o, "="));

		if (value && value[1] == '/' && str_has_suffix(key, ".imagestore"))
			strv_add(&p->roots, value + 1);
	}
}

static int parse_place(const char *text, struct storage_podman *ret, struct cmk_err *err)
{
	const char *at = strchr(text, '@'), *root = at ? at + 1 : text;
	size_t n = strcspn(root, "+:");
	const char *options = strchr(root, ':');

	if ((at && at == text) || *root != '/')
		return cmk_err_set(err, -EINVAL,
				   "'[%.200s]' is not [DRIVER@ROOT], with an absolute path", text);
	ret->driver = at ? xstrndup(text, (size_t)(at - text)) : NULL;
	strv_add_take(&ret->roots, xstrndup(root, n));
	if (options)
		add_options(options + 1, ret);
	return 0;
}

int podman_store_open(struct storage *st, const char *place, struct podman_store **ret,
		      struct cmk_err *err)
{
	cleanup(storage_podman_done) struct storage_podman p = { 0 };
	struct podman_store *s;
	int r = *place ? parse_place(place, &p, err) : storage_podman_find(st, &p, err);

	if (r < 0)
		return r;
	s = xcalloc(1, sizeof(*s));
	r = open_roots(s, &p, *place, err);
	if (r == 0)
		r = read_all(s, err);
	if (r < 0)
		podman_store_free(s);
	else
		*ret = s;
	return r;
}

/* --- what is of one image --- */

static bool is_plain(const char *name)
{
	return name[strspn(name, ".0123456789abcdefghijklmnopqrstuvwxyz")] == '\0';
}

int podman_image_data(const struct podman_image *i, const char *name, size_t max, char **ret,
		      size_t *ret_len, struct cmk_err *err)
{
	cleanup_free char *code = is_plain(name) ? NULL : base64_encoded(name, strlen(name));
	cleanup_free char *path = xasprintf("%s-images/%s/%s%s", i->root->driver, i->id,
					    code ? "=" : "", code ? code : name);

	return read_in(i->root, path, max, ret, ret_len, err);
}

static const struct podman_layer *find_layer(const struct podman_store *s, const char *id)
{
	for (size_t i = 0; i < s->n_layers; i++)
		if (streq(s->layers[i].id, id))
			return &s->layers[i];
	return NULL;
}

int podman_image_layers(const struct podman_store *s, const struct podman_image *i, size_t n,
			const struct podman_layer **ret, struct cmk_err *err)
{
	const char *id = i->layer;

	while (n > 0 && id) {
		const struct podman_layer *l = find_layer(s, id);

		if (!l || l->incomplete)
			return cmk_err_set(err, -EBADMSG, "layer %.12s is %s", id,
					   l ? "incomplete" : "missing from layers.json");
		ret[--n] = l;
		id = l->parent;
	}
	if (n > 0 || id)
		return cmk_err_set(err, -EBADMSG,
				   "the image has %s layers in layers.json than its config says",
				   id ? "more" : "fewer");
	return 0;
}

/* --- layers --- */

static int open_files(const struct podman_layer *l, struct cmk_err *err)
{
	const struct podman_root *root = l->root;
	bool overlay = streq(root->driver, "overlay");
	cleanup_free char *path = xasprintf(overlay ? "overlay/%s/diff" : "vfs/dir/%s", l->id);
	cleanup_free char *composefs = xasprintf("overlay/%s/composefs-data", l->id);
	int fd;

	if (overlay && faccessat(root->fd, composefs, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "layers of composefs are not supported");
	fd = open_resolved(root->fd, path, O_PATH | O_DIRECTORY, 0, RESOLVE);
	if (fd < 0)
		return cmk_err_set(err, fd == -ENOENT ? -EBADMSG : fd, "'%s/%s': %s", root->path,
				   path,
				   fd == -ELOOP ? "there is a symbolic link" : errno_text(-fd));
	return fd;
}

int podman_layer_open(const struct podman_layer *l, int *ret_dir, int *ret_split,
		      struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s-layers/%s.tar-split.gz", l->root->driver, l->id);
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_close int dir = open_files(l, &mine);
	int split = dir < 0 ? dir : open_in(l->root, path, &mine);

	if (dir >= 0 && split == -ENOENT) {
		(void)cmk_err_set(&mine, -EBADMSG,
				  "Podman has kept nothing from which its stream could be made "
				  "again ('%s/%s' is missing)",
				  l->root->path, path);
		(void)cmk_err_hint(&mine, "get the image from its registry: cmk pull IMAGE");
	}
	if (split < 0)
		return cmk_err_move(err, &mine);
	*ret_dir = steal_fd(&dir);
	*ret_split = split;
	return 0;
}
