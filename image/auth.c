// SPDX-License-Identifier: Apache-2.0
#include "image/auth.h"

#include <fcntl.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "image/registries.h"

void credentials_done(struct credentials *c)
{
	free(c->user);
	if (c->password)
		explicit_bzero(c->password, strlen(c->password));
	free(c->password);
	*c = (struct credentials){ 0 };
}

int credentials_parse(const char *text, struct credentials *ret, struct cmk_err *err)
{
	const char *colon = strchrnul(text, ':');

	if (colon == text)
		return cmk_err_set(err, -EINVAL, "--creds: USER[:PASSWORD] was expected");
	ret->user = xstrndup(text, (size_t)(colon - text));
	ret->password = xstrdup(*colon ? colon + 1 : "");
	return 0;
}

/* NULL where S is not base64 (RFC 4648, 4), or holds a NUL. */
static char *base64_text(const char *s)
{
	size_t n = 0;
	cleanup_free char *text = base64_decoded(s, strlen(s), &n);

	return text && strlen(text) == n ? steal_ptr(&text) : NULL;
}

/* "https://index.docker.io/v1/" → "index.docker.io": keys of docker's files are URLs. */
static char *plain_key(const char *key)
{
	const char *rest = str_after(key, "https://");
	char *s;
	size_t n;

	if (!rest)
		rest = str_after(key, "http://");
	if (!rest)
		return xstrdup(key);
	n = strcspn(rest, "/");
	s = xstrndup(rest, n);
	return s;
}

bool auth_is_docker_io(const char *host)
{
	return streq(host, "docker.io") || streq(host, "index.docker.io") ||
	       streq(host, "registry-1.docker.io");
}

static bool same_registry(const char *key, const char *registry)
{
	return streq(key, registry) || (auth_is_docker_io(key) && auth_is_docker_io(registry));
}

bool auth_key_is(const char *raw, const char *key)
{
	cleanup_free char *a = plain_key(raw), *b = plain_key(key);

	return same_registry(a, b);
}

const char *auth_file_helper(const struct json *root, const char *registry)
{
	json_each (v, json_get(root, "credHelpers"))
		if (v->key && auth_key_is(v->key, registry) && json_str(v) && *v->text)
			return v->text;
	return NULL;
}

/* How specific the key is for registry/repository: 0 not at all. */
static size_t key_match(const char *raw, const char *registry, const char *repository)
{
	cleanup_free char *key = plain_key(raw), *full = NULL;
	const char *rest;

	if (same_registry(key, registry))
		return 1;
	full = xasprintf("%s/%s", registry, repository);
	rest = str_after(full, key);
	return rest && (*rest == '\0' || *rest == '/') && strchr(key, '/') ? strlen(key) : 0;
}

static int take_entry(const struct json *v, const char *key, struct credentials *ret,
		      struct cmk_err *err)
{
	const char *auth = json_str(json_get(v, "auth"));
	const char *identity = json_str(json_get(v, "identitytoken"));
	cleanup_free char *text = NULL;
	char *colon;

	if (identity && *identity) {
		ret->user = xstrdup("<token>");
		ret->password = xstrdup(identity);
		return 1;
	}
	if (!auth || !*auth)
		return 0;
	text = base64_text(auth);
	colon = text ? strchr(text, ':') : NULL;
	if (!colon || colon == text)
		return cmk_err_set(err, -EINVAL, "the entry of '%s' is not base64 of user:password",
				   key);
	ret->user = xstrndup(text, (size_t)(colon - text));
	ret->password = xstrdup(colon + 1);
	explicit_bzero(text, strlen(text));
	return 1;
}

int auth_file_lookup(const char *text, size_t len, const char *registry, const char *repository,
		     struct credentials *ret, char **ret_helper, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const struct json *root, *best = NULL;
	size_t best_len = 0;
	const char *store;
	int r;

	r = json_parse(text, len, AUTH_MAX, &doc, err);
	if (r < 0)
		return r;
	root = json_root(doc);
	store = auth_file_helper(root, registry);
	if (store) {
		*ret_helper = xstrdup(store);
		return 0;
	}
	json_each (v, json_get(root, "auths")) {
		size_t n = v->key ? key_match(v->key, registry, repository) : 0;

		if (n > best_len) {
			best = v;
			best_len = n;
		}
	}
	if (best) {
		r = take_entry(best, best->key, ret, err);
		if (r != 0)
			return r;
	}
	store = json_str(json_get(root, "credsStore"));
	if (store && *store)
		*ret_helper = xstrdup(store);
	return 0;
}

