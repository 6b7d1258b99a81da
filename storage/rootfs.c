// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "storage/conf.h"
#include "storage/driver.h"
#include "storage/extra.h"
#include "storage/internal.h"
#include "storage/map_sync.h"
#include "storage/meta.h"

void rootfs_plan_done(struct rootfs_plan *p)
{
	free(p->driver);
	p->lower = strv_free(p->lower);
	p->data = strv_free(p->data);
	free(p->upper);
	free(p->work);
	free(p->merged);
	free(p->label);
	*p = (struct rootfs_plan){ 0 };
}

void storage_rootfs_label(struct rootfs_plan *p, const char *name, const char *label)
{
	free(p->label);
	p->label_option = name;
	p->label = label && *label ? xstrdup(label) : NULL;
}

/* The metadata of all layers, as the last one has it (meta.h), or NULL. */
static const char *meta_of(const struct image_layer_ref *layers, size_t n)
{
	const char *map = n > 0 ? layers[n - 1].map : NULL;

	return map && str_after(map, META_PREFIX) ? map : NULL;
}

/* The additional store that has the layer, or NULL. That its files are a directory, and no link to
 * somewhere else, is looked at here: the path is what is mounted. */
static const char *find_extra_layer(struct storage *st, const char *hex, struct stat *ret)
{
	const char *root = storage_extra_find(st, "layers", hex);
	cleanup_free char *dir = root ? xasprintf("%s/layers/%s", root, hex) : NULL;
	cleanup_free char *diff = root ? xasprintf("%s/diff", dir) : NULL;
	struct stat sb;

	return root && stat(dir, ret) == 0 && lstat(diff, &sb) == 0 && S_ISDIR(sb.st_mode) ? root
											   : NULL;
}

/* Where the copy MAP of the layer HEX is: in the layer, or beside an additional store's. NULL where
 * it went with the power. */
static char *map_path(struct storage *st, const char *hex, const char *map, struct cmk_err *err)
{
	cleanup_free char *own = xasprintf("layers/%s/%s", hex, map);
	cleanup_free char *beside = xasprintf(MAPS_DIR "/%s/%s", hex, map);
	enum map_state state = map_state(st, own);
	const char *path = state == MAP_ABSENT ? beside : own;

	if (state == MAP_ABSENT)
		state = map_state(st, beside);
	if (state != MAP_HOLLOW)
		return xasprintf("%s/%s/diff", st->root, path);
	(void)cmk_err_set(err, -ENOENT,
			  "the owners of its files were not on the disk yet when "
			  "the power went");
	(void)cmk_err_hint(err, "remove the container, and make it again");
	return NULL;
}

/* Where the layer's data are for metadata, which may have been made when it was an additional
 * store's alone: its links, before all layers' files (meta.h). */
