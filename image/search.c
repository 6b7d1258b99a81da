// SPDX-License-Identifier: Apache-2.0
/* Search: the first version's where a registry has it, else what of its list of repositories fits.
 */
#include "base/log.h"
#include "image/connect.h"
#include "image/listing.h"
#include "image/registries.h"

#define LIMIT_DEFAULT 25
#define TERM_MAX 1024

struct results {
	struct image_found *list;
	size_t n;
};

void image_found_free(struct image_found *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].index);
		free(list[i].name);
		free(list[i].description);
		free(list[i].tag);
	}
	free(list);
}

static void results_done(struct results *r)
{
	image_found_free(r->list, r->n);
	*r = (struct results){ 0 };
}

/* Takes what F points to. */
static void results_add(struct results *to, struct image_found f)
{
	to->list = xrealloc(to->list, to->n + 1, sizeof(*to->list));
	to->list[to->n++] = f;
}

static uint32_t limit_of(const struct image_search_options *o)
{
	return o->limit ? o->limit : LIMIT_DEFAULT;
}

static int connect_to(const char *registry, const char *repository, const char *host,
		      const struct image_search_options *o, struct client **ret,
		      struct cmk_err *err)
{
	struct connect_options c = {
		.registry = registry,
		.repository = repository,
		.host = host,
		.creds = o->creds,
		.authfile = o->authfile,
		.cert_dir = o->cert_dir,
		.tls_verify = o->tls_verify,
		.retry = 1,
		.retry_delay_ms = 500,
	};

	return registry_connect(&c, ret, err);
}

/* --- one registry --- */

/* As an image is called: docker.io's official ones live below library/. */
static char *full_name(const char *registry, const char *name)
{
	bool official = streq(registry, "docker.io") && !strchr(name, '/');

	return xasprintf("%s/%s%s", registry, official ? "library/" : "", name);
}

static int search_v1(const char *registry, const char *term, const struct image_search_options *o,
		     struct results *to, struct cmk_err *err)
{
	const char *host = streq(registry, "docker.io") ? "index.docker.io" : NULL;
	cleanup_free char *q = listing_escape(term);
	cleanup_free char *path = xasprintf("/v1/search?q=%s&n=%u", q, limit_of(o));
	cleanup(fetched_done) struct fetched f = { 0 };
	cleanup(results_done) struct results found = { 0 };
	cleanup_client struct client *c = NULL;
	int r;

	r = connect_to(registry, "", host, o, &c, err);
	if (r == 0)
		r = client_fetch_text(c, PROTO_API, path, 0, (size_t)8 << 20, &f, err);
	if (r == 0)
		r = listing_results(f.text, f.len, &found.list, &found.n, err);
	for (size_t i = 0; r == 0 && i < MIN(found.n, (size_t)limit_of(o)); i++) {
		struct image_found *from = &found.list[i];

		results_add(to, (struct image_found){
					.index = xstrdup(registry),
					.name = full_name(registry, from->name),
					.description = xstrdup(from->description),
					.stars = from->stars,
					.official = from->official,
					.automated = from->automated,
				});
	}
	return r;
}

struct catalog_want {
	const char *term;
	size_t limit, looked_at, fitting;
};

static bool catalog_enough(char *const *list, size_t n, void *arg)
{
	struct catalog_want *w = arg;

	for (; w->looked_at < n; w->looked_at++)
		w->fitting += strstr(list[w->looked_at], w->term) != NULL;
	return w->fitting >= w->limit;
}

static void add_repository(struct results *to, const char *registry, const char *name)
{
	results_add(to, (struct image_found){ .index = xstrdup(registry),
					      .name = full_name(registry, name),
					      .description = xstrdup("") });
}

static int search_v2(const char *registry, const char *term, const struct image_search_options *o,
		     struct results *to, struct cmk_err *err)
{
	struct catalog_want want = { .term = term, .limit = limit_of(o) };
	cleanup_client struct client *c = NULL;
	cleanup_strv char **list = NULL;
	size_t n = 0, left = want.limit;
	int r;

	r = connect_to(registry, "", NULL, o, &c, err);
	if (r == 0)
		r = listing_fetch(c, "/v2/_catalog", "repositories", catalog_enough, &want, &list,
				  &n, err);
	if (r < 0)
		return r;
	/* What has just this name comes first. */
	for (size_t i = 0; i < n && left > 0; i++)
		if (streq(list[i], term)) {
			add_repository(to, registry, list[i]);
			left--;
		}
	for (size_t i = 0; i < n && left > 0; i++)
		if (strstr(list[i], term) && !streq(list[i], term)) {
			add_repository(to, registry, list[i]);
			left--;
		}
	return 0;
}

static int search_registry(const char *registry, const char *term,
			   const struct image_search_options *o, struct results *to,
			   struct cmk_err *err)
{
	cleanup_err struct cmk_err v1 = CMK_ERR_INIT;
	int r = -ENOENT;

