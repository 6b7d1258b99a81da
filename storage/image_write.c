// SPDX-License-Identifier: Apache-2.0
/*
 * Writing and removing images, under the storage lock. A new image is built aside and renamed; one
 * that exists is exchanged for a new directory, so that record and manifest never disagree.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/extra.h"
#include "storage/image_record.h"
#include "storage/internal.h"

static void merge_strv(char ***into, char *const *from)
{
	for (char *const *s = from; s && *s; s++)
		if (!strv_has(*into, *s))
			strv_add(into, *s);
}

static int check_layers(struct storage *st, const struct image_record *r, struct cmk_err *err)
{
	for (size_t i = 0; i < r->n_layers; i++) {
		struct digest id;
		int q = digest_parse(r->layers[i].diff_id, &id, err);

		if (q < 0)
			return cmk_err_wrap(err, q, "layer %zu", i + 1);
		if (!storage_layer_exists(st, &id) && !storage_extra_find(st, "layers", id.hex))
			return cmk_err_set(err, -ENOENT, "layer '%.19s' is not in the store",
					   r->layers[i].diff_id);
	}
	return 0;
}

/* What lies beside the record: the manifest, and an image's config or a list's instances. */
struct parts {
	const void *manifest, *other;
	size_t manifest_len, other_len;
};

static int write_parts(int fd, const struct image_record *r, const struct parts *p,
		       struct cmk_err *err)
{
	/* A list has no layers for whose sake publish() syncs the whole file system. */
	enum file_flags flags = r->is_list ? FILE_DURABLE : 0;
	int q = 0;

	if (p->manifest)
		q = file_replace_at(fd, "manifest", p->manifest, p->manifest_len, 0600, flags, err);
	if (q >= 0)
		q = file_replace_at(fd, r->is_list ? LIST_INSTANCES : "config", p->other,
				    p->other_len, 0600, flags, err);
	if (q >= 0)
		q = json_save_record(fd, "image.json", image_record_fields, r, flags, err);
	return q;
}

static int keep_former_names(struct storage *st, int fd, const char *id, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s/" FORMER_NAMES, id), *text = NULL;
	size_t len = 0;

	if (file_read_at(st->images_fd, path, RECORD_MAX, &text, &len, NULL) < 0)
		return 0;
	return file_replace_at(fd, FORMER_NAMES, text, len, 0600, 0, err);
}

/* Gives the directory tmp/NAME its place. */
static int publish(struct storage *st, const char *name, const struct image_record *rec,
		   bool exists, struct cmk_err *err)
{
	/* The layers, which were only renamed into place, and this directory: one call. */
	int r = rec->is_list ? 0 : storage_sync(st, err);

	const char *id = rec->id;

	if (r < 0)
		return r;
	for (size_t i = 0; i < rec->n_layers; i++)
		storage_layer_synced(st, rec->layers[i].diff_id);
	if (renameat2(st->tmp_fd, name, st->images_fd, id,
		      exists ? RENAME_EXCHANGE : RENAME_NOREPLACE) < 0 ||
	    fsync(st->images_fd) < 0)
		return cmk_err_errno(err, "write image '%.12s'", id);
	return 0;
}

/* Builds the image aside and gives it its place. */
static int replace_locked(struct storage *st, const struct image_record *r, const struct parts *p,
			  struct cmk_err *err)
{
	bool exists = faccessat(st->images_fd, r->id, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	cleanup_close int tmp = -1;
	char name[32];
	int q = storage_tmp_make(st, name, &tmp, err);

	if (q < 0)
		return q;
	q = exists ? keep_former_names(st, tmp, r->id, err) : 0;
	if (q >= 0)
		q = write_parts(tmp, r, p, err);
	if (q >= 0)
		q = publish(st, name, r, exists, err);
	if (q < 0 || exists)
		storage_tmp_remove(st, name);
	return q;
}

static bool file_is(struct storage *st, const char *id, const char *name, const void *want,
		    size_t want_len)
{
	cleanup_free char *path = xasprintf("%s/%s", id, name), *text = NULL;
	size_t len = 0;

	return file_read_at(st->images_fd, path, want_len, &text, &len, NULL) >= 0 &&
	       len == want_len && memcmp(text, want, len) == 0;
}

/* As of an image that is pulled once more: no file has to be written. */
static bool is_there(struct storage *st, const struct image_record *r, const struct parts *p)
{
	cleanup_free char *text = NULL;
	size_t len = 0;

	return p->manifest && file_is(st, r->id, "manifest", p->manifest, p->manifest_len) &&
	       file_is(st, r->id, "config", p->other, p->other_len) &&
	       json_record_text(image_record_fields, r, &text, &len, NULL) == 0 &&
	       file_is(st, r->id, "image.json", text, len);
}

static int put_locked(struct storage *st, const struct image_record *r, const struct parts *p,
		      struct cmk_err *err)
{
	struct image_record merged = *r, old = { 0 };
	int q = check_layers(st, r, err);