/* 1 found, 0 not; *RET_THERE tells whether the file exists. */
static int ask_file(const char *path, const char *registry, const char *repository,
		    struct credentials *ret, bool *ret_there, struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_free char *text = NULL, *helper = NULL;
	size_t len = 0;
	int r;

	*ret_there = false;
	r = file_read_at(AT_FDCWD, path, AUTH_MAX, &text, &len, &mine);
	if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
		return 0;
	if (r < 0)
		return cmk_err_move(err, &mine);
	*ret_there = true;
	if (len == 0)
		return 0;
	r = auth_file_lookup(text, len, registry, repository, ret, &helper, err);
	explicit_bzero(text, len);
	if (r == 0 && helper)
		r = credential_helper_get(helper, registry, ret, err);
	return r < 0 ? cmk_err_wrap(err, r, "%s", path) : r;
}

static char *under(const char *var, const char *rest)
{
	const char *dir = getenv(var);

	return dir && *dir == '/' ? xasprintf("%s/%s", dir, rest) : NULL;
}

char *auth_default_path(void)
{
	const char *forced = getenv("REGISTRY_AUTH_FILE");
	char *path = forced && *forced ? xstrdup(forced)
				       : under("XDG_RUNTIME_DIR", "containers/auth.json");
	uid_t uid = geteuid();

	if (path)
		return path;
	/* The directory that logind makes at a login, which not every way in has in its variables.
	 */
	path = xasprintf("/run/user/%u", uid);
	if (uid == 0 || access(path, W_OK) < 0) {
		free(path);
		return xasprintf("/run/containers/%u/auth.json", uid);
	}
	free(path);
	return xasprintf("/run/user/%u/containers/auth.json", uid);
}

/* 1 found, 0 not. */
static int ask_files(const char *registry, const char *repository, struct credentials *ret,
		     struct cmk_err *err)
{
	cleanup_free char *run = auth_default_path();
	cleanup_free char *config = under("XDG_CONFIG_HOME", "containers/auth.json");
	cleanup_free char *docker = under("DOCKER_CONFIG", "config.json");
	const char *paths[3];
	bool there;
	int r = 0;

	if (!config)
		config = under("HOME", ".config/containers/auth.json");
	if (!docker)
		docker = under("HOME", ".docker/config.json");
	paths[0] = run;
	paths[1] = config;
	paths[2] = docker;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(paths); i++)
		r = paths[i] ? ask_file(paths[i], registry, repository, ret, &there, err) : 0;
	return r;
}

/* The programs of registries.conf and the files, in the order that stands there; the files last
 * where they do not. */
static int ask_all(char *const *helpers, const char *registry, const char *repository,
		   struct credentials *ret, struct cmk_err *err)
{
	int r = 0;

	for (char *const *h = helpers; r == 0 && h && *h; h++)
		r = streq(*h, CREDENTIALS_FILES) ? ask_files(registry, repository, ret, err)
						 : credential_helper_get(*h, registry, ret, err);
	if (r == 0 && !strv_has(helpers, CREDENTIALS_FILES))
		r = ask_files(registry, repository, ret, err);
	return r;
}

int credentials_find(const char *authfile, const char *registry, const char *repository,
		     struct credentials *ret, struct cmk_err *err)
{
	cleanup(registries_conf_done) struct registries_conf conf = { 0 };
	bool there;
	int r;

	/* Nobody may have logged in yet: see image_authfile_check(). */
	if (!authfile || !*authfile)
		authfile = getenv("REGISTRY_AUTH_FILE");
	if (authfile && *authfile) {
		r = ask_file(authfile, registry, repository, ret, &there, err);
		return MIN(r, 0);
	}
	r = registries_conf_load(&conf, err);
	if (r >= 0)
		r = ask_all(conf.helpers, registry, repository, ret, err);
	return MIN(r, 0);
}
