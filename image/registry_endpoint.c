// SPDX-License-Identifier: Apache-2.0
/* Which host, how it is trusted, and who we are to it. */
#include <fcntl.h>

#include "base/file.h"
#include "image/registry.h"

#define CERT_MAX ((size_t)4 << 20)
#define TOKEN_ANSWER_MAX ((size_t)1 << 20)

void endpoint_done(struct endpoint *ep)
{
	free(ep->host);
	free(ep->name);
	free(ep->repository);
	free(ep->user);
	if (ep->password)
		explicit_bzero(ep->password, strlen(ep->password));
	free(ep->password);
	free(ep->base);
	free(ep->ca_blob);
	free(ep->client_cert);
	free(ep->client_key);
	free(ep->token);
	*ep = (struct endpoint){ 0 };
}

static int add_ca(struct strbuf *sb, const char *path, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	r = file_read_at(AT_FDCWD, path, CERT_MAX, &text, &len, err);
	if (r < 0)
		return r;
	strbuf_add(sb, text, len);
	strbuf_addc(sb, '\n');
	return 0;
}

/* *.crt are authorities, NAME.cert with NAME.key show who we are (containers-certs.d(5)). */
static int read_cert_dir(struct endpoint *ep, const char *dir, struct strbuf *ca,
			 struct cmk_err *err)
{
	cleanup_dir DIR *d = opendir(dir);
	struct dirent *de;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : cmk_err_errno(err, "open certificate directory '%s'", dir);
	while ((de = readdir(d))) {
		cleanup_free char *path = xasprintf("%s/%s", dir, de->d_name);
		int r = 0;

		if (str_has_suffix(path, ".crt")) {
			r = add_ca(ca, path, err);
		} else if (str_has_suffix(path, ".cert")) {
			char *key = xasprintf("%.*s.key", (int)(strlen(path) - 5), path);

			free(ep->client_cert);
			free(ep->client_key);
			ep->client_cert = xstrdup(path);
			ep->client_key = key;
			if (access(key, R_OK) < 0)
				r = cmk_err_errno(err, "key '%s' of certificate '%s'", key,
						  de->d_name);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* The directories' authorities stand beside the system's, they do not replace them. */
static int read_certs(struct endpoint *ep, const char *dirs, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf ca = STRBUF_INIT;
	cleanup_strv char **list = strv_split(dirs, '\n');
	const char *system = NULL;

	for (char **d = list; d && *d; d++) {
		int r = **d ? read_cert_dir(ep, *d, &ca, err) : 0;

		if (r < 0)
			return r;
	}
	if (!ca.len)
		return 0;
#if LIBCURL_VERSION_NUM >= 0x075400
	{
		CURL *easy = curl_easy_init();

		if (easy && curl_easy_getinfo(easy, CURLINFO_CAINFO, &system) == CURLE_OK && system)
			(void)add_ca(&ca, system, NULL);
		if (easy)
			curl_easy_cleanup(easy);
	}
#endif
	if (!system)
		(void)add_ca(&ca, "/etc/ssl/certs/ca-certificates.crt", NULL);
	ep->ca_len = ca.len;
	ep->ca_blob = strbuf_steal(&ca);
	return 0;
}

int endpoint_open(struct endpoint *ep, const struct proto_msg *m, struct cmk_err *err)
{
	int r;

	endpoint_done(ep);
	ep->host = xstrdup(m->str[0]);
	ep->repository = xstrdup(m->str[1]);
	ep->user = xstrdup(m->str[2]);
	ep->password = xstrdup(m->str[3]);
	ep->insecure = m->head.flags & PROTO_INSECURE;
	ep->files = m->head.flags & PROTO_FILES;
	ep->name = xasprintf("%s '%s'", ep->files ? "server" : "registry", ep->host);
	ep->retries = m->head.retries;
	ep->retry_delay_ms = m->head.retry_delay_ms;
	r = read_certs(ep, m->str[4], err);
	if (r < 0)
		return r;
	ep->base = xasprintf("https://%s", ep->host);
	return 0;
}

void endpoint_setup(const struct endpoint *ep, CURL *easy, bool same_host)
{
	bool http = ep->insecure || ep->files;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "cmk/" PACKAGE_VERSION);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, http ? "http,https" : "https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
			 http ? CURLPROTO_HTTP | CURLPROTO_HTTPS : CURLPROTO_HTTPS);
#endif
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 30L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 60L);
	if (ep->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (ep->ca_blob) {
		struct curl_blob blob = { ep->ca_blob, ep->ca_len, CURL_BLOB_NOCOPY };

		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (same_host && ep->client_cert) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, ep->client_cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, ep->client_key);
	}
}

bool endpoint_is_own(const struct endpoint *ep, const char *url)
{
	const char *rest = str_after(url, ep->base);

	return rest && (*rest == '\0' || *rest == '/' || *rest == '?');
}

