// SPDX-License-Identifier: Apache-2.0
/*
 * Layers with other owners, for containers with an id map of their own. The kernel gives idmapped
 * mounts only to who has rights over the file system's user namespace, which for the host's disks
 * is the host's own: so files are copied, once per layer and map; or, where the kernel's overlay
 * can take data from another directory, their metadata alone, once per image and map (meta.h).
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "storage/driver.h"
#include "storage/extra.h"
#include "storage/internal.h"
#include "storage/layer_copy.h"
#include "storage/meta.h"

#define MAP_PREFIX "map-"
#define MAP_NAME_HEX 16

/* PREFIX and the digest of the map and of what REST says. */
static char *map_name(const char *prefix, const struct id_map_pair *map, const char *rest)
{
	cleanup_free char *uids = id_map_text(&map->uids), *gids = id_map_text(&map->gids);
	cleanup_free char *text = xasprintf("%s-\n%s%s", uids, gids, rest);
	struct digest d;

	digest_of(text, strlen(text), &d);
	return xasprintf("%s%.*s", prefix, MAP_NAME_HEX, d.hex);
}

struct copy_arg {
	int src, dst;
	const struct id_map_pair *map;
};

static int copy_in_userns(void *arg, struct cmk_err *err)
{
	const struct copy_arg *a = arg;

	return layer_copy(a->src, a->dst, a->map, err);
}

