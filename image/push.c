// SPDX-License-Identifier: Apache-2.0
/*
 * Push: an image of this store to a registry.
 *
 * A layer that came compressed goes as the blob that it was, wherever that can be had: it is there
 * already, the registry has it in the repository that it was pulled from, it was kept here, or it
 * is fetched once more from where it was pulled. With all of them the manifest stays what it was,
 * and its digest. Where that cannot be, the layer is compressed anew and the image has another
 * digest, which is said.
 */
#include <fcntl.h>

#include "base/file.h"
#include "base/log.h"
#include "image/compose.h"
#include "image/connect.h"
#include "image/manifest.h"
#include "image/progress.h"
#include "image/push.h"
#include "image/signer.h"

struct push {
	struct storage *st;
	const struct image_push_options *o;
	struct image_ref to;
	struct client *client;
	struct push_source source;
	struct progress *progress;
	struct signer signer; /* of each manifest, all under the name of the first */
	/* Of the image that is under way: */
	struct image_record rec;
	struct image_layer_ref *refs; /* as they are pushed */
};

static void forget_image(struct push *p)
{
	for (size_t i = 0; p->refs && i < p->rec.n_layers; i++)
		compose_layer_done(&p->refs[i]);
	free(steal_ptr(&p->refs));
	image_record_done(&p->rec);
	p->rec = (struct image_record){ 0 };
}

void push_end(struct push *p)
{
	if (!p)
		return;
	forget_image(p);
	image_ref_done(&p->to);
	client_free(p->client);
	push_source_done(&p->source);
	signer_done(&p->signer);
	progress_free(p->progress);
	free(p);
}

static int connect_to(const struct image_push_options *o, const char *registry,
		      const char *repository, bool own, struct client **ret, struct cmk_err *err)
{
	const struct connect_options c = {
		.registry = registry,
		.repository = repository,
		.creds = own ? o->creds : NULL,
		.authfile = o->authfile,
		.cert_dir = own ? o->cert_dir : NULL,
		.tls_verify = own ? o->tls_verify : -1,
		.retry = o->retry,
		.retry_delay_ms = o->retry_delay_ms,
	};

	return registry_connect(&c, ret, err);
}

/* --- the blob that a layer once was --- */

/* Splits "registry/repository@digest". */
static bool source_of(const char *repo_digest, char **ret_registry, char **ret_repository)
{
	const char *slash = strchr(repo_digest, '/'), *at = strrchr(repo_digest, '@');

	if (!slash || !at || at < slash)
		return false;
	*ret_registry = xstrndup(repo_digest, (size_t)(slash - repo_digest));
	*ret_repository = xstrndup(slash + 1, (size_t)(at - slash - 1));
	return true;
}

/* 1 where the registry took it over from another of its repositories. */
static int mount_blob(struct push *p, const char *digest, const char *repository,
		      struct cmk_err *err)
{
	cleanup_free char *what = xasprintf("mount=%s&from=%s", digest, repository);
	cleanup_free char *location = NULL;
	int r = client_send(p->client, PROTO_UPLOAD_BEGIN, what, "", -1, 0, NULL, &location, err);

	/* Some answer as if nothing had been asked: then the blob has to be sent. */
	return r < 0 ? r : client_has_blob(p->client, digest, err);
}

void push_source_done(struct push_source *s)
{
	client_free(s->client);
	free(s->place);
	*s = (struct push_source){ 0 };
}

int push_source_open(struct push_source *s, const struct image_push_options *o,
		     const char *registry, const char *repository, bool own, struct cmk_err *err)
{
	cleanup_free char *place = xasprintf("%s/%s", registry, repository);
	int r = 0;

	if (!streq_null(s->place, place)) {
		push_source_done(s);
		s->place = steal_ptr(&place);
		r = connect_to(o, registry, repository, own, &s->client, err);
	}
	return r < 0 || s->client ? r
				  : cmk_err_set(err, -ENOTCONN, "'%s' cannot be reached", s->place);
}

int push_source_blob(struct push_source *s, const char *digest, uint64_t size, int fd,
		     struct cmk_err *err)
{
	struct digest got;
	int r = client_fetch_blob(s->client, digest, size, fd, err);

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = cmk_err_errno(err, "read the blob");
	if (r == 0 && (r = digest_of_fd(fd, &got)) < 0)
		r = cmk_err_set(err, r, "read the blob: %s", errno_text(-r));
	if (r == 0 && !str_has_suffix(digest, got.hex))
		r = cmk_err_set(err, -EBADMSG, "'%s' sends another blob than %s", s->place, digest);
	return r;
}

static int fetch_blob(struct push *p, const char *registry, const char *repository,
		      const struct image_layer_ref *l, int fd, struct cmk_err *err)
{
	int r = push_source_open(&p->source, p->o, registry, repository,
				 streq(registry, p->to.registry), err);

	return r < 0 ? r : push_source_blob(&p->source, l->blob, l->blob_size, fd, err);
}

