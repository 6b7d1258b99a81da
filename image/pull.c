// SPDX-License-Identifier: Apache-2.0
/* Pull: from the text that a user typed to an image in the storage. */
#include <fcntl.h>

#include "base/log.h"
#include "base/parse.h"
#include "image/connect.h"
#include "image/layers.h"
#include "image/list.h"
#include "image/lookaside.h"
#include "image/manifest.h"
#include "image/progress.h"
#include "image/receive.h"
#include "image/registries.h"
#include "image/shortname.h"
#include "image/transport.h"

/* One attempt to get one full reference from one place. */
struct pull {
	struct storage *st;
	const struct image_pull_options *o;
	const struct image_ref *ref;
	const struct registry_source *src;
	const struct policy *policy;
	struct client *client;
	struct progress *progress;
};

static void pull_done(struct pull *p)
{
	client_free(p->client);
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
	return registry_connect_pull(p->o, src, &p->client, err);
}

/* --- the registry as a place where images come from --- */

static int registry_manifest(struct receive *r, const char *digest, uint64_t size,
			     struct fetched *ret, struct cmk_err *err)
{
	const struct pull *p = r->arg;
	const char *what = digest ? digest : p->src->tag;

	return client_fetch_text(p->client, PROTO_MANIFEST, what, size, IMAGE_MANIFEST_MAX, ret,
				 err);
}

static int registry_config(struct receive *r, const struct descriptor *d, struct fetched *ret,
			   struct cmk_err *err)
{
	const struct pull *p = r->arg;
	char buf[72];

	return client_fetch_text(p->client, PROTO_BLOB, digest_str(&d->digest, buf), d->size,
				 d->size, ret, err);
}

static int keep_policy(const struct image_pull_options *o, enum storage_keep *ret,
		       struct cmk_err *err)
{
	const char *word = o->keep_blobs ? o->keep_blobs : getenv("CMK_KEEP_BLOBS");

	if (!word || !*word)
		word = "room";
	return storage_keep_parse(word, ret) == 0
		       ? 0
		       : cmk_err_set(err, -EINVAL,
				     "CMK_KEEP_BLOBS='%.40s': use always, never or room", word);
}

static int registry_layers(struct receive *r, struct layer_fetch *list, size_t n,
			   struct cmk_err *err)
{
	const struct pull *p = r->arg;

	enum storage_keep keep;
	int q = keep_policy(p->o, &keep, err);

	return q < 0 ? q : layers_fetch(r->st, p->client, r->progress, keep, list, n, err);
}

static const struct receive_source registry_source = {
	.manifest = registry_manifest,
	.config = registry_config,
	.layers = registry_layers,
};

/* Those of the place that is asked, be it a mirror; the name that they have to be for is the one
 * that was asked for. */
static int registry_signatures(void *arg, const struct digest *d, struct signatures *ret,
			       struct cmk_err *err)
{
	const struct pull *p = arg;
	const struct image_ref at = { p->src->registry, p->src->repository, p->src->tag,
				      p->ref->digest };
	cleanup_free char *base = NULL, *place = NULL;
	struct lookaside_conf conf = { 0 };
	struct policy_image image;
	int r = lookaside_conf_load(NULL, &conf, err);

	if (r < 0)
		return r;
	policy_image_docker(&at, &image);
	base = lookaside_base(&conf, &image, false);
	place = lookaside_place(base, &image, d);
	r = lookaside_read(place, p->o->cert_dir, ret, err);
	if (r == 0 && lookaside_attachments(&conf, &image))
		r = signatures_fetch_attached(p->client, d, ret, err);
	policy_image_done(&image);
	lookaside_conf_done(&conf);
	return r;
}

static int pull_from(struct pull *p, const struct registry_source *src, char **ret_id,
		     struct cmk_err *err)
{
	struct receive in = {
		.st = p->st,
		.progress = p->progress,
		.source = &registry_source,
		.arg = p,
		.names = p->ref,
		.n_names = 1,
	};
	struct verify verify = {
		.policy = p->policy,
		.signatures = registry_signatures,
		.arg = p,
	};
	int r;

	p->src = src;
	policy_image_docker(p->ref, &verify.image);
	in.verify = &verify;

	platform_wanted(p->o, &in.want);
	r = connect_source(p, src, err);
	if (r == 0)
		r = receive_image(&in, p->ref->digest, ret_id, err);
	receive_done(&in);
	policy_image_done(&verify.image);
	return r;
}

/* --- one place after the other --- */

static int pull_ref(struct storage *st, const struct image_ref *ref,
		    const struct image_pull_options *o, struct progress *progress, char **ret_id,
		    struct cmk_err *err)
{
	struct registry_source *list = NULL;
	cleanup_free char *name = image_ref_str(ref);
	struct policy policy = { 0 };
	size_t n = 0;
	int r;

