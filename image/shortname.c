// SPDX-License-Identifier: Apache-2.0
/* Short names: to which full names "alpine" may refer, and which of them is here. */
#include "image/image.h"
#include "image/registries.h"

static void cleanup_ref(struct image_ref *r)
{
	image_ref_done(r);
}

static void cleanup_conf(struct registries_conf *c)
{
	registries_conf_done(c);
}

/* REF moved to REGISTRY, by way of the parser, so that docker.io gets its library/. */
static int qualify(const char *registry, const struct image_ref *ref, struct image_ref *ret,
		   struct cmk_err *err)
{
	cleanup_free char *rest = image_ref_str(ref);
	cleanup_free char *text = xasprintf("%s/%s", registry, rest);
	int r;

	r = image_ref_parse(text, ret, err);
	if (r == 0 && !ret->registry) {
		image_ref_done(ret);
		r = cmk_err_set(err, -EINVAL, "'%s' is not the name of a registry", registry);
	}
	return r;
}

/* The alias's full name with the tag or digest of REF. */
static int from_alias(const char *target, const struct image_ref *ref, struct image_ref *ret,
		      struct cmk_err *err)
{
	cleanup(cleanup_ref) struct image_ref full = { 0 };
	int r;

	r = image_ref_parse(target, &full, err);
	if (r == 0 && !full.registry)
		r = cmk_err_set(err, -EINVAL, "'%s' names no registry", target);
	if (r < 0)
		return cmk_err_wrap(err, r, "registries.conf: alias of '%s'", ref->repository);
	free(full.tag);
	free(full.digest);
	full.tag = xstrdup_null(ref->tag);
	full.digest = xstrdup_null(ref->digest);
	*ret = full;
	full = (struct image_ref){ 0 };
	return 0;
}

int image_ref_candidates(const struct image_ref *ref, struct image_ref **ret, size_t *ret_n,
			 struct cmk_err *err)
{
	cleanup(cleanup_conf) struct registries_conf conf = { 0 };
	char *const *search;
	struct image_ref *list;
	const char *alias;
	size_t n = 0;
	int r;

	if (ref->registry) {
		list = xcalloc(1, sizeof(*list));
		list[0] = (struct image_ref){ xstrdup(ref->registry), xstrdup(ref->repository),
					      xstrdup_null(ref->tag), xstrdup_null(ref->digest) };
		*ret = list;
		*ret_n = 1;
		return 0;
	}
	r = registries_conf_load(&conf, err);
	if (r < 0)
		return r;
	search = registries_search(&conf);
	list = xcalloc(strv_len(search) + 1, sizeof(*list));
	alias = strv_env_get(conf.aliases, ref->repository);
	if (alias && *alias) {
		r = from_alias(alias, ref, &list[n], err);
		n += r == 0;
	} else {
		for (char *const *s = search; *s && r == 0; s++) {
			r = qualify(*s, ref, &list[n], err);
			n += r == 0;
		}
	}
	if (r < 0) {
		for (size_t i = 0; i < n; i++)
			image_ref_done(&list[i]);
		free(list);
		return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

/* An image pulled by digest has no name: look through the records. */
static int lookup_digest(struct storage *st, const struct image_ref *ref, char **ret_id,
			 struct cmk_err *err)
{
	cleanup_free char *want = xasprintf("%s/%s@%s", ref->registry, ref->repository,
					    ref->digest);
	struct image_record *list = NULL;
	size_t n = 0;
	int r;

	r = storage_image_list(st, &list, &n, err);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; i < n && r < 0; i++)
		if (strv_has(list[i].repo_digests, want)) {
			*ret_id = xstrdup(list[i].id);
			r = 0;
		}
	storage_image_list_free(list, n);
	return r;
}

/* 0, -ENOENT without a message, or a failure with one. */
static int lookup_full(struct storage *st, const struct image_ref *ref, char **ret_id,
		       char **ret_name, struct cmk_err *err)
{
	cleanup_free char *name = image_ref_str(ref);
	int r;

	if (ref->digest)
		r = lookup_digest(st, ref, ret_id, err);
	else
		r = storage_name_lookup(st, name, ret_id);
	if (r == 0 && ret_name)
		*ret_name = steal_ptr(&name);
	return r;
}

static int lookup_name(struct storage *st, const struct image_ref *ref, char **ret_id,
		       char **ret_name, struct cmk_err *err)
{
	struct image_ref *list = NULL;
	size_t n = 0;
	int r;

	if (!ref->registry) {
		cleanup(cleanup_ref) struct image_ref local = { 0 };

		r = qualify("localhost", ref, &local, err);
		if (r == 0)
			r = lookup_full(st, &local, ret_id, ret_name, err);
		if (r != -ENOENT)
			return r;
	}
	r = image_ref_candidates(ref, &list, &n, err);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; i < n; i++) {
		if (r == -ENOENT)
			r = lookup_full(st, &list[i], ret_id, ret_name, err);
		image_ref_done(&list[i]);
	}
	free(list);
	return r;
}

