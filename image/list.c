// SPDX-License-Identifier: Apache-2.0
/* Manifest lists: reading, writing, changing (image-spec image-index.md; docker's manifest list).
 */
#include "image/list.h"

#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define LIST_TEXT_MAX ((size_t)8 << 20)
#define LIST_EDITS_MAX 100

/* The keys are those of an index's platform and of an image config alike. */
static const struct json_field platform_fields[] = {
	JSON_FIELD(struct list_platform, arch, "architecture", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct list_platform, os, "os", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct list_platform, os_version, "os.version", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct list_platform, os_features, "os.features", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD(struct list_platform, variant, "variant", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct list_platform, features, "features", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

#define DESCRIPTOR_FIELDS                                                                      \
	JSON_FIELD(struct list_instance, media_type, "mediaType", JSON_F_STR, JSON_REQUIRED),  \
		JSON_FIELD(struct list_instance, digest, "digest", JSON_F_STR, JSON_REQUIRED), \
		JSON_FIELD(struct list_instance, size, "size", JSON_F_U64, JSON_REQUIRED),     \
		JSON_FIELD(struct list_instance, artifact_type, "artifactType", JSON_F_STR,    \
			   JSON_OMIT_EMPTY),                                                   \
		JSON_FIELD_SUB(struct list_instance, platform, "platform", JSON_F_OBJ, 0,      \
			       platform_fields, struct list_platform),                         \
		JSON_FIELD(struct list_instance, annotations, "annotations", JSON_F_MAP,       \
			   JSON_OMIT_EMPTY)

/* What others write. */
static const struct json_field descriptor_fields[] = {
	DESCRIPTOR_FIELDS,
	JSON_FIELD_END,
};

static const struct json_field instance_fields[] = {
	DESCRIPTOR_FIELDS,
	JSON_FIELD(struct list_instance, image, "image", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct list_instance, sources, "sources", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

static const struct json_field subject_fields[] = {
	JSON_FIELD(struct list_subject, media_type, "mediaType", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct list_subject, digest, "digest", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct list_subject, size, "size", JSON_F_U64, JSON_REQUIRED),
	JSON_FIELD_END,
};

#define LIST_FIELDS                                                                          \
	JSON_FIELD(struct list, annotations, "annotations", JSON_F_MAP, JSON_OMIT_EMPTY),    \
		JSON_FIELD_SUB(struct list, subject, "subject", JSON_F_PTR, JSON_OMIT_EMPTY, \
			       subject_fields, struct list_subject)

static const struct json_field index_fields[] = {
	LIST_FIELDS,
	JSON_FIELD_ARRAY(struct list, items, n, "manifests", 0, descriptor_fields,
			 struct list_instance),
	JSON_FIELD_END,
};

static const struct json_field list_fields[] = {
	LIST_FIELDS,
	JSON_FIELD_ARRAY(struct list, items, n, "instances", 0, instance_fields,
			 struct list_instance),
	JSON_FIELD_END,
};

void list_instance_done(struct list_instance *i)
{
	json_free_fields(instance_fields, i);
}

void list_done(struct list *l)
{
	json_free_fields(list_fields, l);
	image_record_done(&l->rec);
}

/* --- texts --- */

static int check_items(const struct list *l, struct cmk_err *err)
{
	struct digest d;
	int r = l->subject ? digest_parse(l->subject->digest, &d, err) : 0;

	if (r < 0)
		return cmk_err_wrap(err, r, "subject");
	if (l->n > IMAGE_INDEX_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d instances", IMAGE_INDEX_MAX);
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		r = digest_parse(l->items[i].digest, &d, err);
		if (r == 0 && l->items[i].size > INT64_MAX)
			r = cmk_err_set(err, -ERANGE, "a size beyond all bounds");
		if (r < 0)
			return cmk_err_wrap(err, r, "instance %zu", i + 1);
	}
	return r;
}

static int read_list(const char *text, size_t len, size_t max, const struct json_field *fields,
		     struct list *ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup(list_done) struct list l = { 0 };
	int r = json_parse(text, len, max, &doc, err);

	if (r == 0)
		r = json_read_fields(json_root(doc), fields, &l, err);
	if (r == 0)
		r = check_items(&l, err);
	if (r < 0)
		return r;
	*ret = l;
	l = (struct list){ 0 };
	return 0;
}

int list_read_index(const char *text, size_t len, struct list *ret, struct cmk_err *err)
{
	int r = read_list(text, len, IMAGE_MANIFEST_MAX, index_fields, ret, err);

	return r < 0 ? cmk_err_wrap(err, r, "manifest list") : 0;
}

int list_read_config(const char *text, size_t len, struct list_platform *ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct list_platform p = { 0 };
	int r = json_parse(text, len, IMAGE_CONFIG_MAX, &doc, err);

	if (r == 0)
		r = json_read_fields(json_root(doc), platform_fields, &p, err);
	if (r < 0) {
		json_free_fields(platform_fields, &p);
		return cmk_err_wrap(err, r, "image config");
	}
	*ret = p;
	return 0;
}

/* What each of the formats alone has a place for decides, as containers/common has it. */
static bool is_oci(const struct list *l)
{
	if (l->annotations || l->subject)
		return true;
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].annotations || l->items[i].artifact_type)
			return true;
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].platform.features)
			return false;
	return l->n > 0;
}

static void write_platform(struct json_writer *w, const struct list_platform *p, bool oci)
{
	json_write_object(w, "platform");
	json_write_str(w, "architecture", p->arch ? p->arch : "");
	json_write_str(w, "os", p->os ? p->os : "");
	if (p->os_version && *p->os_version)
		json_write_str(w, "os.version", p->os_version);
	if (p->os_features)
		json_write_strv(w, "os.features", p->os_features);
	if (p->variant && *p->variant)
		json_write_str(w, "variant", p->variant);
	if (p->features && !oci)
		json_write_strv(w, "features", p->features);
	json_write_end(w, '}');
}

static void write_item(struct json_writer *w, const struct list_instance *i, bool oci)
{
	json_write_object(w, NULL);
	json_write_str(w, "mediaType", i->media_type);
	json_write_u64(w, "size", i->size);
	json_write_str(w, "digest", i->digest);
	write_platform(w, &i->platform, oci);
	if (i->annotations && oci)
		json_write_map(w, "annotations", i->annotations);
	if (i->artifact_type && oci)
		json_write_str(w, "artifactType", i->artifact_type);
	json_write_end(w, '}');
}

int list_write(const struct list *l, enum image_push_format format, char **ret, size_t *ret_len,
	       const char **ret_type, struct cmk_err *err)
{
	bool oci = format == PUSH_AS_IS ? is_oci(l) : format == PUSH_OCI;
	struct json_writer w = JSON_WRITER_INIT;
	int r;

	*ret_type = oci ? OCI_INDEX : DOCKER_LIST;
	json_write_object(&w, NULL);
	json_write_u64(&w, "schemaVersion", 2);
	json_write_str(&w, "mediaType", *ret_type);
	json_write_array(&w, "manifests");
	for (size_t i = 0; i < l->n; i++)
		write_item(&w, &l->items[i], oci);
	json_write_end(&w, ']');
	if (l->subject && oci) {
		json_write_object(&w, "subject");
		json_write_fields(&w, subject_fields, l->subject);
		json_write_end(&w, '}');
	}
	if (l->annotations && oci)
		json_write_map(&w, "annotations", l->annotations);
	json_write_end(&w, '}');
	r = json_writer_finish(&w, ret, ret_len, err);
	if (r == 0 && *ret_len > IMAGE_MANIFEST_MAX) {
		free(steal_ptr(ret));
		r = cmk_err_set(err, -EFBIG, "the manifest list would be larger than %zu bytes",
				IMAGE_MANIFEST_MAX);
	}
	return r;
}

/* --- in the store --- */

int list_load(struct storage *st, const char *id, struct list *ret, struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = storage_image_load(st, id, &rec, err);

	if (r < 0)
		return r;
	if (!rec.is_list)
		return cmk_err_set(err, -EINVAL, "image '%.12s' is not a manifest list", id);
	r = storage_list_instances(st, id, &text, &len, err);
	if (r == 0)
		r = read_list(text, len, LIST_TEXT_MAX, list_fields, ret, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "manifest list '%.12s'", id);
	ret->rec = rec;
	rec = (struct image_record){ 0 };
	return 0;
}

static int write_instances(const struct list *l, char **ret, size_t *ret_len, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	int r;

	json_write_object(&w, NULL);
	json_write_fields(&w, list_fields, l);
	json_write_end(&w, '}');
	r = json_writer_finish(&w, ret, ret_len, err);
	if (r == 0 && *ret_len > LIST_TEXT_MAX)
		r = cmk_err_set(err, -EFBIG, "the manifest list's instances take too much room");
	return r;
}

/* Writes L; WAS as in storage_list_put(). */
static int save(struct storage *st, const struct list *l, const char *was, struct cmk_err *err)
{
	cleanup_free char *manifest = NULL, *instances = NULL;
	struct image_record rec = l->rec;
	size_t len = 0, instances_len = 0;
	struct digest d;
	const char *type;
	char buf[72];
	char *digests[] = { buf, NULL };
	int r = list_write(l, PUSH_AS_IS, &manifest, &len, &type, err);

	if (r == 0)
		r = write_instances(l, &instances, &instances_len, err);
	if (r < 0)
		return r;
	digest_of(manifest, len, &d);
	rec.is_list = true;
	rec.manifest_digest = (char *)(uintptr_t)digest_str(&d, buf);
	rec.manifest_type = (char *)(uintptr_t)type;
	rec.digests = digests;
	rec.size = len;
	return storage_list_put(st, &rec, was, manifest, len, instances, instances_len, err);
}

int list_edit(struct storage *st, const char *id,
	      int (*change)(struct list *l, void *arg, struct cmk_err *err), void *arg,
	      struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r = -EAGAIN;

	/* Each round that is lost was won by somebody else. */
	for (int i = 0; r == -EAGAIN && i < LIST_EDITS_MAX; i++) {
		cleanup(list_done) struct list l = { 0 };

		r = list_load(st, id, &l, &mine);
		if (r == 0)
			r = change(&l, arg, &mine);
		if (r == 0)
			r = save(st, &l, l.rec.manifest_digest, &mine);
	}
	return r < 0 ? cmk_err_move(err, &mine) : 0;
}

int list_new(struct storage *st, char *const *annotations, struct digest *ret_id,
	     struct cmk_err *err)
{
	cleanup_free char *created = time_now_rfc3339();
	struct list l = {
		.rec = { .id = ret_id->hex, .created = created },
		.annotations = (char **)(uintptr_t)annotations,
	};

	digest_draw(ret_id);
	return save(st, &l, NULL, err);
}

/* --- instances --- */

struct list_instance *list_instance_by_digest(struct list *l, const char *digest)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->items[i].digest, digest))
			return &l->items[i];
	return NULL;
}

