// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/extra.h"
#include "storage/image_record.h"
#include "storage/internal.h"
#include "storage/meta.h"

/* Digests in use; sorted once all are there. */
struct digests {
	struct digest *ids;
	size_t n, cap;
};

/* What somebody needs: layers, by diff ID, and kept blobs. */
struct used {
	struct digests layers, blobs;
};

static void used_add(struct digests *u, const char *digest)
{
	struct digest d;

	if (!digest || digest_parse(digest, &d, NULL) < 0)
		return;
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 64;
		u->ids = xrealloc(u->ids, u->cap, sizeof(*u->ids));
	}
	u->ids[u->n++] = d;
}

static int compare_digests(const void *a, const void *b)
{
	return strcmp(((const struct digest *)a)->hex, ((const struct digest *)b)->hex);
}

static void used_sort(struct digests *u)
{
	if (u->n > 1)
		qsort(u->ids, u->n, sizeof(*u->ids), compare_digests);
}

static bool used_has(const struct digests *u, const struct digest *d)
{
	return u->n > 0 && bsearch(d, u->ids, u->n, sizeof(*u->ids), compare_digests);
}

/* Of the layer that was pending as NAME: a link to the one that it has become, or false. */
static bool read_link(struct storage *st, const struct dirent *de, struct digest *ret_name,
		      struct digest *ret)
{
	char to[DIGEST_HEX_LEN + 2] = "";

	return (de->d_type == DT_LNK || de->d_type == DT_UNKNOWN) &&
	       digest_parse_hex(de->d_name, ret_name) == 0 &&
	       readlinkat(st->layers_fd, de->d_name, to, sizeof(to) - 1) > 0 &&
	       digest_parse_hex(to, ret) == 0;
}

/* Who needs a name needs what it leads to. U is sorted then. */
static int used_follow(struct storage *st, struct digests *u, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct digests more = { 0 };
	struct dirent *de;
	char buf[72];
	int r = dir_read(st->layers_fd, &d, err);

	used_sort(u);
	while (r >= 0 && (de = readdir(d))) {
		struct digest name, to;

		if (read_link(st, de, &name, &to) && used_has(u, &name))
			used_add(&more, digest_str(&to, buf));
	}
	for (size_t i = 0; i < more.n; i++)
		used_add(u, digest_str(&more.ids[i], buf));
	used_sort(u);
	free(more.ids);
	return r < 0 ? r : 0;
}

static bool blob_is_used(const void *blobs, const struct digest *d)
{
	return used_has(blobs, d);
}

static int add_images(struct storage *st, struct used *u, struct cmk_err *err)
{
	cleanup_strv char **ids = NULL;
	int r;

	r = images_ids(st, &ids, err);
	for (char **id = ids; r >= 0 && id && *id; id++) {
		cleanup(image_record_done) struct image_record rec = { 0 };

		/* Not to be read means that nobody knows what it uses: nothing may go. */
		r = image_load_raw(st, *id, &rec, err);
		for (size_t i = 0; r >= 0 && i < rec.n_layers; i++) {
			used_add(&u->layers, rec.layers[i].diff_id);
			used_add(&u->blobs, rec.layers[i].blob);
		}
	}
	return r;
}

static int add_container(struct storage *st, const char *id, struct digests *u, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *path = xasprintf("%s/container.json", id), *text = NULL;
	size_t len = 0;
	int r;

	r = file_read_at(st->containers_fd, path, RECORD_MAX, &text, &len, err);
	/* Being made or removed: whoever makes it looks for its layers after writing the record. */
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r >= 0)
		r = json_parse(text, len, RECORD_MAX, &doc, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "container '%.12s'", id);
	json_each (layer, json_get(json_root(doc), "layers"))
		used_add(u, json_str(json_get(layer, "diff_id")));
	/* What it mounts of other images. */
	json_each (mount, json_get(json_root(doc), "mounts"))
		json_each (layer, json_get(mount, "layers"))
			used_add(u, json_str(layer));
	return 0;
}