/* 1 where it was kept, and is in the registry now. */
static int push_kept(struct push *p, const struct image_layer_ref *l, struct cmk_err *err)
{
	cleanup_close int fd = storage_blob_open(p->st, l->blob, l->blob_size);
	int r = fd < 0 ? fd : client_upload(p->client, l->blob, fd, l->blob_size, err);

	return r == -ENOENT && fd < 0 ? 0 : r < 0 ? r : 1;
}

/* 1 where the registry has the layer's blob as it once came. */
static int push_same(struct push *p, const struct image_layer_ref *l, struct cmk_err *err)
{
	int r = client_has_blob(p->client, l->blob, err);

	for (char **d = p->rec.repo_digests; r == 0 && d && *d; d++) {
		cleanup_free char *registry = NULL, *repository = NULL;

		if (source_of(*d, &registry, &repository) && streq(registry, p->to.registry) &&
		    !streq(repository, p->to.repository))
			r = mount_blob(p, l->blob, repository, err);
	}
	if (r == 0)
		r = push_kept(p, l, err);
	for (char **d = p->rec.repo_digests; r == 0 && d && *d; d++) {
		cleanup_free char *registry = NULL, *repository = NULL;
		cleanup_err struct cmk_err why = CMK_ERR_INIT;
		cleanup_close int fd = -1;

		if (!source_of(*d, &registry, &repository))
			continue;
		fd = storage_unnamed_file(p->st, err);
		if (fd < 0)
			return fd;
		if (fetch_blob(p, registry, repository, l, fd, &why) < 0) {
			log_debug("blob %s: %s", l->blob, cmk_err_msg(&why));
			continue;
		}
		r = client_upload(p->client, l->blob, fd, l->blob_size, err);
		return r < 0 ? r : 1;
	}
	return r;
}

static int push_anew(struct push *p, const struct image_layer_ref *l, struct image_layer_ref *ret,
		     struct cmk_err *err)
{
	cleanup_close int fd = -1;
	int r = compose_compressed(p->st, l, p->o->compression, p->o->level, ret, &fd, err);

	if (r == 0)
		r = client_has_blob(p->client, ret->blob, err);
	return r != 0 ? MIN(r, 0) : client_upload(p->client, ret->blob, fd, ret->blob_size, err);
}

static int push_layer(struct push *p, size_t i, struct cmk_err *err)
{
	const struct image_layer_ref *l = &p->rec.layers[i];
	bool same = compose_came_compressed(l) &&
		    (!p->o->force_compression ||
		     compose_compression(l->media_type) == p->o->compression);
	int r = 0;

	progress_line(p->progress, "Copying blob %s", same ? l->blob : l->diff_id);
	if (same)
		r = push_same(p, l, err);
	if (r < 0)
		return r;
	if (r > 0) {
		compose_layer_same(&p->refs[i], l);
		return 0;
	}
	r = push_anew(p, l, &p->refs[i], err);
	if (r == 0 && same && !streq(l->blob, p->refs[i].blob))
		log_warn("layer %.19s could not be had again as it once came: the image gets "
			 "another digest",
			 l->diff_id);
	return r;
}

/* --- config and manifest --- */

static int memory_file(const void *data, size_t len, struct storage *st, struct cmk_err *err)
{
	cleanup_close int fd = storage_unnamed_file(st, err);
	int r = fd < 0 ? fd : write_all(fd, data, len);

	if (r < 0)
		return fd < 0 ? fd : cmk_err_set(err, r, "write: %s", errno_text(-r));
	return steal_fd(&fd);
}

static int push_config(struct push *p, size_t *ret_len, struct cmk_err *err)
{
	cleanup_free char *config = NULL;
	cleanup_close int fd = -1;
	char digest[72];
	int r = storage_image_config(p->st, p->rec.id, &config, ret_len, err);

	if (r < 0)
		return r;
	(void)storage_image_config_digest(&p->rec, digest);
	progress_line(p->progress, "Copying config %s", digest);
	r = client_has_blob(p->client, digest, err);
	if (r != 0)
		return MIN(r, 0);
	fd = memory_file(config, *ret_len, p->st, err);
	return fd < 0 ? fd : client_upload(p->client, digest, fd, *ret_len, err);
}

int push_manifest(struct push *p, const char *text, size_t len, const char *type,
		  struct pushed *ret, struct cmk_err *err)
{
	cleanup_free char *said = NULL;
	cleanup_close int fd = -1;
	struct digest d;
	char buf[72];
	int r;

	progress_line(p->progress, "Writing manifest to image destination");
	digest_of(text, len, &d);
	(void)digest_str(&d, buf);
	if (!p->to.tag && p->to.digest && !streq(p->to.digest, buf))
		return cmk_err_set(err, -EINVAL, "it has the digest %s and cannot be pushed as %s",
				   buf, p->to.digest);
	fd = memory_file(text, len, p->st, err);
	if (fd < 0)
		return fd;
	r = client_send(p->client, PROTO_MANIFEST_PUT, p->to.tag ? p->to.tag : buf, type, fd, len,
			&said, NULL, err);
	if (r == 0 && said && !streq(said, buf))
		r = cmk_err_set(err, -EBADMSG, "registry '%s' took %s for %.80s", p->to.registry,
				buf, said);
	if (r == 0 && image_signing_any(&p->o->sign)) {
		progress_line(p->progress, "Storing signatures");
		r = signer_sign(&p->signer, p->client, &d, err);
	}
	if (r == 0)
		*ret = (struct pushed){ .digest = xstrdup(buf),
					.type = xstrdup(type),
					.size = len };
	return r;
}

