// SPDX-License-Identifier: Apache-2.0
/* Artifacts that are here: found, shown, extracted. Their titles are hostile. */
#include "image/artifact.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/new_file.h"

int artifact_name(const char *text, char **ret, struct cmk_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	int r = image_ref_parse(text, &ref, err);

	if (r == 0)
		*ret = image_ref_str(&ref);
	return r;
}

static int find_by_digest(struct storage *st, const char *text, struct storage_artifact *ret,
			  struct cmk_err *err)
{
	const char *hex = str_after(text, "sha256:") ?: text;
	struct storage_artifact *list = NULL;
	size_t n = 0, found = 0, at = 0;
	int r = storage_artifact_list(st, &list, &n, err);

	for (size_t i = 0; r == 0 && *hex && i < n; i++)
		if (str_after(list[i].id.hex, hex) && found++ == 0)
			at = i;
	for (size_t i = 0; r == 0 && found > 1 && i < n; i++)
		if (str_after(list[i].id.hex, hex) && !streq(list[i].id.hex, list[at].id.hex))
			r = cmk_err_kind(err, CMK_ERR_INVALID, -ENOTUNIQ,
					 "%.100s: digest begins those of several artifacts", text);
	if (r == 0 && found == 0)
		r = cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "%.300s: artifact does not exist",
				 text);
	if (r == 0) {
		*ret = list[at];
		list[at] = (struct storage_artifact){ 0 };
	}
	storage_artifact_list_free(list, n);
	return r;
}

int image_artifact_find(struct storage *st, const char *name, struct storage_artifact *ret,
			struct cmk_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	cleanup_free char *plain = NULL, *full = NULL;

	if (artifact_name(name, &plain, NULL) == 0 &&
	    storage_artifact_find(st, plain, ret, NULL) == 0)
		return 0;
	/* One that was pulled has the registry in its name. */
	if (image_ref_parse_docker(name, &ref, NULL) == 0) {
		full = image_ref_str(&ref);
		if (storage_artifact_find(st, full, ret, NULL) == 0)
			return 0;
	}
	return find_by_digest(st, name, ret, err);
}

/* --- show --- */

int image_artifact_usage(const struct storage_artifact *a, uint64_t *ret_size, char **ret_created,
			 struct cmk_err *err)
{
	cleanup(manifest_done) struct manifest m = { 0 };
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = manifest_parse_artifact(a->manifest, a->manifest_len, NULL, &m, err);
	const struct json *notes;

	if (r == 0)
		r = json_parse(a->manifest, a->manifest_len, IMAGE_MANIFEST_MAX, &doc, err);
	if (r < 0)
		return r;
	*ret_size = 0;
	for (size_t i = 0; i < m.n_items; i++)
		*ret_size += m.items[i].size;
	notes = json_get(json_root(doc), "annotations");
	*ret_created = xstrdup_null(json_str(json_get(notes, ARTIFACT_CREATED)));
	return 0;
}

int image_artifact_inspect(const struct storage_artifact *a, bool extra, struct json_writer *w,
			   struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *created = NULL;
	uint64_t size = 0;
	char buf[72];
	int r = image_artifact_usage(a, &size, &created, err);

	if (r == 0)
		r = json_parse(a->manifest, a->manifest_len, IMAGE_MANIFEST_MAX, &doc, err);
	if (r < 0)
		return r;
	json_write_object(w, NULL);
	json_write_value(w, "Manifest", json_root(doc));
	json_write_str(w, "Name", a->name);
	json_write_str(w, "Digest", digest_str(&a->id, buf));
	if (extra)
		json_write_u64(w, "TotalSizeBytes", size);
	json_write_end(w, '}');
	return 0;
}

/* --- extract --- */

static int file_name(const struct descriptor *d, bool by_digest, char **ret, struct cmk_err *err)
{
	const char *title = by_digest ? NULL : d->title;

	if (!title || !*title) {
		*ret = xasprintf("sha256-%s", d->digest.hex);
		return 0;
	}
	if (strchr(title, '/'))
		return cmk_err_set(err, -EINVAL, "invalid name: \"%.300s\" cannot contain /",
				   title);
	if (streq(title, ".") || streq(title, ".."))
		return cmk_err_set(err, -EINVAL, "invalid name: \"%s\" is a directory", title);
	*ret = xstrdup(title);
	return 0;
}

static int copy_blob(int in, int out, const struct digest *want, struct cmk_err *err)
{
	cleanup_free char *buf = xmalloc((size_t)1 << 20);
	struct digest_ctx *ctx = digest_new();
	struct digest got;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read_full(in, buf, (size_t)1 << 20)) != 0) {
		if (n < 0)
			r = cmk_err_set(err, (int)n, "read: %s", errno_text((int)-n));
		else if ((r = write_all(out, buf, (size_t)n)) < 0)
			r = cmk_err_set(err, r, "write: %s", errno_text(-r));
		if (n > 0)
			digest_update(ctx, buf, (size_t)n);
	}
	digest_final(ctx, &got);
	digest_ctx_free(ctx);
	if (r == 0 && !streq(got.hex, want->hex))
		r = cmk_err_set(err, -EBADMSG, "the blob is damaged: its digest is sha256:%s",
				got.hex);
	return r;
}