static struct list_instance copy_of(const struct list_instance *i)
{
	const struct list_platform *p = &i->platform;

	return (struct list_instance){
		.media_type = xstrdup_null(i->media_type),
		.digest = xstrdup_null(i->digest),
		.size = i->size,
		.artifact_type = xstrdup_null(i->artifact_type),
		.platform = { .arch = xstrdup_null(p->arch),
			      .os = xstrdup_null(p->os),
			      .os_version = xstrdup_null(p->os_version),
			      .variant = xstrdup_null(p->variant),
			      .os_features = strv_dup(p->os_features),
			      .features = strv_dup(p->features) },
		.annotations = strv_dup(i->annotations),
		.image = xstrdup_null(i->image),
		.sources = strv_dup(i->sources),
	};
}

void list_remove(struct list *l, struct list_instance *i)
{
	size_t at = (size_t)(i - l->items);

	list_instance_done(i);
	memmove(i, i + 1, (l->n - at - 1) * sizeof(*i));
	l->n--;
}

int list_append(struct list *l, const struct list_instance *i, struct cmk_err *err)
{
	struct list_instance *old = list_instance_by_digest(l, i->digest);

	if (old)
		list_remove(l, old);
	if (l->n >= IMAGE_INDEX_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d instances", IMAGE_INDEX_MAX);
	l->items = xrealloc(l->items, l->n + 1, sizeof(*l->items));
	l->items[l->n++] = copy_of(i);
	return 0;
}

static bool is_image_of(const struct image_record *rec, const char *digest)
{
	return !rec->is_list && strv_has(rec->digests, digest);
}

const char *list_image_in(const struct image_record *list, size_t n, const struct list_instance *i)
{
	const char *found = NULL;

	for (size_t k = 0; k < n; k++) {
		if (!is_image_of(&list[k], i->digest))
			continue;
		if (streq_null(list[k].id, i->image))
			return list[k].id;
		found = found ?: list[k].id;
	}
	return found;
}

static int instance_image(struct storage *st, const struct list_instance *i, char **ret_id,
			  struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	struct image_record *list = NULL;
	const char *found;
	size_t n = 0;
	int r;

	if (i->image && storage_image_load(st, i->image, &rec, NULL) == 0 &&
	    is_image_of(&rec, i->digest)) {
		*ret_id = xstrdup(i->image);
		return 0;
	}
	/* It may have come since. */
	r = storage_image_list(st, &list, &n, err);
	if (r < 0)
		return r;
	found = list_image_in(list, n, i);
	if (found)
		*ret_id = xstrdup(found);
	storage_image_list_free(list, n);
	return found ? 0 : -ENOENT;
}

/* The instance of L for WANT, by what the manifest says, as in any registry. */
static int choose(struct storage *st, struct list *l, const struct platform *want,
		  struct list_instance **ret, struct cmk_err *err)
{
	cleanup(manifest_done) struct manifest m = { 0 };
	const struct descriptor *d = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	char buf[72];
	int r = storage_image_manifest(st, l->rec.id, &text, &len, err);

	if (r == 0)
		r = manifest_parse(text, len, NULL, &m, err);
	if (r == 0)
		r = manifest_choose(&m, want, &d, err);
	if (r < 0)
		return r;
	*ret = list_instance_by_digest(l, digest_str(&d->digest, buf));
	return *ret ? 0 : cmk_err_set(err, -EAGAIN, "the list has been changed meanwhile");
}

static int not_here(const struct list_instance *i, const char *text, struct cmk_err *err)
{
	(void)cmk_err_kind(
		err, CMK_ERR_NOT_FOUND, -ENODATA,
		"manifest list '%s': the image of its instance for %s/%s, %s, is not here", text,
		i->platform.os ? i->platform.os : "", i->platform.arch ? i->platform.arch : "",
		i->digest);
	if (i->sources)
		(void)cmk_err_hint(err, "pull %s@%s first", i->sources[0], i->digest);
	return -ENODATA;
}

static int to_instance(struct storage *st, const char *text, const struct platform *want,
		       const char *id, char **ret_id, struct cmk_err *err)
{
	cleanup(list_done) struct list l = { 0 };
	struct list_instance *i = NULL;
	int r = list_load(st, id, &l, err);

	if (r == 0)
		r = choose(st, &l, want, &i, err);
	/* Not as one that is unknown, which would be looked for elsewhere. */
	if (r < 0)
		return cmk_err_wrap(err, r == -ENOENT ? -ENODATA : r, "manifest list '%s'", text);
	r = instance_image(st, i, ret_id, err);
	return r == -ENOENT ? not_here(i, text, err) : r;
}

int list_resolve(struct storage *st, const char *text, const struct platform *want, char **ret_id,
		 char **ret_name, struct cmk_err *err)
{
	cleanup_free char *id = NULL, *name = NULL;
	int r = image_find_local(st, text, &id, &name, err);

	if (r < 0)
		return r;
	if (storage_is_list(st, id))
		r = to_instance(st, text, want, id, ret_id, err);
	else
		*ret_id = steal_ptr(&id);
	if (r == 0 && ret_name)
		*ret_name = steal_ptr(&name);
	return r;
}

int image_resolve_local(struct storage *st, const char *text, char **ret_id, char **ret_name,
			struct cmk_err *err)
{
	struct platform host;

	platform_host(&host);
	return list_resolve(st, text, &host, ret_id, ret_name, err);
}
