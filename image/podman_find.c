// SPDX-License-Identifier: Apache-2.0
/* Which image of Podman's store a name means: containers-transports(5). */
#include "base/log.h"
#include "image/podman.h"

/* As many digits of an ID as Podman wants to see. */
#define PREFIX_MIN 3

static bool is_hex(const char *s)
{
	return *s && strspn(s, "0123456789abcdef") == strlen(s);
}

static int unknown(const struct podman_store *s, const char *ref, struct cmk_err *err)
{
	(void)cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "%s%.300s: image not known", s->shown,
			   ref);
	(void)cmk_err_hint(err, "podman images lists them");
	return -ENOENT;
}

bool podman_image_has(const struct podman_image *i, const char *digest)
{
	cleanup_free char *key = xasprintf("manifest-%s", digest);

	return (i->digest && streq(i->digest, digest)) ||
	       (i->manifest && streq(i->manifest, digest)) || strv_has(i->data, key);
}

static int find_id(const struct podman_store *s, const char *ref, const char *hex,
		   const struct podman_image **ret, struct cmk_err *err)
{
	const struct podman_image *found = NULL;

	for (size_t i = 0; i < s->n_images; i++) {
		if (!str_after(s->images[i].id, hex))
			continue;
		if (found && !streq(found->id, s->images[i].id))
			return cmk_err_set(err, -ENOTUNIQ, "'%s': more than one image ID begins so",
					   hex);
		found = found ? found : &s->images[i];
	}
	if (!found)
		return unknown(s, ref, err);
	*ret = found;
	return 0;
}

/* The full NAME is one of REF's repository. */
static bool is_of(const char *name, const struct image_ref *ref)
{
	struct image_ref full = { 0 };
	bool same = image_ref_parse(name, &full, NULL) == 0 && full.registry &&
		    streq(full.registry, ref->registry) && streq(full.repository, ref->repository);

	image_ref_done(&full);
	return same;
}

static bool has_name_of(const struct podman_image *i, const struct image_ref *ref)
{
	for (char **n = i->names; n && *n; n++)
		if (is_of(*n, ref))
			return true;
	return false;
}

static const struct podman_image *find_full(const struct podman_store *s,
					    const struct image_ref *ref, const char *full)
{
	for (size_t i = 0; i < s->n_images; i++) {
		const struct podman_image *image = &s->images[i];

		if (ref->digest ? podman_image_has(image, ref->digest) && has_name_of(image, ref)
				: strv_has(image->names, full))
			return image;
	}
	return NULL;
}

/* What REF may be in full: of this machine first, then as registries.conf says, then docker.io's,
 * as it is for the transport. */
static int full_refs(const char *text, const struct image_ref *ref, struct image_ref **ret,
		     size_t *ret_n, struct cmk_err *err)
{
	cleanup_free char *local = xasprintf("localhost/%s", text);
	struct image_ref *list = NULL;
	size_t n = 0;
	int r = image_ref_candidates(ref, &list, &n, err);

	if (r < 0 || ref->registry) {
		*ret = list;
		*ret_n = n;
		return r;
	}
	list = xrealloc(list, n + 2, sizeof(*list));
	memmove(list + 1, list, n * sizeof(*list));
	list[0] = list[++n] = (struct image_ref){ 0 };
	r = image_ref_parse(local, &list[0], err);
	if (r == 0)
		r = image_ref_parse_docker(text, &list[n], err);
	*ret = list;
	*ret_n = n + 1;
	return r;
}

static int find_name(const struct podman_store *s, const char *text,
		     const struct podman_image **ret, char ***ret_names, struct cmk_err *err)
{
	struct image_ref ref = { 0 }, *list = NULL;
	size_t n = 0;
	int r = image_ref_parse(text, &ref, err);

	if (r == 0)
		r = full_refs(text, &ref, &list, &n, err);
	for (size_t i = 0; i < n; i++) {
		cleanup_free char *full = NULL;
		const struct podman_image *found = NULL;

		if (r == 0 && !*ret_names) {
			full = image_ref_str(&list[i]);
			found = find_full(s, &list[i], full);
		}
		if (found) {
			*ret = found;
			strv_add(ret_names, full);
		}
		image_ref_done(&list[i]);
	}
	free(list);
	image_ref_done(&ref);
	if (r < 0)
		return r;
	return *ret_names ? 0 : unknown(s, text, err);
}

