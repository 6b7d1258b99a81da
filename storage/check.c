// SPDX-License-Identifier: Apache-2.0
/*
 * Whether the store is what its records say. Records are read under the storage lock, so that
 * nobody is seen half-way; files without it, since that takes long: what is found wrong with a
 * layer then counts only where that is still the layer that was looked at.
 */
#include <fcntl.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/extra.h"
#include "storage/image_record.h"
#include "storage/internal.h"
#include "storage/shared.h"

#define TODO_IMAGE "remove the image with --repair and pull it again"
#define TODO_PULL "pull the image again"

void storage_check_forget(struct storage_check *c, size_t n)
{
	while (c->n_damages > n) {
		struct storage_damage *d = &c->damages[--c->n_damages];

		free(d->id);
		free(d->what);
		free(d->todo);
	}
}

void storage_check_done(struct storage_check *c)
{
	storage_check_forget(c, 0);
	free(c->damages);
	free(c->layers);
	strv_free(c->images);
	strv_free(c->containers);
	*c = (struct storage_check){ 0 };
}

void storage_check_add(struct storage_check *c, enum storage_damage_kind kind, const char *id,
		       const char *todo, const char *what)
{
	cleanup_strv char **lines = strv_split(what, '\n');

	for (char **line = lines; *line; line++) {
		c->damages = xrealloc(c->damages, c->n_damages + 1, sizeof(*c->damages));
		c->damages[c->n_damages++] = (struct storage_damage){
			.kind = kind,
			.id = xstrdup(id),
			.what = xstrdup(*line),
			.todo = xstrdup(todo),
		};
	}
}

static void add_once(char ***list, const char *s)
{
	if (!strv_has(*list, s))
		strv_add(list, s);
}

static void image_damage(struct storage_check *c, const char *id, const char *todo,
			 const char *what)
{
	storage_check_add(c, DAMAGE_IMAGE, id, todo, what);
	add_once(&c->images, id);
}

/* --- images: under the storage lock --- */

typedef int (*part_fn)(struct storage *st, const char *id, char **ret, size_t *ret_len,
		       struct cmk_err *err);

/* NULL where the digest of the part is WANT, else what is wrong. */
static char *part_damage(struct storage *st, const char *id, const char *name, part_fn part,
			 const char *want)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *data = NULL;
	struct digest digest;
	size_t len = 0;
	char got[72];

	if (part(st, id, &data, &len, &err) < 0)
		return xasprintf("its %s cannot be read: %s", name, cmk_err_msg(&err));
	digest_of(data, len, &digest);
	if (!streq(digest_str(&digest, got), want))
		return xasprintf("its %s has the digest %s, not %.80s", name, got, want);
	return NULL;
}

static void check_part(struct storage *st, const char *id, const char *name, part_fn part,
		       const char *want, struct storage_check *c)
{
	cleanup_free char *what = part_damage(st, id, name, part, want);

	if (what)
		image_damage(c, id, TODO_IMAGE, what);
}

/* Here, or in an additional store. */
static bool is_somewhere(struct storage *st, const struct digest *layer)
{
	return storage_layer_is_here(st, layer) || storage_extra_find(st, "layers", layer->hex);
}

static void check_layers(struct storage *st, const struct image_record *rec,
			 struct storage_check *c)
{
	for (size_t i = 0; i < rec->n_layers; i++) {
		cleanup_free char *what = NULL;
		struct digest id;

		if (digest_parse(rec->layers[i].diff_id, &id, NULL) < 0)
			what = xasprintf("its record names the layer '%.80s'",
					 rec->layers[i].diff_id);
		else if (!is_somewhere(st, &id))
			what = xasprintf("its layer %s is missing", id.hex);
		if (what)
			image_damage(c, rec->id, TODO_PULL, what);
	}
}

static int check_image(struct storage *st, const char *id, struct storage_check *c,
		       struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_err struct cmk_err why = CMK_ERR_INIT;
	char want[72];
	int r = image_load_bare(st, id, &rec, &why);

	/* A newer cmk may know what to make of it. */
	if (r == -EOPNOTSUPP)
		return cmk_err_move(err, &why);
	if (r < 0) {
		image_damage(c, id, TODO_IMAGE, cmk_err_msg(&why));
		return 0;
	}
	if (!rec.pending)
		check_part(st, id, "config", storage_image_config,
			   storage_image_config_digest(&rec, want), c);
	if (rec.manifest_digest && *rec.manifest_digest)
		check_part(st, id, "manifest", storage_image_manifest, rec.manifest_digest, c);
	check_layers(st, &rec, c);
	return 0;
}

static int check_images(struct storage *st, struct storage_check *c, struct cmk_err *err)
{
	cleanup_strv char **ids = NULL, **names = NULL;
	int r = images_ids(st, &ids, err);

	for (char **id = ids; r >= 0 && id && *id; id++)
		r = check_image(st, *id, c, err);
	if (r >= 0)
		r = names_list_dangling(st, &names, err);
	for (char **name = names; r >= 0 && name && *name; name++)
		storage_check_add(c, DAMAGE_NAME, *name, "remove the name with --repair",
				  "its image is not here");
	return r;
}

