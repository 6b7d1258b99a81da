// SPDX-License-Identifier: Apache-2.0
/* Simple signing (container-signature(5)) of what a registry has. */
#include "base/log.h"
#include "image/connect.h"
#include "image/manifest.h"
#include "image/signer.h"

struct sign {
	const struct image_sign_options *o;
	struct policy_image image;
	char *base; /* below which signatures are written */
};

static int sign_manifest(const struct sign *s, const struct digest *d, struct cmk_err *err)
{
	return signer_simple(s->o->sign_by, NULL, &s->image, s->base, d, err);
}

static int fetch(const struct sign *s, const struct image_ref *ref, struct fetched *ret,
		 struct cmk_err *err)
{
	const struct connect_options c = {
		.registry = ref->registry,
		.repository = ref->repository,
		.tls_verify = -1,
		.authfile = s->o->authfile,
		.cert_dir = s->o->cert_dir,
	};
	cleanup_client struct client *client = NULL;
	int r = registry_connect(&c, &client, err);

	if (r == 0)
		r = client_fetch_text(client, PROTO_MANIFEST, ref->digest ? ref->digest : ref->tag,
				      0, IMAGE_MANIFEST_MAX, ret, err);
	return r;
}

/* The manifest, and with --all those that it is an index of. */
static int sign_all(const struct sign *s, const struct fetched *f, const struct image_ref *ref,
		    struct cmk_err *err)
{
	struct manifest m = { 0 };
	struct digest d;
	char digest[72];
	int r;

	digest_of(f->text, f->len, &d);
	if (ref->digest && !streq(ref->digest, digest_str(&d, digest)))
		return cmk_err_set(err, -EBADMSG, "wrong digest: asked for %s, got %s", ref->digest,
				   digest);
	r = manifest_parse(f->text, f->len, f->content_type, &m, err);
	if (r == 0)
		r = sign_manifest(s, &d, err);
	if (r == 0 && m.kind == MANIFEST_INDEX && !s->o->all)
		log_warn("'%s' is an index of several images: without --all it is signed, and none "
			 "of these are",
			 s->image.identity);
	for (size_t i = 0; r == 0 && s->o->all && m.kind == MANIFEST_INDEX && i < m.n_items; i++)
		r = sign_manifest(s, &m.items[i].digest, err);
	manifest_done(&m);
	return r;
}

static int find_base(struct sign *s, struct cmk_err *err)
{
	struct lookaside_conf conf = { 0 };
	int r;

	if (s->o->directory && *s->o->directory) {
		s->base = realpath(s->o->directory, NULL);
		return s->base ? 0 : cmk_err_errno(err, "invalid directory %s", s->o->directory);
	}
	r = lookaside_conf_load(NULL, &conf, err);
	if (r < 0)
		return r;
	s->base = lookaside_base(&conf, &s->image, true);
	lookaside_conf_done(&conf);
	return 0;
}

int image_sign(const char *text, const struct image_sign_options *o, struct cmk_err *err)
{
	struct sign s = { .o = o };
	struct image_ref ref = { 0 };
	struct fetched f = { 0 };
	int r;

	if (!o->sign_by || !*o->sign_by)
		return cmk_err_set(err, -EINVAL, "please provide an identity");
	r = image_ref_parse_docker(text, &ref, err);
	if (r < 0)
		return r;
	policy_image_docker(&ref, &s.image);
	r = find_base(&s, err);
	if (r == 0)
		r = fetch(&s, &ref, &f, err);
	if (r == 0)
		r = sign_all(&s, &f, &ref, err);
	fetched_done(&f);
	policy_image_done(&s.image);
	free(s.base);
	image_ref_done(&ref);
	return r < 0 ? cmk_err_wrap(err, r, "creating new signature for '%.300s'", text) : 0;
}
