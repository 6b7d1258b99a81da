// SPDX-License-Identifier: Apache-2.0
#include "image/bundle.h"

#include "image/podman.h"

/* As podman load tries them. */
static const struct bundle_kind *const kinds[] = { &bundle_oci, &bundle_docker_archive,
						   &bundle_dir };

static void image_done(struct bundle_image *i)
{
	i->names = strv_free(i->names);
	i->layers = strv_free(i->layers);
	free(i->ref_name);
	free(i->config);
}

void bundle_done(struct bundle *b)
{
	for (size_t i = 0; i < b->n_images; i++)
		image_done(&b->images[i]);
	free(b->images);
	podman_store_free(b->podman);
	files_done(&b->files);
	policy_done(&b->policy);
	*b = (struct bundle){ .files.fd = -1 };
}

struct bundle_image *bundle_add(struct bundle *b)
{
	b->images = xrealloc(b->images, b->n_images + 1, sizeof(*b->images));
	b->images[b->n_images] = (struct bundle_image){ 0 };
	return &b->images[b->n_images++];
}

static const struct bundle_kind *kind_of(const struct files *f)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i]->probe(f))
			return kinds[i];
	return NULL;
}

int bundle_open(struct storage *st, struct files *files, const struct bundle_kind *kind,
		const struct platform *want, struct bundle *ret, struct cmk_err *err)
{
	struct bundle b = { .st = st, .files = *files };
	int r;

	*files = (struct files){ .fd = -1 };
	b.kind = kind ? kind : kind_of(&b.files);
	if (b.kind)
		r = b.kind->read(&b, want, err);
	else
		r = cmk_err_set(err, -EINVAL,
				"'%s' holds neither an OCI layout (index.json) nor what docker "
				"save or skopeo's dir: write (manifest.json)",
				b.files.shown);
	if (r < 0)
		bundle_done(&b);
	else
		*ret = b;
	return r;
}

/* The full name that TEXT, from outside, is: without a registry it is this machine's, as podman has
 * it. */
static int name_ref(const char *text, struct image_ref *ret, struct cmk_err *err)
{
	struct image_ref ref = { 0 };
	int r = image_ref_parse(text, &ref, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "the name that it gives to an image");
	if (!ref.registry)
		ref.registry = xstrdup("localhost");
	*ret = ref;
	return 0;
}

int bundle_read_policy(struct bundle *b, const char *signature_policy, struct cmk_err *err)
{
	return policy_load(signature_policy, &b->policy, err);
}

/* Scopes are of paths, which the host's administrator names and nobody else. */
static void fill_verify(const struct bundle *b, struct bundle_use *use,
			const struct image_ref *name, struct verify *ret)
{
	bool oci = b->kind == &bundle_oci;
	const char *transport = oci && b->files.archive ? "oci-archive" : b->kind->name;
	bool scoped = b->kind != &bundle_docker_archive;

	*ret = (struct verify){
		.policy = &b->policy,
		.signatures = b->kind->signatures,
		.arg = use,
	};
	if (b->kind->identify)
		b->kind->identify(use, name, &ret->image);
	else
		policy_image_file(transport, scoped ? b->files.shown : NULL, use->image->ref_name,
				  &ret->image);
}

int bundle_receive(const struct bundle *b, const struct bundle_image *image, char *const *names,
		   const struct platform *want, struct progress *progress, char **ret_id,
		   char ***ret_names, struct cmk_err *err)
{
	size_t n = strv_len(names);
	struct image_ref *refs = xcalloc(n + 1, sizeof(*refs));
	struct bundle_use use = { .b = b, .image = image };
	struct receive in = {
		.st = b->st,
		.progress = progress,
		.want = *want,
		.source = &b->kind->source,
		.arg = &use,
		.names = refs,
	};
	struct verify verify = { 0 };
	int r = 0;

	in.verify = &verify;
	for (; r == 0 && in.n_names < n; in.n_names += r == 0)
		r = name_ref(names[in.n_names], &refs[in.n_names], err);
	if (r == 0)
		fill_verify(b, &use, n > 0 ? &refs[0] : NULL, &verify);
	if (r == 0)
		r = receive_image(&in, NULL, ret_id, err);
	for (size_t i = 0; i < in.n_names; i++) {
		if (r == 0)
			strv_add_take(ret_names, image_ref_str(&refs[i]));
		image_ref_done(&refs[i]);
	}
	free(refs);
	receive_done(&in);
	policy_image_done(&verify.image);
	return r < 0 ? cmk_err_wrap(err, r, "'%s'", b->files.shown) : 0;
}