	r = policy_load(o->signature_policy, &policy, err);
	if (r == 0)
		r = registries_sources_of(ref, &list, &n, err);
	if (r < 0) {
		policy_done(&policy);
		return r;
	}
	progress_line(progress, "Trying to pull %s...", name);
	for (size_t i = 0; i < n; i++) {
		struct pull p = {
			.st = st,
			.o = o,
			.ref = ref,
			.policy = &policy,
			.progress = progress,
		};

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
	policy_done(&policy);
	return r < 0 ? cmk_err_wrap(err, r, "pull '%s'", name) : 0;
}

/* The digest of the registry's manifest, which is not fetched for that; owned. */
static int remote_digest(struct storage *st, const struct image_ref *ref,
			 const struct image_pull_options *o, char **ret, struct cmk_err *err)
{
	struct pull p = { .st = st, .o = o, .ref = ref };
	struct registry_source *list = NULL;
	struct fetched f = { 0 };
	size_t n = 0;
	int r = registries_sources_of(ref, &list, &n, err);

	if (r == 0)
		r = n > 0 ? connect_source(&p, &list[n - 1], err) : -ENOENT;
	if (r == 0)
		r = client_fetch_text(p.client, PROTO_MANIFEST_HEAD,
				      ref->digest ? ref->digest : list[n - 1].tag, 0,
				      IMAGE_MANIFEST_MAX, &f, err);
	if (r == 0 && !f.digest)
		r = cmk_err_set(err, -EBADMSG, "registry '%s' does not tell the manifest's digest",
				list[n - 1].registry);
	if (r == 0)
		*ret = steal_ptr(&f.digest);
	fetched_done(&f);
	registry_sources_free(list, n);
	pull_done(&p);
	return r;
}

static bool pulled_by(struct storage *st, const char *id, const char *digest)
{
	cleanup(image_record_done) struct image_record rec = { 0 };

	return storage_image_load(st, id, &rec, NULL) == 0 && strv_has(rec.digests, digest);
}

/* True where the registry's manifest is one that the image was pulled by. */
static bool is_current(struct storage *st, const struct image_ref *ref,
		       const struct image_pull_options *o, const char *id)
{
	cleanup_free char *digest = NULL;

	return remote_digest(st, ref, o, &digest, NULL) == 0 && pulled_by(st, id, digest);
}

int image_is_newer(struct storage *st, const char *text, const char *id,
		   const struct image_pull_options *o, struct cmk_err *err)
{
	cleanup_free char *digest = NULL;
	struct image_ref ref = { 0 };
	int r = image_ref_parse(text, &ref, err);

	if (r == 0 && !ref.registry)
		r = cmk_err_set(err, -EINVAL, "'%s': no registry", text);
	if (r == 0)
		r = remote_digest(st, &ref, o, &digest, err);
	image_ref_done(&ref);
	return r < 0 ? cmk_err_wrap(err, r, "image '%s'", text) : !pulled_by(st, id, digest);
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

static int pull_candidates(struct storage *st, const char *text, const char *local,
			   const struct image_pull_options *o, char **ret_id, char **ret_name,
			   struct cmk_err *err)
{
	cleanup_progress struct progress *progress = NULL;
	struct image_ref ref = { 0 }, *list = NULL;
	bool asked = false;
	size_t n = 0;
	int r;

	r = image_ref_parse(text, &ref, err);
	if (r < 0)
		return r;
	r = image_ref_candidates(&ref, &list, &n, err);
	if (r == 0)
		r = shortname_choose(st, text, list, &n, &asked, err);
	if (r == 0) {
		progress = progress_new(o->quiet);
		r = try_candidates(st, list, n, local, o, progress, ret_id, ret_name, err);
	}
	if (r == 0 && asked)
		shortname_record(ref.repository, &list[0]);
	image_ref_done(&ref);
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
	platform_wanted(o, &want);
	if (!streq_null(rec.architecture, want.arch) || !streq_null(rec.os, want.os) ||
	    (o->variant && !streq_null(rec.variant, o->variant)))
		r = cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				 "'%s': the image that is here is for %s/%s, not for %s/%s", text,
				 rec.os ? rec.os : "", rec.architecture ? rec.architecture : "",
				 want.os, want.arch);
	image_record_done(&rec);
	return r;
}

static int resolve(struct storage *st, const char *text, const struct image_pull_options *o,
		   char **ret_id, char **ret_name, struct cmk_err *err)
{
	struct platform want;

	platform_wanted(o, &want);
	return list_resolve(st, text, &want, ret_id, ret_name, err);
}

int image_retry_delay_parse(const char *text, uint32_t *ret_ms, struct cmk_err *err)
{
	int64_t ns = 0;

	if (parse_duration(text, &ns) < 0 || ns < 0 || ns > 60 * 1000000000LL)
		return cmk_err_set(err, -EINVAL,
				   "--retry-delay '%s': not a duration of at most one minute",
				   text);
	*ret_ms = (uint32_t)MAX(ns / 1000000, 1);
	return 0;
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
	if (o->policy != PULL_NEVER && image_has_transport(text))
		return transport_pull(st, text, o, ret_id, ret_name, err);
	if (o->policy != PULL_ALWAYS) {
		r = resolve(st, text, o, &local, &local_name, &mine);
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

int image_find_platform(struct storage *st, const char *text, const char *platform, char **ret_id,
			char **ret_name, struct cmk_err *err)
{
	cleanup(image_platform_done) struct image_platform p = { 0 };
	struct image_pull_options o = { .policy = PULL_NEVER };
	int r;

	if (!platform || !*platform)
		return image_find_local(st, text, ret_id, ret_name, err);
	r = image_platform_parse(platform, NULL, NULL, NULL, &p, err);
	if (r < 0)
		return r;
	o.platform_os = p.os;
	o.arch = p.arch;
	o.variant = p.variant;
	return image_pull(st, text, &o, ret_id, ret_name, err);
}

int image_resolve_platform(struct storage *st, const char *text, const char *platform,
			   char **ret_id, char **ret_name, struct cmk_err *err)
{
	return platform ? image_find_platform(st, text, platform, ret_id, ret_name, err)
			: image_resolve_local(st, text, ret_id, ret_name, err);
}
