// SPDX-License-Identifier: Apache-2.0
/* Logins: whose they are, whether the registry believes them, where they are kept. */
#include "image/connect.h"
#include "image/registries.h"

/* Together: what one message to the helper holds, with room for the rest of it. */
#define LOGIN_MAX ((size_t)16 << 10)

void image_login_done(struct image_login *l)
{
	free(l->key);
	free(l->registry);
	*l = (struct image_login){ 0 };
}

static int first_registry(char **ret, struct cmk_err *err)
{
	struct registries_conf conf = { 0 };
	int r;

	r = registries_conf_load(&conf, err);
	if (r < 0)
		return r;
	if (conf.search && *conf.search)
		*ret = xstrdup(*conf.search);
	else
		r = cmk_err_set(err, -EINVAL,
				"no registries found in registries.conf, a registry must be "
				"provided");
	registries_conf_done(&conf);
	return r;
}

/* As an image's name without tag and digest, but for library/, which docker.io gets there. */
static int check_repository(const char *key, struct cmk_err *err)
{
	struct image_ref ref = { 0 };
	const char *last = strrchr(key, '/');
	int r;

	if (strchr(last, ':') || strchr(key, '@'))
		return cmk_err_set(err, -EINVAL, "reference \"%s\" contains tag or digest", key);
	r = image_ref_parse(key, &ref, err);
	image_ref_done(&ref);
	return r < 0 ? cmk_err_wrap(err, r, "parse reference from \"%s\"", key) : 0;
}

int image_login_parse(const char *text, bool compat, struct image_login *ret, struct cmk_err *err)
{
	cleanup_free char *first = NULL, *registry = NULL, *key = NULL;
	const char *rest = NULL;
	int r = text ? 0 : first_registry(&first, err);

	if (r < 0)
		return r;
	text = text ? text : first;
	/* People copy addresses: of one nothing but the host counts. */
	rest = str_after(text, "https://");
	if (!rest)
		rest = str_after(text, "http://");
	registry = xstrndup(rest ? rest : text, strcspn(rest ? rest : text, "/"));
	if (auth_is_docker_io(registry) && (rest || compat)) {
		free(registry);
		registry = xstrdup("docker.io");
	}
	if (!image_registry_valid(registry))
		r = cmk_err_set(err, -EINVAL, "'%.300s' is not the name of a registry", registry);
	if (r == 0 && !rest && strchr(text, '/'))
		r = compat ? cmk_err_set(err, -EINVAL,
					 "'%s': docker's format knows no credentials of "
					 "repositories",
					 text)
			   : check_repository(text, err);
	if (r < 0)
		return r;
	key = xstrdup(rest || compat ? registry : text);
	if (compat && streq(registry, "docker.io")) {
		free(key);
		key = xstrdup("https://index.docker.io/v1/");
	}
	ret->key = steal_ptr(&key);
	ret->registry = steal_ptr(&registry);
	return 0;
}

int image_login_find(const char *file, const struct image_login *l, char **ret_user,
		     char **ret_password, struct cmk_err *err)
{
	cleanup(credentials_done) struct credentials c = { 0 };
	const char *repository = str_after(l->key, l->registry);
	int r;

	repository = repository && *repository == '/' ? repository + 1 : "";
	r = credentials_find(file, l->registry, repository, &c, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "get credentials");
	*ret_user = steal_ptr(&c.user);
	if (ret_password)
		*ret_password = steal_ptr(&c.password);
	return 0;
}

int image_login_check(const struct image_login *l, const char *user, const char *password,
		      const char *cert_dir, int tls_verify, struct cmk_err *err)
{
	struct credentials cred = { (char *)user, (char *)password };
	struct connect_options o = {
		.registry = l->registry,
		.repository = "",
		.given = &cred,
		.cert_dir = cert_dir,
		.tls_verify = tls_verify,
		.retry = -1,
	};
	cleanup_client struct client *c = NULL;
	struct fetched f = { 0 };
	int r;

	if (!*user || strchr(user, ':'))
		return cmk_err_set(err, -EINVAL, "a user name is not empty and has no colon");
	if (strlen(user) + strlen(password) > LOGIN_MAX)
		return cmk_err_set(err, -EINVAL, "user name and password are longer than %zu bytes",
				   LOGIN_MAX);
	r = registry_connect(&o, &c, err);
	if (r == 0)
		r = client_fetch_text(c, PROTO_API, "/v2/", 0, (size_t)1 << 20, &f, err);
	fetched_done(&f);
	return r;
}

int image_login_store(const char *file, const struct image_login *l, const char *user,
		      const char *password, char **ret_where, struct cmk_err *err)
{
	const struct credentials c = { (char *)user, (char *)password };
	cleanup_free char *path = file ? xstrdup(file) : auth_default_path();

	return auth_store_set(path, l->key, &c, ret_where, err);
}

int image_login_remove(const char *file, const struct image_login *l, struct cmk_err *err)
{
	cleanup_free char *path = file ? xstrdup(file) : auth_default_path();

	return auth_store_remove(path, l ? l->key : NULL, err);
}