/* NAME, a full one, ends in BRIEF, behind a slash. */
static bool ends_in_name(const char *name, const char *brief)
{
	size_t len = strlen(name), n = strlen(brief);

	return len > n && name[len - n - 1] == '/' && streq(name + len - n, brief);
}

/* The name of REC that REF may stand for, not owned. By its digest: any, so that it is the first
 * or, without names, "". */
static const char *any_name(const struct image_record *rec, const struct image_ref *ref,
			    const char *brief)
{
	if (ref->digest)
		return !strv_has(rec->digests, ref->digest) ? NULL
		       : rec->names && rec->names[0]	    ? rec->names[0]
							    : "";
	for (char *const *name = rec->names; name && *name; name++)
		if (ends_in_name(*name, brief))
			return *name;
	return NULL;
}

/* What podman tries at last: any image with this digest, whatever it is called; a short name stands
 * for whatever ends in it. */
static int lookup_anywhere(struct storage *st, const struct image_ref *ref, char **ret_id,
			   char **ret_name, struct cmk_err *err)
{
	cleanup_free char *brief = NULL;
	struct image_record *list = NULL;
	const char *name = NULL;
	size_t n = 0;
	int r;

	if (!ref->digest && ref->registry)
		return -ENOENT;
	brief = ref->digest ? NULL : xasprintf("%s:%s", ref->repository, ref->tag);
	r = storage_image_list(st, &list, &n, err);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; i < n && r == -ENOENT; i++) {
		name = any_name(&list[i], ref, brief);
		if (!name)
			continue;
		*ret_id = xstrdup(list[i].id);
		if (ret_name)
			*ret_name = *name ? xstrdup(name) : NULL;
		r = 0;
	}
	storage_image_list_free(list, n);
	return r;
}

static bool is_hex(const char *s)
{
	return *s && strspn(s, "0123456789abcdef") == strlen(s);
}

static int unknown(const char *text, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "%s: image not known", text);
}

static int lookup_id(struct storage *st, const char *text, const char *hex, char **ret_id,
		     char **ret_name, struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r;

	r = storage_image_by_prefix(st, hex, ret_id, &mine);
	if (r == -ENOENT)
		return unknown(text, err);
	if (r == -ENOTUNIQ)
		return cmk_err_set(err, r, "'%s': more than one image ID begins so", text);
	if (r < 0)
		return cmk_err_move(err, &mine);
	if (ret_name)
		*ret_name = NULL;
	return 0;
}

int image_find_local(struct storage *st, const char *text, char **ret_id, char **ret_name,
		     struct cmk_err *err)
{
	cleanup(cleanup_ref) struct image_ref ref = { 0 };
	const char *hex = str_after(text, "sha256:");
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r;

	if (hex) {
		if (!is_hex(hex) || strlen(hex) > DIGEST_HEX_LEN)
			return cmk_err_set(err, -EINVAL, "'%s' is not an image ID", text);
		return lookup_id(st, text, hex, ret_id, ret_name, err);
	}
	if (image_has_transport(text))
		return unknown(text, err);
	/* An exact name beats the beginning of an ID. */
	r = image_ref_parse(text, &ref, &mine);
	if (r == 0) {
		r = lookup_name(st, &ref, ret_id, ret_name, err);
		if (r != -ENOENT)
			return r;
		r = is_hex(text) ? lookup_id(st, text, text, ret_id, ret_name, &mine) : -ENOENT;
		if (r != -ENOENT)
			return r < 0 ? cmk_err_move(err, &mine) : 0;
		r = lookup_anywhere(st, &ref, ret_id, ret_name, err);
		return r == -ENOENT ? unknown(text, err) : r;
	} else if (!is_hex(text) || strlen(text) > DIGEST_HEX_LEN) {
		return cmk_err_move(err, &mine);
	}
	return lookup_id(st, text, text, ret_id, ret_name, err);
}