static int add_containers(struct storage *st, struct digests *u, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int fd, r = 0;

	fd = openat(st->containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		r = cmk_err_errno(err, "read '%s/containers'", st->root);
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	while (r >= 0 && (de = readdir(d)))
		if (de->d_name[0] != '.')
			r = add_container(st, de->d_name, u, err);
	return r;
}

/* Out of the way first, then a second look: a container that was being created wrote its record
 * before it looked for its layers, so one of the two sees the other. */
static int collect_one(struct storage *st, const struct digest *layer, struct cmk_err *err)
{
	struct digests again = { 0 };
	char tmp[DIGEST_HEX_LEN + 8];
	int r;

	(void)snprintf(tmp, sizeof(tmp), "lay-%s", layer->hex);
	if (renameat(st->layers_fd, layer->hex, st->tmp_fd, tmp) < 0)
		return cmk_err_errno(err, "remove layer '%.12s'", layer->hex);
	r = add_containers(st, &again, err);
	if (r >= 0)
		r = used_follow(st, &again, err);
	if (r < 0 || used_has(&again, layer)) {
		if (renameat(st->tmp_fd, tmp, st->layers_fd, layer->hex) < 0)
			r = cmk_err_errno(err, "put layer '%.12s' back", layer->hex);
	} else {
		log_debug("remove layer '%.12s'", layer->hex);
		storage_tmp_remove(st, tmp);
	}
	free(again.ids);
	return r;
}

/* The layers' directory, with the claim of all of them; *RET NULL where a pull under way holds it
 * shared. */
static int open_claimed(struct storage *st, DIR **ret, struct cmk_err *err)
{
	int fd = openat(st->layers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret = NULL;
	if (fd < 0)
		return cmk_err_errno(err, "read '%s/layers'", st->root);
	if (file_lock(fd, true, true) < 0) {
		(void)close(fd);
		return 0;
	}
	*ret = fdopendir(fd);
	if (!*ret) {
		(void)close(fd);
		return cmk_err_set(err, -ENOMEM, "read '%s/layers'", st->root);
	}
	return 0;
}

/* Id maps of an additional store's layers, which nobody tells us when they go. */
static int collect_maps(struct storage *st, const struct used *u, struct cmk_err *err)
{
	cleanup_close int maps = openat(st->root_fd, MAPS_DIR,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = maps < 0 ? 0 : dir_read(maps, &d, err);

	while (r >= 0 && d && (de = readdir(d))) {
		cleanup_free char *tmp = xasprintf("map-%s", de->d_name);
		struct digest id;

		if (digest_parse_hex(de->d_name, &id) < 0 || used_has(&u->layers, &id) ||
		    storage_extra_find(st, "layers", id.hex))
			continue;
		if (renameat(maps, id.hex, st->tmp_fd, tmp) < 0)
			r = cmk_err_errno(err, "remove id maps of layer '%.12s'", id.hex);
		else
			storage_tmp_remove(st, tmp);
	}
	return r;
}

static int collect(struct storage *st, const struct used *u, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = open_claimed(st, &d, err);

	while (r >= 0 && d && (de = readdir(d))) {
		struct digest id;

		if (digest_parse_hex(de->d_name, &id) == 0 && !used_has(&u->layers, &id))
			r = collect_one(st, &id, err);
	}
	if (r >= 0 && d)
		r = collect_maps(st, u, err);
	/* Not beside a pull, which counts on what it keeps. */
	if (d)
		blobs_drop_unused(st, blob_is_used, &u->blobs);
	return r;
}

static void used_done(struct used *u)
{
	free(u->layers.ids);
	free(u->blobs.ids);
}

static int used_load(struct storage *st, struct used *ret, struct cmk_err *err)
{
	int r = add_images(st, ret, err);

	if (r >= 0)
		r = add_containers(st, &ret->layers, err);
	if (r >= 0)
		r = used_follow(st, &ret->layers, err);
	used_sort(&ret->blobs);
	return r;
}

int storage_layers_collect(struct storage *st, struct cmk_err *err)
{
	cleanup_close int lock = -1;
	int r = storage_lock_to_remove(st, &lock, err);

	return r < 0 ? r : garbage_collect(st, err);
}

int garbage_collect(struct storage *st, struct cmk_err *err)
{
	cleanup(used_done) struct used u = { 0 };
	int r = used_load(st, &u, err);

	if (r >= 0)
		r = collect(st, &u, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "collect unused layers");
	r = artifacts_collect(st, err);
	return r < 0 ? cmk_err_wrap(err, r, "collect unused artifacts") : 0;
}

int layers_list_garbage(struct storage *st, char ***ret, struct cmk_err *err)
{
	cleanup(used_done) struct used u = { 0 };
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = used_load(st, &u, err);

	if (r >= 0)
		r = open_claimed(st, &d, err);
	while (r >= 0 && d && (de = readdir(d))) {
		struct digest id, to;

		if (digest_parse_hex(de->d_name, &id) == 0 && !used_has(&u.layers, &id) &&
		    !read_link(st, de, &id, &to))
			strv_add(ret, id.hex);
	}
	return r;
}