/* NAME@ID is Podman's own way to say both. */
static int find_both(const struct podman_store *s, const char *name, const char *id,
		     const struct podman_image **ret, char ***ret_names, struct cmk_err *err)
{
	const struct podman_image *by_name = NULL;
	int r = find_id(s, id, id, ret, err);

	if (r == 0 && *name)
		r = find_name(s, name, &by_name, ret_names, err);
	if (r == 0 && by_name && by_name != *ret) {
		*ret_names = strv_free(*ret_names);
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				    "'%.200s' is not the image %.12s there", name, (*ret)->id);
	}
	if (r == 0 && !*name)
		*ret_names = strv_dup((*ret)->names);
	return r;
}

int podman_find(const struct podman_store *s, const char *ref, const struct podman_image **ret,
		char ***ret_names, struct cmk_err *err)
{
	const char *at = strrchr(ref, '@'), *hex = str_after(ref, "sha256:");
	cleanup_free char *name = at ? xstrndup(ref, (size_t)(at - ref)) : NULL;
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r;

	if (at && is_hex(at + 1) && strlen(at + 1) >= PREFIX_MIN)
		return find_both(s, name, at + 1, ret, ret_names, err);
	if (!hex && is_hex(ref) && strlen(ref) == DIGEST_HEX_LEN)
		hex = ref;
	if (hex && is_hex(hex))
		return find_both(s, "", hex, ret, ret_names, err);
	r = find_name(s, ref, ret, ret_names, &mine);
	if (r == -ENOENT && is_hex(ref) && strlen(ref) >= PREFIX_MIN)
		return find_both(s, "", ref, ret, ret_names, err);
	return r < 0 ? cmk_err_move(err, &mine) : 0;
}

/* --- all of them --- */

static void add_names(const struct podman_store *s, const struct podman_image *i,
		      const struct image_ref *of, char ***ret)
{
	for (char **n = i->names; n && *n; n++)
		if (is_of(*n, of))
			strv_add_take(ret, xasprintf("%s%s", s->shown, *n));
}

static int list_repository(const struct podman_store *s, const char *repository, char ***ret,
			   struct cmk_err *err)
{
	struct image_ref ref = { 0 }, *list = NULL;
	bool found = false;
	size_t n = 0;
	int r = image_ref_parse(repository, &ref, err);

	if (r == 0)
		r = full_refs(repository, &ref, &list, &n, err);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; r == 0 && !found && k < s->n_images; k++)
			add_names(s, &s->images[k], &list[i], ret);
		found = *ret != NULL;
		image_ref_done(&list[i]);
	}
	free(list);
	image_ref_done(&ref);
	return r == 0 && !*ret ? unknown(s, repository, err) : r;
}

static void list_all(const struct podman_store *s, char ***ret)
{
	size_t unnamed = 0;

	for (size_t i = 0; i < s->n_images; i++) {
		const struct podman_image *image = &s->images[i];

		if (!image->layer && strv_has(image->data, "instances.json"))
			log_warn("the manifest list '%.200s' is left out: cmk manifest create "
				 "makes one here",
				 image->names ? image->names[0] : image->id);
		else if (!image->names)
			unnamed++;
		else
			strv_add_take(ret, xasprintf("%s@%s", s->shown, image->id));
	}
	if (unnamed > 0)
		log_warn("%zu images without a name are left out: containers-storage:@ID takes one",
			 unnamed);
}

int podman_list(const struct podman_store *s, const char *repository, char ***ret,
		struct cmk_err *err)
{
	if (*repository)
		return list_repository(s, repository, ret, err);
	list_all(s, ret);
	return *ret ? 0
		    : cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				   "'%s' holds no image with a name", s->shown);
}
