// SPDX-License-Identifier: Apache-2.0
/* Pull: from the text that a user typed to an image in the storage. */
#include <fcntl.h>

#include "base/log.h"
#include "image/auth.h"
#include "image/client.h"
#include "image/layers.h"
#include "image/manifest.h"
#include "image/progress.h"
#include "image/registries.h"

#define INDEX_DEPTH_MAX 3

/* One attempt to get one full reference from one place. */
struct pull {
	struct storage *st;
	const struct image_pull_options *o;
	const struct image_ref *ref;
	struct client *client;
	struct progress *progress;
	struct fetched text, config;
	struct manifest manifest;
	char **digests; /* of the index, where there is one, and of the manifest */
};

static void pull_done(struct pull *p)
{
	client_free(p->client);
	fetched_done(&p->text);
	fetched_done(&p->config);
	manifest_done(&p->manifest);
	p->digests = strv_free(p->digests);
}

int image_pull_policy_parse(const char *s, enum image_pull_policy *ret)
{
	static const struct {
		const char *word;
		enum image_pull_policy policy;
	} words[] = {
		{ "missing", PULL_MISSING }, { "ifnotpresent", PULL_MISSING },
		{ "always", PULL_ALWAYS },   { "newer", PULL_NEWER },
		{ "ifnewer", PULL_NEWER },   { "never", PULL_NEVER },
		{ "true", PULL_ALWAYS },     { "false", PULL_MISSING },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(words[i].word, s)) {
			*ret = words[i].policy;
			return 0;
		}
	return -EINVAL;
}

/* --- reaching the registry --- */

static int connect_source(struct pull *p, const struct registry_source *src, struct cmk_err *err)
{
	const struct image_pull_options *o = p->o;
	cleanup_free char *dirs = client_cert_dirs(o->cert_dir, src->registry);
	struct credentials cred = { 0 };
	struct client_target target = {
		.host = streq(src->registry, "docker.io") ? "registry-1.docker.io" : src->registry,
		.repository = src->repository,
		.cert_dirs = dirs,
		.insecure = o->tls_verify < 0 ? src->insecure : o->tls_verify == 0,
		.retries = o->retry == 0 ? 3 : (uint32_t)MAX(o->retry, 0),
		.retry_delay_ms = o->retry_delay_ms ? o->retry_delay_ms : 1000,
	};
	int r;

	if (o->creds && *o->creds)
		r = credentials_parse(o->creds, &cred, err);
	else
		r = credentials_find(o->authfile, src->registry, src->repository, &cred, err);
	if (r == 0)
		r = client_start(&p->client, err);
	target.user = cred.user;
	target.password = cred.password;
	if (r == 0)
		r = client_open(p->client, &target, err);
	credentials_done(&cred);
	return r;
}

/* --- manifest and config --- */

/* The bytes are what was asked for, and what the server says they are. */
static int check_digest(const struct fetched *f, const char *want, struct digest *ret,
			struct cmk_err *err)
{
	struct digest said;
	char buf[72];

	digest_of(f->text, f->len, ret);
	if (want && !streq(want, digest_str(ret, buf)))
		return cmk_err_set(err, -EBADMSG, "wrong digest: asked for %s, got %s", want, buf);
	if (!f->digest || !str_after(f->digest, "sha256:"))
		return 0;
	if (digest_parse(f->digest, &said, err) < 0 || !streq(said.hex, ret->hex))
		return cmk_err_set(err, -EBADMSG,
				   "wrong digest: the registry says %.80s, its bytes are %s",
				   f->digest, digest_str(ret, buf));
	return 0;
}

static int fetch_manifest(struct pull *p, const char *what, uint64_t size, struct cmk_err *err)
{
	struct digest d;
	char buf[72];
	int r;

	fetched_done(&p->text);
	manifest_done(&p->manifest);
	r = client_fetch_text(p->client, PROTO_MANIFEST, what, size, IMAGE_MANIFEST_MAX, &p->text,
			      err);
	if (r < 0)
		return r;
	r = check_digest(&p->text, strchr(what, ':') ? what : NULL, &d, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "manifest");
	strv_add(&p->digests, digest_str(&d, buf));
	return manifest_parse(p->text.text, p->text.len, p->text.content_type, &p->manifest, err);
}

static void wanted_platform(const struct image_pull_options *o, struct platform *ret)
{
	platform_host(ret);
	if (o->arch && *o->arch) {
		if (!streq(o->arch, ret->arch))
			ret->variant = NULL;
		ret->arch = o->arch;
	}
	if (o->variant && *o->variant)
		ret->variant = o->variant;
	if (o->platform_os && *o->platform_os)
		ret->os = o->platform_os;
}

