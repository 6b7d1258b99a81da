// SPDX-License-Identifier: Apache-2.0
/* What `manifest` does to a list of this store. */
#include "base/log.h"
#include "image/list.h"
#include "image/remote.h"
#include "image/transport.h"

int image_list_find(struct storage *st, const char *text, char **ret_id, struct cmk_err *err)
{
	cleanup_free char *id = NULL;
	int r = image_find_local(st, text, &id, NULL, err);

	if (r < 0)
		return r;
	if (!storage_is_list(st, id))
		return cmk_err_set(err, -EINVAL, "%s: image is not a manifest list", text);
	*ret_id = steal_ptr(&id);
	return 0;
}

int image_list_create(struct storage *st, const char *name, char *const *annotations, char **ret_id,
		      struct cmk_err *err)
{
	cleanup_free char *full = NULL, *old = NULL;
	struct digest id;
	int r = image_new_name(name, &full, err);

	if (r < 0)
		return r;
	if (storage_name_lookup(st, full, &old) == 0)
		return cmk_err_set(err, -EEXIST,
				   "image name \"%s\" is already associated with image \"%s\": "
				   "that name is already in use",
				   full, old);
	r = list_new(st, annotations, &id, err);
	if (r == 0)
		r = storage_name_set(st, full, id.hex, err);
	if (r == 0)
		*ret_id = xstrdup(id.hex);
	return r;
}

/* --- what is added --- */

static void note_source(struct list_instance *i, const char *repo_digest)
{
	const char *at = strrchr(repo_digest, '@');
	char *place;

	if (!at || !streq(at + 1, i->digest))
		return;
	place = xstrndup(repo_digest, (size_t)(at - repo_digest));
	if (strv_has(i->sources, place))
		free(place);
	else
		strv_add_take(&i->sources, place);
}

static int instance_of_image(struct storage *st, const char *id, struct list_instance *ret,
			     struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_free char *manifest = NULL, *config = NULL;
	size_t len = 0, config_len = 0;
	int r = image_settle(st, id, err);

	if (r == 0)
		r = storage_image_load(st, id, &rec, err);
	if (r == 0)
		r = storage_image_manifest(st, id, &manifest, &len, err);
	if (r == 0)
		r = storage_image_config(st, id, &config, &config_len, err);
	if (r == 0)
		r = list_read_config(config, config_len, &ret->platform, err);
	if (r == 0 && (!rec.manifest_digest || !rec.manifest_type))
		r = cmk_err_set(err, -EBADMSG, "image '%.12s' has no manifest", id);
	if (r < 0)
		return r;
	ret->media_type = xstrdup(rec.manifest_type);
	ret->digest = xstrdup(rec.manifest_digest);
	ret->size = len;
	ret->image = xstrdup(id);
	for (char **d = rec.repo_digests; d && *d; d++)
		note_source(ret, *d);
	return 0;
}

static int add_image(struct storage *st, const char *id, struct list *found, struct cmk_err *err)
{
	struct list_instance i = { 0 };
	int r = instance_of_image(st, id, &i, err);

	if (r == 0)
		r = list_append(found, &i, err);
	list_instance_done(&i);
	return r;
}

static int add_local(struct storage *st, const char *text, const char *id, bool all,
		     struct list *found, struct cmk_err *err)
{
	cleanup_free char *own = NULL;
	int r;

	if (!storage_is_list(st, id))
		return add_image(st, id, found, err);
	if (all)
		return list_load(st, id, found, err);
	r = image_resolve_local(st, text, &own, NULL, err);
	return r < 0 ? r : add_image(st, own, found, err);
}

static int add_remote_image(struct remote *r, const struct manifest *m, struct list *found,
			    struct cmk_err *err)
{
	struct list_instance i = { .media_type = xstrdup(m->media_type), .size = r->manifest.len };
	struct fetched config = { 0 };
	char buf[72];
	int rc = remote_config(r, m, &config, err);

	i.digest = xstrdup(digest_str(&r->digest, buf));
	if (rc == 0)
		rc = list_read_config(config.text, config.len, &i.platform, err);
	if (rc == 0)
		rc = list_append(found, &i, err);
	fetched_done(&config);
	list_instance_done(&i);
	return rc;
}

static int add_remote_list(struct remote *r, const struct manifest *m, bool all, struct list *found,
			   struct cmk_err *err)
{
	cleanup(list_done) struct list index = { 0 };
	const struct descriptor *d = NULL;
	const struct list_instance *i;
	struct platform host;
	char buf[72];
	int rc = list_read_index(r->manifest.text, r->manifest.len, &index, err);

	if (rc < 0)
		return rc;
	if (all) {
		*found = index;
		index = (struct list){ 0 };
		return 0;
	}
	platform_host(&host);
	rc = manifest_choose(m, &host, &d, err);
	if (rc < 0)
		return rc;
	i = list_instance_by_digest(&index, digest_str(&d->digest, buf));
	return i ? list_append(found, i, err) : cmk_err_set(err, -EBADMSG, "%s is not in it", buf);
}