	if (*term)
		r = search_v1(registry, term, o, to, &v1);
	/* Nobody is there: no need to ask again. */
	if (r == -ECONNREFUSED || r == -EHOSTUNREACH || r == -ETIMEDOUT)
		(void)cmk_err_move(err, &v1);
	else if (r < 0)
		r = search_v2(registry, term, o, to, err);
	return r < 0 ? cmk_err_wrap(err, r, "couldn't search registry \"%s\"", registry) : 0;
}

/* --- one after the other --- */

/* Failures of some, while others found something. */
struct failures {
	struct cmk_err last;
	struct strbuf all;
};

static void failures_done(struct failures *f)
{
	cmk_err_done(&f->last);
	strbuf_done(&f->all);
}

static void failures_add(struct failures *f)
{
	strbuf_addf(&f->all, "%s%s", f->all.len ? "; " : "", f->last.msg);
}

/* What was found is handed over; where that is nothing, a failure is one. */
static int finish(struct results *found, struct failures *f, struct image_found **ret,
		  size_t *ret_n, struct cmk_err *err)
{
	if (f->all.len > 0 && found->n == 0) {
		free(f->last.msg);
		f->last.msg = strbuf_steal(&f->all);
		return cmk_err_move(err, &f->last);
	}
	if (f->all.len > 0)
		log_warn("%s", strbuf_str(&f->all));
	*ret = steal_ptr(&found->list);
	*ret_n = found->n;
	found->n = 0;
	return 0;
}

/* The registries to be searched (owned), and in *RET_TERM what for. */
static int registries_for(const char *term, char ***ret, const char **ret_term, struct cmk_err *err)
{
	size_t host = strcspn(term, "/");
	struct registries_conf conf = { 0 };
	int r;

	if (strlen(term) > TERM_MAX)
		return cmk_err_set(err, -EINVAL, "the search term is longer than %d bytes",
				   TERM_MAX);
	if (term[host] == '/' && image_registry_like(term, host)) {
		cleanup_free char *registry = xstrndup(term, host);

		if (!image_registry_valid(registry))
			return cmk_err_set(err, -EINVAL, "'%s' is not the name of a registry",
					   registry);
		strv_add(ret, registry);
		*ret_term = term + host + 1;
		return 0;
	}
	r = registries_conf_load(&conf, err);
	if (r < 0)
		return r;
	if (conf.search && *conf.search)
		*ret = steal_ptr(&conf.search);
	else
		strv_add(ret, "docker.io");
	registries_conf_done(&conf);
	*ret_term = term;
	return 0;
}

int image_search(const char *term, const struct image_search_options *o, struct image_found **ret,
		 size_t *ret_n, struct cmk_err *err)
{
	cleanup(failures_done) struct failures failed = { 0 };
	cleanup(results_done) struct results found = { 0 };
	cleanup_strv char **registries = NULL;
	const char *what = NULL;
	int r;

	r = registries_for(term, &registries, &what, err);
	if (r < 0)
		return r;
	for (char **s = registries; *s; s++)
		if (search_registry(*s, what, o, &found, &failed.last) < 0)
			failures_add(&failed);
	return finish(&found, &failed, ret, ret_n, err);
}

static int tags_of(const struct image_ref *ref, const struct image_search_options *o,
		   struct results *to, struct cmk_err *err)
{
	cleanup_client struct client *c = NULL;
	cleanup_strv char **list = NULL;
	size_t n = 0;
	int r;

	r = connect_to(ref->registry, ref->repository, NULL, o, &c, err);
	if (r == 0)
		r = listing_tags(c, ref->repository, limit_of(o), &list, &n, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "getting repository tags");
	for (size_t i = 0; i < n; i++)
		results_add(to, (struct image_found){
					.index = xstrdup(ref->registry),
					.name = xasprintf("%s/%s", ref->registry, ref->repository),
					.description = xstrdup(""),
					.tag = steal_ptr(&list[i]),
				});
	return 0;
}

int image_search_tags(const char *term, const struct image_search_options *o,
		      struct image_found **ret, size_t *ret_n, struct cmk_err *err)
{
	cleanup(failures_done) struct failures failed = { 0 };
	cleanup(results_done) struct results found = { 0 };
	struct image_ref ref = { 0 }, *list = NULL;
	size_t n = 0;
	int r;

	r = image_ref_parse(term, &ref, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "reference \"%s\" must be a docker reference", term);
	r = image_ref_candidates(&ref, &list, &n, err);
	image_ref_done(&ref);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (tags_of(&list[i], o, &found, &failed.last) < 0)
			failures_add(&failed);
		image_ref_done(&list[i]);
	}
	free(list);
	return finish(&found, &failed, ret, ret_n, err);
}