/* In DIR: whole or not at all, and in the place of a link rather than through it. */
static int write_in_dir(int dir, const char *name, int in, const struct digest *want,
			struct cmk_err *err)
{
	struct new_file out;
	int r = new_file_open(dir, name, 0666, &out, err);

	return r < 0 ? cmk_err_wrap(err, r, "failed to create target file")
		     : new_file_close(&out, copy_blob(in, out.fd, want, err), err);
}

/* The place of the one that TITLE or DIGEST names. */
static int choose(const struct manifest *m, const char *title, const char *digest, size_t *ret,
		  struct cmk_err *err)
{
	const char *what = title ? "title" : "digest", *want = title ?: digest;
	size_t found = 0;

	for (size_t i = 0; i < m->n_items; i++) {
		char buf[72];

		if (!streq_null(title ? m->items[i].title : digest_str(&m->items[i].digest, buf),
				want))
			continue;
		if (found++)
			return cmk_err_set(err, -ENOTUNIQ,
					   "more than one match for the %s \"%.300s\"", what, want);
		*ret = i;
	}
	return found ? 0
		     : cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				    "no blob with the %s \"%.300s\"", what, want);
}

/* All names are looked at before anything is written. */
static int name_all(const struct manifest *m, size_t from, size_t to, bool by_digest, char ***ret,
		    struct cmk_err *err)
{
	for (size_t i = from; i < to; i++) {
		char *name = NULL;
		int r = file_name(&m->items[i], by_digest, &name, err);

		if (r < 0)
			return r;
		if (strv_has(*ret, name))
			r = cmk_err_set(err, -EINVAL, "two blobs have the name \"%.300s\"", name);
		strv_add_take(ret, name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int extract_to_dir(struct storage *st, const struct storage_artifact *a,
			  const struct manifest *m, size_t from, size_t to, bool by_digest, int dir,
			  struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	int r = name_all(m, from, to, by_digest, &names, err);

	for (size_t i = from; r == 0 && i < to; i++) {
		const struct digest *d = &m->items[i].digest;
		cleanup_close int in = storage_artifact_open(st, &a->id, d, err);

		r = in < 0 ? in : write_in_dir(dir, names[i - from], in, d, err);
		if (r < 0)
			r = cmk_err_wrap(err, r, "'%s'", names[i - from]);
	}
	return r;
}

static int extract_to_file(struct storage *st, const struct storage_artifact *a,
			   const struct digest *d, const char *target, struct cmk_err *err)
{
	cleanup_close int in = storage_artifact_open(st, &a->id, d, err), out = -1;
	int r;

	if (in < 0)
		return in;
	out = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (out < 0)
		return cmk_err_errno(err, "failed to create target file: open %s", target);
	r = copy_blob(in, out, d, err);
	return r < 0 ? cmk_err_wrap(err, r, "'%s'", target) : 0;
}

int image_artifact_extract(struct storage *st, const struct storage_artifact *a, const char *title,
			   const char *digest, const char *target, struct cmk_err *err)
{
	cleanup_close int dir = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup(manifest_done) struct manifest m = { 0 };
	bool one = title || digest;
	size_t at = 0;
	int r;

	if (title && digest)
		return cmk_err_set(err, -EINVAL, "cannot specify both digest and title");
	if (dir < 0 && errno != ENOENT && errno != ENOTDIR)
		return cmk_err_errno(err, "open '%s'", target);
	r = manifest_parse_artifact(a->manifest, a->manifest_len, NULL, &m, err);
	if (r == 0 && m.n_items == 0)
		r = cmk_err_set(err, -ENOENT, "the artifact has no blobs, nothing to extract");
	if (r == 0 && one)
		r = choose(&m, title, digest, &at, err);
	if (r == 0 && dir < 0 && !one && m.n_items > 1)
		r = cmk_err_set(err, -EINVAL,
				"the artifact consists of several blobs and the target \"%s\" is "
				"not a directory and neither digest or title was specified to only "
				"copy a single blob",
				target);
	if (r < 0)
		return r;
	if (dir < 0)
		return extract_to_file(st, a, &m.items[at].digest, target, err);
	return extract_to_dir(st, a, &m, at, one ? at + 1 : m.n_items, digest != NULL, dir, err);
}

/* --- mounts --- */

int image_artifact_files(struct storage *st, const struct storage_artifact *a, const char *title,
			 const char *digest, char ***ret_names, char ***ret_paths,
			 struct cmk_err *err)
{
	cleanup(manifest_done) struct manifest m = { 0 };
	cleanup_strv char **names = NULL;
	bool one = title || digest;
	size_t from = 0, to;
	int r = manifest_parse_artifact(a->manifest, a->manifest_len, NULL, &m, err);

	if (r == 0 && m.n_items == 0)
		r = cmk_err_set(err, -ENOENT, "the artifact has no blobs, nothing to mount");
	if (r == 0 && one)
		r = choose(&m, title, digest, &from, err);
	to = one ? from + 1 : m.n_items;
	if (r == 0)
		r = name_all(&m, from, to, digest != NULL, &names, err);
	if (r < 0)
		return r;
	*ret_paths = NULL;
	for (size_t i = from; i < to; i++)
		strv_add_take(ret_paths, storage_artifact_path(st, &a->id, &m.items[i].digest));
	*ret_names = steal_ptr(&names);
	return 0;
}
