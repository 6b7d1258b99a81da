// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "storage/driver.h"
#include "storage/extra.h"
#include "storage/internal.h"
#include "storage/meta.h"

void rootfs_plan_done(struct rootfs_plan *p)
{
	free(p->driver);
	p->lower = strv_free(p->lower);
	free(p->upper);
	free(p->work);
	free(p->merged);
	*p = (struct rootfs_plan){ 0 };
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

	return root && lstat(dir, ret) == 0 && lstat(diff, &sb) == 0 && S_ISDIR(sb.st_mode) ? root
											    : NULL;
}

/* Every layer must be there: a missing one would show up as a root file system with holes. */
static int add_lowers(struct storage *st, struct image_layer_ref *layers, size_t n,
		      struct rootfs_plan *plan, struct cmk_err *err)
{
	const char *meta = meta_of(layers, n);

	for (size_t i = n; i-- > 0;) {
		const char *root = st->root;
		struct stat layer;
		struct digest id;
		int r = digest_parse(layers[i].diff_id, &id, err);

		if (r < 0)
			return r;
		/* A layer's directory appears whole. */
		if (fstatat(st->layers_fd, id.hex, &layer, AT_SYMLINK_NOFOLLOW) < 0 &&
		    !(root = find_extra_layer(st, id.hex, &layer))) {
			(void)cmk_err_set(err, -ENOENT, "layer '%.19s' is missing from '%s'",
					  layers[i].diff_id, st->root);
			return cmk_err_hint(err, "pull the image again");
		}
		if (!meta || i == n - 1)
			strv_add_take(&plan->lower,
				      xasprintf("%s/layers/%s%s%s/diff", root, id.hex,
						layers[i].map ? "/" : "", layers[i].map ?: ""));
		if (meta)
			strv_add_take(&plan->lower,
				      xasprintf(META_DATA "%s/layers/%s/data", st->root, id.hex));
		if (layer_mode_has(layer.st_mode, LAYER_MODE_OPAQUE_ROOT))
			break;
	}
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
	r = make_plan(st, fd, container_id, driver.name, layers, n_layers, &plan, err);
	plan.is_volatile = is_volatile && driver.volatile_ok;
	if (r >= 0)
		r = rootfs_driver_by_name(driver.name)->prepare(st, fd, &plan, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "root file system of container '%.12s'", container_id);
	*ret = plan;
	plan = (struct rootfs_plan){ 0 };
	return 0;
}

/* The driver of a container stays what it was made with: what its directory holds tells. */
static const char *driver_of(int fd, const struct storage_driver *now)
{
	bool has_upper = faccessat(fd, "upper", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	if (!has_upper)
		return driver_vfs.name;
	return streq(now->name, driver_vfs.name) ? driver_overlay.name : now->name;
}

static int plan_of(struct storage *st, int fd, const char *id, struct image_layer_ref *layers,
		   size_t n_layers, bool is_volatile, struct rootfs_plan *ret, struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 };
	struct storage_driver driver;
	int r;

	r = storage_driver_get(st, &driver, err);
	if (r < 0)
		return r;
	r = make_plan(st, fd, id, driver_of(fd, &driver), layers, n_layers, &plan, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "root file system of container '%.12s'", id);
	plan.is_volatile = is_volatile && driver.volatile_ok;
	*ret = plan;
	plan = (struct rootfs_plan){ 0 };
	return 0;
}

int storage_rootfs_plan(struct storage *st, const char *container_id,
			struct image_layer_ref *layers, size_t n_layers, bool is_volatile,
			struct rootfs_plan *ret, struct cmk_err *err)
{
	cleanup_close int fd = open_container(st, container_id, err);

	return fd < 0 ? fd : plan_of(st, fd, container_id, layers, n_layers, is_volatile, ret, err);
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
	return plan_of(st, fd, container_id, layers, n_layers, is_volatile, ret, err);
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
	r = storage_driver_get(st, &driver, err);
	if (r < 0)
		return r;
	if (streq(driver.name, driver_vfs.name))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "an overlay on a root file system needs the driver overlay, "
				    "and there is '%s'",
				    driver.name);
	r = make_over(fd, dir, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "root file system of container '%.12s'", container_id);
	*ret = (struct rootfs_plan){
		.driver = xstrdup(driver.name),
		.upper = xasprintf("%s/containers/%s/upper", st->root, container_id),
		.work = xasprintf("%s/containers/%s/work", st->root, container_id),
		.merged = xasprintf("%s/containers/%s/merged", st->root, container_id),
	};
	strv_add(&ret->lower, dir);
	return 0;
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
	for (char **l = plan->lower; d != &driver_overlay && l && *l; l++)
		if (str_after(*l, META_DATA))
			return cmk_err_set(err, -EOPNOTSUPP,
					   "the container was made with the storage driver "
					   "overlay, and here is '%s'",
					   d->name);
	r = d->mount(plan, err);
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