int curl_failure(CURLcode code, const char *text, const struct endpoint *ep, struct cmk_err *err)
{
	const char *why = text && *text ? text : curl_easy_strerror(code);

	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return cmk_err_set(err, -EHOSTUNREACH, "%s: host name not found", ep->name);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return cmk_err_set(err, -EHOSTUNREACH, "%s: name of the proxy not found", ep->name);
	case CURLE_COULDNT_CONNECT:
		return cmk_err_set(err, -ECONNREFUSED, "%s: cannot connect: %s", ep->name, why);
	case CURLE_OPERATION_TIMEDOUT:
		return cmk_err_set(err, -ETIMEDOUT, "%s: timed out: %s", ep->name, why);
	case CURLE_PEER_FAILED_VERIFICATION:
		(void)cmk_err_set(err, -EACCES, "%s: %s", ep->name, why);
		(void)cmk_err_hint(err,
				   "put the authority's certificate as ca.crt into "
				   "~/.config/containers/certs.d/%s/%s",
				   ep->host, ep->files ? "" : ", or use --tls-verify=false");
		return -EACCES;
	default:
		return cmk_err_set(err, -EIO, "%s: %s", ep->name, why);
	}
}

static size_t collect(char *data, size_t size, size_t n, void *arg)
{
	struct strbuf *sb = arg;

	if (sb->len + size * n > TOKEN_ANSWER_MAX)
		return 0;
	strbuf_add(sb, data, size * n);
	return size * n;
}

static void add_param(CURL *easy, struct strbuf *sb, const char *name, const char *value)
{
	char *escaped;

	if (!value || !*value)
		return;
	escaped = curl_easy_escape(easy, value, 0);
	if (escaped)
		strbuf_addf(sb, "%s%s=%s", sb->len ? "&" : "", name, escaped);
	curl_free(escaped);
}

/* -EKEYREJECTED: the registry does not believe who we say we are. */
static int refused(const struct endpoint *ep, struct cmk_err *err)
{
	if (!*ep->user)
		return cmk_err_set(err, -EACCES, "%s: authentication required", ep->name);
	return cmk_err_kind(err, CMK_ERR_DENIED, -EKEYREJECTED, "%s: user name or password refused",
			    ep->name);
}

/* An identity token (from `docker login` through a browser) is exchanged by POST, a password by GET
 * with Basic (distribution token.md, oauth.md). */
static int ask_for_token(struct endpoint *ep, CURL *easy, const struct challenge *c,
			 struct strbuf *answer, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf query = STRBUF_INIT;
	cleanup_free char *scope = NULL, *url = NULL;
	bool identity = streq(ep->user, "<token>");
	char text[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode rc;

	endpoint_setup(ep, easy, endpoint_is_own(ep, c->realm));
	if (identity) {
		add_param(easy, &query, "grant_type", "refresh_token");
		add_param(easy, &query, "client_id", "cmk");
		add_param(easy, &query, "refresh_token", ep->password);
	} else if (*ep->user) {
		add_param(easy, &query, "account", ep->user);
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, ep->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, ep->password);
	}
	if (*ep->repository)
		scope = xasprintf("repository:%s:pull", ep->repository);
	add_param(easy, &query, "service", c->service);
	add_param(easy, &query, "scope", c->scope && *c->scope ? c->scope : scope);
	if (identity)
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, strbuf_str(&query));
	url = identity ? xstrdup(c->realm)
		       : xasprintf("%s%c%s", c->realm, strchr(c->realm, '?') ? '&' : '?',
				   strbuf_str(&query));
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
	rc = curl_easy_perform(easy);
	if (rc != CURLE_OK)
		return cmk_err_wrap(err, curl_failure(rc, text, ep, err), "get a token");
	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 401 || status == 403)
		return refused(ep, err);
	if (status != 200)
		return cmk_err_set(err, status == 429 || status >= 500 ? -EAGAIN : -EIO,
				   "%s: its token server answered HTTP status %ld", ep->name,
				   status);
	return 0;
}

static int get_token(struct endpoint *ep, const struct challenge *c, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf answer = STRBUF_INIT;
	char *token = NULL;
	CURL *easy;
	int r;

	if (!c->realm ||
	    (!str_after(c->realm, "https://") && !(str_after(c->realm, "http://") && ep->insecure)))
		return cmk_err_set(err, -EACCES,
				   "%s: its token server '%.200s' is not reached by https",
				   ep->name, c->realm ? c->realm : "");
	easy = curl_easy_init();
	if (!easy)
		return cmk_err_set(err, -ENOMEM, "start libcurl");
	r = ask_for_token(ep, easy, c, &answer, err);
	curl_easy_cleanup(easy);
	if (r == 0)
		r = token_parse(strbuf_str(&answer), answer.len, &token, err);
	if (r < 0)
		return r;
	free(ep->token);
	ep->token = token;
	ep->auth = AUTH_BEARER;
	ep->auth_gen++;
	return 0;
}

int endpoint_authenticate(struct endpoint *ep, const struct challenge *c, struct cmk_err *err)
{
	if (c->bearer)
		return get_token(ep, c, err);
	if (c->basic && *ep->user && ep->auth != AUTH_BASIC) {
		ep->auth = AUTH_BASIC;
		ep->auth_gen++;
		return 0;
	}
	return refused(ep, err);
}