/* Follows indexes down to the manifest of one image. */
static int find_manifest(struct pull *p, struct cmk_err *err)
{
	const char *what = p->ref->digest ? p->ref->digest : p->ref->tag;
	struct platform want;
	int r;

	wanted_platform(p->o, &want);
	r = fetch_manifest(p, what, 0, err);
	for (int depth = 0; r == 0 && p->manifest.kind == MANIFEST_INDEX; depth++) {
		const struct descriptor *d = NULL;
		uint64_t size;
		char buf[72];

		if (depth >= INDEX_DEPTH_MAX)
			return cmk_err_set(err, -ELOOP, "index within index within index");
		r = manifest_choose(&p->manifest, &want, &d, err);
		if (r < 0)
			return r;
		if (d->size > IMAGE_MANIFEST_MAX)
			return cmk_err_set(err, -EFBIG, "manifest larger than %zu bytes",
					   IMAGE_MANIFEST_MAX);
		(void)digest_str(&d->digest, buf);
		size = d->size;
		r = fetch_manifest(p, buf, size, err);
	}
	return r;
}

static int fetch_config(struct pull *p, struct image_config *ret, struct cmk_err *err)
{
	const struct descriptor *d = &p->manifest.config;
	struct digest got;
	char want[72];
	int r;

	if (d->size > IMAGE_CONFIG_MAX)
		return cmk_err_set(err, -EFBIG, "image config larger than %zu bytes",
				   IMAGE_CONFIG_MAX);
	progress_line(p->progress, "Copying config %s", digest_str(&d->digest, want));
	r = client_fetch_text(p->client, PROTO_BLOB, want, d->size, d->size, &p->config, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "image config");
	digest_of(p->config.text, p->config.len, &got);
	if (!streq(got.hex, d->digest.hex))
		return cmk_err_set(err, -EBADMSG, "image config: wrong digest: expected %s", want);
	r = image_config_parse(p->config.text, p->config.len, ret, err);
	if (r < 0)
		return r;
	if (strv_len(ret->diff_ids) != p->manifest.n_items)
		return cmk_err_set(err, -EINVAL,
				   "the manifest has %zu layers, the image config %zu diff IDs",
				   p->manifest.n_items, strv_len(ret->diff_ids));
	return 0;
}

/* --- into the storage --- */