	if (q < 0)
		return q;
	merged.schema = r->pending || r->config_digest ? IMAGE_SCHEMA_PENDING : IMAGE_SCHEMA;
	merged.digests = strv_dup(r->digests);
	merged.repo_digests = strv_dup(r->repo_digests);
	/* A damaged old record is simply replaced. */
	if (image_load_bare(st, r->id, &old, NULL) >= 0) {
		merge_strv(&merged.digests, old.digests);
		merge_strv(&merged.repo_digests, old.repo_digests);
		image_record_done(&old);
	}
	strv_sort(merged.repo_digests);
	if (!is_there(st, &merged, p))
		q = replace_locked(st, &merged, p, err);
	else if (fsync(st->images_fd) < 0)
		q = cmk_err_errno(err, "sync");
	strv_free(merged.digests);
	strv_free(merged.repo_digests);
	return q;
}

static int check_id(const char *id, struct cmk_err *err)
{
	struct digest digest;

	return digest_parse_hex(id, &digest) < 0
		       ? cmk_err_set(err, -EINVAL, "image ID '%.80s' is not 64 hex digits", id)
		       : 0;
}

static int lock_for(struct storage *st, const char *id, int *ret, struct cmk_err *err)
{
	int r = check_id(id, err);

	return r < 0 ? r : storage_lock(st, ret, err);
}

int storage_image_put(struct storage *st, const struct image_record *r, const void *manifest,
		      size_t manifest_len, const void *config, size_t config_len,
		      struct cmk_err *err)
{
	const struct parts parts = { manifest, config, manifest_len, config_len };
	cleanup_close int lock = -1;
	int q = lock_for(st, r->id, &lock, err);

	if (q < 0)
		return q;
	q = put_locked(st, r, &parts, err);
	if (q < 0)
		return cmk_err_wrap(err, q, "image '%.12s'", r->id);
	storage_unclaim(st);
	return 0;
}

/* A pending image's place; 0 where it has been settled already. */
static int settled_locked(struct storage *st, const struct image_record *r, const struct parts *p,
			  struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record now = { 0 };
	struct image_record rec = *r;
	int q = image_load_raw(st, r->id, &now, err);

	if (q < 0 || !now.pending)
		return q;
	rec.schema = IMAGE_SCHEMA_PENDING;
	q = check_layers(st, r, err);
	return q < 0 ? q : replace_locked(st, &rec, p, err);
}

int storage_image_settled(struct storage *st, const struct image_record *r, const void *manifest,
			  size_t manifest_len, const void *config, size_t config_len,
			  struct cmk_err *err)
{
	const struct parts parts = { manifest, config, manifest_len, config_len };
	cleanup_close int lock = -1;
	int q = lock_for(st, r->id, &lock, err);

	if (q == 0)
		q = settled_locked(st, r, &parts, err);
	if (q < 0)
		return cmk_err_wrap(err, q, "image '%.12s'", r->id);
	storage_unclaim(st);
	return 0;
}

/* The list is the one that the caller has read. */
static int check_unchanged(struct storage *st, const char *id, const char *was, struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record now = { 0 };
	int q;

	if (!was)
		return 0;
	q = image_load_bare(st, id, &now, err);
	if (q == 0 && !streq_null(now.manifest_digest, was))
		q = cmk_err_set(err, -EAGAIN, "it has been changed meanwhile");
	return q;
}

int storage_list_put(struct storage *st, const struct image_record *r, const char *was,
		     const void *manifest, size_t manifest_len, const void *instances,
		     size_t instances_len, struct cmk_err *err)
{
	const struct parts parts = { manifest, instances, manifest_len, instances_len };
	struct image_record rec = *r;
	cleanup_close int lock = -1;
	int q = lock_for(st, r->id, &lock, err);

	rec.schema = IMAGE_SCHEMA_LIST;
	if (q == 0)
		q = check_unchanged(st, r->id, was, err);
	if (q == 0)
		q = replace_locked(st, &rec, &parts, err);
	return q < 0 ? cmk_err_wrap(err, q, "manifest list '%.12s'", r->id) : 0;
}

/* Names first, then the record, then layers: cut short anywhere, what is left is either a whole
 * image or layers that the next removal collects. */
int image_remove_locked(struct storage *st, const char *id, struct cmk_err *err)
{
	struct name_entry *names = NULL;
	char tmp[DIGEST_HEX_LEN + 8];
	size_t n = 0;
	int r;

	if (faccessat(st->images_fd, id, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		const char *root = storage_extra_find(st, "images", id);

		return root ? cmk_err_set(err, -EROFS,
					  "it is in the additional image store '%s', which is only "
					  "read",
					  root)
			    : cmk_err_set(err, -ENOENT, "it does not exist");
	}
	if (storage_is_mounted(st, STORAGE_MOUNT_IMAGE, id)) {
		(void)cmk_err_set(err, -EBUSY, "it is mounted");
		return cmk_err_hint(err, "unmount it first, or use --force") ?: -EBUSY;
	}
	r = names_list(st, &names, &n, err);
	for (size_t i = 0; r >= 0 && i < n; i++)
		if (streq(names[i].id.hex, id))
			r = names_remove(st, names[i].name, false, err);
	names_list_free(names, n);
	if (r < 0)
		return r;
	/* Renamed first, so that no reader finds half a directory. */
	(void)snprintf(tmp, sizeof(tmp), "img-%s", id);
	if (renameat(st->images_fd, id, st->tmp_fd, tmp) < 0)
		return cmk_err_errno(err, "remove");
	if (fsync(st->images_fd) < 0)
		log_debug("fsync of '%s/images': %s", st->root, errno_text(errno));
	storage_tmp_remove(st, tmp);
	return 0;
}

int storage_image_remove(struct storage *st, const char *id, struct cmk_err *err)
{
	cleanup_close int lock = -1;
	int r = check_id(id, err);

	if (r >= 0)
		r = storage_lock_to_remove(st, &lock, err);
	if (r >= 0)
		r = image_remove_locked(st, id, err);
	if (r >= 0)
		r = garbage_collect(st, err);
	return r < 0 ? cmk_err_wrap(err, r, "remove image '%.12s'", id) : 0;
}