static int add_remote(const char *text, const struct image_list_add *o, struct list *found,
		      struct cmk_err *err)
{
	cleanup(remote_done) struct remote remote = { 0 };
	cleanup(manifest_done) struct manifest m = { 0 };
	int r = remote_open(text, o->pull, &remote, err);

	if (r == 0)
		r = manifest_parse(remote.manifest.text, remote.manifest.len,
				   remote.manifest.content_type, &m, err);
	if (r == 0 && m.kind == MANIFEST_IMAGE)
		r = add_remote_image(&remote, &m, found, err);
	else if (r == 0)
		r = add_remote_list(&remote, &m, o->all, found, err);
	for (size_t i = 0; r == 0 && i < found->n; i++)
		strv_add(&found->items[i].sources, remote.place);
	return r;
}

static int add_transport(struct storage *st, const char *text, const struct image_list_add *o,
			 struct list *found, struct cmk_err *err)
{
	cleanup_free char *id = NULL;
	int r;

	if (o->all)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "'%.200s': --all is for lists in registries and in this store",
				    text);
	r = transport_pull(st, text, o->pull, &id, NULL, err);
	return r < 0 ? r : add_image(st, id, found, err);
}

/* The instances that TEXT means: a list without a record. */
static int find_instances(struct storage *st, const char *text, const struct image_list_add *o,
			  struct list *found, struct cmk_err *err)
{
	const char *local = str_after(text, "containers-storage:");
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_free char *id = NULL;
	int r;

	if (!local && str_after(text, "docker://"))
		return add_remote(text, o, found, err);
	if (!local && image_has_transport(text))
		return add_transport(st, text, o, found, err);
	r = image_find_local(st, local ? local : text, &id, NULL, &mine);
	if (r == 0)
		return add_local(st, local ? local : text, id, o->all, found, err);
	if (r != -ENOENT || local)
		return cmk_err_move(err, &mine);
	return add_remote(text, o, found, err);
}

/* --- changes --- */

static void set_str(char **to, const char *s)
{
	if (!s)
		return;
	free(*to);
	*to = xstrdup(s);
}

static void set_strv(char ***to, char *const *v)
{
	if (!v)
		return;
	strv_free(*to);
	*to = strv_dup(v);
}

static void set_annotations(char ***to, char *const *annotations)
{
	for (; annotations && *annotations; annotations++)
		strv_env_set(to, *annotations);
}

static void note(struct list_instance *i, const struct image_list_note *n)
{
	set_str(&i->platform.os, n->os);
	set_str(&i->platform.arch, n->arch);
	set_str(&i->platform.variant, n->variant);
	set_str(&i->platform.os_version, n->os_version);
	set_strv(&i->platform.os_features, n->os_features);
	set_strv(&i->platform.features, n->features);
	set_annotations(&i->annotations, n->annotations);
}

static int append_all(struct list *l, void *arg, struct cmk_err *err)
{
	const struct list *found = arg;
	int r = 0;

	for (size_t i = 0; r == 0 && i < found->n; i++)
		r = list_append(l, &found->items[i], err);
	return r;
}

int image_list_add(struct storage *st, const char *id, const char *text,
		   const struct image_list_add *o, struct cmk_err *err)
{
	cleanup(list_done) struct list found = { 0 };
	int r = find_instances(st, text, o, &found, err);

	for (size_t i = 0; r == 0 && i < found.n; i++)
		note(&found.items[i], &o->note);
	if (r == 0)
		r = list_edit(st, id, append_all, &found, err);
	return r < 0 ? cmk_err_wrap(err, r, "add '%.300s'", text) : 0;
}

/* The digest that TEXT is or, where it names an image that is here, that this one has. */
static int digest_of_instance(struct storage *st, const char *text, char **ret, struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_free char *id = NULL;
	struct digest d;
	int r;

	if (digest_parse(text, &d, NULL) == 0) {
		*ret = xstrdup(text);
		return 0;
	}
	if (str_after(text, "sha256:"))
		return cmk_err_set(err, -EINVAL, "invalid image digest \"%.100s\"", text);
	r = image_resolve_local(st, text, &id, NULL, err);
	if (r == 0)
		r = image_settle(st, id, err);
	if (r == 0)
		r = storage_image_load(st, id, &rec, err);
	if (r == 0)
		*ret = xstrdup(rec.manifest_digest ? rec.manifest_digest : "");
	return r;
}

struct change {
	char *digest;
	const struct image_list_note *note; /* NULL: it goes */
	char *const *annotations;
};

static int change_one(struct list *l, void *arg, struct cmk_err *err)
{
	const struct change *c = arg;
	struct list_instance *i = list_instance_by_digest(l, c->digest);

	if (!i && !c->note)
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				    "no instance matching digest \"%s\" found in manifest list: "
				    "file does not exist",
				    c->digest);
	if (!i)
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				    "\"%s\": no image instance matching the specified digest was "
				    "found in the list or index",
				    c->digest);
	if (c->note)
		note(i, c->note);
	else
		list_remove(l, i);
	return 0;
}