/* The tar size of a layer that was here already stands in the record of the image it came with. */
static void recall_sizes(struct storage *st, struct layer_fetch *list, size_t n)
{
	struct image_record *images = NULL;
	size_t n_images = 0;
	char buf[72];

	if (storage_image_list(st, &images, &n_images, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n_images && list[i].size == 0; j++)
			for (size_t k = 0; k < images[j].n_layers; k++)
				if (streq(images[j].layers[k].diff_id,
					  digest_str(&list[i].diff_id, buf)))
					list[i].size = images[j].layers[k].size;
	storage_image_list_free(images, n_images);
}

static void fill_layers(struct image_record *rec, const struct layer_fetch *list, size_t n)
{
	char buf[72];

	rec->layers = xcalloc(n + 1, sizeof(*rec->layers));
	rec->n_layers = n;
	for (size_t i = 0; i < n; i++) {
		struct image_layer_ref *l = &rec->layers[i];

		l->diff_id = xstrdup(digest_str(&list[i].diff_id, buf));
		l->blob = xstrdup(digest_str(&list[i].blob->digest, buf));
		l->media_type = xstrdup(list[i].blob->media_type);
		l->blob_size = list[i].blob->size;
		l->size = list[i].size;
		rec->size += list[i].size;
	}
}

static int put_image(struct pull *p, const struct image_config *cfg, const struct layer_fetch *list,
		     size_t n, struct cmk_err *err)
{
	struct image_record rec = { 0 };
	size_t n_digests = strv_len(p->digests);
	int r;

	rec.id = xstrdup(p->manifest.config.digest.hex);
	rec.manifest_digest = xstrdup(p->digests[n_digests - 1]);
	rec.manifest_type = xstrdup(p->manifest.media_type);
	rec.digests = strv_dup(p->digests);
	for (size_t i = 0; i < n_digests; i++)
		strv_add_take(&rec.repo_digests, xasprintf("%s/%s@%s", p->ref->registry,
							   p->ref->repository, p->digests[i]));
	rec.created = xstrdup_null(cfg->created);
	rec.architecture = xstrdup_null(cfg->architecture);
	rec.os = xstrdup_null(cfg->os);
	rec.variant = xstrdup_null(cfg->variant);
	fill_layers(&rec, list, n);
	progress_line(p->progress, "Writing manifest to image destination");
	r = storage_image_put(p->st, &rec, p->text.text, p->text.len, p->config.text, p->config.len,
			      err);
	image_record_done(&rec);
	if (r == 0 && p->ref->tag && !p->ref->digest) {
		cleanup_free char *name = image_ref_str(p->ref);

		r = storage_name_set(p->st, name, p->manifest.config.digest.hex, err);
	}
	return r;
}

static void warn_platform(const struct pull *p, const struct image_config *cfg)
{
	struct platform want;

	wanted_platform(p->o, &want);
	if ((cfg->architecture && !streq(cfg->architecture, want.arch)) ||
	    (cfg->os && !streq(cfg->os, want.os)))
		log_warn("the image is for %.40s/%.40s, not for %s/%s",
			 cfg->os ? cfg->os : "unknown",
			 cfg->architecture ? cfg->architecture : "unknown", want.os, want.arch);
}

static int fetch_image(struct pull *p, const struct image_config *cfg, struct cmk_err *err)
{
	size_t n = p->manifest.n_items;
	cleanup_free struct layer_fetch *list = xcalloc(n + 1, sizeof(*list));
	int r;

	for (size_t i = 0; i < n; i++) {
		list[i].blob = &p->manifest.items[i];
		r = digest_parse(cfg->diff_ids[i], &list[i].diff_id, err);
		if (r < 0)
			return r;
	}
	r = layers_fetch(p->st, p->client, p->progress, list, n, err);
	if (r < 0)
		return r;
	recall_sizes(p->st, list, n);
	return put_image(p, cfg, list, n, err);
}

/* --- one place after the other --- */

static int pull_from(struct pull *p, const struct registry_source *src, char **ret_id,
		     struct cmk_err *err)
{
	struct image_config cfg = { 0 };
	int r;

	r = connect_source(p, src, err);
	if (r == 0)
		r = find_manifest(p, err);
	if (r == 0)
		r = fetch_config(p, &cfg, err);
	if (r == 0) {
		warn_platform(p, &cfg);
		r = fetch_image(p, &cfg, err);
		image_config_done(&cfg);
	}
	if (r == 0)
		*ret_id = xstrdup(p->manifest.config.digest.hex);
	return r;
}

static int sources_of(const struct image_ref *ref, struct registry_source **ret, size_t *ret_n,
		      struct cmk_err *err)
{
	struct registries_conf conf = { 0 };
	int r;

	r = registries_conf_load(&conf, err);
	if (r < 0)
		return r;
	r = registries_sources(&conf, ref, ret, ret_n, err);
	registries_conf_done(&conf);
	return r;
}

static int pull_ref(struct storage *st, const struct image_ref *ref,
		    const struct image_pull_options *o, struct progress *progress, char **ret_id,
		    struct cmk_err *err)
{
	struct registry_source *list = NULL;
	cleanup_free char *name = image_ref_str(ref);
	size_t n = 0;
	int r;

	r = sources_of(ref, &list, &n, err);
	if (r < 0)
		return r;
	progress_line(progress, "Trying to pull %s...", name);
	for (size_t i = 0; i < n; i++) {
		struct pull p = { .st = st, .o = o, .ref = ref, .progress = progress };

		r = pull_from(&p, &list[i], ret_id, err);
		pull_done(&p);
		if (r == 0)
			break;
		/* A mirror that fails is no failure; the registry itself comes last. */
		if (i + 1 < n && err)
			progress_line(progress, "Mirror %s: %s", list[i].registry,
				      cmk_err_msg(err));
	}
	registry_sources_free(list, n);
	return r < 0 ? cmk_err_wrap(err, r, "pull '%s'", name) : 0;
}

/* True where the registry's manifest is one that the image was pulled by. */
static bool is_current(struct storage *st, const struct image_ref *ref,
		       const struct image_pull_options *o, const char *id)
{
	struct pull p = { .st = st, .o = o, .ref = ref };
	struct registry_source *list = NULL;
	struct image_record rec = { 0 };
	struct fetched f = { 0 };
	bool current = false;
	size_t n = 0;

	if (storage_image_load(st, id, &rec, NULL) < 0)
		return false;
	if (sources_of(ref, &list, &n, NULL) == 0 && n > 0 &&
	    connect_source(&p, &list[n - 1], NULL) == 0 &&
	    client_fetch_text(p.client, PROTO_MANIFEST_HEAD, ref->digest ? ref->digest : ref->tag,
			      0, IMAGE_MANIFEST_MAX, &f, NULL) == 0)
		current = f.digest && strv_has(rec.digests, f.digest);
	fetched_done(&f);
	registry_sources_free(list, n);
	image_record_done(&rec);
	pull_done(&p);
	return current;
}

static int try_candidates(struct storage *st, struct image_ref *list, size_t n, const char *local,
			  const struct image_pull_options *o, struct progress *progress,
			  char **ret_id, char **ret_name, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf failures = STRBUF_INIT;
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r = -ENOENT;

	for (size_t i = 0; i < n; i++) {
		if (local && o->policy == PULL_NEWER && is_current(st, &list[i], o, local)) {
			*ret_id = xstrdup(local);
			r = 0;
		} else {
			r = pull_ref(st, &list[i], o, progress, ret_id, &mine);
		}
		if (r == 0) {
			*ret_name = image_ref_str(&list[i]);
			return 0;
		}
		strbuf_addf(&failures, "%s%s", failures.len ? "; " : "", cmk_err_msg(&mine));
	}
	if (n > 1) {
		free(mine.msg);
		mine.msg = strbuf_steal(&failures);
	}
	return cmk_err_move(err, &mine);
}

/* "oci:DIR" reads like the name "oci" with a tag, but those who type it mean another thing. */
static int refuse_transport(const char *text, struct cmk_err *err)
{
	static const char *const names[] = { "containers-storage",
					     "dir",
					     "docker-archive",
					     "docker-daemon",
					     "oci",
					     "oci-archive",
					     "ostree",
					     "sif",
					     "tarball" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *rest = str_after(text, names[i]);

		if (rest && *rest == ':')
			return cmk_err_kind(
				err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				"'%.200s': images of the transport '%s' are not supported "
				"yet",
				text, names[i]);
	}
	return 0;
}

static int pull_candidates(struct storage *st, const char *text, const char *local,
			   const struct image_pull_options *o, char **ret_id, char **ret_name,
			   struct cmk_err *err)
{
	cleanup_progress struct progress *progress = NULL;
	struct image_ref ref = { 0 }, *list = NULL;
	size_t n = 0;
	int r;

	r = refuse_transport(text, err);
	if (r == 0)
		r = image_ref_parse(text, &ref, err);
	if (r < 0)
		return r;
	r = image_ref_candidates(&ref, &list, &n, err);
	image_ref_done(&ref);
	if (r < 0)
		return r;
	progress = progress_new(o->quiet);
	r = try_candidates(st, list, n, local, o, progress, ret_id, ret_name, err);
	for (size_t i = 0; i < n; i++)
		image_ref_done(&list[i]);
	free(list);
	return r;
}

/* Is the image that is here one for the platform that was asked for? */
static int check_local(struct storage *st, const char *text, const char *id,
		       const struct image_pull_options *o, struct cmk_err *err)
{
	struct image_record rec = { 0 };
	struct platform want;
	int r;

	if (!o->arch && !o->platform_os && !o->variant)
		return 0;
	r = storage_image_load(st, id, &rec, err);
	if (r < 0)
		return r;
	wanted_platform(o, &want);
	if (!streq_null(rec.architecture, want.arch) || !streq_null(rec.os, want.os) ||
	    (o->variant && !streq_null(rec.variant, o->variant)))
		r = cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				 "'%s': the image that is here is for %s/%s, not for %s/%s", text,
				 rec.os ? rec.os : "", rec.architecture ? rec.architecture : "",
				 want.os, want.arch);
	image_record_done(&rec);
	return r;
}

