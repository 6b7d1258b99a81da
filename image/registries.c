// SPDX-License-Identifier: Apache-2.0
#include "image/registries.h"

#include "base/conffile.h"

static void endpoint_done(struct registry_endpoint *e)
{
	free(e->location);
	*e = (struct registry_endpoint){ 0 };
}

static void entry_done(struct registry_entry *e)
{
	free(e->prefix);
	endpoint_done(&e->own);
	for (size_t i = 0; i < e->n_mirrors; i++)
		endpoint_done(&e->mirrors[i]);
	free(e->mirrors);
	*e = (struct registry_entry){ 0 };
}

void registries_conf_done(struct registries_conf *c)
{
	c->search = strv_free(c->search);
	c->helpers = strv_free(c->helpers);
	c->aliases = strv_free(c->aliases);
	for (size_t i = 0; i < c->n_entries; i++)
		entry_done(&c->entries[i]);
	free(c->entries);
	*c = (struct registries_conf){ 0 };
}

static void cleanup_entry(struct registry_entry *e)
{
	entry_done(e);
}

static int read_mirrors(const struct toml *list, struct registry_entry *e, struct cmk_err *err)
{
	if (list && list->type != TOML_ARRAY)
		return cmk_err_set(err, -EINVAL, "line %d: 'mirror' is not an array of tables",
				   list->line);
	for (const struct toml *t = list ? list->first : NULL; t; t = t->next) {
		const char *location = NULL, *from = NULL;
		struct registry_endpoint *m;
		bool insecure = false;
		int r;

		if ((r = toml_get_str(t, "location", &location, err)) < 0 ||
		    (r = toml_get_bool(t, "insecure", &insecure, err)) < 0 ||
		    (r = toml_get_str(t, "pull-from-mirror", &from, err)) < 0)
			return r;
		if (!location || !*location)
			return cmk_err_set(err, -EINVAL, "line %d: mirror without 'location'",
					   t->line);
		if (from && !streq(from, "all") && !streq(from, "digest-only") &&
		    !streq(from, "tag-only"))
			return cmk_err_set(err, -EINVAL, "line %d: bad 'pull-from-mirror'",
					   t->line);
		e->mirrors = xrealloc(e->mirrors, e->n_mirrors + 1, sizeof(*e->mirrors));
		m = &e->mirrors[e->n_mirrors++];
		*m = (struct registry_endpoint){
			.location = xstrdup(location),
			.insecure = insecure,
			.digest_only = from && streq(from, "digest-only"),
			.tag_only = from && streq(from, "tag-only"),
		};
	}
	return 0;
}

static int read_entry(const struct toml *t, struct registry_entry *e, struct cmk_err *err)
{
	const char *prefix = NULL, *location = NULL;
	int r;

	if ((r = toml_get_str(t, "prefix", &prefix, err)) < 0 ||
	    (r = toml_get_str(t, "location", &location, err)) < 0 ||
	    (r = toml_get_bool(t, "insecure", &e->own.insecure, err)) < 0 ||
	    (r = toml_get_bool(t, "blocked", &e->blocked, err)) < 0 ||
	    (r = toml_get_bool(t, "mirror-by-digest-only", &e->mirror_by_digest_only, err)) < 0 ||
	    (r = read_mirrors(toml_get(t, "mirror"), e, err)) < 0)
		return r;
	if (!prefix || !*prefix)
		prefix = location;
	if (!prefix || !*prefix)
		return cmk_err_set(err, -EINVAL, "line %d: registry without 'prefix' or 'location'",
				   t->line);
	if (!location && str_after(prefix, "*.") && !e->blocked)
		location = ""; /* the name itself says where */
	e->prefix = xstrdup(prefix);
	e->own.location = xstrdup(location ? location : prefix);
	return 0;
}

/* A later file's entry takes the place of an earlier one with the same prefix. */
static void put_entry(struct registries_conf *c, struct registry_entry *e)
{
	for (size_t i = 0; i < c->n_entries; i++)
		if (streq(c->entries[i].prefix, e->prefix)) {
			entry_done(&c->entries[i]);
			c->entries[i] = *e;
			*e = (struct registry_entry){ 0 };
			return;
		}
	c->entries = xrealloc(c->entries, c->n_entries + 1, sizeof(*c->entries));
	c->entries[c->n_entries++] = *e;
	*e = (struct registry_entry){ 0 };
}

static int read_aliases(const struct toml *table, struct registries_conf *c, struct cmk_err *err)
{
	if (table && table->type != TOML_TABLE)
		return cmk_err_set(err, -EINVAL, "line %d: 'aliases' is not a table", table->line);
	for (const struct toml *t = table ? table->first : NULL; t; t = t->next) {
		cleanup_free char *pair = NULL;

		if (t->type != TOML_STRING)
			return cmk_err_set(err, -EINVAL, "line %d: alias '%s' is not a string",
					   t->line, t->key);
		pair = xasprintf("%s=%s", t->key, t->text);
		strv_env_set(&c->aliases, pair);
	}
	return 0;
}