static int change_index(struct list *l, void *arg, struct cmk_err *err cmk_unused)
{
	const struct change *c = arg;

	set_annotations(&l->annotations, c->annotations);
	return 0;
}

/* --- what it is about --- */

static void subject_done(struct list_subject *s)
{
	free(s->media_type);
	free(s->digest);
}

static int subject_here(struct storage *st, const char *id, struct list_subject *ret,
			struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_free char *manifest = NULL;
	size_t len = 0;
	int r = image_settle(st, id, err);

	if (r == 0)
		r = storage_image_load(st, id, &rec, err);
	if (r == 0)
		r = storage_image_manifest(st, id, &manifest, &len, err);
	if (r == 0 && (!rec.manifest_digest || !rec.manifest_type))
		r = cmk_err_set(err, -EBADMSG, "image '%.12s' has no manifest", id);
	if (r == 0)
		*ret = (struct list_subject){ .media_type = steal_ptr(&rec.manifest_type),
					      .digest = steal_ptr(&rec.manifest_digest),
					      .size = len };
	return r;
}

static int subject_remote(const char *text, const struct image_pull_options *o,
			  struct list_subject *ret, struct cmk_err *err)
{
	cleanup(remote_done) struct remote remote = { 0 };
	cleanup(manifest_done) struct manifest m = { 0 };
	char buf[72];
	int r = remote_open(text, o, &remote, err);

	if (r == 0)
		r = manifest_parse(remote.manifest.text, remote.manifest.len,
				   remote.manifest.content_type, &m, err);
	if (r == 0)
		*ret = (struct list_subject){ .media_type = steal_ptr(&m.media_type),
					      .digest = xstrdup(digest_str(&remote.digest, buf)),
					      .size = remote.manifest.len };
	return r;
}

static int change_subject(struct list *l, void *arg, struct cmk_err *err cmk_unused)
{
	const struct list_subject *s = arg;

	if (!l->subject)
		l->subject = xcalloc(1, sizeof(*l->subject));
	subject_done(l->subject);
	*l->subject = (struct list_subject){ .media_type = xstrdup(s->media_type),
					     .digest = xstrdup(s->digest),
					     .size = s->size };
	return 0;
}

int image_list_set_subject(struct storage *st, const char *id, const char *text,
			   const struct image_pull_options *o, struct cmk_err *err)
{
	cleanup(subject_done) struct list_subject s = { 0 };
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_free char *image = NULL;
	int r = str_after(text, "docker://") ? -ENOENT
					     : image_find_local(st, text, &image, NULL, &mine);

	if (r == 0)
		r = subject_here(st, image, &s, err);
	else if (r == -ENOENT)
		r = subject_remote(text, o, &s, err);
	else
		return cmk_err_move(err, &mine);
	if (r == 0)
		r = list_edit(st, id, change_subject, &s, err);
	return r < 0 ? cmk_err_wrap(err, r, "subject '%.300s'", text) : 0;
}

int image_list_annotate(struct storage *st, const char *id, const char *instance,
			const struct image_list_note *note_, struct cmk_err *err)
{
	struct change c = { .note = note_ };
	int r = digest_of_instance(st, instance, &c.digest, err);

	if (r == 0)
		r = list_edit(st, id, change_one, &c, err);
	free(c.digest);
	return r;
}

int image_list_annotate_index(struct storage *st, const char *id, char *const *annotations,
			      struct cmk_err *err)
{
	struct change c = { .annotations = annotations };

	return list_edit(st, id, change_index, &c, err);
}

int image_list_remove(struct storage *st, const char *id, const char *instance, struct cmk_err *err)
{
	return image_list_annotate(st, id, instance, NULL, err);
}

/* --- inspect --- */

int image_manifest_read(struct storage *st, const char *text, const struct image_pull_options *o,
			char **ret, size_t *ret_len, struct cmk_err *err)
{
	cleanup(remote_done) struct remote remote = { 0 };
	cleanup(manifest_done) struct manifest m = { 0 };
	cleanup_free char *id = NULL;
	int r;

	/* An image that is no list is looked at where it came from. */
	if (image_find_local(st, text, &id, NULL, NULL) == 0 && storage_is_list(st, id))
		return storage_image_manifest(st, id, ret, ret_len, err);
	if (image_has_transport(text))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "'%.200s': only manifest lists of this store and what is in "
				    "registries can be inspected",
				    text);
	r = remote_open(text, o, &remote, err);
	if (r == 0)
		r = manifest_parse(remote.manifest.text, remote.manifest.len,
				   remote.manifest.content_type, &m, err);
	if (r < 0)
		return r;
	if (m.kind == MANIFEST_IMAGE)
		log_warn("The manifest type %s is not a manifest list but a single image.",
			 m.media_type);
	*ret = steal_ptr(&remote.manifest.text);
	*ret_len = remote.manifest.len;
	return 0;
}