/* --- layers --- */

static int list_layers(struct storage *st, char ***ret, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = dir_read(st->layers_fd, &d, err);

	while (r >= 0 && (de = readdir(d))) {
		struct digest id;

		/* A link is a name that one of the others had. */
		if (digest_parse_hex(de->d_name, &id) == 0 && de->d_type != DT_LNK)
			strv_add(ret, id.hex);
	}
	return r;
}

static bool is_same(struct storage *st, const char *hex, dev_t dev, ino_t ino)
{
	struct stat sb;

	return fstatat(st->layers_fd, hex, &sb, AT_SYMLINK_NOFOLLOW) == 0 && sb.st_dev == dev &&
	       sb.st_ino == ino;
}

static void layer_damage(struct storage_check *c, const struct digest *id, const struct stat *sb,
			 const char *what)
{
	storage_check_add(c, DAMAGE_LAYER, id->hex,
			  "remove the images that it belongs to with --repair and pull them again",
			  what);
	c->layers = xrealloc(c->layers, c->n_layers + 1, sizeof(*c->layers));
	c->layers[c->n_layers++] = (struct storage_bad_layer){ .id = *id,
							       .dev = sb->st_dev,
							       .ino = sb->st_ino };
}

static int check_layer(struct storage *st, const struct digest *id, struct storage_check *c,
		       struct cmk_err *err)
{
	cleanup_err struct cmk_err why = CMK_ERR_INIT;
	struct stat sb = { 0 };
	int r = storage_layer_look(st, id, &sb, &why);

	if (r == -ENOENT)
		return 0;
	if (r >= 0 && !c->quick) {
		log_debug("check the files of layer '%.12s'", id->hex);
		r = storage_layer_verify(st, id, &why);
	}
	/* Made by an older cmk: there is nothing to hold it against. */
	if (r >= 0 || r == -ENODATA || !is_same(st, id->hex, sb.st_dev, sb.st_ino))
		return 0;
	if (r != -EBADMSG)
		return cmk_err_wrap(err, cmk_err_move(err, &why), "check layer '%.12s'", id->hex);
	layer_damage(c, id, &sb, cmk_err_msg(&why));
	return 0;
}

static int check_all_layers(struct storage *st, struct storage_check *c, struct cmk_err *err)
{
	cleanup_strv char **list = NULL;
	int r = list_layers(st, &list, err);

	for (char **hex = list; r >= 0 && hex && *hex; hex++) {
		struct digest id;

		if (digest_parse_hex(*hex, &id) == 0)
			r = check_layer(st, &id, c, err);
	}
	return r;
}

/* A record that cannot be read does not say what it uses: then nobody knows. */
static void check_unused(struct storage *st, struct storage_check *c)
{
	cleanup_strv char **list = NULL;
	struct stat sb;

	if (layers_list_garbage(st, &list, NULL) < 0)
		return;
	for (char **hex = list; hex && *hex; hex++)
		if (fstatat(st->layers_fd, *hex, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		    time(NULL) - sb.st_mtime >= c->max_age_s)
			storage_check_add(c, DAMAGE_LAYER, *hex, "remove it with --repair",
					  "layer not referenced by any image or container");
}

/* What stands on a damaged layer is damaged. */
static int add_images_on_bad_layers(struct storage *st, struct storage_check *c,
				    struct cmk_err *err)
{
	cleanup_strv char **ids = NULL;
	int r = c->n_layers > 0 ? images_ids(st, &ids, err) : 0;

	for (char **id = ids; r >= 0 && id && *id; id++) {
		cleanup(image_record_done) struct image_record rec = { 0 };

		if (image_load_bare(st, *id, &rec, NULL) < 0)
			continue;
		for (size_t i = 0; i < rec.n_layers; i++) {
			cleanup_free char *what = NULL;

			if (!storage_check_is_bad(c, rec.layers[i].diff_id))
				continue;
			what = xasprintf("its layer %s is damaged", rec.layers[i].diff_id + 7);
			image_damage(c, *id, TODO_IMAGE, what);
		}
	}
	return r;
}

bool storage_check_is_bad(const struct storage_check *c, const char *diff_id)
{
	struct digest id;

	if (!diff_id || digest_parse(diff_id, &id, NULL) < 0)
		return false;
	for (size_t i = 0; i < c->n_layers; i++)
		if (streq(c->layers[i].id.hex, id.hex))
			return true;
	return false;
}

/* A collection takes a layer away before it looks whether a new container needs it. */
bool storage_check_is_missing(struct storage *st, const char *diff_id)
{
	cleanup_close int lock = -1;
	struct digest id;

	if (!diff_id || digest_parse(diff_id, &id, NULL) < 0)
		return true;
	return !is_somewhere(st, &id) && storage_lock(st, &lock, NULL) >= 0 &&
	       !is_somewhere(st, &id);
}

/* --- volumes --- */

static void check_volume(struct storage *st, const char *name, struct storage_check *c)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 }, again = { 0 };
	cleanup_err struct cmk_err why = CMK_ERR_INIT;
	int r = storage_volume_load(st, name, &v, &why);

	if (r >= 0 && faccessat(AT_FDCWD, v.mountpoint, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    storage_volume_load(st, name, &again, &why) >= 0)
		r = cmk_err_set(&why, -EBADMSG, "its files, '%s', are missing", v.mountpoint);
	/* Removed meanwhile, or for a newer cmk. */
	if (r >= 0 || r == -ENOENT || r == -EOPNOTSUPP)
		return;
	storage_check_add(c, DAMAGE_VOLUME, name,
			  "save what is left of its files, then cmk volume rm", cmk_err_msg(&why));
}

