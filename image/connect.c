// SPDX-License-Identifier: Apache-2.0
#include "image/connect.h"

static int connect_to(const struct connect_options *o, bool insecure, struct client **ret,
		      struct cmk_err *err)
{
	cleanup_free char *dirs = client_cert_dirs(o->cert_dir, o->registry);
	cleanup(credentials_done) struct credentials found = { 0 };
	const struct credentials *cred = o->given ? o->given : &found;
	cleanup_client struct client *c = NULL;
	const char *own = streq(o->registry, "docker.io") ? "registry-1.docker.io" : o->registry;
	struct client_target target = {
		.host = o->host ? o->host : own,
		.repository = o->repository,
		.cert_dirs = dirs,
		.insecure = insecure,
		.retries = o->retry == 0 ? 3 : (uint32_t)MAX(o->retry, 0),
		.retry_delay_ms = o->retry_delay_ms ? o->retry_delay_ms : 1000,
	};
	int r = 0;

	if (!o->given && o->creds && *o->creds)
		r = credentials_parse(o->creds, &found, err);
	else if (!o->given)
		r = credentials_find(o->authfile, o->registry, o->repository, &found, err);
	if (r == 0)
		r = client_start(&c, err);
	if (r < 0)
		return r;
	target.user = cred->user;
	target.password = cred->password;
	r = client_open(c, &target, err);
	if (r == 0)
		*ret = steal_ptr(&c);
	return r;
}

int registry_connect(const struct connect_options *o, struct client **ret, struct cmk_err *err)
{
	cleanup_free char *name = xasprintf("%s%s%s", o->registry, *o->repository ? "/" : "",
					    o->repository);
	struct registries_conf conf = { 0 };
	bool insecure = false;
	int r = registries_conf_load(&conf, err);

	if (r < 0)
		return r;
	r = registries_insecure(&conf, name, &insecure, err);
	registries_conf_done(&conf);
	if (r == 0 && o->tls_verify >= 0)
		insecure = o->tls_verify == 0;
	return r < 0 ? r : connect_to(o, insecure, ret, err);
}

int registry_connect_pull(const struct image_pull_options *o, const struct registry_source *src,
			  struct client **ret, struct cmk_err *err)
{
	const struct connect_options c = {
		.registry = src->registry,
		.repository = src->repository,
		.creds = o->creds,
		.authfile = o->authfile,
		.cert_dir = o->cert_dir,
		.retry = o->retry,
		.retry_delay_ms = o->retry_delay_ms,
	};

	return connect_to(&c, o->tls_verify < 0 ? src->insecure : o->tls_verify == 0, ret, err);
}
