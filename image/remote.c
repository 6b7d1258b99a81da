// SPDX-License-Identifier: Apache-2.0
#include "image/remote.h"

#include "image/connect.h"
#include "image/receive.h"
#include "image/registries.h"

void remote_done(struct remote *r)
{
	client_free(r->client);
	free(r->place);
	fetched_done(&r->manifest);
	*r = (struct remote){ 0 };
}

static int open_at(const struct image_ref *ref, const struct registry_source *src,
		   const struct image_pull_options *o, struct remote *ret, struct cmk_err *err)
{
	cleanup(remote_done) struct remote r = { 0 };
	const char *what = ref->digest ? ref->digest : src->tag;
	int rc = registry_connect_pull(o, src, &r.client, err);

	if (rc == 0)
		rc = client_fetch_text(r.client, PROTO_MANIFEST, what, 0, IMAGE_MANIFEST_MAX,
				       &r.manifest, err);
	if (rc == 0)
		rc = receive_check_digest(&r.manifest, ref->digest, &r.digest, err);
	if (rc < 0)
		return rc;
	r.place = xasprintf("%s/%s", src->registry, src->repository);
	*ret = r;
	r = (struct remote){ 0 };
	return 0;
}

static int open_ref(const struct image_ref *ref, const struct image_pull_options *o,
		    struct remote *ret, struct cmk_err *err)
{
	cleanup_free char *name = image_ref_str(ref);
	struct registry_source *list = NULL;
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	size_t n = 0;
	int r = registries_sources_of(ref, &list, &n, err);

	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; r < 0 && i < n; i++)
		r = open_at(ref, &list[i], o, ret, &mine);
	registry_sources_free(list, n);
	if (r < 0)
		(void)cmk_err_move(err, &mine);
	return r < 0 ? cmk_err_wrap(err, r, "reading image \"docker://%s\"", name) : 0;
}

static int candidates_of(const char *text, struct image_ref **ret, size_t *ret_n,
			 struct cmk_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	int r;

	if (str_after(text, "docker://"))
		r = image_ref_parse_docker(text, &ref, err);
	else
		r = image_ref_parse(text, &ref, err);
	return r < 0 ? r : image_ref_candidates(&ref, ret, ret_n, err);
}

int remote_open(const char *text, const struct image_pull_options *o, struct remote *ret,
		struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	struct image_ref *list = NULL;
	size_t n = 0;
	int r = image_authfile_check(o->authfile, &mine);

	if (r == 0)
		r = candidates_of(text, &list, &n, &mine);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || r < 0)
			r = open_ref(&list[i], o, ret, &mine);
		image_ref_done(&list[i]);
	}
	free(list);
	return r < 0 ? cmk_err_move(err, &mine) : 0;
}

int remote_config(struct remote *r, const struct manifest *m, struct fetched *ret,
		  struct cmk_err *err)
{
	const struct descriptor *d = &m->config;
	struct digest got;
	char buf[72];
	int rc;

	if (d->size > IMAGE_CONFIG_MAX)
		return cmk_err_set(err, -EFBIG, "image config larger than %zu bytes",
				   IMAGE_CONFIG_MAX);
	rc = client_fetch_text(r->client, PROTO_BLOB, digest_str(&d->digest, buf), d->size, d->size,
			       ret, err);
	if (rc < 0)
		return rc;
	digest_of(ret->text, ret->len, &got);
	if (!streq(got.hex, d->digest.hex))
		return cmk_err_set(err, -EBADMSG, "image config: wrong digest: expected %s", buf);
	return 0;
}