static int check_volumes(struct storage *st, struct storage_check *c, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	int r = volumes_names(st, &names, err);

	for (char **name = names; r >= 0 && name && *name; name++)
		check_volume(st, *name, c);
	return r;
}

/* --- all of it --- */

static int check_records(struct storage *st, struct storage_check *c, struct cmk_err *err)
{
	cleanup_close int lock = -1;
	int r = storage_lock(st, &lock, err);

	if (r >= 0)
		r = check_images(st, c, err);
	if (r >= 0)
		check_unused(st, c);
	return r;
}

int storage_check(struct storage *st, struct storage_check *c, struct cmk_err *err)
{
	int r = check_records(st, c, err);

	if (r >= 0)
		r = check_all_layers(st, c, err);
	if (r >= 0)
		r = add_images_on_bad_layers(st, c, err);
	if (r >= 0)
		r = check_volumes(st, c, err);
	return r < 0 ? r : artifacts_check(st, c, err);
}

/* --- repair: under the storage lock --- */

/* Pulled again since, it may be whole. */
static bool is_still_damaged(struct storage *st, const struct storage_check *c, const char *id)
{
	cleanup(storage_check_done) struct storage_check now = { 0 };
	cleanup(image_record_done) struct image_record rec = { 0 };

	if (check_image(st, id, &now, NULL) < 0)
		return false;
	if (now.images)
		return true;
	if (image_load_bare(st, id, &rec, NULL) < 0)
		return false;
	for (size_t i = 0; i < c->n_layers; i++)
		for (size_t k = 0; k < rec.n_layers; k++)
			if (streq(rec.layers[k].diff_id + strlen("sha256:"), c->layers[i].id.hex) &&
			    is_same(st, c->layers[i].id.hex, c->layers[i].dev, c->layers[i].ino))
				return true;
	return false;
}

static int remove_images(struct storage *st, const struct storage_check *c, char *const *keep,
			 char ***ret, struct cmk_err *err)
{
	for (char *const *id = c->images; id && *id; id++) {
		cleanup_err struct cmk_err why = CMK_ERR_INIT;
		int r;

		if (strv_has((char **)keep, *id) || !is_still_damaged(st, c, *id))
			continue;
		r = image_remove_locked(st, *id, &why);
		if (r == -EBUSY) {
			log_warn("image '%.12s' stays: %s", *id, cmk_err_msg(&why));
			continue;
		}
		if (r < 0)
			return cmk_err_wrap(err, cmk_err_move(err, &why), "remove image '%.12s'",
					    *id);
		strv_add(ret, *id);
	}
	return 0;
}

static int remove_names(struct storage *st, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	int r = names_list_dangling(st, &names, err);

	for (char **name = names; r >= 0 && name && *name; name++) {
		r = names_remove(st, *name, false, err);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* Where a record that stays cannot be read, nobody knows which layers it needs. */
static void collect(struct storage *st)
{
	cleanup_err struct cmk_err why = CMK_ERR_INIT;

	if (garbage_collect(st, &why) < 0)
		log_warn("%s: layers stay", cmk_err_msg(&why));
}

int storage_check_repair(struct storage *st, const struct storage_check *c, char *const *keep,
			 char ***ret_images, char ***ret_layers, struct cmk_err *err)
{
	cleanup_close int lock = -1;
	int r = storage_lock_to_remove(st, &lock, err);

	if (r < 0)
		return r;
	r = remove_images(st, c, keep, ret_images, err);
	if (r >= 0)
		r = remove_names(st, err);
	if (r >= 0)
		collect(st);
	shared_sweep(st);
	for (size_t i = 0; r >= 0 && i < c->n_layers; i++)
		if (!is_same(st, c->layers[i].id.hex, c->layers[i].dev, c->layers[i].ino))
			strv_add(ret_layers, c->layers[i].id.hex);
	return r;
}
