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
#include "storage/internal.h"
#include "storage/layer_copy.h"
#include "storage/map_sync.h"
#include "storage/meta.h"

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

static int fill(struct storage *st, int layer, int tmp, const struct id_map_pair *map,
		struct cmk_err *err)
{
	cleanup_close int src = -1, dst = -1;
	const struct userns_config *config;
	struct copy_arg arg = { .map = map };
	int r;

	src = openat(layer, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (src < 0)
		return cmk_err_errno(err, "open its files");
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

/* Complete before it has its name; where it is not DURABLE, but for a power cut. */
static int publish(struct storage *st, const char *tmp, int tmp_fd, mode_t mode, const char *target,
		   bool durable, struct cmk_err *err)
{
	int r = durable ? 0 : map_mark(tmp_fd, err);

	if (r < 0)
		return r;
	/* What the layer's own directory says of it: driver.h. One that is only read may have no
	 * right to be written, without which there is no renaming. */
	if (fchmod(tmp_fd, (mode & 07777) | LAYER_MODE) < 0)
		return cmk_err_errno(err, "mode of the layer");
	if (durable && syncfs(tmp_fd) < 0)
		return cmk_err_errno(err, "sync the layer");
	r = map_name_it(st, tmp, target, err);
	if (r == 0 && !durable)
		map_sync_later(st, target);
	return r;
}

/* Is there already, or may be made in a new directory below tmp/. 1: it is there. */
static int begin(struct storage *st, const char *target, bool durable, char tmp[static 32],
		 int *ret_fd, struct cmk_err *err)
{
	enum map_state state = map_state(st, target);

	if (state == MAP_UNSYNCED && durable) {
		int r = map_sync(st, target, err);

		return r < 0 ? r : 1;
	}
	if (state >= MAP_UNSYNCED)
		return 1;
	log_debug("make '%s'", target);
	return storage_tmp_make(st, tmp, ret_fd, err);
}

bool storage_layer_is_own(struct storage *st, const char *hex)
{
	return faccessat(st->layers_fd, hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Where NAME of the layer goes: into the layer, or beside it where that is another's. Owned, or
 * NULL. */
static char *target_of(struct storage *st, const char *hex, const char *name, struct cmk_err *err)
{
	cleanup_free char *dir = NULL;

	if (storage_layer_is_own(st, hex))
		return xasprintf("layers/%s/%s", hex, name);
	dir = xasprintf(MAPS_DIR "/%s", hex);
	return mkdir_p_at(st->root_fd, dir, 0700, err) < 0 ? NULL : xasprintf("%s/%s", dir, name);
}

static int map_layer(struct storage *st, const struct digest *id, const char *name,
		     const struct id_map_pair *map, struct cmk_err *err)
{
	char buf[72], tmp[32];
	cleanup_close int layer = storage_layer_open(st, digest_str(id, buf), err), tmp_fd = -1;
	cleanup_free char *target = NULL;
	struct stat sb;
	int r;

	if (layer < 0)
		return cmk_err_hint(err, "pull the image again") ?: -ENOENT;
	if (fstat(layer, &sb) < 0)
		return cmk_err_errno(err, "layer '%.12s'", id->hex);
	target = target_of(st, id->hex, name, err);
	r = target ? begin(st, target, true, tmp, &tmp_fd, err) : -EIO;
	if (r != 0)
		return r < 0 ? r : 0;
	r = fill(st, layer, tmp_fd, map, err);
	if (r == 0)
		r = publish(st, tmp, tmp_fd, sb.st_mode & ~LAYER_MODE_UNSYNCED, target, true, err);
	if (r < 0)
		storage_tmp_remove(st, tmp);
	return r < 0 ? cmk_err_wrap(err, r, "layer '%.12s'", id->hex) : 0;
}

static int copy_layers(struct storage *st, struct image_layer_ref *layers, size_t n,
		       const struct id_map_pair *map, struct cmk_err *err)
{
	cleanup_free char *name = map_name(MAP_PREFIX, map, "");

	for (size_t i = 0; i < n; i++) {
		struct digest id;
		int r = digest_parse(layers[i].diff_id, &id, err);

		if (r == 0)
			r = map_layer(st, &id, name, map, err);
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
	const char *own;		/* where the own layers are */
	const struct id_map_pair *map;
	int dst;
};

/* The layers of which TREE consists: what holds its parts. */
static int open_layers(char *const *lower, const char *own, struct meta_layer *layers,
		       struct cmk_err *err)
{
	for (size_t i = 0; lower[i]; i++) {
		cleanup_free char *dir = xstrndup(lower[i], strlen(lower[i]) - strlen("/diff"));

		layers[i].fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (layers[i].fd < 0)
			return cmk_err_errno(err, "open '%s'", dir);
		layers[i].hex = lower[i] + (strrchr(dir, '/') + 1 - dir);
		layers[i].is_foreign = !str_after(dir, own);
		if (layers[i].is_foreign) {
			int r = owners_load(layers[i].fd, &layers[i].owners, err);

			if (r < 0 && r != -ENOENT)
				return cmk_err_wrap(err, r, "'%s'", dir);
			cmk_err_done(err);
		}
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
		r = open_layers(a->plan->lower, a->own, layers, err);
	return r < 0 ? r : meta_build(&tree, layers, &root, a->map, a->dst, err);
}

static int fill_meta(struct storage *st, struct image_layer_ref *layers, size_t n, int tmp,
		     const struct id_map_pair *map, struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 };
	cleanup_free char *own = xasprintf("%s/layers/", st->root);
	const struct userns_config *config;
	struct meta_arg arg = { .plan = &plan, .own = own, .map = map };
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

/* The image's metadata with its owners, where its last layer is. */
static int share_layers(struct storage *st, struct image_layer_ref *layers, size_t n,
			const struct id_map_pair *map, bool durable, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf ids = STRBUF_INIT;
	cleanup_free char *name = NULL, *target = NULL;
	cleanup_close int tmp_fd = -1;
	struct digest top;
	char tmp[32];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = digest_parse(layers[i].diff_id, &top, err);
		strbuf_addf(&ids, "-%s", layers[i].diff_id);
		free(steal_ptr(&layers[i].map));
	}
	if (r < 0)
		return r;
	name = map_name(META_PREFIX, map, strbuf_str(&ids));
	target = target_of(st, top.hex, name, err);
	r = target ? begin(st, target, durable, tmp, &tmp_fd, err) : -EIO;
	if (r == 0) {
		r = fill_meta(st, layers, n, tmp_fd, map, err);
		if (r == 0)
			r = publish(st, tmp, tmp_fd, LAYER_MODE, target, durable, err);
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

/* A layer of another user's store: its files' ids are none of ours. */
static bool is_anothers(struct storage *st, const char *diff_id)
{
	cleanup_close int layer = -1;
	struct digest id;
	struct stat sb;

	if (digest_parse(diff_id, &id, NULL) < 0 || storage_layer_is_own(st, id.hex))
		return false;
	layer = storage_layer_open(st, diff_id, NULL);
	return layer >= 0 && fstat(layer, &sb) >= 0 && sb.st_uid != geteuid() &&
	       faccessat(layer, OWNERS_FILE, R_OK, 0) == 0;
}

static uint32_t n_ids(const struct id_map *map)
{
	uint64_t n = 0;

	for (size_t i = 0; i < map->n; i++)
		n += map->range[i].count;
	return (uint32_t)MIN(n, (uint64_t)UINT32_MAX - 1);
}

int storage_layers_own(struct storage *st, struct image_layer_ref *layers, size_t n_layers,
		       bool durable, struct cmk_err *err)
{
	const struct userns_config *config;
	struct id_map_pair map = { 0 };
	struct storage_driver driver;
	bool anothers = false;
	int r = 0;

	for (size_t i = 0; i < n_layers; i++)
		anothers |= is_anothers(st, layers[i].diff_id);
	if (anothers)
		r = storage_driver_get(st, &driver, err);
	if (!anothers || r < 0 || !can_share_data(&driver))
		return r;
	r = storage_userns(st, &config, err);
	if (r < 0 || config->mode == USERNS_SINGLE)
		return r;
	id_map_add(&map.uids, 0, 0, n_ids(&config->uids));
	id_map_add(&map.gids, 0, 0, n_ids(&config->gids));
	r = storage_layers_map(st, layers, n_layers, &map, durable, err);
	id_map_pair_done(&map);
	return r;
}

int storage_layers_map(struct storage *st, struct image_layer_ref *layers, size_t n_layers,
		       const struct id_map_pair *map, bool durable, struct cmk_err *err)
{
	struct storage_driver driver;
	int r = storage_driver_get(st, &driver, err);

	if (r < 0 || n_layers == 0)
		return r < 0 ? r : 0;
	r = can_share_data(&driver) ? share_layers(st, layers, n_layers, map, durable, err)
				    : copy_layers(st, layers, n_layers, map, err);
	return r < 0 ? cmk_err_wrap(err, r, "give the image's files the owners of the map") : 0;
}

uint32_t storage_layers_max_id(struct storage *st, const struct image_layer_ref *layers, size_t n)
{
	uint32_t highest = 0;

	for (size_t i = 0; i < n; i++) {
		cleanup_close int fd = storage_layer_open(st, layers[i].diff_id, NULL);
		cleanup(owners_done) struct owners o = { 0 };

		if (fd < 0 || owners_load(fd, &o, NULL) < 0)
			return UINT32_MAX;
		for (size_t k = 0; k < o.n; k++)
			highest = MAX(highest, MAX(o.list[k].uid, o.list[k].gid));
	}
	return highest;
}