static int push_all(struct push *p, const char *id, struct pushed *ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t config_len = 0, len = 0;
	const char *type;
	int r = storage_image_load(p->st, id, &p->rec, err);

	if (r < 0)
		return r;
	p->refs = xcalloc(p->rec.n_layers + 1, sizeof(*p->refs));
	for (size_t i = 0; r == 0 && i < p->rec.n_layers; i++)
		r = push_layer(p, i, err);
	if (r == 0)
		r = push_config(p, &config_len, err);
	if (r == 0)
		r = compose_again(p->st, &p->rec, p->refs, config_len, p->o->format, &text, &len,
				  &type, err);
	return r < 0 ? r : push_manifest(p, text, len, type, ret, err);
}

void pushed_done(struct pushed *p)
{
	free(p->digest);
	free(p->type);
	*p = (struct pushed){ 0 };
}

int push_begin(struct storage *st, const struct image_ref *to, const struct image_push_options *o,
	       struct push **ret, struct cmk_err *err)
{
	struct push *p;
	int r;

	if (o->compress)
		return push_compress_refused(err);
	p = xcalloc(1, sizeof(*p));
	*p = (struct push){
		.st = st,
		.o = o,
		.to = { .registry = xstrdup(to->registry), .repository = xstrdup(to->repository) },
		.progress = progress_new(o->quiet),
	};
	/* Keys and passphrases are looked at before anything is sent. */
	r = signer_open(&o->sign, to, &p->signer, err);
	if (r == 0)
		r = connect_to(o, to->registry, to->repository, true, &p->client, err);
	if (r < 0)
		push_end(p);
	else
		*ret = p;
	return r;
}

void push_call(struct push *p, const struct image_ref *ref)
{
	free(p->to.tag);
	free(p->to.digest);
	p->to.tag = xstrdup_null(ref ? ref->tag : NULL);
	p->to.digest = xstrdup_null(ref ? ref->digest : NULL);
}

struct client *push_client(struct push *p)
{
	return p->client;
}

struct push_source *push_sources(struct push *p)
{
	return &p->source;
}

struct progress *push_progress(struct push *p)
{
	return p->progress;
}

int push_image(struct push *p, const char *id, struct pushed *ret, struct cmk_err *err)
{
	int r = image_settle(p->st, id, err);

	if (r == 0)
		r = push_all(p, id, ret, err);
	forget_image(p);
	return r;
}

static int push_registry(struct storage *st, const char *id, const char *to,
			 const struct image_push_options *o, char **ret_digest, struct cmk_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	cleanup(pushed_done) struct pushed pushed = { 0 };
	cleanup_push struct push *p = NULL;
	int r = image_ref_parse(to, &ref, err);

	if (r == 0 && !ref.registry)
		r = cmk_err_set(err, -EINVAL,
				"'%s' does not say which registry: REGISTRY/REPOSITORY[:TAG]", to);
	if (r == 0)
		r = push_begin(st, &ref, o, &p, err);
	if (r < 0)
		return r;
	push_call(p, &ref);
	r = push_image(p, id, &pushed, err);
	if (r == 0)
		*ret_digest = steal_ptr(&pushed.digest);
	return r;
}

int push_signing_refused(const char *to, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			    "cannot determine canonical Docker reference for destination %s: "
			    "only images in registries can be signed",
			    to);
}

int image_push(struct storage *st, const char *id, const char *to,
	       const struct image_push_options *o, char **ret_digest, struct cmk_err *err)
{
	bool files = image_has_transport(to);
	int r = 0;

	if (files && image_signing_any(&o->sign))
		r = push_signing_refused(to, err);
	if (r == 0)
		r = (files ? push_files : push_registry)(st, id, to, o, ret_digest, err);

	return r < 0 ? cmk_err_wrap(err, r, "push '%s'", to) : 0;
}

/* --- what is not here --- */

static int push_one_blob(struct push *p, const struct descriptor *d, const char *what,
			 struct cmk_err *err)
{
	char digest[72];
	const struct image_layer_ref l = {
		.blob = (char *)(uintptr_t)digest_str(&d->digest, digest), .blob_size = d->size
	};
	int r;

	progress_line(p->progress, "Copying %s %s", what, digest);
	r = push_same(p, &l, err);
	if (r == 0)
		r = cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENODATA,
				 "%s %s: it is neither here nor to be had where it was found", what,
				 digest);
	return MIN(r, 0);
}

int push_blobs(struct push *p, const struct manifest *m, char *const *sources, struct cmk_err *err)
{
	int r = 0;

	p->rec.repo_digests = strv_dup(sources);
	for (size_t i = 0; r == 0 && i < m->n_items; i++)
		r = push_one_blob(p, &m->items[i], "blob", err);
	if (r == 0)
		r = push_one_blob(p, &m->config, "config", err);
	forget_image(p);
	return r;
}
