// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/extra.h"
#include "storage/image_record.h"
#include "storage/internal.h"

static const struct json_field layer_ref_fields[] = {
	JSON_FIELD(struct image_layer_ref, diff_id, "diff_id", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct image_layer_ref, pending, "pending", JSON_F_BOOL, JSON_OMIT_EMPTY),
	JSON_FIELD(struct image_layer_ref, blob, "blob", JSON_F_STR, 0),
	JSON_FIELD(struct image_layer_ref, media_type, "media_type", JSON_F_STR, 0),
	JSON_FIELD(struct image_layer_ref, blob_size, "blob_size", JSON_F_U64, 0),
	JSON_FIELD(struct image_layer_ref, size, "size", JSON_F_U64, 0),
	JSON_FIELD_END,
};

const struct json_field image_record_fields[] = {
	JSON_FIELD(struct image_record, schema, "schema", JSON_F_INT, JSON_REQUIRED),
	JSON_FIELD(struct image_record, id, "id", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct image_record, manifest_digest, "manifest_digest", JSON_F_STR, 0),
	JSON_FIELD(struct image_record, manifest_type, "manifest_type", JSON_F_STR, 0),
	JSON_FIELD(struct image_record, digests, "digests", JSON_F_STRV, 0),
	JSON_FIELD(struct image_record, repo_digests, "repo_digests", JSON_F_STRV, 0),
	JSON_FIELD(struct image_record, created, "created", JSON_F_STR, 0),
	JSON_FIELD(struct image_record, architecture, "architecture", JSON_F_STR, 0),
	JSON_FIELD(struct image_record, os, "os", JSON_F_STR, 0),
	JSON_FIELD(struct image_record, variant, "variant", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct image_record, size, "size", JSON_F_U64, 0),
	JSON_FIELD_ARRAY(struct image_record, layers, n_layers, "layers", 0, layer_ref_fields,
			 struct image_layer_ref),
	JSON_FIELD(struct image_record, is_list, "list", JSON_F_BOOL, JSON_OMIT_EMPTY),
	JSON_FIELD(struct image_record, pending, "pending", JSON_F_BOOL, JSON_OMIT_EMPTY),
	JSON_FIELD(struct image_record, config_digest, "config_digest", JSON_F_STR,
		   JSON_OMIT_EMPTY),
	JSON_FIELD(struct image_record, extra, "", JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

void image_record_done(struct image_record *r)
{
	json_free_fields(image_record_fields, r);
	r->names = strv_free(r->names);
}

static int read_record(int dir, const char *id, struct image_record *ret, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s/image.json", id);
	int r;

	r = json_load_record(dir, path, RECORD_MAX, image_record_fields, ret, err);
	if (r < 0)
		return r;
	if (ret->schema > IMAGE_SCHEMA_PENDING)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "written by a newer cmk (schema %d, this one knows %d)",
				    ret->schema, IMAGE_SCHEMA_PENDING);
	if (!streq(ret->id, id))
		return cmk_err_set(err, -EBADMSG, "the record is of another image, '%.64s'",
				   ret->id);
	return 0;
}

/* A descriptor of the directory images/ that the image is in: where that is an additional store's,
 * *EXTRA is it and to be closed. -ENOENT. */
static int find_images_dir(struct storage *st, const char *id, int *extra)
{
	if (faccessat(st->images_fd, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return st->images_fd;
	*extra = storage_extra_open(st, "images", id);
	return *extra;
}

int image_load_raw(struct storage *st, const char *id, struct image_record *ret,
		   struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_close int extra = -1;
	struct digest digest;
	int r;

	if (digest_parse_hex(id, &digest) < 0)
		return cmk_err_set(err, -EINVAL, "image ID '%.80s' is not 64 hex digits", id);
	r = read_record(st->images_fd, id, &rec, &mine);
	/* Nearly all are here: only of the others it is asked where they are. */
	if (r == -ENOENT && faccessat(st->images_fd, id, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		extra = storage_extra_open(st, "images", id);
		if (extra < 0)
			return cmk_err_set(err, -ENOENT, "image '%.12s' does not exist", id);
		r = read_record(extra, id, &rec, &mine);
	}
	if (r < 0)
		return cmk_err_wrap(err, cmk_err_move(err, &mine), "image '%.12s'", id);
	rec.read_only = extra >= 0;
	strv_sort(rec.repo_digests);
	*ret = rec;
	rec = (struct image_record){ 0 };
	return 0;
}

int image_load_bare(struct storage *st, const char *id, struct image_record *ret,
		    struct cmk_err *err)
{
	int r = image_load_raw(st, id, ret, err);

	for (size_t i = 0; r == 0 && i < ret->n_layers; i++)
		storage_layer_resolve(st, &ret->layers[i]);
	return r;
}

const char *storage_image_digest(const struct image_record *r)
{
	return r->digests && r->digests[0] ? r->digests[0] : r->manifest_digest;
}

const char *storage_image_config_digest(const struct image_record *r, char buf[static 72])
{
	if (r->config_digest && *r->config_digest)
		(void)snprintf(buf, 72, "%s", r->config_digest);
	else
		(void)snprintf(buf, 72, "sha256:%s", r->id);
	return buf;
}

int storage_image_load(struct storage *st, const char *id, struct image_record *ret,
		       struct cmk_err *err)
{
	struct image_record rec = { 0 };
	struct name_entry *names = NULL;
	size_t n = 0;
	int r;

	r = image_load_bare(st, id, &rec, err);
	if (r < 0)
		return r;
	r = names_list_all(st, &names, &n, err);
	if (r < 0) {
		image_record_done(&rec);
		return r;
	}
	for (size_t i = 0; i < n; i++)
		if (streq(names[i].id.hex, id))
			strv_add(&rec.names, names[i].name);
	names_list_free(names, n);
	*ret = rec;
	return 0;
}

static int read_part(struct storage *st, const char *id, const char *part, char **ret,
		     size_t *ret_len, struct cmk_err *err)
{
	cleanup_free char *path = NULL;
	cleanup_close int extra = -1;
	struct digest digest;
	int r, dir;

	if (digest_parse_hex(id, &digest) < 0)
		return cmk_err_set(err, -EINVAL, "image ID '%.80s' is not 64 hex digits", id);
	dir = find_images_dir(st, id, &extra);
	path = xasprintf("%s/%s", id, part);
	r = file_read_at(dir < 0 ? st->images_fd : dir, path, RECORD_MAX, ret, ret_len, err);
	return r < 0 ? cmk_err_wrap(err, r, "%s of image '%.12s'", part, id) : 0;
}

int storage_image_config(struct storage *st, const char *id, char **ret, size_t *ret_len,
			 struct cmk_err *err)
{
	return read_part(st, id, "config", ret, ret_len, err);
}

int storage_image_manifest(struct storage *st, const char *id, char **ret, size_t *ret_len,
			   struct cmk_err *err)
{
	return read_part(st, id, "manifest", ret, ret_len, err);
}

int storage_list_instances(struct storage *st, const char *id, char **ret, size_t *ret_len,
			   struct cmk_err *err)
{
	return read_part(st, id, LIST_INSTANCES, ret, ret_len, err);
}

bool storage_is_list(struct storage *st, const char *id)
{
	cleanup_free char *path = xasprintf("%s/" LIST_INSTANCES, id);

	return faccessat(st->images_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void read_ids(DIR *d, char ***ids)
{
	struct dirent *de;

	while ((de = readdir(d))) {
		struct digest id;

		if (digest_parse_hex(de->d_name, &id) == 0)
			strv_add(ids, de->d_name);
	}
}

int images_ids(struct storage *st, char ***ret, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	int r = dir_read(st->images_fd, &d, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "read '%s/images'", st->root);
	*ret = NULL;
	read_ids(d, ret);
	return 0;
}

/* Of the additional stores as well, each once. */
static int ids_everywhere(struct storage *st, char ***ret, struct cmk_err *err)
{
	int r = images_ids(st, ret, err);

	for (char *const *root = storage_extra(st); r == 0 && root && *root; root++) {
		cleanup_free char *path = xasprintf("%s/images", *root);
		cleanup_dir DIR *d = opendir(path);
		cleanup_strv char **more = NULL;

		if (d)
			read_ids(d, &more);
		for (char **id = more; id && *id; id++)
			if (!strv_has(*ret, *id))
				strv_add(ret, *id);
	}
	return r;
}

/* Newest first; RFC 3339 in UTC sorts as text. */
static int compare_images(const void *a, const void *b)
{
	const struct image_record *x = a, *y = b;
	int r = strcmp(y->created ? y->created : "", x->created ? x->created : "");

	return r ? r : strcmp(x->id, y->id);
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp((*(struct image_record *const *)a)->id,
		      (*(struct image_record *const *)b)->id);
}

static void fill_names(struct image_record *list, size_t n, const struct name_entry *names,
		       size_t n_names)
{
	cleanup_free struct image_record **by_id = xcalloc(n + 1, sizeof(*by_id));

	for (size_t i = 0; i < n; i++)
		by_id[i] = &list[i];
	qsort(by_id, n, sizeof(*by_id), compare_ids);
	for (size_t i = 0; i < n_names; i++) {
		struct image_record key = { .id = (char *)(uintptr_t)names[i].id.hex };
		struct image_record *const *found, *wanted = &key;

		found = bsearch(&wanted, by_id, n, sizeof(*by_id), compare_ids);
		if (found)
			strv_add(&(*found)->names, names[i].name);
	}
}

int storage_image_list(struct storage *st, struct image_record **ret, size_t *ret_n,
		       struct cmk_err *err)
{
	struct image_record *list = NULL;
	struct name_entry *names = NULL;
	size_t n = 0, n_names = 0;
	char **ids = NULL;
	int r;

	r = ids_everywhere(st, &ids, err);
	if (r < 0)
		return r;
	r = names_list_all(st, &names, &n_names, err);
	for (char **id = ids; r >= 0 && id && *id; id++) {
		cleanup_err struct cmk_err why = CMK_ERR_INIT;
		struct image_record rec = { 0 };
		int q = image_load_bare(st, *id, &rec, &why);

		/* Removed since readdir saw it. */
		if (q == -ENOENT && faccessat(st->images_fd, *id, F_OK, 0) < 0 &&
		    !storage_extra_find(st, "images", *id))
			continue;
		if (q < 0) {
			log_warn("%s: not listed", cmk_err_msg(&why));
			continue;
		}
		list = xrealloc(list, n + 1, sizeof(*list));
		list[n++] = rec;
	}
	strv_free(ids);
	if (r < 0)
		return r;
	if (n > 0)
		qsort(list, n, sizeof(*list), compare_images);
	fill_names(list, n, names, n_names);
	names_list_free(names, n_names);
	*ret = list;
	*ret_n = n;
	return 0;
}

void storage_image_list_free(struct image_record *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		image_record_done(&list[i]);
	free(list);
}

int storage_image_by_config(struct storage *st, const char *prefix, char **ret_id)
{
	cleanup_strv char **ids = NULL;
	cleanup_free char *found = NULL;
	int r = images_ids(st, &ids, NULL);

	for (char **id = ids; r == 0 && id && *id; id++) {
		cleanup(image_record_done) struct image_record rec = { 0 };
		const char *hex;

		if (image_load_raw(st, *id, &rec, NULL) < 0 || !rec.config_digest)
			continue;
		hex = str_after(rec.config_digest, "sha256:");
		if (!hex || !str_after(hex, prefix))
			continue;
		if (found)
			return -ENOTUNIQ;
		found = xstrdup(*id);
	}
	if (r < 0 || !found)
		return r < 0 ? r : -ENOENT;
	*ret_id = steal_ptr(&found);
	return 0;
}

int storage_image_by_prefix(struct storage *st, const char *prefix, char **ret_id,
			    struct cmk_err *err)
{
	cleanup_strv char **ids = NULL;
	const char *found = NULL;
	size_t len = strlen(prefix);
	int r;

	if (len == 0 || len > DIGEST_HEX_LEN || strspn(prefix, "0123456789abcdef") != len)
		return cmk_err_set(err, -ENOENT, "no image has the ID '%.80s'", prefix);
	r = ids_everywhere(st, &ids, err);
	if (r < 0)
		return r;
	for (char **id = ids; id && *id; id++) {
		if (strncmp(*id, prefix, len) != 0)
			continue;
		if (found) {
			(void)cmk_err_kind(err, CMK_ERR_INVALID, -ENOTUNIQ,
					   "ID '%s' begins the IDs of several images", prefix);
			(void)cmk_err_hint(err, "give more digits");
			return -ENOTUNIQ;
		}
		found = *id;
	}
	if (found) {
		*ret_id = xstrdup(found);
		return 0;
	}
	r = storage_image_by_config(st, prefix, ret_id);
	return r < 0 ? cmk_err_set(err, r, "no image has the ID '%s'", prefix) : 0;
}
