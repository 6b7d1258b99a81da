// SPDX-License-Identifier: Apache-2.0
/* Which part of a policy is about an image, and whether a name in a signature is that image's. */
#include <limits.h>

#include "image/policy.h"

void policy_image_done(struct policy_image *i)
{
	free(i->identity);
	i->namespaces = strv_free(i->namespaces);
	free(i->shown);
	image_ref_done(&i->named);
	*i = (struct policy_image){ 0 };
}

/* "a.b.example.com:5000" is also "*.b.example.com", "*.example.com" and "*.com": these have no
 * port, as containers/image has it. */
static void add_wildcards(char *host, char ***list)
{
	host[strcspn(host, ":")] = '\0';
	for (const char *dot = strchr(host, '.'); dot; dot = strchr(dot + 1, '.'))
		strv_add_take(list, xasprintf("*%s", dot));
}

void policy_image_docker(const struct image_ref *ref, struct policy_image *ret)
{
	cleanup_free char *name = xasprintf("%s/%s", ref->registry, ref->repository);
	struct policy_image i = { .transport = "docker" };

	i.named.registry = xstrdup(ref->registry);
	i.named.repository = xstrdup(ref->repository);
	i.named.digest = xstrdup_null(ref->digest);
	i.named.tag = xstrdup_null(ref->digest ? NULL : ref->tag);
	i.identity = image_ref_str(&i.named);
	i.shown = xasprintf("docker://%s", i.identity);
	strv_add(&i.namespaces, name);
	for (char *slash; (slash = strrchr(name, '/'));) {
		*slash = '\0';
		strv_add(&i.namespaces, name);
	}
	add_wildcards(name, &i.namespaces);
	*ret = i;
}

void policy_image_file(const char *transport, const char *path, const char *ref,
		       struct policy_image *ret)
{
	struct policy_image i = { .transport = transport };
	cleanup_free char *real = path ? realpath(path, NULL) : NULL;

	i.shown = xasprintf("%s:%s%s%s", transport, path ? path : "", ref ? ":" : "",
			    ref ? ref : "");
	if (real) {
		i.identity = xasprintf("%s%s%s", real, ref ? ":" : "", ref ? ref : "");
		while (*real) {
			strv_add(&i.namespaces, real);
			*strrchr(real, '/') = '\0';
		}
	}
	*ret = i;
}

static const struct policy_scope *scope_named(const struct policy *p, const char *transport,
					      const char *name)
{
	for (size_t i = 0; i < p->n_scopes; i++)
		if (p->scopes[i].transport && streq(p->scopes[i].transport, transport) &&
		    streq(p->scopes[i].name, name))
			return &p->scopes[i];
	return NULL;
}

const struct policy_scope *policy_find(const struct policy *p, const struct policy_image *i)
{
	const struct policy_scope *s = NULL;

	if (p->n_scopes == 0)
		return NULL;
	if (i->identity)
		s = scope_named(p, i->transport, i->identity);
	for (char **name = i->namespaces; !s && name && *name; name++)
		s = scope_named(p, i->transport, *name);
	if (!s)
		s = scope_named(p, i->transport, "");
	return s ? s : &p->scopes[0];
}

/* --- identities --- */

/* The default tag is not added: what has neither tag nor digest names no image. */
static int parse_exact(const char *text, struct image_ref *ret, bool *ret_name_only)
{
	const char *slash = strrchr(text, '/');

	*ret_name_only = !strchr(text, '@') && !strchr(slash ? slash : text, ':');
	if (strstr(text, "://"))
		return -EINVAL;
	return image_ref_parse_docker(text, ret, NULL);
}

static bool same_repository(const struct image_ref *a, const struct image_ref *b)
{
	return streq(a->registry, b->registry) && streq(a->repository, b->repository);
}

static bool same(const struct image_ref *a, const struct image_ref *b)
{
	return same_repository(a, b) && streq_null(a->tag, b->tag) &&
	       streq_null(a->digest, b->digest);
}

static bool repo_digest_or_exact(const struct image_ref *image, const struct image_ref *sig)
{
	/* That the digest is the signed one's is compared for every signature. */
	return image->tag ? same(image, sig) : image->digest && same_repository(image, sig);
}

/* NAME with the prefix of W replaced. */
static bool remap(const struct policy_identity *w, const struct image_ref *image,
		  struct image_ref *ret)
{
	cleanup_free char *name = image_ref_str(image), *full = NULL;
	const char *rest = str_after(name, w->name);
	bool name_only;

	if (!rest || (*rest && !strchr("/:@", *rest)) || (*rest == ':' && !strchr(w->name, '/')))
		full = xstrdup(name);
	else
		full = xasprintf("%s%s", w->signed_prefix, rest);
	return parse_exact(full, ret, &name_only) == 0;
}

static bool matches(const struct policy_identity *w, const struct policy_image *i,
		    const struct image_ref *sig, bool sig_name_only)
{
	struct image_ref other = { 0 };
	bool here = i->named.registry, name_only = false, r = false;

	switch (w->type) {
	case IDENTITY_REPO_DIGEST_OR_EXACT:
		return here && !sig_name_only && repo_digest_or_exact(&i->named, sig);
	case IDENTITY_EXACT:
		return here && !sig_name_only && same(&i->named, sig);
	case IDENTITY_REPOSITORY:
		return here && same_repository(&i->named, sig);
	case IDENTITY_REFERENCE:
		r = parse_exact(w->name, &other, &name_only) == 0 && !name_only && !sig_name_only &&
		    same(&other, sig);
		break;
	case IDENTITY_GIVEN_REPOSITORY:
		r = parse_exact(w->name, &other, &name_only) == 0 && same_repository(&other, sig);
		break;
	case IDENTITY_REMAP:
		r = here && !sig_name_only && remap(w, &i->named, &other) &&
		    repo_digest_or_exact(&other, sig);
		break;
	}
	image_ref_done(&other);
	return r;
}

bool policy_identity_matches(const struct policy_identity *want, const struct policy_image *i,
			     const char *name_signed)
{
	struct image_ref sig = { 0 };
	bool name_only = false, r;

	if (parse_exact(name_signed, &sig, &name_only) < 0)
		return false;
	r = matches(want, i, &sig, name_only);
	image_ref_done(&sig);
	return r;
}
