// SPDX-License-Identifier: Apache-2.0
/* All tags of a repository, for a pull of each. */
#include "base/log.h"
#include "image/connect.h"
#include "image/listing.h"
#include "image/registries.h"
#include "image/shortname.h"
#include "image/transport.h"

static int list_tags(const struct image_ref *ref, const struct image_pull_options *o, char ***list,
		     struct cmk_err *err)
{
	cleanup_client struct client *client = NULL;
	struct registry_source *sources = NULL, *own;
	size_t n_sources = 0, n = 0;
	int r;

	r = registries_sources_of(ref, &sources, &n_sources, err);
	if (r < 0)
		return r;
	/* The registry itself comes last: a mirror need not have them all. */
	own = &sources[n_sources - 1];
	r = registry_connect_pull(o, own, &client, err);
	if (r == 0)
		r = listing_tags(client, own->repository, 0, list, &n, err);
	registry_sources_free(sources, n_sources);
	return r;
}

/* What is no tag would become another name. */
static void add_names(const struct image_ref *ref, char *const *tags, char ***ret)
{
	for (; tags && *tags; tags++) {
		cleanup_free char *name = xasprintf("%s/%s:%s", ref->registry, ref->repository,
						    *tags);
		struct image_ref parsed = { 0 };

		if (image_ref_parse(name, &parsed, NULL) == 0 && streq_null(parsed.tag, *tags))
			strv_add_take(ret, steal_ptr(&name));
		else
			log_warn("'%.100s' is no tag: left out", *tags);
		image_ref_done(&parsed);
	}
}

static int tags_of_any(struct image_ref *list, size_t n, const struct image_pull_options *o,
		       struct image_ref **ret_ref, char ***ret, struct cmk_err *err)
{
	int r = -ENOENT;

	for (size_t i = 0; i < n; i++) {
		cleanup_err struct cmk_err mine = CMK_ERR_INIT;
		cleanup_strv char **tags = NULL;

		r = list_tags(&list[i], o, &tags, &mine);
		if (r == 0) {
			*ret_ref = &list[i];
			add_names(&list[i], tags, ret);
			return 0;
		}
		(void)cmk_err_move(err, &mine);
	}
	return r;
}

int image_pull_tags(struct storage *st, const char *text, const struct image_pull_options *o,
		    char ***ret, struct cmk_err *err)
{
	struct image_ref ref = { 0 }, *list = NULL, *taken = NULL;
	bool asked = false;
	size_t n = 0;
	int r;

	if (transport_can_list(text))
		return transport_list(st, text, ret, err);
	if (image_has_transport(text))
		return cmk_err_set(err, -EINVAL,
				   "pulling all tags is not supported for %.*s transport",
				   (int)strcspn(text, ":"), text);
	r = image_authfile_check(o->authfile, err);
	if (r == 0)
		r = image_ref_parse(text, &ref, err);
	if (r == 0)
		r = image_ref_candidates(&ref, &list, &n, err);
	if (r == 0)
		r = shortname_choose(st, text, list, &n, &asked, err);
	if (r == 0)
		r = tags_of_any(list, n, o, &taken, ret, err);
	if (r == 0 && asked)
		shortname_record(ref.repository, taken);
	if (r == 0 && !*ret)
		r = cmk_err_set(err, -ENOENT, "'%s' has no tags", text);
	for (size_t i = 0; i < n; i++)
		image_ref_done(&list[i]);
	free(list);
	image_ref_done(&ref);
	return r;
}