int image_authfile_check(const char *authfile, struct cmk_err *err)
{
	if (authfile && *authfile && faccessat(AT_FDCWD, authfile, F_OK, 0) < 0)
		return cmk_err_errno(err, "credential file is not accessible: faccessat %s",
				     authfile);
	return 0;
}

int image_pull(struct storage *st, const char *text, const struct image_pull_options *o,
	       char **ret_id, char **ret_name, struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_free char *local = NULL, *local_name = NULL, *name = NULL;
	int r;

	r = image_authfile_check(o->authfile, err);
	if (r < 0)
		return r;
	if (o->policy != PULL_ALWAYS) {
		r = image_resolve_local(st, text, &local, &local_name, &mine);
		if (r == 0) {
			r = check_local(st, text, local, o, &mine);
			if (r < 0)
				free(steal_ptr(&local));
		}
		if (r == 0 && o->policy != PULL_NEWER)
			goto found;
		if (r < 0 && (r != -ENOENT || o->policy == PULL_NEVER))
			return cmk_err_move(err, &mine);
	}
	r = pull_candidates(st, text, local, o, ret_id, &name, &mine);
	if (r == 0) {
		if (ret_name)
			*ret_name = steal_ptr(&name);
		return 0;
	}
	/* A registry that does not answer is no reason to do without the image that is here. */
	if (!local)
		return cmk_err_move(err, &mine);
	log_debug("newer image of '%s': %s", text, cmk_err_msg(&mine));
found:
	*ret_id = steal_ptr(&local);
	if (ret_name)
		*ret_name = steal_ptr(&local_name);
	return 0;
}
