// SPDX-License-Identifier: Apache-2.0
/* A manifest list to a registry: each instance under its digest, then the list under its name. */
#include "image/compose.h"
#include "image/list.h"
#include "image/progress.h"
#include "image/push.h"
#include "image/remote.h"

struct list_push {
	struct storage *st;
	const struct image_push_options *o;
	struct image_ref to;
	struct list list;
	struct image_record *images; /* all that are here */
	size_t n_images;
};

static void list_push_done(struct list_push *p)
{
	image_ref_done(&p->to);
	list_done(&p->list);
	storage_image_list_free(p->images, p->n_images);
}

/* --- an instance that is in a registry alone --- */

/* Its manifest, from the first of its sources that still has it. */
static int fetch_manifest(const struct list_push *p, const struct list_instance *i,
			  struct remote *ret, struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r = cmk_err_kind(&mine, CMK_ERR_NOT_FOUND, -ENOENT,
			     "it is not here, and where it was found is not known");

	for (char **s = i->sources; r < 0 && s && *s; s++) {
		cleanup_free char *name = xasprintf("%s@%s", *s, i->digest);
		bool own = str_after(*s, p->to.registry) && str_after(*s, p->to.registry)[0] == '/';
		const struct image_pull_options o = {
			.authfile = p->o->authfile,
			.creds = own ? p->o->creds : NULL,
			.cert_dir = own ? p->o->cert_dir : NULL,
			.tls_verify = own ? p->o->tls_verify : -1,
			.retry = p->o->retry,
			.retry_delay_ms = p->o->retry_delay_ms,
		};

		r = remote_open(name, &o, ret, &mine);
	}
	return r < 0 ? cmk_err_move(err, &mine) : 0;
}

/* In the format that was asked for: the same blobs, called by its names. *RET NULL: as it is. */
static int convert(const struct list_push *p, const struct manifest *m, char **ret, size_t *ret_len,
		   const char **ret_type, struct cmk_err *err)
{
	enum compose_format format = p->o->format == PUSH_OCI ? COMPOSE_OCI : COMPOSE_DOCKER;
	const char *type = compose_manifest_type(format);
	cleanup_free struct image_layer_ref *refs = NULL;
	cleanup_free char *digests = NULL;
	int r;

	if (p->o->format == PUSH_AS_IS || streq(m->media_type, type))
		return 0;
	refs = xcalloc(m->n_items + 1, sizeof(*refs));
	digests = xcalloc(m->n_items + 1, 72);
	for (size_t i = 0; i < m->n_items; i++) {
		char *digest = digests + i * 72;

		(void)digest_str(&m->items[i].digest, digest);
		refs[i] = (struct image_layer_ref){ .diff_id = digest,
						    .blob = digest,
						    .blob_size = m->items[i].size,
						    .media_type = m->items[i].media_type };
		if (format == COMPOSE_DOCKER && str_has_suffix(m->items[i].media_type, "zstd"))
			return cmk_err_set(err, -EINVAL,
					   "docker's format has no layers by zstd: use oci");
	}
	r = compose_manifest(format, &m->config.digest, (size_t)m->config.size, refs, m->n_items,
			     ret, ret_len, err);
	if (r == 0)
		*ret_type = type;
	return r;
}

static int copy_instance(const struct list_push *p, const struct list_instance *i,
			 struct pushed *ret, struct cmk_err *err)
{
	const struct image_ref to = { .registry = p->to.registry, .repository = p->to.repository };
	cleanup(remote_done) struct remote remote = { 0 };
	cleanup(manifest_done) struct manifest m = { 0 };
	cleanup_strv char **from = NULL;
	cleanup_free char *text = NULL;
	const char *type = NULL;
	size_t len = 0;
	int r = fetch_manifest(p, i, &remote, err);

	if (r == 0)
		r = manifest_parse(remote.manifest.text, remote.manifest.len, i->media_type, &m,
				   err);
	if (r == 0 && m.kind != MANIFEST_IMAGE)
		r = cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				 "a list as the instance of a list cannot be pushed");
	if (r < 0)
		return r;
	for (char **s = i->sources; s && *s; s++)
		strv_add_take(&from, xasprintf("%s@%s", *s, i->digest));
	r = push_blobs(p->st, &m, from, &to, p->o, err);
	if (r == 0)
		r = convert(p, &m, &text, &len, &type, err);
	if (r == 0)
		r = push_text(p->st, text ? text : remote.manifest.text,
			      text ? len : remote.manifest.len, text ? type : m.media_type, &to,
			      p->o, ret, err);
	if (r == 0)
		ret->type = xstrdup(text ? type : m.media_type);
	return r;
}

/* --- all --- */

static int push_one(const struct list_push *p, struct list_instance *i, struct cmk_err *err)
{
	cleanup(pushed_done) struct pushed done = { 0 };
	const char *id = list_image_in(p->images, p->n_images, i);
	int r = id ? push_instance(p->st, id, &p->to, p->o, &done, err)
		   : copy_instance(p, i, &done, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "instance %s", i->digest);
	/* What was compressed anew or is of another format is another manifest. */
	free(i->digest);
	free(i->media_type);
	i->digest = steal_ptr(&done.digest);
	i->media_type = steal_ptr(&done.type);
	i->size = done.size;
	return 0;
}

static int push_instances(struct list_push *p, struct cmk_err *err)
{
	cleanup_progress struct progress *progress = progress_new(p->o->quiet);
	size_t n = p->list.n;
	int r = storage_image_list(p->st, &p->images, &p->n_images, err);

	if (r < 0)
		return r;
	progress_line(progress, "Copying %zu images generated from %zu images in list", n, n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		progress_line(progress, "Copying image %s (%zu/%zu)", p->list.items[i].digest,
			      i + 1, n);
		r = push_one(p, &p->list.items[i], err);
	}
	return r;
}

static int push_list(struct list_push *p, char **ret_digest, struct cmk_err *err)
{
	cleanup(pushed_done) struct pushed done = { 0 };
	cleanup_free char *text = NULL;
	const char *type;
	size_t len = 0;
	int r = list_write(&p->list, p->o->format, &text, &len, &type, err);

	if (r == 0)
		r = push_text(p->st, text, len, type, &p->to, p->o, &done, err);
	if (r == 0)
		*ret_digest = steal_ptr(&done.digest);
	return r;
}

int image_list_push(struct storage *st, const char *id, const char *to, bool all,
		    const struct image_push_options *o, char **ret_digest, struct cmk_err *err)
{
	cleanup(list_push_done) struct list_push p = { .st = st, .o = o };
	int r;

	if (image_has_transport(to))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "'%.200s': pushing a manifest list to this transport is not "
				    "supported yet",
				    to);
	r = image_ref_parse(to, &p.to, err);
	if (r == 0 && (!p.to.registry || p.to.digest))
		r = cmk_err_set(err, -EINVAL,
				"'%s' is no place for a list: REGISTRY/REPOSITORY[:TAG]", to);
	if (r == 0)
		r = list_load(st, id, &p.list, err);
	if (r == 0 && all)
		r = push_instances(&p, err);
	if (r == 0)
		r = push_list(&p, ret_digest, err);
	return r < 0 ? cmk_err_wrap(err, r, "push '%s'", to) : 0;
}