static int fill(struct storage *st, const char *hex, int tmp, const struct id_map_pair *map,
		struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s/diff", hex);
	cleanup_close int src = -1, dst = -1;
	const struct userns_config *config;
	struct copy_arg arg = { .map = map };
	int r;

	src = openat(st->layers_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (src < 0)
		return cmk_err_errno(err, "open '%s/layers/%s'", st->root, path);
	dst = open_dir_at(tmp, "diff", 0755, err);
	if (dst < 0)
		return dst;
	r = storage_userns(st, &config, err);
	if (r < 0)
		return r;
	arg.src = src;
	arg.dst = dst;
	return userns_run(st->run_fd, config, false, copy_in_userns, &arg, err);
}

/* Complete before it has its name: also after a power cut. */
static int publish(struct storage *st, const char *tmp, int tmp_fd, mode_t mode, const char *target,
		   struct cmk_err *err)
{
	/* What the layer's own directory says of it: driver.h. */
	if (fchmod(tmp_fd, mode & 07777) < 0)
		return cmk_err_errno(err, "mode of the layer");
	if (syncfs(tmp_fd) < 0)
		return cmk_err_errno(err, "sync the layer");
	if (renameat2(st->tmp_fd, tmp, st->layers_fd, target, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST)
		return cmk_err_errno(err, "name the layer");
	/* Another command was first. */
	storage_tmp_remove(st, tmp);
	return 0;
}

/* Is there already, or may be made in a new directory below tmp/. 1: it is there. */
static int begin(struct storage *st, const char *target, char tmp[static 32], int *ret_fd,
		 struct cmk_err *err)
{
	if (faccessat(st->layers_fd, target, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	log_debug("make 'layers/%s'", target);
	return storage_tmp_make(st, tmp, ret_fd, err);
}

/* A map needs files of its own beside the layer's. */
static int refuse_extra(struct storage *st, const char *hex, struct cmk_err *err)
{
	if (faccessat(st->layers_fd, hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    !storage_extra_find(st, "layers", hex))
		return 0;
	(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			   "layer '%.12s' is in an additional image store, which is only read, and "
			   "a map of ids needs files beside it",
			   hex);
	(void)cmk_err_hint(err, "pull the image into your own store");
	return -EOPNOTSUPP;
}

static int map_layer(struct storage *st, const char *hex, const char *name,
		     const struct id_map_pair *map, struct cmk_err *err)
{
	cleanup_free char *target = xasprintf("%s/%s", hex, name);
	cleanup_close int tmp_fd = -1;
	struct stat layer;
	char tmp[32];
	int r;

	r = refuse_extra(st, hex, err);
	if (r < 0)
		return r;
	if (fstatat(st->layers_fd, hex, &layer, AT_SYMLINK_NOFOLLOW) < 0) {
		(void)cmk_err_errno(err, "layer '%.12s'", hex);
		return cmk_err_hint(err, "pull the image again") ?: -ENOENT;
	}
	r = begin(st, target, tmp, &tmp_fd, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = fill(st, hex, tmp_fd, map, err);
	if (r == 0)
		r = publish(st, tmp, tmp_fd, layer.st_mode, target, err);
	if (r < 0)
		storage_tmp_remove(st, tmp);
	return r;
}

static int copy_layers(struct storage *st, struct image_layer_ref *layers, size_t n,
		       const struct id_map_pair *map, struct cmk_err *err)
{
	cleanup_free char *name = map_name(MAP_PREFIX, map, "");

	for (size_t i = 0; i < n; i++) {
		struct digest id;
		int r = digest_parse(layers[i].diff_id, &id, err);

		if (r == 0)
			r = map_layer(st, id.hex, name, map, err);
		if (r < 0)
			return r;
		free(layers[i].map);
		layers[i].map = xstrdup(name);
	}
	return 0;
}

/* --- metadata alone --- */

struct meta_arg {
	const struct rootfs_plan *plan; /* of the layers as they are */
	const struct id_map_pair *map;
	int dst;
};

/* The layers of which TREE consists: what holds its parts. */
static int open_layers(char *const *lower, struct meta_layer *layers, struct cmk_err *err)
{
	for (size_t i = 0; lower[i]; i++) {
		cleanup_free char *dir = xstrndup(lower[i], strlen(lower[i]) - strlen("/diff"));

		layers[i].fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (layers[i].fd < 0)
			return cmk_err_errno(err, "open '%s'", dir);
		layers[i].hex = lower[i] + (strrchr(dir, '/') + 1 - dir);
	}
	return 0;
}

/* In a child: what is open goes with it. */
static int meta_in_userns(void *arg, struct cmk_err *err)
{
	const struct meta_arg *a = arg;
	size_t n = strv_len(a->plan->lower);
	cleanup_free struct meta_layer *layers = xcalloc(n, sizeof(*layers));
	cleanup(tree_dir_done) struct tree_dir tree = { 0 };
	struct stat root;
	int r;

	storage_files_max();
	r = rootfs_root_stat(a->plan, &root, err);
	if (r >= 0)
		r = tree_open(a->plan, &tree, err);
	if (r >= 0)
		r = open_layers(a->plan->lower, layers, err);
	return r < 0 ? r : meta_build(&tree, layers, &root, a->map, a->dst, err);
}

static int fill_meta(struct storage *st, struct image_layer_ref *layers, size_t n, int tmp,
		     const struct id_map_pair *map, struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 };
	const struct userns_config *config;
	struct meta_arg arg = { .plan = &plan, .map = map };
	cleanup_close int dst = -1;
	int r = storage_layers_plan(st, layers, n, &plan, err);

	if (r >= 0)
		r = dst = open_dir_at(tmp, "diff", 0755, err);
	if (r >= 0)
		r = storage_userns(st, &config, err);
	if (r < 0)
		return r;
	arg.dst = dst;
	return userns_run(st->run_fd, config, false, meta_in_userns, &arg, err);
}

/* The image's metadata with its owners, in the directory of its last layer. */
static int share_layers(struct storage *st, struct image_layer_ref *layers, size_t n,
			const struct id_map_pair *map, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf ids = STRBUF_INIT;
	cleanup_free char *name = NULL, *target = NULL;
	cleanup_close int tmp_fd = -1;
	struct digest top;
	char tmp[32];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = digest_parse(layers[i].diff_id, &top, err);
		if (r == 0)
			r = refuse_extra(st, top.hex, err);
		strbuf_addf(&ids, "-%s", layers[i].diff_id);
		free(steal_ptr(&layers[i].map));
	}
	if (r < 0)
		return r;
	name = map_name(META_PREFIX, map, strbuf_str(&ids));
	target = xasprintf("%s/%s", top.hex, name);
	r = begin(st, target, tmp, &tmp_fd, err);
	if (r == 0) {
		r = fill_meta(st, layers, n, tmp_fd, map, err);
		if (r == 0)
			r = publish(st, tmp, tmp_fd, LAYER_MODE, target, err);
		if (r < 0)
			storage_tmp_remove(st, tmp);
	}
	if (r >= 0)
		layers[n - 1].map = steal_ptr(&name);
	return r < 0 ? r : 0;
}

static bool can_share_data(const struct storage_driver *driver)
{
#ifdef CMK_TEST_HOOKS
	if (getenv("CMK_TEST_NO_DATA_LAYERS"))
		return false;
#endif
	return driver->data_lower;
}

int storage_layers_map(struct storage *st, struct image_layer_ref *layers, size_t n_layers,
		       const struct id_map_pair *map, struct cmk_err *err)
{
	struct storage_driver driver;
	int r = storage_driver_get(st, &driver, err);

	if (r < 0 || n_layers == 0)
		return r < 0 ? r : 0;
	r = (can_share_data(&driver) ? share_layers : copy_layers)(st, layers, n_layers, map, err);
	return r < 0 ? cmk_err_wrap(err, r, "give the image's files the owners of the map") : 0;
}