static int read_mode(const struct toml *root, enum short_name_mode *ret, struct cmk_err *err)
{
	static const char *const words[] = {
		[SHORT_NAME_PERMISSIVE] = "permissive",
		[SHORT_NAME_ENFORCING] = "enforcing",
		[SHORT_NAME_DISABLED] = "disabled",
	};
	const char *mode = NULL;
	int r = toml_get_str(root, "short-name-mode", &mode, err);

	if (r < 0 || !mode || !*mode)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(mode, words[i])) {
			*ret = (enum short_name_mode)i;
			return 0;
		}
	return cmk_err_set(err, -EINVAL, "invalid short-name mode: \"%s\"", mode);
}

/* --- version 1: [registries.search], .insecure, .block, each with `registries` --- */

static int read_v1_list(const struct toml *root, const char *table, char ***ret,
			struct cmk_err *err)
{
	const struct toml *t = toml_get(toml_get(root, "registries"), table);
	int r = toml_get_strv(t, "registries", ret, err);

	for (char **s = *ret; r == 0 && s && *s; s++) {
		for (size_t n = strlen(*s); n > 0 && (*s)[n - 1] == '/'; n--)
			(*s)[n - 1] = '\0';
		if (!**s || strstr(*s, "://"))
			r = cmk_err_set(err, -EINVAL,
					"line %d: '%s' is no registry: host[:port] is wanted",
					t->line, *s);
	}
	return r;
}

static void add_v1_entry(struct registries_conf *c, const char *name, bool insecure, bool blocked)
{
	struct registry_entry e = { .own.insecure = insecure, .blocked = blocked };

	e.prefix = xstrdup(name);
	e.own.location = xstrdup(name);
	put_entry(c, &e);
}

static int read_v1(const struct toml *root, struct registries_conf *c, struct cmk_err *err)
{
	cleanup_strv char **search = NULL, **insecure = NULL, **block = NULL;
	int r;

	if (toml_get(root, "registry") || toml_get(root, "unqualified-search-registries"))
		return cmk_err_set(err, -EINVAL, "mixing sysregistry v1/v2 is not supported");
	if ((r = read_v1_list(root, "search", &search, err)) < 0 ||
	    (r = read_v1_list(root, "insecure", &insecure, err)) < 0 ||
	    (r = read_v1_list(root, "block", &block, err)) < 0)
		return r;
	if (search) {
		(void)strv_free(c->search);
		c->search = steal_ptr(&search);
	}
	for (char **s = insecure; s && *s; s++)
		add_v1_entry(c, *s, true, strv_has(block, *s));
	for (char **s = block; s && *s; s++)
		if (!strv_has(insecure, *s))
			add_v1_entry(c, *s, false, true);
	return 0;
}

int registries_conf_add(struct registries_conf *c, const char *text, size_t len,
			struct cmk_err *err)
{
	cleanup_toml struct toml *root = NULL;
	const struct toml *list;
	int r;

	r = toml_parse(text, len, &root, err);
	if (r < 0)
		return r;
	if (toml_get(root, "registries"))
		return read_v1(root, c, err);
	if ((r = toml_get_strv(root, "unqualified-search-registries", &c->search, err)) < 0 ||
	    (r = toml_get_strv(root, "credential-helpers", &c->helpers, err)) < 0 ||
	    (r = read_aliases(toml_get(root, "aliases"), c, err)) < 0 ||
	    (r = read_mode(root, &c->mode, err)) < 0)
		return r;
	list = toml_get(root, "registry");
	if (list && list->type != TOML_ARRAY)
		return cmk_err_set(err, -EINVAL, "line %d: 'registry' is not an array of tables",
				   list->line);
	for (const struct toml *t = list ? list->first : NULL; t; t = t->next) {
		cleanup(cleanup_entry) struct registry_entry e = { 0 };

		r = read_entry(t, &e, err);
		if (r < 0)
			return r;
		put_entry(c, &e);
	}
	return 0;
}

static int add_text(void *conf, const char *text, size_t len, struct cmk_err *err)
{
	return registries_conf_add(conf, text, len, err);
}

char *registries_alias_file(void)
{
	const char *dir = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (conffile_machine_root())
		return xstrdup("/var/cache/containers/short-name-aliases.conf");
	if (dir && *dir == '/')
		return xasprintf("%s/containers/short-name-aliases.conf", dir);
	return home && *home == '/'
		       ? xasprintf("%s/.cache/containers/short-name-aliases.conf", home)
		       : NULL;
}