static void add_data(struct storage *st, const char *hex, const char *root, char ***links,
		     char ***files)
{
	cleanup_free char *own = xasprintf("layers/%s/data", hex);

	if (faccessat(st->root_fd, own, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		strv_add_take(links, xasprintf("%s/%s", st->root, own));
	strv_add_take(files, xasprintf("%s/layers/%s/diff", root, hex));
}

static int missing(struct storage *st, const char *diff_id, struct cmk_err *err)
{
	(void)cmk_err_set(err, -ENOENT, "layer '%.19s' is missing from '%s'", diff_id, st->root);
	return cmk_err_hint(err, "pull the image again") ?: -ENOENT;
}

/* Of a layer that an image has twice only the upper one is seen; and the kernel takes no directory
 * twice. */
static bool is_above(const struct stat *seen, size_t n, const struct stat *layer)
{
	for (size_t i = 0; i < n; i++)
		if (seen[i].st_ino == layer->st_ino && seen[i].st_dev == layer->st_dev)
			return true;
	return false;
}

/* Every layer must be there: a missing one would show up as a root file system with holes. */
static int add_lowers(struct storage *st, struct image_layer_ref *layers, size_t n,
		      struct rootfs_plan *plan, struct cmk_err *err)
{
	const char *meta = meta_of(layers, n);
	cleanup_free struct stat *seen = xcalloc(n, sizeof(*seen));
	cleanup_strv char **files = NULL;
	size_t n_seen = 0;

	for (size_t i = n; i-- > 0;) {
		const char *root = st->root;
		struct stat layer;
		struct digest id;
		int r = digest_parse(layers[i].diff_id, &id, err);

		if (r < 0)
			return r;
		/* A layer's directory appears whole. */
		if (fstatat(st->layers_fd, id.hex, &layer, 0) < 0 &&
		    !(root = find_extra_layer(st, id.hex, &layer)))
			return missing(st, layers[i].diff_id, err);
		if (is_above(seen, n_seen, &layer))
			continue;
		seen[n_seen++] = layer;
		if (layers[i].map) {
			char *path = map_path(st, id.hex, layers[i].map, err);

			if (!path)
				return -ENOENT;
			strv_add_take(&plan->lower, path);
		} else if (!meta)
			strv_add_take(&plan->lower, xasprintf("%s/layers/%s/diff", root, id.hex));
		if (meta)
			add_data(st, id.hex, root, &plan->data, &files);
		if (layer_mode_has(layer.st_mode, LAYER_MODE_OPAQUE_ROOT))
			break;
	}
	for (char **f = files; f && *f; f++)
		strv_add(&plan->data, *f);
	return 0;
}

/* An image may have no layers at all; overlay wants one lower directory. */
static int add_empty_lower(struct storage *st, int fd, const char *id, struct rootfs_plan *plan,
			   struct cmk_err *err)
{
	if (plan->lower)
		return 0;
	if (mkdirat(fd, "empty", 0755) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "create '%s/containers/%s/empty'", st->root, id);
	if (mkdirat(fd, "empty/diff", 0755) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "create '%s/containers/%s/empty'", st->root, id);
	strv_add_take(&plan->lower, xasprintf("%s/containers/%s/empty/diff", st->root, id));
	return 0;
}

static int make_plan(struct storage *st, int fd, const char *id, const char *driver,
		     struct image_layer_ref *layers, size_t n, struct rootfs_plan *plan,
		     struct cmk_err *err)
{
	int r;

	plan->driver = xstrdup(driver);
	plan->upper = xasprintf("%s/containers/%s/upper", st->root, id);
	plan->work = xasprintf("%s/containers/%s/work", st->root, id);
	plan->merged = xasprintf("%s/containers/%s/merged", st->root, id);
	r = add_lowers(st, layers, n, plan, err);
	if (r < 0)
		return r;
	return add_empty_lower(st, fd, id, plan, err);
}

static int open_container(struct storage *st, const char *id, struct cmk_err *err)
{
	int fd;

	if (!*id || id[0] == '.' || strchr(id, '/'))
		return cmk_err_set(err, -EINVAL, "container ID '%.80s'", id);
	fd = openat(st->containers_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? cmk_err_errno(err, "open '%s/containers/%s'", st->root, id) : fd;
}

/* The driver that works here, and the container's directory: a descriptor. */
static int open_rootfs(struct storage *st, const char *id, struct storage_driver *ret_driver,
		       struct cmk_err *err)
{
	int r = storage_driver_get(st, ret_driver, err);

	return r < 0 ? r : open_container(st, id, err);
}

/* The name of the driver of a container, with which it stays: a link in its directory. Containers
 * of before have none; what their directory holds tells. */
#define DRIVER_LINK "driver"

static int note_driver(int fd, const char *name, struct cmk_err *err)
{
	if (symlinkat(name, fd, DRIVER_LINK) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "note the storage driver");
	return 0;
}

/* How storage.conf has root file systems mounted. */
static int fill_mount(struct storage *st, const struct storage_driver *driver, bool is_volatile,
		      struct rootfs_plan *plan, struct cmk_err *err)
{
	const struct storage_conf *c = NULL;
	int r = storage_conf_get(st, &c, err);

	if (r < 0)
		return r;
	plan->is_volatile = is_volatile && driver->volatile_ok;
	plan->unsynced = (is_volatile || c->always_volatile) && !c->never_volatile &&
			 driver->volatile_ok;
	plan->mount_set = c->mount_set;
	plan->mount_clear = c->mount_clear;
	return 0;
}

static void warn_of_conf(struct storage *st)
{
	const struct storage_conf *c = NULL;

	if (storage_conf_get(st, &c, NULL) == 0)
		storage_conf_warn(c);
}

int storage_rootfs_prepare(struct storage *st, const char *container_id,
			   struct image_layer_ref *layers, size_t n_layers, bool is_volatile,
			   struct rootfs_plan *ret, struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 };
	struct storage_driver driver;
	cleanup_close int fd = open_rootfs(st, container_id, &driver, err);
	int r;

	if (fd < 0)
		return fd;
	warn_of_conf(st);
	r = make_plan(st, fd, container_id, driver.name, layers, n_layers, &plan, err);
	if (r >= 0)
		r = fill_mount(st, &driver, is_volatile, &plan, err);
	if (r >= 0)
		r = rootfs_driver_by_name(driver.name)->prepare(st, fd, &plan, err);
	if (r >= 0)
		r = note_driver(fd, driver.name, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "root file system of container '%.12s'", container_id);
	*ret = plan;
	plan = (struct rootfs_plan){ 0 };
	return 0;
}

static const char *noted_driver(int fd)
{
	const struct rootfs_driver *d;
	char name[32];
	ssize_t n = readlinkat(fd, DRIVER_LINK, name, sizeof(name) - 1);

	if (n < 0)
		return NULL;
	name[n] = '\0';
	d = rootfs_driver_by_name(name);
	return d ? d->name : NULL;
}

static const char *driver_name_of(int fd, const struct storage_driver *now)
{
	const char *noted = noted_driver(fd);

	if (noted)
		return noted;
	if (faccessat(fd, "upper", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return driver_vfs.name;
	return streq(now->name, driver_vfs.name) ? driver_overlay.name : now->name;
}

/* MUST_WORK: it will be mounted. */
static int driver_of(struct storage *st, int fd, bool must_work, struct storage_driver *ret,
		     struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	struct storage_driver now;
	const char *name;
	int r = storage_driver_get(st, &now, err);

	if (r < 0)
		return r;
	name = driver_name_of(fd, &now);
	*ret = (struct storage_driver){ .name = name };
	if (streq(name, now.name))
		*ret = now;
	else if (must_work && rootfs_driver_find(st, name, ret, &e) < 0)
		return cmk_err_kind(
			err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			"it was made with the storage driver '%s', with which it stays, "
			"and here that does not work: %s",
			name, cmk_err_msg(&e));
	return 0;
}

const char *storage_rootfs_driver(struct storage *st, const char *container_id)
{
	cleanup_close int fd = open_container(st, container_id, NULL);
	struct storage_driver driver;

	return fd < 0 || driver_of(st, fd, false, &driver, NULL) < 0 ? NULL : driver.name;
}

static int plan_of(struct storage *st, int fd, const char *id, struct image_layer_ref *layers,
		   size_t n_layers, bool is_volatile, bool must_work, struct rootfs_plan *ret,
		   struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 };
	struct storage_driver driver;
	int r = driver_of(st, fd, must_work, &driver, err);

	if (r >= 0)
		r = make_plan(st, fd, id, driver.name, layers, n_layers, &plan, err);
	if (r >= 0)
		r = fill_mount(st, &driver, is_volatile, &plan, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "root file system of container '%.12s'", id);
	*ret = plan;
	plan = (struct rootfs_plan){ 0 };
	return 0;
}

int storage_rootfs_plan(struct storage *st, const char *container_id,
			struct image_layer_ref *layers, size_t n_layers, bool is_volatile,
			struct rootfs_plan *ret, struct cmk_err *err)
{
	cleanup_close int fd = open_container(st, container_id, err);

	return fd < 0 ? fd
		      : plan_of(st, fd, container_id, layers, n_layers, is_volatile, false, ret,
				err);
}

int storage_layers_plan(struct storage *st, struct image_layer_ref *layers, size_t n_layers,
			struct rootfs_plan *ret, struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 };
	int r = add_lowers(st, layers, n_layers, &plan, err);

	if (r < 0)
		return r;
	*ret = plan;
	plan = (struct rootfs_plan){ 0 };
	return 0;
}

int storage_rootfs_reopen(struct storage *st, const char *container_id,
			  struct image_layer_ref *layers, size_t n_layers, bool is_volatile,
			  struct rootfs_plan *ret, struct cmk_err *err)
{
	cleanup_close int fd = open_container(st, container_id, err);
	int r;

	if (fd < 0)
		return fd;
	/* A volatile mount leaves this mark, by which the kernel refuses the directory, since what
	 * was written last may be lost after a power cut. A container's crash alone loses nothing.
	 * The kernel makes work/work with mode 000. */
	if (fchmodat(fd, "work/work", 0700, 0) == 0) {
		r = storage_remove_tree(st, fd, "work/work/incompat", err);
		if (r < 0)
			return cmk_err_wrap(err, r, "container '%.12s'", container_id);
	}
	return plan_of(st, fd, container_id, layers, n_layers, is_volatile, true, ret, err);
}

/* Of a new container the one that works here. */
static int over_driver(struct storage *st, int fd, struct storage_driver *ret, struct cmk_err *err)
{
	if (faccessat(fd, "upper", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return storage_driver_get(st, ret, err);
	return driver_of(st, fd, true, ret, err);
}

static int make_over(int fd, const char *dir, struct cmk_err *err)
{
	struct stat sb;

	if (stat(dir, &sb) < 0)
		return cmk_err_errno(err, "root file system '%s'", dir);
	if ((mkdirat(fd, "work", 0700) < 0 && errno != EEXIST) ||
	    (mkdirat(fd, "merged", 0700) < 0 && errno != EEXIST))
		return cmk_err_errno(err, "create directories");
	if (mkdirat(fd, "upper", 0700) < 0)
		return errno == EEXIST ? 0 : cmk_err_errno(err, "create directories");
	/* What overlay shows as the container's "/". */
	if (fchmodat(fd, "upper", sb.st_mode & 07777, 0) < 0)
		return cmk_err_errno(err, "mode of the root directory");
	return 0;
}

int storage_rootfs_over(struct storage *st, const char *container_id, const char *dir,
			struct rootfs_plan *ret, struct cmk_err *err)
{
	cleanup_close int fd = open_container(st, container_id, err);
	struct storage_driver driver;
	int r;

	if (fd < 0)
		return fd;
	r = over_driver(st, fd, &driver, err);
	if (r < 0)
		return r;
	if (streq(driver.name, driver_vfs.name))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "an overlay on a root file system needs the driver overlay, "
				    "and there is '%s'",
				    driver.name);
	r = make_over(fd, dir, err);
	if (r >= 0)
		r = note_driver(fd, driver.name, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "root file system of container '%.12s'", container_id);
	*ret = (struct rootfs_plan){
		.driver = xstrdup(driver.name),
		.upper = xasprintf("%s/containers/%s/upper", st->root, container_id),
		.work = xasprintf("%s/containers/%s/work", st->root, container_id),
		.merged = xasprintf("%s/containers/%s/merged", st->root, container_id),
	};
	strv_add(&ret->lower, dir);
	return fill_mount(st, &driver, false, ret, err);
}

static int set_attributes(const struct rootfs_plan *plan, struct cmk_err *err)
{
	struct mount_attr a = { .attr_set = plan->mount_set, .attr_clr = plan->mount_clear };

	if (!a.attr_set && !a.attr_clr)
		return 0;
	return mount_setattr(AT_FDCWD, plan->merged, 0, &a, sizeof(a)) < 0
		       ? cmk_err_errno(err, "mountopt of storage.conf")
		       : 0;
}

int storage_rootfs_mount(const struct rootfs_plan *plan, struct cmk_err *err)
{
	const struct rootfs_driver *d;
	int r;

	if (plan->read_only_bind) {
		if (mount(plan->merged, plan->merged, NULL, MS_BIND | MS_REC, NULL) < 0)
			return cmk_err_errno(err, "bind root file system '%s'", plan->merged);
		return 0;
	}
	d = plan->driver ? rootfs_driver_by_name(plan->driver) : NULL;
	if (!d)
		return cmk_err_set(err, -EINVAL, "storage driver '%s' is not known",
				   plan->driver ? plan->driver : "");
	if (plan->data && d != &driver_overlay)
		return cmk_err_set(err, -EOPNOTSUPP,
				   "the container was made with the storage driver overlay, and "
				   "here is '%s'",
				   d->name);
	r = d->mount(plan, err);
	if (r >= 0 && d != &driver_vfs)
		r = set_attributes(plan, err);
	return r < 0 ? cmk_err_wrap(err, r, "mount %s on '%s'", d->name, plan->merged) : 0;
}

static const char *const parts[] = { "upper", "work", "merged", "empty", "mounts" };

static int remove_parts(void *arg, struct cmk_err *err)
{
	const int *fd = arg;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int r = remove_tree_at(*fd, parts[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int storage_rootfs_remove(struct storage *st, const char *container_id, struct cmk_err *err)
{
	const struct userns_config *config;
	cleanup_close int fd = -1;
	int r;

	if (!*container_id || container_id[0] == '.' || strchr(container_id, '/'))
		return cmk_err_set(err, -EINVAL, "container ID '%.80s'", container_id);
	fd = openat(st->containers_fd, container_id,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return cmk_err_errno(err, "open '%s/containers/%s'", st->root, container_id);
	/* Most containers leave nothing of another id, and a namespace costs more than that. */
	r = remove_parts(&fd, err);
	if (r == -EACCES || r == -EPERM) {
		r = storage_userns(st, &config, err);
		if (r >= 0)
			r = userns_run(st->run_fd, config, false, remove_parts, &fd, err);
	}
	return r < 0 ? cmk_err_wrap(err, r, "root file system of container '%.12s'", container_id)
		     : 0;
}
