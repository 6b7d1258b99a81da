// SPDX-License-Identifier: Apache-2.0
/*
 * Layers with other owners, for containers with an id map of their own. The kernel gives idmapped
 * mounts only to who has rights over the file system's user namespace, which for the host's disks
 * is the host's own: so files are copied, once per layer and map.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/driver.h"
#include "storage/internal.h"
#include "storage/layer_copy.h"

#define MAP_NAME_HEX 16

/* "map-" and the digest of the map. */
static char *map_name(const struct id_map_pair *map)
{
	cleanup_free char *uids = id_map_text(&map->uids), *gids = id_map_text(&map->gids);
	cleanup_free char *text = xasprintf("%s-\n%s", uids, gids);
	struct digest d;

	digest_of(text, strlen(text), &d);
	return xasprintf("map-%.*s", MAP_NAME_HEX, d.hex);
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

static int map_layer(struct storage *st, const char *hex, const char *name,
		     const struct id_map_pair *map, struct cmk_err *err)
{
	cleanup_free char *target = xasprintf("%s/%s", hex, name);
	cleanup_close int tmp_fd = -1;
	struct stat layer;
	char tmp[32];
	int r;

	if (faccessat(st->layers_fd, target, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (fstatat(st->layers_fd, hex, &layer, AT_SYMLINK_NOFOLLOW) < 0) {
		(void)cmk_err_errno(err, "layer '%.12s'", hex);
		return cmk_err_hint(err, "pull the image again") ?: -ENOENT;
	}
	if (!st->swept) {
		/* What a killed command left half-copied. */
		storage_tmp_sweep(st, false);
		st->swept = true;
	}
	log_debug("copy layer '%.12s' for '%s'", hex, name);
	r = storage_tmp_make(st, tmp, &tmp_fd, err);
	if (r < 0)
		return r;
	r = fill(st, hex, tmp_fd, map, err);
	if (r == 0)
		r = publish(st, tmp, tmp_fd, layer.st_mode, target, err);
	if (r < 0)
		storage_tmp_remove(st, tmp);
	return r;
}

int storage_layers_map(struct storage *st, struct image_layer_ref *layers, size_t n_layers,
		       const struct id_map_pair *map, struct cmk_err *err)
{
	cleanup_free char *name = map_name(map);

	for (size_t i = 0; i < n_layers; i++) {
		struct digest id;
		int r = digest_parse(layers[i].diff_id, &id, err);

		if (r == 0)
			r = map_layer(st, id.hex, name, map, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "give the image's files the owners of the map");
		free(layers[i].map);
		layers[i].map = xstrdup(name);
	}
	return 0;
}