static int load_files(struct registries_conf *c, struct cmk_err *err)
{
	cleanup_free char *user = conffile_user_dir();
	int r = conffile_read_env("CONTAINERS_REGISTRIES_CONF", add_text, c, err);

	if (r)
		return r;
	r = conffile_read_in(user, "registries.conf", add_text, c, err);
	if (r == 0)
		r = conffile_read_in(CONFFILE_DIR, "registries.conf", add_text, c, err);
	if (r >= 0)
		r = conffile_read_all(CONFFILE_DIR, "registries.conf.d", add_text, c, err);
	return r < 0 ? r : conffile_read_all(user, "registries.conf.d", add_text, c, err);
}

int registries_conf_load(struct registries_conf *ret, struct cmk_err *err)
{
	cleanup_free char *chosen = registries_alias_file();
	struct registries_conf c = { 0 };
	int r = load_files(&c, err);

	if (r >= 0 && chosen)
		r = conffile_read(chosen, add_text, &c, err);
	if (r < 0) {
		registries_conf_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

char *const *registries_search(const struct registries_conf *c)
{
	static char docker_io[] = "docker.io";
	static char *const fallback[] = { docker_io, NULL };

	return c->search && *c->search ? c->search : fallback;
}

/* How much of NAME ("registry/repository") the prefix covers; 0: none of it. */
static size_t prefix_match(const char *prefix, const char *name)
{
	const char *wild = str_after(prefix, "*"), *rest;
	size_t host = strcspn(name, "/"), n;

	if (wild && *wild == '.') {
		n = strlen(wild);
		return host > n && memcmp(name + host - n, wild, n) == 0 ? host : 0;
	}
	rest = str_after(name, prefix);
	if (!rest || (*rest && !strchr("/:@", *rest)))
		return 0;
	return strlen(prefix);
}

static const struct registry_entry *find_entry(const struct registries_conf *c, const char *name)
{
	const struct registry_entry *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < c->n_entries; i++) {
		size_t n = prefix_match(c->entries[i].prefix, name);

		/* The longest wins, and a plain prefix over a wildcard. */
		if (n > best_len || (n && n == best_len && best && best->prefix[0] == '*')) {
			best = &c->entries[i];
			best_len = n;
		}
	}
	return best;
}

static int check_blocked(const struct registry_entry *e, struct cmk_err *err)
{
	if (e && e->blocked)
		return cmk_err_set(err, -EACCES, "registry '%s' is blocked in registries.conf",
				   e->prefix);
	return 0;
}

int registries_insecure(const struct registries_conf *c, const char *name, bool *ret,
			struct cmk_err *err)
{
	const struct registry_entry *e = find_entry(c, name);
	int r = check_blocked(e, err);

	if (r == 0)
		*ret = e && e->own.insecure;
	return r;
}

void registry_sources_free(struct registry_source *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(s[i].registry);
		free(s[i].repository);
		free(s[i].tag);
	}
	free(s);
}

/* NAME, of REF, with its first COVERED bytes replaced by the endpoint's location. */
static int add_source(const struct registry_endpoint *e, const struct image_ref *ref,
		      const char *name, size_t covered, struct registry_source **list, size_t *n,
		      struct cmk_err *err)
{
	cleanup_free char *full = NULL;
	const char *slash, *tag;

	if (e && *e->location)
		full = xasprintf("%s%s", e->location, name + covered);
	else
		full = xstrdup(name);
	slash = strchr(full, '/');
	if (!slash || slash == full || !slash[1])
		return cmk_err_set(err, -EINVAL,
				   "registries.conf: location '%s' leaves no repository for '%s'",
				   e ? e->location : "", name);
	/* A prefix may have covered the tag, and the location another. */
	tag = strchr(slash, ':');
	*list = xrealloc(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = (struct registry_source){
		.registry = xstrndup(full, (size_t)(slash - full)),
		.repository = xstrndup(slash + 1, strcspn(slash + 1, ":@")),
		.tag = tag && !ref->digest ? xstrdup(tag + 1) : xstrdup_null(ref->tag),
		.insecure = e && e->insecure,
	};
	return 0;
}

int registries_sources(const struct registries_conf *c, const struct image_ref *ref,
		       struct registry_source **ret, size_t *ret_n, struct cmk_err *err)
{
	cleanup_free char *name = image_ref_str(ref);
	const struct registry_entry *e = find_entry(c, name);
	struct registry_source *list = NULL;
	size_t n = 0, covered = e ? prefix_match(e->prefix, name) : 0;
	int r;

	r = check_blocked(e, err);
	for (size_t i = 0; e && i < e->n_mirrors && r == 0; i++) {
		const struct registry_endpoint *m = &e->mirrors[i];

		if ((m->digest_only || e->mirror_by_digest_only) && !ref->digest)
			continue;
		if (m->tag_only && ref->digest)
			continue;
		r = add_source(m, ref, name, covered, &list, &n, err);
	}
	if (r == 0)
		r = add_source(e ? &e->own : NULL, ref, name, covered, &list, &n, err);
	if (r < 0) {
		registry_sources_free(list, n);
		return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int registries_sources_of(const struct image_ref *ref, struct registry_source **ret, size_t *ret_n,
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
